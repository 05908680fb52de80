"""A trained network as an estimator of redshifts: spectra of a shard in, candidates out."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from pipeline.data.redshift_bits import bit
from pipeline.errors import PipelineError
from pipeline.learn.checkpoints import load_weights
from pipeline.learn.redshift.tasks import Task
from pipeline.learn.redshift.training import outputs
from pipeline.settings.spectra.inputs import Input
from pipeline.spectra.grids import Grid
from pipeline.spectra.inputs import input_grid, make_input

# Parts of the input's pixels: beyond the spectrograph's ends, above which it is said; with data, below which it is.
UNCOVERED, LITTLE = 0.05, 0.5


def coverage_bits(ivar: np.ndarray, mask: np.ndarray, grid: Grid, target: Grid) -> np.ndarray:
    """Return bits OFF_GRID and LITTLE_COVERAGE (N,) int64 of spectra (N, P) on `grid` that go to the grid `target`."""
    place = np.floor(target.index_of(grid.wavelength) + (0.5 if target.anchor == "centre" else 0.0))
    inside = np.flatnonzero((place >= 0) & (place < target.pixels))
    # A coarser source grid leaves gaps between the pixels that it reaches, which are no lack of data.
    pixels, starts = np.unique(place[inside].astype(np.int64), return_index=True)
    good = ((ivar > 0) & ~mask)[:, inside[0] : inside[-1] + 1]
    reached = np.logical_or.reduceat(good, starts, axis=1)
    some = reached.any(axis=1)
    first, last = reached.argmax(axis=1), len(pixels) - 1 - reached[:, ::-1].argmax(axis=1)
    span = pixels[last] - pixels[first] + 1
    uncovered = np.where(some, 1 - span / target.pixels, 1.0)
    share = reached.mean(axis=1)
    bits = np.where(uncovered > UNCOVERED, bit("OFF_GRID"), 0)
    return (bits | np.where(share < LITTLE, bit("LITTLE_COVERAGE"), 0)).astype(np.int64)


class NetworkEstimator:
    """Redshifts by a trained network.

    Attributes
    ----------
    batch : int
        Spectra of every forward pass; a caller hands over as many at a time.
    """

    def __init__(self, network: nn.Module, task: Task, prepared: Input, batch: int, device: torch.device):
        self.network, self.task, self.input, self.batch = network.to(device).eval(), task, prepared, batch
        self.device = device

    def prepare(self, flux: np.ndarray, ivar: np.ndarray, mask: np.ndarray, grid: Grid) -> tuple:
        """Return what `estimate` takes: inputs (N, M) and warning bits (N,)."""
        inputs, bits = make_input(flux, ivar, mask, grid, self.input)
        covered = coverage_bits(np.asarray(ivar), np.asarray(mask, dtype=bool), grid, input_grid(self.input))
        return inputs, bits | covered

    def estimate(self, inputs: np.ndarray, bits: np.ndarray) -> dict[str, np.ndarray]:
        """Return the results of `__call__` for what `prepare` gave."""
        found = self.task.read(outputs(self.network, torch.from_numpy(inputs), self.batch, self.device))
        empty = bits & bit("NODATA") != 0
        for name in ("candidate_z", "candidate_score", "candidate_sigma"):
            found[name][empty] = np.nan
        found["bits"] = found["bits"] | bits
        return found

    def __call__(self, flux: np.ndarray, ivar: np.ndarray, mask: np.ndarray, grid: Grid) -> dict[str, np.ndarray]:
        """Estimate the redshifts of spectra (N, P) on a grid.

        Returns
        -------
        dict
            candidate_z (N, C) float64, candidate_score, candidate_sigma (N, C) float32, best first; bits (N,) int64;
            extras of the task. A spectrum without a usable pixel has no candidate.
        """
        return self.estimate(*self.prepare(flux, ivar, mask, grid))


def read_weights(path: Path, kind: str) -> tuple[dict, dict]:
    """Return (state, about) of the weights of a network of this kind.

    Raises
    ------
    PipelineError
        The weights are missing, broken, or those of another estimator.
    """
    state, about = load_weights(path)
    if about.get("kind") != kind:
        raise PipelineError(
            "these weights are those of another estimator", where=path, value=about.get("kind"), allowed=kind
        )
    return state, about
