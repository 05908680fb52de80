"""Where the plates and pixels of the simulated spectroscopic survey lie; `graph.simulated_spectra` lists them."""

from functools import cache

import numpy as np
from astropy import units as u
from astropy_healpix import HEALPix

from pipeline.errors import PipelineError
from pipeline.graph import SPECTRA_NSIDE, SPECTRA_PLACES, spectra_pixel
from pipeline.settings.spectra.simulation import SimulatedSpectra

PLATE_RADIUS = 1.5  # degrees


@cache
def _healpix() -> HEALPix:
    return HEALPix(SPECTRA_NSIDE, order="nested")


def _read(sources: str) -> dict[str, int]:
    """Return the numbers of `sources`, such as plate=3600;place=2.

    Raises
    ------
    PipelineError
        The text is something else.
    """
    parts = dict(part.partition("=")[::2] for part in sources.split(";"))
    if list(parts) not in (["plate", "place"], ["healpix", "place"]) or not all(map(str.isdigit, parts.values())):
        raise PipelineError(
            "not the place of a simulated shard", value=sources, allowed="plate=N;place=K or healpix=N;place=K"
        )
    return {name: int(value) for name, value in parts.items()}


def number(sources: str) -> tuple[str, int]:
    """Return ("plate" or "healpix", its number) from the `sources` of a row."""
    return next(iter(_read(sources).items()))


def pixel(sources: str) -> int:
    """Return the pixel of a DESI shard, or that in whose middle a plate lies."""
    return spectra_pixel(_read(sources)["place"])


def shared(settings: SimulatedSpectra, sources: str) -> bool:
    """Return whether a plate and a DESI pixel lie at a shard's place, and have objects in common."""
    plates = settings.sdss_plates + settings.boss_plates
    return _read(sources)["place"] % SPECTRA_PLACES < min(plates, settings.desi_pixels)


def in_pixel(pixel: int, across: float, along: float) -> tuple[float, float]:
    """Return (ra, dec) in degrees at fractions in [0, 1) of a pixel's sides, along which area is uniform."""
    lon, lat = _healpix().healpix_to_lonlat(np.array([pixel]), np.array([across]), np.array([along]))
    return float(lon[0].to_value(u.deg)), float(lat[0].to_value(u.deg))


def on_plate(sources: str, away: float, turn: float) -> tuple[float, float]:
    """Return (ra, dec) in degrees on a plate at random numbers in [0, 1): distance by area, and direction."""
    ra0, dec0 = np.radians(in_pixel(pixel(sources), 0.5, 0.5))
    away, turn = np.arccos(1 - away * (1 - np.cos(np.radians(PLATE_RADIUS)))), 2 * np.pi * turn
    sine = np.sin(dec0) * np.cos(away) + np.cos(dec0) * np.sin(away) * np.cos(turn)
    east = np.arctan2(np.sin(turn) * np.sin(away) * np.cos(dec0), np.cos(away) - np.sin(dec0) * sine)
    return float(np.degrees(ra0 + east) % 360.0), float(np.degrees(np.arcsin(sine)))
