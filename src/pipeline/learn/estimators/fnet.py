"""The estimator `fnet`: what it learns, its network, and the trained one."""

from pathlib import Path

import torch
from torch import nn

from pipeline.learn.redshift import scalar
from pipeline.learn.redshift.estimator import NetworkEstimator, read_weights
from pipeline.learn.redshift.labels import Labels
from pipeline.models import fnet
from pipeline.settings.spectra.estimators import FNet, Scoring
from pipeline.settings.spectra.inputs import Input
from pipeline.spectra.inputs import input_grid

KIND = "fnet"


def begin(settings: FNet, labels: Labels) -> scalar.ScaledRedshift | scalar.RedshiftBins:
    """Return what is learnt from a training set with these labels."""
    return scalar.begin(settings.head, labels)


def network(size: dict, pixels: int, task: scalar.ScaledRedshift | scalar.RedshiftBins, draw: torch.Generator):
    """Return an untrained network for inputs of so many pixels: `size` as in the settings, weights from `draw`."""
    return fnet.build(size, pixels, task.outputs, draw)


def load(weights: Path, settings: dict, device: torch.device) -> NetworkEstimator:
    """Return the estimator of weights that the stage `train_redshift` wrote; settings: the section `Scoring`.

    Raises
    ------
    PipelineError
        The weights are missing, broken, or those of another estimator.
    """
    state, about = read_weights(weights, KIND)
    prepared, task = Input.parse(about["input"]), scalar.again(about["task"])
    made: nn.Module = network(about["size"], input_grid(prepared).pixels, task, torch.Generator())
    made.load_state_dict(state)
    return NetworkEstimator(made, task, prepared, Scoring.parse(settings).batch, device)
