"""How well an order of objects finds the lenses: curves, rates and their intervals, with a weight for each object.

Weights are numbers of copies: 1 everywhere for the sample itself, what was drawn for a bootstrap sample, fractions for
a matched one. Objects with equal scores stand together: no measure depends on the order in which they are given.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.errors import PipelineError


@dataclass(frozen=True)
class Curve:
    """Counts above each threshold, from the highest score down.

    Attributes
    ----------
    threshold : (T,) float64
        The distinct scores, falling.
    found, false : (T,) float64
        Weight of the lenses and of the non-lenses with scores at or above the threshold.
    lenses, others : float
        Total weights.
    """

    threshold: np.ndarray
    found: np.ndarray
    false: np.ndarray
    lenses: float
    others: float

    @property
    def recall(self) -> np.ndarray:
        """Share (T,) of the lenses at or above each threshold: completeness, true-positive rate."""
        return self.found / self.lenses

    @property
    def false_positive_rate(self) -> np.ndarray:
        """Share (T,) of the non-lenses at or above each threshold."""
        return self.false / self.others

    @property
    def precision(self) -> np.ndarray:
        """Share (T,) of lenses among what is at or above each threshold: purity."""
        return self.found / (self.found + self.false)


class Order:
    """Objects sorted once by score, so that many weightings can be measured.

    Parameters
    ----------
    labels : (N,) bool or 0/1
    scores : (N,) float
        The higher, the more like a lens.

    Raises
    ------
    PipelineError
        A score is not finite, or one of the classes is empty.
    """

    def __init__(self, labels: np.ndarray, scores: np.ndarray):
        labels, scores = np.asarray(labels).astype(bool), np.asarray(scores, dtype=np.float64)
        if not np.isfinite(scores).all():
            raise PipelineError("scores are not finite", value=f"{int((~np.isfinite(scores)).sum())} of {len(scores)}")
        if labels.all() or not labels.any():
            raise PipelineError(
                "a ranking is judged by lenses and non-lenses, and one of them is missing",
                value=f"{int(labels.sum())} lenses among {len(labels)} objects",
                next="give the judged set more sky cells (splits), or the run more lenses",
            )
        self._order = np.argsort(-scores, kind="stable")
        ordered = scores[self._order]
        self._is_lens = labels[self._order].astype(np.float64)
        self._last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)  # last object of each distinct score
        self._threshold = ordered[self._last]

    def curve(self, weights: np.ndarray | None = None) -> Curve:
        """Return the counts above each threshold for weights (N,) in the order of the objects given; None: all 1."""
        if weights is None:
            weight = np.ones(len(self._order))
        else:
            weight = np.asarray(weights, dtype=np.float64)[self._order]
        found = np.cumsum(weight * self._is_lens)[self._last]
        every = np.cumsum(weight)[self._last]
        kept = np.diff(every, prepend=0.0) > 0  # thresholds at which something of this weighting stands
        found, every = found[kept], every[kept]
        return Curve(self._threshold[kept], found, every - found, float(found[-1]), float(every[-1] - found[-1]))


def average_precision(curve: Curve) -> float:
    """Return the sum over thresholds of precision times the step in recall (as scikit-learn defines it)."""
    return float(np.sum(np.diff(curve.found, prepend=0.0) * curve.precision) / curve.lenses)


def area_under_roc(curve: Curve) -> float:
    """Return the area under the curve of recall against false-positive rate, by trapezoids (ties count one half)."""
    width = np.diff(curve.false_positive_rate, prepend=0.0)
    recall = curve.recall
    return float(np.sum(width * (recall + np.append(0.0, recall[:-1])) / 2))


def recall_at(curve: Curve, false_positive_rate: float) -> float:
    """Return the largest recall at which the false-positive rate is at most the given one; nothing is interpolated."""
    allowed = curve.false <= false_positive_rate * curve.others * (1 + 1e-12)
    return float(curve.recall[allowed].max(initial=0.0))


def threshold_at(curve: Curve, false_positive_rate: float) -> float:
    """Return the lowest threshold at which the false-positive rate is at most the given one; inf where none is."""
    allowed = curve.false <= false_positive_rate * curve.others * (1 + 1e-12)
    return float(curve.threshold[allowed].min(initial=np.inf))


def lenses_in_top(labels: np.ndarray, scores: np.ndarray, object_id: np.ndarray, n: int) -> int:
    """Count the lenses among the n highest scores; equal scores go by object_id. Arrays (N,)."""
    first = np.lexsort((object_id, -np.asarray(scores, dtype=np.float64)))[:n]
    return int(np.asarray(labels).astype(bool)[first].sum())


def share(k: int, n: int, confidence: float) -> dict:
    """Return k/n with its Wilson interval, JSON-ready: `value`, `low`, `high`, `k`, `n`; None where n is 0."""
    if n == 0:
        return {"value": None, "low": None, "high": None, "k": 0, "n": 0}
    from astropy.stats import binom_conf_interval  # half a second, which stages that count no shares do not pay

    low, high = binom_conf_interval(k, n, confidence_level=confidence, interval="wilson")
    # At k = 0 and k = n rounding may leave the bound a hair inside of the value.
    return {"value": k / n, "low": min(float(low), k / n), "high": max(float(high), k / n), "k": int(k), "n": int(n)}


def recovery(curve: Curve, false_positive_rate: float, minimum: int, confidence: float) -> dict:
    """Return the recall at a false-positive rate, JSON-ready, for a curve without weights.

    `measurable` is false where the rate stands for fewer than `minimum` false positives; numbers are then None.
    `n` is the number of lenses, `others` that of non-lenses, `false_positives` how many the rate allows.
    """
    allowed = int(np.floor(false_positive_rate * curve.others * (1 + 1e-12)))
    row = {"false_positive_rate": false_positive_rate, "others": int(curve.others), "false_positives": allowed}
    if allowed < minimum:
        empty = {"value": None, "low": None, "high": None, "k": None, "n": int(curve.lenses)}
        return {**row, **empty, "threshold": None, "measurable": False}
    found = round(recall_at(curve, false_positive_rate) * curve.lenses)
    threshold = threshold_at(curve, false_positive_rate)
    shown = threshold if np.isfinite(threshold) else None
    return {**row, **share(found, int(curve.lenses), confidence), "threshold": shown, "measurable": True}


def roc_points(curve: Curve) -> dict:
    """Return the corners of the ROC curve, from (0, 0) to (1, 1): lists `false_positive_rate` and `recall`."""
    x, y = np.append(0.0, curve.false), np.append(0.0, curve.found)
    corner = np.ones(len(x), dtype=bool)
    # A point on a straight piece tells nothing.
    corner[1:-1] = np.diff(x)[:-1] * np.diff(y)[1:] != np.diff(y)[:-1] * np.diff(x)[1:]
    return {
        "false_positive_rate": (x[corner] / curve.others).tolist(),
        "recall": (y[corner] / curve.lenses).tolist(),
    }


def precision_recall_points(curve: Curve) -> dict:
    """Return the points of the precision-recall curve at which a lens is found: `recall`, `precision`, `threshold`."""
    step = np.diff(curve.found, prepend=0.0) > 0
    return {
        "recall": curve.recall[step].tolist(),
        "precision": curve.precision[step].tolist(),
        "threshold": curve.threshold[step].tolist(),
    }


def percentile_interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the central interval of bootstrap values (B,)."""
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
