"""Spectra on another grid: the papers' interpolation, resampling that conserves flux, QuasarNET's bins.

All take spectra that share their wavelengths, flux (n, P), and give flux, ivar and mask (n, M) on a grid. What happens
to a row does not depend on the others.
"""

from functools import lru_cache

import numpy as np

from pipeline.spectra.grids import Grid
from pipeline.spectra.raw import RawSpectrum

ALIGNED = 0.01  # pixels; nearer to the grid's pixels than that, a spectrum is copied
LEAST_OVERLAP = 0.5  # share of a pixel's width that must have good data
_EDGE = 1e-6  # bins; what is nearer below an edge lies on it but for rounding

Spectra = tuple[np.ndarray, np.ndarray, np.ndarray]


def _results(rows: int, pixels: int) -> Spectra:
    zeros = np.zeros((rows, pixels), dtype=np.float32)
    return zeros, zeros.copy(), np.ones((rows, pixels), dtype=bool)


def pixel_edges(wavelength: np.ndarray) -> np.ndarray:
    """Return edges (P + 1,) of pixels with the given centres (P,): half way between, the outer ones mirrored."""
    middle = (wavelength[1:] + wavelength[:-1]) / 2
    return np.concatenate(([2 * wavelength[0] - middle[0]], middle, [2 * wavelength[-1] - middle[-1]]))


def interpolate(wavelength: np.ndarray, flux, ivar, mask, grid: Grid) -> Spectra:
    """Interpolate linearly as the papers' codes do with `numpy.interp`.

    Masked pixels enter with the flux that stands there. Outside the spectrum the flux is that of its outermost pixel
    in the papers' matrices (`inputs`), and 0 here, where such pixels are masked. The papers carry no inverse variance:
    ivar and mask are those of the nearest pixel.
    """
    out, out_ivar, out_mask = _results(len(flux), grid.pixels)
    target = grid.wavelength
    inside = np.flatnonzero((target >= wavelength[0]) & (target <= wavelength[-1]))
    if not len(inside):
        return out, out_ivar, out_mask
    target = target[inside]
    left = np.clip(np.searchsorted(wavelength, target, side="right") - 1, 0, len(wavelength) - 2)
    share = (target - wavelength[left]) / (wavelength[left + 1] - wavelength[left])
    flux = np.asarray(flux, dtype=np.float64)
    out[:, inside] = flux[:, left] + share * (flux[:, left + 1] - flux[:, left])
    nearest = left + (share > 0.5)
    out_ivar[:, inside], out_mask[:, inside] = ivar[:, nearest], mask[:, nearest]
    out_ivar[out_mask] = 0
    return out, out_ivar, out_mask


@lru_cache(maxsize=8)
def _overlaps(wavelength: bytes, grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs of pixels that overlap, ordered by the grid's: source (K,), target (K,), width (K,) in Å.

    Kept for the next spectrum on the same pixels, given as the bytes of their centres in float64.
    """
    edges, target = pixel_edges(np.frombuffer(wavelength)), grid.edges
    cuts = np.union1d(edges, target)
    cuts = cuts[(cuts >= max(edges[0], target[0])) & (cuts <= min(edges[-1], target[-1]))]
    middle = (cuts[1:] + cuts[:-1]) / 2
    return np.searchsorted(edges, middle) - 1, np.searchsorted(target, middle) - 1, np.diff(cuts)


def conserve(wavelength: np.ndarray, flux, ivar, mask, grid: Grid) -> Spectra:
    """Average the flux density over the grid's pixels, weighted by overlap; good pixels only.

    The integral over wavelength is kept where all pixels are good. The variance is that of the weighted average;
    neighbours on the grid that share a pixel of the spectrum are correlated, which ivar cannot tell. A pixel with good
    data over less than half of its width is masked, flux and ivar 0.
    """
    out, out_ivar, out_mask = _results(len(flux), grid.pixels)
    if len(wavelength) < 2:
        return out, out_ivar, out_mask
    source, target, width = _overlaps(np.asarray(wavelength, dtype=np.float64).tobytes(), grid)
    if not len(source):
        return out, out_ivar, out_mask
    starts = np.flatnonzero(np.concatenate(([True], np.diff(target) > 0)))
    reached = target[starts]
    good = ~np.asarray(mask, dtype=bool) & (np.asarray(ivar) > 0)
    variance = np.divide(1.0, ivar, out=np.zeros(good.shape), where=good)
    weight = np.where(good[:, source], width, 0.0)
    total = np.add.reduceat(weight, starts, axis=1)
    enough = total >= LEAST_OVERLAP * np.diff(grid.edges)[reached]
    summed = np.add.reduceat(weight * np.asarray(flux, dtype=np.float64)[:, source], starts, axis=1)
    spread = np.add.reduceat(weight**2 * variance[:, source], starts, axis=1)
    out[:, reached] = np.divide(summed, total, out=np.zeros_like(total), where=enough)
    out_ivar[:, reached] = np.divide(total**2, spread, out=np.zeros_like(total), where=enough)
    out_mask[:, reached] = ~enough
    return out, out_ivar, out_mask


def quasarnet_bins(wavelength: np.ndarray, flux, ivar, mask, grid: Grid) -> Spectra:
    """Average in bins as QuasarNET does: each pixel falls into one bin, weights are ivar, empty bins are 0.

    Pixels outside the grid fall into none. The ivar of a bin is the sum.
    """
    out, out_ivar, out_mask = _results(len(flux), grid.pixels)
    bins = np.floor(grid.index_of(wavelength) + _EDGE).astype(np.int64)
    inside = np.flatnonzero((bins >= 0) & (bins < grid.pixels))
    if not len(inside):
        return out, out_ivar, out_mask
    reached, column = np.unique(bins[inside], return_inverse=True)
    # A sparse matrix adds whole columns of spectra at a time: five times as fast as reduceat along the rows.
    from scipy.sparse import csr_array  # half a second: here only where it is called

    into = csr_array((np.ones(len(inside)), (column, inside)), shape=(len(reached), len(wavelength)))
    weight = np.where(mask, 0.0, np.asarray(ivar, dtype=np.float64))
    total = (into @ weight.T).T
    summed = (into @ (weight * flux).T).T
    out[:, reached] = np.divide(summed, total, out=np.zeros_like(total), where=total > 0)
    out_ivar[:, reached], out_mask[:, reached] = total, ~(total > 0)
    return out, out_ivar, out_mask


METHODS = {"interp": interpolate, "conserve": conserve, "quasarnet": quasarnet_bins}


def aligned(wavelength: np.ndarray, grid: Grid) -> np.ndarray | None:
    """Return the grid's pixel of each pixel of a spectrum, int64 (P,), may lie outside; None when they do not agree."""
    if grid.anchor != "centre" or not len(wavelength):
        return None
    index = grid.index_of(wavelength)
    whole = np.rint(index)
    return whole.astype(np.int64) if np.abs(index - whole).max() < ALIGNED else None


def to_grid(spectrum: RawSpectrum, grid: Grid, method: str) -> Spectra:
    """Return flux, ivar and mask (M,) of a spectrum on a grid.

    A spectrum whose pixels are the grid's within 0.01 pixel is copied, whatever the method. Where it has no pixels,
    flux and ivar are 0 and the mask is set.

    Parameters
    ----------
    spectrum : RawSpectrum
    grid : Grid
    method : {"interp", "conserve", "quasarnet"}
    """
    place = aligned(spectrum.wavelength, grid)
    if place is None and len(spectrum.wavelength) < 2:
        return tuple(part[0] for part in _results(1, grid.pixels))
    if place is None:
        block = (spectrum.flux[None], spectrum.ivar[None], spectrum.mask[None])
        return tuple(part[0] for part in METHODS[method](spectrum.wavelength, *block, grid))
    flux, ivar, mask = (part[0] for part in _results(1, grid.pixels))
    inside = (place >= 0) & (place < grid.pixels)
    place = place[inside]
    flux[place], ivar[place], mask[place] = spectrum.flux[inside], spectrum.ivar[inside], spectrum.mask[inside]
    return flux, ivar, mask
