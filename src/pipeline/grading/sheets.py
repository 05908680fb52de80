"""Sheets that graders hand in: read, and checked against the batch, all faults at once."""

import csv
import io
from collections import Counter
from pathlib import Path

import pandas as pd

from pipeline.errors import PipelineError
from pipeline.grading.batch import Batch

NEEDED = ("object_id", "score", "comment", "batch")
SIMULATED_MARK = "SIMULATED"
SHOWN = 40  # faults that a message lists; the rest is counted


def read_sheet(text: str, grader, batch: Batch, may_be_blank: set[str]) -> tuple[pd.DataFrame, list[str]]:
    """Read one sheet.

    Parameters
    ----------
    text : str
        CSV with a header; other columns than object_id, score, comment and batch are left alone.
    grader : settings.grading.Person or SimulatedGrader
    batch : Batch
    may_be_blank : set of str
        Ids that need no score and no row.

    Returns
    -------
    rows : DataFrame
        object_id (text), score (text of the batch's scale), comment.
    faults : list of str
        Each with the number of its row in the file; the header is row 1.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), restval="")
    lacking = [name for name in NEEDED if name not in (reader.fieldnames or [])]
    if lacking:
        found = ", ".join(map(str, reader.fieldnames or [])) or "nothing"
        return pd.DataFrame(columns=list(NEEDED[:3])), [f"lacks the column(s) {', '.join(lacking)}; it has {found}"]
    rows, faults = [], []
    position_of = {one["object_id"]: one["position"] for one in batch.objects}
    first_row: dict[str, int] = {}
    for row in reader:
        number = reader.line_num
        identity, score, comment, digest = (str(row[name] or "").strip() for name in NEEDED)
        if not any(str(value or "").strip() for key, value in row.items() if key is not None):
            continue  # an empty line at the end
        if digest != batch.digest:
            faults.append(f"row {number}: belongs to batch {digest or '(none)'}, not to {batch.digest}")
        if identity not in position_of:
            faults.append(f"row {number}: object_id {identity or '(none)'} is not in the batch{_rounded(row, batch)}")
            continue
        if identity in first_row:
            faults.append(f"row {number}: object_id {identity} stands in row {first_row[identity]} already")
            continue
        first_row[identity] = number
        known = _on_scale(score, batch.content["scale"])
        if known is None and not (score == "" and identity in may_be_blank):
            scale = ", ".join(batch.content["scale"])
            faults.append(f"row {number}: " + (f"score {score!r} is not one of {scale}" if score else "no score"))
        if grader.kind == "people" and comment == SIMULATED_MARK:
            faults.append(f"row {number}: marked {SIMULATED_MARK}, but {grader.name} is a person")
        rows.append((identity, known or "", comment))
    missing = [value for value in position_of if value not in first_row and value not in may_be_blank]
    faults += [f"no row for object_id {value} (position {position_of[value]})" for value in missing]
    return pd.DataFrame(rows, columns=list(NEEDED[:3])), faults


def _on_scale(score: str, scale: list[str]) -> str | None:
    """Return the value of the scale that a text means ("3.0" is 3, "a" is A), or None."""
    text = score.upper().removesuffix(".0")
    return text if text in scale else None


def _rounded(row: dict, batch: Batch) -> str:
    """Say so when the row's position in the batch tells another id: spreadsheets round numbers above 2^53."""
    position = str(row.get("position") or "")
    if position.isdigit() and 0 < int(position) <= len(batch.objects):
        meant = batch.objects[int(position) - 1]["object_id"]
        return f" (position {position} is {meant}; a spreadsheet may have rounded it)"
    return ""


def read_sheets(texts: dict[str, str], settings, batch: Batch, places: dict[str, object]) -> dict[str, pd.DataFrame]:
    """Read the sheets of all graders; under Stein's rule the refiner need not score what no one else put forward.

    Parameters
    ----------
    texts : dict
        Content of the sheets by grader.
    settings : settings.grading.Grading
    batch : Batch
    places : dict
        Where each sheet lies, for messages.

    Raises
    ------
    PipelineError
        A sheet of nobody in the settings, or any fault in any sheet: all are listed.
    """
    strangers = [name for name in texts if settings.grader(name) is None]
    if strangers:
        known = sorted({grader.name for part in settings.rounds for grader in part.graders})
        raise PipelineError(
            "a sheet of someone who is no grader",
            where=", ".join(str(places[name]) for name in strangers),
            value=", ".join(strangers),
            allowed=", ".join(known),
            next="name the sheet <grader>.csv, or add the grader to grading.rounds",
        )
    refiner = settings.rule.refiner if settings.rule.kind == "stein" else None
    sheets: dict[str, pd.DataFrame] = {}
    faults: list[str] = []
    for name in sorted(texts, key=lambda name: name == refiner):
        blank = _not_put_forward(sheets, batch) if name == refiner else set()
        sheets[name], found = read_sheet(texts[name], settings.grader(name), batch, blank)
        faults += [f"{places[name]}: {fault}" for fault in found]
    if faults:
        listed = faults[:SHOWN] + ([f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else [])
        raise PipelineError(
            f"{len(faults)} fault(s) in the graders' sheets:\n" + "\n".join(f"  - {fault}" for fault in listed),
            allowed=f"one row for each object of batch {batch.digest}, scores {', '.join(batch.content['scale'])}",
            next="mend the sheets and run snakemake again; batch.csv beside the page is the template",
        )
    return {name: sheets[name] for name in texts}


def _not_put_forward(sheets: dict[str, pd.DataFrame], batch: Batch) -> set[str]:
    tentative = {
        identity
        for sheet in sheets.values()
        for identity, score in zip(sheet["object_id"], sheet["score"], strict=True)
        if score in ("A", "B")
    }
    return {one["object_id"] for one in batch.objects} - tentative if sheets else set()


def score_counts(sheet: pd.DataFrame, scale: list[str]) -> dict[str, int]:
    """Return how often a grader gave each score."""
    given = Counter(sheet["score"])
    return {score: given[score] for score in scale}


def grading_message(page: Path, template: Path, missing: list[Path], command: str) -> str:
    """Return what stands at the end of a run that waits for people.

    Parameters
    ----------
    page, template : Path
        batch.html and batch.csv.
    missing : list of Path
        Sheets that do not exist yet.
    command : str
        What takes them in.
    """
    sheets = "\n".join(f"    {path}" for path in missing)
    return (
        f"The candidates wait to be graded. Open {page} in a browser (offline will do), enter your name, grade, save.\n"
        f"A spreadsheet does as well: {template} is the empty sheet. Put each grader's sheet at its place:\n"
        f"{sheets}\n"
        f"Then: {command}"
    )
