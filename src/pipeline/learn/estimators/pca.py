"""Redshifts by linear combinations of eigenspectra: the minima of chi2(z), and what they say of the class.

Every spectrum is computed by itself, so that no result depends on its neighbours in a batch.
"""

from math import log
from pathlib import Path

import numpy as np
import torch

from pipeline.data.redshift_bits import bit
from pipeline.errors import PipelineError
from pipeline.learn.checkpoints import load_weights
from pipeline.models.minima import distinct, local_minima, vertex
from pipeline.models.pca import Shifted, Templates, Weighted, Weighting
from pipeline.settings.spectra.pca import PcaScoring, Scan
from pipeline.spectra.grids import Grid
from pipeline.spectra.log_bins import FINE, Bins, Rebinning, bins_of

CANDIDATES = 5
CLASSES = ("quasar", "galaxy", "star", "sky")
# Minima that are refined beyond those returned: refined ones may come closer to each other than two may be.
_SPARE = 2
_AROUND = 3  # steps of FINE to either side of the parabola through the scan


def state_of(templates: list[Templates]) -> tuple[dict[str, torch.Tensor], dict]:
    """Return the state and the description under which `learn.checkpoints.save_weights` keeps templates."""
    state, ranges = {}, []
    for number, one in enumerate(templates):
        state[f"{number}.vectors"] = torch.from_numpy(np.ascontiguousarray(one.vectors))
        state[f"{number}.covered"] = torch.from_numpy(np.ascontiguousarray(one.covered))
        ranges.append({"kind": one.kind, "first": int(one.first), "z": list(one.z)})
    return state, {"kind": "pca", "ranges": ranges}


def templates_of(state: dict[str, torch.Tensor], about: dict, where: Path) -> list[Templates]:
    """Return what `state_of` described.

    Raises
    ------
    PipelineError
        The weights are those of another estimator.
    """
    if about.get("kind") != "pca":
        raise PipelineError("these weights are not eigenspectra", where=where, value=about.get("kind"), allowed="pca")
    return [
        Templates(
            one["kind"],
            one["first"],
            state[f"{number}.vectors"].numpy(),
            state[f"{number}.covered"].numpy(),
            tuple(one["z"]),
        )
        for number, one in enumerate(about["ranges"])
    ]


class _Prepared:
    """All that depends on the grid of the spectra but not on them."""

    def __init__(self, templates: list[Templates], scan: Scan, grid: Grid, device: torch.device):
        self.bins: Bins = bins_of(grid, scan.bin)
        self.rebinning = Rebinning(np.log10(grid.edges), self.bins)
        self.weighting = Weighting(self.bins, scan.polynomial, scan.systematic, device)
        self.shifted = {name: [] for name in CLASSES[:3]}
        for one in templates:
            self.shifted[one.kind].append(Shifted(one, self.bins, device))
        quasar = self.shifted["quasar"]
        self.low, self.high = min(one.low for one in quasar), max(one.high for one in quasar)
        self.around = torch.arange(-_AROUND, _AROUND + 1, device=device)


class Estimator:
    """The estimator `pca`; see `load`.

    Attributes
    ----------
    batch : int
        Spectra that a caller hands over at a time.
    """

    def __init__(self, templates: list[Templates], settings: PcaScoring, device: torch.device):
        self.batch = settings.batch
        self._templates, self._scan, self._device = templates, settings.scan, device
        self._prepared: dict[Grid, _Prepared] = {}
        self._components = max(len(one.vectors) for one in templates if one.kind == "quasar")

    def __call__(self, flux: np.ndarray, ivar: np.ndarray, mask: np.ndarray, grid: Grid) -> dict[str, np.ndarray]:
        """Estimate the redshifts of spectra (N, P) on a grid.

        Returns
        -------
        dict
            candidate_z (N, 5) float64, candidate_score (N, 5) float32: chi2 of the best other minimum less its own,
            candidate_sigma (N, 5) float32; chi2 (N, 5) float64; bits (N,) int64; coefficients (N, K) float64 of the
            eigenspectra of range `template_range` (N,) int16; dof (N,) int32; class_chi2 (N, 4) float64: the best
            of quasar, galaxy and star, and of the polynomial alone. What there is none of is NaN (integers: -1, 0).
        """
        if grid not in self._prepared:
            self._prepared[grid] = _Prepared(self._templates, self._scan, grid, self._device)
        prepared = self._prepared[grid]
        rows = {
            "candidate_z": np.full((len(flux), CANDIDATES), np.nan),
            "candidate_score": np.full((len(flux), CANDIDATES), np.nan, dtype=np.float32),
            "candidate_sigma": np.full((len(flux), CANDIDATES), np.nan, dtype=np.float32),
            "chi2": np.full((len(flux), CANDIDATES), np.nan),
            "bits": np.zeros(len(flux), dtype=np.int64),
            "coefficients": np.full((len(flux), self._components), np.nan),
            "template_range": np.full(len(flux), -1, dtype=np.int16),
            "dof": np.zeros(len(flux), dtype=np.int32),
            "class_chi2": np.full((len(flux), len(CLASSES)), np.nan),
        }
        binned = prepared.rebinning(flux, ivar, mask, self._scan.bin_scatter)
        weights, fluxes = (torch.from_numpy(part).to(self._device) for part in binned)
        for row, (weight, weighted_flux) in enumerate(zip(weights, fluxes, strict=True)):
            if not bool((weight > 0).any()):
                rows["bits"][row] = bit("NODATA")
                continue
            for name, value in self._one(prepared, prepared.weighting(weight, weighted_flux)).items():
                part = rows[name][row : row + 1] if np.ndim(value) == 0 else rows[name][row, : len(value)]
                part[:] = value
        return rows

    def _one(self, prepared: _Prepared, spectrum: Weighted) -> dict:
        """Return the values of one spectrum; arrays may be shorter than their row."""
        scan, shifted = self._scan, prepared.shifted
        chi2, which = self._curve(prepared, spectrum)
        places = local_minima(chi2, 4 * (CANDIDATES + _SPARE))
        log1z = ((places + prepared.low) * scan.bin * FINE).tolist()
        kept = distinct(log1z, chi2[places].tolist(), scan.separation, CANDIDATES + _SPARE)
        places = places[kept]
        ranges = which[places]
        start = self._start(chi2, places) + places + prepared.low
        x, error, value, good = self._refine(prepared, spectrum, torch.round(start * scan.bin).long(), ranges)
        best = distinct((x * FINE).tolist(), value.tolist(), scan.separation, CANDIDATES)
        x, error, value = x[best], error[best], value[best]
        first = best[0]

        fitted = shifted["quasar"][int(ranges[first])]
        coefficients, upright, covered = fitted.fit(spectrum, int(torch.round(x[0])))
        number = int((spectrum.weight > 0).sum())
        dof = max(number - len(coefficients) - len(spectrum.terms), 1)
        z = 10 ** (x * FINE) - 1
        sigma = (1 + z) * log(10) * FINE * error * (value[0] / dof).clamp_min(0).sqrt()
        classes = [float(value[0])]
        for name in CLASSES[1:3]:
            classes.append(min((float(one.scan(spectrum).min()) for one in shifted[name]), default=np.nan))
        classes.append(float(spectrum.rest))
        value = value.cpu().numpy()
        others = np.full(len(value), value[0])
        others[0] = value[1] if len(value) > 1 else classes[3]
        limits = (prepared.low, prepared.high)
        judged = {
            "SMALL_DELTA_CHI2": others[0] - value[0] < scan.small_delta_chi2,
            "Z_FITLIMIT": int(places[first]) + prepared.low in limits,
            "BAD_MINFIT": not bool(good[first]),
            "NEGATIVE_MODEL": not upright,
            "LITTLE_COVERAGE": float(((spectrum.weight > 0) * covered).mean()) < scan.least_coverage,
            "POORDATA": number < scan.least_pixels,
            "NOT_QUASAR": np.nanmin(classes[1:3] + [np.inf]) < classes[0] - scan.class_margin
            or classes[3] - classes[0] < scan.sky_margin,
        }
        return {
            "candidate_z": z.cpu().numpy(),
            "candidate_score": others - value,
            "candidate_sigma": sigma.cpu().numpy(),
            "chi2": value,
            "bits": sum(bit(name) for name, holds in judged.items() if holds),
            "coefficients": coefficients.cpu().numpy(),
            "template_range": int(ranges[first]),
            "dof": dof,
            "class_chi2": np.array(classes),
        }

    @staticmethod
    def _curve(prepared: _Prepared, spectrum: Weighted) -> tuple[torch.Tensor, torch.Tensor]:
        """Return chi2 (S,) of the better range of quasars at each redshift, and the number of that range (S,)."""
        quasar, count = prepared.shifted["quasar"], prepared.high - prepared.low + 1
        curves = spectrum.weight.new_full((len(quasar), count), torch.inf)
        for number, one in enumerate(quasar):
            curves[number, one.low - prepared.low : one.high - prepared.low + 1] = one.scan(spectrum)
        return curves.min(0)

    @staticmethod
    def _start(chi2: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Return how far, in bins, the parabola of a minimum of the scan lies from it (M,); at the ends 0."""
        inner = places.clamp(1, len(chi2) - 2)
        offsets = torch.arange(-1, 2, device=places.device)
        x0, _, _, good = vertex(offsets.to(chi2.dtype).expand(len(places), 3), chi2[inner[:, None] + offsets])
        return torch.where(good & (inner == places), x0, 0.0)

    @staticmethod
    def _refine(prepared: _Prepared, spectrum: Weighted, start: torch.Tensor, ranges: torch.Tensor) -> tuple:
        """Refine minima near shifts (M,) of fine bins in ranges (M,): steps of FINE around them, then a parabola.

        Returns
        -------
        x, error, chi2, good : tensor (M,)
            Vertex and its error in units of FINE, chi2 there, whether the parabola has its vertex among its points.
        """
        places = start[:, None] + prepared.around
        chi2 = torch.empty(places.shape, dtype=spectrum.weight.dtype, device=places.device)
        for number in ranges.unique().tolist():
            of = ranges == number
            chi2[of] = prepared.shifted["quasar"][number].at(spectrum, places[of])
        middle = chi2[:, 1:-1].argmin(-1, keepdim=True) + 1
        three = middle + torch.arange(-1, 2, device=places.device)
        return vertex(places.gather(1, three).to(chi2.dtype), chi2.gather(1, three))


def load(weights: Path, settings: dict, device: torch.device) -> Estimator:
    """Return the estimator of weights that the stage `fit_templates` wrote.

    Parameters
    ----------
    weights : Path
    settings : dict
        Section `PcaScoring`: scan, batch, threads.
    device : torch.device

    Raises
    ------
    PipelineError
        The weights are missing, broken, or those of another estimator.
    """
    state, about = load_weights(weights)
    return Estimator(templates_of(state, about, weights), PcaScoring.parse(settings), device)
