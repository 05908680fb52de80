"""Matching, grouping and cells against astropy and brute force, across the wrap of right ascension and the poles."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy_healpix import HEALPix
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data import sky
from pipeline.errors import PipelineError


def scattered(
    rng, n, spread_arcsec, near=((0.0, 0.0), (359.9999, 40.0), (180.0, 89.999), (20.0, -90.0), (120.0, 32.4))
):
    """Positions in clumps around awkward places."""
    centre = np.array(near)[rng.integers(0, len(near), n)]
    vectors = sky.unit_vectors(centre[:, 0], centre[:, 1]) + rng.normal(0, spread_arcsec * sky.ARCSEC, (n, 3))
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    return np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])) % 360, np.degrees(np.arcsin(vectors[:, 2]))


def separations(ra1, dec1, ra2, dec2):
    first, second = SkyCoord(ra1, dec1, unit="deg"), SkyCoord(ra2, dec2, unit="deg")
    return first[:, None].separation(second[None, :]).arcsec


@pytest.mark.parametrize("radius", [1.0, 25.15, 60.0, 400_000.0])
def test_match_is_all_pairs(radius):
    rng = np.random.default_rng(0)
    a, b = scattered(rng, 150, 40), scattered(rng, 200, 40)
    expected = separations(*a, *b)
    i, j, separation = sky.match(*a, *b, radius)
    assert set(zip(i.tolist(), j.tolist(), strict=True)) == set(
        zip(*(x.tolist() for x in np.nonzero(expected <= radius)), strict=True)
    )
    np.testing.assert_allclose(separation, expected[i, j], rtol=1e-7, atol=1e-9)
    order = np.lexsort((j, separation, i))
    np.testing.assert_array_equal(order, np.arange(len(i)))


# The reference takes an arc sine of the declination, which knows only milliarcseconds at the very poles.
@given(st.floats(-89.9, 89.9), st.floats(0, 360), st.floats(0.01, 300), st.floats(0, 360))
@settings(deadline=None)
def test_a_pair_is_within_its_own_separation(dec, ra, distance, angle):
    start = SkyCoord(ra, dec, unit="deg")
    end = start.directional_offset_by(angle * u.deg, distance * u.arcsec)
    for radius, expected in ((distance + 1e-6, 1), (distance - 1e-6, 0)):
        assert len(sky.match([ra], [dec], [end.ra.deg], [end.dec.deg], radius)[0]) == expected


def test_the_radius_itself_is_within():
    radius = 25.15
    _, _, separation = sky.match([10.0], [0.0], [10.0 + radius / 3600], [0.0], radius)
    assert separation == pytest.approx(radius, abs=1e-9) and len(separation) == 1
    assert len(sky.match([10.0], [0.0], [10.0], [0.0], 0.0)[0]) == 1


def test_across_the_wrap_and_over_the_pole():
    assert sky.match([359.9999], [0.0], [0.0001], [0.0], 1.0)[2] == pytest.approx(0.72, abs=1e-6)
    assert sky.match([0.0], [89.9999], [180.0], [89.9999], 1.0)[2] == pytest.approx(0.72, abs=1e-6)
    assert sky.match([37.0], [-90.0], [200.0], [-90.0], 1e-6)[2] == pytest.approx(0, abs=1e-9)


def test_nearest_is_astropys():
    rng = np.random.default_rng(1)
    a, b = scattered(rng, 300, 60), scattered(rng, 100, 60)
    index, distance = sky.nearest(*a, *b, 30.0)
    expected, angle, _ = SkyCoord(*a, unit="deg").match_to_catalog_sky(SkyCoord(*b, unit="deg"))
    inside = angle.arcsec <= 30.0
    np.testing.assert_array_equal(index, np.where(inside, expected, -1))
    np.testing.assert_allclose(distance[inside], angle.arcsec[inside], rtol=1e-7, atol=1e-9)
    assert np.isnan(distance[~inside]).all() and (~inside).any() and inside.any()


def test_of_two_equally_near_the_lower_index_wins():
    index, _ = sky.nearest([10.0], [0.0], [10.001, 10.001, 10.0005, 10.0005], [0.0, 0.0, 0.0, 0.0], 10.0)
    assert index.tolist() == [2]


def brute_groups(linked):
    n = len(linked)
    label = list(range(n))
    for i in range(n):
        for j in range(n):
            if linked[i, j]:
                old, new = max(label[i], label[j]), min(label[i], label[j])
                label = [new if value == old else value for value in label]
    seen = {}
    return [seen.setdefault(value, len(seen)) for value in label]


def test_groups_are_friends_of_friends():
    rng = np.random.default_rng(2)
    ra, dec = scattered(rng, 120, 60)
    found = sky.groups(ra, dec, 20.0)
    assert found.tolist() == brute_groups(separations(ra, dec, ra, dec) <= 20.0)
    assert 1 < found.max() < 119


def test_a_chain_is_one_group():
    ra = np.array([0.0, 20.0, 40.0, 100.0]) / 3600
    assert sky.groups(ra, np.zeros(4), 25.0).tolist() == [0, 0, 0, 1]


def test_cells_are_astropys():
    rng = np.random.default_rng(3)
    ra, dec = rng.uniform(0, 360, 2000), np.degrees(np.arcsin(rng.uniform(-1, 1, 2000)))
    expected = HEALPix(64, order="nested").lonlat_to_healpix(ra * u.deg, dec * u.deg)
    found = sky.cells(ra, dec, 64)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(sky.cells(ra, dec, 32), found // 4)  # the nested order
    assert sky.cells([0.0, 360.0], [90.0, 90.0], 1).tolist() == [0, 0]
    assert sky.cells([0.0, 360.0], [10.0, 10.0], 64).tolist() == [sky.cells([0.0], [10.0], 64)[0]] * 2


@pytest.mark.parametrize("value, expected", [(360.0, 0.0), (-1e-20, 0.0), (-90.0, 270.0), (719.5, 359.5), (0.0, 0.0)])
def test_wrap(value, expected):
    assert sky.wrap_ra(value) == expected


def test_nothing_matches_nothing():
    empty = np.zeros(0)
    assert len(sky.match(empty, empty, [1.0], [1.0], 10.0)[0]) == 0
    assert len(sky.groups(empty, empty, 10.0)) == 0 and len(sky.cells(empty, empty, 8)) == 0
    index, distance = sky.nearest([1.0, 2.0], [0.0, 0.0], empty, empty, 10.0)
    assert index.tolist() == [-1, -1] and np.isnan(distance).all()


@pytest.mark.parametrize("ra, dec", [(np.nan, 0.0), (0.0, np.nan), (0.0, 90.5), (np.inf, 0.0)])
def test_positions_off_the_sky_are_refused(ra, dec):
    with pytest.raises(PipelineError, match="not on the sky"):
        sky.cells([1.0, ra], [1.0, dec], 8)


@pytest.mark.timeout(60)
def test_a_large_match_is_fast():
    rng = np.random.default_rng(4)
    a = rng.uniform(0, 360, 100_000), rng.uniform(-60, 60, 100_000)
    b = rng.uniform(0, 360, 1_000_000), rng.uniform(-60, 60, 1_000_000)
    b[0][:500], b[1][:500] = a[0][:500], a[1][:500]
    i, j, separation = sky.match(*a, *b, 25.15)
    assert (np.isin(np.arange(500), i)).all() and len(i) > 800 and (separation <= 25.15 + 1e-9).all()
