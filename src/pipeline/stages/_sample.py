"""The sample as the stages of models read it: which objects train, choose and calibrate."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.data.tables import read_parquet

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
