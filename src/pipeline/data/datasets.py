"""Datasets: the shards of several manifests, read as one. Apart from manifests, which every stage reads."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.data.manifests import shard_paths
from pipeline.data.shards import read_result_shard
from pipeline.data.tables import read_parquet
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    import pandas as pd


def read_tables(manifest_paths: Iterable[Path], columns: list[str] | None = None) -> "pd.DataFrame":
    """Read the Parquet shards of a dataset as one frame, sorted by object_id (always among the columns)."""
    import pandas as pd  # half a second: scores and embeddings are read without it

    wanted = None if columns is None else list(dict.fromkeys(["object_id", *columns]))
    paths = [path for manifest in manifest_paths for _, path in shard_paths(manifest, ".parquet")]
    frames = [read_parquet(path, wanted) for path in paths]
    if not frames:
        return pd.DataFrame(columns=wanted or ["object_id"])
    frames = [frame for frame in frames if len(frame)] or frames[:1]
    return pd.concat(frames, ignore_index=True).sort_values("object_id", kind="stable", ignore_index=True)


def read_results(manifest_paths: Iterable[Path], names: list[str]) -> dict[str, np.ndarray]:
    """Read the result shards of a dataset as arrays, sorted by object_id (always among the keys)."""
    parts = [read_result_shard(path, names) for manifest in manifest_paths for _, path in shard_paths(manifest, ".h5")]
    if not parts:
        raise PipelineError("the dataset has no shards", value=names)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in ("object_id", *names)}
    order = np.argsort(joined["object_id"], kind="stable")
    return {name: values[order] for name, values in joined.items()}
