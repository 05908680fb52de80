"""Paired differences against a brute-force bootstrap with scikit-learn on repeated rows."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from pipeline.assess import compare, resampling


def example(n=400, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.15
    system = np.where(rng.random(n) < 0.2, np.arange(n) - 1, np.arange(n))
    scores = {"good": labels * 1.5 + rng.normal(size=n), "poor": labels * 0.5 + rng.normal(size=n)}
    return labels, scores, system


def test_difference_and_interval_equal_brute_force():
    labels, scores, system = example()
    found = compare.compare(
        labels, scores, system, [("good", "poor")], rates=[0.1], minimum=5, bootstrap=300, confidence=0.9, seed=3
    )
    gaps = []
    for copies in resampling.draws(labels, system, 300, 3, "compare"):
        rows = np.repeat(np.arange(len(labels)), copies.astype(int))
        gaps.append(
            average_precision_score(labels[rows], scores["good"][rows])
            - average_precision_score(labels[rows], scores["poor"][rows])
        )
    row = found["pairs"][0]["average_precision"]
    assert row["difference"] == pytest.approx(
        average_precision_score(labels, scores["good"]) - average_precision_score(labels, scores["poor"])
    )
    low, high = np.quantile(gaps, [0.05, 0.95])
    assert row["low"] == pytest.approx(low) and row["high"] == pytest.approx(high)
    assert row["above_zero"] == pytest.approx(np.mean(np.array(gaps) > 0))
    assert found["pairs"][0]["recovery at 0.1"]["measurable"] is True


def test_equal_models_differ_by_nothing_and_opposite_pairs_mirror():
    labels, scores, system = example()
    scores = {**scores, "copy": scores["good"]}
    options = dict(rates=[0.1], minimum=5, bootstrap=100, confidence=0.95, seed=3)
    pairs = [("good", "copy"), ("good", "poor"), ("poor", "good")]
    same, forth, back = compare.compare(labels, scores, system, pairs, **options)["pairs"]
    assert same["average_precision"]["low"] == same["average_precision"]["high"] == 0
    assert forth["average_precision"]["low"] == pytest.approx(-back["average_precision"]["high"])


def test_weights_select_objects_and_rates_of_few_are_not_measurable():
    labels, scores, system = example()
    kept = np.arange(len(labels)) < 250
    options = dict(rates=[0.1], minimum=25, bootstrap=100, confidence=0.95, seed=3)
    weighted = compare.compare(labels, scores, system, [("good", "poor")], weights=kept.astype(float), **options)
    part = {name: values[kept] for name, values in scores.items()}
    alone = compare.compare(labels[kept], part, system[kept], [("good", "poor")], **options)
    assert weighted == alone
    assert alone["objects"] == 250 and not alone["pairs"][0]["recovery at 0.1"]["measurable"]


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """80 samples from a known model: the difference in a large sample lies in the 90 % interval in 90 % of them."""
    rng = np.random.default_rng(5)

    def draw(n):
        labels = rng.random(n) < 0.15
        common = rng.normal(size=n)
        first = labels * 1.4 + common + rng.normal(size=n)
        return labels, {"a": first, "b": labels * 1.0 + common + rng.normal(size=n)}, np.arange(n)

    labels, scores, _ = draw(200_000)
    truth = average_precision_score(labels, scores["a"]) - average_precision_score(labels, scores["b"])
    covered = 0
    for _ in range(80):
        labels, scores, system = draw(400)
        found = compare.compare(
            labels, scores, system, [("a", "b")], rates=[0.1], minimum=1, bootstrap=100, confidence=0.9, seed=1
        )
        row = found["pairs"][0]["average_precision"]
        covered += row["low"] <= truth <= row["high"]
    assert 63 <= covered <= 79  # 72 expected, standard deviation 2.7
