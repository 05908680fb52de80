"""chi2(z) of eigenspectra by weighted linear least squares, at all redshifts at once.

On bins of equal width in log10 of the wavelength a redshift is a shift. The normal equations at all shifts are then
correlations: of the weights with products of eigenspectra, and of the weighted flux with eigenspectra. They are
computed by FFTs, and their small systems are solved by a Cholesky factorisation that runs over all redshifts at once.

Legendre polynomials in log wavelength, which take up errors of the flux calibration, reddening and a continuum that
the training set did not have, do not move with redshift. They are made orthonormal under the weights of the spectrum
and projected out of the flux and of the eigenspectra, so that the systems hold the eigenspectra alone and chi2 of the
polynomial alone comes for nothing: it is that of a spectrum without features.

chi2 at different redshifts counts the same pixels: beyond what the training set covers an eigenspectrum goes on with
the level of its edge (`learn.eigenspectra`), which claims a continuum without features there.

Eigenspectra that come from simulations, or from other instruments, never fit bright spectra to their noise. A relative
error of the local level of the spectrum (`systematic`) is added in quadrature, so that no single bright pixel decides.
"""

from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np
import torch

from pipeline.spectra.log_bins import FINE, Bins

LEVEL_DEX = 0.02  # the local level is a mean over this width: wide against bad pixels, narrow against the continuum
MARGIN = 4  # bins by which `Shifted.at` may leave the scan
_ROUND = 1e-6
# Of a diagonal element. Large against rounding in float64, small against anything that data can tell.
_RIDGE = 1e-9
_DEPENDENT = 1e-10  # of the square of a polynomial: what the others leave of it is rounding


@dataclass(frozen=True)
class Templates:
    """Eigenspectra in the rest frame and the redshifts at which they are tried.

    Attributes
    ----------
    kind : {"quasar", "galaxy", "star"}
    first : int
        Number of the first fine bin (`spectra.log_bins`).
    vectors : array (K, L), float64
        Defined everywhere in its range; beyond it the values at the ends hold.
    covered : array (L,), bool
        Where data made them.
    z : (float, float)
        Lowest and highest redshift.
    """

    kind: str
    first: int
    vectors: np.ndarray
    covered: np.ndarray
    z: tuple[float, float]


def _project(
    matrix: torch.Tensor, right: torch.Tensor, terms: torch.Tensor, amount: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Take the polynomial, terms (P, K, ...) and amount (P,), out of systems (K, K, ...), (K, ...), in their place."""
    torch.diagonal(matrix, dim1=0, dim2=1).mul_(1 + _RIDGE)
    for row, value in zip(terms, amount, strict=True):
        matrix -= row[:, None] * row[None]
        right -= row * value
    return matrix, right


def _solve_all(matrix: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return right^T matrix^-1 right for systems matrix (K, K, ...), right (K, ...): Cholesky over all at once.

    The arguments are overwritten. An eigenspectrum without any pixel is left out.
    """
    gain = torch.zeros_like(right[0])
    for index in range(len(right)):
        diagonal = matrix[index, index]
        inverse = torch.where(diagonal > 0, diagonal, torch.inf).rsqrt_()
        done = right[index] * inverse
        gain.addcmul_(done, done)
        if index + 1 < len(right):
            column = matrix[index + 1 :, index] * inverse
            right[index + 1 :] -= column * done
            matrix[index + 1 :, index + 1 :] -= column[:, None] * column[None]
    return gain


@dataclass
class Weighted:
    """A spectrum with the polynomial projected out.

    Attributes
    ----------
    weight, flux : tensor (n,)
        Inverse variance; inverse variance times flux.
    terms : tensor (P, n)
        Inverse variance times polynomials that are orthonormal under it.
    amount : tensor (P,)
        Coefficients of the flux in them.
    rest : tensor ()
        chi2 of the polynomial alone.
    """

    weight: torch.Tensor
    flux: torch.Tensor
    terms: torch.Tensor
    amount: torch.Tensor
    rest: torch.Tensor


class Weighting:
    """What a spectrum needs before any template: errors with their systematic part, polynomials.

    Parameters
    ----------
    bins : Bins
        The observed frame.
    polynomial : int
        Number of Legendre terms.
    systematic : float
    device : torch.device
    """

    def __init__(self, bins: Bins, polynomial: int, systematic: float, device: torch.device):
        self.systematic = systematic
        x = np.linspace(-1, 1, bins.count)
        terms = np.polynomial.legendre.legvander(x, max(polynomial - 1, 0)).T[:polynomial]
        self.terms = torch.from_numpy(np.ascontiguousarray(terms)).to(device)
        self.half = max(1, round(LEVEL_DEX / (bins.width * FINE) / 2))

    def _level(self, weight: torch.Tensor, flux: torch.Tensor) -> torch.Tensor:
        """Return the weighted mean flux (n,) around each bin."""
        n, width = len(weight), 2 * self.half + 1
        both = torch.nn.functional.pad(torch.stack([weight, flux]), (self.half + 1, self.half)).cumsum(-1)
        sums = both[:, width : width + n] - both[:, :n]
        # Where the sums are differences of rounding there is no datum near, and the weight is zero.
        return torch.where(sums[0] > _RIDGE * both[0, -1], sums[1] / sums[0], 0.0)

    def __call__(self, weight: torch.Tensor, flux: torch.Tensor) -> Weighted:
        """Prepare inverse variance (n,) and inverse variance times flux (n,), float64."""
        ratio = 1 / (1 + weight * (self.systematic * self._level(weight, flux)) ** 2)
        mean = torch.where(weight > 0, flux / weight, 0.0)
        weight = weight * ratio
        flux = weight * mean
        terms = []
        for term in self.terms:
            size, value = (weight * term**2).sum(), term
            for _ in range(2):  # Gram-Schmidt, twice: weights may leave a small part of the range
                for other in terms:
                    value = value - (weight * value * other).sum() * other
            norm = (weight * value**2).sum()
            terms.append(value * torch.where(norm > _DEPENDENT * size, norm, torch.inf).rsqrt())
        orthonormal = torch.stack(terms) if terms else weight.new_zeros((0, len(weight)))
        amount = (orthonormal * flux).sum(-1)
        rest = (flux * mean).sum() - (amount**2).sum()
        return Weighted(weight, flux, orthonormal * weight, amount, rest)


class Shifted:
    """Templates prepared for spectra in given bins.

    Attributes
    ----------
    low, high : int
        Redshifts of the scan are the whole numbers low ... high of bins in log10(1 + z).
    shifts : int
        Their number.
    size : int
        Length of the FFTs.
    linear, products : tensor (K, size // 2 + 1), (K (K + 1) / 2, size // 2 + 1)
        Transforms of the vectors and of their products.
    """

    def __init__(self, templates: Templates, bins: Bins, device: torch.device):
        self.templates, self.bins = templates, bins
        width, n = bins.width, bins.count
        low, high = (log10(1 + z) / (width * FINE) for z in templates.z)
        self.low, self.high = ceil(low - _ROUND), floor(high + _ROUND)
        self.shifts = self.high - self.low + 1
        # More bins at either end, for the refinement of a minimum there.
        length = n + self.shifts - 1 + 2 * MARGIN
        first = width * (bins.first - self.high - MARGIN) - (width - 1)
        fine = first + np.arange(width * length + width - 1) - templates.first
        inside = (fine >= 0) & (fine < templates.vectors.shape[1])
        fine = np.clip(fine, 0, templates.vectors.shape[1] - 1)
        values, known = templates.vectors[:, fine], templates.covered[fine] & inside
        # phases[p] holds the means over the bins when the templates move by p fine bins to the red.
        starts = [slice(width - 1 - phase, width - 1 - phase + width * length) for phase in range(width)]
        phases = np.stack([values[:, start].reshape(len(values), length, width).mean(-1) for start in starts])
        self._phases = torch.from_numpy(phases).to(device)
        known = torch.from_numpy(known[starts[0]].reshape(length, width).mean(-1)).to(device)
        self._known = known.unfold(-1, n, 1)
        self._upper = torch.triu_indices(len(values), len(values), device=device)
        from scipy.fft import next_fast_len  # half a second: here only where it is called

        self.size = next_fast_len(length, real=True)
        self._squares = self._phases[:, self._upper[0]] * self._phases[:, self._upper[1]]
        self.linear = torch.fft.rfft(self._phases[0], self.size)
        self.products = torch.fft.rfft(self._squares[0], self.size)

    def correlations(self, spectrum: Weighted) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the correlations at all redshifts, from low to high.

        Of the flux with the vectors (K, S), of the weights with their products (K (K + 1) / 2, S), of the terms of the
        polynomial with the vectors (P, K, S).
        """
        rows = torch.cat([spectrum.weight[None], spectrum.flux[None], spectrum.terms])
        observed = torch.fft.rfft(rows, self.size).conj()
        with_vectors = torch.fft.irfft(observed[1:, None] * self.linear, self.size)
        with_products = torch.fft.irfft(observed[0] * self.products, self.size)
        kept = slice(MARGIN, self.shifts + MARGIN)
        with_vectors, with_products = with_vectors[..., kept].flip(-1), with_products[..., kept].flip(-1)
        return with_vectors[0], with_products, with_vectors[1:]

    def scan(self, spectrum: Weighted) -> torch.Tensor:
        """Return chi2 (S,) at log10(1 + z) = low ... high bins."""
        right, products, terms = self.correlations(spectrum)
        return spectrum.rest - _solve_all(*_project(self._symmetric(products), right, terms, spectrum.amount))

    def _systems(self, spectrum: Weighted, places: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the systems (K, K, M) and (K, M) at shifts of fine bins, of which there are few."""
        k, n = len(self.linear), self.bins.count
        sides = torch.cat([spectrum.flux[None], spectrum.terms]).T.contiguous()
        products = sides.new_empty((len(places), self._upper.shape[1]))
        vectors = sides.new_empty((len(places), k, sides.shape[1]))
        for number, place in enumerate(places):
            shift, phase = divmod(place, self.bins.width)
            window = slice(self.high + MARGIN - shift, self.high + MARGIN - shift + n)
            torch.mv(self._squares[phase, :, window], spectrum.weight, out=products[number])
            torch.mm(self._phases[phase, :, window], sides, out=vectors[number])
        terms = vectors[..., 1:].permute(2, 1, 0)
        return _project(self._symmetric(products.T), vectors[..., 0].T.contiguous(), terms, spectrum.amount)

    def _symmetric(self, products: torch.Tensor) -> torch.Tensor:
        """Return matrices (K, K, S) of their upper triangles (K (K + 1) / 2, S)."""
        k = len(self.linear)
        matrix = products.new_empty((k, k, products.shape[-1]))
        matrix[self._upper[0], self._upper[1]] = products
        matrix[self._upper[1], self._upper[0]] = products
        return matrix

    def at(self, spectrum: Weighted, place: torch.Tensor) -> torch.Tensor:
        """Return chi2 (...) at shifts (...) of fine bins, which may lie up to MARGIN fine bins outside the scan."""
        gain = _solve_all(*self._systems(spectrum, place.flatten().tolist()))
        return spectrum.rest - gain.reshape(place.shape)

    def fit(self, spectrum: Weighted, place: int) -> tuple[torch.Tensor, bool, torch.Tensor]:
        """Fit at a shift of fine bins.

        Returns
        -------
        coefficients : tensor (K,)
        upright : bool
            Whether the spectrum and the first eigenspectrum, both less their polynomials, correlate: a fit in which
            they do not has its lines upside down.
        covered : tensor (n,)
            Part of each bin in which the eigenspectra are made of data.
        """
        matrix, right = (part[..., 0] for part in self._systems(spectrum, [place]))
        coefficients = torch.linalg.pinv(matrix, hermitian=True) @ right
        return coefficients, bool(right[0] > 0), self._known[self.high + MARGIN - place // self.bins.width]
