"""Images of single objects from a dataset of shards."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipeline.data.shards import ImageShard


def read_images(shards: Iterable[Path], object_id: Iterable[int]) -> tuple[dict[int, np.ndarray], float]:
    """Return the images (3, H, W), nanomaggies, of objects by id, and the pixel scale in arcsec.

    Only the rows wanted are read; objects that no shard holds are left out.
    """
    wanted = np.unique(np.asarray(list(object_id), dtype=np.int64))
    found: dict[int, np.ndarray] = {}
    scale = float("nan")
    for path in shards:
        with ImageShard(path) as shard:
            ids = shard.object_id
            rows = np.flatnonzero(np.isin(ids, wanted))
            if not np.isfinite(scale):
                scale = float(shard.attrs["pixel_scale"])
            if len(rows):
                found.update(zip(ids[rows].tolist(), np.nan_to_num(shard.read(rows)), strict=True))
    return found, scale
