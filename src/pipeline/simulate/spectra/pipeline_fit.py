"""What the surveys' own pipelines say about a simulated spectrum: class, redshift, warning; mostly right."""

from dataclasses import dataclass

from pipeline.data.random import stream
from pipeline.settings.spectra.simulation import Catalogue
from pipeline.simulate.spectra.shard import Spectrum
from pipeline.spectra import lines
from pipeline.spectra.lines import C

# Lines that pipelines take for one another.
_CONFUSED = (lines.LYA, lines.CIV, lines.CIII, lines.MGII, lines.OIII[1], lines.HALPHA)
SMALL_DELTA_CHI2 = 4  # bit 2 of ZWARNING, of SDSS and of Redrock


@dataclass
class Fit:
    """A pipeline's result: `spectype` is QSO, GALAXY or STAR."""

    spectype: str
    z: float
    z_err: float
    zwarn: int
    delta_chi2: float


def fit(settings: Catalogue, seed: int, row: dict, spectrum: Spectrum) -> Fit:
    """Return the pipeline's result for a spectrum of a shard (row with tranche and shard)."""
    rng = stream(seed, "simulate.spectra.fit", row["tranche"], row["shard"], spectrum.row)
    sn = max(spectrum.observed.sn, 0.05)
    delta = float(rng.exponential(30.0 * sn**1.5)) + 9.0
    if spectrum.source is None:
        spectype = str(rng.choice(["GALAXY", "STAR", "QSO"], p=[0.6, 0.2, 0.2]))
        ends = {"STAR": (-0.001, 0.001), "GALAXY": (0.05, 1.1), "QSO": (0.1, 6.0)}[spectype]
        z = rng.uniform(*ends)
        return Fit(spectype, float(z), 5e-4, SMALL_DELTA_CHI2, float(9 * rng.random()))
    kind, z = spectrum.kind, spectrum.source.z
    spectype = {"quasar": "QSO", "galaxy": "GALAXY", "star": "STAR"}[kind]
    if kind == "quasar" and spectrum.source.host_share > 0.8 and rng.random() < 0.3:
        spectype = "GALAXY"
    wrong = rng.random() < min(settings.pipeline_failures * sn**-1.2, 0.8)
    scatter = settings.pipeline_scatter * (2.0 if kind == "quasar" else 0.5)
    z = float(z + (1 + z) * scatter / C * rng.standard_normal())
    if not wrong:
        return Fit(spectype, z, float((1 + z) * scatter / C), SMALL_DELTA_CHI2 * int(rng.random() < 0.01), delta)
    if kind == "quasar" and rng.random() < 0.7:
        true, taken = rng.choice(_CONFUSED, 2, replace=False)
        z, spectype = max((1 + z) * true / taken - 1, 0.01), "QSO"
    else:
        spectype = str(rng.choice(["STAR", "GALAXY", "QSO"]))
        z = 0.0005 * rng.standard_normal() if spectype == "STAR" else rng.uniform(0.05, 1.2)
    warned = rng.random() < 0.6
    return Fit(spectype, float(z), 5e-4, SMALL_DELTA_CHI2 * int(warned), float(9 * rng.random() if warned else delta))


def subclass(spectrum: Spectrum, result: Fit) -> str:
    """Return the text that SDSS gives in SUBCLASS."""
    if result.spectype == "QSO":
        return "BROADLINE" if spectrum.kind == "quasar" else ""
    if spectrum.kind == "star" and result.spectype == "STAR":
        return spectrum.source.subclass
    if spectrum.kind == "galaxy" and spectrum.source.subclass in ("starforming", "seyfert"):
        return {"starforming": "STARFORMING", "seyfert": "AGN"}[spectrum.source.subclass]
    return ""
