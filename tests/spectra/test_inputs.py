"""Inputs of estimators: the papers' normalisations by their formulae, and rows that know nothing of each other."""

import numpy as np
import pytest

from pipeline.data.redshift_bits import bit
from pipeline.errors import PipelineError
from pipeline.settings.spectra.inputs import Input
from pipeline.spectra.grids import grid
from pipeline.spectra.inputs import input_grid, make_input, on_input_grid
from pipeline.spectra.resample import METHODS

FNET = grid("fnet")
PLAIN = {"grid": "fnet", "rebin": 1, "resample": "interp", "normalise": "fnet", "clip_sigma": None}
KINDS = {
    "fnet": {},
    "fnet_paper": {"grid": "fnet_paper", "normalise": "zero_mean_unit"},
    "rnet": {"grid": "rnet", "normalise": "rnet"},
    "rnet_coarse": {"grid": "rnet", "normalise": "rnet", "rebin": 7},
    "quasarnet": {"grid": "quasarnet", "resample": "quasarnet", "normalise": "quasarnet"},
    "quasarnet_linear": {"grid": "quasarnet_linear", "resample": "quasarnet", "normalise": "quasarnet"},
    "ivar": {"resample": "conserve", "normalise": "ivar", "clip_sigma": 5.0, "rebin": 4},
    "ivar_desi": {"grid": "desi", "resample": "conserve", "normalise": "ivar", "clip_sigma": 5.0},
}


def settings(**changes) -> Input:
    return Input.parse({**PLAIN, **changes})


def block(n=5, first=40, last=4500, seed=1):
    """Return spectra on the grid of FNet's code that cover its pixels first to last."""
    generator = np.random.default_rng(seed)
    flux = generator.normal(3, 1, (n, 4618)).astype("f4")
    ivar = generator.uniform(0.1, 2, (n, 4618)).astype("f4")
    mask = generator.uniform(size=(n, 4618)) < 0.05
    mask[:, :first] = mask[:, last + 1 :] = True
    flux[:, :first] = flux[:, last + 1 :] = 0
    ivar[mask] = 0
    return flux, ivar, mask


def test_fnet_of_the_published_code():
    flux, ivar, mask = block()
    values, bits = make_input(flux, ivar, mask, FNET, settings())
    covered = np.arange(40, 4501)
    for row in range(5):
        x = np.interp(np.arange(4618), covered, flux[row, covered].astype("f8"))
        x = (x - x.mean()) / x.std()
        x = x - x.min() + 0.001
        np.testing.assert_allclose(values[row], x / x.max(), rtol=1e-6)
    assert values.dtype == np.float32 and not bits.any() and (values > 0).all() and (values.max(axis=1) == 1).all()


def test_rnet_of_the_slides():
    flux, ivar, mask = block()
    values, _ = make_input(flux, ivar, mask, FNET, settings(**KINDS["rnet"]))
    covered = np.arange(40, 4501)
    for row in range(5):
        x = np.interp(np.linspace(3500, 10000, 2000), FNET.wavelength[covered], flux[row, covered].astype("f8"))
        np.testing.assert_allclose(values[row], (x - x.mean()) / x.std(), rtol=0, atol=2e-6)
    coarse, _ = make_input(flux, ivar, mask, FNET, settings(**KINDS["rnet_coarse"]))
    plain = on_input_grid(flux, ivar, mask, FNET, settings(**KINDS["rnet"]))[0]
    x = plain[:, :1995].reshape(5, 285, 7).mean(axis=2)
    x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    np.testing.assert_allclose(coarse, x, rtol=0, atol=1e-6)


def test_zero_mean_and_unit_norm():
    values, _ = make_input(*block(), FNET, settings(**KINDS["fnet_paper"]))
    np.testing.assert_allclose(values.sum(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose((values.astype("f8") ** 2).sum(axis=1), 1, rtol=1e-6)


def test_quasarnet():
    flux, ivar, mask = block()
    values, _ = make_input(flux, ivar, mask, FNET, settings(**KINDS["quasarnet"]))
    f, w, empty = METHODS["quasarnet"](FNET.wavelength, flux, ivar, mask, grid("quasarnet"))
    f, w = f.astype("f8"), w.astype("f8")
    m = (f * w).sum(axis=1, keepdims=True) / w.sum(axis=1, keepdims=True)
    s = np.sqrt((w * (f - m) ** 2).sum(axis=1, keepdims=True) / w.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(values, (f - m) / s, rtol=1e-5, atol=1e-6)
    assert (FNET.wavelength[4500] > grid("quasarnet").edges[-1]) == (not empty.any())


def test_ivar_masks_and_clips():
    flux, ivar, mask = block()
    flux[0, 1000] = 1e4
    values, _ = make_input(flux, ivar, mask, FNET, settings(**{**KINDS["ivar"], "rebin": 1}))
    assert (values[mask] == 0).all() and np.abs(values).max() == 5.0
    good = ~mask[1]
    m = np.average(flux[1, good].astype("f8"), weights=ivar[1, good])
    s = np.sqrt(np.average((flux[1, good] - m) ** 2, weights=ivar[1, good]))
    np.testing.assert_allclose(values[1, good], np.clip((flux[1, good] - m) / s, -5, 5), rtol=1e-4, atol=1e-5)


def test_rebinning_weighs_with_ivar():
    flux, ivar, mask = block()
    one = settings(**KINDS["ivar"])
    found = on_input_grid(flux, ivar, mask, FNET, one)
    assert found[0].shape == (5, 1154) and input_grid(one).pixels == 1154
    pixels = slice(400, 404)
    np.testing.assert_allclose(found[0][2, 100], np.average(flux[2, pixels], weights=ivar[2, pixels]), rtol=1e-6)
    np.testing.assert_allclose(found[1][2, 100], ivar[2, pixels].sum(), rtol=1e-6)
    assert found[2][:, :10].all() and not found[2][:, 12:1100].any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_is_its_own(kind):
    flux, ivar, mask = block(300)
    one = settings(**KINDS[kind])
    values, bits = make_input(flux, ivar, mask, FNET, one)
    assert values.shape == (300, input_grid(one).pixels)
    for rows in (slice(0, 1), slice(255, 258), slice(299, 300)):
        alone, _ = make_input(flux[rows], ivar[rows], mask[rows], FNET, one)
        np.testing.assert_array_equal(alone, values[rows])


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_usable_gives_zeros_and_a_bit(kind):
    flux, ivar, mask = block(4)
    flux[0], ivar[0], mask[0] = 0, 0, True
    ivar[1], mask[1] = 0, True
    flux[2], ivar[2], mask[2] = 3, 1, False
    ivar[3, 2000:] = np.where(mask[3, 2000:], 0, ivar[3, 2000:])
    values, bits = make_input(flux, ivar, mask, FNET, settings(**KINDS[kind]))
    assert bits[:2].tolist() == [bit("NODATA")] * 2 and bits[3] == 0
    assert not values[:2].any() and values[3].any() and np.isfinite(values).all()
    if kind == "fnet":
        assert bits[2] == bit("NODATA") and not values[2].any()  # a constant has no standard deviation


def test_no_rows():
    empty = np.zeros((0, 4618), "f4")
    values, bits = make_input(empty, empty, empty > 0, FNET, settings())
    assert values.shape == (0, 4618) and len(bits) == 0


def test_settings_that_contradict_each_other():
    with pytest.raises(PipelineError, match="clip_sigma"):
        settings(clip_sigma=3.0)
    with pytest.raises(PipelineError, match="clip_sigma"):
        settings(normalise="ivar")
    with pytest.raises(PipelineError, match="quasarnet"):
        settings(resample="quasarnet")
