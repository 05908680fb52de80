"""Tables between stages: Parquet for datasets, ECSV for small ones. The bytes depend on the content alone."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.data.atomic import atomic
from pipeline.errors import PipelineError

if TYPE_CHECKING:  # half a second to import; most stages read Parquet only
    import pandas as pd
    from astropy.table import Table


def write_parquet(frame: "pd.DataFrame", path: Path | str, metadata: dict[str, object] | None = None) -> None:
    """Write a data frame (its index is left out) as Parquet, atomically; metadata values become text."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    # pandas' own block holds library versions, which would enter the bytes of the file.
    table = table.replace_schema_metadata({key: str(value) for key, value in sorted((metadata or {}).items())})
    with atomic(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_parquet(path: Path | str, columns: list[str] | None = None) -> "pd.DataFrame":
    """Read a Parquet file.

    Raises
    ------
    PipelineError
        The file is missing, is not Parquet, or lacks a column.
    """
    try:
        return pq.read_table(path, columns=columns, partitioning=None).to_pandas()
    except FileNotFoundError:
        raise PipelineError("table not found", where=path, next="skysieve check RUN, then snakemake") from None
    except (pa.ArrowInvalid, OSError, KeyError) as error:
        raise PipelineError("this table cannot be read as Parquet", where=path, value=error) from None


def parquet_metadata(path: Path | str) -> dict[str, str]:
    """Return the metadata that `write_parquet` stored."""
    stored = pq.read_schema(path).metadata or {}
    return {key.decode(): value.decode() for key, value in stored.items() if not key.startswith(b"ARROW")}


def write_ecsv(table: "Table", path: Path | str) -> None:
    """Write an astropy table as ECSV, atomically."""
    with atomic(path) as temporary:
        table.write(temporary, format="ascii.ecsv", overwrite=True)


def read_ecsv(path: Path | str) -> "Table":
    """Read an ECSV table. Empty texts, which astropy masks, are empty texts again.

    Raises
    ------
    PipelineError
        The file is missing or is not ECSV.
    """
    from astropy.table import MaskedColumn, Table

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # units of the surveys (nanomaggy) that astropy does not know
            table = Table.read(path, format="ascii.ecsv")
    except FileNotFoundError:
        raise PipelineError("table not found", where=path) from None
    except Exception as error:  # astropy.io.ascii raises many kinds
        raise PipelineError("this table cannot be read as ECSV", where=path, value=error) from None
    for name in table.colnames:
        if isinstance(table[name], MaskedColumn) and table[name].dtype.kind in "UO":
            table[name] = table[name].filled("")
    return table
