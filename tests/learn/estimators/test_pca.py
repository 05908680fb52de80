"""The estimator finds injected redshifts within its errors, warns where it should; spectra do not meet each other."""

import numpy as np
import pytest
import torch
from fake_quasars import GRID, quasars

from pipeline.data.redshift_bits import bit
from pipeline.errors import PipelineError
from pipeline.learn.checkpoints import save_weights
from pipeline.learn.eigenspectra import assemble, learn, normalised
from pipeline.learn.estimators import pca
from pipeline.models.pca import Templates
from pipeline.settings.spectra.pca import LearnedTemplates
from pipeline.spectra.grids import GRIDS
from pipeline.spectra.log_bins import FINE, Rebinning, bins_of

CPU = torch.device("cpu")
SCAN = {
    "bin": 5, "bin_scatter": 4.0, "polynomial": 2, "systematic": 0.0, "separation": 1000.0, "small_delta_chi2": 9.0,
    "least_coverage": 0.5, "least_pixels": 100, "class_margin": 0.0, "sky_margin": 50.0,
}  # fmt: skip
LEARNED = {
    "kind": "learned", "quasar": [
        {"z": [0.2, 1.5], "train_z": [0.2, 1.7], "components": 5},
        {"z": [1.3, 3.5], "train_z": [1.1, 3.5], "components": 5},
    ], "galaxy": [], "star": [], "iterations": 12, "clip": 5.0, "largest_sn": 30.0, "least_spectra": 5,
    "smoothing": 4e-4, "use_bal": True,
}  # fmt: skip


def scoring(**changes):
    return {"scan": {**SCAN, **changes}, "batch": 16, "threads": 1}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Eigenspectra of 500 made-up quasars, as the stage writes them."""
    settings = LearnedTemplates.parse(LEARNED)
    z = np.random.default_rng(1).uniform(0.2, 3.5, 500)
    bins = bins_of(GRID, 1)
    parts = normalised(*Rebinning(np.log10(GRID.edges), bins)(*quasars(z, 10.0, 2)), settings.largest_sn)
    found = []
    for number, one in enumerate(settings.quasar):
        inside = (z >= one.train_z[0]) & (z <= one.train_z[1])
        data = assemble(*(part[inside] for part in parts), bins.first, z[inside])
        found.append(learn(data, settings, one.components, "quasar", tuple(one.z), number)[0])
    path = tmp_path_factory.mktemp("pca") / "weights.pt"
    save_weights(path, *pca.state_of(found))
    return path


@pytest.fixture(scope="module")
def estimator(weights):
    return pca.load(weights, scoring(), CPU)


def test_finds_quasars(estimator):
    z = np.random.default_rng(3).uniform(0.3, 3.4, 60)
    found = estimator(*quasars(z, 4.0, 4), GRID)
    velocity = 299792.458 * (found["candidate_z"][:, 0] - z) / (1 + z)
    assert (np.abs(velocity) < 6000).mean() > 0.95
    assert np.median(np.abs(velocity)) < 150
    right = np.abs(velocity) < 6000
    assert (found["bits"][right] & bit("SMALL_DELTA_CHI2") == 0).mean() > 0.9
    assert (found["bits"] & bit("NOT_QUASAR") == 0).all()
    assert estimator.batch == 16
    shapes = {name: values.shape for name, values in found.items()}
    assert shapes == {
        "candidate_z": (60, 5), "candidate_score": (60, 5), "candidate_sigma": (60, 5), "chi2": (60, 5), "bits": (60,),
        "coefficients": (60, 5), "template_range": (60,), "dof": (60,), "class_chi2": (60, 4),
    }  # fmt: skip
    assert (found["template_range"][right & (z < 1.25)] == 0).all()
    assert (found["template_range"][right & (z > 1.55)] == 1).all()


def test_candidates(estimator):
    z = np.random.default_rng(5).uniform(0.3, 3.4, 20)
    found = estimator(*quasars(z, 1.0, 6), GRID)
    chi2, score, place = found["chi2"], found["candidate_score"], np.log10(1 + found["candidate_z"])
    assert np.all(np.diff(chi2, axis=1)[np.isfinite(chi2[:, 1:])] >= 0)
    np.testing.assert_allclose(score[:, 0], chi2[:, 1] - chi2[:, 0], rtol=1e-4)
    np.testing.assert_allclose(score[:, 1:], (chi2[:, :1] - chi2[:, 1:]), rtol=1e-4)
    for row in place:
        gaps = np.abs(row[:, None] - row[None])[np.triu_indices(5, 1)]
        assert np.nanmin(gaps) > 1000 / (299792.458 * np.log(10))
    np.testing.assert_array_equal(found["class_chi2"][:, 0], chi2[:, 0])
    assert np.isnan(found["class_chi2"][:, 1:3]).all() and (found["class_chi2"][:, 3] > chi2[:, 0]).all()
    np.testing.assert_allclose(np.median(chi2[:, 0] / found["dof"]), 1.0, atol=0.1)


def test_error_of_the_parabola(weights, estimator):
    """Spectra that are sums of the eigenspectra scatter as the errors say."""
    one = estimator._templates[1]
    draw, n = np.random.default_rng(8), 120
    z = draw.uniform(1.8, 2.6, n)
    fine = np.arange(one.vectors.shape[1]) + one.first
    observed = np.log10(GRID.wavelength)
    flux = np.empty((n, GRID.pixels))
    for row in range(n):
        model = one.vectors[0] * 60 + (draw.normal(size=4) * 3) @ one.vectors[1:]
        flux[row] = np.interp(observed - np.log10(1 + z[row]), fine * FINE, model)
    sigma = np.median(np.abs(flux), axis=1, keepdims=True) / 2
    ivar = np.broadcast_to(sigma**-2, flux.shape)
    flux = flux + sigma * draw.normal(size=flux.shape)
    found = estimator(flux.astype(np.float32), ivar.astype(np.float32), np.zeros(flux.shape, dtype=bool), GRID)
    pull = (found["candidate_z"][:, 0] - z) / found["candidate_sigma"][:, 0]
    kept = np.abs(found["candidate_z"][:, 0] - z) / (1 + z) < 0.01
    assert kept.mean() > 0.9
    assert 0.7 < np.nanmedian(np.abs(pull[kept])) / 0.6745 < 1.4
    assert abs(np.nanmedian(pull[kept])) < 0.4


def test_results_do_not_depend_on_the_batch(weights):
    z = np.random.default_rng(9).uniform(0.3, 3.4, 9)
    flux, ivar, mask = quasars(z, 2.0, 10)
    once = pca.load(weights, scoring(), CPU)(flux, ivar, mask, GRID)
    order = np.array([4, 0, 8, 2])
    other = pca.load(weights, scoring(), CPU)(flux[order], ivar[order], mask[order], GRID)
    alone = pca.load(weights, scoring(), CPU)(flux[4:5], ivar[4:5], mask[4:5], GRID)
    for name, values in once.items():
        assert values[order].tobytes() == other[name].tobytes()
        assert values[4:5].tobytes() == alone[name].tobytes()


@pytest.mark.parametrize("name", ["desi", "rnet", "fnet_paper"])
def test_other_grids(estimator, name):
    """The same quasars on another grid get the same redshifts."""
    z = np.array([0.6, 1.9, 2.8])
    flux, ivar, mask = quasars(z, 20.0, 11)
    grid = GRIDS[name]
    place = np.clip(np.searchsorted(GRID.edges, grid.wavelength) - 1, 0, GRID.pixels - 1)
    found = estimator(flux[:, place], ivar[:, place], mask[:, place], grid)
    np.testing.assert_allclose(found["candidate_z"][:, 0], z, rtol=0, atol=0.006)


def test_warnings(estimator, weights):
    z = np.array([1.9, 1.9, 1.9, 1.9])
    flux, ivar, mask = quasars(z, 5.0, 12)
    ivar[0] = 0
    mask[1, 400:] = True
    mask[1, :400] = False
    noise = np.random.default_rng(13).normal(size=GRID.pixels)
    flux[2], ivar[2], mask[2] = noise, 1.0, False
    found = estimator(flux, ivar, mask, GRID)
    assert found["bits"][0] == bit("NODATA") and np.isnan(found["candidate_z"][0]).all()
    assert found["template_range"][0] == -1 and found["dof"][0] == 0
    assert found["bits"][1] & bit("LITTLE_COVERAGE") and found["bits"][1] & bit("POORDATA")
    assert found["bits"][2] & bit("NOT_QUASAR")
    assert found["bits"][3] & (bit("NOT_QUASAR") | bit("LITTLE_COVERAGE") | bit("POORDATA") | bit("BAD_MINFIT")) == 0


def test_upside_down(estimator):
    flux, ivar, mask = quasars(np.array([1.9]), 20.0, 12)
    level = np.median(flux, axis=1, keepdims=True)
    found = estimator((2 * level - flux).astype(np.float32), ivar, mask, GRID)
    prepared = estimator._prepared[GRID]
    weight, weighted = (torch.from_numpy(part[0]) for part in prepared.rebinning(2 * level - flux, ivar, mask))
    one = prepared.shifted["quasar"][1]
    place = round(np.log10(2.9) / FINE)
    assert not one.fit(prepared.weighting(weight, weighted), place)[1]
    weight, weighted = (torch.from_numpy(part[0]) for part in prepared.rebinning(flux, ivar, mask))
    assert one.fit(prepared.weighting(weight, weighted), place)[1]
    assert (found["bits"][0] & bit("NEGATIVE_MODEL") != 0) == (abs(found["candidate_z"][0, 0] - 1.9) < 0.02)


def test_end_of_the_range(weights):
    """A quasar beyond the range ends at its edge, and says so."""
    found = pca.load(weights, scoring(small_delta_chi2=0.0), CPU)
    short = [Templates(one.kind, one.first, one.vectors, one.covered, (1.3, 2.0)) for one in found._templates[1:]]
    flux, ivar, mask = quasars(np.array([2.003]), 20.0, 14)
    result = pca.Estimator(short, pca.PcaScoring.parse(scoring()), CPU)(flux, ivar, mask, GRID)
    assert result["bits"][0] & bit("Z_FITLIMIT")
    assert abs(result["candidate_z"][0, 0] - 2.0) < 0.006


def test_another_class_is_better(weights, estimator):
    """A spectrum made of one vector of a galaxy is no quasar; the same vector for stars counts alike."""
    draw = np.random.default_rng(15)
    pixels = 12000
    vector = np.cumsum(draw.normal(size=(1, pixels)), axis=1)
    vector -= vector.min() - 1
    flux = np.tile(np.interp(np.arange(GRID.pixels) + 35522 - 33000, np.arange(pixels), vector[0]), (2, 1))
    ivar = np.full(flux.shape, (5 / np.median(flux)) ** 2)
    flux = flux + draw.normal(size=flux.shape) / np.sqrt(ivar)
    mask = np.zeros(flux.shape, dtype=bool)
    for kind, place in (("galaxy", 1), ("star", 2)):
        other = Templates(kind, 33000, vector, np.ones(pixels, dtype=bool), (-0.002, 0.002))
        both = pca.Estimator([*estimator._templates, other], pca.PcaScoring.parse(scoring()), CPU)
        found = both(flux, ivar, mask, GRID)
        assert (found["bits"] & bit("NOT_QUASAR") != 0).all()
        assert found["class_chi2"][0].argmin() != 0 and np.nanargmin(found["class_chi2"][0]) == place


def test_other_weights_are_refused(tmp_path):
    save_weights(tmp_path / "w.pt", {"a": torch.zeros(1)}, {"kind": "fnet"})
    with pytest.raises(PipelineError, match="not eigenspectra"):
        pca.load(tmp_path / "w.pt", scoring(), CPU)
