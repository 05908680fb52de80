"""The deal of the sky: shares, margins, independence of the catalogue, the papers' mode."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.sky import ARCSEC, cells, unit_vectors
from pipeline.errors import PipelineError
from pipeline.labels.splits import SETS, assign, assign_as_dealt, deal, is_papers, roles
from pipeline.settings.splits import Splits

SHARES = {"train": 0.4, "select": 0.1, "calibrate": 0.15, "judge": 0.35}


def cell_splits(nside=64, margin=60.0, shares=SHARES):
    return Splits.parse({"mode": "cells", "nside": nside, "margin_arcsec": margin, "shares": shares})


def papers_splits(train=0.7):
    shares = {"train": train, "select": 0.0, "calibrate": 0.0, "judge": 1 - train}
    return Splits.parse({"mode": "papers", "nside": 64, "margin_arcsec": 0.0, "shares": shares})


def sky_positions(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


@pytest.mark.parametrize("nside", [1, 4, 16, 64])
def test_every_cell_is_dealt_once_and_the_shares_hold_in_every_block(nside):
    table = deal(cell_splits(nside, 1.0), 1)
    assert table.cell.tolist() == list(range(12 * nside**2))
    size = min(64, len(table))
    for name in SETS:
        counts = (table.set == name).groupby(table.cell // 64).sum()
        assert (abs(counts - SHARES[name] * size) < 1).all()
        assert abs(counts.sum() - SHARES[name] * len(table)) < 1 + 2 * np.sqrt(len(counts))


def test_the_deal_depends_on_the_seed_and_on_nothing_else():
    first, again, other = deal(cell_splits(), 1), deal(cell_splits(), 1), deal(cell_splits(), 2)
    pd.testing.assert_frame_equal(first, again)
    changed = (first.set != other.set).mean()
    assert changed == pytest.approx(1 - sum(share**2 for share in SHARES.values()), abs=0.02)


def test_neighbouring_cells_are_dealt_independently():
    """Of pairs of neighbours along the nested order, as many agree as chance has it when shares hold in a block."""
    table = deal(cell_splits(), 3)
    codes = table.set.to_numpy(dtype=str)
    agree = (codes[:-1] == codes[1:]).mean()
    chance = (64 * sum(share**2 for share in SHARES.values()) - 1) / 63
    assert agree == pytest.approx(chance, abs=4 * np.sqrt(chance / len(codes)))


def test_every_position_has_the_set_of_its_cell_or_none():
    splits = cell_splits()
    table = deal(splits, 1)
    ra, dec = sky_positions(20_000)
    found = assign(ra, dec, table, splits.nside, splits.margin_arcsec)
    of_cell = table.set.to_numpy()[cells(ra, dec, 64)]
    assert set(found) == {"", *SETS}
    np.testing.assert_array_equal(found[found != ""], of_cell[found != ""])
    assert 0.01 < (found == "").mean() < 0.1
    np.testing.assert_array_equal(assign_as_dealt(ra, dec, table), found)


def test_sets_stand_two_margins_apart():
    """Every pair of positions of different sets near one corner of the grid, margin by margin."""
    splits = cell_splits(margin=300.0)
    table = deal(splits, 1)
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(10, 12.5, 3000), rng.uniform(20, 22.5, 3000)
    found = assign(ra, dec, table, 64, 300.0)
    vectors = unit_vectors(ra, dec)
    apart = np.arccos(np.clip(vectors @ vectors.T, -1, 1)) / ARCSEC
    different = (found[:, None] != found[None, :]) & (found != "")[:, None] & (found != "")[None, :]
    assert different.any()
    assert apart[different].min() >= 600.0 - 1e-3


@given(st.integers(0, 10), st.permutations(range(40)))
@settings(max_examples=20, deadline=None)
def test_assignment_does_not_depend_on_order_or_company(seed, permutation):
    splits = cell_splits()
    table = deal(splits, seed)
    ra, dec = sky_positions(40, seed)
    whole = assign(ra, dec, table, 64, 60.0)
    order = np.array(permutation)
    np.testing.assert_array_equal(assign(ra[order], dec[order], table, 64, 60.0), whole[order])
    np.testing.assert_array_equal(assign(ra[:1], dec[:1], table, 64, 60.0), whole[:1])


def test_a_table_of_other_settings_is_refused():
    table = deal(cell_splits(), 1)
    for nside, margin in ((32, 60.0), (64, 30.0)):
        with pytest.raises(PipelineError, match="other settings"):
            assign([1.0], [1.0], table, nside, margin)


def test_the_papers_split_is_seventy_to_thirty_by_object():
    splits = papers_splits()
    table = deal(splits, 1)
    assert is_papers(table) and set(table.set) == {"train", "judge"}
    ra, dec = sky_positions(20_000)
    found = assign(ra, dec, table, splits.nside, splits.margin_arcsec)
    assert (found == "train").mean() == pytest.approx(0.7, abs=0.015)
    cell = cells(ra, dec, 8)
    both = [len(set(found[cell == number])) == 2 for number in range(50)]
    assert np.mean(both) > 0.9  # no respect for the sky
    assert (assign(ra, dec, deal(splits, 2), 64, 0.0) != found).mean() == pytest.approx(0.42, abs=0.02)
    np.testing.assert_array_equal(assign(ra[::-1], dec[::-1], table, 64, 0.0)[::-1], found)


def test_roles():
    table, papers = deal(cell_splits(), 1), deal(papers_splits(), 1)
    sets = np.array(["train", "", "judge", "select", "calibrate"], dtype=object)
    assert {name: rows.tolist() for name, rows in roles(sets, table)} == {
        "train": [0], "select": [3], "calibrate": [4], "judge": [2],
    }  # fmt: skip
    assert {name: rows.tolist() for name, rows in roles(sets[[0, 2, 2]], papers)} == {
        "train": [0], "select": [1, 2], "calibrate": [1, 2], "judge": [1, 2],
    }  # fmt: skip


@pytest.mark.parametrize(
    "change, message",
    [
        ({"nside": 48}, "power of 2"),
        ({"margin_arcsec": 900.0}, "quarter of a cell"),
        ({"shares": {**SHARES, "judge": 0.4}}, "add up"),
        ({"shares": {**SHARES, "judge": 0.5, "calibrate": 0.0}}, "shares.calibrate is 0"),
        ({"mode": "papers"}, "no margin"),
        ({"mode": "objects"}, "mode"),
        ({"cells": 5}, "unknown key"),
    ],
)
def test_settings_that_cannot_be(change, message):
    value = {"mode": "cells", "nside": 64, "margin_arcsec": 60.0, "shares": SHARES, **change}
    with pytest.raises(PipelineError, match=message):
        Splits.parse(value)
