"""Who is judged: objects of the judged sky, lenses and non-lenses by the truth of a simulated survey or by labels.

With a truth, the target is every lens whose features can be seen, also those that stand in no list. Neither lens nor
non-lens are lenses whose features cannot be seen, arcs that are catalogued as sources of their own, and objects within
the exclusion radius of a lens. Without a truth, the targets are the known lenses graded clear, and among the non-lenses
stand lenses that nobody has found.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.data import sky
from pipeline.data.flags import bit
from pipeline.errors import PipelineError
from pipeline.labels import splits

if TYPE_CHECKING:
    import pandas as pd

TARGET_OF_TRUTH = "simulated lenses whose features can be seen, listed or not"
TARGET_OF_LABELS = "known lenses graded clear; lenses that nobody has found count as non-lenses"


@dataclass(frozen=True)
class Judged:
    """The judged objects.

    Attributes
    ----------
    table : DataFrame
        Sorted by object_id: the catalogue's columns, `is_lens` bool, `system` int64 (unit of resampling) and, with a
        truth, its columns (NaN, "" or False where they do not apply).
    excluded : dict
        Reason -> number of objects.
    target : str
        What counts as a lens, in words.
    label : str
        A remark that every figure must carry; "" for none.
    """

    table: "pd.DataFrame"
    excluded: dict[str, int]
    target: str
    label: str

    @property
    def summary(self) -> dict:
        """JSON-ready: `objects`, `lenses`, `others`, `unlisted`, `share_text`, `target`, `excluded`, `label`."""
        lenses, objects = int(self.table["is_lens"].sum()), len(self.table)
        unlisted = None
        if "listed" in self.table:
            unlisted = int((self.table["is_lens"] & ~self.table["listed"]).sum())
        return {
            "objects": objects,
            "lenses": lenses,
            "others": objects - lenses,
            "unlisted": unlisted,
            "share_text": share_text(lenses, objects),
            "target": self.target,
            "excluded": self.excluded,
            "label": self.label,
        }


def share_text(lenses: int, objects: int) -> str:
    """Return the share of lenses in words, e.g. "1 lens in 41 objects"."""
    return f"1 lens in {objects / lenses:.0f} objects" if lenses else f"no lens among {objects} objects"


def select(
    catalogue: "pd.DataFrame",
    split: "pd.DataFrame",
    labels: "pd.DataFrame",
    truth: "pd.DataFrame | None",
    *,
    which: str,
    exclusion_arcsec: float,
    duplicate_arcsec: float,
) -> Judged:
    """Return the judged objects of a catalogue.

    Parameters
    ----------
    catalogue : DataFrame
        `object_id`, `ra`, `dec` (degrees), `flags` and whatever columns the caller needs.
    split : DataFrame
        As `labels.splits.deal` returns it.
    labels : DataFrame
        `object_id`, `label`, `known_ra`, `known_dec`; used without a truth.
    truth : DataFrame or None
        Truth of a simulated survey, a row an object.
    which : str
        Name of the set.
    exclusion_arcsec, duplicate_arcsec : float

    Raises
    ------
    PipelineError
        An object of a simulated survey has no truth.
    """
    sets = splits.assign_as_dealt(catalogue["ra"], catalogue["dec"], split)
    if splits.is_papers(split) and which != "train":
        chosen = sets == "judge"
    else:
        chosen = sets == which
    table = catalogue[chosen].sort_values("object_id", kind="stable", ignore_index=True)
    if truth is None:
        table, lens_ra, lens_dec, aside = _by_labels(table, labels)
    else:
        table, lens_ra, lens_dec, aside = _by_truth(table, truth)
    excluded = {reason: int(mask.sum()) for reason, mask in aside.items()}
    out = np.logical_or.reduce(list(aside.values()))
    _, separation = sky.nearest(table["ra"], table["dec"], lens_ra, lens_dec, max(exclusion_arcsec, 1e-3))
    near = np.isfinite(separation) & ~table["is_lens"].to_numpy() & ~out
    excluded["near a lens"] = int(near.sum())
    table = table[~(out | near)].reset_index(drop=True)
    repeated = _repeated(table, duplicate_arcsec)
    excluded["the same object in another release"] = int(repeated.sum())
    table = table[~repeated].reset_index(drop=True)
    if truth is None:
        table["system"] = sky.groups(table["ra"], table["dec"], max(exclusion_arcsec, 1e-3))
    label = splits.PAPERS_LABEL if splits.is_papers(split) else ""
    return Judged(table, excluded, TARGET_OF_LABELS if truth is None else TARGET_OF_TRUTH, label)


def _by_truth(table: "pd.DataFrame", truth: "pd.DataFrame"):
    wanted = ["object_id", *(name for name in truth.columns if name not in table.columns)]
    joined = table.merge(truth[wanted], on="object_id", how="left", validate="one_to_one", indicator=True)
    missing = joined.pop("_merge") != "both"
    if missing.any():
        raise PipelineError(
            f"{int(missing.sum())} object(s) of a simulated survey have no truth",
            value=int(joined["object_id"][missing].iloc[0]),
            next="skysieve check RUN, then run snakemake again",
        )
    for name in ("is_lens", "visible", "listed", "catalogued_arc"):
        joined[name] = joined[name].astype(bool)
    arc = joined["catalogued_arc"].to_numpy()
    lens = joined["is_lens"].to_numpy() & ~arc
    visible = joined["visible"].to_numpy()
    joined["is_lens"] = lens & visible
    aside = {"lenses whose features cannot be seen": lens & ~visible, "arcs catalogued as sources": arc}
    primary = truth[truth["is_lens"].astype(bool) & ~truth["catalogued_arc"].astype(bool)]
    return joined, primary["ra"], primary["dec"], aside


def _by_labels(table: "pd.DataFrame", labels: "pd.DataFrame"):
    kinds = ("lens", "unclear", "not_visible", "near")
    of = {kind: set(labels["object_id"][labels["label"] == kind]) for kind in kinds}
    ids = table["object_id"]
    table = table.assign(is_lens=ids.isin(of["lens"]))
    lens = table["is_lens"].to_numpy()
    unclear = (ids.isin(of["unclear"]) | ids.isin(of["not_visible"])).to_numpy() & ~lens
    near = ids.isin(of["near"]).to_numpy() & ~lens & ~unclear
    aside = {"known lenses not graded clear": unclear, "sources beside a known lens": near}
    return table, labels["known_ra"], labels["known_dec"], aside


def _repeated(table: "pd.DataFrame", radius_arcsec: float) -> np.ndarray:
    """Return which rows (N,) repeat an object; within the radius one stays, a lens and an unflagged one first."""
    if not len(table) or radius_arcsec == 0:
        return np.zeros(len(table), dtype=bool)
    group = sky.groups(table["ra"], table["dec"], radius_arcsec)
    flagged = (table["flags"].to_numpy().astype(np.int64) & bit("DUPLICATE")) != 0
    order = np.lexsort((table["object_id"], flagged, ~table["is_lens"].to_numpy(), group))
    later = np.append(False, group[order][1:] == group[order][:-1])
    repeated = np.zeros(len(table), dtype=bool)
    repeated[order] = later
    return repeated


def scores_of(table: "pd.DataFrame", results: dict[str, np.ndarray], *, model: str) -> np.ndarray:
    """Return the scores (N,) float64 of the judged objects from result arrays sorted by object_id.

    Raises
    ------
    PipelineError
        A judged object has no score.
    """
    ids, wanted = results["object_id"], table["object_id"].to_numpy()
    place = np.searchsorted(ids, wanted).clip(max=max(len(ids) - 1, 0))
    found = ids[place] == wanted if len(ids) else np.zeros(len(wanted), dtype=bool)
    if not found.all():
        raise PipelineError(
            f"{int((~found).sum())} judged object(s) have no score of the model {model}",
            value=int(wanted[~found][0]),
            next="skysieve check RUN, then run snakemake again",
        )
    return results["score"][place].astype(np.float64)
