"""Embeddings of all images of a shard, read ahead of the network."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from pipeline.data.shards import ImageShard
from pipeline.errors import PipelineError
from pipeline.images.network_input import plain_view
from pipeline.models.resnet import ResNet
from pipeline.settings.encoders import View

FLOAT16_MAX = 65504.0


def inputs(shard: ImageShard, view: View, batch: int) -> Iterator[tuple[torch.Tensor, int]]:
    """Yield (inputs (batch, 3, pixels, pixels), rows of them that count) for a shard; the last are padded with zeros.

    One batch is read and prepared in a thread while the one before is used.
    """

    def make(start: int) -> tuple[torch.Tensor, int]:
        images = torch.from_numpy(shard.read(slice(start, start + batch)))
        ready = torch.zeros(batch, 3, view.pixels, view.pixels)
        ready[: len(images)] = plain_view(images, view)
        return ready.contiguous(memory_format=torch.channels_last), len(images)

    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(make, 0) if len(shard) else None
        for start in range(0, len(shard), batch):
            ready = coming.result()
            if start + batch < len(shard):
                coming = reader.submit(make, start + batch)
            yield ready


@torch.inference_mode()
def embed(
    shard: ImageShard, encoder: ResNet, view: View, batch: int, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """Return embeddings (N, D) float16 of a shard's images, and their lengths (N,) float32.

    Every forward pass has `batch` images, so that the bits do not depend on the shard.

    Raises
    ------
    PipelineError
        A value is not finite or beyond the range of float16.
    """
    parts = [np.zeros((0, encoder.features), dtype=np.float32)]
    for images, count in inputs(shard, view, batch):
        parts.append(encoder(images.to(device))[:count].float().cpu().numpy())
    features = np.concatenate(parts)
    largest = np.abs(features).max(axis=1, initial=0)
    bad = np.flatnonzero(~(largest <= FLOAT16_MAX))
    if len(bad):
        raise PipelineError(
            f"{len(bad)} embeddings do not fit into float16",
            where=f"{shard.path}: object {shard.object_id[bad[0]]}",
            value=float(largest[bad[0]]),
            allowed=f"finite, at most {FLOAT16_MAX:.0f}",
            next="look at its image; an encoder whose training diverged does this to many",
        )
    stored = features.astype(np.float16)
    norm = np.sqrt(np.sum(stored.astype(np.float64) ** 2, axis=1)).astype(np.float32)
    return stored, norm
