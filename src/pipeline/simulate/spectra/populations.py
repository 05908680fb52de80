"""Light of galaxies: old, intermediate, young and post-starburst populations with their absorption lines.

Each population is a smooth continuum times exp(-depth), so that stronger or weaker lines (metallicity) cost a factor.
"""

from functools import cache

import numpy as np

from pipeline.spectra.lines import C

STEP = 2.5e-4  # in ln(wavelength)
LN = np.log(900.0) + STEP * np.arange(int(np.log(11500.0 / 900.0) / STEP))
NAMES = ("old", "intermediate", "young", "post")
DISPERSIONS = (100.0, 180.0, 280.0)  # km/s

# f_lambda relative to 5500 A: after the shapes of ellipticals, Sb and Sc spirals, and A-star dominated galaxies
# (Kennicutt 1992; Coleman, Wu & Weedman 1980; Kinney et al. 1996).
_CONTINUA = {
    "old": (
        (900, 0.02), (1500, 0.035), (2000, 0.04), (2500, 0.075), (2640, 0.13), (2900, 0.19), (3200, 0.33), (3500, 0.43),
        (3700, 0.47), (3850, 0.52), (3980, 0.60), (4030, 0.80), (4200, 0.85), (4600, 1.00), (5000, 1.02), (5500, 1.00),
        (6000, 0.99), (6500, 0.96), (7000, 0.93), (8000, 0.87), (9000, 0.81), (10000, 0.75), (11500, 0.66),
    ),
    "intermediate": (
        (900, 0.05), (1500, 0.20), (2000, 0.22), (2500, 0.28), (2900, 0.36), (3200, 0.45), (3500, 0.53), (3700, 0.60),
        (3850, 0.75), (3980, 0.83), (4030, 0.98), (4200, 1.02), (4600, 1.06), (5000, 1.04), (5500, 1.00), (6000, 0.97),
        (6500, 0.92), (7000, 0.88), (8000, 0.79), (9000, 0.72), (10000, 0.66), (11500, 0.58),
    ),
    "young": (
        (900, 0.5), (1200, 3.6), (1500, 3.8), (2000, 3.0), (2500, 2.3), (2900, 1.9), (3200, 1.65), (3500, 1.45),
        (3640, 1.40), (3750, 1.70), (3900, 1.75), (4100, 1.65), (4600, 1.35), (5000, 1.17), (5500, 1.00), (6000, 0.86),
        (6500, 0.75), (7000, 0.66), (8000, 0.53), (9000, 0.44), (10000, 0.38), (11500, 0.30),
    ),
    "post": (
        (900, 0.05), (1300, 0.25), (1600, 0.55), (2000, 0.65), (2500, 0.70), (2900, 0.75), (3200, 0.77), (3500, 0.78),
        (3640, 0.80), (3760, 1.10), (3900, 1.45), (4100, 1.45), (4600, 1.28), (5000, 1.14), (5500, 1.00), (6000, 0.89),
        (6500, 0.80), (7000, 0.73), (8000, 0.61), (9000, 0.53), (10000, 0.46), (11500, 0.38),
    ),
}  # fmt: skip

_BALMER = ((6564.6, 2.0), (4862.7, 4.5), (4341.7, 5.0), (4102.9, 6.0), (3971.2, 6.0), (3890.2, 5.5), (3836.5, 4.5),
           (3798.9, 3.5), (3771.7, 2.6), (3751.2, 1.9), (3735.4, 1.3), (3723.0, 0.8))  # fmt: skip
# Metal features of cool stars: wavelength (vacuum), equivalent width (A) in an old population, half width (A). Indices
# of Worthey et al. (1994) and Serven et al. (2005), read off as lines and bands.
_METALS = (
    (2600, 6.0, 12), (2746, 5.0, 14), (2796.4, 5.0, 4), (2803.5, 5.0, 4), (2852.0, 6.0, 6), (3096, 4.0, 14),
    (3360, 4.0, 12), (3582, 8.0, 18), (3610, 2.0, 8), (3650, 2.0, 10), (3720, 3.0, 10), (3735, 3.0, 6),
    (3750, 2.5, 6), (3820, 4.0, 7), (3833, 6.0, 9), (3862, 5.0, 10), (3883, 5.0, 7), (3934.8, 8.5, 6),
    (3969.6, 7.0, 6), (4046, 1.3, 4), (4064, 1.5, 4), (4078, 0.8, 3), (4133, 0.9, 4), (4144, 1.2, 4),
    (4172, 1.5, 10), (4202, 1.2, 5), (4216, 1.3, 4), (4228, 1.6, 3), (4250, 1.3, 4), (4272, 1.5, 4),
    (4301, 4.5, 8), (4311, 2.4, 5), (4326, 1.7, 4), (4355, 1.0, 5), (4384.8, 3.0, 5), (4405, 1.3, 4), (4415, 1.0, 4),
    (4456, 1.6, 6), (4532, 2.0, 8), (4585, 0.7, 6), (4669, 5.0, 16), (4786, 0.6, 8), (4890, 0.6, 6), (4921, 0.6, 4),
    (4959, 0.8, 5), (5016, 2.5, 12), (5080, 1.0, 8), (5110, 1.2, 6), (5140, 2.6, 14), (5168.8, 1.4, 4),
    (5174.1, 1.9, 4), (5185.0, 2.1, 4), (5209, 1.2, 5), (5229, 0.8, 5), (5271, 2.9, 6), (5330, 2.5, 6),
    (5372, 0.8, 4), (5399, 1.2, 7), (5431, 0.8, 5), (5447, 0.7, 4), (5530, 0.5, 4), (5589, 0.9, 5), (5711, 0.9, 8),
    (5784, 0.7, 6), (5891.6, 2.0, 3), (5897.6, 1.8, 3), (5950, 1.2, 14), (6103.8, 0.5, 3), (6124, 0.7, 3),
    (6164, 0.9, 4), (6190, 2.0, 14), (6240, 1.2, 14), (6282, 0.9, 6), (6400, 0.8, 5), (6496.9, 1.2, 4), (6680, 1.5, 14),
    (6720, 1.6, 16), (6780, 1.4, 16), (7090, 2.6, 18), (7140, 2.2, 22), (7250, 1.0, 20), (7690, 1.2, 20),
    (7700, 0.5, 3), (8185, 0.7, 3), (8197, 0.9, 3), (8440, 0.8, 14), (8500.4, 1.5, 4), (8544.4, 3.6, 4.5),
    (8664.5, 3.0, 4.5), (8808, 0.6, 4), (8860, 1.2, 25),
)  # fmt: skip
_SHARES = {"old": (1.0, 0.28), "intermediate": (0.68, 0.62), "young": (0.10, 0.55), "post": (0.18, 1.6)}


def band(ln: np.ndarray, wavelength: float, width: float, half: float, sigma: float = 0.0) -> np.ndarray:
    """Return the optical depth of a Gaussian feature of an equivalent width and half width (A), broadened by sigma.

    `sigma` is in ln(wavelength). The depth makes the equivalent width of weak features exactly, less for deep ones.
    """
    broad = np.hypot(half / wavelength, sigma)
    depth = width / (np.sqrt(2 * np.pi) * broad * wavelength)
    return depth * np.exp(-0.5 * ((ln - np.log(wavelength)) / broad) ** 2)


@cache
def templates() -> tuple[np.ndarray, np.ndarray]:
    """Return continua (population, wavelength) and depths of lines (dispersion, population, wavelength)."""
    wavelength = np.exp(LN)
    smooth = np.exp([np.interp(LN, np.log([k for k, _ in knots]), np.log([v for _, v in knots]))
                     for knots in (_CONTINUA[name] for name in NAMES)])  # fmt: skip
    depth = np.empty((len(DISPERSIONS), len(NAMES), len(LN)))
    for k, dispersion in enumerate(DISPERSIONS):
        sigma = dispersion / C
        metals = sum(band(LN, *feature, sigma) for feature in _METALS)
        balmer = sum(band(LN, at, width, 7.0, sigma) for at, width in _BALMER)
        depth[k] = [_SHARES[name][0] * metals + _SHARES[name][1] * balmer for name in NAMES]
    smooth[:, wavelength < 912] *= 0.02
    return smooth, depth


def spectrum(ln_rest: np.ndarray, weights: np.ndarray, dispersion: int, strength: float) -> np.ndarray:
    """Return f_lambda (P,), about 1 at 5500 A, of a mixture of populations with weights (4,)."""
    smooth, depth = templates()
    low = max(int((ln_rest[0] - LN[0]) / STEP) - 2, 0)
    high = min(int((ln_rest[-1] - LN[0]) / STEP) + 3, len(LN))
    mixed = np.zeros(max(high - low, 1))
    for k in np.flatnonzero(weights):
        mixed += weights[k] * smooth[k, low:high] * np.exp(-strength * depth[dispersion, k, low:high])
    return np.interp(ln_rest, LN[low:high], mixed)


def reference(weights: np.ndarray, rest: float) -> float:
    """Return the mixture's smooth continuum at a rest wavelength."""
    return float(weights @ [np.interp(np.log(rest), LN, row) for row in templates()[0]])
