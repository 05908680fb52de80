"""Pre-training of an encoder without labels: MoCo v2 on two augmented views of each image (Stein et al. 2021, §3.1)."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pipeline.data import random
from pipeline.errors import PipelineError, Stopped
from pipeline.images.augment import UNIFORMS, augment, draw
from pipeline.images.distributions import Distributions
from pipeline.images.network_input import transform
from pipeline.images.own import Own
from pipeline.learn import encoder
from pipeline.learn.checkpoints import Checkpoints
from pipeline.learn.device import generator
from pipeline.learn.image_loader import Places, groups
from pipeline.learn.moco import Moco, Queue
from pipeline.learn.ranks import ALONE, Ranks
from pipeline.log import Log
from pipeline.models.projection import Projection
from pipeline.settings.augmentation import Augmentation
from pipeline.settings.encoders import MocoEncoder, MocoTraining, View

VIEWS = ("pretrain/query", "pretrain/key")
HISTORY = ("epoch", "loss", "accuracy", "learning_rate")


@dataclass(frozen=True)
class Sample:
    """The objects of a pre-training: files, places in them, what the images already have."""

    paths: list[Path]
    places: Places
    own: Own


def check_size(n: int, training: MocoTraining) -> None:
    """Check that a sample of n objects fills the queue at most half.

    Raises
    ------
    PipelineError
        A longer queue would hold keys of the same object from the epoch before, as if it were another object.
    """
    if 2 * training.queue > n:
        raise PipelineError(
            "the queue of keys exceeds half of the training set",
            where="encoders.*.training.queue",
            value=f"{training.queue} keys, {n} objects",
            allowed=f"at most {n // 2}, a multiple of batch ({training.batch})",
        )


def learning_rate(training: MocoTraining, step: int, steps: int) -> float:
    """Return the learning rate of a step: a half cosine from the full rate to zero, without warm-up."""
    return training.learning_rate * 0.5 * (1 + math.cos(math.pi * step / steps))


def epoch_order(places: Places, training: MocoTraining, seed: int, epoch: int) -> np.ndarray:
    """Return positions (steps, batch) of one epoch; what does not fill a batch is left out, other objects each time."""
    order = random.order(seed, "pretrain/order", epoch, places.object_id)
    steps = len(places) // training.batch
    return order[: steps * training.batch].reshape(steps, training.batch)


def batch_order(places: Places, training: MocoTraining, seed: int, first: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (epoch, positions of a batch) from step `first` to the end of the training."""
    steps = len(places) // training.batch
    for epoch in range(first // steps, training.epochs):
        for batch in epoch_order(places, training, seed, epoch)[max(0, first - epoch * steps) :]:
            yield epoch, batch


def group_order(
    places: Places, training: MocoTraining, seed: int, first: int, part: slice = slice(None)
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (epoch, positions of a group) from step `first` on, of that part of each batch."""
    for epoch, batch in batch_order(places, training, seed, first):
        for positions in batch[part].reshape(-1, training.group):
            yield epoch, positions


class Views:
    """Two augmented inputs of each image of a group, made on the device from what the loader yields."""

    def __init__(self, sample: Sample, view: View, augmentation: Augmentation, distributions: Distributions, seed: int):
        self.sample, self.view, self.seed = sample, view, seed
        self.augmentation, self.distributions = augmentation, distributions

    def __call__(self, item: tuple, device: torch.device) -> list[torch.Tensor]:
        """Return the query's and the key's view, each (n, 3, pixels, pixels).

        Raises
        ------
        PipelineError
            The images are smaller than the crop.
        """
        epoch, positions, images, normals = item
        if min(images.shape[-2:]) < self.view.crop:
            raise PipelineError(
                "the images are smaller than what the encoder sees",
                where="encoders.*.view.crop",
                value=f"{self.view.crop} of {images.shape[-2]}x{images.shape[-1]} pixels",
                next="lower it, or raise ingest.cutout_pixels",
            )
        images = images.to(device)
        ids, own = self.sample.places.object_id[positions], self.sample.own[positions]
        views = []
        for name, numbers in zip(VIEWS, normals, strict=True):
            uniform = random.uniform(self.seed, name, epoch, ids, UNIFORMS)
            draws = draw(uniform, own, self.augmentation, self.distributions)
            numbers = None if self.augmentation.noise == "off" else numbers
            fluxes = augment(images, draws, numbers, self.view.crop, self.view.pixels)
            views.append(transform(fluxes, self.view.transform))
        return views


class Training:
    """A pre-training between two steps: networks, queue, optimiser, curve. It can be stored and restored.

    Parameters
    ----------
    setting : MocoEncoder
    seed : int
        First weights and first queue are drawn from it.
    steps : int
        Steps an epoch.
    device : torch.device
    ranks : Ranks
    """

    def __init__(self, setting: MocoEncoder, seed: int, steps: int, device: torch.device, ranks: Ranks = ALONE):
        training = setting.training
        backbone = encoder.build(setting.network, seed)
        words = random.stream(seed, "pretrain", "projection and queue")
        network = nn.Sequential(backbone, Projection(backbone.features, training.projection, generator(words)))
        network.to(device, memory_format=torch.channels_last)
        queue = Queue(training.queue, training.projection, generator(words), device)
        self.moco = Moco(network, queue, training.temperature, training.key_momentum, training.group, ranks)
        self.optimizer = torch.optim.SGD(
            network.parameters(),
            lr=training.learning_rate,
            momentum=training.sgd_momentum,
            weight_decay=training.weight_decay,
        )
        self.setting, self.steps, self.total = training, steps, steps * training.epochs
        self.step, self.rows, self.loss, self.right = 0, [], 0.0, 0

    def advance(self, queries: torch.Tensor, others: torch.Tensor, permutation: torch.Tensor) -> None:
        """Make one step on two views (batch / ranks, 3, H, W) of the same objects; the second is permuted (batch,).

        Raises
        ------
        PipelineError
            The loss is no longer a number.
        """
        queries, others = (views.contiguous(memory_format=torch.channels_last) for views in (queries, others))
        epoch = self.step // self.steps
        self.moco.follow()
        keys = self.moco.keys(others, permutation)
        for options in self.optimizer.param_groups:
            options["lr"] = learning_rate(self.setting, self.step, self.total)
        self.optimizer.zero_grad(set_to_none=True)
        loss, right = self.moco.backward(queries, keys)
        if not math.isfinite(loss):
            raise PipelineError(
                "the loss of the pre-training is no longer a number",
                where=f"epoch {epoch}, step {self.step}",
                value=loss,
                next="lower encoders.*.training.learning_rate",
            )
        self.optimizer.step()
        self.step, self.loss, self.right = self.step + 1, self.loss + loss, self.right + right
        if self.step % self.steps == 0:
            seen = self.steps * self.setting.batch
            rate = learning_rate(self.setting, epoch * self.steps, self.total)
            values = (epoch, self.loss / seen, self.right / seen, rate)
            self.rows.append(dict(zip(HISTORY, values, strict=True)))
            self.loss, self.right = 0.0, 0

    def state(self) -> dict:
        """Return all that a resumed training needs."""
        curve = {"step": self.step, "rows": self.rows, "loss": self.loss, "right": self.right}
        return {"moco": self.moco.state(), "optimizer": self.optimizer.state_dict(), **curve}

    def restore(self, state: dict) -> None:
        """Take over what `state` returned."""
        self.moco.restore(state["moco"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.rows, self.loss, self.right = (state[name] for name in ("step", "rows", "loss", "right"))


def pretrain(
    sample: Sample,
    setting: MocoEncoder,
    augmentation: Augmentation,
    distributions: Distributions,
    *,
    seed: int,
    device: torch.device,
    checkpoints: Checkpoints,
    log: Log,
    ranks: Ranks = ALONE,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[dict, list[dict]]:
    """Train an encoder, or go on where a checkpoint stands: the result has the same bits.

    Several ranks share each batch; the result of all is the same, and that of one process up to rounding.

    Returns
    -------
    (weights of the query encoder, rows of its history with the columns HISTORY)

    Raises
    ------
    PipelineError
        The queue is too long for the sample, the loss is no longer a number, or the ranks do not fit the batch.
    Stopped
        stop() said so after a step; a checkpoint holds all that was done.
    """
    check_size(len(sample.places), setting.training)
    batch, group = setting.training.batch, setting.training.group
    ranks.check(batch, group, "encoders.*.training.batch")
    training = Training(setting, seed, len(sample.places) // batch, device, ranks)
    resumed = checkpoints.load()
    if resumed is not None:
        training.restore(resumed)
        log.event("resumed", step=f"{training.step}/{training.total}", epoch=training.step // training.steps)
    loaded = groups(
        sample.paths,
        sample.places,
        group_order(sample.places, setting.training, seed, training.step, ranks.part(batch)),
        workers=setting.training.workers,
        seed=seed,
        views=VIEWS,
        pixels=setting.view.pixels,
    )
    views_of = Views(sample, setting.view, augmentation, distributions, seed)
    batches = batch_order(sample.places, setting.training, seed, training.step)
    for _ in log.progress(range(training.step, training.total), total=training.total - training.step, unit="steps"):
        items = [next(loaded) for _ in range(batch // group // ranks.size)]
        queries, others = (torch.cat(views) for views in zip(*(views_of(item, device) for item in items), strict=True))
        epoch, positions = next(batches)
        shuffled = random.order(seed, "pretrain/shuffle", epoch, sample.places.object_id[positions])
        permutation = torch.from_numpy(shuffled).to(device)
        training.advance(queries, others, permutation)
        if training.step % training.steps == 0:
            log.event("epoch", **{name: f"{value:.4g}" for name, value in training.rows[-1].items()})
        stopped = ranks.any(stop(), device) and training.step < training.total
        checkpoints.offer(training.state, now=stopped)
        if stopped:
            raise Stopped(f"step {training.step} of {training.total}")
    loaded.close()
    ranks.check_equal(training.moco.query, device)
    return training.moco.query[0].state_dict(), training.rows
