"""Light of whole bricks: fluxes, PSF, and the sameness of lenses and controls outside 8 arcsec."""

import numpy as np
import pytest

from pipeline.simulate import layout, lenses, observe, render
from pipeline.simulate.conditions import conditions, transmission
from pipeline.simulate.profiles import PIXEL_SCALE
from pipeline.simulate.scenes import scene


def first_brick(settings, region="south"):
    field = layout.fields(settings.sky, 3, 7, 0, -5)[0]
    brick = field.bricks[0]
    return scene(settings, 7, 0, -5, field), brick, conditions(region, settings.regions.south, 420, 7, brick.number)


def test_light_outside_the_reach_does_not_know_of_lenses(survey, changed):
    made, brick, under = first_brick(survey)
    with_lenses = render.light(made, brick, under)
    without = render.light(first_brick(changed(lenses__share=0.0))[0], brick, under)
    objects = made.objects
    x, y = brick.pixel(*made.field.sky(objects.east[objects.lens], objects.north[objects.lens]))
    rows, columns = np.indices(with_lenses.shape[1:])
    distance = np.min(np.hypot(columns[..., None] - x, rows[..., None] - y), axis=-1) * PIXEL_SCALE
    assert np.array_equal(with_lenses[:, distance > lenses.REACH], without[:, distance > lenses.REACH])
    assert np.abs(with_lenses - without).max() > 0.005


def test_a_zero_source_and_no_lens_code_give_the_same_bytes(changed):
    zero = changed(lenses__share=0.0, lenses__never_lensed_share=0.0)
    never = changed(lenses__share=0.0, lenses__never_lensed_share=1.0)
    made, brick, under = first_brick(zero)
    assert (made.objects.control == "zero_flux").any()
    other = first_brick(never)[0]
    assert (other.objects.control == "never_lensed").any()
    assert render.light(made, brick, under).tobytes() == render.light(other, brick, under).tobytes()


def test_every_galaxy_but_the_never_lensed_meets_the_lens_code(survey, monkeypatch):
    made, brick, under = first_brick(survey)
    met = []
    inner = render.lensed
    monkeypatch.setattr(render, "lensed", lambda scene, row, *rest: met.append(row) or inner(scene, row, *rest))
    render.light(made, brick, under)
    n = len(made.systems.theta_e)
    x, y = brick.pixel(*made.field.sky(made.objects.east[:n], made.objects.north[:n]))
    inside = (x > 0) & (x < 419) & (y > 0) & (y < 419)
    expected = np.flatnonzero(inside & (made.objects.control[:n] != "never_lensed"))
    assert set(expected) <= set(met)
    assert not np.any(made.objects.control[met] == "never_lensed")


def test_all_light_is_that_of_the_sources_inside(survey, changed):
    made, brick, under = first_brick(changed(lenses__share=0.0, population__stars=0.001))
    light = render.light(made, brick, under)
    objects = made.objects
    x, y = brick.pixel(*made.field.sky(objects.east, objects.north))
    flux = under.filtered(objects.flux * transmission(made.dust.ebv(objects.east, objects.north)))
    inside = (x > -0.5) & (x < 419.5) & (y > -0.5) & (y < 419.5)
    # Light that leaves through the border and light that enters through it balance but for a few per cent.
    assert light.sum(axis=(1, 2)) == pytest.approx(flux[inside].sum(axis=0), rel=0.15)


def test_lensed_light_is_magnified_and_reddened(survey):
    made, brick, under = first_brick(survey)
    row = int(np.flatnonzero(made.objects.lens)[0])
    x, y = (float(v) for v in brick.pixel(*made.field.sky(made.objects.east[row], made.objects.north[row])))
    stamp, left, bottom = render.lensed(made, row, x, y, under)
    half = lenses.half_size(made.systems.theta_e[row])
    assert stamp.shape == (3, 2 * half + 1, 2 * half + 1)
    assert (left, bottom) == (round(x) - half, round(y) - half)
    system = made.systems.of(row)
    through = transmission(made.dust.ebv(made.objects.east[row], made.objects.north[row]))
    images = lenses.lensed_light(system, made.deflecting(row), x - round(x), y - round(y))
    expected = sum(image.sum() * flux for image, flux in images) * through
    assert stamp.sum(axis=(1, 2)) == pytest.approx(expected, rel=0.08)
    unlensed = (system["flux"] + system["clump_flux"]) * through
    assert np.all(stamp.sum(axis=(1, 2)) > unlensed)


def test_both_regions_see_the_same_sky(changed):
    survey = changed(tiles_overlap=1)
    south, north = (list(observe.observations(survey, 7, 1, region, 130, 30)) for region in ("south", "north"))
    for a, b in zip(south, north, strict=True):
        assert a.brick == b.brick
        assert np.array_equal(a.scene.objects.system, b.scene.objects.system)
        assert np.array_equal(a.scene.objects.flux, b.scene.objects.flux)
        assert not np.array_equal(a.conditions.psf_sigma, b.conditions.psf_sigma)
        one, two = a.catalogue.truth, b.catalogue.truth
        common = set(one.system) & set(two.system)
        assert len(common) > 0.6 * min(len(one), len(two))
        assert not set(one.object_id) & set(two.object_id)
