"""Estimators whose network has the outputs of `scalar`: what they learn, their network, and the trained one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from pipeline.learn.redshift import scalar
from pipeline.learn.redshift.estimator import NetworkEstimator, read_weights
from pipeline.learn.redshift.labels import Labels
from pipeline.settings.spectra.estimators import FNet, RNet, Scoring
from pipeline.settings.spectra.inputs import Input
from pipeline.spectra.inputs import input_grid


@dataclass(frozen=True)
class ScalarEstimator:
    """One kind of network: `build(size, pixels, outputs, generator)` makes it."""

    kind: str
    build: Callable[[dict, int, int, torch.Generator], nn.Module]

    def begin(self, settings: FNet | RNet, labels: Labels) -> scalar.ScaledRedshift | scalar.RedshiftBins:
        """Return what is learnt from a training set with these labels."""
        return scalar.begin(settings.head, labels)

    def network(self, size: dict, pixels: int, task: scalar.ScaledRedshift | scalar.RedshiftBins, draw) -> nn.Module:
        """Return an untrained network for inputs of so many pixels: `size` as in the settings, weights from `draw`."""
        return self.build(size, pixels, task.outputs, draw)

    def load(self, weights: Path, settings: dict, device: torch.device) -> NetworkEstimator:
        """Return the estimator of weights that the stage `train_redshift` wrote; settings: the section `Scoring`.

        Raises
        ------
        PipelineError
            The weights are missing, broken, or those of another estimator.
        """
        state, about = read_weights(weights, self.kind)
        prepared, task = Input.parse(about["input"]), scalar.again(about["task"])
        made = self.network(about["size"], input_grid(prepared).pixels, task, torch.Generator())
        made.load_state_dict(state)
        return NetworkEstimator(made, task, prepared, Scoring.parse(settings).batch, device)
