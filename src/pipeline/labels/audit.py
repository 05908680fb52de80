"""The leak audit: nothing that is judged was seen before. Every check counts what it looked at and what it found."""

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from pipeline.data import sky
from pipeline.labels.splits import SETS, assign_as_dealt, is_papers

if TYPE_CHECKING:
    import pandas as pd

# Two rows of the catalogue this close are one object on the sky (the pixel scale of the Legacy Surveys is 0.262").
DUPLICATE_ARCSEC = 1.0
INDUCTIVE = "inductive"
TRANSDUCTIVE = "transductive: the pre-training saw images of the judged sky"
PAPERS = "papers: objects dealt singly, choices made on the judged set"
_EXAMPLES = 5


def audit(
    catalogue: "pd.DataFrame",
    labels: "pd.DataFrame",
    radius_arcsec: float,
    table: "pd.DataFrame",
    sample: "pd.DataFrame",
    pretraining: np.ndarray,
    pretraining_sets: list[str],
) -> dict:
    """Return the audit: `label`, `ok`, `sets` (counts) and `checks`: name -> what, n, violations, allowed, examples.

    `n` is how many objects, systems or rows a check looked at, `examples` the first few ids that it found. The papers'
    split lets systems and places cross sets on purpose: there these checks are `allowed` to find something. `ok` is
    false when any other check found something.

    Parameters
    ----------
    catalogue : DataFrame
        `object_id`, `ra`, `dec`.
    labels : DataFrame
        `object_id`, `label`, `system_id`, `known_ra`, `known_dec`.
    radius_arcsec : float
        Around known objects, in which there are no non-lenses.
    table : DataFrame
        From `splits.deal`.
    sample : DataFrame
        `object_id`, `label`, `set`.
    pretraining : array (P,)
        Ids of the pre-training sample; `pretraining_sets` are the sets of sky that it may come from.
    """
    papers = is_papers(table)
    place = catalogue[["object_id", "ra", "dec"]].drop_duplicates("object_id")
    rows = sample.merge(place, on="object_id", how="inner")
    # The papers' held-out objects select, calibrate and judge: one group.
    rows["group"] = np.where(rows.set == "train", "train", "judge") if papers else rows.set
    rows = rows.drop_duplicates(["object_id", "label", "group"], ignore_index=True)
    seen = place[place.object_id.isin(pretraining)].reset_index(drop=True)
    margin = 0.0 if papers else float(table.margin_arcsec.iloc[0])
    objects = rows.object_id.nunique()
    others = rows[rows.label == 0]
    lenses = rows[rows.label == 1]
    checks = {
        "in_catalogue": _check(
            "objects of the sample stand in the catalogue",
            sample.object_id.nunique(),
            sample.object_id[~sample.object_id.isin(place.object_id)],
        ),
        "one_set_each": _check(
            "no object is in two sets",
            objects,
            rows.object_id[rows.groupby("object_id").group.transform("nunique") > 1],
        ),
        "one_label_each": _check(
            "no object is a lens and a non-lens, or in the sample twice",
            objects,
            rows.object_id[rows.duplicated(["object_id", "group"], keep=False)],
        ),
        "set_of_its_place": _check(
            "objects are in the set of their place, outside the margins",
            len(rows),
            rows.object_id[assign_as_dealt(rows.ra, rows.dec, table) != rows.group],
        ),
        "systems": _check(
            "no known system crosses sets", labels.system_id.nunique(), _systems_across(rows, labels), allowed=papers
        ),
        "positions": _check(
            f"no position crosses sets (within {DUPLICATE_ARCSEC:g} arcsec)",
            len(rows),
            _pairs_across(rows, DUPLICATE_ARCSEC),
            allowed=papers,
        ),
        "non_lenses": _check(
            f"no non-lens has a label or lies within {radius_arcsec:g} arcsec of a known object",
            len(others),
            _near_known(others, labels, radius_arcsec),
        ),
        "lenses": _check(
            "no lens is unclear, not visible or merely near a known object",
            len(lenses),
            lenses.object_id[lenses.object_id.isin(labels.object_id[~labels.label.isin(["lens", "unmatched"])])],
        ),
        "pretraining_sets": _check(
            f"the pre-training took objects of {', '.join(pretraining_sets)} alone",
            len(seen),
            seen.object_id[~np.isin(assign_as_dealt(seen.ra, seen.dec, table).astype(str), pretraining_sets)],
        ),
    }
    if not papers:
        cell = sky.cells(rows.ra, rows.dec, int(table.nside.iloc[0]))
        train = (rows.group == "train").to_numpy()
        closed = rows[~rows.group.isin(pretraining_sets)]
        checks["cells"] = _check(
            "no held-out object shares a cell with a training one",
            int((~train).sum()),
            rows.object_id[~train & np.isin(cell, cell[train])],
        )
        checks["margin"] = _check(
            f"no two objects of different sets are within {margin:g} arcsec", len(rows), _pairs_across(rows, margin)
        )
        checks["pretraining_margin"] = _check(
            f"no object of another set is within {margin:g} arcsec of a pre-training one",
            len(closed),
            closed.object_id[sky.nearest(closed.ra, closed.dec, seen.ra, seen.dec, margin)[0] >= 0],
        )
    named = [text for text, holds in ((PAPERS, papers), (TRANSDUCTIVE, "judge" in pretraining_sets)) if holds]
    return {
        "label": "; ".join(named) or INDUCTIVE,
        "ok": all(check["allowed"] or not check["violations"] for check in checks.values()),
        "sets": {name: _counts(sample[sample.set == name], place, table) for name in SETS},
        "checks": checks,
    }


def faults(result: dict) -> list[str]:
    """Return one line for each check that found what it must not find."""
    return [
        f"{name}: {check['what']}: {check['violations']} of {check['n']} do not hold, e.g. {check['examples']}"
        for name, check in result["checks"].items()
        if check["violations"] and not check["allowed"]
    ]


def _check(what: str, n: int, found, *, allowed: bool = False) -> dict:
    ids = np.unique(np.asarray(found, dtype=np.int64))
    return {
        "what": what,
        "n": int(n),
        "violations": len(ids),
        "allowed": allowed,
        "examples": ids[:_EXAMPLES].tolist(),
    }


def _counts(members: "pd.DataFrame", place: "pd.DataFrame", table: "pd.DataFrame") -> dict[str, int]:
    counts = {"lenses": int((members.label == 1).sum()), "non_lenses": int((members.label == 0).sum())}
    if not is_papers(table):
        where = place[place.object_id.isin(members.object_id)]
        counts["cells"] = len(np.unique(sky.cells(where.ra, where.dec, int(table.nside.iloc[0]))))
    return counts


def _pairs_across(rows: "pd.DataFrame", radius_arcsec: float) -> np.ndarray:
    """Return ids of objects that lie within a radius of an object of another set."""
    found = [np.zeros(0, dtype=np.int64)]
    for one, other in combinations(sorted(rows.group.unique()), 2):
        a, b = rows[rows.group == one], rows[rows.group == other]
        i, j, _ = sky.match(a.ra, a.dec, b.ra, b.dec, radius_arcsec)
        found += [a.object_id.to_numpy()[i], b.object_id.to_numpy()[j]]
    return np.concatenate(found)


def _systems_across(rows: "pd.DataFrame", labels: "pd.DataFrame") -> np.ndarray:
    """Return the ids of known systems whose sources stand in two sets."""
    joined = rows.merge(labels.loc[labels.object_id != 0, ["object_id", "system_id"]], on="object_id")
    return joined.system_id[joined.groupby("system_id").group.transform("nunique") > 1].to_numpy()


def _near_known(others: "pd.DataFrame", labels: "pd.DataFrame", radius_arcsec: float) -> np.ndarray:
    """Return ids of non-lenses that have a label or lie within the radius of a known object."""
    placed = labels[np.isfinite(labels.known_ra)]
    index, _ = sky.nearest(others.ra, others.dec, placed.known_ra, placed.known_dec, radius_arcsec)
    return others.object_id[(index >= 0) | others.object_id.isin(labels.object_id)].to_numpy()
