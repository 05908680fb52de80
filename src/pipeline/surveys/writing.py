"""A source becomes a shard of images and a table of the catalogue."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.data.flags import bit
from pipeline.data.shards import ImageShardWriter
from pipeline.data.tables import write_parquet
from pipeline.errors import PipelineError
from pipeline.surveys.columns import BANDS, CATALOGUE, complete, doubts_about_columns
from pipeline.surveys.source import Source


def write_source(
    source: Source,
    images: Path,
    catalogue: Path,
    *,
    pixels: int,
    compression: str,
    tranche: int,
    simulated: bool,
) -> dict[str, np.ndarray]:
    """Write one shard and its catalogue; return the catalogue's columns (N,).

    The images pass block by block, so that memory holds a brick and some cutouts, however long the shard.

    Raises
    ------
    PipelineError
        The rows are not sorted by object_id, or the blocks do not cover them once.
    """
    rows = len(source)
    object_id = np.asarray(source.columns["object_id"])
    if (object_id[1:] <= object_id[:-1]).any():
        raise PipelineError("the rows of a shard are not sorted by object_id, or one stands twice", where=images)
    columns = complete({**source.columns, "tranche": np.full(rows, tranche)}, rows)
    pixel_flags = np.zeros(rows, dtype=np.int32)
    written = np.zeros(rows, dtype=np.int64)
    attrs = {**source.attrs, "simulated": simulated}
    with ImageShardWriter(images, (rows, len(BANDS), pixels, pixels), attrs, compression, object_id) as shard:
        for block in source.blocks():
            _write_rows(shard, block.rows, block.images)
            pixel_flags[block.rows] |= block.flags
            written[block.rows] += 1
            for name, values in block.measured.items():
                columns[name][block.rows] = values
        if (written != 1).any():
            raise PipelineError(
                "a reader did not hand over each object once", where=images, value=int((written != 1).sum())
            )
        known = doubts_about_columns(columns)
        columns["flags"] |= known | pixel_flags | (bit("SIMULATED") if simulated else 0)
        shard.columns(columns)
    metadata = {key: source.attrs[key] for key in ("pixel_scale", "psf")}
    write_parquet(as_frame(columns), catalogue, {**metadata, "simulated": simulated})
    return columns


def as_frame(columns: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return the catalogue as a data frame whose text columns are text even when they are empty."""
    text = {name: pd.array(columns[name], dtype="str") for name, kind in CATALOGUE.items() if kind is str}
    return pd.DataFrame({name: text.get(name, columns[name]) for name in CATALOGUE})


def _write_rows(shard: ImageShardWriter, rows: np.ndarray, images: np.ndarray) -> None:
    """Write images to their rows, runs of consecutive rows in one call."""
    order = np.argsort(rows, kind="stable")
    for run in np.split(order, np.flatnonzero(np.diff(rows[order]) != 1) + 1):
        if len(run):
            ordered = bool((np.diff(run) == 1).all())
            shard.write(int(rows[run[0]]), images[run[0] : run[-1] + 1] if ordered else images[run])
