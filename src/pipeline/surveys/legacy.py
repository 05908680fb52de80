"""Sweeps and coadd bricks in the layout of the Legacy Surveys: one shard is a sweep and some of its bricks."""

import os
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np

from pipeline.errors import PipelineError
from pipeline.settings.ingest import Ingest
from pipeline.surveys.bricks import bricks_table, serving_bricks
from pipeline.surveys.coadds import Brick, read_grid
from pipeline.surveys.columns import BANDS, complete
from pipeline.surveys.doubts import Doubts
from pipeline.surveys.releases import coadd_path, photo_z_path
from pipeline.surveys.selection import select
from pipeline.surveys.source import Block, Source
from pipeline.surveys.sweeps import read_photo_z, read_sweep

# Cutouts in memory at once beside the brick: 128 of 152 pixels are 35 MB.
BLOCK = 128
NOMINAL_SCALE = 0.262  # arcsec, where no brick tells


def survey_root(root: str | None) -> Path:
    """Return the folder that holds north/ and south/: the setting, or LEGACYSURVEY_DIR where that is null.

    Raises
    ------
    PipelineError
        Neither names a folder that exists.
    """
    folder = root if root is not None else os.environ.get("LEGACYSURVEY_DIR")
    if not folder:
        raise PipelineError(
            "no folder of the survey is named", where="survey.root", next="set survey.root or export LEGACYSURVEY_DIR=…"
        )
    if not Path(folder).is_dir():
        raise PipelineError("the folder of the survey does not exist", where="survey.root", value=folder)
    return Path(folder)


def raw_files(root: Path, region: str, sweep: str, bricks: list[str], photo_z: bool) -> list[Path]:
    """Return the files that a shard is made of and that are there."""
    names = [sweep, *([photo_z_path(sweep)] if photo_z else [])]
    names += [coadd_path(region, brick, "image", band) for brick in bricks for band in BANDS]
    return [root / name for name in names if (root / name).exists()]


def open_legacy(
    root: Path,
    region: str,
    data_release: str,
    sweep: str,
    bricks: list[str] | None,
    ingest: Ingest,
    doubts: Doubts,
) -> Source:
    """Read a sweep, select its sources and prepare their cutouts.

    Parameters
    ----------
    root : Path
        Folder that holds north/ and south/.
    region : str
        "north" or "south": the folder of the bricks.
    data_release : str
        dr8, dr9 or dr10.
    sweep : str
        Path of the sweep (or Tractor file) below the root.
    bricks : list of str or None
        Bricks whose sources belong to the shard; None takes all.

    Raises
    ------
    PipelineError
        The sweep, its photometric redshifts or the table of bricks cannot be read, or the sweep is of another region.
    """
    columns, counts = read_sweep(root / sweep, doubts, bricks)
    other = (columns["region"] != region) & (columns["region"] != "")
    if other.any():
        raise PipelineError(
            "the sweep holds sources of another region",
            where=root / sweep,
            value=f"RELEASE {np.unique(columns['release'][other]).tolist()}",
            allowed=region,
        )
    columns["region"] = np.full(len(columns["ra"]), region, dtype=object)
    if ingest.photo_z:
        columns.update(read_photo_z(root / photo_z_path(sweep), columns, counts["file"]))
    if ingest.selection is not None:
        given = {name: values for name, values in columns.items() if name != "row"}
        keep, removed = select(complete(given, len(columns["ra"])), ingest.selection)
        columns = {name: values[keep] for name, values in columns.items()}
        counts.update(removed)
    del columns["row"]
    grid = cache(partial(read_grid, root, region))

    def blocks() -> Iterator[Block]:
        serving = serving_bricks(
            columns["ra"],
            columns["dec"],
            columns["brickname"],
            grid,
            partial(bricks_table, root, region, data_release),
            ingest.cutout_pixels,
        )
        for name in dict.fromkeys(serving.tolist()):  # in the order of the rows, each brick once
            rows = np.flatnonzero(serving == name)
            brick = Brick(root, region, name, len(rows), doubts)
            for start in range(0, len(rows), BLOCK):
                part = rows[start : start + BLOCK]
                yield Block(part, *brick.cut(columns["ra"][part], columns["dec"][part], ingest.cutout_pixels))

    known = next((found for found in map(grid, dict.fromkeys(columns["brickname"].tolist())) if found), None)
    scale = NOMINAL_SCALE if known is None else known.scale
    return Source(columns, scale, blocks, counts)
