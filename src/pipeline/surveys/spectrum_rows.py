"""Spectra become the rows of a shard: on one grid, joined with catalogues, selected, sorted by id."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.data.redshift_bits import bit
from pipeline.data.spectrum_columns import complete
from pipeline.data.spectrum_ids import repeated
from pipeline.settings.spectra.ingest import SpectraIngest, SpectrumSelection
from pipeline.spectra.grids import Grid, grid
from pipeline.spectra.raw import RawSpectrum
from pipeline.spectra.resample import to_grid
from pipeline.surveys.quasar_catalogues import QuasarTable
from pipeline.surveys.spectrum_doubts import SpectrumDoubts

# Share of the grid that a spectrograph may leave out without OFF_GRID: BOSS lacks 1 % of the grid of FNet's code at
# its blue end, DESI 5 %, SDSS-I/II 17 %.
OFF_GRID_SHARE = 0.02


@dataclass(frozen=True)
class SpectrumRows:
    """The content of a shard: flux, ivar (N, P) float32, mask (N, P) bool, complete columns (N,), and counts."""

    flux: np.ndarray
    ivar: np.ndarray
    mask: np.ndarray
    columns: dict[str, np.ndarray]
    counts: dict[str, int]


def gather(
    spectra: Iterable[RawSpectrum],
    ingest: SpectraIngest,
    table: QuasarTable | None,
    doubts: SpectrumDoubts,
    *,
    tranche: int,
    simulated: bool,
) -> SpectrumRows:
    """Put spectra on the grid of the settings and return the rows of their shard, sorted by spectrum_id.

    A spectrum that stands twice is taken once; one that could not be read is carried whatever the selection.

    Raises
    ------
    PipelineError
        Two different spectra have the same id.
    """
    target, blocks, records = grid(ingest.grid), ([], [], []), []
    for spectrum in spectra:
        for block, part in zip(blocks, to_grid(spectrum, target, ingest.resample), strict=True):
            block.append(part)
        records.append(_record(spectrum, target))
    rows = len(records)
    flux, ivar, mask = (
        np.array(block, dtype=kind).reshape(rows, target.pixels)
        for block, kind in zip(blocks, (np.float32, np.float32, bool), strict=True)
    )
    names = dict.fromkeys(name for record in records for name in record)
    defaults = complete({"spectrum_id": [0], "object_id": [0]}, 1)
    columns = {name: np.array([record.get(name, defaults[name][0]) for record in records]) for name in names}
    columns = columns or {"spectrum_id": np.zeros(0, dtype=np.int64), "object_id": np.zeros(0, dtype=np.int64)}
    measured = _measured(flux, ivar, mask, target)
    columns = complete(
        {**columns, **measured, "tranche": np.full(rows, tranche), "simulated": np.full(rows, simulated)}, rows
    )
    columns["flags"][columns["good_pixels"] == 0] |= bit("NODATA")
    columns["flags"][columns["good_pixels"] < ingest.min_good_pixels] |= bit("LITTLE_COVERAGE")
    counts = {"file": rows}
    if table is not None:
        counts["in the catalogue"] = table.join(columns)
    twice = repeated(columns["spectrum_id"], columns["source"].tolist())
    for source in columns["source"][twice].tolist():
        doubts.note("left out: the spectrum stands twice", where=source)
    keep, removed = _selected(columns, ingest.selection)
    keep = (keep | (columns["flags"] & bit("UNREADABLE") != 0)) & ~twice
    order = np.flatnonzero(keep)[np.argsort(columns["spectrum_id"][keep], kind="stable")]
    columns = {name: values[order] for name, values in columns.items()}
    return SpectrumRows(flux[order], ivar[order], mask[order], columns, {**counts, **removed})


def _record(spectrum: RawSpectrum, target: Grid) -> dict:
    """Return the columns that a spectrum comes with."""
    flags = spectrum.columns.get("flags", 0)
    if len(spectrum.wavelength):
        wavelength = target.wavelength
        outside = (wavelength < spectrum.wavelength[0]) | (wavelength > spectrum.wavelength[-1])
        flags |= bit("OFF_GRID") if outside.mean() > OFF_GRID_SHARE else 0
    return {
        **spectrum.columns,
        "spectrum_id": spectrum.spectrum_id,
        "object_id": spectrum.object_id,
        "ra": spectrum.ra,
        "dec": spectrum.dec,
        "survey": spectrum.survey,
        "source": spectrum.source,
        "flags": flags,
    }


def _measured(flux: np.ndarray, ivar: np.ndarray, mask: np.ndarray, target: Grid) -> dict[str, np.ndarray]:
    """Return what is measured on good pixels (rows,): their number and range, and the median of signal over noise."""
    good = ~mask
    some = good.any(axis=1)
    first, last = np.argmax(good, axis=1), target.pixels - 1 - np.argmax(good[:, ::-1], axis=1)
    ratio = np.full(len(flux), np.nan)
    for row in np.flatnonzero(some).tolist():
        ratio[row] = np.median(flux[row, good[row]] * np.sqrt(ivar[row, good[row]]))
    return {
        "good_pixels": good.sum(axis=1),
        "wave_min": np.where(some, target.wavelength[first], np.nan),
        "wave_max": np.where(some, target.wavelength[last], np.nan),
        "sn_median": ratio,
    }


def _selected(columns: dict[str, np.ndarray], cuts: SpectrumSelection | None) -> tuple[np.ndarray, Counter]:
    """Return which spectra (N,) pass all cuts, and how many each cut removed of those that were left."""
    keep, removed = np.ones(len(columns["flags"]), dtype=bool), Counter()
    if cuts is None:
        return keep, removed
    passes = {
        "class_pipe": cuts.class_pipe and np.isin(columns["class_pipe"].astype(str), cuts.class_pipe),
        "class_vi": cuts.class_vi and np.isin(columns["class_vi"], cuts.class_vi),
        "in_dr12q": None if cuts.in_dr12q is None else columns["in_dr12q"] == int(cuts.in_dr12q),
    }
    for name, passed in passes.items():
        if passed is not None:
            removed[name] = int((keep & ~passed).sum())
            keep &= passed
    return keep, removed
