"""The three arms of DESI become one spectrum on the 0.8 Å grid."""

from collections.abc import Mapping

import numpy as np

from pipeline.errors import PipelineError
from pipeline.spectra.grids import grid
from pipeline.spectra.raw import cleaned
from pipeline.spectra.resample import aligned

Arm = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def coadd_arms(arms: Mapping[str, Arm], *, where: object) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return flux, ivar (n, 7781) float32, mask (n, 7781) bool, and which rows had pixels that are no number (n,).

    Where arms overlap, good pixels are averaged with inverse variance; one that is bad in one arm is good in the sum
    when the other arm has it. DESI extracts all arms on pixels of one grid, so that nothing is interpolated.

    Parameters
    ----------
    arms : mapping
        Name -> wavelength (P,) vacuum Å, flux (n, P), ivar (n, P), mask (n, P), True for bad.
    where : object
        File, for messages.

    Raises
    ------
    PipelineError
        The wavelengths of an arm are not those of the grid.
    """
    whole = grid("desi")
    rows = len(next(iter(arms.values()))[1])
    weighted, total = np.zeros((rows, whole.pixels)), np.zeros((rows, whole.pixels))
    broken = np.zeros(rows, dtype=bool)
    for name, (wavelength, *parts) in arms.items():
        place = aligned(wavelength, whole)
        if place is None or place.min() < 0 or place.max() >= whole.pixels or (np.diff(place) != 1).any():
            raise PipelineError(
                "the pixels of this arm are not those of DESI's grid",
                where=f"{where}: {name}",
                value=f"{wavelength[0]:.4f} to {wavelength[-1]:.4f} in {len(wavelength)} pixels",
                allowed="3600 + 0.8 i Å, i < 7781",
            )
        flux, ivar, _, _ = cleaned(*parts)
        broken |= ~np.isfinite(parts[0]).all(axis=1) | ~np.isfinite(parts[1]).all(axis=1)
        span = slice(place[0], place[-1] + 1)
        weighted[:, span] += flux.astype(np.float64) * ivar
        total[:, span] += ivar
    flux = np.divide(weighted, total, out=np.zeros_like(total), where=total > 0)
    return flux.astype(np.float32), total.astype(np.float32), ~(total > 0), broken
