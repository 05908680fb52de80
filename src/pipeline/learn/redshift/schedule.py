"""Optimisers and learning rates of the networks for redshifts."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from pipeline.settings.spectra.estimators import PlateauSchedule, StepSchedule, Training

OPTIMISERS = {
    "adam": torch.optim.Adam,  # betas 0.9 and 0.999, as in the FNet paper
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
}


def optimiser(parameters: Iterable[nn.Parameter], settings: Training) -> torch.optim.Optimizer:
    """Return the optimiser of a training."""
    make = OPTIMISERS[settings.optimiser]
    return make(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)


def learning_rate(settings: Training, history: list[dict]) -> float:
    """Return the rate of the epoch after those in `history`, which tells all that a schedule depends on.

    A plateau is one of `select_loss`; where nothing was selected on, of `loss`.
    """
    schedule = settings.schedule
    if isinstance(schedule, StepSchedule):
        passed = [step.factor for step in schedule.steps if len(history) >= step.epoch]
        return settings.learning_rate * (passed[-1] if passed else 1.0)
    return _plateau(settings.learning_rate, schedule, history)


def _plateau(rate: float, schedule: PlateauSchedule, history: list[dict]) -> float:
    best, waited = math.inf, 0
    for row in history:
        loss = row["loss"] if math.isnan(row["select_loss"]) else row["select_loss"]
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited > schedule.patience:
            rate, waited = max(rate * schedule.factor, schedule.minimum), 0
    return rate
