"""Whether a downloaded file is whole: what the archives send in place of a file, and half files, are told here."""

import gzip
import hashlib
import zlib
from pathlib import Path

from pipeline.surveys.fitsfiles import opened
from pipeline.surveys.unreadable import UnreadableFile

_FITS = (".fits", ".fit", ".fits.fz", ".fits.gz", ".fit.gz")
_BLOCK = 2880  # bytes, of a FITS file
_CHUNK = 1 << 20


def fault(path: Path, name: str) -> str:
    """Return what is wrong with a file that is to be called `name`, or "" where it is whole.

    A gzip file must decompress to its end and agree with its sum. A FITS file must begin as one, consist of blocks of
    2880 bytes, have no HDU that reaches beyond its end, and agree with the checksums in its headers.
    """
    name = name.lower()
    with path.open("rb") as file:
        head = file.read(64)
    size = path.stat().st_size
    if name.endswith(".gz"):
        if head[:2] != b"\x1f\x8b":
            return f"it is no gzip file but begins with {_shown(head)}"
        try:
            with gzip.open(path) as file:
                head = file.read(64)
                size = len(head)
                while chunk := file.read(_CHUNK):
                    size += len(chunk)
        except (OSError, EOFError, zlib.error) as error:
            return f"its gzip stream is broken: {error}"
    return _fits_fault(path, head, size) if name.endswith(_FITS) else ""


def _fits_fault(path: Path, head: bytes, size: int) -> str:
    if not head.startswith(b"SIMPLE  ="):
        return f"it is no FITS file but begins with {_shown(head)}"
    if size % _BLOCK:
        return f"its {size} bytes are no multiple of {_BLOCK}"
    try:
        with opened(path, disable_image_compression=True) as hdus:
            last = [hdu.fileinfo() for hdu in hdus][-1]
    except UnreadableFile as error:
        return f"{error.what}: {error.value}"
    end = last["datLoc"] + last["datSpan"]
    return f"its last HDU ends at byte {end}, the file at {size}" if end > size else ""


def _shown(head: bytes) -> str:
    return repr(head[:40].decode("ascii", errors="replace").strip()) if head else "nothing"


def digest(path: Path, algorithm: str) -> str:
    """Return the sum of a file, `algorithm` sha256 or sha1, as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def digest_fault(path: Path, expected: str) -> str:
    """Return what is wrong with the sum of a file, or "": 64 hexadecimal digits are a sha256, 40 a sha1."""
    algorithm = {64: "sha256", 40: "sha1"}[len(expected)]
    found = digest(path, algorithm)
    return "" if found == expected.lower() else f"its {algorithm} is {found}, the archive's is {expected.lower()}"
