"""Lists of known lenses: their shares and their faults, and that nothing but the truth knows the rest."""

import numpy as np
import pandas as pd
import pytest

from pipeline.data.sky import nearest
from pipeline.simulate.known import known, resolve


@pytest.fixture
def truth():
    rng = np.random.default_rng(8)
    n = 4000
    lens = np.arange(n) < 1500
    kind = np.where(lens, "host", rng.choice(["ring", "disc", "merger"], n))
    visible = lens & (rng.random(n) < 0.7)
    frame = pd.DataFrame({
        "object_id": np.arange(n) + 10, "system": np.arange(n) + 100, "ra": rng.uniform(0, 10, n),
        "dec": rng.uniform(-4.5, 0, n), "region": "south", "kind": kind, "is_lens": lens, "visible": visible,
        "configuration": np.where(lens, "arc", ""), "arc_snr": np.where(visible, rng.uniform(20, 100, n), 5.0),
        "z_lens": 0.5, "catalogued_arc": False,
    })  # fmt: skip
    return frame


def test_listed_shares_and_faults(truth, survey):
    lists = known(truth, [(0, -5)], survey, 7, 1)
    shares = survey.known
    listed = truth.system.isin(lists.systems)
    assert listed[truth.visible].mean() == pytest.approx(shares.listed_visible, abs=0.05)
    assert listed[truth.is_lens & ~truth.visible].mean() == pytest.approx(shares.listed_hidden, abs=0.07)
    number = (listed & truth.is_lens).sum()
    mistaken = listed & ~truth.is_lens
    assert mistaken.sum() == round(shares.mistaken * number)
    assert set(truth.kind[mistaken]) <= {"ring", "merger"}
    a, b = lists.list_a, lists.list_b
    assert a.columns.tolist() == ["name", "ra", "dec", "grade", "simulated"]
    assert b.columns[:3].tolist() == ["SYSTEM", "RAJ2000", "DEJ2000"]
    assert a.simulated.all()
    assert b.SIMULATED.all()
    absent = round(shares.absent * number)
    expected = (number + mistaken.sum() + absent) * (1 + shares.both) * (1 + shares.doubled)
    assert len(a) + len(b) == pytest.approx(expected, rel=0.05)
    # Positions: most within an arcsec of a listed system, some off by 3 arcsec to 2 arcmin.
    known_rows = truth[listed]
    for ra, dec in ((a.ra, a.dec), (b.RAJ2000, b.DEJ2000)):
        _, distance = nearest(ra.to_numpy(), dec.to_numpy(), known_rows.ra.to_numpy(), known_rows.dec.to_numpy(), 200.0)
        near = np.mean(distance < 2.0)
        assert 1 - near == pytest.approx(shares.wrong_position + shares.absent, abs=0.04)
        assert np.sum(distance < 0.6) > 0.8 * len(ra)
    _, distance = nearest(a.ra.to_numpy(), a.dec.to_numpy(), b.RAJ2000.to_numpy(), b.DEJ2000.to_numpy(), 3.0)
    assert np.isfinite(distance).mean() > 0.2


def test_first_grading_follows_the_features(truth, survey, changed):
    exact = changed(known__grading_error=0.0, known__wrong_position=0.0, known__absent=0.0, known__mistaken=0.0)
    lists = known(truth, [(0, -5)], exact, 7, 1)
    index, distance = nearest(
        lists.visibility.ra.to_numpy(), lists.visibility.dec.to_numpy(), truth.ra.to_numpy(), truth.dec.to_numpy(), 10.0
    )
    rows = truth.iloc[index[np.isfinite(distance)]]
    states = lists.visibility.visibility[np.isfinite(distance)].to_numpy()
    assert set(states) == {"clear", "unclear", "not_visible"}
    clear = rows.visible & (rows.arc_snr >= 1.2 * survey.lenses.visible_snr)
    agreement = np.mean((states == "clear") == clear.to_numpy())
    assert agreement > 0.99
    wrong = known(truth, [(0, -5)], changed(known__grading_error=0.5), 7, 1).visibility.visibility
    assert np.mean(wrong == "clear") != pytest.approx(np.mean(states == "clear"), abs=0.02)


def test_lists_do_not_depend_on_the_order_of_the_truth(truth, survey):
    first = known(truth, [(0, -5)], survey, 7, 1)
    second = known(truth.sample(frac=1, random_state=3), [(0, -5)], survey, 7, 1)
    for name in ("list_a", "list_b", "visibility"):
        assert getattr(first, name).to_csv() == getattr(second, name).to_csv()
    assert known(truth, [(0, -5)], survey, 8, 1).list_a.to_csv() != first.list_a.to_csv()


def test_one_row_a_system_from_the_region_that_counts(truth):
    north = truth.assign(region="north", dec=truth.dec + 40)
    both = pd.concat([truth.assign(dec=truth.dec + 40), north], ignore_index=True)
    rows = resolve(both)
    assert len(rows) == len(truth)
    assert set(rows.region) == {"north"}
    low = pd.concat([truth, truth.assign(region="north")], ignore_index=True)
    assert set(resolve(low).region) == {"south"}


def test_a_survey_without_lenses_has_empty_lists(truth, survey):
    lists = known(truth[~truth.is_lens], [(0, -5)], survey, 7, 1)
    assert len(lists.list_a) == len(lists.list_b) == len(lists.visibility) == 0
    assert lists.list_a.columns.tolist() == ["name", "ra", "dec", "grade", "simulated"]
