"""Velocities, and intervals of accuracy whose coverage is measured."""

import numpy as np
import pytest

from pipeline.assess.velocity import CURVE, Resampling, accuracy, counted, curve
from pipeline.data.velocity import near, velocity_difference

RESAMPLING = Resampling(300, 0.9, 1)


def test_equation_1():
    assert velocity_difference(2.1, 2.0) == pytest.approx(299792.458 * 0.1 / 3)
    assert velocity_difference(np.array([1.9]), np.array([2.0]))[0] < 0
    # The limit of 6000 km/s at z = 2 is a difference of 0.0600415 in z.
    assert near(2.06004, 2.0) and not near(2.06005, 2.0)
    assert not near(np.nan, 2.0) and not near(2.0, np.nan)


def drawn(rng, objects, p, spectra=4, alike=1.0):
    """Spectra of an object err together: with `alike` 1 they are all right or all wrong."""
    of_object = rng.random(objects) < p
    own = rng.random((objects, spectra)) < p
    right = np.where(rng.random((objects, spectra)) < alike, of_object[:, None], own)
    return np.where(right, 100.0, 1e5).ravel(), np.repeat(np.arange(objects), spectra)


def test_the_interval_is_by_object():
    """Four spectra each that agree: an interval by spectrum would be half as wide and miss the truth twice as often."""
    rng = np.random.default_rng(3)
    covered, widths = [], []
    for _ in range(200):
        dv, group = drawn(rng, 80, 0.85)
        row = accuracy(dv, group, RESAMPLING)["within"]["6000"]
        covered.append(row["low"] <= 0.85 <= row["high"])
        widths.append(row["high"] - row["low"])
    # A standard error of a coverage of 0.9 in 200 trials is 0.021.
    assert 0.82 < np.mean(covered) < 0.97
    by_spectrum = 2 * 1.645 * np.sqrt(0.85 * 0.15 / 320)
    assert np.mean(widths) > 1.6 * by_spectrum


def test_spectra_that_err_alone_give_a_narrower_interval():
    rng, width = np.random.default_rng(4), {}
    for alike in (1.0, 0.0):
        rows = [accuracy(*drawn(rng, 80, 0.8, alike=alike), RESAMPLING)["within"]["6000"] for _ in range(20)]
        width[alike] = np.mean([row["high"] - row["low"] for row in rows])
    assert width[0.0] < 0.7 * width[1.0]


def test_counts_limits_and_missing_redshifts():
    dv = np.array([-2999.0, 3001.0, 11000.0, 29000.0, -31000.0, np.nan])
    found = accuracy(dv, np.array([1, 1, 2, 3, 4, 5]), RESAMPLING)
    assert found["spectra"] == 6 and found["objects"] == 5
    assert [found["within"][limit]["count"] for limit in ("3000", "6000", "12000", "30000")] == [1, 2, 3, 4]


def test_where_all_are_right_the_interval_is_that_of_the_objects():
    found = accuracy(np.zeros(30), np.arange(30) // 3, RESAMPLING)["within"]["3000"]
    assert found["share"] == 1 and found["high"] == 1
    assert found["low"] == pytest.approx(10 / (10 + 1.6449**2), abs=1e-4)  # Wilson: n / (n + z^2) of ten objects
    nothing = accuracy(np.full(30, 1e5), np.arange(30) // 3, RESAMPLING)["within"]["3000"]
    assert nothing["low"] == 0 and 0.1 < nothing["high"] < 0.3
    assert accuracy(np.zeros(0), np.zeros(0, dtype=int), RESAMPLING)["within"]["3000"] is None


def test_the_curve_rises_to_the_share_within_its_end():
    dv = np.random.default_rng(1).normal(0, 5000, 2000)
    shares = [row["share"] for row in curve(dv)]
    assert len(shares) == len(CURVE) and shares == sorted(shares)
    assert shares[-1] == (np.abs(dv) < CURVE[-1]).mean() and 0.03 < shares[0] < 0.07
    assert curve(np.zeros(0)) == []


def test_counts_of_skies():
    row = counted(0, 26, 0.95)
    assert row["share"] == 0 and row["low"] == 0 and row["high"] == pytest.approx(0.1287, abs=2e-3)
    assert counted(0, 0, 0.95)["high"] is None
