"""Eigenspectra of spectra with errors and gaps (Bailey 2012, PASP 124, 1015: weighted EM-PCA).

A spectrum covers a third of the rest frame, and no two redshifts the same third. The eigenspectra are those that
minimise the weighted squared residuals of all data: alternating least squares gives the coefficients of each spectrum
at fixed eigenspectra, then the eigenspectra in each pixel at fixed coefficients. The mean is not taken off: the first
eigenspectrum comes near it. The start is smooth and without random numbers, the order is that of the variance, and the
coefficients of each eigenspectrum have a positive sum.

Spectra are shifted by whole bins of 1e-4 dex (34.5 km/s at most from their place), sorted by redshift and put into
blocks whose windows of the rest frame are narrow, so that each half of an iteration is two products of matrices a
block.

Bright spectra must not decide alone: flux is divided by its level, and to the variance is added that of the largest
S/N that counts.
"""

from dataclasses import dataclass

import numpy as np
import torch

from pipeline.errors import PipelineError
from pipeline.models.pca import Templates
from pipeline.settings.spectra.pca import LearnedTemplates
from pipeline.spectra.log_bins import FINE

HISTORY = ("kind", "range", "spectra", "iteration", "explained_variance", "clipped_pixels", "clipped_spectra")
_ROWS, _SPREAD = 256, 500  # of a block: spectra, and fine bins by which their redshifts differ
_EDGE = 30  # fine bins whose median goes on beyond the covered range
# Of the mean diagonal element of a system: it decides only what no data decide.
_RIDGE = 1e-10
# When the axes are chosen: it holds down the coefficients of what a spectrum's part of the rest frame hardly shows,
# which are noise times a large number and would come first.
_RIDGE_AXES = 1e-2
_MEDIAN_OF_NORMAL = 0.6745  # of the absolute value


@dataclass
class _Block:
    """Spectra in a window of the rest frame, which begins at bin `first`: weight and weight times flux (n, W)."""

    first: int
    weight: np.ndarray
    flux: np.ndarray


@dataclass(frozen=True)
class Blocks:
    """A training set in the rest frame.

    Attributes
    ----------
    blocks : list of _Block
        Sorted by redshift; float32.
    first, count : int
        Fine bins of the rest frame that the set spans.
    """

    blocks: list[_Block]
    first: int
    count: int

    @property
    def spectra(self) -> int:
        """Number of spectra."""
        return sum(len(block.weight) for block in self.blocks)


def normalised(weight: np.ndarray, flux: np.ndarray, largest_sn: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (N, n) and weighted flux (N, n) float32 of spectra divided by their level, weights bounded.

    weight is the inverse variance, flux the flux times it. The level is the weighted mean flux, and where that is below
    the typical error of a pixel, that error. No weight exceeds largest_sn squared.
    """
    total = weight.sum(-1, keepdims=True)
    level = np.divide(flux.sum(-1, keepdims=True), total, out=np.zeros_like(total), where=total > 0)
    good = (weight > 0).sum(-1, keepdims=True)
    error = np.sqrt(np.divide(good, total, out=np.ones_like(total), where=total > 0))
    level = np.maximum(level, error)
    scaled = weight * level**2
    bound = 1 / (1 + scaled / largest_sn**2)
    return (scaled * bound).astype(np.float32), (flux * level * bound).astype(np.float32)


def assemble(weight: np.ndarray, flux: np.ndarray, first: int, z: np.ndarray) -> Blocks:
    """Shift spectra into their rest frames.

    Parameters
    ----------
    weight, flux : array (N, n), float32
        As `normalised` gives them, on fine bins of the observed frame.
    first : int
        Number of the first fine bin of the observed frame.
    z : array (N,)
    """
    shift = np.rint(np.log10(1 + np.asarray(z)) / FINE).astype(np.int64)
    order = np.argsort(shift, kind="stable")
    pixels, blocks, start = weight.shape[1], [], 0
    while start < len(order):
        stop = min(start + _ROWS, start + int(np.searchsorted(shift[order[start:]], shift[order[start]] + _SPREAD)))
        rows = order[start:stop]
        widest = int(shift[rows[-1]])
        shape = (len(rows), pixels + widest - int(shift[rows[0]]))
        block = _Block(first - widest, np.zeros(shape, np.float32), np.zeros(shape, np.float32))
        for place, row in enumerate(rows):
            at = widest - int(shift[row])
            block.weight[place, at : at + pixels], block.flux[place, at : at + pixels] = weight[row], flux[row]
        blocks.append(block)
        start = stop
    lowest = min(block.first for block in blocks)
    last = max(block.first + block.weight.shape[1] for block in blocks)
    return Blocks(blocks, lowest, last - lowest)


class EigenSpectra:
    """Weighted EM-PCA.

    Parameters
    ----------
    data : Blocks
        Changed by `clip`.
    components : int

    Attributes
    ----------
    vectors : tensor (K, L) float64
        Orthonormal where all bins have data of the same weight; in the order of variance after `rotate`.
    """

    def __init__(self, data: Blocks, components: int):
        self.data, self.components = data, components
        self._upper = torch.triu_indices(components, components)
        x = torch.linspace(0, torch.pi, data.count, dtype=torch.float64)
        self.vectors = torch.stack([torch.cos(order * x) for order in range(components)])
        self._measure()

    def _parts(self):
        """Yield each block's window of the vectors, its weights and its weighted flux as float64."""
        for block in self.data.blocks:
            start = block.first - self.data.first
            window = slice(start, start + block.weight.shape[1])
            weight, flux = torch.from_numpy(block.weight).double(), torch.from_numpy(block.flux).double()
            yield window, weight, flux

    def _symmetric(self, upper: torch.Tensor, ridge: float) -> torch.Tensor:
        """Return matrices (N, K, K), slightly raised on the diagonal, of their upper triangles (N, K (K + 1) / 2)."""
        matrix = upper.new_empty((len(upper), self.components, self.components))
        matrix[:, self._upper[0], self._upper[1]] = upper
        matrix[:, self._upper[1], self._upper[0]] = upper
        mean = torch.diagonal(matrix, dim1=1, dim2=2).mean(-1)
        raised = ridge * mean + torch.finfo(matrix.dtype).tiny
        return matrix + raised[:, None, None] * torch.eye(self.components, dtype=matrix.dtype)

    def _pairs(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return the products (K (K + 1) / 2, n) of vectors (K, n)."""
        return vectors[self._upper[0]] * vectors[self._upper[1]]

    def _coefficients(
        self, vectors: torch.Tensor, weight: torch.Tensor, flux: torch.Tensor, ridge: float = _RIDGE
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return coefficients (n, K) and the weighted products of flux and vectors (n, K) of a block."""
        right = flux @ vectors.T
        systems = self._symmetric(weight @ self._pairs(vectors).T, ridge)
        return torch.linalg.solve(systems, right), right

    def iterate(self) -> float:
        """Take one iteration; return the part of the weighted variance that the vectors before it explained."""
        k, length = self.components, self.data.count
        products, right = torch.zeros(length, len(self._upper[0]), dtype=torch.float64), torch.zeros(length, k).double()
        explained = 0.0
        for window, weight, flux in self._parts():
            coefficients, projected = self._coefficients(self.vectors[:, window], weight, flux)
            explained += float((coefficients * projected).sum())
            products[window] += weight.T @ self._pairs(coefficients.T).T
            right[window] += flux.T @ coefficients
        self.vectors = torch.linalg.solve(self._symmetric(products, _RIDGE), right).T.contiguous()
        self._orthonormalise()
        return explained / self.variance

    def _measure(self) -> None:
        """Set what changes when data lose their weight: the variance, and the metric of the rest frame.

        In that metric a bin counts by the weight of its data. In a flat one the few spectra at the ends of the rest
        frame would decide what is orthogonal to what, and which vector comes first.
        """
        total, self.variance = np.zeros(self.data.count), 0.0
        for block in self.data.blocks:
            start, good = block.first - self.data.first, block.weight > 0
            total[start : start + block.weight.shape[1]] += block.weight.sum(0, dtype=np.float64)
            self.variance += float((block.flux[good].astype(np.float64) ** 2 / block.weight[good]).sum())
        self._metric = torch.from_numpy(total / total.max()).sqrt()

    def _orthonormalise(self) -> None:
        """Replace the vectors by a basis of their span that is orthonormal in the metric."""
        triangle = torch.linalg.qr((self.vectors * self._metric).T, mode="r")[1]
        self.vectors = torch.linalg.solve_triangular(triangle.T, self.vectors, upper=False)

    def rotate(self) -> None:
        """Turn the vectors to the principal axes of the coefficients, whose sums become positive."""
        second = torch.zeros(self.components, self.components, dtype=torch.float64)
        total = torch.zeros(self.components, dtype=torch.float64)
        for window, weight, flux in self._parts():
            coefficients = self._coefficients(self.vectors[:, window], weight, flux, _RIDGE_AXES)[0]
            second += coefficients.T @ coefficients
            total += coefficients.sum(0)
        axes = torch.linalg.eigh(second).eigenvectors.flip(-1)
        axes *= torch.where(total @ axes < 0, -1.0, 1.0)
        self.vectors = axes.T @ self.vectors

    def clip(self, limit: float) -> tuple[int, int]:
        """Take the weight from outliers; return how many pixels and how many spectra.

        Pixels: farther from the model than limit times the scatter of their spectrum (in units of the errors, 1 at
        least; from the median of its residuals). Spectra: with a scatter above limit times the median of all.
        """
        scatters, residuals = [], []
        for window, weight, flux in self._parts():
            vectors = self.vectors[:, window]
            model = self._coefficients(vectors, weight, flux)[0] @ vectors
            residual = torch.where(weight > 0, (flux - weight * model) / weight.sqrt(), torch.nan).float()
            scatters.append(residual.abs().nanmedian(-1).values / _MEDIAN_OF_NORMAL)
            residuals.append(residual)
        median = torch.cat(scatters).nanmedian()
        pixels = spectra = 0
        for block, scatter, residual in zip(self.data.blocks, scatters, residuals, strict=True):
            far = residual.abs() > limit * scatter.clamp_min(1)[:, None]
            odd = scatter > limit * median
            pixels, spectra = pixels + int(far[~odd].sum()), spectra + int(odd.sum())
            out = (far | odd[:, None]).numpy()
            block.weight[out] = block.flux[out] = 0
        self._measure()
        return pixels, spectra

    def reached(self) -> np.ndarray:
        """Return the number of spectra (L,) with a datum in each bin of the rest frame."""
        counts = np.zeros(self.data.count, dtype=np.int64)
        for block in self.data.blocks:
            start = block.first - self.data.first
            counts[start : start + block.weight.shape[1]] += (block.weight > 0).sum(0)
        return counts


def extended(vectors: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Return vectors (K, L) with the bins that are not covered (L,) filled.

    Inside the covered range by interpolation; at its ends and beyond by the median of the last `_EDGE` bins there.
    """
    known = np.flatnonzero(covered)
    filled = np.stack([np.interp(np.arange(vectors.shape[1]), known, vector[known]) for vector in vectors])
    filled[:, : known[0] + 1] = np.median(vectors[:, known[:_EDGE]], axis=1)[:, None]
    filled[:, known[-1] :] = np.median(vectors[:, known[-_EDGE:]], axis=1)[:, None]
    return filled


def smoothed(vectors: np.ndarray, sigma: float) -> np.ndarray:
    """Return vectors (K, L) after a Gaussian of that width in dex.

    The noise of the training spectra remains in eigenspectra. It moves with them, so that chi2 of a spectrum with noise
    of its own becomes rough on the scale of a pixel, and a parabola through its minimum too narrow.
    """
    from scipy.ndimage import gaussian_filter1d

    return gaussian_filter1d(vectors, sigma / FINE, axis=1, mode="nearest") if sigma else vectors


def learn(
    data: Blocks, settings: LearnedTemplates, components: int, kind: str, z: tuple[float, float], number: int
) -> tuple[Templates, list[dict]]:
    """Learn the eigenspectra of one range; return them and the rows of the history.

    Raises
    ------
    PipelineError
        There are too few spectra.
    """
    if data.spectra <= components or data.spectra < settings.least_spectra:
        raise PipelineError(
            "too few training spectra for these eigenspectra",
            where=f"spectra.estimators.*.templates.{kind}, range {number + 1}",
            value=f"{data.spectra} spectra for {components} components",
            allowed=f"more than {max(components, settings.least_spectra - 1)}",
            next="take fewer components, a wider train_z, or a larger sample",
        )
    engine, rows, clipped = EigenSpectra(data, components), [], (0, 0)
    for iteration in range(settings.iterations):
        if iteration == settings.iterations // 2:
            clipped = engine.clip(settings.clip)
        explained = engine.iterate()
        values = (kind, number + 1, data.spectra, iteration + 1, explained, *clipped)
        rows.append(dict(zip(HISTORY, values, strict=True)))
    engine.rotate()
    covered = engine.reached() >= settings.least_spectra
    vectors = smoothed(extended(engine.vectors.numpy(), covered), settings.smoothing)
    return Templates(kind, data.first, vectors, covered, z), rows
