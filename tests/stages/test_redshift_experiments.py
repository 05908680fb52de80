"""The stages of masked lines and sweeps, from shards and a sample to JSON."""

import json
import signal

import numpy as np
import pandas as pd
import pytest
from line_spectra import spectra

from pipeline.data.manifests import Entry, Manifest, sha256, write_manifest
from pipeline.data.spectrum_shards import write_spectrum_shard
from pipeline.data.tables import write_parquet
from pipeline.learn.redshift.training import Training
from pipeline.spectra.grids import grid
from pipeline.stages import masked_lines, redshift_sweeps

N = 240
TRAINING = {
    "optimiser": "adam", "learning_rate": 0.003, "schedule": {"kind": "step", "steps": []}, "weight_decay": 0.0,
    "batch": 32, "group": 32, "epochs": 2, "gradient_clip": None, "folds": None, "reweight": None,
    "checkpoint_seconds": 60.0, "threads": 1,
}  # fmt: skip
FNET = {
    "kind": "fnet", "size": {"channels": [2, 1], "kernels": [10, 8, 5], "dense": [8]},
    "input": {"grid": "fnet", "rebin": 20, "resample": "interp", "normalise": "fnet", "clip_sigma": None},
    "head": {"kind": "regression", "classes": False}, "training": TRAINING, "scoring": {"batch": 64, "threads": 1},
}  # fmt: skip
MASKED = {
    "z": [2.8, 3.0], "spectra": None, "lines": [{"name": "CIV", "rest": 1549.06}], "half_width": 3000.0, "test": 0.2,
    "least": 30, "networks": {"fnet": FNET},
}  # fmt: skip
SWEEPS = {
    "network": FNET, "spectra": None, "test": 0.2, "optimisers": ["adam", "rmsprop"], "kernels": [], "blocks": [1],
    "weight_decays": [1e-4],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _keep_signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("made") / "results" / "made" / "spectra"
    (root / "shards").mkdir(parents=True)
    flux, ivar, mask, labels = spectra(N, name="fnet", quasars=0.9, z=(2.7, 3.1))
    columns = {"spectrum_id": labels.spectrum_id, "object_id": labels.spectrum_id}
    path = root / "shards/s0.h5"
    write_spectrum_shard(path, flux, ivar, mask, columns, grid("fnet").attrs, simulated=True)
    entry = Entry("s0", N, {path.name: sha256(path)})
    write_manifest(Manifest("shards", "b0", [entry]), root / "shards/b0.json")
    frame = pd.DataFrame({"spectrum_id": labels.spectrum_id, "object_id": labels.spectrum_id})
    frame["group"], frame["label_z"], frame["bal"] = np.arange(N) // 2, labels.z, labels.bal
    frame["label_class"] = np.where(labels.kind == 0, "quasar", "sky")
    frame["set"] = np.array(["train", "train", "select", "judge"], dtype=object)[np.arange(N) // 2 % 4]
    write_parquet(frame, root / "sample.parquet")
    return root, frame


def call(module, root, settings, out):
    argv = ["--settings", json.dumps(settings), "--work", str(root / "work"), "--log", str(root / "log.txt")]
    argv += ["--shards", str(root / "shards/b0.json"), "--sample", str(root / "sample.parquet")]
    return module.main([*argv, "--out", str(out), "--also", "learn.estimators.fnet"])


def test_masked_lines(run):
    root, frame = run
    outs = [root / f"masked-{number}.json" for number in range(2)]
    for out in outs:
        assert call(masked_lines, root, {"masked_lines": MASKED, "seed": 1}, out) == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    content = json.loads(outs[0].read_text())
    assert [(one["name"], one["masked"]) for one in content["results"]] == [("fnet", False), ("fnet", True)]
    whole, masked = content["results"]
    wavelength = grid("fnet").rebinned(20).wavelength
    removed = (wavelength > 1549.06 * 3.8 * (1 - 0.0100069)) & (wavelength < 1549.06 * 4.0 * (1 + 0.0100069))
    assert whole["pixels"] - masked["pixels"] == masked["pixels_removed"] == removed.sum()
    usable = frame["set"].isin(["train", "select"]) & (frame["label_class"] == "quasar")
    assert masked["train"] + masked["network"]["n"] == (usable & frame["label_z"].between(2.8, 3.0)).sum()
    assert masked["constant"]["within"]["30000"] == 1 and len(masked["loss"]) == 2
    some = {**MASKED, "spectra": 50}
    assert call(masked_lines, root, {"masked_lines": some, "seed": 1}, root / "some.json") == 0
    drawn = json.loads((root / "some.json").read_text())["results"][0]
    assert drawn["train"] + drawn["network"]["n"] == 50
    few = {**MASKED, "least": 10_000}
    assert call(masked_lines, root, {"masked_lines": few, "seed": 1}, root / "few.json") == 2


def test_sweeps(run):
    root, frame = run
    assert call(redshift_sweeps, root, {"sweeps": SWEEPS, "seed": 1}, root / "sweeps.json") == 0
    results = json.loads((root / "sweeps.json").read_text())["results"]
    assert [(one["varied"], one["value"]) for one in results] == [
        ("optimiser", "adam"), ("optimiser", "rmsprop"), ("blocks", 1), ("weight_decay", 1e-4)
    ]  # fmt: skip
    usable = frame["set"].isin(["train", "select"]) & (frame["label_class"] == "quasar")
    assert all(one["train"] + one["test"]["n"] == usable.sum() and len(one["epochs"]) == 2 for one in results)
    # What is not varied is equal: the first batch of all variants of one size has the same spectra and weights.
    assert results[0]["parameters"] == results[1]["parameters"] == results[3]["parameters"]


@pytest.mark.parametrize(("module", "settings", "stop"), [
    (masked_lines, {"masked_lines": MASKED}, 7), (redshift_sweeps, {"sweeps": SWEEPS}, 23),
])  # fmt: skip
def test_a_stopped_experiment_goes_on_to_the_same_bytes(run, tmp_path, monkeypatch, module, settings, stop):
    """Stopped in the middle of a later training: those that ended are not repeated, and that one goes on."""
    root, _ = run
    settings = {**settings, "seed": 1}
    assert call(module, root, settings, tmp_path / "whole.json") == 0
    steps, update = [], Training.update

    def counted(self, inputs, targets):
        steps.append(1)
        update(self, inputs, targets)
        if len(steps) == stop:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Training, "update", counted)
    assert call(module, root, settings, tmp_path / "again.json") == 130 and len(steps) == stop
    assert not (tmp_path / "again.json").exists()
    assert call(module, root, settings, tmp_path / "again.json") == 0
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    assert (total := len(steps)) > stop
    assert call(module, root, settings, tmp_path / "third.json") == 0  # the checkpoint is gone
    assert len(steps) == 2 * total
