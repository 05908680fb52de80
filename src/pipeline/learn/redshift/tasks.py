"""What a network learns: targets, loss, and how its output is read. One class for each kind of output.

A loss over a batch is a sum over its spectra divided by what `scale` says of the whole batch, so that groups and ranks
add up to it.
"""

from typing import Protocol

import numpy as np
import torch

from pipeline.learn.redshift.labels import Labels

Targets = dict[str, torch.Tensor]


class Task(Protocol):
    """What training, prediction and experiments need to know of an output."""

    def trains_on(self, labels: Labels) -> np.ndarray:
        """Tell which spectra (N,) have what is learnt."""

    def targets(self, labels: Labels) -> Targets:
        """Return tensors of N rows each."""

    def scale(self, targets: Targets) -> torch.Tensor:
        """Return the divisors of a batch's loss."""

    def loss(self, raw: torch.Tensor, targets: Targets, scale: torch.Tensor) -> torch.Tensor:
        """Return the part of a batch's loss that comes from these rows, a scalar."""

    def measure(self, raw: torch.Tensor, labels: Labels) -> None:
        """Take from the select set what the results of a trained network need beside its weights."""

    def read(self, raw: torch.Tensor) -> dict[str, np.ndarray]:
        """Return candidate_z, candidate_score, candidate_sigma (N, C), bits (N,) and extras of outputs of N spectra."""

    def about(self) -> dict:
        """Return, JSON-ready, what makes the task anew."""


def select(targets: Targets, rows: torch.Tensor | slice) -> Targets:
    """Return rows of all targets."""
    return {name: values[rows] for name, values in targets.items()}
