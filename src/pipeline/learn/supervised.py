"""Supervised training of a lens finder, after Huang et al. 2021 §3: cross-entropy, Adam, step decay, augmentation."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from pipeline.data import random
from pipeline.errors import PipelineError
from pipeline.images.augment import KERNEL_SIGMAS, UNIFORMS, augment, draw
from pipeline.images.distributions import Distributions
from pipeline.images.network_input import averaged, centre_crop
from pipeline.images.own import Own
from pipeline.learn.batches import compose
from pipeline.learn.ranking import average_precision
from pipeline.learn.ranks import ALONE, Ranks
from pipeline.settings.augmentation import Augmentation
from pipeline.settings.models import FinderAugmentation, FinderInput, FinderTraining

# About 1.4 times as fast as the standard layout on a CPU, for the same numbers but rounding.
LAYOUT = torch.channels_last
HISTORY = ("epoch", "learning_rate", "loss", "select_average_precision", "chosen")
RULE = "input."  # prefix of the rule's tensors beside the network's weights


@dataclass(frozen=True)
class InputRule:
    """How pixels become a network's input: less `centre`, over `scale`, clamped.

    centre, scale : (B,) float32, nanomaggies a pixel of the network's scale, measured on the training images.
    """

    settings: FinderInput
    centre: torch.Tensor
    scale: torch.Tensor

    def crop(self, images: torch.Tensor) -> torch.Tensor:
        """Return cutouts (N, B, H, W) cropped and averaged, (N, B, pixels, pixels), nanomaggies."""
        return shrink(images, self.settings)

    def standardise(self, images: torch.Tensor) -> torch.Tensor:
        """Return cropped images (N, B, P, P) in nanomaggies as the network's input (N, B, P, P)."""
        centre, scale = (values.to(images.device)[:, None, None] for values in (self.centre, self.scale))
        return ((images - centre) / scale).clamp(-self.settings.clamp, self.settings.clamp)


def shrink(images: torch.Tensor, settings: FinderInput) -> torch.Tensor:
    """Return the central `crop` pixels of images (N, B, H, W), averaged to (N, B, pixels, pixels)."""
    return averaged(centre_crop(images, settings.crop), settings.crop // settings.pixels)


def measure_rule(images: np.ndarray, settings: FinderInput) -> InputRule:
    """Take the median and the scatter (1.4826 times the median absolute deviation) of each band of training images.

    Most pixels are sky, so that these are the sky's level and noise. images (N, B, S, S), nanomaggies.

    Raises
    ------
    PipelineError
        A band has no scatter.
    """
    small = shrink(torch.from_numpy(images), settings).numpy()
    bands = [small[:, band].ravel() for band in range(small.shape[1])]
    centre = [float(np.median(band)) for band in bands]
    scale = [1.4826 * float(np.median(np.abs(band - middle))) for band, middle in zip(bands, centre, strict=True)]
    flat = [number for number, value in enumerate(scale) if not value > 0]
    if flat:
        raise PipelineError("the training images have bands without scatter", value=f"band number {flat}")
    return InputRule(settings, torch.tensor(centre), torch.tensor(scale))


def rule_state(rule: InputRule) -> dict[str, torch.Tensor]:
    """Return the measured part of a rule as tensors to be stored with the weights."""
    return {f"{RULE}centre": rule.centre, f"{RULE}scale": rule.scale}


def rule_of(state: dict[str, torch.Tensor], settings: FinderInput) -> tuple[InputRule, dict[str, torch.Tensor]]:
    """Part what `rule_state` added from the network's own weights."""
    rule = InputRule(settings, state[f"{RULE}centre"], state[f"{RULE}scale"])
    return rule, {name: value for name, value in state.items() if not name.startswith(RULE)}


def margin(crop: int, augmentation: FinderAugmentation, largest_blur: float) -> int:
    """Return the side of the square, in pixels, that the views of a crop reach into.

    largest_blur: bound of the PSF sigma that augmentations add, in pixels; 0 where they add none.
    """
    reach = float(crop + 2 * int(np.ceil(KERNEL_SIGMAS * largest_blur)))
    if augmentation.rotation:
        reach *= 2**0.5
    if augmentation.zoom is not None:
        reach /= min(augmentation.zoom[0], 1.0)
    # One pixel at each end for the interpolation.
    return int(np.ceil(reach)) + 2 * augmentation.jitter + 2


@dataclass(frozen=True)
class Cutouts:
    """A labelled set of images: (N, B, S, S) float32 nanomaggies; what they have of noise, PSF, dust; ids; 0 or 1."""

    images: np.ndarray
    own: Own
    object_id: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Views:
    """Augmented views of training images: the draw depends on seed, epoch, object and how often it was met alone."""

    training: FinderAugmentation
    survey: Augmentation
    distributions: Distributions
    seed: int
    stage: str

    def __call__(
        self, cutouts: Cutouts, rows: np.ndarray, repeats: np.ndarray, epoch: int, rule: InputRule, device: torch.device
    ) -> torch.Tensor:
        """Return the network's input (n, B, P, P) for rows (n,) of the training set."""
        off = {} if self.training.conditions else {"extinction": "off", "psf": "off", "noise": "off"}
        settings = self.survey.model_copy(
            update={
                "flip": self.training.flip,
                "rotation": self.training.rotation,
                "scale": self.training.zoom,
                "jitter": self.training.jitter,
                **off,
            }
        )
        pixels = rule.settings.pixels
        uniform = np.empty((len(rows), UNIFORMS))
        for repeat in np.unique(repeats):
            of = repeats == repeat
            ids = cutouts.object_id[rows[of]]
            uniform[of] = random.uniform(self.seed, f"{self.stage}/view/{repeat}", epoch, ids, UNIFORMS)
        draws = draw(uniform, cutouts.own[rows], settings, self.distributions)
        noise = None
        if settings.noise != "off":
            met = zip(cutouts.object_id[rows].tolist(), repeats.tolist(), strict=True)
            noise = torch.stack([self._normals(epoch, repeat, one, pixels) for one, repeat in met])
        images = torch.from_numpy(cutouts.images[rows]).to(device)
        return rule.standardise(augment(images, draws, noise, rule.settings.crop, pixels))

    def _normals(self, epoch: int, repeat: int, object_id: int, pixels: int) -> torch.Tensor:
        numbers = random.stream(self.seed, self.stage, "pixels", epoch, repeat, object_id)
        return torch.from_numpy(numbers.standard_normal((3, pixels, pixels), dtype=np.float32))


def score(network: nn.Module, inputs: torch.Tensor, batch: int, device: torch.device) -> np.ndarray:
    """Return logits (N,) float32 of inputs (N, B, P, P), in batches of one shape; the last one is padded with zeros.

    The network is put into evaluation mode.
    """
    network.eval()
    logits = np.empty(len(inputs), dtype=np.float32)
    network.to(memory_format=LAYOUT)
    with torch.inference_mode():
        for start in range(0, len(inputs), batch):
            part = inputs[start : start + batch]
            padded = F.pad(part, (0, 0, 0, 0, 0, 0, 0, batch - len(part))).to(device, memory_format=LAYOUT)
            logits[start : start + batch] = network(padded).cpu().numpy()[: len(part)]
    return logits


class Training:
    """The state of one training run, which can be saved after any step and taken up again with the same bits.

    Parameters
    ----------
    network : nn.Module
        On `device`; (n, B, P, P) to (n,) logits.
    settings : FinderTraining
    device : torch.device
    ranks : Ranks
        Those that train together: each takes the same part of every batch.

    Raises
    ------
    PipelineError
        The ranks do not fit the batch.
    """

    def __init__(
        self, network: nn.Module, settings: FinderTraining, device: torch.device, ranks: Ranks = ALONE
    ):
        ranks.check(settings.batch, settings.group, "models.*.training.batch")
        self.ranks = ranks
        self.network, self.settings, self.device = network.to(memory_format=LAYOUT), settings, device
        self.optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
        self.epoch = self.step = 0
        self.loss_sum = 0.0
        self.history: list[dict] = []
        self.best: dict | None = None

    def state(self) -> dict:
        """Return all that a resumption needs."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "loss_sum": self.loss_sum,
            "history": self.history,
            "best": self.best,
        }

    def restore(self, state: dict) -> None:
        """Take up a saved state."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.step, self.loss_sum = state["epoch"], state["step"], state["loss_sum"]
        self.history, self.best = list(state["history"]), state["best"]

    def learning_rate(self) -> float:
        """Return the learning rate of the present epoch."""
        return self.settings.learning_rate * self.settings.decay ** (self.epoch // self.settings.decay_epochs)

    def update(self, inputs: Callable[[slice], torch.Tensor], labels: torch.Tensor) -> None:
        """Take one step of Adam on a batch, whose groups go through the network one by one, each rank with its own.

        inputs(slice) returns that part of the batch; labels (batch,) float32.
        """
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.zero_grad()
        batch, group = self.settings.batch, self.settings.group
        own = self.ranks.part(batch)
        statistics = self.ranks.statistics(self.network, (own.stop - own.start) // group)
        loss_sum = 0.0
        for start in range(own.start, own.stop, group):
            part = slice(start, start + group)
            logits = self.network(inputs(part).contiguous(memory_format=LAYOUT))
            loss = F.binary_cross_entropy_with_logits(logits, labels[part].to(self.device), reduction="sum") / batch
            loss.backward()
            loss_sum += loss.item()
        self.ranks.sum_gradients(self.network.parameters())
        statistics.combine()
        self.loss_sum += self.ranks.sum([loss_sum], self.device)[0]
        self.optimizer.step()
        self.step += 1

    def close_epoch(self, steps: int, judge: Callable[[], float]) -> dict:
        """Write the epoch into the history and keep its weights if the select set likes them best; return its row.

        judge() returns the average precision on the select set.
        """
        last = self.epoch + 1 == self.settings.epochs
        judged = last or (self.epoch + 1) % self.settings.select_every == 0
        precision = judge() if judged else float("nan")
        row = {
            "epoch": self.epoch + 1,
            "learning_rate": self.learning_rate(),
            "loss": self.loss_sum / steps,
            "select_average_precision": precision,
        }
        self.history.append(row)
        if judged and (self.best is None or precision > self.best["average_precision"]):
            weights = {name: value.detach().cpu().clone() for name, value in self.network.state_dict().items()}
            self.best = {"epoch": self.epoch + 1, "average_precision": precision, "weights": weights}
        self.epoch, self.step, self.loss_sum = self.epoch + 1, 0, 0.0
        return row


def check_labels(name: str, labels: np.ndarray) -> None:
    """Raise PipelineError unless labels (N,) hold lenses and non-lenses."""
    if not 0 < labels.sum() < len(labels):
        raise PipelineError(
            "a finder needs lenses and non-lenses in its train and its select set",
            where=f"the {name} set of the sample",
            value=f"{int(labels.sum())} lenses among {len(labels)} objects",
            next="give it more sky cells (splits), more lenses (labels) or a larger survey",
        )


def train(
    training: Training,
    cutouts: Cutouts,
    select: tuple[np.ndarray, torch.Tensor],
    rule: InputRule,
    views: Views,
    *,
    score_batch: int,
    progress: Callable[[range, int], Iterable[int]],
    after_step: Callable[[], None],
    after_epoch: Callable[[dict], None],
) -> None:
    """Train until the last epoch, from wherever `training` stands.

    Parameters
    ----------
    training : Training
        Fresh or restored; `training.best` and `training.history` are the result.
    cutouts : Cutouts
        The training set.
    select : (labels (M,), inputs (M, B, P, P))
        The select set, as the network sees it.
    rule : InputRule
    views : Views
    score_batch : int
    progress : callable
        progress(steps, epoch) yields the steps of an epoch, showing how far it is.
    after_step : callable
        after_step() is called after each step (for checkpoints).
    after_epoch : callable
        after_epoch(row of the history) is called after each epoch.
    """
    check_labels("train", cutouts.labels)
    check_labels("select", select[0])
    settings = training.settings
    labels = torch.from_numpy(cutouts.labels.astype(np.float32))
    while training.epoch < settings.epochs:
        epoch = training.epoch
        batches = compose(
            cutouts.object_id,
            cutouts.labels,
            batch=settings.batch,
            lens_fraction=settings.lens_fraction,
            non_lenses=settings.non_lenses_per_epoch,
            seed=views.seed,
            stage=views.stage,
            epoch=epoch,
        )
        for step in progress(range(training.step, len(batches.rows)), epoch):
            rows, repeats = batches.rows[step], batches.repeats[step]

            def inputs(part: slice, rows=rows, repeats=repeats, epoch=epoch) -> torch.Tensor:
                return views(cutouts, rows[part], repeats[part], epoch, rule, training.device)

            training.update(inputs, labels[torch.from_numpy(rows)])
            after_step()

        def judge() -> float:
            return average_precision(select[0], score(training.network, select[1], score_batch, training.device))

        after_epoch(training.close_epoch(len(batches.rows), judge))
        after_step()
