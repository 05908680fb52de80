"""Candidates and grades of all rounds as one table."""

import numpy as np
import pandas as pd

from pipeline.data import sky

GRADED = ("grade", "score_mean", "score_delta", "n_graders", "simulated")


def _ids(text: str) -> list[int]:
    return [int(word) for word in str(text).split(",") if word]


def members_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return all objects of the candidates' systems: `row` (of the candidate in `table`) and `object_id`."""
    rows, ids = [], []
    for row, (one, others) in enumerate(zip(table["object_id"], table["members"], strict=True)):
        every = [int(one), *_ids(others)]
        rows += [row] * len(every)
        ids += every
    return pd.DataFrame({"row": np.array(rows, dtype=np.int64), "object_id": np.array(ids, dtype=np.int64)})


def combine(candidates: list[pd.DataFrame], grades: list[pd.DataFrame], system_arcsec: float) -> pd.DataFrame:
    """Return one row a system: the candidates of all rounds, with their grades and `round`.

    A system that was graded in several rounds keeps its last grade; one that was never graded stands as in the last
    round that put it forward. Columns of candidates.ecsv, then `round`, `graded` bool, and `GRADED`.

    Parameters
    ----------
    candidates, grades : lists of DataFrame, one a round, in order; `grades` may be shorter
    system_arcsec : float
        Candidates closer than this are one system.
    """
    parts = []
    for number, table in enumerate(candidates, start=1):
        given = grades[number - 1] if number <= len(grades) else pd.DataFrame()
        # A grader may have the name of a model; the single scores stand in grades.ecsv.
        extra = given.reindex(columns=["object_id", *GRADED]).astype({"object_id": np.int64})
        joined = table.merge(extra, on="object_id", how="left", validate="one_to_one")
        joined["graded"] = joined["object_id"].isin(extra["object_id"])
        joined["grade"] = joined["grade"].where(joined["graded"], "").fillna("").astype(object)
        parts.append(joined.assign(round=number))
    every = pd.concat(parts, ignore_index=True)
    if len(candidates) == 1:
        return every
    # Graded ones first, then later rounds; each takes its neighbours of other rounds away.
    order = np.lexsort((every["object_id"], -every["round"], ~every["graded"].to_numpy(dtype=bool)))
    every = every.iloc[order].reset_index(drop=True)
    i, j, _ = sky.match(every["ra"], every["dec"], every["ra"], every["dec"], system_arcsec)
    gone = np.zeros(len(every), dtype=bool)
    rounds = every["round"].to_numpy()
    for one, other in zip(i.tolist(), j.tolist(), strict=True):
        if one < other and not gone[one] and rounds[one] != rounds[other]:
            gone[other] = True
    return every[~gone].sort_values(["round", "rank", "object_id"], kind="stable", ignore_index=True)
