"""Distances to cells of another set: no point nearer lies in another set, some point just beyond does."""

import astropy.units as u
import astropy_healpix
import numpy as np
import pytest

from pipeline.data.sky import ARCSEC, cells, unit_vectors
from pipeline.labels.margins import distance_to_other_sets


def degrees(vectors):
    return np.degrees(np.arctan2(vectors[..., 1], vectors[..., 0])) % 360, np.degrees(
        np.arcsin(np.clip(vectors[..., 2], -1, 1))
    )


def places(rng, nside, reach):
    """Positions over the sky, around the poles and around corners of cells."""
    ra, dec = rng.uniform(0, 360, 3000), np.degrees(np.arcsin(rng.uniform(-1, 1, 3000)))
    dec[:200] = rng.choice([-1, 1], 200) * (90 - rng.uniform(0, 3 * reach / 3600, 200))
    ra[200:300] = rng.uniform(-reach, reach, 100) / 3600 % 360
    cell = rng.integers(0, 12 * nside**2, 3000)
    corner = astropy_healpix.healpix_to_lonlat(
        cell, nside, rng.choice([0.0, 1.0], 3000), rng.choice([0.0, 1.0], 3000), order="nested"
    )
    vectors = unit_vectors(*(angle.to_value(u.deg) for angle in corner)) + rng.normal(0, reach * ARCSEC, (3000, 3))
    around = degrees(vectors / np.linalg.norm(vectors, axis=1)[:, None])
    return np.concatenate([ra, around[0]]), np.concatenate([dec, around[1]])


def other_set_on_circle(ra, dec, set_of_cell, nside, radius_arcsec, steps):
    """Whether a circle of points around each position touches another set."""
    centre = unit_vectors(ra, dec)
    east = np.cross(centre, [0.0, 0.0, 1.0])
    east /= np.linalg.norm(east, axis=1)[:, None]
    north = np.cross(centre, east)
    own = set_of_cell[cells(ra, dec, nside)]
    touched = np.zeros(len(ra), dtype=bool)
    radius = (radius_arcsec * ARCSEC)[:, None]
    for angle in np.linspace(0, 2 * np.pi, steps, endpoint=False):
        around = centre * np.cos(radius) + np.sin(radius) * (east * np.cos(angle) + north * np.sin(angle))
        touched |= set_of_cell[cells(*degrees(around), nside)] != own
    return touched


@pytest.mark.parametrize("nside, reach", [(64, 60.0), (64, 800.0), (8, 60.0), (2, 20_000.0), (512, 60.0)])
def test_distance_against_brute_force(nside, reach):
    rng = np.random.default_rng(nside)
    set_of_cell = rng.integers(0, 4, 12 * nside**2)
    ra, dec = places(rng, nside, reach)
    distance = distance_to_other_sets(ra, dec, set_of_cell, nside, reach)
    within = np.isfinite(distance)
    assert 0.1 < within.mean() < 0.9
    assert (distance[within] <= reach).all() and (distance[within] >= 0).all()
    radius = np.where(within, distance, reach)
    nearer = other_set_on_circle(ra, dec, set_of_cell, nside, radius * (1 - 1e-6) - 1e-6, 72)
    assert not nearer.any()
    beyond = other_set_on_circle(ra, dec, set_of_cell, nside, radius * 1.03 + 1e-3, 360)
    assert beyond[within].all()


def test_the_distance_from_a_straight_edge():
    """Four cells of nside 1 meet at longitude 45 degrees on the equator."""
    set_of_cell = np.arange(12)
    offset = 30.0 / 3600
    distance = distance_to_other_sets([45.0 - offset], [0.0], set_of_cell, 1, 60.0)
    # In the equatorial zone edges are lines longitude = constant +- (3 pi / 8) sin(latitude) (Gorski et al. 2005).
    assert distance == pytest.approx(30.0 * np.cos(np.arctan(3 * np.pi / 8)), rel=1e-4)


def test_one_set_has_no_other():
    ra, dec = places(np.random.default_rng(0), 16, 60.0)
    assert np.isinf(distance_to_other_sets(ra, dec, np.zeros(12 * 16**2, dtype=int), 16, 60.0)).all()


def test_a_lone_cell_of_another_set_is_seen_from_all_sides():
    nside, lone = 64, 20_000
    set_of_cell = np.zeros(12 * nside**2, dtype=int)
    set_of_cell[lone] = 1
    rng = np.random.default_rng(5)
    lon, lat = astropy_healpix.healpix_to_lonlat(lone, nside, order="nested")
    ra, dec = lon.deg + rng.uniform(-1, 1, 20_000), lat.deg + rng.uniform(-1, 1, 20_000)
    distance = distance_to_other_sets(ra, dec, set_of_cell, nside, 60.0)
    inside = cells(ra, dec, nside) == lone
    edge = np.isfinite(distance)
    assert (edge & inside).sum() > 20 and (edge & ~inside).sum() > 20
    # The area of the strips: their share among the points against perimeter times width.
    area = 4 * np.cos(np.radians(lat.deg)) * 3600**2
    perimeter = 4 * np.sqrt(np.pi / 3) / nside / ARCSEC
    assert edge.mean() * area == pytest.approx(2 * 60 * perimeter, rel=0.2)


def test_no_reach_and_no_positions():
    set_of_cell = np.arange(12)
    assert np.isinf(distance_to_other_sets([10.0], [10.0], set_of_cell, 1, 0.0)).all()
    assert len(distance_to_other_sets(np.zeros(0), np.zeros(0), set_of_cell, 1, 60.0)) == 0
