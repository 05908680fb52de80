"""Tables that users bring: CSV, TSV, ECSV, FITS, VOTable, Parquet, by suffix; text ones also gzipped."""

import csv
import gzip
import io
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.table import Table

from pipeline.data.tables import read_parquet
from pipeline.errors import PipelineError

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
_ASTROPY = {".ecsv": "ascii.ecsv", ".fits": "fits", ".fit": "fits", ".vot": "votable", ".xml": "votable"}


def read_user_table(path: Path | str) -> pd.DataFrame:
    """Return a table as it stands: texts as str, numbers as numbers, missing values as NaN.

    Leading comment lines of text tables are skipped; the last of them is the header where it names as many columns as
    there are values in a row (the export of the Master Lens Database is such a file).

    Raises
    ------
    PipelineError
        The file is missing, has another format or cannot be read.
    """
    path = Path(path)
    suffix = path.suffixes[-2] if path.suffix == ".gz" and len(path.suffixes) > 1 else path.suffix
    suffix = suffix.lower()
    if suffix not in (*_SEPARATORS, *_ASTROPY, ".parquet"):
        allowed = ", ".join(sorted((*_SEPARATORS, *_ASTROPY, ".parquet")))
        raise PipelineError("unknown kind of table", where=path, value=suffix, allowed=allowed)
    try:
        if suffix in _SEPARATORS:
            return _read_text(path, _SEPARATORS[suffix])
        if suffix == ".parquet":
            return read_parquet(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # units that astropy does not know
            return _as_frame(Table.read(path, format=_ASTROPY[suffix]))
    except PipelineError:
        raise
    except FileNotFoundError:
        raise PipelineError("table not found", where=path, next="mend the path in the settings") from None
    except PermissionError:
        raise
    except Exception as error:  # each library has its own kinds
        raise PipelineError("this table cannot be read", where=path, value=f"{type(error).__name__}: {error}") from None


def numbers(table: pd.DataFrame, column: str, where) -> np.ndarray:
    """Return a column (N,) as float64, NaN where empty.

    Raises
    ------
    PipelineError
        The column is missing, or a value is not a number (row named, counted from 1 after the header).
    """
    values = table[_existing(table, column, where)]
    parsed = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
    empty = values.isna() | values.astype(str).str.strip().isin(("", "-", "nan", "NaN"))
    bad = np.isnan(parsed) & ~empty.to_numpy(dtype=bool)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise PipelineError(
            f"{int(bad.sum())} value(s) are not numbers",
            where=f"{where}, column {column}, row {row + 1}",
            value=values.iloc[row],
            allowed="decimal numbers (degrees for positions)",
        )
    return parsed


def texts(table: pd.DataFrame, column: str, where) -> np.ndarray:
    """Return a column (N,) as str without space around, "" where empty. Raises PipelineError when it is missing."""
    values = table[_existing(table, column, where)]
    return values.astype(object).where(values.notna(), "").astype(str).str.strip().to_numpy(dtype=object)


def _existing(table: pd.DataFrame, column: str, where) -> str:
    if column not in table.columns:
        raise PipelineError(
            "the table has no such column", where=where, value=column, allowed=", ".join(map(str, table.columns))
        )
    return column


def _read_text(path: Path, separator: str) -> pd.DataFrame:
    content = path.read_bytes()
    lines = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig").splitlines()
    comments = 0
    while comments < len(lines) and lines[comments].startswith("#"):
        comments += 1
    body = lines[comments:]
    if comments and body:
        header, first = (
            next(csv.reader([line], delimiter=separator, skipinitialspace=True))
            for line in (lines[comments - 1].lstrip("# "), body[0])
        )
        if len(header) == len(first) and len(header) > 1:
            body = [lines[comments - 1].lstrip("# "), *body]
    if not body:
        raise PipelineError("this table is empty", where=path)
    table = pd.read_csv(io.StringIO("\n".join(body)), sep=separator, skipinitialspace=True, low_memory=False)
    return table.rename(columns=lambda name: str(name).strip())


def _as_frame(table: Table) -> pd.DataFrame:
    flat = [name for name in table.colnames if table[name].ndim == 1]
    frame = table[flat].to_pandas()
    for name in frame.columns:
        if frame[name].dtype == object:  # FITS gives bytes
            frame[name] = [value.decode() if isinstance(value, bytes) else value for value in frame[name]]
    return frame
