"""A spectrum as it comes from a survey's file, on the pixels of its spectrograph."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class RawSpectrum:
    """One spectrum before it is put on a grid.

    Attributes
    ----------
    spectrum_id, object_id : int
        Identities of the spectrum and of the object, 64 bits.
    ra, dec : float
        ICRS degrees; NaN where the file does not tell.
    survey : {"sdss", "boss", "desi"}
        The spectrograph: sdss is that of SDSS-I/II (3800 to 9200 Å), boss that of BOSS and eBOSS.
    source : str
        File, and row where it holds several.
    wavelength : array (P,), float64
        Vacuum Å, ascending.
    flux : array (P,), float32
        1e-17 erg/s/cm2/Å.
    ivar : array (P,), float32
        Inverse variance of the flux; 0 where there is no datum.
    mask : array (P,), bool
        True for a bad pixel.
    columns : dict
        Further values of the catalogue (`data.spectrum_columns`), by name.
    """

    spectrum_id: int
    object_id: int
    ra: float
    dec: float
    survey: str
    source: str
    wavelength: np.ndarray
    flux: np.ndarray
    ivar: np.ndarray
    mask: np.ndarray
    columns: dict = field(default_factory=dict)


def cleaned(flux, ivar, mask) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Return flux and ivar (…, P) float32 and mask (…, P) bool in which a pixel that is bad carries no weight.

    A pixel without a finite flux and a positive, finite ivar is masked. Its ivar is 0, and its flux too where that is
    not finite; the last value tells whether there was any of that kind. The flux of other masked pixels stays.
    """
    flux, ivar = np.array(flux, dtype=np.float32), np.array(ivar, dtype=np.float32)
    broken = ~np.isfinite(flux) | ~np.isfinite(ivar)
    mask = np.asarray(mask, dtype=bool) | broken | ~(ivar > 0)
    flux[broken] = 0
    ivar[mask] = 0
    return flux, ivar, mask, bool(broken.any())
