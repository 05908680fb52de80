"""From scores and searches to one ranked list of candidates, one a system (Stein et al. 2021, sections 4.1, 4.3)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.data import flags, sky
from pipeline.images.photometry import magnitudes
from pipeline.search.queries import Found, overlaps

SEARCH = "search:"  # what stands before the name of a search among the sources of a candidate


@dataclass(frozen=True)
class Scores:
    """What one model says, aligned with the catalogue.

    Attributes
    ----------
    name : str
    score : float64 (N,), logit, NaN where the model gives none
    probability : float64 (N,), calibrated, NaN likewise
    """

    name: str
    score: np.ndarray
    probability: np.ndarray


def strata_of(region: np.ndarray, magnitude: np.ndarray, strata: list) -> np.ndarray:
    """Return the name of the first stratum that holds each object (N,), "" where none does.

    Parameters
    ----------
    region : (N,) text
    magnitude : float (N,), NaN belongs to no stratum with a limit
    strata : list of settings.rank.Stratum
    """
    found = np.full(len(magnitude), "", dtype=object)
    for stratum in reversed(strata):
        inside = np.ones(len(magnitude), dtype=bool)
        if stratum.regions is not None:
            inside &= np.isin(region, stratum.regions)
        if stratum.bright is not None:
            inside &= magnitude >= stratum.bright
        if stratum.faint is not None:
            inside &= magnitude < stratum.faint
        found[inside] = stratum.name
    return found


def places(scores: np.ndarray, object_id: np.ndarray) -> np.ndarray:
    """Return the place (N,) of each object in the order of a model's scores, 1 the best, ties by id, NaN last."""
    order = np.lexsort((object_id, -scores))  # NaN sorts last
    place = np.empty(len(scores), dtype=np.int64)
    place[order] = np.arange(1, len(scores) + 1)
    return place


def candidates(catalogue: pd.DataFrame, models: list[Scores], searches: list[Found], settings) -> pd.DataFrame:
    """Return all objects that a model or a search puts forward, best first.

    Parameters
    ----------
    catalogue : DataFrame
        object_id, region, ra, dec, type, flags, flux_r, flux_z and the flux of the band of the strata, sorted by id.
    models : list of Scores
    searches : list of Found
    settings : settings.rank.Rank

    Returns
    -------
    DataFrame
        The columns of the catalogue that products show, `stratum`, `score_<model>`, `probability_<model>`,
        `probability` (NaN without models), `best_model`, `sources` (tuple of names: models in their order, then
        searches as `search:<name>`), `queries` (tuple of ids), `similarity` (best over the searches, NaN without).
        Order: probability, then the best place that a model gives, then id.
    """
    ids = catalogue["object_id"].to_numpy()
    magnitude = magnitudes(catalogue[f"flux_{settings.magnitude_band}"].to_numpy())
    stratum = strata_of(catalogue["region"].to_numpy(), magnitude, settings.strata)
    place = {model.name: places(model.score, ids) for model in models}
    chosen = {model.name: _most_probable(model, place[model.name], stratum, settings.strata) for model in models}
    for search in searches:
        chosen[SEARCH + search.name] = np.isin(ids, search.object_id) & (stratum != "")
    rows = np.flatnonzero(np.any([*chosen.values(), np.zeros(len(ids), dtype=bool)], axis=0))
    table = pd.DataFrame(
        {
            "object_id": ids[rows],
            **{key: catalogue[key].to_numpy()[rows] for key in ("ra", "dec", "region", "type", "flags")},
            "mag_r": magnitudes(catalogue["flux_r"].to_numpy()[rows]),
            "mag_z": magnitudes(catalogue["flux_z"].to_numpy()[rows]),
            "stratum": stratum[rows],
        }
    )
    for model in models:
        table[f"score_{model.name}"] = model.score[rows]
        table[f"probability_{model.name}"] = model.probability[rows]
    table["probability"] = _combined([model.probability[rows] for model in models], settings.combine, len(rows))
    best = np.stack([place[model.name][rows] for model in models]) if models else np.zeros((1, len(rows)), dtype=int)
    names = np.array([model.name for model in models] or [""], dtype=object)
    table["best_model"] = names[best.argmin(axis=0)]
    table["sources"] = _members(chosen, rows)
    table["queries"], table["similarity"] = _searched(searches, table["object_id"].to_numpy())
    order = np.lexsort((table["object_id"], best.min(axis=0), -table["probability"].fillna(-1).to_numpy()))
    return table.iloc[order].reset_index(drop=True)


def _most_probable(model: Scores, place: np.ndarray, stratum: np.ndarray, strata: list) -> np.ndarray:
    """Return which objects (N,) are among the first of the model in their stratum."""
    chosen = np.zeros(len(place), dtype=bool)
    for one in strata:
        rows = np.flatnonzero((stratum == one.name) & np.isfinite(model.score))
        # The calibration is monotonic but may be flat: within one probability the score decides.
        order = np.lexsort((place[rows], -model.probability[rows]))
        chosen[rows[order[: one.per_model]]] = True
    return chosen


def _combined(probabilities: list[np.ndarray], how: str, rows: int) -> np.ndarray:
    """Return the maximum or mean (n,) over the models that give a probability, NaN where none does."""
    if not probabilities:
        return np.full(rows, np.nan)
    values = np.stack(probabilities)
    there = np.isfinite(values)
    if how == "max":
        combined = np.where(there, values, -np.inf).max(axis=0)
    else:
        combined = np.where(there, values, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return np.where(there.any(axis=0), combined, np.nan)


def _members(chosen: dict[str, np.ndarray], rows: np.ndarray) -> pd.Series:
    return pd.Series([tuple(name for name, there in chosen.items() if there[row]) for row in rows], dtype=object)


def _searched(searches: list[Found], object_id: np.ndarray) -> tuple[pd.Series, np.ndarray]:
    """Return the query objects that lead to each object, and its best similarity to one of them."""
    queries = [[] for _ in object_id]
    similarity = np.full(len(object_id), np.nan)
    row_of = {int(value): row for row, value in enumerate(object_id)}
    for search in searches:
        for value, cosine in zip(search.object_id.tolist(), search.similarity.tolist(), strict=True):
            if value in row_of:
                queries[row_of[value]].append(search.query_id)
                similarity[row_of[value]] = np.fmax(similarity[row_of[value]], cosine)
    return pd.Series([tuple(found) for found in queries], dtype=object), similarity


def merge_systems(table: pd.DataFrame, radius_arcsec: float) -> pd.DataFrame:
    """Merge candidates of one system into the best of them.

    From the best candidate down, each takes in those within the radius that no better one has taken. Links are not
    followed further, so that a chain of neighbours does not become one system.

    Parameters
    ----------
    table : DataFrame
        As `candidates` returns it, best first.
    radius_arcsec : float

    Returns
    -------
    DataFrame
        One row a system: that of its best member, with the sources, queries and best similarity of all members,
        `members` (tuple of the ids of the others), the flag MERGED where there are others, and `rank` from 1.
    """
    i, j, _ = sky.match(table["ra"], table["dec"], table["ra"], table["dec"], radius_arcsec)
    owner = np.full(len(table), -1)
    near = np.split(j, np.searchsorted(i, np.arange(1, len(table)))) if len(table) else []
    for row in range(len(table)):
        if owner[row] < 0:
            close = near[row]
            owner[close[owner[close] < 0]] = row
    rows = [np.flatnonzero(owner == row) for row in np.flatnonzero(owner == np.arange(len(table)))]
    merged = table.iloc[[members[0] for members in rows]].reset_index(drop=True)
    merged["members"] = pd.Series([tuple(table["object_id"].iloc[members[1:]]) for members in rows], dtype=object)
    models = [column.removeprefix("score_") for column in table if column.startswith("score_")]
    for column in ("sources", "queries"):
        joined = [dict.fromkeys(x for row in members for x in table[column].iloc[row]) for members in rows]
        if column == "sources":
            joined = [sorted(names, key=lambda name: _order_of(name, models)) for names in joined]
        merged[column] = pd.Series([tuple(values) for values in joined], dtype=object)
    merged["similarity"] = [np.fmax.reduce(table["similarity"].to_numpy()[members]) for members in rows]
    taken = np.array([len(members) > 1 for members in rows], dtype=bool)
    merged["flags"] = np.where(taken, merged["flags"] | flags.bit("MERGED"), merged["flags"])
    merged["rank"] = np.arange(1, len(merged) + 1)
    return merged


def _order_of(source: str, models: list[str]) -> tuple:
    """Models in their order, then searches by name."""
    return (len(models), source) if source.startswith(SEARCH) else (models.index(source), "")


def mark_known(table: pd.DataFrame, positions: pd.DataFrame, known: pd.DataFrame, radius_arcsec: float) -> pd.DataFrame:
    """Mark the systems of which a member lies within the radius of an entry of a known list.

    Parameters
    ----------
    table : DataFrame of `merge_systems`
    positions : DataFrame with object_id, ra, dec of all members
    known : DataFrame with name, ra, dec
    radius_arcsec : float

    Returns
    -------
    DataFrame
        With `known`, `known_name` ("" when not) and `known_separation` (arcsec from that member, NaN when not).
    """
    at = positions.set_index("object_id")
    index, separation = sky.nearest(at["ra"], at["dec"], known["ra"], known["dec"], radius_arcsec)
    nearest = {
        int(value): (distance, entry)
        for value, entry, distance in zip(at.index, index.tolist(), separation.tolist(), strict=True)
        if entry >= 0
    }
    names = known["name"].tolist()
    entries = []
    for best, others in zip(table["object_id"].tolist(), table["members"], strict=True):
        near = [nearest[member] for member in (best, *others) if member in nearest]
        entries.append(min(near) if near else (np.nan, -1))
    marked = table.copy()
    marked["known"] = np.array([entry >= 0 for _, entry in entries], dtype=bool)
    marked["known_name"] = [names[entry] if entry >= 0 else "" for _, entry in entries]
    marked["known_separation"] = [distance for distance, _ in entries]
    return marked


def mark_labels(table: pd.DataFrame, labels: pd.DataFrame, training: np.ndarray) -> pd.DataFrame:
    """Mark what the labels say of the best member, and systems of which a member trained the models.

    Parameters
    ----------
    table : DataFrame of `merge_systems`
    labels : DataFrame with object_id, label; at most one row an object, 0 for entries without one
    training : int64 (n,)
        Ids of the lenses of the training set.

    Returns
    -------
    DataFrame
        With `label` ("" where there is none) and `training`.
    """
    of = dict(zip(labels["object_id"].tolist(), labels["label"].astype(str), strict=True))
    train = set(training.tolist())
    marked = table.copy()
    marked["label"] = [of.get(value, "") for value in table["object_id"].tolist()]
    systems = zip(table["object_id"].tolist(), table["members"], strict=True)
    marked["training"] = np.array([not train.isdisjoint((best, *others)) for best, others in systems], dtype=bool)
    return marked


def choose_batch(table: pd.DataFrame, settings) -> np.ndarray:
    """Return which systems (n,) are graded: the best of the models in each stratum, and all that searches found.

    Parameters
    ----------
    table : DataFrame
        Best first, with `stratum`, `sources`, `known`, `training`.
    settings : settings.rank.Rank
    """
    allowed = np.ones(len(table), dtype=bool)
    for column in settings.leave_out:
        allowed &= ~table[column].to_numpy()
    by_model = np.array([any(not name.startswith(SEARCH) for name in names) for names in table["sources"]], dtype=bool)
    by_search = np.array([any(name.startswith(SEARCH) for name in names) for names in table["sources"]], dtype=bool)
    chosen = allowed & by_search
    for stratum in settings.strata:
        rows = np.flatnonzero(allowed & by_model & (table["stratum"] == stratum.name).to_numpy())
        chosen[rows[: stratum.inspect]] = True
    return chosen


def counts(table: pd.DataFrame, settings) -> dict:
    """Return what each source and each stratum gave, in systems: JSON-ready (Stein et al. 2021, Figure 3).

    `sources`: candidates, new ones (not known), those of no other source; `shared` between pairs; `union`.
    """
    present = {name for sources in table["sources"] for name in sources}
    names = [*settings.models, *sorted(name for name in present if name.startswith(SEARCH))]
    found = {
        name: set(table.loc[[name in sources for sources in table["sources"]], "object_id"].tolist()) for name in names
    }
    new = set(table.loc[~table["known"], "object_id"].tolist())
    overlap = overlaps(found)
    return {
        "sources": {
            name: {"candidates": len(found[name]), "new": len(found[name] & new), "alone": overlap["alone"][name]}
            for name in names
        },
        "shared": overlap["shared"],
        "union": overlap["union"],
        "strata": {
            stratum.name: {
                "candidates": int((table["stratum"] == stratum.name).sum()),
                "in_batch": int((table["in_batch"] & (table["stratum"] == stratum.name)).sum()),
            }
            for stratum in settings.strata
        },
    }
