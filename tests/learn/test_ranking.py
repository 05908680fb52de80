"""Counts among the first N and average precision, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from pipeline.errors import PipelineError
from pipeline.learn.ranking import average_precision, number_inspected, true_positives


def test_number_inspected_is_that_of_the_paper():
    """Stein et al. 2021, §3.3.2: 10^4 of about 42.5 million, 4.85 million of which validate: 1139."""
    assert number_inspected(10_000, 42_580_000, 4_850_000) == 1139


@pytest.mark.parametrize(("rows", "expected"), [(1, 1), (10, 1), (26, 3), (1000, 100)])
def test_number_inspected_lies_between_one_and_all(rows, expected):
    assert number_inspected(100, 1000, rows) == expected


def test_no_objects_is_an_error():
    with pytest.raises(PipelineError, match="no objects"):
        number_inspected(1, 1, 0)


def test_true_positives_of_the_first_n_and_ties_in_the_order_of_rows():
    labels = np.array([0, 1, 1, 0, 1])
    scores = np.array([3.0, 2.0, 2.0, 2.0, 1.0])
    assert [true_positives(labels, scores, n) for n in range(1, 6)] == [0, 1, 2, 2, 3]


@pytest.mark.parametrize("levels", [3, 50, 10**6])
def test_average_precision_is_that_of_scikit_learn(levels):
    generator = np.random.default_rng(levels)
    labels = (generator.random(500) < 0.05).astype(np.int64)
    scores = (generator.integers(levels, size=500) + labels * levels * 0.3).astype(np.float32)
    assert average_precision(labels, scores) == pytest.approx(average_precision_score(labels, scores), rel=1e-12)


def test_average_precision_without_positives_is_unknown():
    assert np.isnan(average_precision(np.zeros(3, dtype=int), np.arange(3.0)))
    assert np.isnan(average_precision(np.zeros(0, dtype=int), np.zeros(0)))
