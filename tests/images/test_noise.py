"""Noise from depth: reference_code.md §11.3, a simulation of PSF photometry, and a real cutout with its PSF."""

import numpy as np
import pytest
from astropy.io import fits
from scipy.optimize import curve_fit
from scipy.signal import fftconvolve

from pipeline.images.noise import (
    FWHM_PER_SIGMA,
    measured_noise,
    noise_equivalent_area,
    pixel_noise,
    psf_depth,
    psf_sigma,
)


@pytest.mark.parametrize(
    ("depth", "size", "area", "sigma"), [(1000, 1.3, 55.793799, 0.00423357), (500, 1.5, 74.281685, 0.00518889)]
)
def test_vectors(depth, size, area, sigma):
    assert noise_equivalent_area(size, 0.262) == pytest.approx(area, abs=1e-6)
    assert noise_equivalent_area(size, 0.262) * 0.262**2 == pytest.approx(area * 0.068644, rel=1e-7)
    assert pixel_noise(depth, size, 0.262) == pytest.approx(sigma, abs=1e-8)
    assert psf_depth(sigma, size, 0.262) == pytest.approx(depth, rel=1e-5)


def test_unknown_depth_is_nan():
    assert np.isnan(pixel_noise(np.array([0.0, -1, np.nan]), 1.3, 0.262)).all()
    assert np.isnan(pixel_noise(1000.0, np.nan, 0.262))


def matched_flux_scatter(noise: np.ndarray, psf: np.ndarray) -> float:
    """Scatter of the best-fit flux of a point source at every place of an image of noise."""
    flux = fftconvolve(noise, psf[::-1, ::-1], mode="valid") / np.sum(psf**2)
    return 1.4826 * float(np.median(np.abs(flux - np.median(flux))))


def test_depth_is_that_of_psf_photometry():
    sigma = psf_sigma(1.3, 0.262)
    y, x = np.mgrid[-15:16, -15:16]
    psf = np.exp(-(x**2 + y**2) / 2 / sigma**2)
    noise = np.random.default_rng(1).normal(0, 0.004, (600, 600))
    depth = matched_flux_scatter(noise, psf / psf.sum()) ** -2
    assert pixel_noise(depth, 1.3, 0.262) == pytest.approx(0.004, rel=0.03)


def test_measured_noise_ignores_sources_and_blank_pixels():
    rng = np.random.default_rng(2)
    images = rng.normal(0, [[[[0.003]], [[0.005]], [[0.012]]]], (4, 3, 100, 100))
    y, x = np.mgrid[-50:50, -50:50]
    images += 3 * np.exp(-(x**2 + y**2) / 2 / 3**2)
    images[0, :, :30] = 0
    images[1, :, :, 80:] = np.nan
    images[2, 1] = np.nan
    found = measured_noise(images)
    assert np.isnan(found[2, 1])
    found[2, 1] = 0.005
    assert found == pytest.approx(np.broadcast_to([0.003, 0.005, 0.012], (4, 3)), rel=0.08)


@pytest.mark.realdata
@pytest.mark.parametrize("band", range(3))
def test_real_cutout(skysieve_data, band):
    """Depth measured by PSF photometry on the sky of a DR9 cutout gives the noise of its inverse variance.

    The formula takes a Gaussian of the PSF's FWHM; the real PSF has wings and 1.4 times the area, and the noise of a
    coadd is correlated, so that it comes out up to 1.4 times too large. Widths in arcsec would make it 3.8 times.
    """
    folder = skysieve_data / "images" / "decals_grz_fits"
    with fits.open(folder / "cutout_59.1067_-30.4848.fits.gz") as cutout:
        image, ivar = cutout[1 + 2 * band].data.astype(float), cutout[2 + 2 * band].data.astype(float)
    with fits.open(folder / "copsf_59.1067_-30.4848.fits") as file:
        psf = file[band].data.astype(float)
    y, x = np.mgrid[-31:32, -31:32]

    def gaussian(_, peak, sigma):
        return (peak * np.exp(-(x**2 + y**2) / 2 / sigma**2)).ravel()

    (_, sigma), _ = curve_fit(gaussian, None, psf.ravel(), p0=(psf.max(), 1.8))
    size = abs(sigma) * FWHM_PER_SIGMA * 0.262
    sky = image[-90:, :90]  # the corner with the faintest sources
    depth = matched_flux_scatter(sky, psf / psf.sum()) ** -2
    truth = np.median(ivar) ** -0.5
    assert 0.9 < pixel_noise(depth, size, 0.262) / truth < 1.4
    # The same from the definition of psfdepth: inverse variance of a pixel over the PSF's own area in pixels.
    area = psf.sum() ** 2 / np.sum(psf**2)
    assert 1.1 < pixel_noise(np.median(ivar) / area, size, 0.262) / truth < 1.25
    assert pixel_noise(np.median(ivar) / area, size, 1.0) / truth > 3.5
    assert measured_noise(image[None, None])[0, 0] == pytest.approx(truth, rel=0.2)
