"""Spectra, samples and estimates as the stages of redshifts read them: rows in the order of spectrum_id."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.data.datasets import read_tables
from pipeline.data.manifests import read_manifest, shard_paths
from pipeline.data.shards import read_result_shard
from pipeline.data.tables import read_parquet
from pipeline.errors import PipelineError
from pipeline.learn.redshift_combination import Spectra

if TYPE_CHECKING:
    import pandas as pd

# What `spectra_of` needs.
COLUMNS = ("sn_median", "wave_min", "wave_max", "flags")


def read_catalogue(manifests: list[Path], columns: tuple[str, ...]) -> "pd.DataFrame":
    """Return columns of the catalogue of spectra."""
    table = read_tables(manifests, ["spectrum_id", *columns])
    return table.sort_values("spectrum_id", kind="stable", ignore_index=True)


def read_sample(path: Path) -> "pd.DataFrame":
    """Return sample.parquet."""
    return read_parquet(path).sort_values("spectrum_id", kind="stable", ignore_index=True)


def read_combined(manifests: list[Path]) -> dict[str, np.ndarray]:
    """Return all columns of combined redshifts."""
    parts = [read_result_shard(path) for manifest in manifests for _, path in shard_paths(manifest, ".h5")]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(joined["spectrum_id"], kind="stable")
    return {name: values[order] for name, values in joined.items()}


def spectra_of(table: "pd.DataFrame") -> Spectra:
    """Return what the combination reads of the catalogue (`COLUMNS`)."""
    return Spectra(*(table[name].to_numpy() for name in COLUMNS))


def by_estimator(manifests: list[Path], names: list[str]) -> dict[str, list[Path]]:
    """Return the manifests of each named estimator, in the order of `names`; a manifest knows whose it is.

    Raises
    ------
    PipelineError
        An estimator has no manifest, or a manifest is of another one.
    """
    found: dict[str, list[Path]] = {name: [] for name in names}
    for path in manifests:
        name = read_manifest(path).dataset
        if name not in found:
            raise PipelineError("redshifts of an unknown estimator", where=path, value=name, allowed=", ".join(names))
        found[name].append(path)
    if missing := [name for name, paths in found.items() if not paths]:
        raise PipelineError("redshifts of an estimator are missing", where="--redshifts", value=", ".join(missing))
    return found
