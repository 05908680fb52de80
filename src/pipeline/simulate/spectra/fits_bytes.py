"""FITS files from astropy's headers and numpy's data. Equal content gives equal bytes: no dates, no checksums.

astropy takes five times as long as the rest of the simulation to write one small table; its headers, made once, do.
"""

import io
from functools import cache
from pathlib import Path

import numpy as np
from astropy.io import fits

from pipeline.data.atomic import atomic, remove_stale_temporaries

_BLOCK = 2880


def primary(cards: dict, numbers: dict | None = None) -> bytes:
    """Return a primary HDU without data; the keyword SIMUL marks simulated files.

    `numbers` differ from file to file: they are put in without astropy.
    """
    text = _constant(tuple(cards.items()))
    text += "".join(_card(key, value) for key, value in (numbers or {}).items()) + "END".ljust(80)
    return (text + " " * (-len(text) % _BLOCK)).encode("ascii")


@cache
def _constant(cards: tuple) -> str:
    hdu = fits.PrimaryHDU()
    hdu.header["SIMUL"] = (True, "simulated data, not an observation")
    for key, value in cards:
        hdu.header[key] = value
    return hdu.header.tostring(endcard=False, padding=False)


def _card(key: str, value: int | float) -> str:
    """Return a card in fixed format (FITS standard 4.0, section 4.2)."""
    return f"{key:<8}= {repr(value).upper():>20}".ljust(80)


def table(name: str, data: np.ndarray, units: tuple[tuple[str, str], ...] = ()) -> bytes:
    """Return a binary table HDU of a structured array (N,); units by column."""
    forms = tuple((column, data.dtype[column].base.str[1:], data.dtype[column].shape) for column in data.dtype.names)
    head = _table_header(name, forms, len(data), units)
    return head + _padded(np.ascontiguousarray(data, dtype=data.dtype.newbyteorder(">")).tobytes())


@cache
def _table_header(name: str, forms: tuple, rows: int, units: tuple) -> bytes:
    kinds = [(column, "S" + form[1:] if form[0] == "S" else ">" + form, shape) for column, form, shape in forms]
    hdu = fits.BinTableHDU(np.zeros(rows, dtype=kinds), name=name)
    for column, unit in units:
        hdu.columns[column].unit = unit
    hdu.header["SIMUL"] = (True, "simulated data, not an observation")
    return hdu.header.tostring().encode("ascii")


def image(name: str, data: np.ndarray, unit: str = "") -> bytes:
    """Return an image HDU; unsigned integers are stored with the offset that FITS prescribes."""
    hdu = fits.ImageHDU(data, name=name)
    if unit:
        hdu.header["BUNIT"] = unit
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(out)
    return out.getvalue()[_BLOCK:]


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % _BLOCK)


def write(path: Path, *hdus: bytes) -> None:
    """Write a file of HDUs atomically."""
    remove_stale_temporaries(path)
    with atomic(path) as temporary:
        temporary.write_bytes(b"".join(hdus))
