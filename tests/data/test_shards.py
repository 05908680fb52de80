"""Shards: what is written is read, whatever the compression, and the bytes repeat."""

import pickle

import numpy as np
import pytest

from pipeline.data.quantize import STEPS_PER_SIGMA
from pipeline.data.shards import (
    COMPRESSIONS,
    ImageShard,
    ImageShardWriter,
    read_result_shard,
    write_image_shard,
    write_result_shard,
)
from pipeline.errors import PipelineError

ATTRS = {"bands": ["g", "r", "z"], "pixel_scale": 0.262, "psf": "FWHM, arcsec"}


def _content(n=7):
    generator = np.random.default_rng(1)
    images = generator.normal(size=(n, 3, 10, 10)).astype("f4")
    columns = {
        "object_id": np.arange(n, dtype=np.int64) + 2**60,
        "type": np.array(["DEV", "REX", "", "SER", "EXP", "DEV", "é"][:n], dtype=object),
        "ebv": generator.uniform(size=n).astype("f4"),
    }
    return images, columns


def _as_read(images, compression):
    """What a shard gives back of images (N, 3, H, W), whose noise is 1; 100 pixels a band leave it uncertain."""
    return pytest.approx(images, rel=0, abs=1 / STEPS_PER_SIGMA if compression == "quantized" else 0)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_round_trip(tmp_path, compression):
    images, columns = _content()
    write_image_shard(tmp_path / "a.h5", images, columns, ATTRS, compression)
    with ImageShard(tmp_path / "a.h5") as shard:
        assert len(shard) == 7 and shard.attrs["rows"] == 7
        assert shard.attrs["bands"] == ["g", "r", "z"] and shard.attrs["pixel_scale"] == 0.262
        assert shard.columns == ["ebv", "object_id", "type"]
        np.testing.assert_array_equal(shard.object_id, columns["object_id"])
        assert shard.column("type").tolist() == columns["type"].tolist()
        assert shard.shape == images.shape
        whole = shard.read(slice(None))
        assert whole.dtype == np.float32 and whole == _as_read(images, compression)
        np.testing.assert_array_equal(shard.read(slice(2, 5)), whole[2:5])
        np.testing.assert_array_equal(shard.read(slice(1, None, 3)), whole[1::3])
        assert shard.read(slice(5, 2)).shape == (0, 3, 10, 10)
        rows = np.array([6, 0, 1, 2, 4, 4])
        np.testing.assert_array_equal(shard.read(rows), whole[rows])


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_the_bytes_repeat_and_do_not_depend_on_the_pieces(tmp_path, compression):
    images, columns = _content()
    write_image_shard(tmp_path / "a.h5", images, columns, ATTRS, compression)
    with ImageShardWriter(tmp_path / "b.h5", images.shape, ATTRS, compression, columns["object_id"]) as writer:
        writer.write(0, images[:3])
        writer.write_rows(np.array([5, 3, 4, 6]), images[[5, 3, 4, 6]])
        writer.columns(columns)
    write_image_shard(tmp_path / "c.h5", images, columns, ATTRS, compression)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "c.h5").read_bytes()
    with ImageShard(tmp_path / "a.h5") as shard, ImageShard(tmp_path / "b.h5") as pieces:
        np.testing.assert_array_equal(pieces.read(slice(None)), shard.read(slice(None)))
        assert pieces.read(slice(None)) == _as_read(images, compression)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_shard_without_rows(tmp_path, compression):
    images, columns = _content(0)
    write_image_shard(tmp_path / "a.h5", images, columns, ATTRS, compression)
    with ImageShard(tmp_path / "a.h5") as shard:
        assert len(shard) == 0 and shard.object_id.shape == (0,)
        assert shard.read(slice(None)).shape == shard.read(np.zeros(0, dtype=int)).shape == (0, 3, 10, 10)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_reader_can_be_sent_to_another_process(tmp_path, compression):
    images, columns = _content()
    write_image_shard(tmp_path / "a.h5", images, columns, ATTRS, compression)
    with ImageShard(tmp_path / "a.h5") as shard:
        image = shard.read(slice(3, 4))
        copy = pickle.loads(pickle.dumps(shard))
    np.testing.assert_array_equal(copy.read(np.array([3])), image)
    copy.close()


def test_faults_name_the_file_and_the_value(tmp_path):
    images, columns = _content()
    with pytest.raises(PipelineError, match="5 rows, 7 images"):
        write_image_shard(tmp_path / "a.h5", images, {"object_id": np.arange(5)}, ATTRS, "none")
    with pytest.raises(PipelineError, match=r"unknown compression(.|\n)*none, lossless, quantized"):
        write_image_shard(tmp_path / "a.h5", images, columns, ATTRS, "zip")
    with pytest.raises(PipelineError, match="object_id is not that of the images"):
        with ImageShardWriter(tmp_path / "a.h5", images.shape, ATTRS, "none", columns["object_id"] + 1) as writer:
            writer.columns(columns)
    write_image_shard(tmp_path / "good.h5", images, columns, ATTRS, "none")
    whole = (tmp_path / "good.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PipelineError, match=r"cannot be read as HDF5(.|\n)*cut\.h5"):
        len(ImageShard(tmp_path / "cut.h5"))
    with pytest.raises(PipelineError, match="not found"):
        len(ImageShard(tmp_path / "none.h5"))
    with ImageShard(tmp_path / "good.h5") as shard, pytest.raises(PipelineError, match="no such column(.|\n)*ebv"):
        shard.column("ebw")


def test_result_shard(tmp_path):
    score = np.array([0.5, -1, 3], dtype="f4")
    write_result_shard(tmp_path / "a.h5", object_id=np.array([3, 1, 2]), score=score, other=np.zeros((3, 2)))
    read = read_result_shard(tmp_path / "a.h5")
    assert sorted(read) == ["object_id", "other", "score"] and read["score"].dtype == np.float32
    np.testing.assert_array_equal(read["score"], score)
    write_result_shard(tmp_path / "b.h5", object_id=np.array([3, 1, 2]), score=score, other=np.zeros((3, 2)))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    with pytest.raises(PipelineError, match="lacks a dataset"):
        read_result_shard(tmp_path / "a.h5", ["norm"])
    with pytest.raises(PipelineError, match="differ in length"):
        write_result_shard(tmp_path / "c.h5", object_id=np.arange(2), score=score)
