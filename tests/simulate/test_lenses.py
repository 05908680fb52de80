"""Lensed light against the analytic isothermal sphere, and the zero of a zero source."""

import numpy as np
import pytest
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel

from pipeline.simulate import lenses
from pipeline.simulate.profiles import PIXEL_SCALE


def system(**values):
    base = {
        "theta_e": 1.5, "slope": 2.0, "power_law": False, "e1": 1e-4, "e2": 0.0, "shear1": 0.0, "shear2": 0.0,
        "beta_x": 0.4, "beta_y": 0.0, "z_source": 2.0, "source_mag": 24.0, "radius": 0.15, "sersic": 1.0, "se1": 0.0,
        "se2": 0.0, "clump_x": 0.0, "clump_y": 0.0, "clump_radius": 0.08, "flux": np.ones(3), "clump_flux": np.zeros(3),
    }  # fmt: skip
    return base | values


NONE = np.zeros((0, 3))


def test_sersic_flux_is_the_integral():
    side = np.linspace(-6, 6, 1501)
    x, y = np.meshgrid(side, side)
    for index in (0.7, 1.0, 2.0):
        shape = {"R_sersic": 0.4, "n_sersic": index, "e1": 0.2, "e2": -0.1, "center_x": 0, "center_y": 0}
        light = LightModel(["SERSIC_ELLIPSE"]).surface_brightness(x.ravel(), y.ravel(), [{"amp": 1.0, **shape}])
        total = light.sum() * (side[1] - side[0]) ** 2
        assert lenses.sersic_flux(0.4, index) == pytest.approx(total, rel=0.01)


@pytest.mark.parametrize("power_law", [False, True])
def test_rays_are_those_of_lenstronomys_whole_model(power_law):
    values = system(power_law=power_law, slope=2.1, e1=0.1, e2=-0.05, shear1=0.04, shear2=-0.02)
    kinds, parameters = lenses.deflector(values, np.array([[2.0, -1.0, 0.4], [-3.0, 0.5, 0.2]]))
    assert kinds == ("EPL" if power_law else "SIE", "SHEAR", "SIS", "SIS")
    x, y = np.random.default_rng(3).uniform(-5, 5, (2, 200))
    expected = LensModel(list(kinds)).ray_shooting(x, y, parameters)
    assert np.allclose(lenses.ray_shooting(x, y, kinds, parameters), expected, atol=1e-12)


@pytest.mark.parametrize("power_law", [False, True])
def test_magnification_is_that_of_an_isothermal_sphere(power_law):
    # Two images of a small source, both inside the stamp: magnification 2 theta_E / beta.
    small = system(power_law=power_law, beta_x=0.7, radius=0.1)
    (image, flux), (clump, _) = lenses.lensed_light(small, NONE, 0.0, 0.0)
    assert image.sum() == pytest.approx(2 * 1.5 / 0.7, rel=0.03)
    assert clump.sum() == pytest.approx(2 * 1.5 / 0.7, rel=0.05)
    assert flux.tolist() == [1, 1, 1]


def test_images_lie_where_the_lens_equation_says():
    shift = 0.3, -0.2
    (image, _), _ = lenses.lensed_light(system(radius=0.06), NONE, *shift)
    half = lenses.half_size(1.5)
    row, column = np.unravel_index(image.argmax(), image.shape)
    # East is left: the brighter image lies at beta + theta_E = 1.9 arcsec east of the deflector.
    assert (column - half - shift[0]) * PIXEL_SCALE == pytest.approx(-1.9, abs=0.5 * PIXEL_SCALE)
    assert (row - half - shift[1]) * PIXEL_SCALE == pytest.approx(0.0, abs=0.5 * PIXEL_SCALE)


def test_a_source_of_zero_flux_adds_exactly_nothing(survey):
    rng = np.random.default_rng(5)
    n = 30
    galaxies = {
        "absolute": np.full(n, -23.0), "redshift": np.full(n, 0.4), "e1": rng.uniform(-0.2, 0.2, n), "e2": np.zeros(n)
    }
    host, lens = np.arange(n) % 2 == 0, np.arange(n) % 4 == 0
    systems = lenses.draw(np.random.default_rng(1), survey.lenses, galaxies, host, lens)
    assert not systems.flux[~lens].any()
    assert not systems.clump_flux[~lens].any()
    assert np.all(systems.flux[lens].sum(axis=1) > 0)
    # All else is drawn without regard to what is a lens.
    other = lenses.draw(np.random.default_rng(1), survey.lenses, galaxies, host, ~lens)
    for name in ("theta_e", "e1", "beta_x", "source_mag", "radius", "z_source"):
        assert np.array_equal(getattr(systems, name), getattr(other, name))
    for image, flux in lenses.lensed_light(systems.of(1), NONE, 0.1, 0.2):
        assert np.all(np.isfinite(image))
        assert not (image[..., None] * flux).any()


def test_einstein_radii_cover_the_settings_range_without_pile_up(survey):
    n = 20_000
    galaxies = {"absolute": np.full(n, -23.2), "redshift": np.full(n, 0.5), "e1": np.zeros(n), "e2": np.zeros(n)}
    yes = np.ones(n, dtype=bool)
    theta = lenses.draw(np.random.default_rng(2), survey.lenses, galaxies, yes, yes).theta_e
    low, high = survey.lenses.theta_e
    assert low <= theta.min() < low + 0.05
    assert high - 0.2 < theta.max() <= high
    assert np.median(theta) == pytest.approx(survey.lenses.theta_e_median, rel=0.1)
    assert np.mean(theta == low) == np.mean(theta == high) == 0


def test_images_are_counted():
    assert lenses.count_images(system()) in (2, 3)
    assert lenses.count_images(system(beta_x=1.8)) in (1, 2)
    inside = system(e1=0.2, beta_x=0.05, beta_y=0.03)
    assert lenses.count_images(inside) in (4, 5)
    assert lenses.configuration(system(radius=0.1), NONE) == "double"
    assert lenses.configuration(inside | {"radius": 0.1}, NONE) == "quad"
    assert lenses.configuration(system(radius=0.4), NONE) == "arc"
    assert lenses.configuration(system(radius=0.4, beta_x=0.05), NONE) == "ring"
    assert lenses.configuration(system(), np.array([[2.0, 0.0, 0.5]])) == "group"


def test_group_members_deflect():
    alone = lenses.lensed_light(system(), NONE, 0.0, 0.0)[0][0]
    helped = lenses.lensed_light(system(), np.array([[2.5, 1.0, 0.6]]), 0.0, 0.0)[0][0]
    assert np.abs(alone - helped).max() > 0.1 * alone.max()


@pytest.mark.parametrize("theta", [0.9, 2.0, 4.0])
def test_the_window_ends_within_the_reach(theta):
    half = lenses.half_size(theta)
    weights = lenses.window(half, 0.4, -0.4)
    offset = np.arange(-half, half + 1)
    radius = np.hypot((offset - 0.4)[None, :], (offset + 0.4)[:, None]) * PIXEL_SCALE
    assert not weights[radius > lenses.REACH].any()
    assert np.all(weights[radius < min(half * PIXEL_SCALE, lenses.REACH) - 1.3] == 1)
    assert not weights[0].any()
