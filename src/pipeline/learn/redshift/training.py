"""The training of all networks for redshifts: inputs in memory, batches in groups, the best epoch of the select set."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from pipeline.data import random
from pipeline.learn.device import generator
from pipeline.learn.ranks import ALONE, Ranks
from pipeline.learn.redshift.labels import Labels, accuracy
from pipeline.learn.redshift.schedule import learning_rate, optimiser
from pipeline.learn.redshift.tasks import Targets, Task, select
from pipeline.models.drop import draw_from
from pipeline.settings.spectra.estimators import Training as Settings

HISTORY = ("fold", "epoch", "learning_rate", "loss", "select_loss", "select_accuracy_6000", "chosen")


@dataclass(frozen=True)
class Spectra:
    """Prepared spectra: inputs (N, P) float32, and what is known of them."""

    inputs: torch.Tensor
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: np.ndarray) -> "Spectra":
        return Spectra(self.inputs[torch.from_numpy(np.asarray(rows))], self.labels[rows])


@torch.inference_mode()
def outputs(network: nn.Module, inputs: torch.Tensor, batch: int, device: torch.device) -> torch.Tensor:
    """Return what a network gives for inputs (N, P), on the CPU: (N, ...) float32.

    All passes have `batch` spectra, the last ones filled up with zeros. The network is put into evaluation mode.
    """
    network.eval()
    parts = []
    # One pass at least, so that nothing has the shape of something.
    for start in range(0, max(len(inputs), 1), batch):
        part = inputs[start : start + batch]
        padded = F.pad(part, (0, 0, 0, batch - len(part))).to(device)
        parts.append(network(padded)[: len(part)].float().cpu())
    return torch.cat(parts)


def batches(spectrum_id: np.ndarray, batch: int, seed: int, stage: str, epoch: int) -> np.ndarray:
    """Return rows (steps, batch): every spectrum once in random order; the last batch is filled from another order."""
    steps = -(-len(spectrum_id) // batch)
    rounds = [
        random.order(seed, f"{stage}/order/{repeat}", epoch, spectrum_id)
        for repeat in range(-(-steps * batch // len(spectrum_id)))
    ]
    return np.concatenate(rounds)[: steps * batch].reshape(steps, batch)


class Training:
    """The state of one training, which can be saved after any step and taken up again with the same bits.

    Parameters
    ----------
    network : nn.Module
        (n, P) to (n, ...).
    task : Task
    settings : Settings
    device : torch.device
    seed, stage
        Key of all random numbers.
    ranks : Ranks
        Those that train together: each takes the same part of every batch.

    Raises
    ------
    PipelineError
        The ranks do not fit the batch.
    """

    def __init__(
        self,
        network: nn.Module,
        task: Task,
        settings: Settings,
        device: torch.device,
        seed: int,
        stage: str,
        ranks: Ranks = ALONE,
    ):
        ranks.check(settings.batch, settings.group, "spectra.estimators.*.training.batch")
        self.network, self.task, self.settings = network.to(device), task, settings
        self.device, self.seed, self.stage, self.ranks = device, seed, stage, ranks
        self.optimiser = optimiser(network.parameters(), settings)
        self.epoch = self.step = 0
        self.loss_sum = 0.0
        self.history: list[dict] = []
        self.best: dict | None = None

    def state(self) -> dict:
        """Return all that a resumption needs."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "loss_sum": self.loss_sum,
            "history": self.history,
            "best": self.best,
        }

    def restore(self, state: dict) -> None:
        """Take up a saved state."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch, self.step, self.loss_sum = state["epoch"], state["step"], state["loss_sum"]
        self.history, self.best = list(state["history"]), state["best"]

    def update(self, inputs: torch.Tensor, targets: Targets) -> None:
        """Take one step on a batch (batch, P), whose groups go through the network one by one; a rank has its own."""
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.settings, self.history)
        self.optimiser.zero_grad()
        group, own = self.settings.group, self.ranks.part(self.settings.batch)
        statistics = self.ranks.statistics(self.network, (own.stop - own.start) // group)
        scale = self.task.scale(targets).to(self.device)
        loss_sum = 0.0
        for start in range(own.start, own.stop, group):
            part = slice(start, start + group)
            words = random.stream(self.seed, self.stage, "dropout", self.epoch, self.step, start)
            draw_from(self.network, generator(words))
            wanted = {name: value.to(self.device) for name, value in select(targets, part).items()}
            loss = self.task.loss(self.network(inputs[part].to(self.device)), wanted, scale)
            loss.backward()
            loss_sum += loss.item()
        self.ranks.sum_gradients(self.network.parameters())
        statistics.combine()
        self.loss_sum += self.ranks.sum([loss_sum], self.device)[0]
        if self.settings.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.gradient_clip)
        self.optimiser.step()
        self.step += 1

    def judge(self, spectra: Spectra, batch: int) -> tuple[float, float]:
        """Return the loss over spectra, and the accuracy of their quasars within 6000 km/s."""
        raw = outputs(self.network, spectra.inputs, batch, self.device)
        targets = self.task.targets(spectra.labels)
        loss = float(self.task.loss(raw, targets, self.task.scale(targets)))
        quasar = spectra.labels.quasar
        z = self.task.read(raw)["candidate_z"][quasar, 0]
        return loss, accuracy(z, spectra.labels.z[quasar])

    def close_epoch(self, steps: int, judged: tuple[float, float] | None) -> dict:
        """Write the epoch into the history, and keep its weights if they are the best; return its row.

        judged: loss and accuracy on the select set; None keeps the latest epoch.
        """
        loss, right = judged or (float("nan"), float("nan"))
        row = {
            "epoch": self.epoch + 1,
            "learning_rate": learning_rate(self.settings, self.history),
            "loss": self.loss_sum / steps,
            "select_loss": loss,
            "select_accuracy_6000": right,
        }
        self.history.append(row)
        # Without quasars to judge by there is no accuracy, and the loss decides.
        merit = [0.0 if np.isnan(right) else right, -loss]
        if judged is None or self.best is None or merit > self.best["merit"]:
            weights = {name: value.detach().cpu().clone() for name, value in self.network.state_dict().items()}
            self.best = {"epoch": self.epoch + 1, "merit": merit, "weights": weights}
        self.epoch, self.step, self.loss_sum = self.epoch + 1, 0, 0.0
        return row


def train(
    training: Training,
    spectra: Spectra,
    held_out: Spectra | None,
    *,
    batch: int,
    progress: Callable[[range, int], Iterable[int]] = lambda steps, epoch: steps,
    after_step: Callable[[], None] = lambda: None,
    after_epoch: Callable[[dict], None] = lambda row: None,
) -> None:
    """Train until the last epoch, from wherever `training` stands.

    Parameters
    ----------
    training : Training
        Fresh or restored; `training.best` and `training.history` are the result.
    spectra : Spectra
        The training set; of it, those that have what the task learns.
    held_out : Spectra or None
        The select set, by which the best epoch is chosen; None keeps the last epoch.
    batch : int
        Spectra a pass over the select set.
    progress : callable
        progress(steps, epoch) yields the steps of an epoch, showing how far it is.
    after_step : callable
        after_step() is called after each step (for checkpoints).
    after_epoch : callable
        after_epoch(row of the history) is called after each epoch.
    """
    settings = training.settings
    spectra = spectra[np.flatnonzero(training.task.trains_on(spectra.labels))]
    if held_out is not None:
        held_out = held_out[np.flatnonzero(training.task.trains_on(held_out.labels))]
    targets = training.task.targets(spectra.labels)
    while training.epoch < settings.epochs:
        order = batches(spectra.labels.spectrum_id, settings.batch, training.seed, training.stage, training.epoch)
        for step in progress(range(training.step, len(order)), training.epoch):
            rows = torch.from_numpy(order[step])
            training.update(spectra.inputs[rows], select(targets, rows))
            after_step()
        judged = None if held_out is None else training.judge(held_out, batch)
        after_epoch(training.close_epoch(len(order), judged))
        after_step()
