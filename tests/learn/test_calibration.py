"""Calibration on scores whose true probabilities are known."""

import json

import numpy as np
import pytest
from scipy.special import expit, logit

from pipeline.errors import PipelineError
from pipeline.learn import calibration
from pipeline.learn.calibration import probability, reliability, shift_share

SETTINGS = {"survey_share": None, "bins": 10, "folds": 5, "seed": 1}


def calibrate(scores, labels, **settings):
    return calibration.calibrate(np.arange(len(scores)), scores, labels, **settings)


def drawn(n=40_000, slope=0.5, intercept=-2.0, seed=0):
    """Scores s with P(lens | s) = expit(slope s + intercept)."""
    generator = np.random.default_rng(seed)
    scores = generator.normal(0, 3, n).astype(np.float32)
    return scores, (generator.random(n) < expit(slope * scores + intercept)).astype(np.int8)


@pytest.mark.parametrize(("method", "tolerance"), [("platt", 0.012), ("isotonic", 0.06)])
def test_true_probabilities_come_back(method, tolerance):
    scores, labels = drawn()
    result = json.loads(json.dumps(calibrate(scores, labels, method=method, **SETTINGS)))
    grid = np.linspace(-6, 6, 41)
    np.testing.assert_allclose(probability(result, grid), expit(0.5 * grid - 2), atol=tolerance)
    assert result["objects"] == 40_000 and result["lenses"] == labels.sum()


def test_platt_parameters():
    scores, labels = drawn(200_000)
    curve = calibrate(scores, labels, method="platt", **SETTINGS)["curve"]
    assert curve["slope"] == pytest.approx(0.5, abs=0.01)
    assert curve["intercept"] == pytest.approx(-2, abs=0.03)


def test_probabilities_at_the_share_of_the_survey_are_right_there():
    """Sample with one lens to one non-lens, survey with one to 50: the shifted curve is calibrated in the survey."""
    generator = np.random.default_rng(1)

    def population(lenses, others):
        scores = np.concatenate([generator.normal(1.5, 1, lenses), generator.normal(-1, 1, others)])
        return scores, np.repeat([1, 0], [lenses, others])

    result = calibrate(*population(20_000, 20_000), method="platt", **{**SETTINGS, "survey_share": 1 / 51})
    scores, labels = population(20_000, 1_000_000)
    p = probability(result, scores)
    for row in reliability(labels, p, 20)[-4:]:
        assert row["mean_probability"] == pytest.approx(row["lens_share"], rel=0.1, abs=2e-3)
    assert p.sum() == pytest.approx(labels.sum(), rel=0.05)


def test_shift_of_share_by_bayes_rule():
    # Likelihood ratio 3 at a share of 1/2 is 3:1; at a share of 1/10 it is 3:9.
    assert shift_share(np.array([0.75]), 0.5, 0.1)[0] == pytest.approx(0.25)
    np.testing.assert_array_equal(shift_share(np.array([0.0, 1.0]), 0.5, 0.1), [0, 1])


def test_isotonic_never_says_never_and_never_falls():
    scores, labels = drawn(300)
    result = calibrate(scores, labels, method="isotonic", **SETTINGS)
    p = probability(result, np.linspace(-50, 50, 500))
    assert (np.diff(p) >= 0).all()
    assert p.min() == pytest.approx(1 / 302) and p.max() == pytest.approx(301 / 302)


def test_scores_that_rank_backwards_say_nothing():
    scores, labels = drawn(2000, slope=-1.0)
    result = calibrate(scores, labels, method="platt", **SETTINGS)
    np.testing.assert_allclose(probability(result, scores), labels.mean(), rtol=0.02)


def test_brier_score_of_held_out_objects():
    scores, labels = drawn()
    result = calibrate(scores, labels, method="platt", **SETTINGS)
    truth = expit(0.5 * scores - 2)
    assert result["brier"] == pytest.approx(np.mean(truth * (1 - truth)), rel=0.02)
    assert result["brier"] < result["brier_of_constant"]
    # Labels that scores say nothing about: held-out curves cannot do better than the share alone.
    noise = np.random.default_rng(5).permutation(labels[:400])
    assert calibrate(scores[:400], noise, method="isotonic", **SETTINGS)["brier"] > noise.mean() * (1 - noise.mean())


def test_reliability_bins_hold_every_object_once():
    scores, labels = drawn(1003)
    bins = calibrate(scores, labels, method="isotonic", **SETTINGS)["reliability"]
    assert sum(row["objects"] for row in bins) == 1003 and len(bins) <= 10
    assert sum(row["lenses"] for row in bins) == labels.sum()
    assert all(row["lowest"] <= row["mean_probability"] <= row["highest"] for row in bins)


def test_reliability_bins_expect_equally_many_lenses():
    p = np.random.default_rng(0).beta(0.2, 5, 100_000)
    labels = (np.random.default_rng(1).random(100_000) < p).astype(int)
    bins = reliability(labels, p, 8)
    assert len(bins) == 8
    for row in bins:
        assert row["objects"] * row["mean_probability"] == pytest.approx(p.sum() / 8, rel=0.01)
        assert row["lens_share"] == pytest.approx(row["mean_probability"], rel=0.15)
    assert [row["lowest"] for row in bins] == sorted(row["lowest"] for row in bins)


def test_few_lenses_use_fewer_folds_and_one_lens_none():
    scores = np.arange(50.0)
    labels = np.zeros(50, dtype=int)
    labels[[47, 49]] = 1
    assert calibrate(scores, labels, method="platt", **SETTINGS)["folds"] == 2
    labels[47] = 0
    result = calibrate(scores, labels, method="platt", **SETTINGS)
    assert result["folds"] == 1 and result["brier"] is None and result["reliability"] == []
    assert logit(probability(result, scores)[-1]) > logit(probability(result, scores)[0])


def test_what_cannot_be_calibrated_is_refused():
    with pytest.raises(PipelineError, match="lenses and non-lenses"):
        calibrate(np.arange(5.0), np.zeros(5, dtype=int), method="platt", **SETTINGS)
    with pytest.raises(PipelineError, match="not finite"):
        calibrate(np.array([0.0, np.nan]), np.array([0, 1]), method="platt", **SETTINGS)


def test_unknown_score_has_unknown_probability():
    for method in ("platt", "isotonic"):
        result = calibrate(*drawn(300), method=method, **SETTINGS)
        assert np.isnan(probability(result, np.array([np.nan]))).all()
