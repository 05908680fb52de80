"""Lines on a wavelength grid, and draws that several kinds of objects share."""

from dataclasses import dataclass

import numpy as np

from pipeline.settings.spectra.simulation import Normal


@dataclass(frozen=True)
class Window:
    """The wavelengths at which a spectrograph is simulated.

    Attributes
    ----------
    wave, ln : (P,) Angstrom in vacuum, ascending, and their natural logarithm
    lsf : (P,) standard deviation of the line spread function in ln(wavelength)
    """

    wave: np.ndarray
    ln: np.ndarray
    lsf: np.ndarray


def add_lines(out: np.ndarray, window: Window, centre, sigma, area) -> None:
    """Add Gaussian lines to a spectrum (P,) in place.

    Parameters
    ----------
    centre, sigma : (L,) ln(observed wavelength), and the width in it before the spectrograph's own
    area : (L,) integral over ln(wavelength)
    """
    centre, area = np.asarray(centre), np.asarray(area)
    sigma = np.hypot(sigma, np.interp(centre, window.ln, window.lsf))
    first = np.searchsorted(window.ln, centre - 5 * sigma)
    last = np.searchsorted(window.ln, centre + 5 * sigma)
    peak, scale = area / (np.sqrt(2 * np.pi) * sigma), np.sqrt(0.5) / sigma
    for k in np.flatnonzero((last > first) & (area != 0)):
        part = (window.ln[first[k] : last[k]] - centre[k]) * scale[k]
        out[first[k] : last[k]] += peak[k] * np.exp(-part * part)


def smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """Return values (P,) convolved with a Gaussian of a standard deviation in pixels; the ends repeat."""
    half = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    return np.convolve(np.pad(values, half, mode="edge"), kernel / kernel.sum(), mode="valid")


def draw(rng: np.random.Generator, settings: Normal, shift: float = 0.0) -> float:
    """Draw from a normal distribution about mean + shift, cut at the settings' range."""
    return float(np.clip(settings.mean + shift + settings.scatter * rng.standard_normal(), *settings.range))


def interpolated(knots: list[list[float]], x: float) -> float:
    """Return the value at x between knots [x, value]."""
    places, values = np.array(knots).T
    return float(np.interp(x, places, values))


def draw_knots(rng: np.random.Generator, knots: list[list[float]]) -> float:
    """Draw from the density that runs linearly between knots [value, relative density]."""
    x, y = np.array(knots).T
    fine = np.linspace(x[0], x[-1], 2001)
    total = np.cumsum(np.interp(fine, x, y))
    return float(np.interp(rng.random() * total[-1], total, fine))


# Distance moduli of a flat universe with H0 = 70 km/s/Mpc and matter 0.3.
_Z = np.linspace(0, 8, 4001)
_RATE = 1 / np.sqrt(0.3 * (1 + _Z) ** 3 + 0.7)
_COMOVING = np.concatenate([[0], np.cumsum((_RATE[1:] + _RATE[:-1]) / 2)]) * (_Z[1] - _Z[0]) * 299792.458 / 70


def distance_modulus(z: float) -> float:
    """Return the distance modulus, magnitudes."""
    return float(5 * np.log10(np.interp(z, _Z, _COMOVING) * (1 + z)) + 25)
