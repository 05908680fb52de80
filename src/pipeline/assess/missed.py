"""What became of each known lens: found, or missed and why."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.assess.rounds import members_of

FATES = (
    "graded A",
    "graded B",
    "graded C",
    "graded down",
    "a candidate, not graded",
    "scored low",
    "cut",
    "not in the catalogue",
)


def systems(labels: pd.DataFrame) -> pd.DataFrame:
    """Return one row a known system: `system_id`, `object_id` of its own source (0: none), `sources` (tuple of the ids
    of all sources within the radius), `known_name`, `known_ra`, `known_dec`, `lists`, `visibility`.
    """
    rows = []
    for system, part in labels.sort_values(["system_id", "object_id"], kind="stable").groupby("system_id", sort=True):
        own = part[part["label"].isin(["lens", "unclear", "not_visible"])]
        first = (own if len(own) else part).iloc[0]
        rows.append(
            {
                "system_id": int(system),
                "object_id": int(own["object_id"].iloc[0]) if len(own) else 0,
                "sources": tuple(int(value) for value in part["object_id"] if value),
                **{name: first[name] for name in ("known_name", "known_ra", "known_dec", "lists", "visibility")},
            }
        )
    names = ["system_id", "object_id", "sources", "known_name", "known_ra", "known_dec", "lists", "visibility"]
    return pd.DataFrame(rows, columns=names)


def best_rank(object_id: int, places: Mapping[str, pd.Series]) -> tuple[int | None, str]:
    """Return the best rank of an object over the models and that model's name; None without scores."""
    ranks = [(int(place[object_id]), model) for model, place in places.items() if object_id in place.index]
    return min(ranks) if ranks else (None, "")


def ranks_of(object_id: np.ndarray, score: np.ndarray) -> pd.Series:
    """Return the rank of each object (1 the highest score, ties by id), indexed by object_id. Arrays (N,)."""
    order = np.lexsort((object_id, -np.asarray(score, dtype=np.float64)))
    return pd.Series(np.arange(1, len(order) + 1), index=np.asarray(object_id)[order])


def fates(
    known: pd.DataFrame,
    candidates: pd.DataFrame,
    places: Mapping[str, pd.Series],
    cuts: Mapping[int, str],
    training: set[int],
) -> pd.DataFrame:
    """Return what became of each known system.

    Parameters
    ----------
    known : DataFrame
        From `systems`.
    candidates : DataFrame
        From `rounds.combine`.
    places : mapping
        Model -> ranks of all objects, see `ranks_of`.
    cuts : mapping
        system_id -> name of the cut that removed the source of an unmatched system.
    training : set of int
        Ids of the lenses that train.

    Returns
    -------
    DataFrame
        The columns of `known`, `fate` (one of `FATES`), `detail`, `rank` (best over the models; -1 where unknown),
        `model`, `training` bool.
    """
    members = members_of(candidates)
    row_of = dict(zip(members["object_id"].tolist(), members["row"].tolist(), strict=True))
    rows = []
    for one in known.itertuples(index=False):
        rank, model = best_rank(one.object_id, places)
        hits = sorted({row_of[source] for source in one.sources if source in row_of})
        best = min(hits, key=lambda row: (not candidates["graded"].iloc[row], row)) if hits else None
        detail = ""
        if best is not None:
            candidate = candidates.iloc[best]
            if not candidate["graded"]:
                fate, detail = "a candidate, not graded", f"rank {int(candidate['rank'])}"
            elif candidate["grade"]:
                fate = f"graded {candidate['grade']}"
            else:
                mean = candidate.get("score_mean", np.nan)
                fate, detail = "graded down", f"mean score {mean:.1f}" if np.isfinite(mean) else ""
        elif one.object_id:
            fate = "scored low"
            detail = f"best rank {rank} ({model})" if rank is not None else "no score"
        elif one.system_id in cuts:
            fate, detail = "cut", cuts[one.system_id]
        elif one.sources:
            fate, detail = "not in the catalogue", "its source belongs to a neighbouring known lens"
        else:
            fate = "not in the catalogue"
        rows.append((fate, detail, -1 if rank is None else rank, model, one.object_id in training))
    found = pd.DataFrame(rows, columns=["fate", "detail", "rank", "model", "training"])
    return pd.concat([known.reset_index(drop=True), found], axis=1)
