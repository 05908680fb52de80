"""Groups of images from many shards in a given order, read by no, one or several processes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from pipeline.data import random
from pipeline.data.shards import ImageShard
from pipeline.errors import PipelineError


@dataclass(frozen=True)
class Places:
    """Where each of N objects lies: `object_id` (N,) int64, `shard` (N,) index of its file, `row` (N,)."""

    object_id: np.ndarray
    shard: np.ndarray
    row: np.ndarray

    def __len__(self) -> int:
        return len(self.object_id)


def find(paths: list[Path], object_id: np.ndarray) -> tuple[Places, float]:
    """Find objects (N,) in image shards; return their places in the order given, and the pixel scale in arcsec.

    Raises
    ------
    PipelineError
        An object is in none of them, or the shards differ in pixel scale.
    """
    ids, shards, rows, scales = [], [], [], {}
    for index, path in enumerate(paths):
        with ImageShard(path) as shard:
            ids.append(shard.object_id)
            scales[float(shard.attrs["pixel_scale"])] = path
        rows.append(np.arange(len(ids[-1])))
        shards.append(np.full(len(ids[-1]), index))
    if len(scales) != 1:
        raise PipelineError("the image shards differ in pixel scale", value=sorted(scales), allowed="one scale a run")
    every, shards, rows = np.concatenate(ids), np.concatenate(shards), np.concatenate(rows)
    order = np.argsort(every, kind="stable")
    found = np.searchsorted(every[order], object_id)
    place = order[np.minimum(found, len(order) - 1)] if len(order) else np.zeros(len(object_id), dtype=np.int64)
    missing = np.flatnonzero(every[place] != object_id) if len(order) else np.arange(len(object_id))
    if len(missing):
        raise PipelineError(
            f"{len(missing)} of {len(object_id)} objects of the sample are in no image shard",
            value=f"object {object_id[missing[0]]}",
            next="skysieve check RUN, then snakemake",
        )
    return Places(np.asarray(object_id), shards[place], rows[place]), next(iter(scales))


class _Groups(Dataset):
    """Items are chosen by (epoch, positions): the images there, and standard normal numbers for each of `views`."""

    def __init__(self, paths: list[Path], places: Places, seed: int, views: tuple[str, ...], pixels: int):
        self.shards = [ImageShard(path) for path in paths]
        self.places, self.seed, self.views, self.pixels = places, seed, views, pixels

    def __getitem__(self, item: tuple[int, np.ndarray]):
        epoch, positions = item
        shard, row = self.places.shard[positions], self.places.row[positions]
        images = None
        for index in np.unique(shard):
            of = np.flatnonzero(shard == index)
            part = self.shards[index].read(row[of])
            if images is None:
                images = np.empty((len(positions), *part.shape[1:]), dtype=np.float32)
            images[of] = part
        normals = [self._normals(view, epoch, self.places.object_id[positions]) for view in self.views]
        return epoch, positions, torch.from_numpy(images), normals

    def _normals(self, view: str, epoch: int, object_id: np.ndarray) -> torch.Tensor:
        shape = (3, self.pixels, self.pixels)
        streams = (random.stream(self.seed, view, "pixels", epoch, one) for one in object_id.tolist())
        return torch.from_numpy(np.stack([stream.standard_normal(shape, dtype=np.float32) for stream in streams]))


def groups(
    paths: list[Path],
    places: Places,
    order: Iterable[tuple[int, np.ndarray]],
    *,
    workers: int,
    seed: int = 0,
    views: tuple[str, ...] = (),
    pixels: int = 0,
) -> Iterator[tuple[int, np.ndarray, torch.Tensor, list[torch.Tensor]]]:
    """Yield (epoch, positions, images (n, 3, H, W), normals) for each (epoch, positions) of an order.

    What is yielded does not depend on the number of workers. A worker opens the shards itself, at first use.

    Parameters
    ----------
    paths : list of Path
        Image shards.
    places : Places
        The objects; positions are places in it.
    order : iterable of (epoch, positions)
    workers : int
        Processes that read ahead; 0 reads in this one.
    seed, views, pixels
        For each view (a name), normals (n, 3, pixels, pixels) drawn by (seed, view, epoch, object).
    """
    dataset = _Groups(paths, places, seed, views, pixels)
    yield from DataLoader(dataset, batch_size=None, sampler=order, num_workers=workers)
