"""The list of shards of a real survey of spectra: files on disk, dealt to shards so that each is opened once."""

import os
import re
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.graph import Row, into_batches
from pipeline.settings.spectra.ingest import SpectraIngest
from pipeline.settings.spectra.survey import Desi, Sdss, SpectraIndex
from pipeline.surveys.fetched import not_as_fetched
from pipeline.surveys.spectra_csv import read_index
from pipeline.surveys.spectra_files import RealSection, files_beside, survey_folder
from pipeline.surveys.spectra_sources import join_names, names_of

# A job gets its rows as one argument of a command line, which Linux limits to 128 KiB for all shards of the batch.
SOURCES_LIMIT = 96 * 1024
_PLATE = re.compile(r"spec-(\d+)-(\d+)-")


def spectra_shard_rows(
    survey: Sdss | Desi | SpectraIndex, ingest: SpectraIngest, listed: list[Row]
) -> tuple[list[Row], list[str]]:
    """List the shards of a real survey of spectra.

    Rows that are listed already stay as they are, with their batches; what came since is a new tranche. Files with one
    spectrum share a shard: those of a plate together, and small plates with the next ones; any other file is a shard.

    Parameters
    ----------
    survey : Section
        Section `spectra.survey` of the settings.
    ingest : SpectraIngest
    listed : list of Row
        The rows of the present list of kind "spectra"; empty at first.

    Returns
    -------
    rows : list of Row
    notes : list of str
        What the user should know: files that the index names and that are not there, fetched files that are not whole.

    Raises
    ------
    PipelineError
        Nothing is found, what is listed has gone, a file name cannot be listed, a batch is too long for a command line.
    """
    root = survey_folder(survey)
    names, notes = _listed_names(root, survey) if survey.kind == "spectra_index" else _found(root, survey)
    if not names:
        raise PipelineError("no file of spectra was found", where=root, value="; ".join(notes) or survey.plain())
    taken = {name for row in listed for name in names_of(row.sources)}
    gone = sorted(taken - set(names))
    if gone:
        raise PipelineError(
            f"the survey no longer holds {len(gone)} file(s) of this run as they were indexed",
            where=root,
            value=gone[0],
            next="bring them back, give the run another name, or remove results/<run>/spectra/shards.tsv to begin anew",
        )
    tranche = max((row.tranche for row in listed), default=0) + 1
    new = [name for name in names if name not in taken]
    shards = [
        (f"t{tranche}-{survey.kind}-{number:05d}", "spectra", tranche, join_names(part), "")
        for number, part in enumerate(_parts(new, ingest.spectra_per_shard))
    ]
    rows = [*listed, *into_batches(shards, ingest.shards_per_job)]
    _check_lengths(rows)
    return rows, notes


def _found(root: Path, survey: RealSection) -> tuple[list[str], list[str]]:
    """Return the files that the pattern names, relative to the root, sorted; and notes on those that are not whole."""
    pattern = survey.files
    if survey.kind == "desi":
        pattern = pattern.replace("{survey}", survey.survey).replace("{program}", survey.program)
    names = sorted(path.relative_to(root).as_posix() for path in root.glob(pattern) if path.is_file())
    spoilt, notes = not_as_fetched(root, names)
    return [name for name in names if not {name, *_beside(root, name)} & spoilt.keys()], notes


def _beside(root: Path, name: str) -> list[str]:
    """Return the files that are read with one of spectra, also Redrock's that failed to come."""
    folder, slash, last = name.rpartition("/")
    redrock = [f"{folder}{slash}{last.replace('coadd-', 'redrock-', 1)}"] if last.startswith("coadd-") else []
    return redrock + [path.relative_to(root).as_posix() for path in files_beside(root / name)]


def _listed_names(root: Path, survey: SpectraIndex) -> tuple[list[str], list[str]]:
    """Return the files of an index that are there and whole, in its order, and notes on the others."""
    table = read_index(root, survey.table)
    places = [Path(os.path.relpath(path, root)).as_posix() for path in table["path"]]
    spoilt, notes = not_as_fetched(root, places)
    there = [Path(path).is_file() for path in table["path"]]
    absent = table["file"][[not one for one in there]].tolist()
    some = ", ".join(absent[:5])
    notes += [f"left out {len(absent)} file(s) that the index names and that are not there: {some}"] if absent else []
    whole = [here and place not in spoilt for here, place in zip(there, places, strict=True)]
    return table["file"][whole].tolist(), notes


def _parts(names: list[str], size: int) -> list[list[str]]:
    """Deal files to shards: at most `size` of one spectrum, plates whole where they fit; each other file alone."""
    groups: dict[object, list[str]] = {}
    for name in names:
        plate = _PLATE.search(name)
        single = plate is not None or name.endswith((".csv", ".csv.gz"))
        key = (name.rpartition("/")[0], *plate.groups()) if plate else ("csv" if single else (name,))
        groups.setdefault((single, key), []).append(name)
    parts, room = [], 0
    for (single, _), group in groups.items():
        if not single:
            parts.append(group)
            room = 0
            continue
        for start in range(0, len(group), size):
            piece = group[start : start + size]
            if len(piece) <= room:
                parts[-1] += piece
                room -= len(piece)
            else:
                parts.append(list(piece))
                room = size - len(piece)
    return parts


def _check_lengths(rows: list[Row]) -> None:
    length: dict[str, int] = {}
    for row in rows:
        length[row.batch] = length.get(row.batch, 0) + len(row.sources)
    batch = max(length, key=length.get)
    if length[batch] > SOURCES_LIMIT:
        raise PipelineError(
            "the names of a batch's files are too long for a command line",
            where=batch,
            value=f"{length[batch]} characters",
            allowed=SOURCES_LIMIT,
            next="lower spectra.ingest.shards_per_job or spectra.ingest.spectra_per_shard",
        )
