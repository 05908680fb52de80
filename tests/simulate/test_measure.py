"""What the catalogue of a brick says, against what was put into the scene."""

import numpy as np
import pytest

from pipeline.simulate import layout, measure
from pipeline.simulate.conditions import conditions, transmission
from pipeline.simulate.scenes import scene


@pytest.fixture(scope="module")
def bricks(changed):
    survey = changed(sky__brick_pixels=1400)
    out = []
    for field in layout.fields(survey.sky, 3, 7, 0, -5):
        made = scene(survey, 7, 0, -5, field)
        for brick in field.bricks:
            under = conditions("south", survey.regions.south, 1400, 7, brick.number)
            out.append((made, brick, under, measure.measure(made, brick, under, survey, 7)))
    return survey, out


def test_errors_of_faint_points_are_those_of_the_depth(bricks):
    _, parts = bricks
    for made, _, under, found in parts:
        star = (made.objects.kind[found.table.row] == "star") & (found.table.image < 0)
        depth = under.depth_at(found.x, found.y)
        faint = star & (found.table.flux[:, 2] < 5)
        expected = depth[faint] ** -0.5
        assert np.all(found.error[faint] >= 0.999 * expected)
        assert np.median(found.error[faint] / expected) < 1.6


def test_fluxes_scatter_by_their_errors(bricks):
    _, parts = bricks
    pulls = np.concatenate([((f.flux - f.table.flux) / f.error)[~f.table.duplicate] for *_, f in parts])
    assert np.std(pulls, axis=0) == pytest.approx(np.ones(3), abs=0.08)
    assert np.mean(pulls, axis=0) == pytest.approx(np.zeros(3), abs=0.08)


def test_fluxes_are_the_dusty_fluxes_of_the_scene(bricks):
    _, parts = bricks
    made, _, under, found = parts[0]
    objects = made.objects
    alone = (found.table.image < 0) & ~found.table.duplicate & ~objects.lens[found.table.row]
    row = found.table.row[alone]
    truth = objects.flux[row] * transmission(made.dust.ebv(objects.east[row], objects.north[row]))
    ratio = found.table.flux[alone] / truth
    # Southern colour terms are zero; a blend adds flux and never takes it.
    assert np.all(ratio > 0.9999)
    assert np.median(ratio) == pytest.approx(1, abs=1e-6)
    assert np.mean(ratio[:, 1] > 1.01) < 0.15


def test_only_the_own_area_is_listed_in_the_order_of_rows(bricks):
    _, parts = bricks
    for _, brick, _, found in parts:
        assert np.all(brick.owns(found.ra, found.dec))
        order = np.lexsort((found.x, np.floor(found.y)))
        assert np.array_equal(order, np.arange(len(order)))


def test_a_pair_lists_each_source_once(bricks):
    _, parts = bricks
    seen = {}
    for made, _, _, found in parts:
        seen.setdefault(id(made), []).append(found.table.key[found.table.image < 0])
    assert any(len(keys) == 2 for keys in seen.values())
    for keys in seen.values():
        joined = np.concatenate(keys)
        assert len(np.unique(joined)) == len(joined)


def test_lensed_images_stand_by_their_lens(bricks):
    _, parts = bricks
    number = 0
    for made, _, _, found in parts:
        arc = found.table.image >= 0
        number += arc.sum()
        lens = found.table.row[arc]
        assert np.all(made.objects.lens[lens])
        distance = np.hypot(
            found.table.east[arc] - made.objects.east[lens], found.table.north[arc] - made.objects.north[lens]
        )
        assert np.all((distance > 0.5) & (distance < 8))
    assert number > 3


def test_crowding_counts_neighbours():
    def table(places, flux):
        n = len(places)
        east, north = np.array(places, dtype=float).T
        zero, no = np.zeros(n), np.zeros(n, dtype=bool)
        return measure.Sources(
            np.arange(n), np.full(n, -1), east, north, np.repeat(np.array(flux)[:, None], 3, axis=1).astype(float),
            np.full(n, "PSF"), zero, zero, zero, zero, no, np.arange(n), zero,
        )  # fmt: skip

    class Seeing:
        psfsize = np.full(3, 1.2)

    alone = measure.crowding(table([(0, 0), (50, 0)], [1, 1]), Seeing)
    assert not alone.any()
    near = measure.crowding(table([(0, 0), (0.6, 0)], [1, 3]), Seeing)
    assert near[0, 1] > near[1, 1] > 0
    assert near[0, 1] / near[1, 1] == pytest.approx(9)
    far = measure.crowding(table([(0, 0), (4.0, 0)], [1, 3]), Seeing)
    assert far[0, 1] < 0.01 * near[0, 1]


def test_duplicates_are_rows_without_flux(changed, monkeypatch):
    monkeypatch.setattr(measure, "_DUPLICATE", 0.5)
    survey = changed(sky__brick_pixels=1400)
    field = layout.fields(survey.sky, 3, 7, 0, -5)[0]
    made, brick = scene(survey, 7, 0, -5, field), field.bricks[0]
    under = conditions("south", survey.regions.south, 1400, 7, brick.number)
    found = measure.measure(made, brick, under, survey, 7)
    twin = found.table.duplicate
    assert twin.any()
    assert set(found.table.type[twin]) == {"DUP"}
    assert not found.flux[twin].any()
    assert "DUP" not in set(found.table.type[~twin])
