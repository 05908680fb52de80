"""Galaxy profiles and point-spread functions as sums of Gaussians.

Sums of Gaussians stay sums of Gaussians when they are convolved, so that a galaxy seen through a PSF is exact and
cheap (Hogg & Lang 2013, "Replacing standard galaxy profiles with mixtures of Gaussians").
"""

from functools import cache

import numpy as np
from scipy.optimize import nnls
from scipy.special import gammaincinv

PIXEL_SCALE = 0.262  # arcsec, coadds of the Legacy Surveys
FWHM_PER_SIGMA = 2.3548
# Profiles end softly beyond this many half-light radii, as those of Tractor do.
EDGE = 8.0
# Weights and widths (in units of the equivalent Gaussian's sigma) of three Gaussians fitted to the coadd PSFs that the
# Legacy Surveys DR9 serve at RA 59.1067, declination -30.4848; their peak is met within 2 %.
_PSF = {
    "g": ((0.487, 0.400, 0.097), (0.706, 1.262, 2.770)),
    "r": ((0.467, 0.400, 0.121), (0.684, 1.235, 2.696)),
    "z": ((0.309, 0.457, 0.209), (0.613, 1.005, 2.129)),
}


@cache
def sersic_mixture(index: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (K,), which add up to one, and sigmas (K,) in half-light radii of a Sersic profile.

    The weights are the non-negative least-squares fit of Gaussians with fixed sigmas to the profile of unit flux.

    Parameters
    ----------
    index : float
        Sersic index, 0.5 to 6; 0 means a point.
    """
    if index == 0:
        return np.ones(1), np.zeros(1)
    b = gammaincinv(2 * index, 0.5)
    # Half-way radii of rings of equal width in the logarithm; a ring's weight in the fit is its share of the light.
    edges = np.geomspace(0.01, EDGE, 81)
    radius = np.sqrt(edges[1:] * edges[:-1])
    taper = np.clip((EDGE - radius) / (EDGE - 0.75 * EDGE), 0, 1) ** 2
    profile = np.exp(-b * (radius ** (1 / index) - 1)) * np.where(radius > 0.75 * EDGE, taper, 1)
    area = np.pi * (edges[1:] ** 2 - edges[:-1] ** 2)
    profile /= np.sum(profile * area)
    sigmas = np.geomspace(0.04 if index > 2 else 0.15, 4.0 if index > 2 else 2.2, 9 if index > 2 else 6)
    basis = np.exp(-0.5 * (radius[:, None] / sigmas) ** 2) / (2 * np.pi * sigmas**2)
    weight = np.sqrt(area / np.maximum(profile, 1e-12 * profile.max()))
    weights, _ = nnls(basis * weight[:, None], profile * weight)
    used = weights > 1e-4
    weights, sigmas = weights[used] / weights[used].sum(), sigmas[used]
    # Without the light beyond the edge, half of it lies within a smaller radius: the widths make up for that.
    grid = np.linspace(0.5, 1.5, 1001)
    return weights, sigmas / np.interp(0.5, aperture_fraction(weights, sigmas**2, grid[:, None]), grid)


@cache
def psf_mixture(band: str) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (3,), which add up to one, and sigmas (3,) of a band's PSF.

    The unit is the sigma of the Gaussian with the same noise-equivalent area, which is what PSFSIZE / 2.3548 is.
    """
    weights, sigmas = (np.array(values) for values in _PSF[band])
    weights = weights / weights.sum()
    return weights, sigmas / np.sqrt(equivalent_variance(weights, sigmas**2))


def equivalent_variance(weights: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Return the variance (...) of the round Gaussian with the noise-equivalent area of mixtures (..., K).

    The area is (sum p)^2 / sum p^2 = 4 pi variance; the overlap of two unit Gaussians is 1 / (2 pi (v1 + v2)).
    """
    pairs = weights[..., :, None] * weights[..., None, :] / (variances[..., :, None] + variances[..., None, :])
    return weights.sum(-1) ** 2 / (2 * pairs.sum((-1, -2)))


def aperture_fraction(weights: np.ndarray, variances: np.ndarray, radius) -> np.ndarray:
    """Return the share (...) of the light of round mixtures (..., K) within a radius, in the unit of the sigmas."""
    inside = 1 - np.exp(-0.5 * np.square(radius) / np.maximum(variances, 1e-12))
    return (weights * inside).sum(-1)


def covariance(size: np.ndarray, e1: np.ndarray, e2: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the covariance (uu, uv, vv) of an ellipse with unit sigma along the major axis times `size`^2.

    u points east and v north. e1 and e2 are Tractor's: |e| = (1 - q) / (1 + q), position angle atan2(e2, e1) / 2,
    from north over east.
    """
    modulus = np.hypot(e1, e2)
    q = (1 - modulus) / (1 + modulus)
    angle = 0.5 * np.arctan2(e2, e1)
    sin, cos = np.sin(angle), np.cos(angle)
    major, minor = np.square(size), np.square(size * q)
    return major * sin**2 + minor * cos**2, (major - minor) * sin * cos, major * cos**2 + minor * sin**2
