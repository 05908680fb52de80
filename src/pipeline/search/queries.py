"""Searches by similarity from one example: which object is meant, and what several searches have in common."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.data import sky
from pipeline.errors import PipelineError
from pipeline.search.objects import NONE

if TYPE_CHECKING:
    import pandas as pd

DESIGNATION = re.compile(r"(?:DESI)?[ _-]*J?(\d{1,3}\.\d+)([+\-−–]\d{1,2}\.\d+)")


@dataclass(frozen=True)
class Found:
    """What one named search found.

    Attributes
    ----------
    name, encoder : str
    query_id : int
    object_id : int64 (n,), most similar first
    similarity : float32 (n,), cosine
    """

    name: str
    encoder: str
    query_id: int
    object_id: np.ndarray
    similarity: np.ndarray


def parse_designation(name: str) -> tuple[float, float] | None:
    """Return right ascension and declination (degrees) of a name such as `DESI-118.4491+20.9528`, or None."""
    found = DESIGNATION.fullmatch(name.strip())
    if found is None:
        return None
    return float(found[1]), float(found[2].replace("−", "-").replace("–", "-"))


def object_at(catalogue: "pd.DataFrame", ra: float, dec: float, radius_arcsec: float, where: str) -> int:
    """Return the id of the catalogued object nearest to a position (degrees).

    Parameters
    ----------
    catalogue : DataFrame with object_id, ra, dec
    where : str
        What asks, for the message.

    Raises
    ------
    PipelineError
        No object lies within the radius; the distance of the nearest one is named.
    """
    index, separation = sky.nearest([ra], [dec], catalogue["ra"], catalogue["dec"], 180 * 3600.0)
    if index[0] < 0 or separation[0] > radius_arcsec:
        raise PipelineError(
            "no catalogued object at this position",
            where=where,
            value=f"ra {ra}, dec {dec}; the nearest lies {separation[0]:.1f} arcsec away",
            allowed=f"within {radius_arcsec} arcsec",
        )
    return int(catalogue["object_id"].iloc[index[0]])


def training_lenses(sample: "pd.DataFrame") -> np.ndarray:
    """Return the ids of the lenses that train, ascending."""
    chosen = (sample["label"] == 1) & (sample["set"] == "train")
    return np.sort(sample.loc[chosen, "object_id"].to_numpy())


def query_object(search, catalogue: "pd.DataFrame", sample: "pd.DataFrame") -> int:
    """Return the id of the object with which a search begins.

    Parameters
    ----------
    search : settings.searches.Search
    catalogue : DataFrame with object_id, ra, dec
    sample : DataFrame with object_id, label, set

    Raises
    ------
    PipelineError
        The object is not in the catalogue, or there are fewer training lenses than asked for.
    """
    where, query = f"searches: {search.name}", search.query
    if hasattr(query, "from_known"):
        lenses = training_lenses(sample)
        if query.from_known > len(lenses):
            raise PipelineError(
                "there are fewer training lenses than the search asks for",
                where=where,
                value=query.from_known,
                allowed=f"1 to {len(lenses)}",
            )
        return int(lenses[query.from_known - 1])
    if hasattr(query, "object_id"):
        if int(query.object_id) not in set(catalogue["object_id"]):
            raise PipelineError("the query is not in the catalogue", where=where, value=query.object_id)
        return int(query.object_id)
    return object_at(catalogue, query.ra, query.dec, query.radius_arcsec, where)


def take(search, query_id: int, lists: tuple[np.ndarray, np.ndarray] | None) -> Found:
    """Return the first neighbours of a query's list.

    Parameters
    ----------
    search : settings.searches.Search
    query_id : int
    lists : neighbour_id (k,) and similarity (k,), or None when the object has no embedding

    Raises
    ------
    PipelineError
        No embedding, or a list shorter than the search asks for.
    """
    where = f"searches: {search.name}"
    if lists is None:
        raise PipelineError("the query has no embedding", where=where, value=query_id)
    neighbour_id, similarity = lists
    if search.neighbours > len(neighbour_id):
        raise PipelineError(
            "the search asks for more neighbours than were kept",
            where=f"{where}.neighbours",
            value=search.neighbours,
            allowed=f"at most {len(neighbour_id)} (similarity.neighbours)",
        )
    there = neighbour_id[: search.neighbours] != NONE
    return Found(
        search.name,
        search.encoder,
        query_id,
        neighbour_id[: search.neighbours][there],
        similarity[: search.neighbours][there],
    )


def overlaps(found: dict[str, set]) -> dict:
    """Return how many members each set has, how many each pair shares, how many only one has, and their union.

    Parameters
    ----------
    found : dict of set
        What each source found (Stein et al. 2021, section 4.1 and Figure 3).

    Returns
    -------
    dict
        `counts` {name: n}, `shared` {name: {name: n}}, `alone` {name: n}, `union` n. JSON-ready.
    """
    union = set().union(*found.values())
    alone = {}
    for name, members in found.items():
        others = set().union(*(other for key, other in found.items() if key != name))
        alone[name] = len(members - others)
    return {
        "counts": {name: len(members) for name, members in found.items()},
        "shared": {one: {other: len(found[one] & found[other]) for other in found if other != one} for one in found},
        "alone": alone,
        "union": len(union),
    }
