"""Errors of redshifts made with a known factor and floor."""

import numpy as np
import pytest

from pipeline.data.velocity import SPEED_OF_LIGHT
from pipeline.learn import redshift_errors


def drawn(factor, floor, n=20_000, seed=2):
    rng = np.random.default_rng(seed)
    label, raw = rng.uniform(0.5, 4, n), np.exp(rng.normal(5, 1, n))
    z = label + rng.normal(size=n) * np.hypot(factor * raw, floor) * (1 + label) / SPEED_OF_LIGHT
    return z, raw * (1 + z) / SPEED_OF_LIGHT, label


@pytest.mark.parametrize(("factor", "floor"), [(2.0, 0.0), (1.0, 300.0), (0.5, 800.0)])
def test_factor_and_floor_come_back(factor, floor):
    z, sigma, label = drawn(factor, floor)
    lost = np.arange(len(z)) % 7 == 0
    z[lost] = 5.5  # catastrophic ones do not count
    model = redshift_errors.fit(z, sigma, label)
    assert model["factor"] == pytest.approx(factor, rel=0.12)
    assert model["floor_km_s"] == pytest.approx(floor, rel=0.1, abs=25)
    fresh_z, fresh_sigma, fresh_label = drawn(factor, floor, seed=3)
    pull = np.abs(fresh_z - fresh_label) / redshift_errors.apply(model, fresh_z, fresh_sigma)
    assert (pull < 1).mean() == pytest.approx(0.683, abs=0.012)
    assert (pull < 2).mean() == pytest.approx(0.954, abs=0.015)
    faint = fresh_sigma > np.median(fresh_sigma)
    assert (pull[faint] < 1).mean() == pytest.approx((pull[~faint] < 1).mean(), abs=0.05)


def test_without_raw_errors_the_floor_stands_alone():
    z, _, label = drawn(0.0, 700.0)
    model = redshift_errors.fit(z, np.full(len(z), np.nan), label)
    assert model["factor"] == 0 and model["floor_km_s"] == pytest.approx(700, rel=0.03)
    error = redshift_errors.apply(model, np.array([1.0, 3.0]), np.array([np.nan, np.nan]))
    np.testing.assert_allclose(error, 700 * np.array([2, 4]) / SPEED_OF_LIGHT, rtol=0.03)


def test_few_right_redshifts_give_a_factor_and_none_gives_the_raw_error():
    z, sigma, label = drawn(2.0, 0.0, n=30)
    model = redshift_errors.fit(z, sigma, label)
    assert model["floor_km_s"] == 0 and 1 < model["factor"] < 4
    nothing = redshift_errors.fit(label + 1, sigma, label)
    np.testing.assert_allclose(redshift_errors.apply(nothing, z, sigma), sigma)
    assert nothing["right"] == 0
    missing = redshift_errors.apply(nothing, np.array([1.0]), np.array([np.nan]))
    assert missing[0] == pytest.approx(6000 * 2 / SPEED_OF_LIGHT)
