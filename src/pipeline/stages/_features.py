"""Features of a probe, read from the datasets that hold them."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.data.datasets import read_tables
from pipeline.data.lookup import rows_of
from pipeline.data.manifests import read_manifest, shard_paths
from pipeline.data.shards import read_result_shard
from pipeline.errors import PipelineError
from pipeline.learn.features import CATALOGUE_COLUMNS, assemble, encoder_of

if TYPE_CHECKING:
    import pandas as pd


def embeddings_by_encoder(manifests: list[Path], features: list[str]) -> dict[str, list[Path]]:
    """Group manifests of embeddings by the encoder, which is the name of their dataset.

    Raises
    ------
    PipelineError
        An encoder that a feature names has no manifest here.
    """
    groups: dict[str, list[Path]] = {}
    for manifest in manifests:
        groups.setdefault(read_manifest(manifest).dataset.rsplit("/", 1)[-1], []).append(manifest)
    wanted = [encoder for encoder in map(encoder_of, features) if encoder]
    missing = [encoder for encoder in wanted if encoder not in groups]
    if missing:
        raise PipelineError(
            "no embeddings of an encoder that the features name",
            where="--embeddings",
            value=", ".join(missing),
            allowed=", ".join(groups) or None,
        )
    return {encoder: groups[encoder] for encoder in wanted}


def needs_catalogue(features: list[str]) -> bool:
    """Return whether a source is made from catalogue columns."""
    return any(encoder_of(feature) is None for feature in features)


def read_embeddings(paths: Iterable[Path], object_id: np.ndarray, where: object) -> np.ndarray:
    """Return the embeddings (N, D) float16 of the objects (N,), from shards of which one is in memory at a time.

    Raises
    ------
    PipelineError
        An object has no embedding.
    """
    order = np.argsort(object_id, kind="stable")
    wanted = object_id[order]
    out, seen = None, np.zeros(len(wanted), dtype=bool)
    for path in paths:
        shard = read_result_shard(path, ["embedding"])
        if out is None:
            out = np.zeros((len(wanted), shard["embedding"].shape[1]), dtype=np.float16)
        at = np.minimum(np.searchsorted(wanted, shard["object_id"]), max(len(wanted) - 1, 0))
        hit = wanted[at] == shard["object_id"] if len(wanted) else np.zeros(len(at), dtype=bool)
        out[order[at[hit]]] = shard["embedding"][hit]
        seen[at[hit]] = True
    rows_of(wanted[seen], wanted, where, "object")
    return out


def read_features(
    features: list[str],
    embeddings: dict[str, list[Path]],
    catalogue: list[Path],
    object_id: np.ndarray,
    normalize: bool,
) -> tuple[list[str], np.ndarray]:
    """Return names and matrix (N, F) float32 of the features of the objects (N,); see `learn.features.assemble`."""
    frame = None
    if needs_catalogue(features):
        frame = read_tables(catalogue, list(CATALOGUE_COLUMNS))
        rows = rows_of(frame["object_id"].to_numpy(), object_id, "--catalogue", "object")
        frame = frame.iloc[rows].reset_index(drop=True)
    vectors = {
        encoder: read_embeddings((path for one in manifests for _, path in shard_paths(one)), object_id, encoder)
        for encoder, manifests in embeddings.items()
    }
    return assemble(features, frame, vectors, normalize=normalize)


def shard_features(
    features: list[str], embeddings: dict[str, Path], frame: "pd.DataFrame", normalize: bool
) -> tuple[list[str], np.ndarray]:
    """Return names and matrix (N, F) float32 of the features of one shard, rows as in its catalogue `frame`."""
    ids = frame["object_id"].to_numpy()
    vectors = {encoder: read_embeddings([path], ids, path) for encoder, path in embeddings.items()}
    return assemble(features, frame, vectors, normalize=normalize)
