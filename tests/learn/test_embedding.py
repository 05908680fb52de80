"""Embeddings: those of the plain forward pass, whatever the shard; float16 limits."""

import numpy as np
import pytest
import torch

from pipeline.data.shards import ImageShard, write_image_shard
from pipeline.errors import PipelineError
from pipeline.images.network_input import plain_view
from pipeline.learn import encoder
from pipeline.learn.embedding import embed
from pipeline.settings.encoders import Network, View

NETWORK = Network.parse({"name": "resnet18", "width": 4, "stem": "small"})
VIEW = View.parse({"crop": 16, "pixels": 16, "transform": {"kind": "viewer_rgb"}})


@pytest.fixture(scope="module")
def network():
    torch.set_num_threads(1)
    made = encoder.build(NETWORK, 3).eval()
    return made.to(memory_format=torch.channels_last)


def shard(path, images) -> ImageShard:
    attrs = {"bands": ["g", "r", "z"], "pixel_scale": 0.262, "psf": "FWHM"}
    write_image_shard(path, images, {"object_id": np.arange(len(images))}, attrs, "none")
    return ImageShard(path)


def test_equals_the_forward_pass_and_does_not_depend_on_the_shard(tmp_path, network):
    images = np.random.default_rng(0).normal(0, 0.1, (21, 3, 24, 24)).astype(np.float32)
    with shard(tmp_path / "all.h5", images) as opened:
        values, norm = embed(opened, network, VIEW, 8, torch.device("cpu"))
    assert values.shape == (21, 32) and values.dtype == np.float16 and norm.dtype == np.float32
    with torch.no_grad():
        expected = network(plain_view(torch.from_numpy(images), VIEW)).numpy()
    assert np.allclose(values, expected, rtol=2e-3, atol=1e-4)
    assert norm == pytest.approx(np.linalg.norm(values.astype(np.float64), axis=1), rel=1e-6)
    parts = []
    for number, rows in enumerate((slice(0, 1), slice(1, 14), slice(14, 21))):
        with shard(tmp_path / f"{number}.h5", images[rows]) as opened:
            parts.append(embed(opened, network, VIEW, 8, torch.device("cpu")))
    assert np.concatenate([part[0] for part in parts]).tobytes() == values.tobytes()
    assert np.concatenate([part[1] for part in parts]).tobytes() == norm.tobytes()


def test_an_empty_shard(tmp_path, network):
    with shard(tmp_path / "none.h5", np.zeros((0, 3, 24, 24), dtype=np.float32)) as opened:
        values, norm = embed(opened, network, VIEW, 8, torch.device("cpu"))
    assert values.shape == (0, 32) and norm.shape == (0,)


@pytest.mark.parametrize("bad", [np.nan, 1e12])
def test_values_beyond_float16_are_an_error(tmp_path, network, bad):
    view = View.parse({"crop": 16, "pixels": 16, "transform": {"kind": "asinh", "scale": [1.0, 1.0, 1.0]}})
    images = np.zeros((3, 3, 24, 24), dtype=np.float32)
    images[1] = 1.0
    with torch.no_grad():
        large = encoder.build(NETWORK, 3).eval()
        large.layer4[1].bn2.bias.fill_(bad)
    with shard(tmp_path / "s.h5", images) as opened, pytest.raises(PipelineError, match="(?s)do not fit.*object 0"):
        embed(opened, large, view, 8, torch.device("cpu"))


def test_encoders_are_stored_and_loaded_whole(tmp_path, network):
    encoder.save(tmp_path / "w.pt", network.state_dict(), NETWORK, VIEW)
    again, view = encoder.load(tmp_path / "w.pt", torch.device("cpu"))
    assert view == VIEW and not again.training
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), network.parameters(), strict=True))
    other = Network.parse({"name": "resnet18", "width": 8, "stem": "small"})
    encoder.save(tmp_path / "x.pt", network.state_dict(), other, VIEW)
    with pytest.raises(PipelineError, match="do not fit the encoder that the file names"):
        encoder.load(tmp_path / "x.pt", torch.device("cpu"))
