"""What sky viewers draw: a region file of the candidates, a map of the searched area."""

from collections.abc import Mapping

import numpy as np
from astropy.io import fits
from mocpy import MOC

from pipeline.data.catalogue import DIGEST, cards
from pipeline.data.sky import cells

COLORS = {"A": "red", "B": "orange", "C": "green"}
RADIUS_ARCSEC = 5.0


def region_text(ra: np.ndarray, dec: np.ndarray, name: np.ndarray, grade: np.ndarray) -> str:
    """Return a DS9 region file: a circle a candidate, (N,) each, coloured by grade and labelled with its name.

    The package `regions` writes attributes in an order that changes from run to run, so that the lines are written
    here; the tests read them with it.
    """
    lines = ["# Region file format: DS9 version 4.1", "icrs"]
    for one, two, label, letter in zip(ra, dec, name, grade, strict=True):
        lines.append(
            f'circle({one:.7f},{two:.7f},{RADIUS_ARCSEC:g}") # color={COLORS[letter]} text={{{label} ({letter})}}'
        )
    return "\n".join(lines) + "\n"


def footprint(ra: np.ndarray, dec: np.ndarray, order: int, header: Mapping[str, object]) -> fits.HDUList:
    """Return a MOC as FITS: the HEALPix cells of an order that hold at least one of the positions (N,), in degrees."""
    found = np.unique(cells(ra, dec, 2**order)).astype(np.uint64)
    moc = MOC.from_healpix_cells(found, np.full(len(found), order, dtype=np.uint8), max_depth=order)
    hdus = moc.serialize(format="fits")
    hdus[1].header.extend(cards(header), end=True)
    for hdu in hdus:
        hdu.add_checksum(when=DIGEST)
    return hdus
