"""The objects of a shard of the simulated spectroscopic survey, and their observed spectra."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.data.random import stream
from pipeline.settings.spectra.simulation import Magnitudes, SimulatedSpectra
from pipeline.simulate.spectra import dust, galaxies, layout, quasars, spectrographs, stars
from pipeline.simulate.spectra.galaxies import Galaxy
from pipeline.simulate.spectra.profiles import draw_knots, interpolated
from pipeline.simulate.spectra.quasars import Quasar
from pipeline.simulate.spectra.stars import Star

KINDS = ("quasar", "galaxy", "star", "sky")
_FOREST_IN_R = 3.6


@dataclass
class Spectrum:
    """One spectrum: what was drawn, what was observed.

    Attributes
    ----------
    row : int
        Number within the shard, from 0; the fibre is one more.
    kind : str
        One of KINDS.
    key : tuple
        Names the object: equal for two spectra of one object.
    source : Quasar, Galaxy, Star or None
    ebv : float
        Of the Galaxy.
    observed : Observed
    """

    row: int
    kind: str
    key: tuple
    ra: float
    dec: float
    source: Quasar | Galaxy | Star | None
    ebv: float
    observed: spectrographs.Observed

    @property
    def z(self) -> float:
        """True redshift; NaN for a sky."""
        return self.source.z if self.source is not None else float("nan")


def kinds(settings: SimulatedSpectra, seed: int, tranche: int, shard: str, shared: int) -> np.ndarray:
    """Return the kind of each spectrum of a shard; the first `shared` are quasars, which two shards have in common."""
    shares = np.array([getattr(settings.classes, kind) for kind in KINDS])
    exact = settings.spectra_per_shard * shares / shares.sum()
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: settings.spectra_per_shard - counts.sum()]] += 1
    counts[0] -= shared
    own = np.repeat(KINDS, counts)
    stream(seed, "simulate.spectra.kinds", tranche, shard).shuffle(own)
    return np.concatenate([np.repeat("quasar", shared), own])


def spectra(settings: SimulatedSpectra, seed: int, row: dict) -> Iterator[Spectrum]:
    """Yield the spectra of a shard (a row with shard, tranche, sources, region), in the order of their numbers.

    They depend on the seed, the settings and the shard, not on the batch in which it is made.
    """
    tranche, shard, region = row["tranche"], row["shard"], row["region"]
    pixel = layout.pixel(row["sources"])
    quasar_share = settings.classes.quasar / sum(getattr(settings.classes, kind) for kind in KINDS)
    shared = int(min(settings.repeat_share, quasar_share) * settings.spectra_per_shard)
    shared = shared if layout.shared(settings, row["sources"]) else 0
    tool, blemishes = spectrographs.instrument(region), getattr(settings.spectrographs, region)
    median, scatter = blemishes.depth
    depth = median * np.exp(scatter * stream(seed, "simulate.spectra.depth", tranche, shard).standard_normal())
    for number, kind in enumerate(kinds(settings, seed, tranche, shard, shared)):
        key = (tranche, "shared", pixel, number) if number < shared else (tranche, shard, number)
        rng = stream(seed, "simulate.spectra.object", *key)
        seen = stream(seed, "simulate.spectra.observed", tranche, shard, number)
        on_plate, at = number >= shared and region != "desi", rng.random(2)
        ra, dec = layout.on_plate(row["sources"], *at) if on_plate else layout.in_pixel(pixel, *at)
        ebv = float(min(rng.exponential(settings.ebv), 0.5))
        source = _draw(rng, settings, str(kind))
        model = np.zeros(len(tool.window.wave))
        if source is not None:
            vary = settings.quasars.variability * seen.standard_normal() if number < shared else 0.0
            model = noiseless(rng, settings, source, tool, ebv, vary)
        observed = spectrographs.observe(seen, tool, blemishes, model, float(depth))
        yield Spectrum(number, str(kind), key, ra, dec, source, ebv, observed)


def noiseless(rng, settings: SimulatedSpectra, source, tool, ebv: float, vary: float = 0.0) -> np.ndarray:
    """Return the spectrum (P,) of an object at a spectrograph's resolution, 1e-17 erg/s/cm2/A, without noise.

    Its magnitude is that of the object, in r, or in i where the forest takes the light from r; then the nucleus of a
    quasar is changed by `vary` dex.
    """
    window = tool.window
    steady = np.zeros(len(window.wave))
    if isinstance(source, Quasar):
        light, steady = quasars.spectrum(rng, settings.quasars, source, window)
    elif isinstance(source, Galaxy):
        light = galaxies.spectrum(source, window)
    else:
        light = stars.spectrum(source, window)
    through = dust.galactic(window.wave, ebv)
    band = "i" if source.z > _FOREST_IN_R else "r"
    scale = 10 ** (-0.4 * source.mag) / spectrographs.band_flux(window.wave, (light + steady) * through, band)
    return scale * through * (10**vary * light + steady)


def _draw(rng, settings: SimulatedSpectra, kind: str):
    if kind == "sky":
        return None
    if kind == "star":
        return stars.draw_star(rng, settings.stars, _magnitude(rng, settings.stars.magnitudes, 0.0))
    section = settings.quasars if kind == "quasar" else settings.galaxies
    z = draw_knots(rng, section.redshift)
    mag = _magnitude(rng, section.magnitudes, z)
    draw = quasars.draw_quasar if kind == "quasar" else galaxies.draw_galaxy
    return draw(rng, section, z, mag)


def _magnitude(rng, settings: Magnitudes, z: float) -> float:
    mean = interpolated(settings.knots, z)
    return float(np.clip(mean + settings.scatter * rng.standard_normal(), *settings.range))
