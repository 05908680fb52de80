"""Figures of redshifts hold the numbers of the assessment that they are drawn from."""

import numpy as np
import pandas as pd
import pytest

from pipeline.data.velocity import velocity_difference
from pipeline.release.figures import style
from pipeline.release.redshift_figures import (
    accuracy,
    confidence,
    distributions,
    experiments,
    failures,
    galleries,
    names,
    training,
)

N = 400


def share(count, of):
    value = count / of
    return {"count": count, "of": of, "share": value, "low": max(value - 0.1, 0), "high": min(value + 0.1, 1)}


def measures(right):
    """What the assessment says of an estimator of which `right` of 10 redshifts are right, here and in every bin."""
    within = {limit: share(right, 10) for limit in ("3000", "6000", "12000", "30000")}
    part = {"within": within, "spectra": 10, "objects": 10}
    whole = {**part, "flagged": share(10 - right, 10), "unflagged": part}
    bins = [{"lower": low, "upper": high, **whole} for low, high in ((0.0, 1.0), (1.0, 1000.0))]
    histogram = np.zeros(40, dtype=int)
    histogram[18:22] = right
    reliable = [{"mean_p_wrong": p, **share(round(10 * p), 10)} for p in (0.1, 0.4, 0.9)]
    return {
        "quasars": whole, "by_redshift": bins, "by_sn": bins, "extremes": share(1, 10), "unflagged_failures": 1,
        "curve": [{"km_s": 300.0 * 3**at, "share": right / 10} for at in range(4)], "curve_unflagged": [],
        "pulls": {"spectra": 4 * right, "half_width": 1.25, "within_1": share(7, 10), "histogram": histogram.tolist()},
        "failure_probability": {"brier": 0.125, "brier_of_constant": 0.25, "reliability": reliable},
        "catastrophic": [],
        "line_confusion": {
            "wrong": 6, "explained": 4, "by_chance": 0.5, "pairs": {"MgII as Lya": 3, "Hbeta as CIV": 1}
        },
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _look():
    with style.look():
        yield


@pytest.fixture
def assessment():
    fail = {name: {**measures(right)["quasars"], "curve": measures(right)["curve"]} for name, right in RIGHT.items()}
    return {
        "reference": "truth", "confidence": 0.95, "judged": {"quasar": N, "galaxy": 1, "star": 2, "sky": 3},
        "estimators": {name: measures(right) for name, right in RIGHT.items()},
        "failures_of_line_finders": {"quasarnet": {"quasars": 3, "spectrum_id": [3, 4, 5], "estimators": fail}},
        "published": [
            {"method": "FNet", "sample": "DR16Q", "within": {"6000": 97.0}, "mark": "published, other sample"},
            {"method": "FNet", "sample": "DR16Q, one fails", "within": {"6000": 87.4}, "mark": "published, other"},
        ],
    }  # fmt: skip


RIGHT = {"combined": 9, "quasarnet": 8, "fnet": 5}


@pytest.fixture
def velocity():
    rng = np.random.default_rng(2)
    z = rng.uniform(0.5, 4, N)
    table = {"spectrum_id": np.arange(N), "kind": "quasar", "z_reference": z, "sn_median": rng.uniform(1, 9, N)}
    for number, name in enumerate(RIGHT):
        found = np.where(np.arange(N) % 10 > number, z, 0.01 * np.arange(N))
        table |= {
            f"z_{name}": found,
            f"dv_{name}": velocity_difference(found, z),
            f"flagged_{name}": np.arange(N) % 2 == 0,
        }
    return pd.DataFrame(table)


def lines(axes):
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def test_the_curve_is_that_of_the_assessment_and_what_is_published_is_marked(assessment):
    figure, caption = accuracy.velocity_curve(assessment)
    every, hard = figure.axes[:2]
    for name, title in (("combined", "combined"), ("fnet", "FNet")):
        assert lines(every)[title].get_ydata() == pytest.approx(RIGHT[name] / 10)
    star = lines(every)["FNet: published, other sample"]
    assert star.get_xdata() == pytest.approx([6000]) and star.get_ydata() == pytest.approx([0.97])
    assert lines(hard)["FNet: published, other"].get_ydata() == pytest.approx([0.874])
    assert "other sample" in caption and "3 in which QuasarNET" in hard.get_title(loc="left")


def test_right_redshifts_lie_on_the_line_and_wrong_ones_are_points(velocity, assessment):
    figure, caption = accuracy.against_reference(velocity, assessment)
    for axes, (name, right) in zip(figure.axes, {"combined": 360, "fnet": 280, "quasarnet": 320}.items(), strict=False):
        near = int((np.abs(velocity[f"dv_{name}"]) < 6000).sum())
        assert near >= right and f"{near} of {N}" in axes.get_title(loc="left")
        points = [one for one in axes.collections if list(one.get_sizes()) == [16]]
        assert sum(len(one.get_offsets()) for one in points) == N - near
    assert "90.0 (80.0 to 100.0) %" in caption


def test_the_subset_is_that_of_the_line_finder(velocity, assessment):
    figure, caption = accuracy.line_finder_fails(velocity, assessment)
    assert "of 3" in figure.axes[0].get_title(loc="left") and "The 3 judged quasars" in caption
    assessment["failures_of_line_finders"]["quasarnet"] = {"quasars": 0, "spectrum_id": []}
    assert "no judged quasar" in accuracy.line_finder_fails(velocity, assessment)[0].axes[0].texts[0].get_text()


def test_the_matrix_of_confusions_names_the_lines(assessment):
    figure, caption = failures.line_confusions(assessment)
    axes = figure.axes[0]
    rows, columns = ([tick.get_text() for tick in ticks] for ticks in (axes.get_yticklabels(), axes.get_xticklabels()))
    shown = {(rows[int(y)], columns[int(x)]): text.get_text() for text in axes.texts for x, y in [text.get_position()]}
    assert shown == {("MgII", "Lyα"): "3", ("Hβ", "CIV"): "1"}
    assert "combined 4 of 6 (by chance 0.5)" in caption


def test_wrong_redshifts_are_counted(velocity, assessment):
    figure, _ = failures.wrong_redshifts(velocity, assessment)
    wrong = {name: int((~(np.abs(velocity[f"dv_{name}"]) < 6000)).sum()) for name in RIGHT}
    found = {one.get_label(): len(one.get_offsets()) for one in figure.axes[0].collections if "(" in one.get_label()}
    assert found == {f"{names.title(name)} ({count})": count for name, count in wrong.items()}


def test_bars_hold_shares_of_each_bin(assessment):
    for draw, expected in ((distributions.flagged, 0.1), (accuracy.accuracy, 0.9)):
        bars = next(one for one in draw(assessment)[0].axes[0].containers if one.get_label() == "combined")
        assert bars.lines[0].get_ydata() == pytest.approx([expected, expected])


def test_calibration_holds_the_histogram_and_the_scores(assessment):
    figure, caption = confidence.pulls(assessment)
    assert "36 right, σ = 1.25" in figure.axes[0].get_title(loc="left")
    assert figure.axes[0].patches[0].get_data().values.sum() == 36 and "7 of 10" in caption
    figure, caption = confidence.failure_probability(assessment)
    bars = figure.axes[0].containers[0].lines[0]
    assert bars.get_xdata() == pytest.approx(bars.get_ydata()) and "0.125 (0.250)" in caption


def test_an_estimator_has_one_colour_and_marker_everywhere():
    assert names.colours(["pca", "x", "combined"])["pca"] == names.colours(["pca"])["pca"] == names.COLOURS["pca"]
    found = names.colours(["fnet", "rnet", "pca", "quasarnet", "combined", "x", "y"])
    assert len(set(found.values())) == 7 and next(iter(found)) == "combined"


def test_galleries_choose_over_the_whole_range_of_signal(velocity, assessment):
    assessment["failures_of_line_finders"]["quasarnet"]["spectrum_id"] = list(range(50))
    chosen = galleries.failures(velocity, assessment, 4)
    sn = velocity.set_index("spectrum_id").sn_median
    assert len(chosen) == 4 and sn[chosen].is_monotonic_decreasing
    assert sn[chosen].max() == sn[:50].max() and sn[chosen].min() == sn[:50].min()


def test_nothing_to_show_is_said(velocity, assessment):
    assert "no judged quasar has a wrong redshift" in galleries.worst(assessment, {}, [], 5)[1].lower()
    assert "no network was trained" in training.training({})[1].lower()
    assert "no eigenspectra" in training.eigenspectra([])[0].axes[0].texts[0].get_text()
    far = {"z": [5.0, 6.0], "lines": [], "half_width": 1.0}
    assert "no judged quasar" in experiments.masked_spectrum(velocity, far, {}, 5)[1].lower()
    assert "no optimisers" in experiments.optimisers({"results": []})[1]
