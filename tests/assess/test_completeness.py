"""Completeness by bins, against the number inspected, and reliability."""

import numpy as np
import pytest

from pipeline.assess import completeness
from pipeline.assess.metrics import Order


def test_bins_hold_their_lower_edge_and_the_last_its_upper():
    values = np.array([0.9, 1.0, 1.5, 2.0, 3.0, 3.1, np.nan])
    found = np.array([1, 1, 0, 1, 1, 1, 1])
    rows = completeness.by_bin(values, found, [1.0, 2.0, 3.0], 0.95)
    assert [(row["k"], row["n"]) for row in rows["bins"]] == [(1, 2), (2, 2)]
    assert rows["outside"] == 3
    empty = completeness.by_bin(np.array([]), np.array([]), [1.0, 2.0], 0.95)
    assert empty["bins"][0]["value"] is None and empty["bins"][0]["n"] == 0


def test_a_rarer_survey_is_simulated_by_thinning_its_lenses():
    rng = np.random.default_rng(0)
    others = 400_000
    labels = np.append(np.ones(400, dtype=bool), np.zeros(others, dtype=bool))
    scores = labels * 3 + rng.normal(size=len(labels))
    found = completeness.inspected(Order(labels, scores).curve(), 1e-4, 20, 0.95)
    index = 200
    threshold = np.sort(scores[:400])[::-1][index]
    # The same non-lenses with 40 lenses (1 in 10^4): what people see above this threshold, on the average of draws.
    above = (scores[400:] >= threshold).sum()
    expected = (above + 40 * (index + 1) / 400) / (others + 40)
    assert found["inspected_share"][index] == pytest.approx(expected, rel=1e-3)
    purity = 40 * (index + 1) / 400 / (above + 40 * (index + 1) / 400)
    assert found["expected_purity"][index] == pytest.approx(purity, rel=1e-3)
    assert found["completeness"][index] == pytest.approx((index + 1) / 400)
    assert found["number"][index] == above + index + 1
    assert found["measurable"][index] == (above >= 20)
    assert not found["measurable"][0]


def test_the_example_of_huang_2021_section_4():
    """190 lenses, 6300 non-lenses, recall 0.87 and precision 0.83: purity 1 in 52 where 1 in 10^4 is a lens."""
    labels = np.append(np.ones(190, dtype=bool), np.zeros(6300, dtype=bool))
    scores = np.zeros(6490)
    scores[:165] = 1  # recall 0.87
    scores[190 : 190 + 33] = 1  # 33 non-lenses: precision 0.83
    found = completeness.inspected(Order(labels, scores).curve(), 1e-4, 20, 0.95)
    # The paper's text divides 33 by 6300 and prints 0.00052 for 0.0052; its "1 in 52" follows from 0.0052.
    assert found["completeness"][0] == pytest.approx(0.868, abs=0.001)
    assert 1 / found["expected_purity"][0] == pytest.approx(61, abs=1)


def test_reliability_of_a_calibrated_probability():
    rng = np.random.default_rng(1)
    probability = rng.random(20_000) ** 2
    labels = rng.random(20_000) < probability
    found = completeness.reliability(labels, probability, 10, 0.999)
    assert len(found["bins"]) == 10 and sum(row["n"] for row in found["bins"]) == 20_000
    assert all(row["low"] <= row["probability"] <= row["high"] for row in found["bins"])
    assert found["brier"] == pytest.approx(np.mean((labels - probability) ** 2))
    wrong = completeness.reliability(labels, np.minimum(probability * 2, 1), 10, 0.999)
    assert not all(row["low"] <= row["probability"] <= row["high"] for row in wrong["bins"])
    same = completeness.reliability(labels, np.full(20_000, 0.3), 10, 0.95)
    assert len(same["bins"]) == 1


def test_score_histogram_counts_everyone_and_marks_the_first_n():
    labels = np.array([True, False, False, True, False])
    scores = np.array([3.0, -2.0, 3.0, 0.5, -1.0])
    found = completeness.score_histogram(labels, scores, np.array([9, 1, 2, 3, 4]), [1, 3, 50], 5)
    assert found["edges"] == [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    assert found["lenses"] == [0, 0, 1, 0, 1]
    assert found["others"] == [1, 1, 0, 0, 1]
    assert found["top"] == [{"first": 1, "score": 3.0}, {"first": 3, "score": 0.5}]
