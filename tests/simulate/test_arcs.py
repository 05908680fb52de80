"""Measurement of lensed images on stamps whose content is known."""

import numpy as np
import pytest

from pipeline.simulate import arcs
from pipeline.simulate.conditions import conditions
from pipeline.simulate.gaussians import Gaussians, add
from pipeline.simulate.profiles import PIXEL_SCALE

HALF = 30


@pytest.fixture
def under(survey):
    return conditions("south", survey.regions.south, 420, 7, 5)


def stamp_of(places, fluxes, under, variance=1e-4):
    image = np.zeros((3, 2 * HALF + 1, 2 * HALF + 1), dtype=np.float32)
    x = np.array([HALF - east / PIXEL_SCALE for east, _ in places])
    y = np.array([HALF + north / PIXEL_SCALE for _, north in places])
    flat = np.full(len(x), variance / PIXEL_SCALE**2)
    points = Gaussians(x, y, flat, np.zeros(len(x)), flat, np.outer(fluxes, [1.0, 1.2, 1.4]))
    for band in range(3):
        add(image[band], points.seen_through(*under.psf(band)), band, 1e-6)
    return image


ALL = np.ones(4, dtype=bool)


def measured(stamp, under, listed=ALL, host=None):
    host = np.zeros_like(stamp) if host is None else host
    return arcs.measure(stamp, host, (0.0, 0.0), 0.8, under.noise, under, listed)


def test_two_images_apart_become_two_sources(under):
    found = measured(stamp_of([(2.8, 0.5), (-2.6, -1.0)], [3.0, 1.5], under), under)
    assert found.east == pytest.approx([2.8, -2.6], abs=0.15)
    assert found.north == pytest.approx([0.5, -1.0], abs=0.15)
    assert found.flux[:, 1] == pytest.approx([3.6, 1.8], rel=0.15)
    assert found.radius.tolist() == [0, 0]
    total = found.flux.sum(axis=0) + found.blended
    assert np.all(total <= np.array([4.5, 5.4, 6.3]) * 1.01)


def test_what_the_catalogue_does_not_list_blends(under):
    stamp = stamp_of([(1.6, 0.0)], [3.0], under)
    apart, merged = measured(stamp, under), measured(stamp, under, np.zeros(4, dtype=bool))
    assert len(apart.east) == 1
    assert len(merged.east) == 0
    assert merged.blended[1] > 3 * apart.blended[1]
    assert np.all(merged.blended < stamp.sum(axis=(1, 2)))


def test_an_image_close_to_the_host_or_under_its_glare_is_none(under):
    assert len(measured(stamp_of([(0.4, 0.0)], [3.0], under), under).east) == 0
    glare = 10 * stamp_of([(0.0, 0.0)], [30.0], under, variance=4.0)
    assert len(measured(stamp_of([(2.5, 0.0)], [3.0], under), under, host=glare).east) == 0


def test_snr_is_that_of_a_matched_filter(under):
    stamp = stamp_of([(3.0, 0.0)], [2.0], under)
    expected = np.sqrt(np.sum(stamp**2 / (under.noise[:, None, None] ** 2 * (1 + stamp / under.sky[:, None, None]))))
    assert measured(stamp, under).snr == pytest.approx(expected, rel=1e-4)
    # In the limit of faint light a point source's ratio is flux sqrt(depth).
    faint = stamp_of([(3.0, 0.0)], [1e-2], under)
    depth = under.depth_at([under.passes[0].columns.size / 2], [210])[0]
    passes = under.passes_at([210.0], [210.0])[0] / [band.base for band in under.passes]
    limit = np.sqrt(np.sum((1e-2 * np.array([1.0, 1.2, 1.4])) ** 2 * depth / passes))
    assert measured(faint, under).snr == pytest.approx(limit, rel=0.03)


def test_long_images_are_long(under):
    places = [(3.0 * np.cos(a), 3.0 * np.sin(a)) for a in np.linspace(-0.35, 0.35, 9)]
    found = measured(stamp_of(places, np.full(9, 0.6), under), under)
    assert len(found.radius) == 1
    assert found.radius[0] > 0.4
    # Along the tangent at due east: north-south, position angle 0.
    assert found.e1[0] > 0.2
    assert abs(found.e2[0]) < 0.1


def test_no_light_no_images(under):
    found = measured(np.zeros((3, 61, 61), dtype=np.float32), under)
    assert found.snr == 0
    assert not found.blended.any()
    assert len(found.east) == 0
