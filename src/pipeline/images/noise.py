"""Pixel noise and width of the point-spread function, from the catalogue's depth and seeing or from the image."""

import numpy as np

# FWHM of a Gaussian in units of its sigma, as the Legacy Surveys round it.
FWHM_PER_SIGMA = 2.3548
# Standard deviation of a normal distribution in units of its median absolute deviation.
SIGMA_PER_MAD = 1.4826


def psf_sigma(psfsize: np.ndarray, pixel_scale: float) -> np.ndarray:
    """Return the Gaussian sigma of the PSF in pixels, from its FWHM and the pixel scale in arcsec (Stein B2)."""
    return np.asarray(psfsize, dtype=np.float64) / FWHM_PER_SIGMA / pixel_scale


def noise_equivalent_area(psfsize: np.ndarray, pixel_scale: float) -> np.ndarray:
    """Return the noise-equivalent area of a Gaussian PSF in pixels, 4 pi sigma^2."""
    return 4 * np.pi * psf_sigma(psfsize, pixel_scale) ** 2


def pixel_noise(psfdepth: np.ndarray, psfsize: np.ndarray, pixel_scale: float) -> np.ndarray:
    """Return the standard deviation of the noise in one pixel, nanomaggies (Stein B1).

    `psfdepth` is the inverse variance of a point source's flux (nanomaggies^-2), which a PSF fit takes from
    `noise_equivalent_area` pixels; the area is in pixels, which the surveys' own page leaves open.

    Parameters
    ----------
    psfdepth, psfsize : array
        Inverse variance (nanomaggies^-2) and FWHM (arcsec). A depth or width that is not positive gives NaN.
    pixel_scale : float
        arcsec.
    """
    inverse = np.asarray(psfdepth, dtype=np.float64) * noise_equivalent_area(psfsize, pixel_scale)
    return 1 / np.sqrt(np.where(inverse > 0, inverse, np.nan))


def psf_depth(pixel_sigma: np.ndarray, psfsize: np.ndarray, pixel_scale: float) -> np.ndarray:
    """Return the depth (nanomaggies^-2) at which `pixel_noise` gives `pixel_sigma` (nanomaggies)."""
    return 1 / (np.asarray(pixel_sigma, dtype=np.float64) ** 2 * noise_equivalent_area(psfsize, pixel_scale))


def measured_noise(images: np.ndarray) -> np.ndarray:
    """Return the noise of each band, measured on the images themselves.

    Differences of neighbouring pixels cancel sources that are wider than a pixel; their median absolute deviation
    over sqrt(2) is the noise of one pixel. Noise that is correlated between pixels comes out too small.

    Parameters
    ----------
    images : array (N, B, H, W)
        Nanomaggies; pixels that are NaN or exactly 0 (no data) do not count.

    Returns
    -------
    array (N, B), float64; NaN where fewer than 16 differences are known.
    """
    images = np.asarray(images, dtype=np.float64)
    blank = ~np.isfinite(images) | (images == 0)
    images = np.where(blank, np.nan, images)
    steps = (images[..., :, 1:] - images[..., :, :-1]).reshape(*images.shape[:2], -1)
    out = np.full(images.shape[:2], np.nan)
    for index in np.ndindex(out.shape):
        known = steps[index][np.isfinite(steps[index])]
        if len(known) >= 16:
            out[index] = SIGMA_PER_MAD * np.median(np.abs(known - np.median(known))) / np.sqrt(2)
    return out
