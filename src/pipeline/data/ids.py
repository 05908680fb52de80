"""Object ids (the bits of DESI's TARGETID) and the names that publications use."""

import hashlib
from collections.abc import Iterable

import numpy as np

from pipeline.errors import PipelineError

# Layout of TARGETID (desitarget, targetmask.yaml, `targetid_mask`): OBJID from bit 0, BRICKID from 22, RELEASE from 42.
# The bits above 57 (MOCK, SKY, GAIADR, ...) are 0 for a source of the survey.
OBJID_BITS, BRICKID_BITS, RELEASE_BITS = 22, 20, 16
_BRICKID_SHIFT = OBJID_BITS
_RELEASE_SHIFT = OBJID_BITS + BRICKID_BITS
_PACKED_END = 1 << (_RELEASE_SHIFT + RELEASE_BITS)
_HASHED = 1 << 62  # no packed id, and no TARGETID, has this bit


def pack_object_id(release, brickid, objid) -> np.ndarray:
    """Return int64 ids with the layout of TARGETID from release, brickid, objid (N,) integers.

    Raises
    ------
    PipelineError
        A value does not fit its 16, 20 or 22 bits.
    """
    parts = []
    for name, values, bits in (
        ("release", release, RELEASE_BITS),
        ("brickid", brickid, BRICKID_BITS),
        ("objid", objid, OBJID_BITS),
    ):
        values = np.asarray(values).astype(np.int64)
        bad = (values < 0) | (values >= 1 << bits)
        if bad.any():
            raise PipelineError(
                f"{int(bad.sum())} value(s) of {name} do not fit an object id",
                where=f"first at row {int(np.flatnonzero(bad)[0])}",
                value=int(values[bad][0]),
                allowed=f"0 to {(1 << bits) - 1} ({bits} bits of TARGETID)",
            )
        parts.append(values)
    release, brickid, objid = np.broadcast_arrays(*parts)
    return (release << _RELEASE_SHIFT) | (brickid << _BRICKID_SHIFT) | objid


def unpack_object_id(object_id) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (release, brickid, objid) int64 of packed ids (N,). Raises PipelineError for other ids."""
    ids = np.asarray(object_id, dtype=np.int64)
    bad = (ids < 0) | (ids >= _PACKED_END)
    if bad.any():
        raise PipelineError(
            f"{int(bad.sum())} object id(s) were not packed from release, brickid and objid",
            value=int(ids[bad][0]),
            allowed=f"0 to {_PACKED_END - 1}",
        )
    mask = lambda bits: (1 << bits) - 1  # noqa: E731
    return ids >> _RELEASE_SHIFT, (ids >> _BRICKID_SHIFT) & mask(BRICKID_BITS), ids & mask(OBJID_BITS)


def hash_object_id(strings: Iterable[str]) -> np.ndarray:
    """Return int64 ids (N,) for sources that have no brick, from strings that name them; bit 62 marks such ids.

    Raises
    ------
    PipelineError
        Two different strings have the same id.
    """
    strings = [str(text) for text in strings]
    ids = np.array([_hash(text) for text in strings], dtype=np.int64)
    owner: dict[int, str] = {}
    for text, value in zip(strings, ids.tolist(), strict=True):
        if owner.setdefault(value, text) != text:
            raise PipelineError(
                "two sources have the same object id",
                value=f"{owner[value]!r} and {text!r} -> {value}",
                next="rename one of them",
            )
    return ids


def name(ra, dec) -> np.ndarray:
    """Return names `DESI-RRR.rrrr+DD.dddd` (N,) str: positions in degrees **rounded** to 4 decimals.

    Rounding is that of the exact binary value. A right ascension that rounds to 360 is written 000.0000, a
    declination that rounds to zero has a plus. Build names from catalogue positions, never from a printed table.

    Raises
    ------
    PipelineError
        Position not finite, right ascension outside [0, 360) or declination outside [-90, 90].
    """
    ra, dec = _checked(ra, dec)
    return np.array([f"DESI-{_rounded_ra(a)}{_rounded_dec(d)}" for a, d in zip(ra, dec, strict=True)], dtype=str)


def desiname(ra, dec) -> np.ndarray:
    """Return DESINAME `DESI JRRR.rrrr+DD.dddd` (N,) str: positions in degrees **truncated** (rule of `desiutil`).

    The product with 10^4 is taken in double precision and cut towards zero, so that declinations in (-0.0001, 0)
    have a plus. Raises PipelineError as `name` does.
    """
    ra, dec = _checked(ra, dec)
    ra_units = np.trunc(1e4 * ra).astype(np.int64).tolist()
    dec_units = np.trunc(1e4 * dec).astype(np.int64).tolist()
    texts = []
    for a, d in zip(ra_units, dec_units, strict=True):
        sign, d = ("-", -d) if d < 0 else ("+", d)
        texts.append(f"DESI J{a // 10000:03d}.{a % 10000:04d}{sign}{d // 10000:02d}.{d % 10000:04d}")
    return np.array(texts, dtype=str)


def _rounded_ra(value: float) -> str:
    text = f"{abs(value):08.4f}"  # -0.0 is a right ascension too
    return "000.0000" if text == "360.0000" else text


def _rounded_dec(value: float) -> str:
    text = f"{value:+08.4f}"
    return "+00.0000" if text == "-00.0000" else text


def _checked(ra, dec) -> tuple[list[float], list[float]]:
    ra, dec = np.atleast_1d(np.asarray(ra, dtype=np.float64)), np.atleast_1d(np.asarray(dec, dtype=np.float64))
    bad = ~((ra >= 0) & (ra < 360) & (dec >= -90) & (dec <= 90))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise PipelineError(
            f"{int(bad.sum())} position(s) cannot be named",
            where=f"first at row {row}",
            value=f"ra {ra[row]}, dec {dec[row]}",
            allowed="0 <= ra < 360 and -90 <= dec <= 90, in degrees",
        )
    return ra, dec


def _hash(text: str) -> int:
    return _HASHED | (int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") & (_HASHED - 1))
