"""What the honesty check sees: pixels by distance, noise and its correlation, colours in apertures."""

import numpy as np
import pandas as pd
import pytest

from pipeline.assess import survey_honesty as honesty

SCALE = 0.262


def images(n=40, size=64, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, (n, 3, size, size)).astype(np.float32)


def test_inside_and_outside_share_no_pixel():
    stack = images()
    outside = honesty.outside_features(stack, SCALE, 4.0, 2.0)
    inside = honesty.inside_features(stack, SCALE, 4.0, 2.0)
    changed = stack.copy()
    near = honesty.radii((64, 64), SCALE) < 4.0
    changed[:, :, near] += 5.0
    again = honesty.outside_features(changed, SCALE, 4.0, 2.0)
    assert all((again[name] == outside[name]).all() for name in outside)
    assert any((honesty.inside_features(changed, SCALE, 4.0, 2.0)[name] != inside[name]).any() for name in inside)
    far = stack.copy()
    far[:, :, ~near] += 5.0
    assert all((honesty.inside_features(far, SCALE, 4.0, 2.0)[name] == inside[name]).all() for name in inside)
    corner = stack.copy()
    corner[:, :, 0, 0] += 50.0
    assert any((honesty.outside_features(corner, SCALE, 4.0, 2.0)[name] != outside[name]).any() for name in outside)


def test_statistics_equal_numpy_and_see_correlated_noise():
    stack = images()
    radius = honesty.radii((64, 64), SCALE)
    found = honesty.annulus_statistics(stack, radius, 4.0, 6.0)
    inside = (radius >= 4.0) & (radius < 6.0)
    pixels = stack[:, 1][:, inside].astype(float)
    assert np.allclose(found["mean_r_4_6"], pixels.mean(axis=1))
    assert np.allclose(found["deviation_r_4_6"], pixels.std(axis=1))
    assert np.allclose(found["percentile_99_r_4_6"], np.percentile(pixels, 99, axis=1))
    assert abs(found["correlation_r_4_6"].mean()) < 0.02
    smooth = (stack + np.roll(stack, 1, axis=-1)) / np.sqrt(2)
    correlated = honesty.annulus_statistics(smooth, radius, 4.0, 6.0)
    assert correlated["correlation_r_4_6"].mean() == pytest.approx(0.5, abs=0.03)
    assert honesty.annulus_statistics(stack[:0], radius, 4.0, 6.0)["mean_r_4_6"].shape == (0,)


def test_aperture_colours_are_those_of_a_known_source():
    radius = honesty.radii((64, 64), SCALE)
    stack = np.zeros((1, 3, 64, 64))
    for band, flux in enumerate((1.0, 2.0, 4.0)):
        stack[0, band][radius < 1.0] = flux
        stack[0, band][(radius >= 1.6) & (radius < 2.4)] = 1.0  # a ring of equal fluxes
    found = honesty.aperture_colours(stack, SCALE, [1.5, 2.5])
    assert found["g_r_1.5"][0] == pytest.approx(2.5 * np.log10(2), abs=1e-6)
    assert found["r_z_1.5"][0] == pytest.approx(2.5 * np.log10(2), abs=1e-6)
    assert found["g_r_2.5"][0] == pytest.approx(0, abs=1e-6)
    cropped = honesty.aperture_colours(stack[:, :, 10:-10, 10:-10], SCALE, [1.5, 2.5])
    assert all(np.allclose(cropped[name], found[name]) for name in found)


def test_identity_is_unpacked_as_the_ids_are_packed():
    from pipeline.data.ids import pack_object_id

    ids = pack_object_id(np.array([9010]), np.array([401234]), np.array([77]))
    columns = pd.DataFrame({name: [0.0] for name in honesty.OBSERVATION})
    found = honesty.place_features(ids, np.array([5]), np.array([10]), columns)
    assert (found["release"][0], found["brickid"][0], found["objid"][0]) == (9010, 401234, 77)
    assert found["row_share"][0] == 0.5


def test_constant_features_are_left_out():
    names, features = honesty.matrix({"a": np.zeros(3), "b": np.arange(3.0)}, {"c": np.array([1.0, np.nan, 2.0])})
    assert names == ["b", "c"] and features.shape == (3, 2)
