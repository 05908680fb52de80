"""Logistic regression with bounds beside scikit-learn's without."""

import json

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from pipeline.learn.signed_logistic import fit, logit, probability


def drawn(n=4000, slopes=(3.0, 1.0, -2.0), seed=1):
    rng = np.random.default_rng(seed)
    features = {name: rng.random(n) for name in "abc"}
    event = rng.random(n) < expit(-1 + sum(s * x for s, x in zip(slopes, features.values(), strict=True)))
    return features, event


def test_without_a_bound_in_the_way_it_is_that_of_scikit_learn():
    features, event = drawn(slopes=(3.0, 1.0, 0.5))
    model = json.loads(json.dumps(fit(features, event, 2.0, 100.0)))
    peer = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(np.stack(list(features.values()), axis=1), event)
    # Platt's targets are those of the sample to 1 in 1000.
    assert list(model["slopes"].values()) == pytest.approx(peer.coef_[0].tolist(), abs=0.02)
    assert model["intercept"] == pytest.approx(peer.intercept_[0], abs=0.02)


def test_signs_and_the_steepest_slope_hold():
    features, event = drawn()
    model = fit(features, event, 1.0, 2.5)
    assert model["slopes"]["c"] == 0 and model["slopes"]["a"] == 2.5 and 0.5 < model["slopes"]["b"] < 1.5
    assert model["rows"] == 4000 and model["events"] == event.sum()
    more = {**features, "b": features["b"] + 0.1}
    assert (logit(model, more) > logit(model, features)).all()


def test_probabilities_are_those_of_the_sample_at_the_optimum():
    features, event = drawn()
    p = probability(fit(features, event, 1.0, 10.0), features)
    assert p.mean() == pytest.approx(event.mean(), abs=1e-3)


def test_one_kind_alone_has_a_finite_answer():
    features = {"a": np.linspace(0, 1, 30)}
    model = fit(features, np.ones(30, dtype=bool), 1.0, 4.0)
    assert 0.9 < probability(model, features).min() <= probability(model, features).max() < 1
    empty = fit({"a": np.zeros(0)}, np.zeros(0, dtype=bool), 1.0, 4.0)
    assert probability(empty, {"a": np.zeros(2)}).tolist() == [0.5, 0.5]


def test_a_row_has_the_same_bits_in_any_batch():
    features, event = drawn()
    model = fit(features, event, 1.0, 4.0)
    whole = logit(model, features)
    parts = [logit(model, {name: value[at : at + 7] for name, value in features.items()}) for at in range(0, 4000, 7)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
