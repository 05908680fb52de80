"""Identities of spectra and of their objects.

A spectrum of SDSS has plate, MJD and fibre in its bits. The others are hashes with bit 62 set (`data.ids`) of a text:

    object of SDSS      `sdss thing T` where the photometric catalogue knows it (THING_ID > 0), else `sdss P-M-F`
    object of DESI      TARGETID itself, no hash
    spectrum of DESI    `desi NAME T`: the coadd's file name without its suffixes, which names survey, program and
                        HEALPix cell or petal, tile and night; and the TARGETID
    another file        `file NAME`; what an index says is one object: `index OBJECT`
"""

import numpy as np

from pipeline.data.ids import hash_object_id
from pipeline.errors import PipelineError

_FIBER_BITS, _MJD_BITS, _PLATE_BITS = 12, 17, 16


def pack_sdss(plate: int, mjd: int, fiber: int) -> int:
    """Return the spectrum_id of plate, MJD and fibre.

    Raises
    ------
    PipelineError
        A number does not fit its 16, 17 or 12 bits.
    """
    packed = 0
    for name, value, bits in (("plate", plate, _PLATE_BITS), ("mjd", mjd, _MJD_BITS), ("fiber", fiber, _FIBER_BITS)):
        if not 0 <= int(value) < 1 << bits:
            raise PipelineError("not a spectrum of SDSS", where=name, value=value, allowed=f"0 to {(1 << bits) - 1}")
        packed = packed << bits | int(value)
    return packed


def sdss_object(thing_id: int, plate: int, mjd: int, fiber: int) -> int:
    """Return the object_id of a spectrum of SDSS."""
    return _hashed(f"sdss thing {thing_id}" if thing_id > 0 else f"sdss {plate}-{mjd}-{fiber}")


def desi_spectrum(name: str, targetid: int) -> int:
    """Return the spectrum_id of a target in the coadd file of that name."""
    return _hashed(f"desi {name.split('.')[0]} {targetid}")


def file_spectrum(name: str) -> int:
    """Return the spectrum_id of a file that holds one spectrum and no numbers of SDSS or DESI."""
    return _hashed(f"file {name}")


def index_object(name: str) -> int:
    """Return the object_id of an object that an index of spectra names."""
    return _hashed(f"index {name}")


def _hashed(text: str) -> int:
    return int(hash_object_id([text])[0])


def repeated(spectrum_id: np.ndarray, source: list[str]) -> np.ndarray:
    """Return which spectra (N,) stand twice: the same id as an earlier row.

    Raises
    ------
    PipelineError
        Two sources whose hashes agree although the sources are not the same file and row.
    """
    first: dict[int, int] = {}
    twice = np.zeros(len(spectrum_id), dtype=bool)
    for row, value in enumerate(np.asarray(spectrum_id).tolist()):
        owner = first.setdefault(value, row)
        twice[row] = owner != row
        if twice[row] and value >> 62 and source[owner] != source[row]:
            raise PipelineError(
                "two spectra have the same id",
                value=f"{source[owner]!r} and {source[row]!r} -> {value}",
                next="rename one of the files, or remove one if both hold the same spectrum",
            )
    return twice
