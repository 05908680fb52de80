"""Conditions: noise, depth and PSF as consistent as the survey's own page says, and their distributions."""

import numpy as np
import pytest
from scipy.stats import lognorm

from pipeline.images.extinction import transmission as reference
from pipeline.images.noise import pixel_noise
from pipeline.simulate import conditions as c


def test_depth_and_seeing_give_back_the_noise(survey):
    under = c.conditions("south", survey.regions.south, 420, 7, 11)
    x, y = np.array([3.0, 200.0, 419.0]), np.array([419.0, 100.0, 2.0])
    noise = pixel_noise(under.depth_at(x, y), under.psfsize, 0.262)
    assert np.allclose(noise, under.noise_at(x, y))


def test_more_exposures_less_noise(survey):
    for brick in range(30):
        under = c.conditions("north", survey.regions.north, 420, 7, brick)
        for k, band in enumerate(under.passes):
            image = band.image()
            assert image.min() >= 1
            y, x = np.indices(image.shape)
            assert np.array_equal(band.at(x.ravel(), y.ravel()), image.ravel())
            sigma = under.noise_at(x.ravel()[::97], y.ravel()[::97])[:, k]
            assert np.allclose(sigma**2 * image.ravel()[::97], under.noise[k] ** 2 * band.base)


def test_draws_are_those_of_scipys_lognormal(survey):
    band = survey.regions.south.r
    bricks = [c.conditions("south", survey.regions.south, 220, 7, number) for number in range(400)]
    sigma = np.array([brick.psf_sigma[1] for brick in bricks])
    expected = lognorm(band.psf.shape, band.psf.loc, band.psf.scale)
    assert np.median(sigma) == pytest.approx(expected.median(), rel=0.03)
    assert np.percentile(sigma, 90) == pytest.approx(expected.ppf(0.9), rel=0.05)
    assert sigma.min() >= band.psf.low
    noise = np.array([brick.noise[1] for brick in bricks])
    expected = lognorm(band.noise.shape, band.noise.loc, band.noise.scale)
    assert np.median(noise) == pytest.approx(expected.median(), rel=0.05)


def test_regions_differ_and_bricks_differ(survey):
    south, again, other = (c.conditions("south", survey.regions.south, 420, 7, number) for number in (1, 1, 2))
    assert np.array_equal(south.psf_sigma, again.psf_sigma)
    assert not np.array_equal(south.psf_sigma, other.psf_sigma)
    north = c.conditions("north", survey.regions.north, 420, 7, 1)
    assert not np.array_equal(south.noise, north.noise)


def test_colour_terms_move_with_colour_and_keep_zero_zero(survey):
    north = c.conditions("north", survey.regions.north, 420, 7, 1)
    red, blue = np.array([1.0, 4.0, 9.0]), np.array([2.0, 2.2, 2.4])
    change = -2.5 * np.log10(north.filtered(np.stack([red, blue])) / np.stack([red, blue]))
    colour = -2.5 * np.log10([1 / 4, 2 / 2.2])
    assert np.allclose(change, np.outer(colour, north.colour_term))
    assert not north.filtered(np.zeros((2, 3))).any()
    south = c.conditions("south", survey.regions.south, 420, 7, 1)
    assert np.allclose(south.filtered(red), red)


def test_dust_is_the_same_sky_for_all(survey):
    first, second = (c.dust(survey.sky, 7, 0, -5, 2) for _ in range(2))
    assert first.centre == second.centre
    assert c.dust(survey.sky, 7, 0, -5, 3).centre != first.centre
    assert np.allclose(c.transmission(np.array([0.05, 0.1])), reference(np.array([0.05, 0.1])))
    assert np.all(first.ebv(np.array([-300.0, 300.0]), np.array([1e9, -1e9])) >= 0)
