"""Reading FITS so that a truncated or corrupt file is named, never half read."""

import contextlib
import gzip
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from pipeline.surveys.unreadable import UnreadableFile


@contextlib.contextmanager
def opened(path: Path | str, **options) -> Iterator[fits.HDUList]:
    """Open a FITS file (plain, gzip or fpack), verify its checksums where it has them, and close it.

    Raises
    ------
    UnreadableFile
        Missing, truncated, not FITS, a checksum that does not agree; also when that shows while the block reads.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oddities of headers that do not touch the data
            warnings.filterwarnings("error", message=".*truncated.*")
            warnings.filterwarnings("error", message=".*(Checksum|Datasum) verification failed.*")
            warnings.filterwarnings("error", message=".*Header size is not.*")
            # An own handle: astropy leaves its own open when it meets a truncated file.
            with Path(path).open("rb") as file, fits.open(file, checksum=True, **options) as hdus:
                yield hdus
    except UnreadableFile:
        raise
    except FileNotFoundError:
        raise UnreadableFile("file not found", where=path) from None
    except PermissionError:
        raise UnreadableFile("no permission to read this file", where=path) from None
    except (
        OSError, EOFError, ValueError, TypeError, IndexError, KeyError, zlib.error, gzip.BadGzipFile, AstropyUserWarning
    ) as error:  # fmt: skip
        text = str(error).strip().splitlines() or [type(error).__name__]
        raise UnreadableFile(
            "this FITS file is truncated or corrupt", where=path, value=text[0], next="fetch the file again"
        ) from None


def native(values: np.ndarray) -> np.ndarray:
    """Return values in native byte order, contiguous."""
    values = np.asarray(values)
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))


class TableReader:
    """The first table of an open file: columns by name in any case, in native byte order.

    Attributes
    ----------
    names : set of str
        Names in lower case.
    rows : int
    """

    def __init__(self, hdus: fits.HDUList, path: Path | str):
        tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
        if not tables:
            raise UnreadableFile("no table in this FITS file", where=path)
        self._data = tables[0].data
        self._names = {name.lower(): name for name in self._data.names}
        self._path = path
        self.names = set(self._names)
        self.rows = len(self._data)

    def read(self, needed, wanted=(), rows: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Return columns, the needed ones and those of the wanted ones that there are; `rows` picks rows.

        Raises
        ------
        UnreadableFile
            A needed column is missing.
        """
        missing = [name for name in needed if name not in self.names]
        if missing:
            raise UnreadableFile("the table lacks columns", where=self._path, value=", ".join(missing))
        keep = slice(None) if rows is None else rows
        here = [name for name in (*needed, *wanted) if name in self.names]
        return {name: native(self._data[self._names[name]][keep]) for name in here}


@contextlib.contextmanager
def opened_table(path: Path | str) -> Iterator[TableReader]:
    """Open the first table of a FITS file; errors as `opened`."""
    with opened(path) as hdus:
        yield TableReader(hdus, path)


def read_image(path: Path | str) -> tuple[np.ndarray, fits.Header]:
    """Return the first image of a file, float32 (…, H, W) in native byte order, and its header.

    Raises
    ------
    UnreadableFile
        The file cannot be read or has no image.
    """
    with opened(path) as hdus:
        for hdu in hdus:
            if getattr(hdu, "is_image", False) and hdu.header.get("NAXIS", 0) >= 2:
                return native(np.asarray(hdu.data, dtype=hdu.data.dtype)).astype(np.float32, copy=False), hdu.header
        raise UnreadableFile("no image in this FITS file", where=path)
