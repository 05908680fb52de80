"""Are planted lenses that stand in no list found? The candidates and their grades against the truth."""

import numpy as np
import pandas as pd

from pipeline.assess.metrics import share
from pipeline.assess.rounds import members_of
from pipeline.data import sky


def with_truth(candidates: pd.DataFrame, truth: pd.DataFrame, arc_arcsec: float) -> pd.DataFrame:
    """Return the candidates with what they truly are: `true` is "lens", "faint lens" or a kind of non-lens.

    A candidate is a lens where one of its members is a lens, or an arc that is catalogued as a source: it stands for
    the nearest lens within `arc_arcsec`. It is faint where the features of the lens cannot be seen. `true_listed` bool,
    `true_system` int64 (-1: no lens).
    """
    truth = _arcs_as_lenses(truth, arc_arcsec)
    members = members_of(candidates).merge(truth, on="object_id", how="left", suffixes=("", "_truth"))
    members["lens"] = members["is_lens"].astype("boolean").fillna(False).astype(bool)
    members["seen"] = members["lens"] & members["visible"].astype("boolean").fillna(False).astype(bool)
    ranked = members.sort_values(["row", "seen", "lens"], ascending=[True, False, False], kind="stable")
    first = ranked.drop_duplicates("row").set_index("row").reindex(range(len(candidates)))
    own = members.drop_duplicates("row").set_index("row").reindex(range(len(candidates)))
    kind = np.where(first["lens"], np.where(first["seen"], "lens", "faint lens"), own["kind"].fillna("unknown"))
    return candidates.assign(
        true=kind.astype(object),
        true_listed=(first["lens"] & first["listed"].astype("boolean").fillna(False).astype(bool)).to_numpy(),
        true_system=np.where(first["lens"], first["system"].fillna(-1), -1).astype(np.int64),
    )


def _arcs_as_lenses(truth: pd.DataFrame, arc_arcsec: float) -> pd.DataFrame:
    """Return the truth with what is said of the nearest lens in the rows of arcs that are catalogued as sources."""
    arc = truth["catalogued_arc"].to_numpy(dtype=bool)
    lens = np.flatnonzero(truth["is_lens"].to_numpy(dtype=bool) & ~arc)
    at, of = truth[arc], truth.iloc[lens]
    index, _ = sky.nearest(at["ra"], at["dec"], of["ra"], of["dec"], arc_arcsec)
    rows, source = np.flatnonzero(arc)[index >= 0], lens[index[index >= 0]]
    told = truth.copy()
    for name in ("is_lens", "visible", "listed", "system"):
        values = truth[name].to_numpy().copy()
        values[rows] = values[source]
        told[name] = values
    return told


def unlisted_in_catalogue(catalogue_ids: np.ndarray, truth: pd.DataFrame) -> pd.DataFrame:
    """Return the catalogued lenses with visible features that stand in no list, one row a system: rows of the truth."""
    chosen = truth["object_id"].isin(catalogue_ids) & truth["is_lens"].astype(bool) & truth["visible"].astype(bool)
    chosen &= ~truth["listed"].astype(bool) & ~truth["catalogued_arc"].astype(bool)
    return truth[chosen].sort_values("object_id", kind="stable").drop_duplicates("system")


def enrichment(told: pd.DataFrame, planted: pd.DataFrame, objects: int, confidence: float) -> list[dict]:
    """Return how much more frequent unlisted lenses are among new candidates than in the catalogue, JSON-ready.

    Parameters
    ----------
    told : DataFrame
        From `with_truth`.
    planted : DataFrame
        From `unlisted_in_catalogue`.
    objects : int
        Objects in the catalogue.
    confidence : float

    Returns
    -------
    list of dict
        Rows `of` ("candidates", "graded", "grade A", ...): `k` unlisted lenses among `n` that are not known, the share
        with its interval, `ratio` to the share in the catalogue with its interval (`ratio_low`, `ratio_high`), and
        `completeness`: the share of all unlisted lenses that are among them.
    """
    background = len(planted) / objects if objects else 0.0
    new = ~told["known"].to_numpy(dtype=bool)
    parts = {"candidates": new, "graded": new & told["graded"].to_numpy(dtype=bool)}
    for grade in ("A", "B", "C"):
        parts[f"grade {grade}"] = parts["graded"] & (told["grade"] == grade).to_numpy()
    parts["grades A to C"] = parts["graded"] & (told["grade"] != "").to_numpy()
    wanted = set(planted["system"].tolist())
    rows = []
    for name, mask in parts.items():
        systems = told["true_system"][mask & (told["true"] == "lens").to_numpy()]
        hits = systems[systems.isin(wanted)]
        row = {"of": name, **share(len(hits), int(mask.sum()), confidence)}
        for key, source in (("ratio", "value"), ("ratio_low", "low"), ("ratio_high", "high")):
            row[key] = row[source] / background if background and row[source] is not None else None
        row["completeness"] = share(hits.nunique(), len(planted), confidence)
        rows.append(row)
    return rows


def purity(told: pd.DataFrame, confidence: float) -> list[dict]:
    """Return for each grade how many of its candidates are lenses in truth, and what the others are, JSON-ready."""
    rows = []
    graded = told[told["graded"].astype(bool)]
    for grade in ("A", "B", "C", ""):
        part = graded[graded["grade"] == grade]
        lens = part["true"].isin(["lens", "faint lens"])
        kinds = part["true"][~lens].value_counts().sort_index()
        others = {str(kind): int(number) for kind, number in kinds.items()}
        row = {"grade": grade or "rejected", **share(int(lens.sum()), len(part), confidence), "others": others}
        rows.append({**row, "faint": int((part["true"] == "faint lens").sum())})
    return rows
