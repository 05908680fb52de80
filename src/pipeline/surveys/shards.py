"""From a row of the list of shards to the reader of its kind.

The syntax of `sources`, by kind of survey (paths are relative to the root of the survey):

    simulated   ra,dec                       lower corner of the sweep, whole degrees; all its bricks
    legacy      sweep=PATH;bricks=NAME,NAME  a sweep (or Tractor file) and the bricks whose sources belong to the shard
    cutouts     files=NAME,NAME              files below the root; * and ? are patterns
    panstarrs   files=NAME,NAME
    stein       file=PATH;rows=A:B           rows A to B-1 of an HDF5 file
"""

from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.settings.ingest import Ingest
from pipeline.settings.survey import Cutouts, Legacy, PanStarrs, Stein
from pipeline.surveys.cutouts import matching_files, open_cutouts
from pipeline.surveys.doubts import Doubts
from pipeline.surveys.legacy import open_legacy, raw_files, survey_root
from pipeline.surveys.panstarrs import open_panstarrs
from pipeline.surveys.releases import sweep_name, sweep_path
from pipeline.surveys.source import Source
from pipeline.surveys.stein import open_stein

SIMULATED_RELEASE = "dr9"  # the formats in which the simulated survey is written
_SECTIONS = {"legacy": Legacy, "cutouts": Cutouts, "panstarrs": PanStarrs, "stein": Stein}
_KEYS = {"legacy": ("sweep", "bricks"), "cutouts": ("files",), "panstarrs": ("files",), "stein": ("file", "rows")}


def parse_sources(kind: str, sources: str) -> dict[str, str]:
    """Return the parts of `sources` by key; `ra` and `dec` for a simulated survey.

    Raises
    ------
    PipelineError
        The text does not have the syntax of that kind.
    """
    if kind == "simulated":
        words = sources.split(",")
        if len(words) == 2 and all(word.lstrip("-").isdigit() for word in words):
            return {"ra": words[0], "dec": words[1]}
    elif kind in _KEYS:
        parts = dict(word.split("=", 1) for word in sources.split(";") if "=" in word)
        if tuple(parts) == _KEYS[kind] and all(parts.values()):
            return parts
    allowed = "ra,dec" if kind == "simulated" else ";".join(f"{key}=…" for key in _KEYS.get(kind, ()))
    raise PipelineError(
        "malformed `sources` in the list of shards",
        where=kind,
        value=sources,
        allowed=allowed,
        next="skysieve index CONFIG writes the list anew",
    )


def parse_survey(survey: dict):
    """Return the settings of a real survey as its section.

    Raises
    ------
    PipelineError
        The kind is unknown or the section is not valid.
    """
    kind = survey.get("kind")
    if kind not in _SECTIONS:
        raise PipelineError("unknown kind of survey", where="survey.kind", value=kind, allowed=", ".join(_SECTIONS))
    return _SECTIONS[kind].parse(survey)


def input_files(row: dict, survey: dict, ingest: Ingest) -> list[Path]:
    """Return the raw files of one shard of a real survey, those that exist."""
    section, parts = parse_survey(survey), parse_sources(survey["kind"], row["sources"])
    if section.kind == "legacy":
        bricks = parts["bricks"].split(",")
        return raw_files(survey_root(section.root), row["region"], parts["sweep"], bricks, ingest.photo_z)
    root = survey_root(section.root)
    if section.kind == "stein":
        return [path for path in [root / parts["file"]] if path.exists()]
    names = matching_files(root, parts["files"]) + ([section.table] if section.table is not None else [])
    return [root / name for name in names if (root / name).exists()]


def open_source(row: dict, survey: dict, root: Path | None, ingest: Ingest, doubts: Doubts) -> Source:
    """Open the source of one row of the list of shards.

    Parameters
    ----------
    row : dict
        A row of shards.tsv: shard, sources, region, tranche, ...
    survey : dict
        Section `survey`; of a simulated one only `kind` counts.
    root : Path or None
        Folder of the raw files of a simulated survey; a real one names its own in the settings.
    ingest : Ingest
    doubts : Doubts
    """
    parts = parse_sources(survey["kind"], row["sources"])
    if survey["kind"] == "simulated":
        sweep = sweep_path(row["region"], SIMULATED_RELEASE, sweep_name(int(parts["ra"]), int(parts["dec"])))
        return open_legacy(root, row["region"], SIMULATED_RELEASE, sweep, None, ingest, doubts)
    section = parse_survey(survey)
    folder = survey_root(section.root)
    match section.kind:
        case "legacy":
            bricks = parts["bricks"].split(",")
            release = section.data_release
            return open_legacy(folder, row["region"], release, parts["sweep"], bricks, ingest, doubts)
        case "cutouts":
            return open_cutouts(folder, matching_files(folder, parts["files"]), section, ingest, doubts)
        case "panstarrs":
            return open_panstarrs(folder, matching_files(folder, parts["files"]), section, ingest, doubts)
        case "stein":
            return open_stein(folder / parts["file"], parts["rows"], section, ingest, doubts)
