"""Measures of a ranking against scikit-learn, statsmodels' formulas and brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as reference

from pipeline.assess import metrics
from pipeline.errors import PipelineError


def example(n, seed, ties=True):
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.2
    labels[:2] = True, False
    scores = labels + rng.normal(size=n)
    return labels, np.round(scores, 1) if ties else scores, rng.integers(0, 4, n).astype(float)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ties", [True, False])
def test_areas_equal_those_of_scikit_learn_with_and_without_weights(seed, ties):
    labels, scores, weights = example(300, seed, ties)
    order = metrics.Order(labels, scores)
    for weight in (None, weights):
        curve = order.curve(weight)
        assert metrics.average_precision(curve) == pytest.approx(
            reference.average_precision_score(labels, scores, sample_weight=weight), abs=1e-12
        )
        assert metrics.area_under_roc(curve) == pytest.approx(
            reference.roc_auc_score(labels, scores, sample_weight=weight), abs=1e-12
        )


def test_copies_are_the_same_as_repeated_rows():
    labels, scores, weights = example(120, 3)
    weights[0] = weights[1] = 2
    repeated = np.repeat(np.arange(120), weights.astype(int))
    weighted = metrics.Order(labels, scores).curve(weights)
    plain = metrics.Order(labels[repeated], scores[repeated]).curve()
    assert weighted.found.tolist() == plain.found.tolist()
    assert weighted.false.tolist() == plain.false.tolist()
    assert weighted.threshold.tolist() == plain.threshold.tolist()


@settings(max_examples=60, deadline=None)
@given(arrays(np.int64, st.integers(4, 60), elements=st.integers(0, 6)), st.integers(0, 2**16))
def test_recall_at_a_rate_equals_brute_force(scores, seed):
    labels = np.random.default_rng(seed).random(len(scores)) < 0.4
    labels[:2] = True, False
    curve = metrics.Order(labels, scores).curve()
    for rate in (0.01, 0.1, 0.5, 1.0):
        best = 0.0
        for threshold in [*np.unique(scores), np.inf]:
            above = scores >= threshold
            if (above & ~labels).sum() <= rate * (~labels).sum() + 1e-9:
                best = max(best, (above & labels).sum() / labels.sum())
        assert metrics.recall_at(curve, rate) == pytest.approx(best)


def test_recall_at_a_rate_equals_the_roc_curve_of_scikit_learn():
    labels, scores, _ = example(2000, 9, ties=False)
    fpr, tpr, _ = reference.roc_curve(labels, scores)
    curve = metrics.Order(labels, scores).curve()
    for rate in (0.001, 0.01, 0.1):
        assert metrics.recall_at(curve, rate) == pytest.approx(tpr[fpr <= rate].max())


def test_a_rate_with_too_few_false_positives_is_not_measurable():
    labels = np.zeros(1010, dtype=bool)
    labels[:10] = True
    scores = np.arange(1010)[::-1].astype(float)
    curve = metrics.Order(labels, scores).curve()
    row = metrics.recovery(curve, 0.01, 20, 0.95)
    assert row["measurable"] is False and row["value"] is None
    assert row["n"] == 10 and row["others"] == 1000 and row["false_positives"] == 10
    row = metrics.recovery(curve, 0.02, 20, 0.95)
    assert row["measurable"] is True and (row["k"], row["n"], row["false_positives"]) == (10, 10, 20)
    assert row["threshold"] == 1009 - 29


def test_wilson_interval_equals_its_formula():
    row = metrics.share(37, 120, 0.95)
    z, p, n = 1.959963984540054, 37 / 120, 120
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert row["low"] == pytest.approx(centre - half) and row["high"] == pytest.approx(centre + half)
    assert metrics.share(0, 0, 0.95) == {"value": None, "low": None, "high": None, "k": 0, "n": 0}


def test_first_n_breaks_ties_by_id():
    labels = np.array([0, 1, 1, 0])
    scores = np.array([1.0, 1.0, 1.0, 5.0])
    ids = np.array([30, 10, 20, 40])
    assert metrics.lenses_in_top(labels, scores, ids, 1) == 0
    assert metrics.lenses_in_top(labels, scores, ids, 2) == 1
    assert metrics.lenses_in_top(labels, scores, np.array([1, 10, 20, 40]), 2) == 0
    assert metrics.lenses_in_top(labels, scores, ids, 99) == 2


@pytest.mark.parametrize("ties", [True, False])
def test_thinned_curves_keep_their_areas(ties):
    labels, scores, _ = example(500, 11, ties)
    curve = metrics.Order(labels, scores).curve()
    roc = metrics.roc_points(curve)
    assert np.trapezoid(roc["recall"], roc["false_positive_rate"]) == pytest.approx(metrics.area_under_roc(curve))
    assert (roc["false_positive_rate"][0], roc["recall"][0]) == (0, 0)
    assert (roc["false_positive_rate"][-1], roc["recall"][-1]) == (1, 1)
    assert len(roc["recall"]) < len(curve.threshold)
    points = metrics.precision_recall_points(curve)
    area = np.sum(np.diff(points["recall"], prepend=0) * np.array(points["precision"]))
    assert area == pytest.approx(metrics.average_precision(curve))


def test_bad_input_is_named():
    with pytest.raises(PipelineError, match="not finite"):
        metrics.Order(np.array([True, False]), np.array([1.0, np.nan]))
    with pytest.raises(PipelineError, match="0 lenses among 3"):
        metrics.Order(np.zeros(3), np.arange(3.0))
