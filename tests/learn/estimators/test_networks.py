"""Tests of trained networks as estimators: what they give for spectra of a shard, and for what they cannot use."""

import numpy as np
import pytest
import torch
from line_spectra import spectra

from pipeline.data.redshift_bits import bit
from pipeline.errors import PipelineError
from pipeline.learn.checkpoints import save_weights
from pipeline.learn.estimators import fnet, quasarnet, rnet
from pipeline.learn.redshift.estimator import coverage_bits
from pipeline.settings.spectra.estimators import Trained
from pipeline.spectra.grids import grid
from pipeline.spectra.inputs import input_grid

CPU = torch.device("cpu")
INPUT = {"grid": "fnet", "rebin": 10, "resample": "interp", "normalise": "fnet", "clip_sigma": None}
BINS = {"kind": "distribution", "z": [0.2, 3.8], "bins": 100, "smooth": 2.0, "classes": True}
TRAINING = {
    "optimiser": "adam", "learning_rate": 0.004, "schedule": {"kind": "step", "steps": []}, "weight_decay": 0.0,
    "batch": 8, "group": 8, "epochs": 1, "gradient_clip": None, "folds": None, "reweight": None,
    "checkpoint_seconds": 60.0, "threads": 1,
}  # fmt: skip
SETTINGS = {
    "fnet": {"size": {"channels": [2, 1], "kernels": [20, 10, 15], "dense": [8]}, "input": INPUT, "head": BINS},
    "rnet": {"size": {"channels": [2, 2, 4], "kernels": [40, 20, 10], "dense": [8], "dropout": 0.5}, "input": INPUT,
             "head": {"kind": "regression", "classes": False}},
    "quasarnet": {"size": {"layers": 6, "same": True, "filters": 4, "dense": 8, "dropout": 0.2},
                  "input": {**INPUT, "grid": "quasarnet", "rebin": 1, "normalise": "quasarnet",
                            "resample": "quasarnet"}},
}  # fmt: skip
MODULES = {"fnet": fnet, "rnet": rnet, "quasarnet": quasarnet}
SCORING = {"batch": 16, "threads": 1}


def scoring(kind):
    return {**SCORING, "lines": 1, "confidence": 0.5} if kind == "quasarnet" else SCORING


@pytest.fixture(params=MODULES)
def trained(request, tmp_path):
    """The kind, its module and a file of weights as the stage writes it, here of an untrained network."""
    kind, module = request.param, MODULES[request.param]
    content = {"kind": kind, **SETTINGS[kind], "training": TRAINING, "scoring": scoring(kind)}
    settings = Trained.parse({"network": content}).network
    task = module.begin(settings, spectra(30)[3])
    pixels = input_grid(settings.input).pixels
    network = module.network(settings.size.plain(), pixels, task, torch.Generator().manual_seed(1))
    about = {"kind": kind, "size": settings.size.plain(), "input": settings.input.plain(), "task": task.about()}
    save_weights(tmp_path / "weights.pt", network.state_dict(), about)
    return kind, module, tmp_path / "weights.pt"


def test_results_have_the_stated_arrays_and_do_not_depend_on_the_company(trained):
    kind, module, path = trained
    estimator = module.load(path, scoring(kind), CPU)
    assert estimator.batch == 16
    flux, ivar, mask, _ = spectra(20, name="fnet")
    flux[3], ivar[3] = 0, 0
    found = estimator(flux, ivar, mask, grid("fnet"))
    columns = {"fnet": 5, "rnet": 1, "quasarnet": 6}[kind]
    for name, dtype in (("z", np.float64), ("score", np.float32), ("sigma", np.float32)):
        assert found[f"candidate_{name}"].shape == (20, columns) and found[f"candidate_{name}"].dtype == dtype
        assert np.isnan(found[f"candidate_{name}"][3]).all()
    assert found["bits"].dtype == np.int64 and found["bits"][3] & bit("NODATA")
    assert not (np.delete(found["bits"], 3) & (bit("NODATA") | bit("OFF_GRID") | bit("LITTLE_COVERAGE"))).any()
    score = np.delete(found["candidate_score"], 3, axis=0)
    assert (np.diff(score, axis=1) <= 0).all()
    extras = {"fnet": {"class_probability": 4}, "rnet": {}, "quasarnet": {"line_confidence": 7, "line_z": 7}}[kind]
    names = {"candidate_z", "candidate_score", "candidate_sigma", "bits"}
    assert set(found) == names | set(extras)
    assert all(found[name].shape == (20, width) for name, width in extras.items())
    last = estimator(flux[16:], ivar[16:], mask[16:], grid("fnet"))
    for name, values in last.items():
        np.testing.assert_array_equal(values, found[name][16:])


def test_weights_of_another_estimator_are_refused(trained):
    kind, module, path = trained
    other = MODULES["rnet" if kind == "fnet" else "fnet"]
    with pytest.raises(PipelineError, match="another estimator"):
        other.load(path, SCORING, CPU)


def test_settings_of_quasarnet_ask_for_its_grids():
    content = {**SETTINGS["quasarnet"], "kind": "quasarnet", "training": TRAINING, "scoring": scoring("quasarnet")}
    with pytest.raises(PipelineError, match="grids quasarnet"):
        Trained.parse({"network": {**content, "input": INPUT}})


def test_coverage_of_the_grid():
    flux, ivar, mask, _ = spectra(5, name="fnet")
    wavelength = grid("fnet").wavelength
    mask[1] |= (wavelength < 3800) | (wavelength > 9200)  # SDSS-I/II
    mask[2, 1000:3600] = True  # a hole in the middle
    ivar[3] = 0
    for name in ("fnet", "quasarnet", "rnet"):
        bits = coverage_bits(ivar, mask, grid("fnet"), grid(name))
        assert bits[0] == bits[4] == 0 and bits[1] == bit("OFF_GRID") and bits[2] == bit("LITTLE_COVERAGE")
        assert bits[3] == bit("OFF_GRID") | bit("LITTLE_COVERAGE")


def test_a_coarse_shard_covers_a_fine_grid():
    flux, ivar, mask, _ = spectra(2, name="desi")
    assert coverage_bits(ivar, mask, grid("desi"), grid("quasarnet")).tolist() == [0, 0]
    # DESI ends at 9824 Angstrom: with both ends, 5.7 % of FNet's pixels are beyond it.
    assert coverage_bits(ivar, mask, grid("desi"), grid("fnet")).tolist() == [bit("OFF_GRID")] * 2
