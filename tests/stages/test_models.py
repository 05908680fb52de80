"""The stages of models on a small made-up run: they find what is planted, resume, and agree with the manifests."""

import json
import signal

import numpy as np
import pandas as pd
import pytest

from pipeline.data.atomic import write_text
from pipeline.data.datasets import read_results
from pipeline.data.manifests import Entry, Manifest, read_manifest, sha256, write_manifest
from pipeline.data.shards import write_image_shard, write_result_shard
from pipeline.data.tables import write_parquet
from pipeline.images.distributions import PAPER_EXTINCTION, PAPER_NOISE, PAPER_PSF, Distributions
from pipeline.learn import supervised
from pipeline.learn.calibration import probability
from pipeline.learn.checkpoints import load_weights
from pipeline.stages import calibrate, score_finder, score_probe, train_finder, train_probe

N, SHARDS = 480, 3
PROBE = {
    "kind": "probe", "features": ["embedding.moco", "catalogue"], "normalize": True, "tier": None,
    "l2": [1e-2, 1e-3], "max_iterations": 20, "history_size": 10, "gradient_tolerance": 1e-6,
    "top_n": {"inspect": 40, "of": 480}, "threads": 1, "score_rows": 64,
}  # fmt: skip
FINDER = {
    "kind": "finder", "network": "shielded",
    "input": {"crop": 16, "pixels": 16, "clamp": 250.0},
    "training": {
        "epochs": 3, "batch": 16, "group": 16, "lens_fraction": 0.25, "non_lenses_per_epoch": 60, "tier": None,
        "learning_rate": 0.005, "decay": 0.1, "decay_epochs": 2,
        "augmentation": {"flip": True, "rotation": True, "zoom": None, "jitter": 1, "conditions": True},
        "select_every": 1, "checkpoint_seconds": 1e-6, "threads": 1,
    },
    "score_batch": 32, "score_threads": 1,
}  # fmt: skip
AUGMENTATION = {
    "pixel_scale": 0.262, "fit": {"sets": ["train"], "band": "z", "limit": 20.0, "n": 100},
    "extinction": "paper", "psf": "paper", "noise": "paper", "flip": True, "rotation": True, "scale": None, "jitter": 0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _keep_signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Images, catalogue, embeddings and sample of 480 objects, one in six a lens with a blue ring."""
    images = tmp_path_factory.mktemp("made") / "results" / "made" / "images"
    generator = np.random.default_rng(0)
    ids = np.sort(generator.choice(10**9, N, replace=False)).astype(np.int64)
    label = (generator.random(N) < 1 / 6).astype(np.int8)
    y, x = np.mgrid[:28, :28] - 13.5
    ring = np.exp(-((np.hypot(x, y) - 5) ** 2)) * np.array([0.04, 0.02, 0.01])[:, None, None]
    galaxy = np.exp(-(x**2 + y**2) / 6) * np.array([0.1, 0.3, 0.5])[:, None, None]
    cutouts = galaxy + label[:, None, None, None] * ring + generator.normal(0, 0.005, (N, 3, 28, 28))
    columns = {"object_id": ids, "ebv": np.full(N, 0.03, np.float32), "type": np.array(["DEV"] * N, dtype=object)}
    for band, flux in zip("grz", (2.0, 8.0, 20.0), strict=True):
        columns[f"flux_{band}"] = generator.lognormal(np.log(flux), 0.5, N).astype(np.float32)
        columns[f"psfsize_{band}"] = np.full(N, 1.2, np.float32)
        columns[f"psfdepth_{band}"] = np.full(N, 500.0, np.float32)
    for name in ("shape_r", "shape_e1", "shape_e2", "sersic"):
        columns[name] = generator.random(N).astype(np.float32)
    vectors = generator.normal(size=(N, 32)) + 1.5 * label[:, None] * (np.arange(32) % 5 == 0)
    folders = {"catalogue": ".parquet", "shards": ".h5", "embeddings/moco": ".h5"}
    for folder in folders:
        (images / folder).mkdir(parents=True)
    entries = {folder: [] for folder in folders}
    for number, rows in enumerate(np.array_split(np.arange(N), SHARDS)):
        shard, part = f"s{number}", {name: values[rows] for name, values in columns.items()}
        write_parquet(pd.DataFrame(part), images / f"catalogue/{shard}.parquet")
        attrs = {"bands": ["g", "r", "z"], "pixel_scale": 0.262, "psf": "fwhm"}
        write_image_shard(images / f"shards/{shard}.h5", cutouts[rows].astype(np.float32), part, attrs, "none")
        embedding = vectors[rows].astype(np.float16)
        norm = np.linalg.norm(embedding.astype(np.float32), axis=1)
        write_result_shard(images / f"embeddings/moco/{shard}.h5", object_id=ids[rows], embedding=embedding, norm=norm)
        for folder, suffix in folders.items():
            digest = sha256(images / folder / f"{shard}{suffix}")
            entries[folder].append(Entry(shard, len(rows), {f"{shard}{suffix}": digest}))
    for folder in folders:
        write_manifest(Manifest(folder.rsplit("/")[-1], "b0", entries[folder]), images / folder / "b0.json")
    sample = pd.DataFrame({"object_id": ids, "label": label})
    sample["set"] = np.array(["train", "train", "select", "calibrate", "judge"], dtype=object)[np.arange(N) % 5]
    sample["tier"] = np.where(label == 1, 0, np.arange(N) % 2).astype(np.int16)
    write_parquet(sample, images / "round-1/sample.parquet")
    plain = Distributions(PAPER_NOISE, PAPER_PSF, PAPER_EXTINCTION, 0.262).plain()
    write_text(images / "augmentation.json", json.dumps({"distributions": plain}))
    return images, sample


def call(module, root, settings, **arguments):
    argv = ["--settings", json.dumps(settings), "--work", str(root / "work"), "--log", str(root / "log.txt")]
    for name, value in arguments.items():
        values = value if isinstance(value, list) else [value]
        argv += [f"--{name}", *(str(item) for item in values)]
    return module.main(argv)


def train(images, folder="probe", settings=PROBE, **changes):
    return call(
        train_probe, images, {"model": {**settings, **changes}, "seed": 1},
        embeddings=images / "embeddings/moco/b0.json", catalogue=images / "catalogue/b0.json",
        sample=images / "round-1/sample.parquet", weights=images / folder / "weights.pt",
        history=images / folder / "history.csv", name="probe",
    )  # fmt: skip


def score(images, folder="probe", scores="scores/probe", **paths):
    inputs = {"embeddings": images / "embeddings/moco/b0.json", "catalogue": images / "catalogue/b0.json", **paths}
    return call(
        score_probe, images, {"model": {"score_rows": 64, "threads": 1}}, **inputs,
        weights=images / folder / "weights.pt", out=images / scores / "b0.json", name="probe",
    )  # fmt: skip


def train_network(images, folder="finder", **changes):
    training = {**FINDER["training"], **changes}
    return call(
        train_finder, images, {"model": {**FINDER, "training": training}, "augmentation": AUGMENTATION, "seed": 1},
        images=images / "shards/b0.json", sample=images / "round-1/sample.parquet",
        augmentation=images / "augmentation.json", weights=images / folder / "weights.pt",
        history=images / folder / "history.csv", name="shielded", also="models.shielded",
    )  # fmt: skip


def separation(images, scores, sample):
    """The share of (lens, non-lens) pairs of the judge set in the right order."""
    found = read_results([images / scores / "b0.json"], ["score"])
    assert found["object_id"].tolist() == sample["object_id"].tolist()
    assert found["score"].dtype == np.float32
    judged = (sample["set"] == "judge").to_numpy()
    lens = sample["label"].to_numpy() == 1
    pairs = found["score"][judged & lens][:, None] > found["score"][judged & ~lens]
    return pairs.mean()


def test_a_probe_is_fitted_scored_and_calibrated(run):
    images, sample = run
    assert train(images) == 0
    assert score(images) == 0
    assert separation(images, "scores/probe", sample) > 0.9
    history = pd.read_csv(images / "probe/history.csv")
    assert history["chosen"].sum() == 1 and set(history["l2"]) <= {0.01, 0.001}
    settings = {"calibrate": {"method": "platt", "survey_share": 0.01, "bins": 4, "folds": 3}, "seed": 1}
    assert 0 == call(
        calibrate, images, settings, scores=images / "scores/probe/b0.json",
        sample=images / "round-1/sample.parquet", out=images / "calibration.json", name="probe",
    )  # fmt: skip
    result = json.loads((images / "calibration.json").read_text())
    chosen = sample[sample["set"] == "calibrate"]
    assert (result["objects"], result["lenses"]) == (len(chosen), chosen["label"].sum())
    assert result["model"] == "probe"
    # 16 lenses in 96 become 1 in 100: a score of even odds in the sample falls far below.
    even = -result["curve"]["intercept"] / result["curve"]["slope"]
    share = result["sample_share"]
    odds = 0.01 / 0.99 * (1 - share) / share
    assert probability(result, np.array([even]))[0] == pytest.approx(odds / (1 + odds))


def test_weights_of_a_probe_tell_all_that_scoring_needs(run):
    images, _ = run
    assert train(images, "told") == 0
    state, about = load_weights(images / "told/weights.pt")
    assert sorted(state) == ["bias", "mean", "scale", "weight"]
    assert all(str(value.dtype) == "torch.float32" for value in state.values())
    assert len(about["names"]) == len(state["weight"]) and about["names"][31:33] == [
        "embedding.moco.31",
        "catalogue.mag_g",
    ]
    assert about["features"] == PROBE["features"] and about["normalize"] is True


def test_the_same_training_has_the_same_bytes(run):
    images, _ = run
    assert train(images, "one") == train(images, "two") == 0
    for name in ("weights.pt", "history.csv"):
        assert (images / "one" / name).read_bytes() == (images / "two" / name).read_bytes()


def test_a_training_ratio_leaves_out_the_larger_ones(run):
    images, sample = run
    assert train(images, "tier", tier=0) == 0
    words = (images / "log.txt").read_text().splitlines()
    wanted = ((sample["set"] == "train") & (sample["tier"] == 0)).sum()
    assert any(f"fit [train={wanted} " in line for line in words)


def test_an_object_without_an_embedding_is_named(run, tmp_path):
    images, sample = run
    folder = images / "embeddings-less/moco"
    folder.mkdir(parents=True)
    target = folder / "s0.h5"
    write_result_shard(target, object_id=np.array([5]), embedding=np.zeros((1, 32), np.float16))
    write_manifest(Manifest("moco", "b0", [Entry("s0", 1, {"s0.h5": sha256(target)})]), folder / "b0.json")
    assert train(images) == 0
    assert score(images, scores="scores/less", embeddings=folder / "b0.json") == 2
    assert "shards without embeddings" in (images / "log.txt").read_text()


def test_a_finder_is_trained_and_scores(run):
    images, sample = run
    assert train_network(images, epochs=6, decay_epochs=5) == 0
    assert 0 == call(
        score_finder, images, {"model": {"score_batch": 32, "score_threads": 1}}, images=images / "shards/b0.json",
        weights=images / "finder/weights.pt", out=images / "scores/finder/b0.json", name="shielded",
        also="models.shielded",
    )  # fmt: skip
    assert [entry.rows for entry in read_manifest(images / "scores/finder/b0.json").shards] == [160] * 3
    assert separation(images, "scores/finder", sample) > 0.9
    history = pd.read_csv(images / "finder/history.csv")
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6] and history["chosen"].sum() == 1
    best = history.loc[history["chosen"] == 1, "select_average_precision"].item()
    assert best == history["select_average_precision"].max()


@pytest.fixture(scope="module")
def whole(run):
    assert train_network(run[0], "whole", epochs=2) == 0
    return run[0] / "whole"


@pytest.mark.parametrize("steps", [3, 8])
def test_a_killed_training_goes_on_to_the_same_bytes(run, whole, monkeypatch, steps):
    images, _ = run
    update, count = supervised.Training.update, []

    def counted(self, inputs, labels):
        if len(count) == steps:
            raise KeyboardInterrupt
        count.append(1)
        update(self, inputs, labels)

    monkeypatch.setattr(supervised.Training, "update", counted)
    assert train_network(images, f"killed{steps}", epochs=2) == 130
    assert not (images / f"killed{steps}/weights.pt").exists()
    monkeypatch.setattr(supervised.Training, "update", update)
    assert train_network(images, f"killed{steps}", epochs=2) == 0
    assert "resume [epoch=" in (images / "log.txt").read_text()
    for name in ("weights.pt", "history.csv"):
        assert (images / f"killed{steps}" / name).read_bytes() == (whole / name).read_bytes()


def test_other_settings_do_not_take_up_a_checkpoint(run, monkeypatch):
    images, _ = run
    update = supervised.Training.update

    def stop(self, inputs, labels):
        if self.step == 2:
            raise KeyboardInterrupt
        update(self, inputs, labels)

    monkeypatch.setattr(supervised.Training, "update", stop)
    assert train_network(images, "other") == 130
    monkeypatch.setattr(supervised.Training, "update", update)
    before = (images / "log.txt").read_text().count("resume [")
    assert train_network(images, "other", epochs=1) == 0
    assert (images / "log.txt").read_text().count("resume [") == before


def test_cutouts_smaller_than_the_crop_are_named(run):
    images, _ = run
    large = {**FINDER, "input": {**FINDER["input"], "crop": 64, "pixels": 64}}
    assert 2 == call(
        train_finder, images, {"model": large, "augmentation": AUGMENTATION, "seed": 1},
        images=images / "shards/b0.json", sample=images / "round-1/sample.parquet",
        augmentation=images / "augmentation.json", weights=images / "x/weights.pt", history=images / "x/history.csv",
        name="shielded", also="models.shielded",
    )  # fmt: skip
    assert "28x28" in (images / "log.txt").read_text()
