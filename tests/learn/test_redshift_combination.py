"""Calibration and combination of made-up estimators: what they promise on spectra that they have not seen."""

import json

import numpy as np
import pytest
from made_up_redshifts import NAMES, SETTINGS, make
from scipy.stats import binom

from pipeline.data.redshift_bits import bit
from pipeline.data.velocity import near
from pipeline.errors import PipelineError
from pipeline.learn import redshift_calibration as calibration
from pipeline.learn import redshift_clusters as clustering
from pipeline.learn import redshift_combination as combination
from pipeline.learn.redshift_estimates import Estimates, features, second
from pipeline.settings.spectra.calibrate import CalibrateRedshifts


def fitted(survey, **changes):
    settings = CalibrateRedshifts.parse({**SETTINGS, **changes})
    found = combination.fit(
        survey.estimates, survey.spectra, survey.labelled, survey.of("select"), survey.of("calibrate"), settings
    )
    return json.loads(json.dumps(found))


@pytest.fixture(scope="module")
def content():
    return fitted(make(9000, seed=1))


@pytest.fixture(scope="module")
def fresh():
    return make(12_000, seed=7)


@pytest.fixture(scope="module")
def columns(content, fresh):
    return combination.apply(content, fresh.estimates, fresh.spectra)


@pytest.mark.parametrize("name", ["", *(f"_{name}" for name in NAMES)])
def test_probabilities_of_being_wrong_are_calibrated(columns, fresh, name):
    p, right = columns[f"p_wrong{name}"], fresh.labelled.right(columns[f"z{name}"])
    assert p.mean() == pytest.approx((~right).mean(), abs=0.02)
    for row in calibration.reliability(p, right, 5):
        assert row["wrong"] / row["spectra"] == pytest.approx(row["mean_p_wrong"], abs=0.08)
    assert np.mean((p - ~right) ** 2) < 0.6 * right.mean() * (1 - right.mean())


@pytest.mark.parametrize("name", ["", *(f"_{name}" for name in NAMES)])
def test_errors_hold_68_percent(columns, fresh, name):
    z, error = columns[f"z{name}"], columns[f"z_err{name}"]
    right = fresh.labelled.right(z)
    pull = np.abs(z - fresh.labelled.z)[right] / error[right]
    assert (pull < 1).mean() == pytest.approx(0.683, abs=0.03)


def test_the_combination_is_better_than_each_member(columns, fresh):
    quasar = fresh.labelled.kind == "quasar"
    right = {name: fresh.labelled.right(columns[f"z{name}"])[quasar] for name in ("", *(f"_{n}" for n in NAMES))}
    for name in NAMES:
        gained, lost = (right[""] & ~right[f"_{name}"]).sum(), (~right[""] & right[f"_{name}"]).sum()
        assert binom.sf(gained - 1, gained + lost, 0.5) < 1e-6, (
            name
        )  # the sign test on the spectra in which they differ


def test_flags_reach_their_goals_on_fresh_spectra(columns, fresh):
    kept = ~combination.flagged(columns["zwarn"])
    kind, right = fresh.labelled.kind, fresh.labelled.right(columns["z"])
    assert right[kept & (kind == "quasar")].mean() > 0.97
    assert right[kept].mean() > 0.96
    assert (~kept[kind == "quasar"]).mean() < 0.1
    assert kept[kind == "sky"].mean() < 0.01 and (kind == "sky").sum() > 1000
    assert (columns["class"][kept] == "quasar").all() and not (columns["class"][~kept] == "quasar").any()
    stars = columns["class"][kind == "star"]
    assert (stars == "star").mean() > 0.9


def test_templates_that_fit_worse_than_their_noise_change_little(content):
    """Real spectra: chi2 is five times that of the simulation. Same noise in all else."""
    usual, misfit = make(4000, seed=9), make(4000, seed=9, chi2_scale=5.0)
    quasar = usual.labelled.kind == "quasar"
    shares = []
    for survey in (usual, misfit):
        found = combination.apply(content, survey.estimates, survey.spectra)
        shares.append(
            (survey.labelled.right(found["z"])[quasar].mean(), combination.flagged(found["zwarn"])[quasar].mean())
        )
    assert shares[1] == pytest.approx(shares[0], abs=0.01)


def test_the_rule_takes_signs_and_bounds(content):
    models = [content["combination"]["ranking"], content["combination"]["probability"]["evidence"]]
    models += [content["estimators"][name]["probability"]["evidence"] for name in NAMES]
    slopes = [slope for model in models for slope in model["slopes"].values()]
    assert min(slopes) >= 0 and max(slopes) <= SETTINGS["steepest"]
    assert content["combination"]["select"]["first_right"] > 0.98 * content["combination"]["select"]["quasars"]


def test_a_spectrum_has_the_same_bits_in_any_batch(content, fresh, columns):
    for rows in (np.arange(1), np.arange(5, 12), np.arange(1000, 1333)):
        part = combination.apply(content, [one.take(rows) for one in fresh.estimates], fresh.spectra.take(rows))
        for name, values in part.items():
            assert np.array_equal(values, columns[name][rows], equal_nan=values.dtype.kind == "f"), name


def test_nothing_is_learned_from_the_other_sets():
    survey = make(3000, seed=2)
    first = fitted(survey)
    judge = survey.of("judge")
    survey.table.loc[judge, "label_z"] = 0.1
    assert fitted(survey) == first


def test_a_goal_that_cannot_be_reached_flags_everything():
    survey = make(3000, seed=2)
    rng = np.random.default_rng(3)
    survey.table["label_z"] = rng.permutation(survey.table.label_z)
    content = fitted(survey)
    assert content["combination"]["limit"] == 0
    found = combination.apply(content, survey.estimates, survey.spectra)
    assert combination.flagged(found["zwarn"]).all()


@pytest.mark.parametrize(
    ("select", "calibrate", "what"), [("select", "", "no labelled spectra"), ("", "judge", "no quasar")]
)
def test_without_labels_there_is_no_calibration(select, calibrate, what):
    survey, settings = make(300, seed=2), CalibrateRedshifts.parse(SETTINGS)
    parts = survey.estimates, survey.spectra, survey.labelled
    with pytest.raises(PipelineError, match=what):
        combination.fit(*parts, survey.of(select), survey.of(calibrate), settings)


def test_a_handful_of_spectra_flags_rather_than_fails():
    survey = make(12, seed=2)
    survey.table["fold"] = 0  # nothing is left to learn from when the only fold is held out
    content = fitted(survey)
    found = combination.apply(content, survey.estimates, survey.spectra)
    assert np.isfinite(found["p_wrong"]).all() and (found["z_err"] > 0).all()


def test_the_limit_is_the_largest_that_reaches_the_goals():
    goals = CalibrateRedshifts.parse({**SETTINGS, "goals": {"accuracy": 0.8, "sky_share": 0.0, "flagged": 0.1}}).goals
    kind = np.array(["quasar"] * 6 + ["sky", "star"], dtype=object)
    right = np.array([True, True, True, True, False, True, False, False])
    p = np.array([0.01, 0.02, 0.03, 0.04, 0.10, 0.30, 0.35, 0.20])
    # At 0.10 four of five are right, at 0.20 (the star) four of six, at 0.30 five of seven.
    assert calibration.choose_limit(p, right, kind, goals) == 0.10
    p[6] = 0.025  # the sky fibre is believed more than the third quasar
    assert calibration.choose_limit(p, right, kind, goals) == 0.02
    p[:] = 0.9
    assert calibration.choose_limit(p, right, kind, goals) == 0.0  # nor is what is more likely wrong than right
    p[:] = 0.1
    assert calibration.choose_limit(p, right, kind, goals) == 0.0  # equal probabilities go together


def estimates(name, z, **extras):
    z = np.array(z, dtype=float)
    sigma, score = np.full(z.shape, 1e-3), -np.cumsum(np.ones(z.shape), axis=1)
    return Estimates(name, np.arange(len(z)), z, score, sigma, np.zeros(len(z), dtype=np.int64), extras)


def test_clusters_by_hand():
    first = estimates("first", [[2.0, 1.0, np.nan], [np.nan] * 3])
    third = estimates("third", [[1.01, 2.01, 2.1, -0.3], [0.5, 3.0, 3.01, np.nan]])
    clusters = clustering.find([first, third], [first.sigma, third.sigma])
    np.testing.assert_array_equal(clusters.seed, [[2.0, 1.01, 2.1], [0.5, 3.0, np.nan]])
    np.testing.assert_array_equal(clusters.rank[0], [[0, 1], [1, 0], [-1, 2]])
    np.testing.assert_array_equal(clusters.z[0, 0], [2.0, 2.01])
    assert clusters.rank[1, 1].tolist() == [-1, 1]  # of two members of one estimator the better
    z, error = clustering.redshift(clusters, "mean")
    assert z[0, 0] == pytest.approx(2.005) and error[0, 0] == pytest.approx(1e-3 / np.sqrt(2))
    clusters.sigma[0, 0, 1] = 1e-4
    z, error = clustering.redshift(clusters, "precise")
    assert z[0, 0] == 2.01 and error[0, 0] == 1e-4
    z, _ = clustering.redshift(clusters, "mean")
    assert z[0, 0] == pytest.approx((2.0 * 1e6 + 2.01 * 1e8) / (1e6 + 1e8))
    values = clustering.features(clusters, [first, third], np.full(2, 3600.0), np.full(2, 1e4), 0.5)
    np.testing.assert_array_equal(values["rank_third"][0], [0.5, 1.0, 1 / 3])
    assert (values["agree"] == 0).all()


def test_lines_of_a_cluster_by_hand():
    lines = np.array([[2.0, 2.001, 0.5, 2.002, 1.0, 1.0, 2.0]])
    confidence = np.array([[0.9, 0.8, 0.99, 0.3, 0.2, 0.1, 0.05]])
    one = estimates("qn", [[0.5, 2.0]], line_z=lines, line_confidence=confidence)
    clusters = clustering.find([one], [one.sigma])
    values = clustering.features(clusters, [one], np.array([3600.0]), np.array([1e4]), 0.5)
    place = clusters.seed[0].tolist().index(2.0)
    assert values["line_qn"][0, place] == 0.9 and values["second_line_qn"][0, place] == 0.8
    assert values["expected_qn"][0, place] == 0.5  # of Ly alpha, C IV, C III] and Mg II at z = 2, two
    assert values["first_qn"][0, place] == 0 and values["first_qn"][0, 0] == 1


def test_features_by_hand():
    chi2, classes = np.array([[8000.0, 8001.0, 8198.0]]), np.array([[8000.0, 8100.0, 8018.0, 7000.0]])
    one = estimates("pca", [[2.0, 2.001, 1.0]], chi2=chi2, dof=np.array([4000.0]), class_chi2=classes)
    assert second(one).tolist() == [2]
    values = features(one, {"score": {"value": [0.0], "quantile": [0.5]}}, np.array([3.0]))
    assert values["gap"][0] == pytest.approx(0.5)  # 198 / 2 = 99, two decades of four
    assert values["quasar"][0] == pytest.approx(0.25) and values["gain"][0] == 0  # 18 / 2 = 9, one decade; none is best
    assert values["clean"][0] == 1 and values["signal"][0] == pytest.approx((np.log10(3) + 1) / 2.5)


def test_bits_say_why(content, fresh, columns):
    zwarn, z = columns["zwarn"], columns["z"]
    for name in ("SECOND_CLOSE", "NO_LINES", "DISAGREE", "NOT_QUASAR"):
        assert 0 < ((zwarn & bit(name)) != 0).mean() < 0.6, name
    assert not (zwarn & bit("NAN_PIXELS")).any()
    not_quasar = (zwarn & bit("NOT_QUASAR")) != 0
    assert combination.flagged(zwarn)[not_quasar].all() and (fresh.labelled.kind[not_quasar] != "quasar").mean() > 0.9
    differ = (zwarn & bit("DISAGREE")) != 0
    sure = [~combination.flagged(columns[f"zwarn_{name}"]) & ~near(columns[f"z_{name}"], z) for name in NAMES]
    assert (differ == np.any(sure, axis=0)).all()
    assert not near(columns["z_second"], columns["z"]).any() and np.isfinite(columns["z_second"]).mean() > 0.99


def test_a_spectrum_without_candidates_is_flagged(content, fresh):
    few = [one.take(np.arange(3)) for one in fresh.estimates]
    for one in few:
        one.z[1] = np.nan
        for values in one.extras.values():
            values[1] = np.nan
    found = combination.apply(content, few, fresh.spectra.take(np.arange(3)))
    assert np.isnan(found["z"][1]) and found["p_wrong"][1] == 1 and np.isfinite(found["z"][[0, 2]]).all()
    assert found["zwarn"][1] & bit("NODATA") and combination.flagged(found["zwarn"])[1]
    assert found["zwarn_rnet"][1] & bit("NODATA") and found["class"][1] != "quasar"


@pytest.mark.parametrize("name", NAMES)
def test_a_lone_estimator_is_combined_with_itself(name):
    """The settings of the RNet slides have one estimator."""
    alone, fresh = make(4000, seed=3), make(4000, seed=4)
    for survey in (alone, fresh):
        survey.estimates = [one for one in survey.estimates if one.name == name]
    columns = combination.apply(fitted(alone), fresh.estimates, fresh.spectra)
    (one,) = fresh.estimates
    if one.z.shape[1] == 1:  # nothing to choose from
        np.testing.assert_array_equal(columns[f"z_{name}"], one.z[:, 0])
        np.testing.assert_allclose(columns["z"], one.z[:, 0], rtol=1e-15)
        assert np.isnan(columns["z_second"]).all()
    right = fresh.labelled.right(columns["z"])
    assert right.mean() > fresh.labelled.right(columns[f"z_{name}"]).mean() - 0.01
    assert columns["p_wrong"].mean() == pytest.approx((~right).mean(), abs=0.03)
    pull = np.abs(columns["z"] - fresh.labelled.z)[right] / columns["z_err"][right]
    assert (pull < 1).mean() == pytest.approx(0.683, abs=0.05)
    assert not (columns["zwarn"] & bit("DISAGREE")).any() or one.z.shape[1] > 1
