"""The scan of the estimator `pca` beside its bare FFTs and products."""

import statistics
import time

import numpy as np
import torch

from pipeline.learn.estimators.pca import Estimator
from pipeline.models.pca import Shifted, Templates
from pipeline.settings.spectra.pca import PcaScoring
from pipeline.spectra.grids import GRIDS
from pipeline.spectra.log_bins import bins_of

GOAL = 20.0  # ms
POLYNOMIAL = 3
# Classes, redshifts and components of config/study.yaml; quasars from 0 to 5.
SETS = (
    ("quasar", (0.0, 1.7), 8), ("quasar", (1.3, 5.0), 8), ("galaxy", (-0.005, 1.5), 8), ("star", (-0.002, 0.002), 10),
)  # fmt: skip
# Step 5e-4 in log10(1 + z).
SCORING = {
    "scan": {
        "bin": 5, "bin_scatter": 4.0, "polynomial": POLYNOMIAL, "systematic": 0.02, "separation": 1000.0,
        "small_delta_chi2": 9.0,
        "least_coverage": 0.5, "least_pixels": 100, "class_margin": 0.0, "sky_margin": 30.0,
    },
    "batch": 64,
    "threads": 1,
}  # fmt: skip


def _templates() -> list[Templates]:
    """Smooth random eigenspectra."""
    draw, found = np.random.default_rng(1), []
    for kind, z, components in SETS:
        vectors = np.cumsum(draw.normal(size=(components, 12500)), axis=1) / 100
        found.append(Templates(kind, 27700, vectors, np.ones(12500, dtype=bool), z))
    return found


def _bare(prepared: list[Shifted], rows: torch.Tensor) -> None:
    """Transform weights, flux and polynomials (P + 2, n) of a spectrum, multiply by the templates', transform back."""
    for one in prepared:
        observed = torch.fft.rfft(rows, one.size)
        torch.fft.irfft(observed[1:, None] * one.linear, one.size)
        torch.fft.irfft(observed[0] * one.products, one.size)


def pca_row(device: torch.device, spectra: int = 64, repeats: int = 5) -> dict:
    """Return the row `pca` of the benchmark of redshifts; ms a spectrum on one core, the medians of `repeats`.

    Ours is the estimator as the stage calls it: rebinning, errors, the scan of all classes on the full grid, the
    refinement of the minima, warnings. The peer has the transforms and products of the scan alone; the ratio is that of
    ours to the goal.
    """
    torch.set_num_threads(1)
    grid, draw = GRIDS["fnet"], np.random.default_rng(2)
    flux = (1 + draw.normal(size=(spectra, grid.pixels))).astype(np.float32)
    ivar, mask = np.ones_like(flux), draw.random(flux.shape) < 0.02
    templates = _templates()
    estimator = Estimator(templates, PcaScoring.parse(SCORING), device)
    bins = bins_of(grid, SCORING["scan"]["bin"])
    prepared = [Shifted(one, bins, device) for one in templates]
    rows = torch.randn(POLYNOMIAL + 2, bins.count, dtype=torch.float64, device=device)
    estimator(flux[:2], ivar[:2], mask[:2], grid)
    _bare(prepared, rows)
    ours, peer = [], []
    for _ in range(repeats):
        begin = time.perf_counter()
        estimator(flux, ivar, mask, grid)
        middle = time.perf_counter()
        for _ in range(spectra):
            _bare(prepared, rows)
        ours.append(middle - begin)
        peer.append(time.perf_counter() - middle)
    mine, theirs = (1000 * statistics.median(seconds) / spectra for seconds in (ours, peer))
    return {
        "name": "pca",
        "ours": round(mine, 2),
        "peer": round(theirs, 2),
        "limit": GOAL,
        "unit": f"ms a spectrum, {sum(one.shifts for one in prepared)} redshifts of 3 classes",
        "ratio": round(mine / GOAL, 3),
        "goal": f"<= 1 of {GOAL:.0f} ms",
    }
