"""Which sources of a catalogue are searched."""

from collections.abc import Mapping

import numpy as np

from pipeline.images.photometry import magnitudes
from pipeline.settings.ingest import Selection
from pipeline.surveys.columns import BANDS
from pipeline.surveys.releases import primary


def select(columns: Mapping[str, np.ndarray], settings: Selection) -> tuple[np.ndarray, dict[str, int]]:
    """Apply the cuts of the settings one after the other.

    A value that a cut needs and that is missing (NaN, or nobs -1) fails the cut.

    Parameters
    ----------
    columns : mapping
        Catalogue columns (N,): type, region, ra, dec, flux_*, nobs_*, fracflux_*, maskbits.
    settings : Selection

    Returns
    -------
    keep : bool (N,)
    removed : dict
        Name of each cut -> sources that it removed, of those that the cuts before it left.
    """
    cuts = {"type": np.isin(columns["type"].astype(str), settings.types)}
    if settings.resolve_overlap:
        cuts["overlap"] = primary(columns["region"], columns["ra"], columns["dec"])
    if settings.magnitude is not None:
        magnitude = magnitudes(columns[f"flux_{settings.magnitude.band}"])
        bright = -np.inf if settings.magnitude.bright is None else settings.magnitude.bright
        cuts["magnitude"] = (magnitude < settings.magnitude.faint) & (magnitude >= bright)
    if settings.passes is not None:
        enough = [columns[f"nobs_{band}"] >= getattr(settings.passes, band) for band in BANDS]
        cuts["passes"] = np.logical_and.reduce(enough)
    if settings.maskbits:
        excluded = np.bitwise_or.reduce([1 << bit for bit in settings.maskbits])
        cuts["maskbits"] = (columns["maskbits"].astype(np.int64) & excluded) == 0
    if settings.max_fracflux is not None:
        # NaN fails: without a FRACFLUX the neighbours' share is not known to be small.
        clean = [columns[f"fracflux_{band}"] <= settings.max_fracflux for band in BANDS]
        cuts["fracflux"] = np.logical_and.reduce(clean)
    keep = np.ones(len(columns["ra"]), dtype=bool)
    removed = {}
    for name, passed in cuts.items():
        removed[name] = int((keep & ~passed).sum())
        keep &= passed
    return keep, removed
