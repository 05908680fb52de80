"""The assessment of one model: its curves, rates and completeness on the judged objects, JSON-ready."""

import numpy as np
import pandas as pd

from pipeline.assess import completeness, metrics
from pipeline.assess.resampling import draws
from pipeline.images.photometry import magnitudes

SCORE_BINS = 40


def found_by(curve: metrics.Curve, rates: list[float], top: list[int], minimum: int) -> tuple[str, float]:
    """Return the rule by which a lens counts as found, in words, and its threshold.

    The lowest measurable false-positive rate; without one, the number inspected that is largest.
    """
    measurable = [rate for rate in sorted(rates) if np.floor(rate * curve.others * (1 + 1e-12)) >= minimum]
    if measurable:
        return f"false-positive rate {measurable[0]:g}", metrics.threshold_at(curve, measurable[0])
    number = max(top)
    every = curve.found + curve.false
    within = np.flatnonzero(every <= number)
    threshold = curve.threshold[within[-1]] if len(within) else np.inf
    return f"first {number} of {curve.lenses + curve.others:.0f}", float(threshold)


def measures(
    table: pd.DataFrame, scores: np.ndarray, probability: np.ndarray | None, judged, ranking, seed: int
) -> dict:
    """Return all measures of one model.

    Parameters
    ----------
    table : DataFrame
        `judged.Judged.table`.
    scores : (N,)
    probability : (N,) or None
        Calibrated, at the share of lenses of the judged objects.
    judged : settings.assess.Judged
    ranking : settings.assess.Ranking
    seed : int
    """
    labels = table["is_lens"].to_numpy()
    ids, system = table["object_id"].to_numpy(), table["system"].to_numpy()
    order = metrics.Order(labels, scores)
    curve = order.curve()
    drawn = [order.curve(copies) for copies in draws(labels, system, judged.bootstrap, seed, "model")]
    areas = {"average_precision": metrics.average_precision, "auc": metrics.area_under_roc}
    found: dict = {}
    for name, measure in areas.items():
        values = np.array([measure(one) for one in drawn])
        low, high = metrics.percentile_interval(values, judged.confidence)
        found[name] = {"value": measure(curve), "low": low, "high": high}
    found["scores"] = completeness.score_histogram(labels, scores, ids, ranking.top, SCORE_BINS)
    minimum, confidence = ranking.minimum_false_positives, judged.confidence
    found["minimum_false_positives"] = minimum
    found["recovery"] = [metrics.recovery(curve, rate, minimum, confidence) for rate in ranking.false_positive_rates]
    found["top"] = [
        {"first": n, **metrics.share(metrics.lenses_in_top(labels, scores, ids, n), min(n, len(ids)), confidence)}
        for n in ranking.top
    ]
    found["roc"] = metrics.roc_points(curve)
    found["precision_recall"] = metrics.precision_recall_points(curve)
    found["inspected"] = completeness.inspected(curve, ranking.expected_share, minimum, confidence)
    rule, threshold = found_by(curve, ranking.false_positive_rates, ranking.top, minimum)
    reached = scores[labels] >= threshold
    lenses = table[labels].assign(mag_r=magnitudes(table["flux_r"].to_numpy()[labels]))
    found["completeness"] = {
        "found_by": rule,
        "by": {
            name: completeness.by_bin(lenses[name].to_numpy(), reached, getattr(ranking.bins, name), confidence)
            for name in ("theta_e", "mag_r", "arc_snr")
            if name in lenses
        },
    }
    if "listed" in table:
        unlisted = ~table["listed"].to_numpy()[labels]
        found["completeness"]["unlisted"] = metrics.share(int(reached[unlisted].sum()), int(unlisted.sum()), confidence)
    if probability is not None:
        found["reliability"] = completeness.reliability(labels, probability, ranking.reliability_bins, confidence)
    return found
