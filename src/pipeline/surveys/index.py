"""The list of shards of a real survey: what lies on disk, dealt to shards and batches."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import PipelineError
from pipeline.graph import Row, into_batches
from pipeline.settings.ingest import Ingest
from pipeline.settings.survey import Cutouts, Legacy, PanStarrs, Stein
from pipeline.surveys.bricks import bricks_table
from pipeline.surveys.columns import BANDS
from pipeline.surveys.cutouts import matching_files, read_table
from pipeline.surveys.fetched import not_as_fetched
from pipeline.surveys.legacy import survey_root
from pipeline.surveys.releases import SWEEP_VERSIONS, bricks_table_paths, coadd_path, photo_z_path
from pipeline.surveys.stein import image_shape

# A job gets its rows as one argument of a command line, which Linux limits to 128 KiB for all shards of the batch.
SOURCES_LIMIT = 96 * 1024


@dataclass(frozen=True)
class Group:
    """What may share a shard: bricks of one sweep, files of one folder, stretches of one file.

    Attributes
    ----------
    name : str
        Beginning of the names of its shards.
    region : str
    prefix : str
        Beginning of `sources`, up to the last "=".
    units : list of str
        What is dealt to shards, in order.
    step : int
        Units a shard.
    """

    name: str
    region: str
    prefix: str
    units: list[str]
    step: int


def shard_rows(
    survey: Legacy | Cutouts | PanStarrs | Stein, ingest: Ingest, listed: list[Row]
) -> tuple[list[Row], list[str]]:
    """List the shards of a real survey.

    Rows that are listed already stay as they are, with their batches; what came since is a new tranche.

    Parameters
    ----------
    survey : Section
        Section `survey` of the settings.
    ingest : Ingest
    listed : list of Row
        The rows of the present list; empty at first.

    Returns
    -------
    rows : list of Row
        The content of shards.tsv.
    notes : list of str
        What the user should know: files that the table names and that are not there, regions without sweeps,
        fetched files that are not whole.

    Raises
    ------
    PipelineError
        Nothing is found, what is listed has gone, a file cannot be read, a batch is too long for a command line, the
        table of bricks is not what was fetched.
    """
    root = survey_root(survey.root)
    groups, notes = {"legacy": _legacy, "cutouts": _cutouts, "panstarrs": _cutouts, "stein": _stein}[survey.kind](
        root, survey
    )
    present = {group.prefix + unit for group in groups for unit in group.units}
    taken = set()
    for row in listed:
        head, _, tail = row.sources.rpartition("=")
        taken |= {f"{head}={unit}" for unit in tail.split(",")}
    gone = sorted(taken - present)
    if gone:
        raise PipelineError(
            f"the survey no longer holds {len(gone)} input(s) of this run as they were indexed",
            where=root,
            value=gone[0],
            next="bring them back, give the run another name, or remove results/<run>/shards.tsv to begin anew",
        )
    if not present:
        raise PipelineError("no input of the survey was found", where=root, value="; ".join(notes) or survey.plain())
    tranche = max((row.tranche for row in listed), default=0) + 1
    shards = []
    for group in groups:
        units = [unit for unit in group.units if group.prefix + unit not in taken]
        for number, start in enumerate(range(0, len(units), group.step)):
            name = f"{f't{tranche}-' if tranche > 1 else ''}{group.name}-{number:04d}"
            sources = group.prefix + ",".join(units[start : start + group.step])
            shards.append((name, "images", tranche, sources, group.region))
    rows = [*listed, *into_batches(shards, ingest.shards_per_job)]
    _check_lengths(rows)
    return rows, notes


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
            next="lower ingest.shards_per_job, survey.images_per_shard or survey.bricks_per_shard",
        )


def _legacy(root: Path, survey: Legacy) -> tuple[list[Group], list[str]]:
    """Return the bricks of each sweep on disk, those that have coadds, in the order of their names."""
    spoilt, notes = not_as_fetched(root)
    groups = []
    for region in survey.regions:
        folder = root / region / "sweep" / SWEEP_VERSIONS[survey.data_release]
        names = sorted(path.relative_to(root).as_posix() for path in folder.glob("sweep-*.fits"))
        sweeps = [root / name for name in names if not {name, photo_z_path(name)} & spoilt.keys()]
        if not sweeps:
            notes.append(f"no sweeps in {folder}")
            continue
        _check_bricks_table(root, region, survey.data_release, spoilt)
        table = bricks_table(root, region, survey.data_release)
        if table is None:
            raise PipelineError("the survey has no table of bricks", where=root, allowed="survey-bricks.fits.gz")
        for sweep in sweeps:
            bricks = [
                brick
                for brick in bricks_of_sweep(sweep.stem, table)
                if (root / coadd_path(region, brick, "image", "g")).parent.is_dir()
                and not {coadd_path(region, brick, "image", band) for band in BANDS} & spoilt.keys()
            ]
            if not bricks:
                notes.append(f"no coadds for {sweep}")
            name = f"{region}-{sweep.stem.removeprefix('sweep-')}"
            prefix = f"sweep={sweep.relative_to(root).as_posix()};bricks="
            groups.append(Group(name, region, prefix, bricks, survey.bricks_per_shard))
    return groups, notes


def _check_bricks_table(root: Path, region: str, data_release: str, spoilt: dict[str, str]) -> None:
    used = next((name for name in bricks_table_paths(region, data_release) if (root / name).exists()), None)
    if used in spoilt:
        raise PipelineError(
            "the table of bricks is not what was fetched",
            where=root / used,
            value=spoilt[used],
            next="move it away and fetch it again",
        )


def bricks_of_sweep(name: str, table: dict[str, np.ndarray]) -> list[str]:
    """Return the names of the bricks that can hold sources of a sweep, sorted.

    Parameters
    ----------
    name : str
        sweep-RRRpDDD-RRRpDDD: its corners in whole degrees.
    table : dict
        Result of `bricks_table`. Bricks are at most 0.25 degrees high and, near the poles, wide in right ascension.

    Raises
    ------
    PipelineError
        The name has no corners.
    """
    try:
        (ra1, dec1), (ra2, dec2) = (_corner(word) for word in name.split("-")[1:3])
    except ValueError:
        raise PipelineError("not the name of a sweep", value=name, allowed="sweep-RRRpDDD-RRRpDDD") from None
    half = 0.125
    width = (ra2 - ra1) % 360 or 360
    near_pole = np.clip(np.abs(table["dec"]) + half, 0, 89.9999)
    half_ra = np.minimum(1.5 * half / np.cos(np.radians(near_pole)), 180)
    offset = (table["ra"] - ra1 - width / 2 + 180) % 360 - 180
    inside = (np.abs(offset) < width / 2 + half_ra) & (table["dec"] > dec1 - half) & (table["dec"] < dec2 + half)
    return sorted(table["brickname"][inside].tolist())


def _corner(word: str) -> tuple[int, int]:
    if len(word) != 7 or word[3] not in "pm":
        raise ValueError(word)
    return int(word[:3]), int(word[4:]) * (1 if word[3] == "p" else -1)


def _cutouts(root: Path, survey: Cutouts | PanStarrs) -> tuple[list[Group], list[str]]:
    """Return the files of a folder, or those that the index of a Pan-STARRS folder names."""
    if isinstance(survey, PanStarrs):
        names, region = sorted(read_table(root, survey).index.tolist()), ""
    else:
        names, region = matching_files(root, survey.files), survey.region
    odd = [name for name in names if set(name) & set(",;=*?[ \t")]
    if odd:
        raise PipelineError("a file name has characters of the list's syntax", where=root, value=odd[0])
    spoilt, notes = not_as_fetched(root, names)
    absent = {name for name in names if not (root / name).is_file()}
    some = ", ".join(sorted(absent)[:5])
    notes += [f"left out {len(absent)} file(s) that the table names and that are not there: {some}"] if absent else []
    names = [name for name in names if name not in absent and name not in spoilt]
    return [Group(survey.kind, region, "files=", names, survey.images_per_shard)], notes


def _stein(root: Path, survey: Stein) -> tuple[list[Group], list[str]]:
    """Return stretches of rows of each file."""
    names = matching_files(root, survey.files)
    spoilt, notes = not_as_fetched(root, names)
    groups = []
    for number, name in enumerate(name for name in names if name not in spoilt):
        rows, step = image_shape(root / name)[0], survey.images_per_shard
        stretches = [f"{start}:{min(start + step, rows)}" for start in range(0, rows, step)]
        groups.append(Group(f"stein-{number:03d}", survey.region, f"file={name};rows=", stretches, 1))
    return groups, notes
