"""Neighbours of all objects: which comparisons a run needs, from scratch or after a survey has grown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.search.exact import nearest
from pipeline.search.objects import NONE, Lists, Objects, Result, systems

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Task:
    """Queries that one call of `nearest` serves, by row number, and the lists with which they begin."""

    queries: np.ndarray
    candidates: np.ndarray
    start: Lists


def tasks(objects: Objects, settings, previous: Result | None, catalogue: "pd.DataFrame") -> list[Task]:
    """Divide the work into blocks of at most `settings.tile` queries.

    Without a previous result every object is compared with all. With one, new objects are compared with all and old
    ones with the new. An old object is treated as new when the new ones have joined systems that were apart before
    and its list, or itself, belongs to one of these: its list may have lost an entry that nothing old can replace.

    Parameters
    ----------
    objects : Objects
    settings : settings.similarity.Similarity
    previous : Result or None
        Lists of the objects that were there before, all of them still in `objects`.
    catalogue : DataFrame
        `object_id`, `ra`, `dec` (degrees) of at least the previous objects, sorted by object_id.
    """
    k, tile = settings.neighbours, settings.tile
    everything = np.arange(len(objects))
    if previous is None:
        return [Task(rows, everything, Lists.empty(len(rows), k)) for rows in _blocks(everything, tile)]
    by_id = np.argsort(objects.object_id)
    old = by_id[np.searchsorted(objects.object_id, previous.object_id, sorter=by_id)]
    lists = _rows_of(objects, previous, by_id)
    before = catalogue.iloc[np.searchsorted(catalogue["object_id"].to_numpy(), previous.object_id)]
    group_before = systems(before["ra"].to_numpy(), before["dec"].to_numpy(), settings.duplicate_arcsec)
    joined = _joined(objects.group[old], group_before)
    stale = np.isin(objects.group[old], joined)
    stale |= (np.isin(objects.group[lists.row], joined) & (lists.row != NONE)).any(axis=1)
    is_old = np.zeros(len(objects), dtype=bool)
    is_old[old] = True
    fresh = ~is_old
    fresh[old[stale]] = True
    work = [Task(rows, everything, Lists.empty(len(rows), k)) for rows in _blocks(everything[fresh], tile)]
    place = np.full(len(objects), NONE)
    place[old] = np.arange(len(old))
    new = everything[~is_old]
    for rows in _blocks(everything[~fresh], tile):
        start = Lists(lists.row[place[rows]], lists.similarity[place[rows]])
        work.append(Task(rows, new, start))
    return work


def run(objects: Objects, task: Task, settings) -> Lists:
    """Return the lists of one task."""
    return nearest(
        objects,
        task.queries,
        task.candidates,
        delta_mag=settings.delta_mag,
        tile=settings.tile,
        start=task.start,
    )


def collect(objects: Objects, work: list[Task], lists: list[Lists], k: int) -> Result:
    """Return the lists of all tasks by id, sorted by object_id."""
    row = np.full((len(objects), k), NONE, dtype=np.int64)
    similarity = np.full((len(objects), k), np.nan, dtype=np.float32)
    for task, found in zip(work, lists, strict=True):
        row[task.queries] = found.row
        similarity[task.queries] = np.where(found.row == NONE, np.float32(np.nan), found.similarity)
    order = np.argsort(objects.object_id)
    row = row[order]
    ids = np.append(objects.object_id, NONE)[row]  # row NONE is the last one
    return Result(objects.object_id[order], ids, similarity[order])


def of_objects(result: Result, object_id: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return neighbour_id (n, k) and similarity (n, k) of the given ids; empty lists for those that have none."""
    k = result.neighbour_id.shape[1]
    ids = np.full((len(object_id), k), NONE, dtype=np.int64)
    similarity = np.full((len(object_id), k), np.nan, dtype=np.float32)
    if len(result.object_id):
        place = np.searchsorted(result.object_id, object_id).clip(max=len(result.object_id) - 1)
        found = result.object_id[place] == object_id
        ids[found], similarity[found] = result.neighbour_id[place[found]], result.similarity[place[found]]
    return ids, similarity


def _blocks(rows: np.ndarray, tile: int) -> Iterator[np.ndarray]:
    for begin in range(0, len(rows), tile):
        yield rows[begin : begin + tile]


def _rows_of(objects: Objects, previous: Result, by_id: np.ndarray) -> Lists:
    """Return lists by id as lists by row number."""
    empty = previous.neighbour_id == NONE
    place = np.searchsorted(objects.object_id, previous.neighbour_id, sorter=by_id).clip(max=len(objects) - 1)
    row = np.where(empty, NONE, by_id[place])
    return Lists(row, np.where(empty, np.float32(-np.inf), previous.similarity))


def _joined(group: np.ndarray, group_before: np.ndarray) -> np.ndarray:
    """Return the groups of now that hold more than one group of before."""
    pairs = np.unique(np.stack([group, group_before]), axis=1)
    values, counts = np.unique(pairs[0], return_counts=True)
    return values[counts > 1]
