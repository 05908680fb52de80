"""What was found, in numbers: by grade, region, type and depth, with purity and galaxies per lens. No truth is used."""

import numpy as np
import pandas as pd

from pipeline.assess.metrics import share

GRADES = ("A", "B", "C")
# The steps of the mean score in the tables of Huang et al. 2021.
SCORES = ((3.5, 5.0), (3.0, 3.5), (2.5, 3.0), (2.0, 2.5))


def depth_names(edges: list[int]) -> list[str]:
    """Return the names of the bins of passes: "below 3", "3 to 6", "7 to 9", "10 and more"."""
    inner = [f"{low} to {high - 1}" for low, high in zip(edges, edges[1:], strict=False)]
    return [f"below {edges[0]}", *inner, f"{edges[-1]} and more"]


def prepare(frame: pd.DataFrame, faint_mag_z: float, depth_passes: list[int]) -> pd.DataFrame:
    """Return `region`, `type`, `mag_z` and `nobs_z` as classes in words: `region`, `type`, `magnitude`, `depth`."""
    mag = frame["mag_z"].to_numpy(dtype=np.float64)
    place = np.searchsorted(depth_passes, frame["nobs_z"].to_numpy(dtype=np.float64), side="right")
    magnitude = np.where(mag < faint_mag_z, f"z < {faint_mag_z:g}", f"z >= {faint_mag_z:g}")
    names = np.array(depth_names(depth_passes), dtype=object)
    return pd.DataFrame(
        {
            "region": frame["region"].astype(str).replace("", "unknown").to_numpy(dtype=object),
            "type": frame["type"].astype(str).str.strip().replace("", "unknown").to_numpy(dtype=object),
            "magnitude": np.where(np.isfinite(mag), magnitude, "z unknown").astype(object),
            "depth": np.where(frame["nobs_z"].to_numpy() < 0, "unknown", names[place]),
        }
    )


def by_class(objects: pd.DataFrame, graded: pd.DataFrame, name: str, order: list[str], confidence: float) -> list[dict]:
    """Return a row for each value of a class, JSON-ready (Huang et al. 2021, Table 1, Figure 7 and Section 4.1).

    `value`, `objects` searched, `inspected` by people, `A`, `B`, `C`, `candidates` (A to C), `known` among these,
    `purity` (candidates over inspected, with interval), `inspected_share`, `per_lens` (objects for each candidate).

    Parameters
    ----------
    objects, graded : DataFrame
        With the column `name`; `graded` with `grade` ("" rejected) and `known`.
    order : list
        Values that come first, in this order.
    """
    values = [value for value in order if (objects[name] == value).any() or (graded[name] == value).any()]
    values += sorted(set(objects[name]) - set(order))
    rows = []
    for value in [*values, None]:
        here = objects if value is None else objects[objects[name] == value]
        seen = graded if value is None else graded[graded[name] == value]
        counts = {grade: int((seen["grade"] == grade).sum()) for grade in GRADES}
        found = sum(counts.values())
        rows.append(
            {
                "value": "all" if value is None else str(value),
                "objects": len(here),
                "inspected": len(seen),
                **counts,
                "candidates": found,
                "known": int((seen["known"].astype(bool) & (seen["grade"] != "")).sum()),
                "purity": share(found, len(seen), confidence),
                "inspected_share": len(seen) / len(here) if len(here) else None,
                "per_lens": len(here) / found if found else None,
            }
        )
    return rows


def by_grade_and_region(graded: pd.DataFrame) -> list[dict]:
    """Return the numbers of new candidates by grade, region and magnitude (Stein et al. 2021, Table 1), JSON-ready."""
    new = graded[(graded["grade"] != "") & ~graded["known"].astype(bool)]
    rows = []
    for grade in GRADES:
        part = new[new["grade"] == grade]
        for (region, magnitude), group in part.groupby(["region", "magnitude"], sort=True):
            rows.append({"grade": grade, "region": str(region), "magnitude": str(magnitude), "new": len(group)})
        rows.append({"grade": grade, "region": "all", "magnitude": "", "new": len(part)})
    rows.append({"grade": "all", "region": "all", "magnitude": "", "new": len(new)})
    return rows


def by_score(graded: pd.DataFrame) -> list[dict]:
    """Return known and new candidates by mean score (Huang et al. 2021, Table 3); empty without numbers for scores."""
    scores = graded["score_mean"].to_numpy(dtype=np.float64)
    if not np.isfinite(scores).any():
        return []
    rows = []
    for low, high in SCORES:
        part = graded[(scores >= low) & (scores < high)]
        known = part["known"].astype(bool)
        at = {"from": low, "below": high if high < 5 else None}
        rows.append({**at, "candidates": len(part), "known": int(known.sum()), "new": int((~known).sum())})
    return rows


def by_source(graded: pd.DataFrame) -> list[dict]:
    """Return for each model and search how many candidates of each grade it put forward, and how many it alone did."""
    names = sorted({name for text in graded["provenance"] for name in str(text).split(",") if name})
    rows = []
    for name in names:
        listed = graded["provenance"].map(lambda text, name=name: name in str(text).split(","))
        part = graded[listed.to_numpy(dtype=bool)]
        alone = part[part["provenance"] == name]
        counts = {grade: int((part["grade"] == grade).sum()) for grade in GRADES}
        rows.append(
            {
                "source": name,
                "inspected": len(part),
                **counts,
                "candidates": sum(counts.values()),
                "alone": int((alone["grade"] != "").sum()),
            }
        )
    return rows


def counts(
    objects: pd.DataFrame, graded: pd.DataFrame, *, faint_mag_z: float, depth_passes: list[int], confidence: float
) -> dict:
    """Return all tables, JSON-ready.

    Parameters
    ----------
    objects : DataFrame
        Everything searched: `region`, `type`, `mag_z`, `nobs_z`.
    graded : DataFrame
        What people inspected: the same, `grade`, `known`, `score_mean`, `provenance`.
    """
    classes = prepare(objects, faint_mag_z, depth_passes)
    kept = graded[["grade", "known", "score_mean", "provenance"]].reset_index(drop=True)
    seen = pd.concat([prepare(graded, faint_mag_z, depth_passes), kept], axis=1)
    orders = {
        "region": ["south", "north"],
        "type": ["DEV", "SER", "COMP", "EXP", "REX"],
        "magnitude": [],
        "depth": depth_names(depth_passes),
    }
    tables = {name: by_class(classes, seen, name, order, confidence) for name, order in orders.items()}
    every = tables["region"][-1]
    new = seen[(seen["grade"] != "") & ~seen["known"].astype(bool)]
    return {
        "objects": len(classes),
        "inspected": len(seen),
        "candidates": every["candidates"],
        "new": len(new),
        "grades": {grade: every[grade] for grade in GRADES},
        "per_lens": every["per_lens"],
        "by": tables,
        "new_by_grade": by_grade_and_region(seen),
        "by_score": by_score(seen),
        "by_source": by_source(seen),
    }
