"""Magnitudes, fluxes and apertures. Fluxes are nanomaggies: magnitude 22.5 is 1."""

import numpy as np

ZERO_POINT = 22.5


def magnitudes(flux: np.ndarray) -> np.ndarray:
    """Return AB magnitudes of fluxes in nanomaggies; NaN where the flux is not positive."""
    flux = np.asarray(flux, dtype=np.float64)
    return ZERO_POINT - 2.5 * np.log10(np.where(flux > 0, flux, np.nan))


def fluxes(magnitude: np.ndarray) -> np.ndarray:
    """Return fluxes in nanomaggies of AB magnitudes."""
    return 10 ** (0.4 * (ZERO_POINT - np.asarray(magnitude, dtype=np.float64)))


def aperture_mask(shape: tuple[int, int], radius: float) -> np.ndarray:
    """Return the share (H, W) of each pixel within `radius` pixels of the image's centre, from 10x10 sub-pixels."""
    fine = 10
    places = [(np.arange(size * fine) + 0.5) / fine - size / 2 for size in shape]
    inside = np.hypot(*np.meshgrid(*places, indexing="ij")) < radius
    return inside.reshape(shape[0], fine, shape[1], fine).mean(axis=(1, 3))


def aperture_flux(images: np.ndarray, radius: float) -> np.ndarray:
    """Return the flux within a circle about the centre.

    Parameters
    ----------
    images : array (..., H, W)
        Nanomaggies a pixel.
    radius : float
        Pixels.

    Returns
    -------
    array (...), float64
    """
    return np.sum(np.asarray(images, dtype=np.float64) * aperture_mask(images.shape[-2:], radius), axis=(-2, -1))
