"""The stages of redshift networks on a small made-up run: they find lines, and go on to the same bytes after a kill."""

import importlib.util
import json
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from line_spectra import spectra

from pipeline.data.datasets import read_results
from pipeline.data.manifests import Entry, Manifest, read_manifest, sha256, write_manifest
from pipeline.data.redshift_bits import bit
from pipeline.data.spectrum_shards import write_spectrum_shard
from pipeline.data.tables import write_parquet
from pipeline.learn.checkpoints import Checkpoints, load_weights
from pipeline.learn.redshift import folds
from pipeline.learn.redshift.labels import CLASSES, accuracy
from pipeline.spectra.grids import grid
from pipeline.stages import import_redshift, redshift, train_redshift

N, SHARDS = 1300, 2
TRAINING = {
    "optimiser": "adam", "learning_rate": 0.004, "schedule": {"kind": "plateau", "factor": 0.2, "patience": 1,
    "minimum": 1e-5}, "weight_decay": 1e-6, "batch": 64, "group": 32, "epochs": 8, "gradient_clip": 1000.0,
    "folds": None, "reweight": {"power": 0.3, "width": 0.02, "largest": 5.0}, "checkpoint_seconds": 1e-6, "threads": 1,
}  # fmt: skip
SCORING = {"batch": 64, "threads": 1, "lines": 1, "confidence": 0.5}
SETTINGS = {
    "kind": "quasarnet", "size": {"layers": 4, "same": False, "filters": 16, "dense": 32, "dropout": 0.0},
    "input": {"grid": "quasarnet", "rebin": 1, "resample": "quasarnet", "normalise": "quasarnet", "clip_sigma": None},
    "training": TRAINING, "scoring": SCORING,
}  # fmt: skip
FNET = {
    "kind": "fnet", "size": {"channels": [2, 1], "kernels": [12, 8, 7], "dense": [16]},
    "input": {"grid": "fnet", "rebin": 20, "resample": "interp", "normalise": "fnet", "clip_sigma": None},
    "head": {"kind": "distribution", "z": [0.2, 3.8], "bins": 100, "smooth": 2.0, "classes": True},
    "training": {**TRAINING, "epochs": 2, "folds": 2, "batch": 128}, "scoring": {"batch": 64, "threads": 1},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _keep_signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Shards and sample of 1300 spectra with lines, a quarter of them skies, one without any data."""
    root = tmp_path_factory.mktemp("made") / "results" / "made" / "spectra"
    (root / "shards").mkdir(parents=True)
    flux, ivar, mask, labels = spectra(N, name="fnet", noise=1.5)
    entries = []
    for number, rows in enumerate(np.array_split(np.random.default_rng(0).permutation(N), SHARDS)):
        columns = {"spectrum_id": labels.spectrum_id[rows], "object_id": labels.spectrum_id[rows] + 5}
        path = root / "shards" / f"s{number}.h5"
        part = ivar[rows]
        part[rows == 16] = 0
        write_spectrum_shard(path, flux[rows], part, mask[rows], columns, grid("fnet").attrs, simulated=True)
        entries.append(Entry(f"s{number}", len(rows), {path.name: sha256(path)}))
    write_manifest(Manifest("shards", "b0", entries), root / "shards/b0.json")
    frame = pd.DataFrame({"spectrum_id": labels.spectrum_id, "object_id": labels.spectrum_id + 5})
    frame["label_class"] = [CLASSES[kind] for kind in labels.kind]
    frame["label_z"], frame["bal"] = labels.z, labels.bal.astype(np.int16)
    frame["set"] = np.array(["train"] * 6 + ["select", "judge"], dtype=object)[np.arange(N) % 8]
    frame["fold"] = (np.arange(N) % 2).astype(np.int16)
    write_parquet(frame, root / "sample.parquet")
    return root, frame


def call(module, root, settings, **arguments):
    argv = ["--settings", json.dumps(settings), "--work", str(root / "work"), "--log", str(root / "log.txt")]
    for name, value in arguments.items():
        values = value if isinstance(value, list) else [value]
        argv += [f"--{name}", *(str(item) for item in values)]
    return module.main(argv)


def train(root, name, settings=SETTINGS, **changes):
    settings = {**settings, "training": {**settings["training"], **changes}}
    return call(
        train_redshift, root, {"estimator": settings, "seed": 1}, shards=root / "shards/b0.json",
        sample=root / "sample.parquet", weights=root / "models" / name / "weights.pt",
        history=root / "models" / name / "history.csv", name=name, also=f"learn.estimators.{settings['kind']}",
    )  # fmt: skip


def estimate(root, name, settings=SCORING, out=None):
    return call(
        redshift, root, {"estimator": settings}, shards=root / "shards/b0.json",
        weights=root / "models" / name / "weights.pt", out=root / "redshifts" / (out or name) / "b0.json", name=name,
    )  # fmt: skip


def test_quasarnet_finds_the_lines_of_spectra_that_trained_nothing(run):
    root, frame = run
    assert train(root, "quasarnet") == 0
    assert estimate(root, "quasarnet") == 0
    names = ["spectrum_id", "candidate_z", "candidate_score", "candidate_sigma", "bits", "line_confidence", "line_z"]
    found = read_results([root / "redshifts/quasarnet/b0.json"], names)
    np.testing.assert_array_equal(found["spectrum_id"], found["object_id"])
    frame = frame.set_index("spectrum_id").loc[found["spectrum_id"]]
    judged = (frame["set"] == "judge").to_numpy()
    quasar = judged & (frame["label_class"] == "quasar").to_numpy()
    right = accuracy(found["candidate_z"][quasar, 0], frame["label_z"].to_numpy()[quasar])
    assert right > 0.85
    sure = found["candidate_score"][:, 0]
    assert np.median(sure[quasar]) > np.median(sure[judged & ~quasar]) + 0.1
    assert (found["bits"] & bit("NODATA") != 0).sum() == 1
    history = pd.read_csv(root / "models/quasarnet/history.csv")
    assert list(history) == ["fold", "epoch", "learning_rate", "loss", "select_loss", "select_accuracy_6000", "chosen"]
    assert history["chosen"].sum() == 1 and (history["fold"] == folds.WHOLE).all()
    assert history["select_accuracy_6000"].max() == history["select_accuracy_6000"][history["chosen"] == 1].item()
    assert load_weights(root / "models/quasarnet/weights.pt")[1]["epoch"] == history["chosen"].argmax() + 1


def test_weights_hold_the_numbers_of_parameters_of_the_default_networks(run):
    """One step of each network at its published size: what the stage writes has the published counts."""
    root, _ = run
    fnet = {"channels": [32, 32, 32, 32, 32, 64, 32, 1], "kernels": [500, 200, 15], "dense": [796, 199]}
    quasarnet = {"same": False, "filters": 100, "dense": 100, "dropout": 0.0}
    rnet = {"channels": [32, 16, 128], "kernels": [200, 200, 20], "dense": [900, 100], "dropout": 0.5}
    sizes = {
        "four": ({**SETTINGS, "size": {**quasarnet, "layers": 4}}, 520_882),
        "six": ({**SETTINGS, "size": {**quasarnet, "layers": 6, "same": True, "dropout": 0.2}}, 591_482),
        "fnet": (
            {**FNET, "size": fnet, "head": {"kind": "regression", "classes": False},
             "input": {**FNET["input"], "rebin": 1}, "scoring": {"batch": 2, "threads": 1}}, 10_171_944
        ),
        "rnet": (  # of the slides' network, whose first dense layer has 21,120 inputs with their 2000 pixels
            {**FNET, "kind": "rnet", "size": rnet, "head": {"kind": "regression", "classes": False},
             "input": {**FNET["input"], "grid": "rnet", "rebin": 1, "normalise": "rnet"},
             "scoring": {"batch": 2, "threads": 1}}, 19_249_037
        ),
    }  # fmt: skip
    sample = pd.read_parquet(root / "sample.parquet")
    few = root / "few"
    (few / "shards").mkdir(parents=True)
    for path in (root / "shards").iterdir():
        (few / "shards" / path.name).symlink_to(path)
    quasars = sample[sample["label_class"] == "quasar"]
    few_rows = [quasars[quasars["set"] == which][:2] for which in ("train", "select")]
    write_parquet(pd.concat(few_rows), few / "sample.parquet")
    for name, (settings, count) in sizes.items():
        assert train(few, name, settings, epochs=1, batch=2, group=2, folds=None) == 0
        state, _ = load_weights(few / "models" / name / "weights.pt")
        statistics = ("running_mean", "running_var", "num_batches_tracked")
        assert sum(value.numel() for key, value in state.items() if not key.endswith(statistics)) == count
    assert state["dense.0.weight"].shape == (900, 21_120)


def test_a_killed_training_with_folds_goes_on_to_the_same_bytes(run, monkeypatch):
    root, _ = run
    assert train(root, "whole", FNET) == 0
    offer, calls = Checkpoints.offer, []

    def killed(self, state, now=False):
        written = offer(self, state, now)
        calls.append(written)
        if len(calls) == 12:  # in the second fold
            raise KeyboardInterrupt
        return written

    monkeypatch.setattr(Checkpoints, "offer", killed)
    # The name is part of the random numbers' key: the same one, elsewhere.
    other = root / "other"
    other.mkdir()
    (other / "shards").symlink_to(root / "shards")
    (other / "sample.parquet").symlink_to(root / "sample.parquet")
    assert train(other, "whole", FNET) == 130 and all(calls)
    assert not (other / "models/whole/weights.pt").exists()
    monkeypatch.undo()
    assert train(other, "whole", FNET) == 0
    assert "resume" in (other / "log.txt").read_text()
    for name in ("weights.pt", "history.csv"):
        assert (other / "models/whole" / name).read_bytes() == (root / "models/whole" / name).read_bytes()
    history = pd.read_csv(root / "models/whole/history.csv")
    assert history["fold"].tolist() == [0, 0, 1, 1, -1, -1] and history["chosen"].sum() == 3
    assert not list((other / "work/checkpoints").rglob("state.pt"))


def test_redshifts_depend_neither_on_the_batch_nor_on_a_rerun(run):
    root, _ = run
    if not (root / "models/whole/weights.pt").exists():
        assert train(root, "whole", FNET) == 0
    scoring = {"batch": 64, "threads": 1}
    assert estimate(root, "whole", scoring) == 0
    manifest = read_manifest(root / "redshifts/whole/b0.json")
    assert [entry.rows for entry in manifest.shards] == [650, 650]
    assert estimate(root, "whole", scoring, out="again") == 0
    assert [entry.files for entry in read_manifest(root / "redshifts/again/b0.json").shards] == [
        entry.files for entry in manifest.shards
    ]


def test_a_spectrum_without_a_shard_is_named(run, capsys):
    root, frame = run
    lost = root / "lost"
    lost.mkdir()
    (lost / "shards").symlink_to(root / "shards")
    ids = np.where(np.arange(N) == 8, 10**9, frame["spectrum_id"])
    write_parquet(frame.assign(spectrum_id=ids), lost / "sample.parquet")
    assert train(lost, "quasarnet") == 2
    assert f"spectrum {10**9}" in (lost / "log.txt").read_text()


def test_published_weights_are_used_like_own_ones(run, tmp_path):
    path = Path(__file__).parents[1] / "surveys" / "test_quasarnet_weights.py"
    spec = importlib.util.spec_from_file_location("writes_published_weights", path)
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    made = writer.network(6, True, 443)
    writer.write(tmp_path / "published.h5", made)
    root, _ = run
    weights = root / "models/published/weights.pt"
    assert call(import_redshift, root, {}, published=tmp_path / "published.h5", weights=weights) == 0
    assert estimate(root, "published") == 0
    state, about = load_weights(weights)
    assert all(torch.equal(value, state[name]) for name, value in made.state_dict().items() if "tracked" not in name)
    assert about["kind"] == "quasarnet" and about["size"]["layers"] == 6
