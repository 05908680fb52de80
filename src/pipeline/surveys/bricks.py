"""Which brick serves which source: its own, or a neighbour that holds the cutout whole."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from pipeline.data.sky import unit_vectors
from pipeline.surveys.coadds import Grid
from pipeline.surveys.fitsfiles import opened_table
from pipeline.surveys.releases import bricks_table_paths


@lru_cache(maxsize=8)
def bricks_table(root: Path, region: str, data_release: str) -> dict[str, np.ndarray] | None:
    """Return `brickname` (text), `ra`, `dec` (degrees, centres) of all bricks, or None where the survey has no table.

    Raises
    ------
    UnreadableFile
        The table is there and cannot be read.
    """
    for name in bricks_table_paths(region, data_release):
        path = Path(root) / name
        if path.exists():
            with opened_table(path) as table:
                columns = table.read(("brickname", "ra", "dec"))
            columns["brickname"] = np.char.strip(columns["brickname"].astype(str))
            return columns
    return None


def serving_bricks(
    ra: np.ndarray,
    dec: np.ndarray,
    own: np.ndarray,
    grid: Callable[[str], Grid | None],
    table: Callable[[], dict[str, np.ndarray] | None],
    pixels: int,
) -> np.ndarray:
    """Return the name (N,) of the brick from which each source is cut.

    Its own brick where that holds the cutout whole or cannot be read; else, of the neighbours that do, the one with the
    widest margin; else its own.

    Parameters
    ----------
    ra, dec : array (N,)
        Degrees.
    own : array (N,) of text
        Name of each source's brick.
    grid : callable
        grid(name) -> the pixels of a brick, or None where it has no image.
    table : callable
        table() -> result of `bricks_table`; asked only when a neighbour is needed.
    pixels : int
        Size of the cutouts.
    """
    serving = np.asarray(own, dtype=object).copy()
    for name in dict.fromkeys(serving.tolist()):
        rows = np.flatnonzero(own == name)
        home = grid(name)
        if home is None:
            continue
        partial = rows[home.margin(ra[rows], dec[rows], pixels) < 0]
        bricks = table() if len(partial) else None
        if bricks is None:
            continue
        centres = unit_vectors(bricks["ra"], bricks["dec"])
        # Two bricks overlap only when their centres are nearer than two half diagonals.
        reach = np.cos(np.radians(1.5 * np.hypot(*home.shape) * home.scale / 3600))
        near = np.flatnonzero(centres @ unit_vectors(*home.centre()) > reach)
        best = np.full(len(partial), -1)
        for other in sorted(bricks["brickname"][near].tolist()):
            neighbour = grid(other) if other != name else None
            if neighbour is not None:
                margin = neighbour.margin(ra[partial], dec[partial], pixels)
                better = margin > best
                best[better] = margin[better]
                serving[partial[better]] = other
    return serving
