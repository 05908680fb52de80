"""Folds by group, and AUC with its interval: known answers, planted differences, and none."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.assess import crossvalidation as cv
from pipeline.assess.classifiers import classifier
from pipeline.errors import PipelineError


def test_folds_keep_groups_whole_and_hold_both_classes():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 60, 900)
    labels = rng.random(900) < 0.1
    fold = cv.folds_of(labels, group, 5, 1)
    assert all(len(np.unique(fold[group == value])) == 1 for value in np.unique(group))
    positives = np.bincount(fold, weights=labels)
    assert positives.min() >= 0.7 * positives.mean()
    assert (fold == cv.folds_of(labels, group, 5, 1)).all()
    order = rng.permutation(900)
    assert (cv.folds_of(labels[order], group[order], 5, 1) == fold[order]).all()
    with pytest.raises(PipelineError, match="both classes"):
        cv.folds_of(np.arange(10) < 2, np.arange(10), 5, 1)


def test_auc_of_one_fold_is_that_of_scikit_learn_and_copies_are_repeated_rows():
    rng = np.random.default_rng(1)
    labels = rng.random(200) < 0.3
    scores = np.round(labels + rng.normal(size=200), 1)
    one = np.zeros(200, dtype=int)
    assert cv.auc_within_folds(labels, scores, one, np.ones(200)) == pytest.approx(roc_auc_score(labels, scores))
    copies = rng.integers(0, 3, 200).astype(float)
    rows = np.repeat(np.arange(200), copies.astype(int))
    assert cv.auc_within_folds(labels, scores, one, copies) == pytest.approx(roc_auc_score(labels[rows], scores[rows]))


def test_scores_of_different_folds_are_not_compared():
    labels = np.array([1, 0, 1, 0], dtype=bool)
    fold = np.array([0, 0, 1, 1])
    shifted = np.array([0.9, 0.1, 10.9, 10.1])
    assert cv.auc_within_folds(labels, shifted, fold, np.ones(4)) == 1.0
    assert roc_auc_score(labels, shifted) == 0.75


OPTIONS = dict(folds=5, bootstrap=200, confidence=0.95, seed=2)


@pytest.mark.parametrize("kind", ["forest", "logistic"])
def test_a_planted_difference_is_found_and_groups_carry_none(kind):
    rng = np.random.default_rng(3)
    cell = rng.integers(0, 80, 800)
    labels = rng.random(800) < 0.4
    features = rng.normal(size=(800, 12)) + rng.normal(size=(80, 12))[cell]  # cells differ much
    features[rng.random(features.shape) < 0.02] = np.nan
    nothing = cv.told_apart(labels, features, cell, scorer=classifier(kind, 60, 2), **OPTIONS)
    assert nothing["low"] <= 0.5 <= nothing["high"] and nothing["groups"] == 80
    features[:, 3] += 0.8 * labels
    planted = cv.told_apart(labels, features, cell, scorer=classifier(kind, 60, 2), **OPTIONS)
    assert planted["low"] > 0.55
    assert planted == cv.told_apart(labels, features, cell, scorer=classifier(kind, 60, 2), **OPTIONS)


def test_too_few_objects_are_said_to_be_so():
    scorer = classifier("logistic", 60, 2)
    found = cv.told_apart(np.arange(12) < 2, np.zeros((12, 2)), np.arange(12), scorer=scorer, **OPTIONS)
    assert found["auc"] is None and (found["positives"], found["negatives"]) == (2, 10)


def test_the_interval_of_equal_classes_holds_one_half_as_often_as_it_says():
    rng = np.random.default_rng(7)
    held = 0
    options = {**OPTIONS, "bootstrap": 100}
    for _ in range(40):
        cell = rng.integers(0, 50, 250)
        features = rng.normal(size=(250, 6)) + rng.normal(size=(50, 6))[cell]
        found = cv.told_apart(rng.random(250) < 0.5, features, cell, scorer=classifier("logistic", 60, 2), **options)
        held += found["low"] <= 0.5 <= found["high"]
    assert held >= 34  # 38 expected, standard deviation 1.4


def test_the_interval_of_a_difference_holds_what_training_sets_of_this_size_reach():
    rng = np.random.default_rng(8)

    def sample(n, cells):
        cell = rng.integers(0, cells, n)
        labels = rng.random(n) < 0.5
        features = rng.normal(size=(n, 6)) + rng.normal(size=(cells, 6))[cell]
        features[:, 3] += 1.5 * labels
        return labels, features, cell

    scorer = classifier("logistic", 60, 2)
    reached = []
    for _ in range(100):
        (labels, features, _), (new_labels, new_features, _) = sample(200, 40), sample(1000, 200)
        reached.append(roc_auc_score(new_labels, scorer(features, labels, new_features)))
    truth, held = np.mean(reached), 0
    assert 0.7 < truth < 0.8
    for _ in range(40):
        found = cv.told_apart(*sample(250, 50), scorer=scorer, **{**OPTIONS, "bootstrap": 100})
        held += found["low"] <= truth <= found["high"]
    assert held >= 34


def test_intervals_stay_within_zero_and_one():
    labels, fold = np.arange(40) % 2 == 0, np.arange(40) // 2 % 2
    found = cv.auc(labels, labels * 1.0, fold, np.arange(40), bootstrap=50, confidence=0.95, seed=1)
    assert found["auc"] == found["high"] == 1 and found["low"] == pytest.approx(1 - 0.5 / 200)
    noisy = labels + np.random.default_rng(9).normal(size=40) / 3
    found = cv.auc(labels, noisy, fold, np.arange(40), bootstrap=50, confidence=0.95, seed=1)
    assert 0.8 < found["low"] < found["auc"] < 1 and found["auc"] <= found["high"] <= 1
    assert cv.widened(0.6, 0.5, 0.8) == pytest.approx((0.6 - 0.1 * 2**0.5, 0.6 + 0.2 * 2**0.5))


def test_groups_of_one_object_are_dealt_to_folds_with_both_classes():
    labels = np.arange(344) < 148
    fold = cv.folds_of(labels, np.arange(344), 5, 3)
    assert np.bincount(fold, weights=labels).max() - np.bincount(fold, weights=labels).min() <= 1
    assert np.bincount(fold).max() - np.bincount(fold).min() <= 1
