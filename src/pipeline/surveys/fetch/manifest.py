"""The manifest of a folder of fetched files: `fetched.csv`, one row a file, which is also the table of its cutouts.

Files that the archive does not have, or that could not be fetched, have a row that says so, without a sum.
"""

import csv
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pipeline.data.atomic import write_text
from pipeline.errors import PipelineError

NAME = "fetched.csv"
WHOLE, MISSING, FAILED, ALTERED = "whole", "missing", "failed", "altered"


@dataclass(frozen=True)
class Entry:
    """One file.

    Attributes
    ----------
    file : str
        Path below the folder.
    ra, dec : str
        Degrees, of the object for which it was fetched; "" where it serves many.
    url : str
    bytes : int
    sha256 : str
        Of the file as it was fetched; "" where it was not.
    etag, modified : str
        What the archive called this version.
    status : str
        whole; missing: the archive has no such file; failed: given up; altered: not what was fetched.
    note : str
        Why, where it is not whole.
    """

    file: str
    ra: str
    dec: str
    url: str
    bytes: int = 0
    sha256: str = ""
    etag: str = ""
    modified: str = ""
    status: str = WHOLE
    note: str = ""


_COLUMNS = [field.name for field in fields(Entry)]


def read_entries(folder: Path) -> dict[str, Entry]:
    """Return the entries of a folder by file, none where nothing was fetched into it yet.

    Raises
    ------
    PipelineError
        There is a file of that name which is no manifest.
    """
    path = folder / NAME
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            rows = list(reader)
        if reader.fieldnames != _COLUMNS:
            raise ValueError(f"columns {reader.fieldnames}")
        entries = [Entry(**{**row, "bytes": int(row["bytes"])}) for row in rows]
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise PipelineError(
            "not a manifest of fetched files",
            where=path,
            value=f"{type(error).__name__}: {error}",
            next=f"remove {path}; files beside it are then checked and entered anew",
        ) from None
    return {entry.file: entry for entry in entries}


def write_entries(folder: Path, entries: dict[str, Entry]) -> None:
    """Write the manifest atomically, in order of files."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(entries[name]) for name in sorted(entries))
    write_text(folder / NAME, text.getvalue())
