"""Redshifts of real spectra beside trusted ones: what `skysieve evaluate-redshifts` reports.

Objects, not spectra, are dealt to two halves by a hash of their names: half a may be looked at while the estimators are
built, half b is read by the command alone. The class is that of the visual inspection where `best_z_source` names one,
else `pipe_class`; quasars are judged where `best_z` is not empty, and `pipe_z` is never a reference. Beside them stand
all spectra with a `best_z` that `pipe_class` calls QSO, among which inspection found stars.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from pipeline.assess.redshift_confidence import failure_probability, pulls, unflagged_others
from pipeline.assess.redshifts import answer, estimators
from pipeline.assess.velocity import Resampling, accuracy, counted
from pipeline.data.velocity import RIGHT_KM_S, near, velocity_difference
from pipeline.errors import PipelineError

FILTER = "class by visual inspection where best_z_source names one, else by pipe_class; quasars with a best_z"
AS_LISTED = "pipe_class is QSO and best_z is not empty"
INDEX_COLUMNS = ("file", "object", "survey", "pipe_class", "sn_median_all", "best_z", "best_z_source")
HALVES = ("a", "b")
# DR16Q's CLASS_PERSON, as the index quotes it.
_INSPECTED = {"1": "star", "3": "quasar", "4": "galaxy", "30": "quasar"}
_CLASSES = {"QSO": "quasar", "GALAXY": "galaxy", "STAR": "star", "SKY-FIBRE": "sky", "SKY": "sky"}
# Redshifts that people have looked at, or that DR16Q lists; the others come from fits whose authors took the
# pipeline's value as a start.
_INDEPENDENT = re.compile("visual inspection|DR16Q", re.IGNORECASE)
# Redshifts between which there are too few trusted quasars (11) to say anything.
NOTHING_CLAIMED = (1.2, 2.1)
_EDGES = (0.0, 0.6, *NOTHING_CLAIMED, 2.5, 3.0, 7.0)


def half_of(objects: Iterable[str]) -> np.ndarray:
    """Return the half (N,) "a" or "b" of objects by name: a where the first byte of the name's sha256 is even."""
    first = [hashlib.sha256(str(name).encode()).digest()[0] for name in objects]
    return np.array([HALVES[byte % 2] for byte in first], dtype=object)


def read_index(index: pd.DataFrame, where: object) -> pd.DataFrame:
    """Return the index with `kind`, `z_reference`, `as_listed`, `independent`, `half` and `group`.

    `group` numbers the objects; `kind` is "" for a spectrum without a class, and for a quasar without a trusted
    redshift; `z_reference` is best_z of a quasar, or of what `pipe_class` calls one (`as_listed`), else NaN.

    Raises
    ------
    PipelineError
        A column is missing, a file is listed twice, or a class is unknown.
    """
    missing = [name for name in INDEX_COLUMNS if name not in index.columns]
    if missing:
        raise PipelineError("the index of spectra lacks columns", where=where, value=missing, allowed=INDEX_COLUMNS)
    if index.file.duplicated().any():
        raise PipelineError(
            "the index lists a file twice", where=where, value=index.file[index.file.duplicated()].iloc[0]
        )
    named = index.pipe_class.fillna("")
    unknown = sorted(set(named) - set(_CLASSES) - {""})
    if unknown:
        raise PipelineError("unknown class in the index", where=where, value=unknown, allowed=", ".join(_CLASSES))
    source = index.best_z_source.fillna("").astype(str)
    inspected = source.str.extract(r"class_person=(\d+)")[0].map(_INSPECTED)
    kind = inspected.fillna(named.map({**_CLASSES, "": ""})).to_numpy(dtype=object)
    z = index.best_z.to_numpy(dtype=np.float64)
    listed = (named == "QSO").to_numpy() & np.isfinite(z)
    kind[(kind == "quasar") & ~np.isfinite(z)] = ""
    found = index.reset_index(drop=True).assign(
        kind=kind,
        z_reference=np.where((kind == "quasar") | listed, z, np.nan),
        as_listed=listed,
        independent=source.str.contains(_INDEPENDENT).to_numpy(),
        half=half_of(index.object),
        group=np.unique(index.object.astype(str), return_inverse=True)[1],
    )
    return found


def evaluate(index: pd.DataFrame, columns: Mapping[str, np.ndarray], resampling: Resampling, half: str | None) -> dict:
    """Return the report on redshifts of the spectra of an index, JSON-ready.

    Parameters
    ----------
    index : DataFrame
        From `read_index`; a row whose file could not be read as a spectrum has a NaN redshift, and counts as missed.
    columns : mapping
        Combined redshifts (N, ...) of its rows, as `learn.redshift_combination.apply` gives them.
    half : "a", "b" or None
        None: both.

    Raises
    ------
    PipelineError
        Columns and index differ in length, or no quasar is left.
    """
    if len(columns["z"]) != len(index):
        raise PipelineError("redshifts and index differ in length", value=f"{len(columns['z'])} and {len(index)}")
    rows = np.ones(len(index), dtype=bool) if half is None else (index.half == half).to_numpy()
    part = index[rows].reset_index(drop=True)
    if not (part.kind == "quasar").any():
        raise PipelineError("no quasar with a trusted redshift is left", where=f"half {half}")
    counts = {
        name: {"spectra": int((part.kind == name).sum()), "objects": int(part.object[part.kind == name].nunique())}
        for name in ("quasar", "galaxy", "star", "sky")
    }
    chosen = {name: np.asarray(values)[rows] for name, values in columns.items()}
    return {
        "half": half or "both",
        "filter": {"quasars": FILTER, "as_listed": AS_LISTED},
        "confidence": resampling.confidence,
        "spectra": counts,
        "nothing_claimed_between": list(NOTHING_CLAIMED),
        "estimators": {name: _one(part, answer(chosen, name), resampling) for name in estimators(chosen)},
    }


def _one(part: pd.DataFrame, given: pd.DataFrame, resampling: Resampling) -> dict:
    quasar, flagged = (part.kind == "quasar").to_numpy(), given.flagged.to_numpy()
    dv = velocity_difference(given.z, part.z_reference)
    right = np.abs(dv) < RIGHT_KM_S
    group, confidence = part.group.to_numpy(), resampling.confidence

    def share(rows: np.ndarray) -> dict:
        return {
            **accuracy(dv[rows], group[rows], resampling),
            "flagged": counted(int((rows & flagged).sum()), int(rows.sum()), confidence),
            "unflagged": accuracy(dv[rows & ~flagged], group[rows & ~flagged], resampling),
            "unflagged_failures": int((rows & ~right & ~flagged).sum()),
        }

    independent = part.independent.to_numpy()
    reference = part.z_reference.to_numpy()
    quasars = given[quasar]
    return {
        "quasars": share(quasar),
        "as_listed": share(part.as_listed.to_numpy()),
        "inspected_or_dr16q": share(quasar & independent),
        "other_references": share(quasar & ~independent),
        "by_survey": {str(name): share(quasar & (part.survey == name).to_numpy()) for name in sorted(set(part.survey))},
        "by_redshift": [
            {"lower": low, "upper": high, "nothing_claimed": (low, high) == NOTHING_CLAIMED,
             **share(quasar & (reference >= low) & (reference < high))}
            for low, high in zip(_EDGES[:-1], _EDGES[1:], strict=True)
        ],
        "others_unflagged": unflagged_others(part.kind.to_numpy(), flagged, confidence),
        "pulls": pulls(quasars.z.to_numpy(), quasars.z_err.to_numpy(), reference[quasar], confidence),
        "failure_probability": failure_probability(
            given.p_wrong.to_numpy()[part.kind != ""], (right & quasar)[part.kind != ""], 5, confidence
        ),
        "failures": _listed(part, given, dv, quasar & ~right),
        "others_listed": _listed(part, given, dv, np.isin(part.kind, ("galaxy", "star", "sky")) & ~flagged),
        "pairs": pairs(part, given),
    }  # fmt: skip


def pairs(part: pd.DataFrame, given: pd.DataFrame) -> dict:
    """Return for objects with several spectra whether their redshifts agree (6000 km/s) or the difference is flagged.

    Every two spectra of a quasar are a pair, across surveys and within one. Keys: `pairs`, `agree`,
    `differ_with_a_flag`, `differ_without`, `across_surveys` (the same counts), `differing` (the objects).
    """
    rows, differing = [], []
    quasar = part.kind == "quasar"
    for name, members in part[quasar].groupby("object", sort=True):
        places = members.index.tolist()
        for number, first in enumerate(places):
            for second in places[number + 1 :]:
                alike = bool(near(given.z[first], given.z[second]))
                noted = bool(given.flagged[first] | given.flagged[second])
                rows.append((part.survey[first] != part.survey[second], alike, noted))
                if not alike:
                    z = [_number(given.z[place]) for place in (first, second)]
                    differing.append({"object": str(name), "z": z, "flagged": noted})

    def count(chosen: list) -> dict:
        return {
            "pairs": len(chosen),
            "agree": sum(alike for _, alike, _ in chosen),
            "differ_with_a_flag": sum(noted and not alike for _, alike, noted in chosen),
            "differ_without": sum(not noted and not alike for _, alike, noted in chosen),
        }

    return {**count(rows), "across_surveys": count([row for row in rows if row[0]]), "differing": differing}


def _listed(part: pd.DataFrame, given: pd.DataFrame, dv: np.ndarray, rows: np.ndarray) -> list[dict]:
    return [
        {
            "file": str(part.file[place]),
            "object": str(part.object[place]),
            "kind": str(part.kind[place]),
            "best_z": _number(part.best_z[place]),
            "reference": "" if pd.isna(part.best_z_source[place]) else str(part.best_z_source[place]),
            "z": _number(given.z[place]),
            "z_second": _number(given.z_second[place]),
            "dv": _number(dv[place]),
            "sn_median": _number(part.sn_median_all[place]),
            "p_wrong": _number(given.p_wrong[place]),
            "flagged": bool(given.flagged[place]),
        }
        for place in np.flatnonzero(rows).tolist()
    ]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def folds_of(objects: Iterable[str], folds: int) -> np.ndarray:
    """Return the fold (N,) of objects by name, from another byte of the hash than the half: for fine-tuning.

    Spectra of one object are in one fold, whatever the order or the number of the spectra.
    """
    digests = [hashlib.sha256(str(name).encode()).digest() for name in objects]
    return np.array([int.from_bytes(digest[1:5], "big") % folds for digest in digests], dtype=np.int64)
