"""Groups of images by place: rows, shards, random numbers."""

import numpy as np
import pytest
import torch

from pipeline.data.shards import write_image_shard
from pipeline.errors import PipelineError
from pipeline.learn.image_loader import find, groups


def shard(path, ids, pixel_scale=0.262):
    images = np.broadcast_to(np.array(ids, dtype=np.float32).reshape(-1, 1, 1, 1), (len(ids), 3, 8, 8))
    attrs = {"bands": ["g", "r", "z"], "pixel_scale": pixel_scale, "psf": "FWHM"}
    write_image_shard(path, images, {"object_id": np.array(ids)}, attrs, "lossless")
    return path


def test_images_come_in_the_order_asked_for(tmp_path):
    paths = [shard(tmp_path / "a.h5", [5, 2, 9]), shard(tmp_path / "b.h5", [7, 1])]
    places, _ = find(paths, np.array([1, 2, 5, 7, 9]))
    order = [(0, np.array([4, 0, 1])), (1, np.array([3, 3]))]
    for workers in (0, 2):
        made = list(groups(paths, places, iter(order), workers=workers, seed=1, views=("q", "k"), pixels=6))
        assert [epoch for epoch, *_ in made] == [0, 1]
        assert [images[:, 0, 0, 0].tolist() for _, _, images, _ in made] == [[9, 1, 2], [7, 7]]
        query, key = made[0][3]
        assert query.shape == (3, 3, 6, 6) and query.dtype == torch.float32
        assert not torch.equal(query, key) and not torch.equal(query[0], query[1])
        assert torch.equal(made[1][3][0][0], made[1][3][0][1])  # the same object, view and epoch
    again = next(groups(paths, places, [(0, np.array([1, 4]))], workers=0, seed=1, views=("q", "k"), pixels=6))
    assert torch.equal(again[3][0], made[0][3][0][[2, 0]])  # numbers belong to the object, not to its place
    other = next(groups(paths, places, [(1, np.array([1, 4]))], workers=0, seed=1, views=("q", "k"), pixels=6))
    assert not torch.equal(other[3][0], again[3][0])


def test_shards_of_two_pixel_scales_are_refused(tmp_path):
    paths = [shard(tmp_path / "a.h5", [1]), shard(tmp_path / "b.h5", [2], pixel_scale=0.25)]
    with pytest.raises(PipelineError, match="differ in pixel scale"):
        find(paths, np.array([1, 2]))
