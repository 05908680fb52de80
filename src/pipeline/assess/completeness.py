"""Completeness: by property of the lens, and against the number of images that people inspect."""

import numpy as np

from pipeline.assess.metrics import Curve, share


def by_bin(values: np.ndarray, found: np.ndarray, edges: list[float], confidence: float) -> dict:
    """Return the share of lenses found in bins of a property, JSON-ready.

    Parameters
    ----------
    values : (n,) float
        The property of each lens; NaN is unknown.
    found : (n,) bool
    edges : list
        Rising; a bin holds its lower edge, the last one also its upper edge.
    confidence : float

    Returns
    -------
    dict
        `bins`: rows `from`, `to`, `value`, `low`, `high`, `k`, `n`; `outside`: lenses in no bin.
    """
    values, found = np.asarray(values, dtype=np.float64), np.asarray(found).astype(bool)
    place = np.searchsorted(edges, values, side="right") - 1
    place[values == edges[-1]] = len(edges) - 2
    place[np.isnan(values)] = -1
    rows = []
    for number, (low, high) in enumerate(zip(edges, edges[1:], strict=False)):
        here = place == number
        rows.append({"from": low, "to": high, **share(int(found[here].sum()), int(here.sum()), confidence)})
    inside = (place >= 0) & (place < len(edges) - 1)
    return {"bins": rows, "outside": int((~inside).sum())}


def inspected(curve: Curve, expected_share: float, minimum: int, confidence: float) -> dict:
    """Return completeness against the number inspected, here and in a survey with fewer lenses (Stein 2021, Figure 5).

    Inspected are all objects above a threshold. With recall R and false-positive rate F at that threshold, a survey in
    which the share s of objects are lenses shows the share s R + (1 - s) F of its objects, of which s R / (...) are
    lenses (Huang et al. 2021, Section 4). Where F stands for fewer than `minimum` false positives, this is no
    measurement, and `measurable` is false.

    Returns
    -------
    dict
        Lists over the thresholds at which a lens is found: `number`, `completeness`, `low`, `high`,
        `inspected_share` (at the expected share of lenses), `expected_purity`, `measurable`; and `expected_share`.
    """
    step = np.flatnonzero(np.diff(curve.found, prepend=0.0) > 0)
    recall, false_rate = curve.recall[step], curve.false_positive_rate[step]
    shown = expected_share * recall + (1 - expected_share) * false_rate
    intervals = [share(int(k), int(curve.lenses), confidence) for k in curve.found[step]]
    return {
        "expected_share": expected_share,
        "number": (curve.found + curve.false)[step].tolist(),
        "completeness": recall.tolist(),
        "low": [row["low"] for row in intervals],
        "high": [row["high"] for row in intervals],
        "inspected_share": shown.tolist(),
        "expected_purity": (expected_share * recall / shown).tolist(),
        "measurable": (curve.false[step] >= minimum).tolist(),
    }


def reliability(labels: np.ndarray, probability: np.ndarray, bins: int, confidence: float) -> dict:
    """Return how often objects are lenses, against the probability they were given, JSON-ready.

    Parameters
    ----------
    labels : (N,) bool
    probability : (N,) float
    bins : int
        Bins of equal numbers of objects in the order of the probability; equal probabilities share a bin.
    confidence : float

    Returns
    -------
    dict
        `bins`: rows `probability` (mean), `value`, `low`, `high`, `k`, `n`; `brier`: mean squared difference.
    """
    labels, probability = np.asarray(labels).astype(bool), np.asarray(probability, dtype=np.float64)
    order = np.argsort(probability, kind="stable")
    cuts = np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1]) if len(order) else []
    place = np.searchsorted(np.unique(cuts), probability, side="right")
    rows = []
    for number in np.unique(place):
        here = place == number
        counted = share(int(labels[here].sum()), int(here.sum()), confidence)
        rows.append({"probability": float(probability[here].mean()), **counted})
    return {"bins": rows, "brier": float(np.mean((probability - labels) ** 2)) if len(labels) else None}


def score_histogram(labels: np.ndarray, scores: np.ndarray, object_id: np.ndarray, top: list[int], bins: int) -> dict:
    """Return how many lenses and others got which score, JSON-ready (Stein et al. 2021, Figure 5, left).

    Parameters
    ----------
    labels : (N,) bool
    scores : (N,) float
        Logits.
    object_id : (N,) int64
        Equal scores are ordered by it.
    top : list of int
        For each, the score of the last object among so many.
    bins : int
        Of equal width, from the lowest score to the highest.

    Returns
    -------
    dict
        `edges` (bins + 1,), `lenses` and `others` (bins,), `top`: rows `first`, `score`.
    """
    labels, scores = np.asarray(labels).astype(bool), np.asarray(scores, dtype=np.float64)
    edges = np.histogram_bin_edges(scores, bins)
    ordered = scores[np.lexsort((object_id, -scores))]
    return {
        "edges": edges.tolist(),
        "lenses": np.histogram(scores[labels], edges)[0].tolist(),
        "others": np.histogram(scores[~labels], edges)[0].tolist(),
        "top": [{"first": n, "score": float(ordered[n - 1])} for n in top if n <= len(ordered)],
    }
