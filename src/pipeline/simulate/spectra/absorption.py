"""What absorbs the light of quasars: the Lyman forest, damped absorbers, metals, and broad absorption lines."""

import numpy as np

from pipeline.settings.spectra.simulation import Absorbers
from pipeline.simulate.spectra.profiles import Window, smooth
from pipeline.spectra import lines
from pipeline.spectra.lines import C

_STEP = 1e-4 * np.log(10)  # of the grid on which forests are drawn, in ln(wavelength)
# Optical depths of higher Lyman lines relative to Lya, f lambda / (f lambda of Lya) (Verner, Verner & Ferland 1996).
_SERIES = ((lines.LYB, 0.1602), (lines.LYG, 0.0558), (lines.LYD, 0.0260), (937.803, 0.0143), (930.748, 0.0086))
_F_LYA, _DAMPING = 0.4164, 6.265e8  # oscillator strength, and damping constant in 1/s
_CROSS = 0.026540  # pi e^2 / (m c), cm^2 Hz
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)


def median_depth(mean_transmission: np.ndarray, sigma: float) -> np.ndarray:
    """Return the median of a lognormal optical depth with a scatter (natural logarithm) and a mean of exp(-depth)."""
    logs = np.linspace(-14, 8, 400)
    mean = np.exp(-np.exp(logs[:, None] + sigma * _NODES)) @ (_WEIGHTS / _WEIGHTS.sum())
    return np.exp(np.interp(-np.asarray(mean_transmission), -mean, logs))


def forest(rng: np.random.Generator, settings: Absorbers, window: Window, z: float) -> np.ndarray:
    """Return the transmission (P,) of the Lyman forest before a quasar, at the spectrograph's resolution."""
    out = np.ones(len(window.ln))
    edge = np.log(lines.LYA * (1 + z))
    if edge <= window.ln[0]:
        return out
    ln = np.arange(window.ln[0] - 0.02, edge + _STEP, _STEP)
    # Structure of some 100 km/s, and clusters of absorbers on ten times that.
    white = rng.standard_normal((2, len(ln)))
    field = 0.9 * _unit(smooth(white[0], 0.9)) + 0.436 * _unit(smooth(white[1], 9.0))
    one = np.exp(ln) / lines.LYA  # 1 + z of the absorbers
    mean = np.exp(-settings.forest_depth * one**settings.forest_slope)
    coarse = slice(None, None, 50)
    centre = np.interp(ln, ln[coarse], median_depth(mean[coarse], settings.forest_sigma))
    tau = centre * np.exp(settings.forest_sigma * field)
    # The quasar ionizes what is near to it (a proximity zone of some thousand km/s).
    tau /= 1 + 4 * np.exp((ln - edge) / 0.006)
    total = np.where(ln < edge, tau, 0.0)
    for wavelength, ratio in _SERIES:
        shift = np.log(lines.LYA / wavelength)
        if edge - shift > ln[0]:
            total += ratio * np.interp(ln + shift, ln, np.where(ln < edge, tau, 0.0), right=0.0)
    width = float(np.interp(lines.LYA * (1 + z) * 0.9, window.wave, window.lsf)) / _STEP
    seen = smooth(np.exp(-total), max(width, 0.3))
    inside = window.ln < ln[-1]
    out[inside] = np.interp(window.ln[inside], ln, seen)
    return out * lyman_limit(rng, settings, window, z)


def _unit(field: np.ndarray) -> np.ndarray:
    return field / max(field.std(), 1e-6)


def lyman_limit(rng: np.random.Generator, settings: Absorbers, window: Window, z: float) -> np.ndarray:
    """Return the transmission (P,) of Lyman limit systems, which are drawn downwards from the quasar."""
    tau = np.zeros(len(window.wave))
    lowest = window.wave[0] / lines.LYMAN_LIMIT - 1
    at = z
    while settings.lls_rate and at > max(lowest, 0.0):
        # Numbers grow as (1 + z)^2.04 (Songaila & Cowie 2010).
        at -= rng.exponential(1 / (settings.lls_rate * ((1 + at) / 4.5) ** 2.04))
        depth = rng.pareto(0.7) + 1.0
        ratio = window.wave / (lines.LYMAN_LIMIT * (1 + max(at, 0.0)))
        tau += np.where(ratio < 1, min(depth, 30.0) * ratio**3, 0.0)
    return np.exp(-tau)


def damped(window: Window, z: float, column: float) -> np.ndarray:
    """Return the transmission (P,) of a damped absorber of log10 N(H I) [cm^-2]: Lorentzian wings of Lya and Lyb."""
    tau = np.zeros(len(window.wave))
    for wavelength, strength, damping in ((lines.LYA, _F_LYA, _DAMPING), (lines.LYB, 0.0791, 1.897e8)):
        nu0 = C * 1e13 / wavelength
        offset = C * 1e13 / (window.wave / (1 + z)) - nu0
        half = damping / (4 * np.pi)
        core = nu0 * 30 / C  # gas at 30 km/s rounds off the core, which is black anyway
        tau += 10.0**column * _CROSS * strength * half / np.pi / (offset**2 + half**2 + core**2 / 50)
    return np.exp(-tau)


def draw_damped(rng: np.random.Generator, settings: Absorbers, window: Window, z: float) -> list[tuple[float, float]]:
    """Draw (redshift, log10 column) of the damped absorbers whose Lya lies within the spectrum."""
    lowest = max(window.wave[0] / lines.LYA - 1, 0)
    if z <= lowest:
        return []
    number = rng.poisson(settings.dla_rate * (z - lowest))
    places = lowest + (z - lowest) * rng.random(number)
    columns = np.minimum(20.3 + rng.exponential(0.35, number), 22.2)
    return sorted(zip(places.tolist(), columns.tolist(), strict=True))


def metals(rng: np.random.Generator, settings: Absorbers, window: Window, z: float, extra=()) -> np.ndarray:
    """Return the transmission (P,) of metal absorbers: doublets at random redshifts, and those of damped absorbers."""
    tau = np.zeros(len(window.ln))
    systems = [("all", place) for place, _ in extra]
    for name, (blue, _) in lines.ABSORBED.items():
        low = max(window.wave[0] / blue - 1, 0)
        # Metal lines in the forest are lost in it.
        if name != "MgII":
            low = max(low, lines.LYA * (1 + z) / blue - 1)
        if z > low:
            number = rng.poisson(settings.metal_rate * (z - low) * (1.0 if name in ("MgII", "CIV") else 0.3))
            systems += [(name, low + (z - low) * u) for u in rng.random(number)]
    if rng.random() < 0.15:  # absorbers of the quasar's own surroundings
        systems.append(("MgII" if z < 1.6 else "CIV", z - (1 + z) * rng.exponential(800) / C))
    for name, place in systems:
        width = 0.25 + rng.exponential(0.6)  # Angstrom, rest frame, of the stronger line
        spread = 40 * (1 + width) / C
        for other in lines.ABSORBED if name == "all" else (name,):
            for k, wavelength in enumerate(lines.ABSORBED[other]):
                area = width * (1.0, 0.65)[k] / wavelength
                centre = np.log(wavelength * (1 + place))
                sigma = np.hypot(spread, np.interp(centre, window.ln, window.lsf))
                low, high = np.searchsorted(window.ln, (centre - 5 * sigma, centre + 5 * sigma))
                shape = np.exp(-0.5 * ((window.ln[low:high] - centre) / sigma) ** 2)
                tau[low:high] += area / (np.sqrt(2 * np.pi) * sigma) * shape
    return np.exp(-tau)


_BAL_LINES = {
    "high": ((1033.83, 1.0), (lines.LYA, 0.5), (lines.NV, 1.0),
             (lines.SIIV, 0.6), (lines.CIV, 1.0)),
    "low": ((1857.40, 0.8), (lines.MGII, 0.6), (2600.0, 0.15), (2382.8, 0.15)),
}  # fmt: skip


def draw_troughs(rng: np.random.Generator, settings: Absorbers) -> dict | None:
    """Draw the troughs of a broad absorption line quasar: velocities, widths (km/s), depths; None for the others."""
    if rng.random() >= settings.bal_share:
        return None
    number = 1 + rng.poisson(1.2)
    return {
        "low": rng.random() < settings.lobal_share,
        "velocity": rng.triangular(2500, 6000, 24000, number),
        "width": np.exp(rng.normal(np.log(1100), 0.5, number)),
        "depth": 0.5 + rng.exponential(1.4, number),
        "cover": rng.uniform(0.5, 1.0, number),
    }


def troughs(window: Window, z: float, bal: dict) -> np.ndarray:
    """Return the transmission (P,) of the troughs of `draw_troughs`: saturated gas that covers part of the source."""
    out = np.ones(len(window.ln))
    for wavelength, strength in _BAL_LINES["high"] + (_BAL_LINES["low"] if bal["low"] else ()):
        velocity = C * (window.ln - np.log(wavelength * (1 + z)))
        near = slice(*np.searchsorted(velocity, (-36000, 3000)))
        for at, width, depth, cover in zip(*(bal[key] for key in ("velocity", "width", "depth", "cover")), strict=True):
            # Flat-bottomed rather than Gaussian: troughs begin and end steeply.
            shape = np.exp(-(((velocity[near] + at) / (1.5 * width)) ** 4))
            out[near] *= 1 - cover * (1 - np.exp(-depth * strength * shape))
    return out


def balnicity(z: float, bal: dict | None) -> float:
    """Return BI of C IV, km/s (Weymann et al. 1991): depth below 0.9 sustained over 2000 km/s, from 3000 to 25000."""
    if bal is None:
        return 0.0
    velocity = np.arange(-25000.0, -2999.0, 20.0)
    ln = np.log(lines.CIV * (1 + z)) + velocity / C
    window = Window(np.exp(ln), ln, np.zeros(len(ln)))
    deep = 1 - troughs(window, z, {**bal, "low": False}) / 0.9
    total, run = 0.0, 0.0
    for value in deep[::-1]:
        run = run + 20.0 if value > 0 else 0.0
        total += max(value, 0.0) * 20.0 if run > 2000 else 0.0
    return total
