"""The one writer of tables that people see: FITS, ECSV, VOTable and Parquet, described by `columns.yaml`.

Every format carries units, descriptions and UCDs where TOPCAT and astropy look for them, and the same provenance. The
bytes depend on the table and its header alone.
"""

import difflib
import io
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.io.votable.exceptions import W50
from astropy.io.votable.tree import CooSys, Info, VOTableFile
from astropy.table import Table
from astropy.units import Unit

from pipeline.data.atomic import atomic
from pipeline.data.tables import write_ecsv, write_parquet
from pipeline.errors import PipelineError

FITS_FORMATS = {"bool": "L", "int16": "I", "int32": "J", "int64": "K", "float32": "E", "float64": "D"}
# FITS keywords have eight characters; what stands here is in the headers of every format.
HEADER_COMMENTS = {
    "CATNAME": "name that sky viewers show",
    "CATCOLOR": "colour that sky viewers use",
    "RADESYS": "frame of RA and DEC",
    "RUN": "name of the run",
    "SURVEY": "kind of the survey",
    "SIMULATE": "the data or the grades are simulated",
    "SETTINGS": "sha256 of the settings",
    "CODE": "sha256 of the code",
    "QUERIES": "query objects of the searches",
    "LENSSHAR": "objects searched for one candidate",
    "FLAGBITS": "names of the bits of FLAGS",
}
DIGEST = "from the content alone"  # stands where FITS checksums carry the time of writing


@dataclass(frozen=True)
class Column:
    """One column of a published table."""

    name: str
    dtype: str
    unit: str
    ucd: str
    description: str
    missing: object

    @property
    def integer(self) -> bool:
        """Whether the values are integers."""
        return self.dtype.startswith("int")


@dataclass(frozen=True)
class Registry:
    """What the columns of one kind of published table are.

    Attributes
    ----------
    where : str
        The file that describes them.
    entries : mapping
        Name, or name with <MODEL> -> the fields of `Column`.
    header : mapping
        Keys of the provenance -> their comments.
    """

    where: str
    entries: Mapping[str, dict]
    header: Mapping[str, str]


@cache
def _entries() -> dict[str, dict]:
    text = resources.files("pipeline.data").joinpath("columns.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


@cache
def lenses() -> Registry:
    """Return the registry of `columns.yaml`, which holds where no other one is named."""
    return Registry("src/pipeline/data/columns.yaml", _entries(), HEADER_COMMENTS)


def column_of_model(prefix: str, model: str, registry: Registry | None = None) -> str:
    """Return the name of the column of one model, e.g. `SCORE_PROBE`.

    Raises
    ------
    PipelineError
        The name is taken by another column (a model called `mean`).
    """
    name = f"{prefix}_{re.sub('[^A-Z0-9]+', '_', model.upper())}"
    if name in (registry or lenses()).entries:
        raise PipelineError("a model has a name that another column of the catalogue takes", value=model, where=name)
    return name


def column(name: str, registry: Registry | None = None) -> Column:
    """Return the entry of a column.

    Raises
    ------
    PipelineError
        The registry has no entry for it.
    """
    registry = registry or lenses()
    entries = registry.entries
    if name in entries and "<" not in name:
        return Column(name=name, **entries[name])
    for pattern, entry in entries.items():
        if pattern.endswith("_<MODEL>"):
            prefix = pattern.removesuffix("<MODEL>")
            model = name.removeprefix(prefix)
            if model != name and re.fullmatch("[A-Z0-9_]+", model):
                described = {**entry, "description": entry["description"].format(model=model.lower())}
                return Column(name=name, **described)
    near = difflib.get_close_matches(name, entries, n=1)
    raise PipelineError(
        "a column of a published table has no entry",
        where=registry.where,
        value=name,
        next=f"add its type, unit, UCD, description and null rule{f' (or is it {near[0]}?)' if near else ''}",
    )


def _typed(values, entry: Column) -> np.ndarray:
    """Cast one column to its type in native byte order, without losing a value."""
    values = np.asarray(values)
    if entry.dtype == "str":
        missing = pd.isna(values)
        text = np.array(["" if gone else str(value) for value, gone in zip(values, missing, strict=True)], dtype=str)
        empty = text == ""
        if entry.missing == "never" and empty.any():
            raise PipelineError("a value is missing", where=entry.name, value=f"{int(empty.sum())} of {len(text)} rows")
        return text if text.dtype.itemsize else text.astype("U1")
    if values.dtype.kind not in "biuf":
        raise PipelineError("a column is not numeric", where=entry.name, value=values.dtype, allowed=entry.dtype)
    if entry.dtype == "bool":
        if values.dtype.kind != "b":
            raise PipelineError("a column is not boolean", where=entry.name, value=values.dtype, allowed="bool")
        return values.astype(bool)
    if values.dtype.kind == "f":
        missing = np.isnan(values)
        if missing.any() and entry.missing == "never":
            rows = f"{int(missing.sum())} of {len(values)} rows"
            raise PipelineError("a value is missing", where=entry.name, value=rows)
        if entry.integer:
            values = np.where(missing, entry.missing if missing.any() else 0, values)
        if np.isinf(values).any():
            raise PipelineError("a value is infinite", where=entry.name, allowed="finite numbers, NaN where missing")
    with np.errstate(over="ignore", invalid="ignore"):
        typed = values.astype(entry.dtype)
    exact = typed.astype(np.float64) == values if entry.integer else np.isinf(typed) == np.isinf(values)
    if entry.integer and values.dtype.kind in "iu":
        exact = typed.astype(np.int64) == values
    if not exact.all():
        bad = values[~exact][0]
        raise PipelineError("a value does not fit its column", where=entry.name, value=bad, allowed=entry.dtype)
    return typed


def typed_table(
    columns: Mapping | pd.DataFrame, header: Mapping[str, object], registry: Registry | None = None
) -> Table:
    """Return columns (N,) as an astropy table with their units, descriptions and UCDs, in the order given.

    Parameters
    ----------
    columns : mapping of str to array, or DataFrame
    header : mapping
        Provenance; its keys are those of the registry.
    registry : Registry, optional
        Here and in what follows: None stands for that of the lenses.

    Raises
    ------
    PipelineError
        A column or a key has no entry, a value is missing where it must not be or does not fit its type.
    """
    registry = registry or lenses()
    unknown = [key for key in header if key not in registry.header]
    if unknown:
        raise PipelineError("unknown header key", value=unknown, allowed=", ".join(registry.header))
    table = Table(meta=dict(header))
    for name in columns:
        entry = column(name, registry)
        table[name] = _typed(columns[name], entry)
        table[name].description = entry.description
        table[name].meta["ucd"] = entry.ucd
        if entry.unit:
            # `nanomaggy` is no unit of FITS or VOTable; as an unrecognised one its text goes through unchanged.
            table[name].unit = Unit(entry.unit, format="fits", parse_strict="silent")
    return table


def cards(header: Mapping[str, object], registry: Registry | None = None) -> list[fits.Card]:
    """Return provenance as FITS cards, with the comments of the registry where they fit."""
    comments = (registry or lenses()).header
    found = []
    for key, value in header.items():
        # A card has 80 characters; a longer text goes on in CONTINUE cards and has no comment.
        comment = comments[key]
        found.append(fits.Card(key, value, comment if len(f"{value}{comment}") < 65 else ""))
    return found


def write_fits(table: Table, path: Path | str, *, name: str, registry: Registry | None = None) -> None:
    """Write a table of `typed_table` as FITS: provenance in both headers, TUNIT, TCOMM, TUCD and TNULL as cards."""
    hdus = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns(_fits_columns(table, registry), name=name)]
    for number, label in enumerate(table.colnames, start=1):
        entry = column(label, registry)
        for key, value in (("TUNIT", entry.unit), ("TCOMM", entry.description), ("TUCD", entry.ucd)):
            if value:
                hdus[1].header[f"{key}{number}"] = value
    for hdu in hdus:
        hdu.header.extend(cards(table.meta, registry), end=True)
        hdu.add_checksum(when=DIGEST)
    with atomic(path) as temporary:
        fits.HDUList(hdus).writeto(temporary)


def _fits_columns(table: Table, registry: Registry | None) -> list[fits.Column]:
    columns = []
    for label in table.colnames:
        entry, values = column(label, registry), np.asarray(table[label])
        if entry.dtype == "str":
            values = np.array([value.encode("ascii", "replace") for value in values.tolist()], dtype=bytes)
            columns.append(fits.Column(label, f"{max(1, values.dtype.itemsize)}A", array=values))
        else:
            null = entry.missing if entry.integer and entry.missing != "never" else None
            columns.append(fits.Column(label, FITS_FORMATS[entry.dtype], null=null, array=values))
    return columns


def _votable(table: Table, name: str, registry: Registry | None) -> VOTableFile:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", W50)  # nanomaggy
        votable = from_table(table)
    resource = votable.resources[0]
    resource.coordinate_systems.append(CooSys(ID="icrs", system="ICRS"))
    for key, value in table.meta.items():
        resource.infos.append(Info(name=key, value=str(value)))
    resource.tables[0].name = name
    resource.tables[0].infos.clear()
    for field in resource.tables[0].fields:
        entry = column(field.name, registry)
        if entry.name in ("RA", "DEC"):
            field.ref = "icrs"
        if entry.integer and entry.missing != "never":
            field.values.null = entry.missing
    return votable


def _xml(votable: VOTableFile) -> bytes:
    buffer = io.BytesIO()
    votable.to_xml(buffer)
    # astropy's opening comment names its version, which must not enter a product.
    return re.sub(rb"<!--.*?-->\n", b"", buffer.getvalue(), count=1, flags=re.DOTALL)


def write_votable(table: Table, path: Path | str, *, name: str, registry: Registry | None = None) -> None:
    """Write a table of `typed_table` as a VOTable."""
    with atomic(path) as temporary:
        temporary.write_bytes(_xml(_votable(table, name, registry)))


def write_voparquet(table: Table, path: Path | str, *, name: str, registry: Registry | None = None) -> None:
    """Write a table of `typed_table` as VOParquet 1.0: Parquet with an empty VOTable that describes the columns."""
    described = _xml(_votable(table[:0], name, registry)).decode("utf-8")
    metadata = {
        **{key: value for key, value in table.meta.items()},
        "IVOA.VOTable-Parquet.version": "1.0",
        "IVOA.VOTable-Parquet.content": described,
    }
    write_parquet(pd.DataFrame({label: np.asarray(table[label]) for label in table.colnames}), path, metadata)


def write_catalogue(
    columns: Mapping | pd.DataFrame,
    paths: list[Path],
    *,
    name: str,
    header: Mapping,
    registry: Registry | None = None,
) -> Table:
    """Write columns in the formats that the suffixes of `paths` name (.fits, .ecsv, .vot, .parquet); return them."""
    table = typed_table(columns, header, registry)
    for path in map(Path, paths):
        match path.suffix:
            case ".fits":
                write_fits(table, path, name=name, registry=registry)
            case ".ecsv":
                write_ecsv(table, path)
            case ".vot":
                write_votable(table, path, name=name, registry=registry)
            case ".parquet":
                write_voparquet(table, path, name=name, registry=registry)
            case other:
                raise PipelineError("unknown format", where=path, value=other, allowed=".fits .ecsv .vot .parquet")
    return table
