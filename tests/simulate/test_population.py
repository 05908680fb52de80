"""Distributions of the population against their own definitions and astropy's cosmology."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

from pipeline.simulate import population


def test_redshift_inverts_the_distance_modulus():
    z = np.array([0.05, 0.3, 0.7, 1.2])
    modulus = FlatLambdaCDM(H0=70, Om0=0.3).distmod(z).value
    magnitude = population.magnitude_of(z, -22.0)
    assert np.allclose(magnitude, -22.0 + modulus + 0.4 * z, atol=0.02)
    assert np.allclose(population.redshift_of(magnitude, -22.0), z, atol=2e-3)
    assert population.angular_scale(0.5) == pytest.approx(6.10, abs=0.02)


def test_fluxes_have_the_colours_asked_for():
    flux = population.fluxes(np.array([18.0]), np.array([1.6]), np.array([1.1]))
    g, r, z = 22.5 - 2.5 * np.log10(flux[0])
    assert (g - r, r - z, z) == pytest.approx((1.6, 1.1, 18.0))


def test_counts_follow_the_slopes(survey):
    people, area = survey.population, 40_000.0
    bright, faint = population.draw_magnitudes(np.random.default_rng(4), people, area)
    below = np.sum(bright < people.limit)
    assert below == pytest.approx(people.density * area, abs=5 * np.sqrt(people.density * area))
    one_brighter = np.sum(bright < people.limit - 1)
    assert np.log10(below / one_brighter) == pytest.approx(people.slope, abs=0.02)
    # Counts are continuous where the two parts meet.
    edge = bright.max()
    assert faint.min() == pytest.approx(edge, abs=0.01)
    width = 0.1
    inside, outside = np.sum(bright > edge - width), np.sum(faint < edge + width)
    assert outside / inside == pytest.approx(1, abs=0.12)
    assert faint.max() <= people.faint_limit


def test_known_lenses_would_be_hosts_here():
    # Stein et al. 2021, training lenses: median z 18.41, g - r 1.62, r - z 1.14; 5 % to 95 %: z 16.5 to 19.7.
    rng = np.random.default_rng(5)
    magnitude = rng.normal(18.4, 0.9, 4000)
    drawn = population.draw_galaxies(rng, np.full(4000, "host"), magnitude)
    assert np.median(drawn["gr"]) == pytest.approx(1.62, abs=0.25)
    assert np.median(drawn["rz"]) == pytest.approx(1.14, abs=0.25)
    assert np.mean(drawn["type"] == "SER") == pytest.approx(0.57, abs=0.04)
    assert np.std(drawn["gr"]) > 0.2
    assert np.all(drawn["radius"] >= 0.15)
    assert np.all(drawn["e1"][drawn["type"] == "REX"] == 0)


def test_classes_differ_in_colour_and_size(survey):
    rng = np.random.default_rng(6)
    magnitude = np.full(3000, 18.5)
    host, dwarf = (population.draw_galaxies(rng, np.full(3000, name), magnitude) for name in ("host", "dwarf"))
    assert np.median(host["gr"]) - np.median(dwarf["gr"]) > 0.8
    assert np.median(host["redshift"]) > np.median(dwarf["redshift"])
    weights = population.class_weights(survey.population, np.array([17.0, 19.5]))
    assert np.allclose(weights.sum(axis=1), 1)
    assert weights[0, 0] > weights[1, 0]


def test_stars_lie_on_a_locus():
    gr, rz = population.draw_star_colours(np.random.default_rng(7), 2000)
    assert np.corrcoef(gr, rz)[0, 1] > 0.8
