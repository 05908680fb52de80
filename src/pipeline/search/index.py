"""Neighbours on disk: the vectors in the order of magnitude, checkpoints, the state that lets a survey grow."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from pipeline.data.atomic import atomic, remove_stale_temporaries
from pipeline.data.manifests import read_manifest, shard_paths
from pipeline.data.shards import new_file, read_result_shard
from pipeline.errors import PipelineError
from pipeline.images.photometry import magnitudes
from pipeline.search.objects import Lists, Objects, Result, systems

if TYPE_CHECKING:
    import pandas as pd

VECTORS = "vectors.npy"


@dataclass(frozen=True)
class Source:
    """One shard of embeddings."""

    shard: str
    path: Path
    sha256: str


def sources(manifests: list[Path]) -> list[Source]:
    """Return the shards of the embeddings, in the order of their names."""
    found = []
    for manifest in manifests:
        digests = {entry.shard: next(iter(entry.files.values())) for entry in read_manifest(manifest).shards}
        found += [Source(shard, path, digests[shard]) for shard, path in shard_paths(manifest, ".h5")]
    return sorted(found, key=lambda source: source.shard)


def table_digests(manifests: list[Path]) -> list[str]:
    """Return the sha256 of every file that the manifests name, sorted."""
    return sorted(
        digest for path in manifests for entry in read_manifest(path).shards for digest in entry.files.values()
    )


class State:
    """What one run leaves for the next: its lists and what they were made from.

    Parameters
    ----------
    folder : Path
        A folder of this encoder in `work/`; it may be deleted at the cost of time only.
    made_from : dict
        `embeddings` and `catalogue` (sorted sha256), `settings`, `fingerprint`.

    Attributes
    ----------
    previous : Result or None
        Lists of an earlier run with the same settings and code whose inputs are among those of now.
    checkpoints : Path
        Folder for what this run has finished.
    """

    def __init__(self, folder: Path, made_from: dict):
        self.folder = folder
        self.made_from = made_from
        self._lists = folder / "lists.h5"
        remove_stale_temporaries(self._lists)
        before, self.previous = self._read()
        # Blocks of a run that appends are not those of a run from scratch.
        key = json.dumps([made_from, before], sort_keys=True)
        self.checkpoints = folder / hashlib.sha256(key.encode()).hexdigest()[:16]

    def _read(self) -> tuple[dict | None, Result | None]:
        """Return what an earlier run was made from, and its lists, when its inputs are among those of now."""
        try:
            with h5py.File(self._lists, "r") as file:
                before = json.loads(file["made_from"].asstr()[()])
                if any(before[key] != self.made_from[key] for key in ("settings", "fingerprint")):
                    return None, None
                if any(set(before[key]) - set(self.made_from[key]) for key in ("embeddings", "catalogue")):
                    return None, None
                lists = (file[name][()] for name in ("object_id", "neighbour_id", "similarity"))
                return before, Result(*lists)
        except (OSError, KeyError, ValueError):
            return None, None  # no state, or one that cannot be read: the run starts from scratch

    def keep(self, result: Result) -> None:
        """Store the lists for the next run and drop the checkpoints."""
        with atomic(self._lists) as temporary, new_file(temporary) as file:
            file["made_from"] = json.dumps(self.made_from)  # an attribute ends at 64 kB
            for name in ("object_id", "neighbour_id", "similarity"):
                file[name] = getattr(result, name)
        for old in self.folder.iterdir():
            if old.is_dir():
                shutil.rmtree(old)

    def block(self, number: int, make: Callable[[], Lists]) -> Lists:
        """Return the lists of one block of queries: from its checkpoint, or made and stored."""
        path = self.checkpoints / f"block-{number:06d}.npz"
        try:
            with np.load(path) as stored:
                return Lists(stored["row"], stored["similarity"])
        except (OSError, ValueError, KeyError):
            lists = make()
        with atomic(path) as temporary:
            np.savez(temporary, row=lists.row, similarity=lists.similarity)
        return lists


def map_vectors(folder: Path) -> np.ndarray:
    """Return the vectors that `open_objects` wrote, as a memory map."""
    return np.load(folder / VECTORS, mmap_mode="r")


def open_objects(found: list[Source], catalogue: "pd.DataFrame", settings, folder: Path) -> tuple[Objects, int]:
    """Gather what can be searched: vectors as a memory map in the order of magnitude, and the rest in memory.

    Parameters
    ----------
    found : list of Source
    catalogue : DataFrame
        `object_id`, `ra`, `dec` (degrees) and `flux_<band>` (nanomaggies), sorted by object_id.
    settings : settings.similarity.Similarity
    folder : Path
        Where the memory map is written.

    Returns
    -------
    objects : Objects
    left_out : int
        Objects without a magnitude in the band, or whose embedding is zero or not finite: they have no neighbours
        and are nobody's neighbour.

    Raises
    ------
    PipelineError
        An embedding has no row in the catalogue, an id occurs twice, or the dimensions differ.
    """
    ids, norm, dimensions = _identities(found)
    _check_ids(ids, catalogue, found)
    table = catalogue.iloc[np.searchsorted(catalogue["object_id"].to_numpy(), ids)]
    brightness = magnitudes(table[f"flux_{settings.magnitude_band}"].to_numpy())
    usable = np.flatnonzero(np.isfinite(brightness) & np.isfinite(norm) & (norm > 0))
    order = usable[np.lexsort((ids[usable], brightness[usable]))]
    group = systems(table["ra"].to_numpy()[order], table["dec"].to_numpy()[order], settings.duplicate_arcsec)
    vectors = _vectors(found, order, len(ids), dimensions, folder)
    return Objects(ids[order], brightness[order], group, vectors, norm[order]), len(ids) - len(order)


def read_lists(manifest: Path, object_id: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return neighbour_id (k,) and similarity (k,) of one object, best first; None when no shard holds it."""
    for _, path in shard_paths(manifest, ".h5"):
        row = np.flatnonzero(read_result_shard(path, [])["object_id"] == object_id)
        if len(row):
            shard = read_result_shard(path, ["neighbour_id", "similarity"])
            return shard["neighbour_id"][row[0]], shard["similarity"][row[0]]
    return None


def _identities(found: list[Source]) -> tuple[np.ndarray, np.ndarray, int]:
    """Return ids (N,), norms (N,) and the dimension of all embeddings, shard after shard."""
    ids, norms, sizes = [], [], set()
    for source in found:
        shard = read_result_shard(source.path, ["embedding"])
        ids.append(shard["object_id"])
        norms.append(_norm(shard["embedding"]))
        sizes.add(shard["embedding"].shape[1])
    if len(sizes) > 1:
        raise PipelineError("embeddings differ in dimension", where=found[0].path.parent, value=sorted(sizes))
    return np.concatenate(ids), np.concatenate(norms), sizes.pop()


def _vectors(found: list[Source], order: np.ndarray, rows: int, dimensions: int, folder: Path) -> np.ndarray:
    """Write the vectors in the given order, shard by shard, and return them as a memory map."""
    target = np.full(rows, -1)
    target[order] = np.arange(len(order))
    with atomic(folder / VECTORS) as temporary:
        out = np.lib.format.open_memmap(temporary, "w+", np.float16, (max(1, len(order)), dimensions))
        begin = 0
        for source in found:
            embedding = read_result_shard(source.path, ["embedding"])["embedding"]
            place = target[begin : begin + len(embedding)]
            out[place[place >= 0]] = embedding[place >= 0]
            begin += len(embedding)
        out.flush()
    return map_vectors(folder)


def _norm(embedding: np.ndarray) -> np.ndarray:
    """Return the Euclidean norms, float64 (n,), row by row, so that a norm does not depend on other rows."""
    return np.sqrt(np.square(embedding.astype(np.float64)).sum(axis=1))


def _check_ids(ids: np.ndarray, catalogue: "pd.DataFrame", found: list[Source]) -> None:
    where = found[0].path.parent
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise PipelineError("an object has two embeddings", where=where, value=values[counts > 1][:5].tolist())
    missing = values[~np.isin(values, catalogue["object_id"].to_numpy())]
    if len(missing):
        raise PipelineError(
            f"{len(missing)} embedding(s) have no row in the catalogue",
            where=where,
            value=missing[:5].tolist(),
            next="take embeddings and catalogue of the same run",
        )
