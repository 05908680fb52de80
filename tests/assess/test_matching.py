"""Matched non-lenses: within calipers, of the same type, each used once, and balanced."""

import numpy as np
import pandas as pd

from pipeline.assess import matching

CALIPERS = {"mag_z": 0.3, "g_r": 0.3, "r_z": 0.3, "log_size": 0.2, "depth": 0.3}


def catalogue(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    is_lens = np.arange(n) < 60
    mag_z = np.where(is_lens, rng.normal(18.5, 0.6, n), rng.normal(19.3, 0.8, n))
    g_r, r_z = np.where(is_lens, rng.normal(1.5, 0.2, n), rng.normal(1.2, 0.4, n)), rng.normal(0.9, 0.15, n)
    flux = {"z": 10 ** (0.4 * (22.5 - mag_z)), "r": 10 ** (0.4 * (22.5 - mag_z - r_z))}
    flux["g"] = 10 ** (0.4 * (22.5 - mag_z - r_z - g_r))
    return pd.DataFrame(
        {
            "object_id": rng.permutation(n) + 1,
            "is_lens": is_lens,
            "type": np.where(rng.random(n) < np.where(is_lens, 0.8, 0.5), "DEV", "EXP"),
            **{f"flux_{band}": values.astype(np.float32) for band, values in flux.items()},
            "shape_r": rng.lognormal(0, 0.3, n),
            "psfdepth_z": rng.lognormal(4, 0.3, n),
        }
    )


def test_depth_is_the_magnitude_of_a_five_sigma_source():
    table = catalogue(100)
    table["psfdepth_z"] = 25.0  # sigma 0.2, five sigma 1 nanomaggy
    assert np.allclose(matching.properties(table)["depth"], 22.5)


def test_matches_keep_type_and_calipers_and_are_used_once():
    table = catalogue()
    matched = matching.match(table, CALIPERS, 5)
    is_lens = table["is_lens"].to_numpy()
    others = np.flatnonzero((matched >= 0) & ~is_lens)
    lens = matched[others]
    assert len(others) > 100 and is_lens[lens].all()
    assert (table["type"].to_numpy()[others] == table["type"].to_numpy()[lens]).all()
    values = matching.properties(table)[list(CALIPERS)].to_numpy()
    assert (np.abs(values[others] - values[lens]) <= np.array(list(CALIPERS.values())) + 1e-12).all()
    assert np.bincount(lens).max() <= 5
    assert (matched[lens] == lens).all()
    # every lens that has a candidate left is served
    alone = np.flatnonzero(is_lens & (matched < 0))
    for row in alone:
        near = (np.abs(values - values[row]) <= np.array(list(CALIPERS.values()))).all(axis=1)
        near &= ~is_lens & (table["type"] == table["type"][row]).to_numpy()
        assert (matched[near] >= 0).all()


def test_matching_does_not_depend_on_the_order_of_rows():
    table = catalogue(400)
    first = matching.match(table, CALIPERS, 3)
    order = np.random.default_rng(1).permutation(len(table))
    second = matching.match(table.iloc[order].reset_index(drop=True), CALIPERS, 3)
    ids = table["object_id"].to_numpy()

    def pairs(ids, matched):
        return {(ids[row], ids[lens]) for row, lens in enumerate(matched) if lens >= 0}

    assert pairs(ids, first) == pairs(ids[order], second)


def test_weights_balance_the_properties():
    table = catalogue(6000)
    matched = matching.match(table, CALIPERS, 8)
    is_lens = table["is_lens"].to_numpy()
    weight = matching.weights(matched, is_lens)
    others = (matched >= 0) & ~is_lens
    assert np.isclose(weight[others].sum(), others.sum())
    for lens in np.unique(matched[others]):
        share = weight[others & (matched == lens)].sum()
        assert np.isclose(share, others.sum() / len(np.unique(matched[others])))
    for row in matching.balance(table, weight):
        assert abs(row["after"]) < 0.25, row
    assert max(abs(row["before"]) for row in matching.balance(table, weight)) > 1


def test_unknown_values_match_nothing():
    table = catalogue(300)
    table.loc[table["is_lens"], "psfdepth_z"] = np.nan
    assert (matching.match(table, CALIPERS, 3) == -1).all()
    table = catalogue(300)
    table["is_lens"] = False
    assert (matching.match(table, CALIPERS, 3) == -1).all()
