"""Noise and blemishes: statistics of the pixels against what the inverse variance and the settings promise."""

import numpy as np
import pytest

from pipeline.simulate import detector
from pipeline.simulate.conditions import conditions


@pytest.fixture(scope="module")
def blank(changed):
    survey = changed(blemishes__sky_residual=0.0, blemishes__satellites=0.0)
    under = conditions("south", survey.regions.south, 420, 7, 5)
    light = np.zeros((3, 420, 420), dtype=np.float32)
    return survey, under, light, detector.expose(light, under, [], survey.blemishes, 7, 5)


def test_noise_is_that_of_the_inverse_variance_less_the_smoothing(blank):
    survey, under, _, (image, invvar) = blank
    centre, first, second = survey.blemishes.correlation
    energy = centre**2 + 2 * first**2 + 2 * second**2
    for band in range(3):
        assert np.std(image[band] * np.sqrt(invvar[band])) == pytest.approx(energy, rel=0.01)
        passes = under.passes[band].image()
        assert np.allclose(invvar[band], passes / under.passes[band].base / under.noise[band] ** 2, rtol=1e-5)


def test_autocorrelation_is_that_of_a_real_coadd(blank):
    # Measured on the blank sky of a DR9 cutout (decals_grz_fits/cutout_59.1067_-30.4848, g, r, z): 0.12, -0.07, 0.03.
    *_, (image, invvar) = blank
    noise = image[1] * np.sqrt(invvar[1])
    variance = np.mean(noise**2)
    assert np.mean(noise[:, 1:] * noise[:, :-1]) / variance == pytest.approx(0.125, abs=0.02)
    assert np.mean(noise[1:] * noise[:-1]) / variance == pytest.approx(0.125, abs=0.02)
    assert np.mean(noise[:, 2:] * noise[:, :-2]) / variance == pytest.approx(-0.065, abs=0.02)
    assert np.mean(noise[1:, 1:] * noise[:-1, :-1]) / variance == pytest.approx(0.02, abs=0.02)


def test_large_apertures_keep_the_noise(blank):
    *_, (image, invvar) = blank
    noise = (image[0] * np.sqrt(invvar[0])).reshape(21, 20, 21, 20).sum(axis=(1, 3)) / 20
    assert np.std(noise) == pytest.approx(1.0, abs=0.08)


def test_light_adds_its_own_noise(blank):
    survey, under, light, (dark, _) = blank
    bright = np.full_like(light, 2.0)
    image, invvar = detector.expose(bright, under, [], survey.blemishes, 7, 5)
    for band in range(3):
        factor = 1 + 2.0 / under.sky[band]
        passes = under.passes[band]
        assert np.allclose(1 / invvar[band], factor * under.noise[band] ** 2 * passes.base / passes.image(), rtol=1e-5)
        # The same draws, scaled: the light decides only how strong they are.
        assert np.allclose((image[band] - 2.0) / np.sqrt(factor), dark[band], atol=1e-5)


def test_noise_depends_on_brick_region_and_band_alone(blank):
    survey, under, light, (image, _) = blank
    again = detector.expose(light, under, [], survey.blemishes, 7, 5)[0]
    assert np.array_equal(image, again)
    other = detector.expose(light, under, [], survey.blemishes, 7, 6)[0]
    assert abs(np.corrcoef(image[0].ravel(), other[0].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(image[0].ravel(), image[1].ravel())[0, 1]) < 0.02


def test_bright_stars_bleed_along_their_row(survey):
    under = conditions("south", survey.regions.south, 420, 7, 5)
    flux = np.array([[3e4, 3e4, 3e4], [10.0, 10.0, 10.0]])
    trails = detector.bleeds(np.array([200.0, 50.0]), np.array([100.0, 50.0]), flux, under, survey.blemishes, 420)
    assert {trail.band for trail in trails} == {0, 1, 2}
    for trail in trails:
        assert trail.x0 < 200 < trail.x1
        assert trail.y0 <= 100 < trail.y1
        assert trail.x1 - trail.x0 > 2 * (trail.y1 - trail.y0)
    light = np.zeros((3, 420, 420), dtype=np.float32)
    light[:, 95:106, 195:206] = 1e4
    image, invvar = detector.expose(light, under, trails, survey.blemishes, 7, 5)
    assert image.max() == np.float32(survey.blemishes.saturation)
    assert not invvar[0, trails[0].y0 : trails[0].y1, trails[0].x0 : trails[0].x1].any()
    masks = detector.allmask(trails, np.array([200.0, 50.0]), np.array([100.0, 50.0]))
    assert np.all(masks[0] > 0)
    assert not masks[1].any()


def test_satellites_cross_the_image(changed):
    survey = changed(blemishes__sky_residual=0.0, blemishes__satellites=1.0)
    quiet = changed(blemishes__sky_residual=0.0, blemishes__satellites=0.0)
    under = conditions("south", survey.regions.south, 420, 7, 5)
    light = np.zeros((3, 420, 420), dtype=np.float32)
    trail = (
        detector.expose(light, under, [], survey.blemishes, 7, 5)[0]
        - detector.expose(light, under, [], quiet.blemishes, 7, 5)[0]
    )
    lit = trail[0] > 0.2 * under.noise[0]
    rows, columns = np.nonzero(lit)
    assert len(rows) > 100
    assert max(np.ptp(rows), np.ptp(columns)) > 200
    # A straight line: what is left across it is a few pixels wide.
    assert np.linalg.svd(np.stack([rows - rows.mean(), columns - columns.mean()]))[1][1] / np.sqrt(len(rows)) < 6


def test_sky_residuals_are_small_and_slow(changed):
    survey = changed(blemishes__sky_residual=0.3, blemishes__satellites=0.0)
    under = conditions("south", survey.regions.south, 420, 7, 5)
    quiet = changed(blemishes__sky_residual=0.0, blemishes__satellites=0.0)
    light = np.zeros((3, 420, 420), dtype=np.float32)
    waves = (
        detector.expose(light, under, [], survey.blemishes, 7, 5)[0]
        - detector.expose(light, under, [], quiet.blemishes, 7, 5)[0]
    )[2] / under.noise[2]
    assert 0.02 < np.std(waves) < 1
    assert np.abs(np.diff(waves, axis=0)).max() < 0.05
