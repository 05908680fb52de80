"""Eigenspectra agree with numpy's SVD where that applies, and are found from data with gaps."""

import numpy as np
import pytest
from fake_quasars import GRID, quasars

from pipeline.errors import PipelineError
from pipeline.learn import eigenspectra
from pipeline.learn.eigenspectra import EigenSpectra, assemble, extended, learn, normalised, smoothed
from pipeline.settings.spectra.pca import LearnedTemplates
from pipeline.spectra.log_bins import FINE, Rebinning, bins_of

RANGE = {"z": [0.5, 1.0], "train_z": [0.4, 1.2], "components": 3}
SETTINGS = {
    "kind": "learned", "quasar": [RANGE], "galaxy": [], "star": [], "iterations": 6, "clip": 5.0, "largest_sn": 10.0,
    "least_spectra": 3, "smoothing": 0.0, "use_bal": True,
}  # fmt: skip


def components(count, pixels, seed=1):
    """Smooth orthogonal vectors and coefficients of clearly different variances."""
    draw = np.random.default_rng(seed)
    vectors = smoothed(draw.normal(size=(count, pixels)), 20 * FINE)
    vectors = np.linalg.qr(vectors.T)[0].T
    return vectors, draw.normal(size=(400, count)) * 10.0 ** -np.arange(count) * 30


def angle(a, b):
    """Sine of the largest principal angle between the spans of orthonormalised a and b (K, L)."""
    a, b = np.linalg.qr(a.T)[0], np.linalg.qr(b.T)[0]
    return np.linalg.norm(a - b @ (b.T @ a), 2)


def fit(data, count, iterations):
    engine = EigenSpectra(data, count)
    for _ in range(iterations):
        explained = engine.iterate()
    engine.rotate()
    return engine, explained


def test_equals_svd_on_complete_data():
    vectors, coefficients = components(3, 500)
    flux = coefficients @ vectors + 0.01 * np.random.default_rng(2).normal(size=(400, 500))
    flux = flux.astype(np.float32)
    engine, explained = fit(assemble(np.ones_like(flux), flux, 35000, np.zeros(400)), 3, 30)
    u, s, v = np.linalg.svd(flux.astype(np.float64), full_matrices=False)
    signs = np.sign((u * s)[:, :3].sum(0))
    np.testing.assert_allclose(engine.vectors.numpy(), v[:3] * signs[:, None], atol=1e-6)
    assert explained == pytest.approx((s[:3] ** 2).sum() / (s**2).sum(), rel=1e-9)


def test_weights_and_gaps():
    """Each spectrum shows another third of the rest frame, with errors that differ by pixel."""
    vectors, coefficients = components(3, 1500)
    coefficients[:, 1:] = np.random.default_rng(5).normal(size=(400, 2)) * [10, 5]
    draw = np.random.default_rng(3)
    shift = draw.integers(0, 1001, 400)
    truth = np.stack([c @ vectors[:, 1000 - s : 1500 - s] for c, s in zip(coefficients, shift, strict=True)])
    sigma = 0.002 * 10 ** draw.uniform(0, 1, truth.shape)
    flux = truth + sigma * draw.normal(size=truth.shape)
    weight = np.where(draw.random(truth.shape) < 0.2, 0, sigma**-2)
    flux[weight == 0] = 1e6
    z = 10 ** (shift * FINE) - 1
    data = assemble(weight.astype(np.float32), (weight * flux).astype(np.float32), 36000, z)
    assert (data.first, data.count, data.spectra) == (36000 - shift.max(), 500 + shift.max() - shift.min(), 400)
    engine, _ = fit(data, 3, 500)
    start = 1000 - shift.max()
    shown = engine.reached() >= 20
    truth = vectors[:, start : start + data.count][:, shown]
    assert shown.mean() > 0.9 and angle(engine.vectors.numpy()[:, shown], truth) < 0.02
    equal = assemble((weight > 0).astype(np.float32), ((weight > 0) * flux).astype(np.float32), 36000, z)
    unweighted, _ = fit(equal, 3, 500)
    found, plain = engine.vectors.numpy()[:, shown], unweighted.vectors.numpy()[:, shown]
    assert angle(found, truth) < 0.7 * angle(plain, truth)


def test_explained_variance_grows():
    flux, ivar, mask = quasars(np.random.default_rng(1).uniform(0.4, 1.2, 120), 5.0, 2)
    z = np.random.default_rng(1).uniform(0.4, 1.2, 120)
    bins = bins_of(GRID, 1)
    parts = Rebinning(np.log10(GRID.edges), bins)(flux, ivar, mask)
    engine = EigenSpectra(assemble(*normalised(*parts, 10.0), bins.first, z), 3)
    explained = [engine.iterate() for _ in range(8)]
    assert np.all(np.diff(explained) > -1e-9) and explained[-1] > 0.9
    assert (bins.first, bins.count) == (35522, 4618)


def test_outliers_lose_their_weight():
    vectors, coefficients = components(2, 600)
    draw = np.random.default_rng(4)
    clean = coefficients[:, :2] @ vectors
    sigma = 0.05
    flux = clean + sigma * draw.normal(size=clean.shape)
    rows, pixels = draw.integers(0, 390, 300), draw.integers(0, 600, 300)
    flux[rows, pixels] += 20.0
    flux[390:] = 0.5 * draw.normal(size=(10, 600))
    weight = np.full(flux.shape, sigma**-2, np.float32)
    angles = []
    for clip in (False, True):
        engine = EigenSpectra(assemble(weight, (weight * flux).astype(np.float32), 35000, np.zeros(400)), 2)
        for iteration in range(20):
            if clip and iteration in (5, 10):
                found = engine.clip(5.0)
                if iteration == 5:
                    assert found[0] >= len(set(zip(rows, pixels, strict=True))) * 0.9 and found[1] == 10
            engine.iterate()
        angles.append(angle(engine.vectors.numpy(), vectors))
    assert angles[1] < 0.5 * angles[0]


def test_no_bright_spectrum_decides():
    """Beyond the largest S/N the weight of a pixel no longer grows, and faint spectra keep theirs."""
    level, error = np.array([[1e3], [1.0], [1e-3]]), np.array([[1.0], [1.0], [1.0]])
    weight = np.broadcast_to(error**-2, (3, 50)).copy()
    got, flux = normalised(weight, weight * level, 10.0)
    np.testing.assert_allclose(got[0], 100 / (1 + 1e-4), rtol=1e-3)
    np.testing.assert_allclose(got[1], 1 / 1.01, rtol=1e-5)
    np.testing.assert_allclose(flux[0] / got[0], 1.0, rtol=1e-5)
    assert np.isfinite(got).all() and got.max() <= 100
    empty = normalised(np.zeros((1, 5)), np.zeros((1, 5)), 10.0)
    assert not empty[0].any() and not empty[1].any()


def test_uncovered_bins_are_filled():
    vectors = np.stack([np.linspace(1, 2, 200), np.linspace(-1, 1, 200)])
    covered = np.ones(200, dtype=bool)
    covered[:50] = covered[120:125] = covered[180:] = False
    vectors[:, ~covered] = 77
    filled = extended(vectors, covered)
    np.testing.assert_allclose(filled[0, 115:130], np.linspace(1, 2, 200)[115:130])
    inner = covered & (np.arange(200) > 50) & (np.arange(200) < 179)
    np.testing.assert_array_equal(filled[:, inner], vectors[:, inner])
    edge = eigenspectra._EDGE
    np.testing.assert_allclose(filled[:, :50], np.median(vectors[:, 50 : 50 + edge], axis=1)[:, None] * np.ones(50))
    np.testing.assert_allclose(filled[:, 180:], np.median(vectors[:, 180 - edge : 180], axis=1)[:, None] * np.ones(20))


def test_order_of_the_spectra_does_not_matter():
    z = np.random.default_rng(7).uniform(0.4, 1.2, 60)
    flux, ivar, mask = quasars(z, 5.0, 8)
    bins = bins_of(GRID, 1)
    parts = normalised(*Rebinning(np.log10(GRID.edges), bins)(flux, ivar, mask), 10.0)
    settings = LearnedTemplates.parse(SETTINGS)
    found = []
    for order in (np.arange(60), np.random.default_rng(9).permutation(60)):
        data = assemble(parts[0][order], parts[1][order], bins.first, z[order])
        templates, rows = learn(data, settings, 3, "quasar", (0.5, 1.0), 0)
        found.append(templates.vectors)
    np.testing.assert_allclose(found[0], found[1], atol=1e-7)
    assert [row["iteration"] for row in rows] == list(range(1, 7)) and rows[0]["spectra"] == 60


def test_too_few_spectra_are_refused():
    flux, ivar, mask = quasars(np.full(3, 0.7), 5.0, 8)
    parts = normalised(ivar.astype(float), (ivar * flux).astype(float), 10.0)
    data = assemble(*parts, 35522, np.full(3, 0.7))
    with pytest.raises(PipelineError, match="too few training spectra"):
        learn(data, LearnedTemplates.parse(SETTINGS), 3, "quasar", (0.5, 1.0), 0)
