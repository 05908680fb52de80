"""Which part of the sky trains, selects, calibrates and judges: from the seed and the settings alone."""

from typing import TYPE_CHECKING

import numpy as np

from pipeline.data import random
from pipeline.data.sky import cells
from pipeline.errors import PipelineError
from pipeline.labels.margins import distance_to_other_sets
from pipeline.settings.splits import Splits

if TYPE_CHECKING:
    import pandas as pd

SETS = ("train", "select", "calibrate", "judge")
PAPERS_LABEL = "papers' split: objects dealt singly, choices made on the judged set"
# Resolution at which the papers' mode tells objects apart: cells of 0.8 arcsec, so that an object of two releases,
# whose positions differ by less than a pixel, mostly falls into one.
_FINE_NSIDE = 2**18
# Cells that are dealt together: neighbours in the nested order, 54 square degrees at nside 64.
_BLOCK = 64


def deal(splits: Splits, seed: int) -> "pd.DataFrame":
    """Return the table of the split.

    Mode `cells`: every HEALPix cell of the sky (`cell` int64, nested) with its `set`, `nside` and `margin_arcsec`.
    Each block of 64 neighbouring cells is put in a random order and cut by the shares, at a random offset, so that the
    shares hold in a small survey too. Mode `papers`: the interval [`lower`, `upper`) of an object's random number that
    falls to each `set`, and the `seed`.
    """
    import pandas as pd  # half a second, which stages that only look up sets do not pay

    shares = splits.shares.plain()
    bounds = np.cumsum([shares[name] for name in SETS])
    if splits.mode == "papers":
        table = pd.DataFrame({"set": SETS, "lower": np.concatenate([[0.0], bounds[:-1]]), "upper": bounds})
        table = table[table.upper > table.lower].reset_index(drop=True)
        return table.assign(seed=np.int64(seed))
    number = 12 * splits.nside**2
    cell = np.arange(number)
    block = cell // _BLOCK
    ordered = np.lexsort((random.ranks(seed, "splits", 0, cell), block))
    place = np.empty(number)
    place[ordered] = cell % _BLOCK  # blocks stay where they are
    place += random.uniform(seed, "splits", 1, block, 1)[:, 0]
    chosen = np.searchsorted(bounds[:-1], place / min(_BLOCK, number), side="right")
    return pd.DataFrame(
        {
            "cell": cell,
            "set": np.array(SETS, dtype=object)[chosen],
            "nside": np.int32(splits.nside),
            "margin_arcsec": float(splits.margin_arcsec),
        }
    )


def is_papers(table: "pd.DataFrame") -> bool:
    """Return whether a table of `deal` is that of the papers' mode."""
    return "cell" not in table.columns


def assign(ra, dec, table: "pd.DataFrame", nside: int, margin_arcsec: float) -> np.ndarray:
    """Return the set (N,) of positions (N,) in degrees, "" within the margin of a cell of another set.

    In the papers' mode every object is in train or judge, by a random number of its position.

    Raises
    ------
    PipelineError
        The table was not made with these settings.
    """
    ra, dec = np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)
    if is_papers(table):
        number = random.uniform(int(table.seed.iloc[0]), "splits", 0, cells(ra, dec, _FINE_NSIDE), 1)[:, 0]
        return table.set.to_numpy(dtype=object)[np.searchsorted(table.upper.to_numpy()[:-1], number, side="right")]
    if len(table) != 12 * nside**2 or float(table.margin_arcsec.iloc[0]) != float(margin_arcsec):
        raise PipelineError(
            "the table of the split was made with other settings",
            value=f"{len(table)} cells, margin {table.margin_arcsec.iloc[0]} arcsec",
            allowed=f"{12 * nside**2} cells (nside {nside}), margin {margin_arcsec} arcsec",
            next="run snakemake again",
        )
    names, codes = np.unique(table.set.to_numpy(dtype=str), return_inverse=True)
    of_cell = np.empty(len(table), dtype=np.int64)
    of_cell[table.cell.to_numpy()] = codes
    chosen = names.astype(object)[of_cell[cells(ra, dec, nside)]]
    chosen[distance_to_other_sets(ra, dec, of_cell, nside, margin_arcsec) <= margin_arcsec] = ""
    return chosen


def assign_as_dealt(ra, dec, table: "pd.DataFrame") -> np.ndarray:
    """Return the set (N,) of positions with the cell size and margin that the table itself records."""
    if is_papers(table):
        return assign(ra, dec, table, 1, 0.0)
    return assign(ra, dec, table, int(table.nside.iloc[0]), float(table.margin_arcsec.iloc[0]))


def roles(sets: np.ndarray, table: "pd.DataFrame") -> list[tuple[str, np.ndarray]]:
    """Return (set, rows) for all four sets; in the papers' mode the judged objects also select and calibrate."""
    source = {name: "judge" if is_papers(table) and name != "train" else name for name in SETS}
    return [(name, np.flatnonzero(sets == source[name])) for name in SETS]
