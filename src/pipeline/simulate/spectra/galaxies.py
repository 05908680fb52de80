"""Spectra of galaxies without a broad-line nucleus."""

from dataclasses import dataclass, field

import numpy as np

from pipeline.settings.spectra.simulation import Galaxies
from pipeline.simulate.spectra import dust, populations
from pipeline.simulate.spectra.profiles import Window, add_lines
from pipeline.spectra.lines import NARROW, C

_WAVE = np.array([line.wavelength for line in NARROW])
_HII, _AGN = np.array([line.hii for line in NARROW]), np.array([line.agn for line in NARROW])
_FAMILY = np.array([line.family for line in NARROW])


@dataclass
class Galaxy:
    """What was drawn for one galaxy; `subclass` is passive, starforming, poststarburst or seyfert."""

    z: float
    mag: float
    subclass: str
    values: dict = field(repr=False)


def draw_galaxy(rng: np.random.Generator, settings: Galaxies, z: float, mag: float) -> Galaxy:
    """Draw a galaxy of a redshift and an r magnitude."""
    u = rng.random()
    shares = np.cumsum([settings.star_forming_share, settings.post_starburst_share, settings.seyfert_share])
    subclass = ("starforming", "poststarburst", "seyfert", "passive")[int(np.searchsorted(shares, u, side="right"))]
    v = rng.random(3)
    weights = {
        "starforming": (0.5 * v[0], 0.7 * v[1], 0.15 + 0.9 * v[2], 0.1), "passive": (1.0, 0.35 * v[1] ** 2, 0.0, 0.0),
        "poststarburst": (0.4 * v[0], 0.2 * v[1], 0.0, 1.0), "seyfert": (0.4 + v[0], 0.6 * v[1], 0.12 * v[2], 0.05),
    }[subclass]  # fmt: skip
    weights = np.array(weights) / sum(weights)
    metal = 0.35 * rng.standard_normal()
    hbeta = {"starforming": 0.2 + 1.0 * weights[2] / 0.5, "seyfert": 0.55, "passive": -0.9, "poststarburst": -0.6}
    oxygen = {"oiii": 10 ** (-0.9 * metal), "oii": 10 ** (-0.25 * metal), "nii": 10 ** (0.7 * metal - 0.1)}
    flux = _HII * np.array([oxygen.get(family, 1.0) for family in _FAMILY])
    if subclass == "seyfert":
        flux = _AGN / 0.095 * 10 ** (0.12 * rng.standard_normal(len(_AGN))) * (_FAMILY != "resonance")
    values = {
        "populations": weights, "dispersion": int(rng.integers(3)),
        "metals": float(np.exp(0.15 * rng.standard_normal())),
        "dust": float(rng.exponential(0.08 if subclass == "passive" else 0.25)), "lines": flux,
        "hbeta": 10 ** (hbeta[subclass] + 0.3 * rng.standard_normal()),
        "fwhm": float(np.exp(rng.normal(np.log(400 if subclass == "seyfert" else 230), 0.35))),
    }  # fmt: skip
    return Galaxy(z, mag, subclass, values)


def spectrum(galaxy: Galaxy, window: Window) -> np.ndarray:
    """Return f_lambda (P,) of a galaxy at the spectrograph, relative."""
    values = galaxy.values
    rest = window.wave / (1 + galaxy.z)
    ln_rest = window.ln - np.log(1 + galaxy.z)
    weights = values["populations"]
    out = populations.spectrum(ln_rest, weights, values["dispersion"], values["metals"])
    level = populations.reference(weights, 4862.7)
    area = values["hbeta"] * level * values["lines"] / _WAVE
    add_lines(out, window, np.log(_WAVE * (1 + galaxy.z)), values["fwhm"] / 2.3548 / C, area)
    return out * dust.smc(rest, values["dust"])
