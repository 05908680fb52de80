"""From spectra on the grid of a shard to the input of an estimator: another grid, and one scale for all."""

import numpy as np

from pipeline.data.redshift_bits import bit
from pipeline.settings.spectra.inputs import Input
from pipeline.spectra.grids import Grid
from pipeline.spectra.grids import grid as named_grid
from pipeline.spectra.resample import METHODS

_FLOOR = 0.001  # the published FNet code adds it, so that no pixel is 0
_BLOCK = 256  # spectra at a time, which bounds the memory


def input_grid(settings: Input) -> Grid:
    """Return the grid of an estimator's input, (M,) pixels."""
    return named_grid(settings.grid).rebinned(settings.rebin)


def make_input(flux, ivar, mask, grid: Grid, settings: Input) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (n, M) float32 and warning bits (n,) int64 of spectra that lie on one grid.

    A row depends on its own spectrum alone. A spectrum without a usable pixel, or without any variation, gives zeros
    and the bit NODATA.

    Parameters
    ----------
    flux, ivar : array (n, P)
        1e-17 erg/s/cm2/Å and its inverse variance.
    mask : array (n, P), bool
        True for a bad pixel.
    grid : Grid
        Grid of the spectra.
    settings : Input
    """
    values = np.zeros((len(flux), input_grid(settings).pixels), dtype=np.float32)
    usable = np.zeros(len(flux), dtype=bool)
    for start in range(0, len(flux), _BLOCK):
        rows = slice(start, start + _BLOCK)
        block = on_input_grid(flux[rows], ivar[rows], mask[rows], grid, settings)
        values[rows], usable[rows] = _NORMALISE[settings.normalise](*block, settings)
    return values, np.where(usable, 0, bit("NODATA")).astype(np.int64)


def on_input_grid(flux, ivar, mask, grid: Grid, settings: Input) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return flux, ivar (n, M) float64 and mask (n, M) bool on the input's grid, before they are normalised."""
    target, mask = named_grid(settings.grid), np.asarray(mask, dtype=bool) | ~(np.asarray(ivar) > 0)
    if settings.resample == "interp":
        flux = _extended(np.asarray(flux), mask)
    if target != grid:
        resampled = METHODS[settings.resample](grid.wavelength, flux, ivar, mask, target)
        if settings.resample == "interp":
            _extend_outside(resampled[0], flux, grid, target)
        flux, ivar, mask = resampled
    flux, ivar = np.asarray(flux, dtype=np.float64), np.where(mask, 0.0, ivar)
    return (flux, ivar, mask) if settings.rebin == 1 else _rebinned(flux, ivar, mask, settings)


def _extended(flux: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return flux (n, P) with the outermost observed pixel's flux outside the spectrum, as `numpy.interp` gives.

    On a shard's grid a pixel that the spectrum does not cover is masked and 0.
    """
    seen = ~(mask & (flux == 0))
    first = np.argmax(seen, axis=1)
    last = flux.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1)
    place = np.clip(np.arange(flux.shape[1]), first[:, None], last[:, None])
    return np.take_along_axis(flux, place, axis=1)


def _extend_outside(values: np.ndarray, flux: np.ndarray, grid: Grid, target: Grid) -> None:
    """Fill what lies beyond the shard's grid with the flux of its outermost pixels, in place."""
    values[:, target.wavelength < grid.wavelength[0]] = flux[:, :1]
    values[:, target.wavelength > grid.wavelength[-1]] = flux[:, -1:]


def _rebinned(flux, ivar, mask, settings: Input) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average pixels with ivar as weights; the papers' interpolation knows none, and all weigh the same."""
    pixels = input_grid(settings).pixels
    flux, ivar = (
        np.ascontiguousarray(part[:, : pixels * settings.rebin]).reshape(len(part), pixels, settings.rebin)
        for part in (flux, ivar)
    )
    total = ivar.sum(axis=2)
    if settings.resample == "interp":
        return flux.mean(axis=2), total, ~(total > 0)
    summed = (flux * ivar).sum(axis=2)
    return np.divide(summed, total, out=np.zeros_like(total), where=total > 0), total, ~(total > 0)


def _divided(values: np.ndarray, by: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values (n, M) over a scale (n, 1), and which rows are usable (n,); the others are zeros."""
    usable = (by[:, 0] > 0) & np.isfinite(by[:, 0]) & ~mask.all(axis=1)
    return np.divide(values, by, out=np.zeros_like(values), where=usable[:, None]), usable


def _mean(values: np.ndarray) -> np.ndarray:
    return values.mean(axis=1, keepdims=True)


def _rnet(flux, ivar, mask, settings):
    """Zero mean and unit standard deviation (slides, preparation)."""
    centred = flux - _mean(flux)
    return _divided(centred, np.sqrt(_mean(centred**2)), mask)


def _zero_mean_unit(flux, ivar, mask, settings):
    """Zero mean and unit norm (FNet paper, section 3.1)."""
    centred = flux - _mean(flux)
    return _divided(centred, np.sqrt((centred**2).sum(axis=1, keepdims=True)), mask)


def _fnet(flux, ivar, mask, settings):
    """The published FNet code: standardised, then scaled into (0, 1]."""
    values, usable = _rnet(flux, ivar, mask, settings)
    values = values - values.min(axis=1, keepdims=True) + _FLOOR
    return np.where(usable[:, None], values / values.max(axis=1, keepdims=True), 0.0), usable


def _weighted(flux, ivar, mask) -> tuple[np.ndarray, np.ndarray]:
    """Return flux over its ivar-weighted rms, about its ivar-weighted mean, and which rows are usable."""
    total = ivar.sum(axis=1, keepdims=True)
    total = np.where(total > 0, total, np.inf)
    centred = flux - (flux * ivar).sum(axis=1, keepdims=True) / total
    return _divided(centred, np.sqrt((centred**2 * ivar).sum(axis=1, keepdims=True) / total), mask)


def _quasarnet(flux, ivar, mask, settings):
    """QuasarNET's: empty bins take the value of a flux of 0."""
    return _weighted(flux, ivar, mask)


def _ivar(flux, ivar, mask, settings):
    """Good pixels only: bad ones are 0, the mean, and bright ones are cut."""
    values, usable = _weighted(flux, ivar, mask)
    return np.where(mask, 0.0, np.clip(values, -settings.clip_sigma, settings.clip_sigma)), usable


_NORMALISE = {
    "fnet": _fnet,
    "zero_mean_unit": _zero_mean_unit,
    "rnet": _rnet,
    "quasarnet": _quasarnet,
    "ivar": _ivar,
}
