"""Settings `labels`: lists of known objects and how they are matched with the catalogue."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Section


class ListColumns(Section):
    """Names of a list's columns. `ra` and `dec` are degrees (ICRS); `name` and `grade` may be absent (null)."""

    ra: str
    dec: str
    name: str | None
    grade: str | None


class KnownList(Section):
    """One list of known objects: CSV, TSV, ECSV, FITS, VOTable or Parquet, the text ones also gzipped.

    `name` is what products call it. `grades` keeps only the entries with one of these values in the grade column;
    null keeps all (Stein et al. 2021, §2.2, disregard the lists' own grades).
    """

    path: str
    name: Annotated[str, Field(pattern=r"^[^,\s]+$")]
    columns: ListColumns
    grades: list[str] | None

    @model_validator(mode="after")
    def _grades_have_a_column(self):
        if self.grades is not None and self.columns.grade is None:
            raise ValueError("`grades` chooses by the column `columns.grade`, which is null")
        return self


class Labels(Section):
    """Known objects. `radius_arcsec` merges entries into systems and matches systems with sources.

    `visibility` is a table with columns ra, dec, visibility (clear, unclear or not_visible): the first grading of the
    known objects in the images at hand, or null. A system without such a grade counts as `ungraded`.
    """

    radius_arcsec: Annotated[float, Field(gt=0, le=3600)]
    lists: list[KnownList]
    visibility: str | None
    ungraded: Literal["clear", "unclear"]

    @model_validator(mode="after")
    def _files_are_told_apart(self):
        files = [entry.path.rsplit("/", 1)[-1] for entry in self.lists]
        names = [entry.name for entry in self.lists]
        for texts, what in ((files, "file name"), (names, "name")):
            twice = sorted({text for text in texts if texts.count(text) > 1})
            if twice:
                raise ValueError(f"two lists have the same {what}: {', '.join(twice)}")
        return self
