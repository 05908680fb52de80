"""Scenes: pure functions of their keys, in which being a lens changes nothing but the light behind the galaxy."""

import numpy as np
import pytest

from pipeline.simulate import layout, population
from pipeline.simulate.scenes import scene


def test_a_scene_is_a_pure_function(survey):
    field = layout.fields(survey.sky, 3, 7, 0, -5)[0]
    first, second = (scene(survey, 7, 0, -5, field) for _ in range(2))
    for name, values in vars(first.objects).items():
        assert np.array_equal(values, getattr(second.objects, name)) or values.dtype.kind == "f"
    assert np.array_equal(first.objects.flux, second.objects.flux)
    assert not np.array_equal(first.objects.flux[:5], scene(survey, 8, 0, -5, field).objects.flux[:5])


def test_lenses_change_nothing_else(survey, changed):
    field = layout.fields(survey.sky, 3, 7, 0, -5)[0]
    with_lenses = scene(survey, 7, 0, -5, field)
    without = scene(changed(lenses__share=0.0), 7, 0, -5, field)
    assert with_lenses.objects.lens.any()
    assert not without.objects.lens.any()
    for name, values in vars(with_lenses.objects).items():
        if name not in ("lens", "control"):
            assert np.array_equal(values, getattr(without.objects, name), equal_nan=values.dtype.kind == "f"), name
    for name, values in vars(with_lenses.systems).items():
        if name not in ("flux", "clump_flux"):
            assert np.array_equal(values, getattr(without.systems, name)), name


def test_shares_are_those_of_the_settings(changed):
    survey = changed(sky__brick_pixels=3600, lenses__share=0.05, lenses__never_lensed_share=0.3)
    parts = []
    for corner in ((0, -5), (10, 0)):
        for field in layout.fields(survey.sky, 3, 7, *corner):
            parts.append((field.area, scene(survey, 7, *corner, field).objects))
    area = sum(part[0] for part in parts)
    kind, mag, lens, control = (
        np.concatenate([values for values in column])
        for column in zip(
            *((o.kind, 22.5 - 2.5 * np.log10(o.flux[:, 2]), o.lens, o.control) for _, o in parts), strict=True
        )
    )
    people = survey.population
    classed = np.isin(kind, population.CLASSES) & (mag < people.limit)
    expected = people.density * area
    assert classed.sum() == pytest.approx(expected, abs=5 * np.sqrt(expected))
    stars = (kind == "star") & (mag < people.limit)
    assert stars.sum() == pytest.approx(people.stars * area, abs=5 * np.sqrt(people.stars * area))
    hosts = (kind == "host") & (mag < people.limit)
    assert hosts.sum() / classed.sum() == pytest.approx(population.host_share(people), abs=0.03)
    assert (lens & classed).sum() / classed.sum() == pytest.approx(0.05, abs=0.012)
    assert np.all(kind[lens] == "host")
    others = hosts & ~lens
    assert np.mean(control[others] == "never_lensed") == pytest.approx(0.3, abs=0.05)
    assert np.all(np.isin(control[others], ["never_lensed", "zero_flux"]))
    assert np.all(control[~np.isin(kind, ["host"])] == "")
    assert np.all(control[lens] == "")


def test_structure_keeps_the_whole_flux(survey):
    for field in layout.fields(survey.sky, 3, 7, 0, -5):
        made = scene(survey, 7, 0, -5, field)
        whole = made.objects.main.copy()
        np.add.at(whole, made.profiles.owner, made.profiles.flux)
        np.add.at(whole, made.blobs.owner, made.blobs.flux)
        assert np.allclose(whole, made.objects.flux, rtol=1e-9)
        assert np.all(made.objects.main > 0)
        dressed = np.isin(made.objects.kind, ["spiral", "ring", "merger"])
        assert set(np.flatnonzero(dressed)) == set(made.blobs.owner)


def test_systems_are_unique_and_members_know_their_host(survey):
    seen = []
    for corner in ((0, -5), (10, -5)):
        for field in layout.fields(survey.sky, 3, 7, *corner):
            objects = scene(survey, 7, *corner, field).objects
            seen.append(objects.system)
            members = np.isin(objects.kind, ["member", "blue_companion"])
            assert np.all(np.isin(objects.kind[objects.host[members]], ["host", "companion"]))
            own = ~members
            assert np.array_equal(objects.host[own], np.flatnonzero(own))
            near = objects.kind == "blue_companion"
            host = objects.host[near]
            distance = np.hypot(objects.east[near] - objects.east[host], objects.north[near] - objects.north[host])
            assert np.all((distance > 1.1) & (distance < 5.1))
    joined = np.concatenate(seen)
    assert len(np.unique(joined)) == len(joined)
