"""Known objects: lists with different columns become entries, entries within a radius become systems."""

import numpy as np
import pandas as pd

from pipeline.data import sky
from pipeline.data.user_tables import numbers, texts
from pipeline.errors import PipelineError
from pipeline.settings.labels import KnownList, Labels

VISIBILITIES = ("clear", "unclear", "not_visible")


def list_called(file_name: str, labels: Labels) -> KnownList:
    """Return the settings of a list by the name of its file. Raises PipelineError when no list has that name."""
    names = [known.path.rsplit("/", 1)[-1] for known in labels.lists]
    if file_name not in names:
        raise PipelineError(
            "no entry of the settings describes this list",
            where="labels.lists",
            value=file_name,
            allowed=", ".join(names) or "none",
        )
    return labels.lists[names.index(file_name)]


def entries(table: pd.DataFrame, known: KnownList, where) -> pd.DataFrame:
    """Return a list's entries: `list`, `name`, `ra` in [0, 360), `dec` degrees, `grade`.

    An entry without a position has NaN. One without a name is called `<list>-<row>`.

    Raises
    ------
    PipelineError
        A column is missing, a value is not a number, a position is not on the sky (file, column and row named).
    """
    columns = known.columns
    numbered = np.array([f"{known.name}-{row}" for row in range(1, len(table) + 1)], dtype=object)
    names = numbered if columns.name is None else texts(table, columns.name, where)
    found = pd.DataFrame(
        {
            "list": known.name,
            "name": np.where(names == "", numbered, names),
            "ra": numbers(table, columns.ra, where),
            "dec": numbers(table, columns.dec, where),
            "grade": "" if columns.grade is None else texts(table, columns.grade, where),
        }
    )
    outside = (np.abs(found.dec) > 90) | (found.ra < -180) | (found.ra > 360) | np.isinf(found.ra)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise PipelineError(
            f"{int(outside.sum())} position(s) of a list are not on the sky",
            where=f"{where}, row {row + 1}",
            value=f"ra {found.ra[row]}, dec {found.dec[row]}",
            allowed="ra in [-180, 360], dec in [-90, 90], in degrees",
        )
    nowhere = found.ra.isna() | found.dec.isna()
    found["ra"] = np.where(nowhere, np.nan, sky.wrap_ra(found.ra))
    found["dec"] = np.where(nowhere, np.nan, found.dec)
    if known.grades is not None:
        found = found[found.grade.isin(known.grades)]
    return found.reset_index(drop=True)


def merge(found: pd.DataFrame, radius_arcsec: float) -> pd.DataFrame:
    """Return the entries that have a position, with their `system_id` int64, sorted by system and name.

    Entries linked by chains of separations within the radius are one system. Systems are numbered from 1 in the order
    of their first position in right ascension, so that the order of lists and rows does not matter.
    """
    placed = found[found.ra.notna()].sort_values(["ra", "dec", "list", "name", "grade"], kind="stable")
    placed = placed.assign(system_id=1 + sky.groups(placed.ra, placed.dec, radius_arcsec))
    return placed.sort_values(["system_id", "list", "name"], kind="stable", ignore_index=True)


def visibilities(table: pd.DataFrame, where) -> pd.DataFrame:
    """Return the first grading of known objects: `ra`, `dec` degrees and `visibility`.

    Raises
    ------
    PipelineError
        A column is missing, a position is empty or not on the sky, a value is none of clear, unclear, not_visible.
    """
    found = pd.DataFrame({"ra": numbers(table, "ra", where), "dec": numbers(table, "dec", where)})
    found["visibility"] = texts(table, "visibility", where)
    bad = ~found.visibility.isin(VISIBILITIES) | found.ra.isna() | ~(np.abs(found.dec) <= 90)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise PipelineError(
            f"{int(bad.sum())} row(s) of the first grading cannot be used",
            where=f"{where}, row {row + 1}",
            value=", ".join(map(str, found.iloc[row])),
            allowed=f"ra, dec in degrees and one of {', '.join(VISIBILITIES)}",
        )
    return found
