"""Embedding from shard to shard beside the bare forward pass of the same network and batch."""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import yaml

from pipeline.data.shards import ImageShard, write_image_shard, write_result_shard
from pipeline.learn import encoder
from pipeline.learn.device import set_up
from pipeline.learn.embedding import embed
from pipeline.settings.embed import Embed
from pipeline.settings.encoders import MocoEncoder

SHARDS, ROWS, PIXELS = 3, 2560, 152  # 7,680 images; the first shard is not timed
GOAL = 0.9


def _shards(folder: Path) -> list[Path]:
    """Write shards of noise: a network's speed does not depend on what it sees."""
    rng = np.random.default_rng(1)
    paths = []
    for number in range(SHARDS):
        images = rng.normal(0.0, 0.02, (ROWS, 3, PIXELS, PIXELS)).astype(np.float32)
        ids = number * ROWS + np.arange(ROWS)
        attrs = {"bands": ["g", "r", "z"], "pixel_scale": 0.262, "psf": "FWHM"}
        paths.append(folder / f"s{number}.h5")
        write_image_shard(paths[-1], images, {"object_id": ids}, attrs, "none")
    return paths


def embed_row(config: str = "config/study.yaml", name: str = "moco") -> dict:
    """Return the row `embed`: images/s of the encoder of a run, random weights, as the stage embeds, and bare.

    The two take turns, a shard each, so that what else the machine does weighs on both; the first turn warms up.
    """
    settings = yaml.safe_load((Path(__file__).resolve().parents[1] / config).read_text())
    setting, how = MocoEncoder.parse(settings["encoders"][name]), Embed.parse(settings["embed"])
    device = set_up(how.threads)
    network = encoder.build(setting.network, 1).eval().requires_grad_(False)
    network.to(device, memory_format=torch.channels_last)
    pixels = setting.view.pixels
    batch = torch.randn(how.batch, 3, pixels, pixels).to(device, memory_format=torch.channels_last)

    def ours(path: Path, out: Path) -> None:
        with ImageShard(path) as shard:
            embedding, norm = embed(shard, network, setting.view, how.batch, device)
            write_result_shard(out, object_id=shard.object_id, embedding=embedding, norm=norm)

    @torch.inference_mode()
    def bare() -> None:
        for _ in range(ROWS // how.batch):
            network(batch)
        if device.type == "cuda":
            torch.cuda.synchronize()

    turns = []
    with tempfile.TemporaryDirectory() as scratch:
        for path in _shards(Path(scratch)):
            begin = time.perf_counter()
            ours(path, path.with_suffix(".out"))
            middle = time.perf_counter()
            bare()
            turns.append((middle - begin, time.perf_counter() - middle))
    timed = turns[1:]
    return {
        "name": "embed",
        "ours": ROWS / statistics.median(turn[0] for turn in timed),
        "peer": ROWS / statistics.median(turn[1] for turn in timed),
        "limit": None,
        "unit": "images/s",
        "ratio": statistics.median(turn[1] / turn[0] for turn in timed),
        "goal": f">= {GOAL}",
    }


if __name__ == "__main__":
    print(embed_row())
