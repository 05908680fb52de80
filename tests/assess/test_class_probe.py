"""The nested probe: penalties chosen within the training folds, no leak from the judged fold."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pipeline.assess import class_probe
from pipeline.assess.crossvalidation import auc_within_folds

OPTIONS = {"max_iterations": 30, "tolerance": 1e-4}


def example(n=240, d=20, strength=1.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.5
    features = rng.normal(size=(n, d)).astype(np.float32)
    features[:, 0] += strength * labels
    return features, labels, rng.integers(0, 60, n)


def test_the_fit_is_that_of_scikit_learn():
    features, labels, _ = example()
    exact = {"l2": 0.05, "max_iterations": 200, "tolerance": 1e-7}
    ours = class_probe.fit_and_score(features[:180], labels[:180], features[180:], **exact)
    scaler = StandardScaler().fit(features[:180])
    model = LogisticRegression(C=1 / (180 * 0.05), tol=1e-10, max_iter=5000)
    theirs = model.fit(scaler.transform(features[:180]), labels[:180]).decision_function(
        scaler.transform(features[180:])
    )
    assert ours == pytest.approx(theirs, abs=2e-3)


def test_many_useless_features_want_a_strong_penalty_and_scores_find_the_signal():
    features, labels, cell = example(d=150, strength=1.5)
    grid = [1e-4, 1.0]
    scores, fold, chosen = class_probe.nested_scores(
        features, labels, cell, grid, folds=4, inner_folds=3, seed=1, **OPTIONS
    )
    assert chosen.count(1.0) >= 3
    assert auc_within_folds(labels, scores, fold, np.ones(len(labels))) > 0.7


def test_labels_of_the_judged_fold_change_nothing_in_its_scores():
    features, labels, cell = example(n=120)
    options = {"folds": 3, "inner_folds": 2, "seed": 1, **OPTIONS}
    scores, fold, _ = class_probe.nested_scores(features, labels, cell, [0.1, 1.0], **options)
    swapped = labels.copy()
    inside = np.flatnonzero(fold == 0)
    # Two labels of one fold change places within a cell's fold: the folds stay as they are.
    one = inside[labels[inside]][0]
    other = (
        next(row for row in inside[~labels[inside]] if cell[row] == cell[one])
        if any(cell[row] == cell[one] for row in inside[~labels[inside]])
        else None
    )
    if other is None:
        pytest.skip("no pair in one cell")
    swapped[[one, other]] = swapped[[other, one]]
    again, fold_again, _ = class_probe.nested_scores(features, swapped, cell, [0.1, 1.0], **options)
    assert (fold_again == fold).all()
    assert (again[inside] == scores[inside]).all() and (again != scores).any()


def test_no_signal_gives_one_half():
    values = []
    for seed in range(5):
        features, labels, cell = example(n=140, strength=0.0, seed=seed)
        scores, fold, _ = class_probe.nested_scores(
            features, labels, cell, [0.1], folds=4, inner_folds=2, seed=1, **OPTIONS
        )
        values.append(auc_within_folds(labels, scores, fold, np.ones(len(labels))))
    assert abs(np.mean(values) - 0.5) < 0.08
