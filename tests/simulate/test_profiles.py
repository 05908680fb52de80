"""Mixtures of Gaussians against the profiles that they stand for."""

import numpy as np
import pytest
from astropy.io import fits
from scipy.special import gammaincinv

from pipeline.simulate import profiles


@pytest.mark.parametrize("index", [0.6, 1.0, 1.5, 2.5, 4.0, 5.5])
def test_half_of_the_light_lies_within_the_half_light_radius(index):
    weights, sigmas = profiles.sersic_mixture(index)
    assert weights.sum() == pytest.approx(1)
    inside = np.sum(weights * (1 - np.exp(-0.5 / sigmas**2)))
    assert inside == pytest.approx(0.5, abs=0.002)


@pytest.mark.parametrize(("index", "tolerance"), [(1.0, 0.04), (2.0, 0.08), (4.0, 0.12)])
def test_surface_brightness_follows_sersics_law(index, tolerance):
    weights, sigmas = profiles.sersic_mixture(index)
    radius = np.geomspace(0.2, 3.0, 30)
    ours = np.sum(weights / (2 * np.pi * sigmas**2) * np.exp(-0.5 * (radius[:, None] / sigmas) ** 2), axis=1)
    law = np.exp(-gammaincinv(2 * index, 0.5) * (radius ** (1 / index) - 1))
    ratio = ours / law
    assert np.std(np.log(ratio)) < tolerance


def test_a_point_is_a_mixture_too():
    weights, sigmas = profiles.sersic_mixture(0)
    assert weights.tolist() == [1.0]
    assert sigmas.tolist() == [0.0]


@pytest.mark.parametrize("band", ["g", "r", "z"])
def test_psf_has_the_noise_equivalent_area_of_its_unit(band):
    weights, sigmas = profiles.psf_mixture(band)
    sigma = 2.3
    offset = np.arange(-80, 81)
    square = offset[:, None] ** 2 + offset**2
    pixels = sum(
        w / (2 * np.pi * (s * sigma) ** 2) * np.exp(-0.5 * square / (s * sigma) ** 2)
        for w, s in zip(weights, sigmas, strict=True)
    )
    assert pixels.sum() == pytest.approx(1, abs=1e-4)
    assert pixels.sum() ** 2 / np.sum(pixels**2) == pytest.approx(4 * np.pi * sigma**2, rel=1e-3)


@pytest.mark.realdata
def test_psf_is_that_of_a_real_coadd(skysieve_data):
    with fits.open(skysieve_data / "images" / "decals_grz_fits" / "copsf_59.1067_-30.4848.fits") as file:
        real = [hdu.data.astype(float) for hdu in file]
    for band, image in zip("grz", real, strict=True):
        image = image / image.sum()
        sigma = np.sqrt(1 / np.sum(image**2) / (4 * np.pi))
        weights, sigmas = profiles.psf_mixture(band)
        offset = np.arange(image.shape[0]) - image.shape[0] // 2
        square = offset[:, None] ** 2 + offset**2
        ours = sum(
            w / (2 * np.pi * (s * sigma) ** 2) * np.exp(-0.5 * square / (s * sigma) ** 2)
            for w, s in zip(weights, sigmas, strict=True)
        )
        assert np.abs(ours - image).max() < 0.08 * image.max()
        # Encircled light within 1.5 arcsec.
        near = square < (1.5 / profiles.PIXEL_SCALE) ** 2
        assert ours[near].sum() == pytest.approx(image[near].sum(), abs=0.03)


def test_equivalent_variance_is_that_of_the_pixels():
    weights, variances = np.array([0.3, 0.7]), np.array([4.0, 25.0])
    offset = np.arange(-60, 61)
    square = offset[:, None] ** 2 + offset**2
    pixels = sum(w / (2 * np.pi * v) * np.exp(-0.5 * square / v) for w, v in zip(weights, variances, strict=True))
    area = pixels.sum() ** 2 / np.sum(pixels**2)
    assert 4 * np.pi * profiles.equivalent_variance(weights, variances) == pytest.approx(area, rel=1e-3)


def test_covariance_follows_tractors_angles():
    # e1 > 0 points north (position angle 0), e2 > 0 to the north-east.
    uu, uv, vv = profiles.covariance(1.0, 0.5, 0.0)
    assert (uu, uv, vv) == pytest.approx((1 / 9, 0, 1))
    uu, uv, vv = profiles.covariance(2.0, 0.0, 0.5)
    assert uu == pytest.approx(vv)
    assert uv > 0
    assert uu * vv - uv**2 == pytest.approx(4.0**2 / 9)


def test_aperture_fraction_of_one_gaussian():
    assert profiles.aperture_fraction(np.ones(1), np.array([1.0]), 1.0) == pytest.approx(1 - np.exp(-0.5))
