"""Pictures: orientation, colours, cut, and which rows are read."""

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.data.shards import ImageShard, write_image_shard
from pipeline.errors import PipelineError
from pipeline.grading.pictures import cutouts, jpeg, picture


def test_north_is_up_and_the_middle_is_shown():
    image = np.zeros((3, 20, 20), dtype=np.float32)
    image[:, 14, 10] = 1.0  # a FITS row above the middle: north
    shown = picture(image, 1.0, 10)
    assert shown.shape == (10, 10, 3) and shown.dtype == np.uint8
    assert np.argwhere(shown.sum(axis=2) > 300).tolist() == [[0, 5]]


def test_red_is_the_z_band_and_the_sky_is_that_of_the_viewer():
    image = np.zeros((3, 4, 4), dtype=np.float32)
    image[2] = 0.5
    red, green, blue = picture(image, 1.0, 4)[0, 0].astype(int)
    assert red > 3 * green and red > 3 * blue
    # reference: sky level m = 0.03 in every band, asinh(20 * 0.03) / sqrt(20) = 0.1272
    assert picture(np.zeros((3, 4, 4)), 1.0, 4)[0, 0].tolist() == [32, 32, 32]


def test_bad_pixels_are_shown_as_sky():
    image = np.full((3, 4, 4), np.nan)
    assert (picture(image, 4.0, 4) == 32).all()


def test_jpeg_is_close_to_the_picture():
    y, x = np.mgrid[:64, :64]
    pixels = np.stack([x * 4, y * 4, (x + y) * 2], axis=-1).astype(np.uint8)
    back = np.asarray(Image.open(io.BytesIO(jpeg(pixels, 90)))).astype(int)
    assert np.abs(back - pixels).max() < 12
    assert jpeg(pixels, 90) == jpeg(pixels, 90)


def test_images_are_found_by_id_in_any_shard(tmp_path):
    generator = np.random.default_rng(0)
    images = generator.normal(size=(6, 3, 5, 5)).astype(np.float32)
    ids = np.array([50, 40, 60, 10, 30, 20])
    for number, rows in enumerate(([0, 1, 2], [3, 4, 5])):
        attrs = {"bands": ["g", "r", "z"], "pixel_scale": 0.262 + number, "psf": "FWHM"}
        write_image_shard(tmp_path / f"{number}.h5", images[rows], {"object_id": ids[rows]}, attrs, "lossless")
    shards = [ImageShard(tmp_path / "0.h5"), ImageShard(tmp_path / "1.h5")]
    found = cutouts(shards, np.array([20, 60, 50]))
    assert sorted(found) == [20, 50, 60]
    np.testing.assert_array_equal(found[60].image, images[2])
    np.testing.assert_array_equal(found[20].image, images[5])
    assert found[20].pixel_scale == pytest.approx(1.262)
    with pytest.raises(PipelineError, match="have no image"):
        cutouts(shards, np.array([20, 70]))
