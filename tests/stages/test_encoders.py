"""The stages from a catalogue with images to embeddings, run by their doors on a small survey."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.data.manifests import Entry, Manifest, read_manifest, sha256, write_manifest
from pipeline.data.shards import read_result_shard, write_image_shard
from pipeline.data.tables import write_parquet
from pipeline.labels.splits import deal
from pipeline.learn.checkpoints import load_weights
from pipeline.settings.splits import Splits
from pipeline.stages import embed, fit_augmentation, init_encoder, pretrain

SPLITS = {
    "mode": "cells",
    "nside": 8,
    "margin_arcsec": 60.0,
    "shares": {"train": 0.4, "select": 0.2, "calibrate": 0.1, "judge": 0.3},
}
AUGMENTATION = {
    "fit": {"sets": ["train", "select"], "band": "z", "limit": 20.0, "n": 100},
    "pixel_scale": 0.262,
    "extinction": "fit",
    "psf": "fit",
    "noise": "paper",
    "flip": True,
    "rotation": True,
    "scale": [0.9, 1.1],
    "jitter": 2,
}
PRETRAINING = {
    "sets": ["train", "select", "calibrate"],
    "regions": None,
    "band": "z",
    "limit": 20.0,
    "n": 60,
    "uniform_bins": 5,
}
NETWORK = {"name": "resnet18", "width": 4, "stem": "small"}
VIEW = {"crop": 32, "pixels": 16, "transform": {"kind": "viewer_rgb"}}
MOCO = {
    "kind": "moco",
    "network": NETWORK,
    "view": VIEW,
    "training": {
        "epochs": 2,
        "batch": 16,
        "group": 8,
        "queue": 16,
        "temperature": 0.2,
        "key_momentum": 0.9,
        "projection": 8,
        "learning_rate": 0.03,
        "sgd_momentum": 0.9,
        "weight_decay": 1e-4,
        "threads": 1,
        "workers": 0,
    },
}
UNTRAINED = {"kind": "untrained", "network": NETWORK, "view": VIEW, "batch": 8, "threads": 1}


class Run:
    """A run in a folder: two shards of 75 objects, and calls of stages on it."""

    def __init__(self, folder: Path, **columns):
        self.folder = folder
        self.images = folder / "results" / "small" / "images"
        rng = np.random.default_rng(4)
        for kind, suffix in (("shards", ".h5"), ("catalogue", ".parquet")):
            (self.images / kind).mkdir(parents=True)
            entries = []
            for name, first in (("s0", 0), ("s1", 75)):
                path = self.images / kind / (name + suffix)
                frame = self.table(75, first, np.random.default_rng(first)).assign(**columns)
                if kind == "shards":
                    pictures = rng.normal(0, 0.01, (75, 3, 40, 40)).astype(np.float32)
                    attrs = {"bands": ["g", "r", "z"], "pixel_scale": 0.262, "psf": "FWHM in arcsec"}
                    write_image_shard(path, pictures, {"object_id": frame.object_id.to_numpy()}, attrs, "none")
                else:
                    write_parquet(frame, path)
                entries.append(Entry(name, 75, {path.name: sha256(path)}))
            write_manifest(Manifest(kind, "t1-b0000", entries), self.images / kind / "t1-b0000.json")
        write_parquet(deal(Splits.parse(SPLITS), 1), self.images / "splits.parquet")

    @staticmethod
    def table(n: int, first: int, rng) -> pd.DataFrame:
        frame = pd.DataFrame({"object_id": 10**15 + first + np.arange(n), "ra": rng.uniform(0, 360, n)})
        frame["dec"] = np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
        frame["region"] = np.where(frame.dec > 30, "north", "south")
        frame["tranche"] = np.int16(1)
        frame["flags"] = np.int32(0)
        for band in "grz":
            frame[f"flux_{band}"] = rng.uniform(12, 100, n).astype(np.float32)
            frame[f"psfsize_{band}"] = rng.lognormal(0.3, 0.1, n).astype(np.float32)
            frame[f"psfdepth_{band}"] = rng.lognormal(7, 0.2, n).astype(np.float32)
        frame["ebv"] = rng.lognormal(-3, 0.5, n).astype(np.float32)
        return frame

    def call(self, stage, settings: dict, **arguments) -> int:
        words = ["--settings", json.dumps(settings), "--work", str(self.folder / "work" / "small")]
        words += ["--log", str(self.folder / "stage.log")]
        for name, value in arguments.items():
            words += [f"--{name}", str(value if name == "name" else self.images / value)]
        return stage.main(words)

    @property
    def log(self) -> str:
        return (self.folder / "stage.log").read_text()

    def fit(self, **changes) -> int:
        settings = {"augmentation": AUGMENTATION | changes, "splits": SPLITS, "seed": 1, "simulated": True}
        inputs = {"catalogue": "catalogue/t1-b0000.json", "splits": "splits.parquet"}
        return self.call(fit_augmentation, settings, **inputs, out="augmentation.json", figure="augmentation.png")

    def pretrain(self, name="moco", encoder=MOCO, seed=1) -> int:
        settings = {"encoder": encoder, "pretraining": PRETRAINING, "splits": SPLITS, "seed": seed}
        inputs = {"images": "shards/t1-b0000.json", "catalogue": "catalogue/t1-b0000.json", "splits": "splits.parquet"}
        outputs = {"weights": f"encoders/{name}/weights.pt", "history": f"encoders/{name}/history.csv"}
        if encoder["kind"] == "moco":
            return self.call(pretrain, settings, **inputs, augmentation="augmentation.json", **outputs, name=name)
        return self.call(init_encoder, settings, **inputs, **outputs, name=name)

    def embed(self, name="moco", batch=16) -> int:
        settings = {"encoder": {}, "embed": {"batch": batch, "threads": 1}}
        inputs = {"images": "shards/t1-b0000.json", "weights": f"encoders/{name}/weights.pt"}
        return self.call(embed, settings, **inputs, out=f"embeddings/{name}/t1-b0000.json", name=name)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    made = Run(tmp_path_factory.mktemp("run"))
    assert made.fit() == 0
    assert made.pretrain() == 0
    assert made.pretrain("untrained", UNTRAINED) == 0
    assert made.embed() == 0
    return made


def test_augmentation_holds_settings_and_laws(run):
    content = json.loads((run.images / "augmentation.json").read_text())
    assert content["settings"] == AUGMENTATION
    laws = content["distributions"]
    assert laws["noise"][0]["scale"] == 0.0037602  # Table 2
    assert laws["psf"][0]["low"] > 1.0 and laws["extinction"]["scale"] > 0 and content["objects"]["psf"] > 50
    assert (run.images / "augmentation.png").read_bytes().startswith(b"\x89PNG")
    before = (run.images / "augmentation.png").read_bytes(), (run.images / "augmentation.json").read_bytes()
    assert run.fit() == 0
    assert before == ((run.images / "augmentation.png").read_bytes(), (run.images / "augmentation.json").read_bytes())


def test_weights_name_their_network_and_differ_from_untrained_ones(run):
    trained, about = load_weights(run.images / "encoders" / "moco" / "weights.pt")
    untrained, _ = load_weights(run.images / "encoders" / "untrained" / "weights.pt")
    assert about == {"network": NETWORK, "view": VIEW}
    assert trained.keys() == untrained.keys()
    assert not np.allclose(trained["conv1.weight"], untrained["conv1.weight"])
    assert untrained["bn1.running_var"].min() >= 0 and not np.allclose(untrained["bn1.running_var"], 1)
    history = (run.images / "encoders" / "moco" / "history.csv").read_text().splitlines()
    assert history[0] == "epoch,loss,accuracy,learning_rate" and len(history) == 3
    assert (run.images / "encoders" / "untrained" / "history.csv").read_text() == history[0] + "\n"
    assert not list((run.folder / "work" / "small" / "checkpoints").rglob("state.pt"))


def test_embeddings_follow_the_shards(run):
    manifest = read_manifest(run.images / "embeddings" / "moco" / "t1-b0000.json")
    assert [(entry.shard, entry.rows) for entry in manifest.shards] == [("s0", 75), ("s1", 75)]
    values = read_result_shard(run.images / "embeddings" / "moco" / "s1.h5")
    assert values["object_id"].tolist() == (10**15 + 75 + np.arange(75)).tolist()
    assert values["embedding"].shape == (75, 32) and values["embedding"].dtype == np.float16
    assert run.embed() == 0 and run.log.count("finished before") == 2


def test_the_seed_alone_changes_the_weights(run, tmp_path):
    before = (run.images / "encoders" / "moco" / "weights.pt").read_bytes()
    workers = {**MOCO, "training": MOCO["training"] | {"workers": 2}}
    assert run.pretrain("again", workers) == 0
    assert (run.images / "encoders" / "again" / "weights.pt").read_bytes() == before
    assert run.pretrain("other", seed=2) == 0
    assert (run.images / "encoders" / "other" / "weights.pt").read_bytes() != before


@pytest.mark.filterwarnings("ignore")
def test_missing_extinction_asks_for_off(tmp_path, capsys):
    survey = Run(tmp_path, ebv=np.full(75, np.nan, dtype=np.float32))
    assert survey.fit() == 2
    assert "augmentation.extinction" in capsys.readouterr().err
    assert survey.fit(extinction="paper") == 0
    assert survey.pretrain() == 2
    assert "no object of the survey has" in capsys.readouterr().err
    assert survey.fit(extinction="off") == 0
    assert survey.pretrain() == 0


def test_faults_of_the_settings_are_named(run, capsys):
    too_long = {**MOCO, "training": MOCO["training"] | {"queue": 32}}
    assert run.pretrain("bad", too_long) == 2
    assert "exceeds half" in capsys.readouterr().err
    assert run.pretrain("bad", {**MOCO, "view": VIEW | {"crop": 64}}) == 2
    assert "64 of 40x40 pixels" in capsys.readouterr().err
    assert run.pretrain("bad", UNTRAINED | {"batch": 1000}) == 2
    assert "encoders.bad.batch" in capsys.readouterr().err
    assert run.fit(pixel_scale=0.3) == 2
    assert "0.262 arcsec" in capsys.readouterr().err
    assert run.fit(pixel_scale=0.3, noise="off") == 0 and run.pretrain("bad") == 2
    assert "fitted for other pixels" in capsys.readouterr().err
    assert run.fit() == 0
