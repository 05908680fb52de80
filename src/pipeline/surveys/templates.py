"""Published eigenspectra, on the fine bins of `spectra.log_bins`.

| file | eigenspectra | wavelengths | class |
|---|---|---|---|
| Redrock `rrtemplate-*.fits[.gz]` | image BASIS_VECTORS (K, L) | CRVAL1, CDELT1: log10 if LOGLAM, else Å | RRTYPE |
| idlspec2d `spEigen*.fits` | primary image (K, L) | COEFF0, COEFF1: log10 | OBJECT |
| baltools `PCA_Eigenvectors*.fits` | table, columns PCA0, PCA1, … (L,) | column WAVE, Å | always quasars |

A spectrum is a sum of eigenspectra in all of them; a mean spectrum, where there is one, is the first. Wavelengths are
vacuum, rest frame. A bin where all eigenspectra are zero holds no template.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from pipeline.spectra.log_bins import FINE, Bins, Rebinning
from pipeline.surveys.fitsfiles import TableReader, opened
from pipeline.surveys.unreadable import UnreadableFile

_ALLOWED = "rrtemplate-*.fits, spEigen*.fits, or a table with WAVE, PCA0, PCA1, ..."
_KINDS = {"QSO": "quasar", "GALAXY": "galaxy", "STAR": "star"}


@dataclass(frozen=True)
class Eigenspectra:
    """Eigenspectra of a file.

    Attributes
    ----------
    kind : {"quasar", "galaxy", "star"}
    first : int
        Number of the first fine bin.
    vectors : array (K, L), float64
        Means over the bins.
    covered : array (L,), bool
    """

    kind: str
    first: int
    vectors: np.ndarray
    covered: np.ndarray


def read_eigenspectra(path: Path) -> Eigenspectra:
    """Read a file of eigenspectra; see the module.

    Raises
    ------
    UnreadableFile
        The file is missing, broken, no FITS, or of another layout.
    """
    with opened(path) as hdus:
        if "BASIS_VECTORS" in [hdu.name for hdu in hdus]:
            label, edges, values = _image(path, hdus["BASIS_VECTORS"], "CRVAL1", "CDELT1", "RRTYPE")
        elif hdus[0].data is None and any(isinstance(hdu, fits.BinTableHDU) for hdu in hdus):
            label, edges, values = _table(path, TableReader(hdus, path))
        else:
            label, edges, values = _image(path, hdus[0], "COEFF0", "COEFF1", "OBJECT")
    kind = _KINDS.get(str(label).strip().upper())
    if kind is None:
        raise UnreadableFile("eigenspectra of an unknown class", where=path, value=label, allowed=", ".join(_KINDS))
    if not np.isfinite(values).all():
        raise UnreadableFile("these eigenspectra hold values that are not finite", where=path)
    # Only bins that lie wholly inside.
    first, last = (round(value, 3) for value in (edges[0] / FINE + 0.5, edges[-1] / FINE + 0.5))
    bins = Bins(int(np.ceil(first)), int(np.floor(last)) - int(np.ceil(first)), 1)
    rebinning = Rebinning(edges, bins)
    # A mean in which a pixel counts by its width in log λ, also where pixels are much wider or narrower than the bins.
    width = np.diff(edges)
    total = rebinning.sums(width[None])
    vectors = rebinning.sums(values * width) / total
    return Eigenspectra(kind, bins.first, vectors, (vectors != 0).any(0))


def _image(path: Path, hdu, *names: str) -> tuple[str, np.ndarray, np.ndarray]:
    """Return class, edges of the pixels (L + 1,) in log10 Å and vectors (K, L) of an image; names: its keywords."""
    values = None if hdu.data is None else np.asarray(hdu.data, dtype=np.float64)
    if values is None or values.ndim != 2:
        raise UnreadableFile("no eigenspectra in this file", where=path, allowed=_ALLOWED)
    missing = [name for name in names if name not in hdu.header]
    if missing:
        raise UnreadableFile("the header of these eigenspectra lacks keywords", where=path, value=missing)
    start, step, label = (hdu.header[name] for name in names)
    edges = start + step * (np.arange(values.shape[1] + 1) - 0.5)
    return label, edges if "COEFF0" in names or hdu.header.get("LOGLAM", 0) else np.log10(edges), values


def _table(path: Path, table: TableReader) -> tuple[str, np.ndarray, np.ndarray]:
    """Return the same of a table of wavelengths and components; pixels meet halfway in log λ."""
    names = [name for name in table.names if re.fullmatch(r"pca\d+", name)]
    if "wave" not in table.names or not names or table.rows < 2:
        raise UnreadableFile("no eigenspectra in this file", where=path, value=sorted(table.names), allowed=_ALLOWED)
    names.sort(key=lambda name: int(name.removeprefix("pca")))
    columns = table.read(("wave", *names))
    wavelength = columns.pop("wave").astype(np.float64)
    if not np.isfinite(wavelength).all() or wavelength[0] <= 0 or (np.diff(wavelength) <= 0).any():
        raise UnreadableFile("the wavelengths of these eigenspectra are not ascending", where=path)
    loglam = np.log10(wavelength)
    middle = (loglam[1:] + loglam[:-1]) / 2
    edges = np.concatenate([[2 * loglam[0] - middle[0]], middle, [2 * loglam[-1] - middle[-1]]])
    return "QSO", edges, np.stack([values.astype(np.float64) for values in columns.values()])
