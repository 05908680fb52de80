"""Spectra of stars: black bodies with the lines, edges and molecular bands of their temperatures."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from pipeline.settings.spectra.simulation import Stars
from pipeline.simulate.spectra import populations
from pipeline.simulate.spectra.populations import band
from pipeline.simulate.spectra.profiles import Window, add_lines
from pipeline.spectra.air import to_vacuum
from pipeline.spectra.lines import BROAD, C

_STEP = 1e-4
_LN = np.log(3400.0) + _STEP * np.arange(int(np.log(10700.0 / 3400.0) / _STEP))
_KELVIN = {
    "O": (32000, 42000), "B": (11000, 28000), "A": (7600, 10500), "F": (6100, 7500), "G": (5300, 6050),
    "K": (4000, 5200), "M": (2600, 3900), "WD": (8000, 30000), "carbon": (2900, 3800), "CV": (9000, 25000),
}  # fmt: skip
_BALMER = tuple(1 / (1.0967758e-3 * (0.25 - 1 / n**2)) for n in range(3, 16))
_HOT = (0.03, 0.22, 0.5, 1.2, 0.6, 0.3, 0.12)  # strength of the Balmer lines
_PASCHEN = tuple(1 / (1.0967758e-3 * (1 / 9 - 1 / n**2)) for n in range(8, 17))
# Heads of bands (air): wavelength, reach towards the red (A), depth. TiO and VO after Kirkpatrick et al. (1991), CaH;
# C2 (Swan) and CN of carbon stars run towards the blue.
_TITANIUM = (
    (4584, 60, 0.4),
    (4761, 90, 0.6),
    (4954, 110, 0.7),
    (5167, 90, 0.6),
    (5448, 110, 0.5),
    (5847, 110, 0.5),
    (6158, 130, 0.9),
    (6384, 60, 0.5),
    (6651, 130, 0.9),
    (6750, 90, 0.4),
    (7053, 180, 1.5),
    (7334, 70, 0.5),
    (7589, 120, 1.0),
    (7666, 100, 0.5),
    (8206, 110, 0.4),
    (8432, 110, 0.9),
    (8859, 80, 0.8),
    (9209, 200, 0.5),
)
_SWAN = ((4383, 70, 0.6), (4737, 110, 1.2), (5165, 140, 1.5), (5636, 130, 1.2), (6191, 130, 0.5), (7220, 150, 0.6),
         (7900, 200, 0.6), (8070, 140, 0.4))  # fmt: skip


@dataclass
class Star:
    """What was drawn for one star; `z` is its radial velocity in units of that of light."""

    z: float
    mag: float
    subclass: str
    values: dict = field(repr=False)


def draw_star(rng: np.random.Generator, settings: Stars, mag: float) -> Star:
    """Draw a star of an r magnitude."""
    names = [name for name, share in settings.shares.items() if share]
    weights = np.array([settings.shares[name] for name in names])
    subclass = names[int(rng.choice(len(names), p=weights / weights.sum()))]
    values = {
        "kelvin": float(np.exp(rng.uniform(*np.log(_KELVIN[subclass])))),
        "metals": float(np.exp(0.35 * rng.standard_normal())), "width": float(rng.uniform(0.7, 1.4)),
        "chromosphere": float(rng.exponential(3.0)) if subclass == "M" else 0.0,
        "emission": 10 ** (1.5 + 0.3 * rng.standard_normal()), "fwhm": float(rng.uniform(700, 2200)),
        "helium": bool(rng.random() < 0.2),
    }  # fmt: skip
    return Star(float(settings.velocity / C * rng.standard_normal()), mag, subclass, values)


@cache
def _depths() -> dict[str, np.ndarray]:
    """Return optical depths (P,) of the features at their reference strengths."""
    wave = np.exp(_LN)
    smooth, depth = populations.templates()
    metals = np.interp(_LN, populations.LN, depth[0][0])
    bands = {}
    for name, heads, side in (("titanium", _TITANIUM, 1), ("swan", _SWAN, -1)):
        total = np.zeros(len(wave))
        for head, reach, strength in heads:
            away = side * (wave - to_vacuum(float(head))) / reach
            total += strength * np.exp(-np.maximum(away, 0) + np.minimum(away, 0) * reach / 4)
        bands[name] = total
    weights = np.array([1.0, 0.9, 0.9, 0.85, 0.8, 0.75, 0.7, 0.62, 0.5, 0.4, 0.3, 0.22, 0.15])
    broad = sum(w * band(_LN, at, 11.0, 8.0) for w, at in zip(weights, _BALMER, strict=True))
    wings = sum(w * band(_LN, at, 20.0, 32.0) for w, at in zip(weights[:8], _BALMER, strict=False))
    paschen = sum(band(_LN, at, 4.0, 12.0) for at in _PASCHEN)
    helium = sum(band(_LN, at, 1.0, 3.0) for at in (4027.3, 4472.8, 4922.9, 5017.1, 5877.2, 6680.0, 7067.1))
    ionised = sum(band(_LN, at, 0.9, 4.0) for at in (4201.0, 4542.9, 4687.0, 5413.0))
    return {"metals": metals, "balmer": broad + 0.6 * paschen, "wings": broad + wings + paschen, "helium": helium,
            "ionised": ionised, "edge": 1 / (1 + np.exp((wave - 3700) / 18)), **bands}  # fmt: skip


def strengths(star: Star) -> dict[str, float]:
    """Return the strength of each feature at the star's temperature."""
    kelvin, values = star.values["kelvin"], star.values
    if star.subclass == "CV":
        return {"balmer": 0.1}
    if star.subclass == "WD":
        if values["helium"]:
            return {"helium": 9.0}
        return {"wings": float(np.interp(kelvin, [8000, 13000, 30000], [1.1, 1.6, 0.7]))}
    if star.subclass == "carbon":
        return {"swan": values["metals"], "metals": 0.9}
    hot = float(np.interp(kelvin, [4000, 5800, 7000, 9500, 15000, 25000, 40000], _HOT))
    metals = float(np.interp(kelvin, [3000, 4500, 5800, 6800, 8500, 11000], [1.3, 1.15, 0.6, 0.28, 0.08, 0.0]))
    return {
        "balmer": hot * values["width"], "metals": metals * values["metals"], "edge": 0.7 * min(hot, 1.0),
        "titanium": float(np.interp(kelvin, [2700, 3400, 4000, 4300], [2.2, 1.0, 0.12, 0.0])) * values["width"],
        "helium": float(np.interp(kelvin, [11000, 18000, 30000, 40000], [0.0, 1.3, 0.8, 0.4])),
        "ionised": float(np.interp(kelvin, [28000, 38000], [0.0, 1.0])),
    }  # fmt: skip


def spectrum(star: Star, window: Window) -> np.ndarray:
    """Return f_lambda (P,) of a star, relative."""
    tables = _depths()
    depth = sum(strength * tables[name] for name, strength in strengths(star).items() if strength)
    wave = np.exp(_LN)
    light = (wave / 5500.0) ** -5 / np.expm1(1.43878e8 / (wave * star.values["kelvin"])) * np.exp(-depth)
    out = np.interp(window.ln - np.log1p(star.z), _LN, light)
    level = np.interp(np.log(6564.6), _LN, light)
    if star.subclass == "CV":
        lines = [(line.wavelength, line.width / 200) for line in BROAD if line.family in ("balmer", "helium")]
        at, relative = np.array(lines).T
        area = star.values["emission"] * level * relative**0.5 / at
        add_lines(out, window, np.log(at * (1 + star.z)), star.values["fwhm"] / 2.3548 / C, area)
    elif star.values["chromosphere"]:
        at = np.array(_BALMER[:4])
        area = star.values["chromosphere"] * level * np.array([1, 0.2, 0.1, 0.06]) / at
        add_lines(out, window, np.log(at * (1 + star.z)), 60.0 / C, area)
    return out
