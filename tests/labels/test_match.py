"""Known systems and sources: who is the lens, who is near, what stays unmatched; real lists and a real sample."""

import astropy.units as u
import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.user_tables import read_user_table
from pipeline.labels import known
from pipeline.labels.match import COLUMNS, match_known
from pipeline.settings.labels import KnownList

RADIUS = 25.15
NOBODY = pd.DataFrame({"ra": [], "dec": [], "visibility": []})


def arcsec(*offsets, ra=180.0, dec=0.0):
    """Positions east of a place on the equator."""
    return [(ra + offset / 3600, dec) for offset in offsets]


def systems(positions, lists=None, radius=RADIUS):
    ra, dec = np.array(positions, dtype=float).T
    names = [f"k{i}" for i in range(len(ra))]
    return known.merge(
        pd.DataFrame({"list": lists or "a", "name": names, "ra": ra % 360, "dec": dec, "grade": ""}), radius
    )


def catalogue(positions, ids=None):
    ra, dec = np.array(positions, dtype=float).T
    ids = np.arange(1, len(ra) + 1) if ids is None else np.array(ids)
    return pd.DataFrame({"object_id": ids.astype(np.int64), "ra": ra % 360, "dec": dec})


def labelled(table):
    return dict(zip(table.object_id, table.label, strict=True))


def test_the_nearest_is_the_lens_and_the_others_are_near():
    table = match_known(systems(arcsec(0)), catalogue(arcsec(20, 3, -10, 26, 25.1)), NOBODY, RADIUS, "clear")
    assert labelled(table) == {2: "lens", 3: "near", 1: "near", 5: "near"}
    np.testing.assert_allclose(table.separation_arcsec, [3, 10, 20, 25.1], atol=1e-6)
    assert list(table.columns) == list(COLUMNS)
    assert set(table.known_name) == {"k0"} and set(table.lists) == {"a"} and set(table.system_id) == {1}


def test_only_clear_ones_are_lenses():
    places = arcsec(0, 100, 200, 300)
    seen = pd.DataFrame(places, columns=["ra", "dec"]).assign(visibility=["clear", "unclear", "not_visible", "clear"])
    table = match_known(systems(places), catalogue(arcsec(1, 101, 201, 301, 400)), seen[:3], RADIUS, "unclear")
    assert labelled(table) == {1: "lens", 2: "unclear", 3: "not_visible", 4: "unclear"}
    assert table.visibility.tolist() == ["clear", "unclear", "not_visible", "unclear"]
    assert labelled(match_known(systems(places), catalogue(arcsec(301)), NOBODY, RADIUS, "clear"))[1] == "lens"


def test_first_gradings_that_differ_make_a_system_unclear():
    seen = pd.DataFrame(arcsec(0, 10), columns=["ra", "dec"]).assign(visibility=["clear", "not_visible"])
    table = match_known(systems(arcsec(0, 10)), catalogue(arcsec(1)), seen, RADIUS, "clear")
    assert labelled(table) == {1: "unclear"}


def test_doubled_entries_are_one_system_with_all_its_lists():
    merged = systems(arcsec(0, 8, 500), ["a", "b", "b"])
    table = match_known(merged, catalogue(arcsec(9, 499)), NOBODY, RADIUS, "clear")
    assert labelled(table) == {1: "lens", 2: "lens"}
    assert table.lists.tolist() == ["a,b", "b"]
    # The distance is that from the nearest entry, which is the one that is named.
    np.testing.assert_allclose(table.separation_arcsec, [1, 1], atol=1e-6)
    assert table.known_name.tolist() == ["k1", "k2"]


def test_entries_without_a_source_stay_as_rows():
    table = match_known(systems(arcsec(0, 1000)), catalogue(arcsec(2)), NOBODY, RADIUS, "clear")
    assert table.label.tolist() == ["lens", "unmatched"] and table.object_id.tolist() == [1, 0]
    row = table.iloc[1]
    assert np.isnan(row.separation_arcsec) and row.known_ra == pytest.approx(180 + 1000 / 3600) and row.system_id == 2


def test_a_source_between_two_systems_goes_to_the_closer_one():
    merged = systems(arcsec(0, 40))
    table = match_known(merged, catalogue(arcsec(18)), NOBODY, RADIUS, "clear")
    assert table[["system_id", "object_id", "label"]].values.tolist() == [[1, 1, "lens"], [2, 0, "unmatched"]]
    # With a second source the other system has its own, and nobody is near.
    table = match_known(merged, catalogue(arcsec(18, 64)), NOBODY, RADIUS, "clear")
    assert table[["system_id", "object_id", "label"]].values.tolist() == [[1, 1, "lens"], [2, 2, "lens"]]
    # A third one between them is near the closer.
    table = match_known(merged, catalogue(arcsec(2, 41, 21)), NOBODY, RADIUS, "clear")
    assert table[["system_id", "object_id", "label"]].values.tolist() == [
        [1, 1, "lens"],
        [2, 2, "lens"],
        [2, 3, "near"],
    ]


def test_ties_go_by_id():
    for ids in ([7, 3], [3, 7]):
        table = match_known(systems(arcsec(0)), catalogue(arcsec(5, 5), ids), NOBODY, RADIUS, "clear")
        assert labelled(table) == {3: "lens", 7: "near"}


@pytest.mark.parametrize("ra, dec", [(0.0, 0.0), (0.0, 89.9999), (123.0, -90.0), (359.9999, 60.0)])
def test_wrap_and_poles(ra, dec):
    place = SkyCoord(ra, dec, unit="deg")
    around = [place.directional_offset_by(angle * u.deg, 10 * u.arcsec) for angle in (0, 90, 180, 270)]
    far = place.directional_offset_by(45 * u.deg, 30 * u.arcsec)
    sources = catalogue([(p.ra.deg, p.dec.deg) for p in (*around, far)])
    table = match_known(systems([(ra, dec)]), sources, NOBODY, RADIUS, "clear")
    assert sorted(table.object_id) == [1, 2, 3, 4]
    assert sorted(table.label) == ["lens", "near", "near", "near"]
    np.testing.assert_allclose(table.separation_arcsec, 10, atol=1e-5)


@given(st.integers(0, 1000), st.permutations(range(15)), st.permutations(range(10)))
@settings(deadline=None, max_examples=20)
def test_labels_do_not_depend_on_the_order_of_anything(seed, sources, entries):
    rng = np.random.default_rng(seed)
    found = catalogue(np.c_[rng.uniform(0, 0.03, 15), rng.uniform(0, 0.03, 15)])
    raw = pd.DataFrame(
        {
            "list": "a",
            "name": [f"n{i}" for i in range(10)],
            "ra": rng.uniform(0, 0.03, 10),
            "dec": rng.uniform(0, 0.03, 10),
        }
    ).assign(grade="")
    first = match_known(known.merge(raw, 12.0), found, NOBODY, 12.0, "clear")
    second = match_known(known.merge(raw.iloc[list(entries)], 12.0), found.iloc[list(sources)], NOBODY, 12.0, "clear")
    pd.testing.assert_frame_equal(first, second)
    real = first[first.object_id != 0]
    assert real.object_id.is_unique
    assert (first[first.label != "near"].groupby("system_id").size() == 1).all()
    assert set(first.system_id) == set(known.merge(raw, 12.0).system_id)


def test_against_brute_force():
    rng = np.random.default_rng(5)
    found = catalogue(np.c_[rng.uniform(359.9, 360.1, 400) % 360, rng.uniform(60, 60.1, 400)])
    merged = systems(np.c_[rng.uniform(359.9, 360.1, 30) % 360, rng.uniform(60, 60.1, 30)], radius=30.0)
    table = match_known(merged, found, NOBODY, 30.0, "clear")
    entries, sources = SkyCoord(merged.ra, merged.dec, unit="deg"), SkyCoord(found.ra, found.dec, unit="deg")
    apart = entries[:, None].separation(sources[None, :]).arcsec
    within = apart.min(axis=0) <= 30.0
    assert set(table.object_id[table.object_id != 0]) == set(found.object_id[within])
    for row in table[table.label == "lens"].itertuples():
        own = apart[merged.system_id == row.system_id].min(axis=0)
        assert row.separation_arcsec == pytest.approx(own[row.object_id - 1], abs=1e-6)
        closer = found.object_id[own < row.separation_arcsec - 1e-6]
        taken = table[table.object_id.isin(closer)]
        assert (taken.label == "lens").all()  # whatever is closer is the lens of another system, closer still
    near = table[table.label == "near"]
    np.testing.assert_allclose(near.separation_arcsec, apart.min(axis=0)[near.object_id - 1], atol=1e-6)


def test_no_lists_at_all():
    empty = known.merge(pd.DataFrame({"list": [], "name": [], "ra": [], "dec": [], "grade": []}), RADIUS)
    table = match_known(empty, catalogue(arcsec(0)), NOBODY, RADIUS, "clear")
    assert len(table) == 0 and {name: table[name].dtype for name in COLUMNS} == COLUMNS


@pytest.mark.timeout(120)
def test_a_hundred_thousand_entries_meet_a_million_sources():
    rng = np.random.default_rng(6)
    sources = catalogue(np.c_[rng.uniform(0, 360, 1_000_000), rng.uniform(-30, 30, 1_000_000)])
    picked = rng.choice(1_000_000, 80_000, replace=False)
    raw = pd.DataFrame(
        {
            "list": "a",
            "name": "n",
            "ra": np.r_[sources.ra.to_numpy()[picked], rng.uniform(0, 360, 20_000)],
            "dec": np.r_[sources.dec.to_numpy()[picked] + 1e-4, rng.uniform(40, 80, 20_000)],
            "grade": "",
        }
    )
    table = match_known(known.merge(raw, RADIUS), sources, NOBODY, RADIUS, "clear")
    found = np.isin(sources.object_id.to_numpy()[picked], table.object_id[table.label == "lens"]).mean()
    assert found > 0.99


# What the lists call it, its position there, and the source of Stein et al.'s sample that is the lens, checked by hand:
# the position in the name or the literature, and the redshift where both tables have one.
BY_HAND = [
    ("CSWA 21", 5.67049, 14.51957, 5.670495, 14.519557),  # SDSS J0022+1431, z 0.380 / 0.381
    ("CSWA 22", 26.73337, -9.49791, 26.733389, -9.497878),  # SDSS J0146-0929, z 0.447 / 0.447
    ("CSWA 8", 182.34870, 26.67965, 182.34866, 26.679638),  # SDSS J1209+2640, z 0.558 / 0.54 photometric
    ("CSWA 5.1", 191.21401, 1.11193, 191.21399, 1.111946),  # SDSS J1244+0106, z 0.388 / 0.387
    ("SL2S J085447-012137", 133.69395, -1.36030, 133.69394, -1.3602765),  # z 0.351 / 0.35 photometric
    ("SDSSJ2222+2745", 335.53540, 27.75940, 335.53574, 27.759863),  # cluster, z 0.490 / 0.49 photometric; 2 arcsec off
    ("J0330–5228", 52.73722, -52.47028, 52.73726, -52.470264),  # DES J0330-5228, z 0.463 / 0.44 photometric
    ("J0411-4819", 62.79569, -48.32767, 62.795727, -48.327656),  # DES J0411-4819, z 0.46 / 0.41 photometric
    ("J2336–5352", 354.02972, -53.87658, 354.02982, -53.876625),  # 23:36:07.2 -53:52:36
    ("Abell 370", 39.97134, -1.58226, 39.971348, -1.5822505),  # z 0.375 / 0.373
    ("J144320.64-012537.1", 220.83600, -1.42700, 220.83598, -1.4270281),  # z 0.89 / 0.92 photometric
    ("J2113-0114", 318.48465, -1.24061, 318.48465, -1.2406005),  # 21:13:56.3 -01:14:26
    ("SDSSJ1148+1930", 177.13810, 19.50090, 177.13808, 19.500877),  # the Cosmic Horseshoe, z 0.446 / 0.445
]
LISTS = [
    ("lenscat_catalog.csv", "lenscat", "RA [deg]", "DEC [deg]", "name"),
    ("masterlens_2022.tsv.gz", "masterlens", "ra_coord", "dec_coord", "system_name"),
    ("desi_imaging_candidates.csv", "desi", "ra", "dec", "name"),
    ("sled_lenses.csv", "sled", "ra", "dec", "name"),
]


@pytest.mark.realdata
def test_known_lenses_stand_in_the_training_sample_of_stein(skysieve_data):
    """Of the 1615 sources 1610 are the lens of a listed system, the other five near one; 99 % within 2.7 arcsec."""
    folder = skysieve_data / "lens_catalogues"
    found = []
    for path, name, ra, dec, column in LISTS:
        columns = {"ra": ra, "dec": dec, "name": column, "grade": None}
        known_list = KnownList.parse({"path": path, "name": name, "columns": columns, "grades": None})
        found.append(known.entries(read_user_table(folder / path), known_list, folder / path))
    entries = pd.concat(found, ignore_index=True)
    assert int(entries.ra.isna().sum()) == 1  # one system of the Master Lens Database has no position
    stein = read_user_table(folder / "stein2022_training_lenses.tsv")
    sources = catalogue(stein[["ra", "dec"]].to_numpy())
    merged = known.merge(entries, RADIUS)
    table = match_known(merged, sources, NOBODY, RADIUS, "clear")
    lens = table[table.label == "lens"].set_index("object_id")
    in_list = {name: int(lens.lists.str.split(",").map(lambda names, one=name: one in names).sum()) for name in
               ("lenscat", "masterlens", "desi", "sled")}  # fmt: skip
    print(f"{len(entries)} entries, {merged.system_id.nunique()} systems;", dict(table.label.value_counts()), in_list)
    assert dict(table.label.value_counts()) == {"unmatched": 15669, "lens": 1610, "near": 5}
    assert in_list == {"lenscat": 1610, "masterlens": 618, "desi": 1046, "sled": 23}
    assert (lens.separation_arcsec < 2.7).mean() > 0.99
    for name, ra, dec, source_ra, source_dec in BY_HAND:
        entry = merged[(merged.name == name) & (np.abs(merged.ra - ra) < 1e-4) & (np.abs(merged.dec - dec) < 1e-4)]
        assert len(entry), name
        row = np.flatnonzero((np.abs(stein.ra - source_ra) < 1e-6) & (np.abs(stein.dec - source_dec) < 1e-6))
        assert lens.system_id[row[0] + 1] == entry.system_id.iloc[0], name
