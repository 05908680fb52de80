"""Known systems meet the catalogue: the nearest source is the lens, others near it are flagged (Stein 2021, §2.2)."""

import numpy as np
import pandas as pd

from pipeline.data import sky

COLUMNS = {
    "object_id": np.int64,
    "label": object,
    "separation_arcsec": np.float64,
    "system_id": np.int64,
    "lists": object,
    "known_name": object,
    "known_ra": np.float64,
    "known_dec": np.float64,
    "visibility": object,
}
OF_VISIBILITY = {"clear": "lens", "unclear": "unclear", "not_visible": "not_visible"}


def match_known(
    merged: pd.DataFrame, catalogue: pd.DataFrame, visibility: pd.DataFrame, radius_arcsec: float, ungraded: str
) -> pd.DataFrame:
    """Return the labels: one row a pair of a system and a source, and one for each system without a source.

    A source's distance from a system is that from the nearest of its entries. Of the sources within the radius the
    nearest is the system's own and has the label `lens`, `unclear` or `not_visible` after the first grading; a source
    that two systems claim goes to the closer one. The other sources are `near` the closest system. A system without a
    source of its own is `unmatched`, with object_id 0. So an object has one row at most. Ties go by id.

    Parameters
    ----------
    merged : DataFrame
        Entries with systems, from `known.merge`.
    catalogue : DataFrame
        `object_id`, `ra`, `dec`.
    visibility : DataFrame
        `ra`, `dec`, `visibility`, from `known.visibilities`; may be empty.
    ungraded : str
        What a system without a first grading counts as.
    """
    catalogue = catalogue.sort_values("object_id", kind="stable").drop_duplicates("object_id")
    ids = catalogue.object_id.to_numpy(dtype=np.int64)
    system = merged.system_id.to_numpy(dtype=np.int64)
    entry, source, separation = sky.match(merged.ra, merged.dec, catalogue.ra, catalogue.dec, radius_arcsec)
    # The closest first, ties by id; of each (system, source) the first row alone.
    order = np.lexsort((entry, system[entry], ids[source], separation))
    pairs = pd.DataFrame(
        {"entry": entry[order], "system_id": system[entry[order]], "source": source[order], "sep": separation[order]}
    ).drop_duplicates(["system_id", "source"], ignore_index=True)
    own = _claim(pairs.system_id.to_numpy(), pairs.source.to_numpy())
    claimed = pairs.source.isin(pairs.source[own])
    near = ~claimed & ~pairs.source.duplicated()
    unmatched = merged.drop_duplicates("system_id")
    unmatched = unmatched[~unmatched.system_id.isin(pairs.system_id[own])]

    grade = graded_systems(merged, visibility, radius_arcsec)
    kept = pairs[own | near].assign(own=own[own | near])
    rows = pd.DataFrame(
        {
            "object_id": np.concatenate([ids[kept.source], np.zeros(len(unmatched), dtype=np.int64)]),
            "system_id": np.concatenate([kept.system_id, unmatched.system_id]).astype(np.int64),
            "separation_arcsec": np.concatenate([kept.sep, np.full(len(unmatched), np.nan)]),
            "entry": np.concatenate([kept.entry, unmatched.index]).astype(np.int64),
        }
    )
    seen = [grade.get(number, ungraded) for number in rows.system_id.tolist()]
    rows["visibility"] = np.array(seen, dtype=object)
    of_own = np.array([OF_VISIBILITY[value] for value in seen], dtype=object)
    kind = np.concatenate([kept.own.to_numpy(dtype=bool), np.zeros(len(unmatched), dtype=bool)])
    rows["label"] = np.where(kind, of_own, np.where(rows.object_id == 0, "unmatched", "near"))
    in_lists = merged[["system_id", "list"]].drop_duplicates().sort_values(["system_id", "list"])
    lists = in_lists.groupby("system_id")["list"].agg(",".join)
    rows["lists"] = rows.system_id.map(lists).astype(object)
    for column, of_entry in (("known_name", "name"), ("known_ra", "ra"), ("known_dec", "dec")):
        rows[column] = merged[of_entry].to_numpy()[rows.entry]
    rows = rows.sort_values(["system_id", "separation_arcsec", "object_id"], kind="stable", ignore_index=True)
    return rows[list(COLUMNS)].astype(COLUMNS)


def _claim(system: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Return which pairs (P,), given closest first, join a system with its own source: each has one at most."""
    own = np.zeros(len(system), dtype=bool)
    systems, sources = set(), set()
    for row, (one, other) in enumerate(zip(system.tolist(), source.tolist(), strict=True)):
        if one not in systems and other not in sources:
            own[row] = True
            systems.add(one)
            sources.add(other)
    return own


def graded_systems(merged: pd.DataFrame, visibility: pd.DataFrame, radius_arcsec: float) -> dict[int, str]:
    """Return the first grading by system_id. A grade goes to the system of the entry that is nearest to it.

    Grades of one system that differ make it unclear.
    """
    if not len(visibility) or not len(merged):
        return {}
    entry, _ = sky.nearest(visibility.ra, visibility.dec, merged.ra, merged.dec, radius_arcsec)
    found = entry >= 0
    graded: dict[int, str] = {}
    systems = merged.system_id.to_numpy()[entry[found]].tolist()
    for system, value in zip(systems, visibility.visibility.to_numpy()[found].tolist(), strict=True):
        graded[system] = value if graded.get(system, value) == value else "unclear"
    return graded
