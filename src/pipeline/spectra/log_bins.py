"""Spectra in bins of an absolute grid in log10 of the wavelength, where a redshift is a shift by whole bins.

Fine bin j lies around 10**(j * FINE) Å, as the pixels of SDSS do; bin q of width `width` holds the fine bins
width * q ... width * q + width - 1. Bins of the observed and of the rest frame are numbered alike.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.spectra.grids import Grid

FINE = 1e-4  # dex
_SLIVER = 1e-6  # of a pixel: below it an overlap is rounding


@dataclass(frozen=True)
class Bins:
    """Bins first ... first + count - 1, each of `width` fine bins."""

    first: int
    count: int
    width: int

    @property
    def edges(self) -> np.ndarray:
        """Edges (count + 1,), log10 of Å."""
        return (self.width * (self.first + np.arange(self.count + 1)) - 0.5) * FINE

    @property
    def centres(self) -> np.ndarray:
        """Centres (count,), log10 of Å."""
        return (self.edges[1:] + self.edges[:-1]) / 2


def bins_of(grid: Grid, width: int) -> Bins:
    """Return the bins that hold all pixels of a grid."""
    blue, red = np.log10(grid.edges[[0, -1]]) / FINE + 0.5
    first, last = int(np.floor((blue + _SLIVER) / width)), int(np.ceil((red - _SLIVER) / width))
    return Bins(first, last - first, width)


class Rebinning:
    """Sums over the pixels of a grid in the bins of an absolute grid; a pixel is shared out by its overlap in log λ.

    Inverse variance is shared out like this, so that neighbouring bins count a shared pixel once between them.

    Parameters
    ----------
    edges : array (P + 1,)
        Edges of the pixels, log10 of Å, ascending.
    bins : Bins
    """

    def __init__(self, edges: np.ndarray, bins: Bins):
        from scipy.sparse import coo_array

        self.bins = bins
        position = (edges - bins.edges[0]) / (bins.width * FINE)
        blue, red = position[:-1], position[1:]
        lowest = np.floor(blue).astype(np.int64)
        reach = int(np.max(np.ceil(red) - lowest, initial=1))
        rows, pixels, shares = [], [], []
        for step in range(reach):
            bin_number = lowest + step
            share = (np.minimum(red, bin_number + 1) - np.maximum(blue, bin_number)) / (red - blue)
            kept = (share > _SLIVER) & (bin_number >= 0) & (bin_number < bins.count)
            rows.append(bin_number[kept])
            pixels.append(np.flatnonzero(kept))
            shares.append(share[kept])
        places = (np.concatenate(rows), np.concatenate(pixels))
        self._matrix = coo_array((np.concatenate(shares), places), shape=(bins.count, len(blue))).tocsr()

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sums (N, bins) float64 of values (N, P)."""
        return np.ascontiguousarray((self._matrix @ np.asarray(values, dtype=np.float64).T).T)

    def __call__(
        self, flux: np.ndarray, ivar: np.ndarray, mask: np.ndarray, scatter: float = np.inf
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return inverse variance (N, bins), and it times flux, of spectra (N, P); a masked pixel has none.

        scatter: where the pixels of a bin differ by more than this many times what their errors allow (reduced chi2),
        as where a cosmic ray was not masked, the variance of the bin grows by what is above.
        """
        good = ~np.asarray(mask, dtype=bool) & np.isfinite(flux) & np.isfinite(ivar) & (np.asarray(ivar) > 0)
        weight, flux = np.where(good, ivar, 0.0).astype(np.float64), np.where(good, flux, 0.0).astype(np.float64)
        total, first = self.sums(weight), self.sums(weight * flux)
        if np.isinf(scatter):
            return total, first
        mean = np.divide(first, total, out=np.zeros_like(total), where=total > 0)
        inner = self.sums(weight * flux**2) - first * mean
        excess = np.maximum(inner / np.maximum(self.sums(good) - 1, 1) / scatter, 1)
        return total / excess, first / excess
