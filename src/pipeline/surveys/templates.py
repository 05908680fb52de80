"""Published eigenspectra, on the fine bins of `spectra.log_bins`.

| file | eigenspectra | wavelengths | class |
|---|---|---|---|
| Redrock `rrtemplate-*.fits[.gz]` | image BASIS_VECTORS (K, L) | CRVAL1, CDELT1: log10 if LOGLAM, else Å | RRTYPE |
| idlspec2d `spEigen*.fits` | primary image (K, L) | COEFF0, COEFF1: log10 | OBJECT |

Wavelengths are vacuum, rest frame. A bin where all eigenspectra are zero holds no template.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.spectra.log_bins import FINE, Bins, Rebinning
from pipeline.surveys.fitsfiles import opened
from pipeline.surveys.unreadable import UnreadableFile

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


def _header(path: Path, header, names: tuple[str, ...]) -> list:
    missing = [name for name in names if name not in header]
    if missing:
        raise UnreadableFile("the header of these eigenspectra lacks keywords", where=path, value=missing)
    return [header[name] for name in names]


def read_eigenspectra(path: Path) -> Eigenspectra:
    """Read a file of eigenspectra; see the module.

    Raises
    ------
    UnreadableFile
        The file is missing, broken, no FITS, or of another layout.
    """
    with opened(path) as hdus:
        redrock = "BASIS_VECTORS" in [hdu.name for hdu in hdus]
        hdu = hdus["BASIS_VECTORS" if redrock else 0]
        values = None if hdu.data is None else np.asarray(hdu.data, dtype=np.float64)
        if values is None or values.ndim != 2:
            raise UnreadableFile("no eigenspectra in this file", where=path, allowed="rrtemplate-*.fits, spEigen*.fits")
        if redrock:
            start, step, label = _header(path, hdu.header, ("CRVAL1", "CDELT1", "RRTYPE"))
            logarithmic = bool(hdu.header.get("LOGLAM", 0))
        else:
            (start, step, label), logarithmic = _header(path, hdu.header, ("COEFF0", "COEFF1", "OBJECT")), True
    kind = _KINDS.get(str(label).strip().upper())
    if kind is None:
        raise UnreadableFile("eigenspectra of an unknown class", where=path, value=label, allowed=", ".join(_KINDS))
    if not np.isfinite(values).all():
        raise UnreadableFile("these eigenspectra hold values that are not finite", where=path)
    edges = start + step * (np.arange(values.shape[1] + 1) - 0.5)
    if not logarithmic:
        edges = np.log10(edges)
    # Only bins that lie wholly inside.
    first, last = (round(value, 3) for value in (edges[0] / FINE + 0.5, edges[-1] / FINE + 0.5))
    bins = Bins(int(np.ceil(first)), int(np.floor(last)) - int(np.ceil(first)), 1)
    rebinning = Rebinning(edges, bins)
    # A mean in which a pixel counts by its width in log λ, also where pixels are much wider or narrower than the bins.
    width = np.diff(edges)
    total = rebinning.sums(width[None])
    vectors = rebinning.sums(values * width) / total
    return Eigenspectra(kind, bins.first, vectors, (vectors != 0).any(0))
