"""The estimator `quasarnet`: what it learns, its network, and the trained one."""

from pathlib import Path

import torch
from torch import nn

from pipeline.learn.redshift.estimator import NetworkEstimator, read_weights
from pipeline.learn.redshift.labels import Labels
from pipeline.learn.redshift.lines import LineBoxes
from pipeline.models import quasarnet
from pipeline.settings.spectra.estimators import QuasarNet, QuasarNetScoring
from pipeline.settings.spectra.inputs import Input
from pipeline.spectra.inputs import input_grid
from pipeline.surveys import quasarnet_weights

KIND = "quasarnet"


def begin(settings: QuasarNet, labels: Labels) -> LineBoxes:
    """Return what is learnt; it is the same for every training set."""
    return LineBoxes(settings.input.grid, settings.scoring.lines, settings.scoring.confidence)


def network(size: dict, pixels: int, task: LineBoxes, draw: torch.Generator) -> quasarnet.QuasarNet:
    """Return an untrained network for inputs of so many pixels: `size` as in the settings, weights from `draw`."""
    return quasarnet.build(size, pixels, draw)


def published(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """Return (state, about), as `learn.checkpoints.save_weights` takes them, of published weights (Keras HDF5).

    The input is the published one; the lines' scatters are those of any place in a box, as nothing was measured.

    Raises
    ------
    UnreadableFile
        See `surveys.quasarnet_weights`.
    """
    found = quasarnet_weights.read_weights(path)
    grid = "quasarnet" if found.pixels == quasarnet_weights.PIXELS[0] else "quasarnet_linear"
    prepared = {"grid": grid, "rebin": 1, "resample": "quasarnet", "normalise": "quasarnet", "clip_sigma": None}
    size = {**found.size, "dropout": 0.0}
    # The scoring's rule is no part of the weights.
    task = LineBoxes(grid, lines=1, confidence=0.5).about()
    return found.state, {"kind": KIND, "size": size, "input": prepared, "task": task, "epoch": 0}


def load(weights: Path, settings: dict, device: torch.device) -> NetworkEstimator:
    """Return the estimator of weights of the stage `train_redshift`; settings: the section `QuasarNetScoring`.

    Raises
    ------
    PipelineError
        The weights are missing, broken, or those of another estimator.
    """
    state, about = read_weights(weights, KIND)
    scoring, prepared = QuasarNetScoring.parse(settings), Input.parse(about["input"])
    task = LineBoxes(about["task"]["grid"], scoring.lines, scoring.confidence, about["task"]["sigma"])
    made: nn.Module = network(about["size"], input_grid(prepared).pixels, task, torch.Generator())
    made.load_state_dict(state)
    return NetworkEstimator(made, task, prepared, scoring.batch, device)
