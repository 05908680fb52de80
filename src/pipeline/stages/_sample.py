"""The sample as the stages of models read it: which objects train, choose and calibrate."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.data.tables import read_parquet
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    import pandas as pd


def read_sample(path: Path) -> "pd.DataFrame":
    """Return the rows of sample.parquet in the order of object_id."""
    return read_parquet(path).sort_values("object_id", kind="stable", ignore_index=True)


def training_rows(sample: "pd.DataFrame", tier: int | None) -> "pd.DataFrame":
    """Return the training set: its lenses, and the non-lenses of the ratio with index `tier` (None: of all ratios)."""
    chosen = sample["set"] == "train"
    if tier is not None:
        chosen &= sample["tier"] <= tier
    return sample[chosen].reset_index(drop=True)


def held_out_rows(sample: "pd.DataFrame", name: str) -> "pd.DataFrame":
    """Return the rows of the set `select` or `calibrate`."""
    return sample[sample["set"] == name].reset_index(drop=True)


def places(all_ids: np.ndarray, wanted: np.ndarray, where: object) -> np.ndarray:
    """Return the row in all_ids (sorted) of each wanted id.

    Raises
    ------
    PipelineError
        An id is not there.
    """
    found = np.minimum(np.searchsorted(all_ids, wanted), max(len(all_ids) - 1, 0))
    missing = wanted[all_ids[found] != wanted] if len(all_ids) else wanted
    if len(missing):
        raise PipelineError(
            f"{len(missing)} of {len(wanted)} objects are not in this dataset",
            where=where,
            value=f"object {missing[0]}",
            next="skysieve check RUN, then snakemake",
        )
    return found
