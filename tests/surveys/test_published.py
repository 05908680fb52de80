"""Products published elsewhere: embeddings, weights, lists of scores."""

import argparse
import json

import numpy as np
import pandas as pd
import pytest
import torch
from astropy.table import Table

from pipeline.data.datasets import read_results
from pipeline.data.manifests import Entry, Manifest, sha256, write_manifest
from pipeline.data.shards import write_image_shard
from pipeline.data.tables import write_parquet
from pipeline.errors import PipelineError
from pipeline.learn import encoder
from pipeline.settings.encoders import Network
from pipeline.settings.models import PublishedScores
from pipeline.stages import import_embeddings, import_encoder, import_scores
from pipeline.surveys.published import PublishedEmbeddings, ScoreList
from pipeline.surveys.published_weights import read_weights

IDS = np.array([40, 10, 30, 20], dtype=np.int64)


@pytest.fixture
def embeddings(tmp_path):
    values = np.random.default_rng(1).normal(0, 3, (4, 2048)).astype(np.float32)
    np.save(tmp_path / "embeddings.npy", values)
    np.save(tmp_path / "ids.npy", IDS)
    return tmp_path, values


def test_embeddings_by_id(embeddings):
    folder, values = embeddings
    stored, norm = PublishedEmbeddings(folder / "embeddings.npy", folder / "ids.npy").of(np.array([20, 40]))
    np.testing.assert_array_equal(stored, values[[3, 0]].astype(np.float16))
    np.testing.assert_allclose(norm, np.linalg.norm(values[[3, 0]], axis=1), rtol=1e-3)
    assert stored.dtype == np.float16 and norm.dtype == np.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "embeddings.npy").write_bytes((f / "embeddings.npy").read_bytes()[:1000]), "truncated"),
        (lambda f: (f / "embeddings.npy").write_bytes(b"no array"), "not a .npy"),
        (lambda f: (f / "embeddings.npy").unlink(), "file not found"),
        (lambda f: np.save(f / "embeddings.npy", np.zeros((4, 3, 2), np.float32)), "not embeddings"),
        (lambda f: np.save(f / "embeddings.npy", np.array([{}, 1], dtype=object)), "not a .npy"),
        (lambda f: np.save(f / "ids.npy", IDS[:3]), "not those of the embeddings"),
        (lambda f: np.save(f / "ids.npy", IDS.astype(float)), "not those of the embeddings"),
        (lambda f: np.save(f / "ids.npy", np.array([1, 2, 2, 3])), "two embeddings"),
    ],
)
def test_bad_embedding_files(embeddings, change, message):
    folder, _ = embeddings
    change(folder)
    with pytest.raises(PipelineError, match=message):
        PublishedEmbeddings(folder / "embeddings.npy", folder / "ids.npy")


@pytest.mark.parametrize("value", [np.nan, np.inf, 70000.0])
def test_embeddings_beyond_float16_are_refused_not_clipped(embeddings, value):
    folder, values = embeddings
    values[2, 5] = value
    np.save(folder / "embeddings.npy", values)
    published = PublishedEmbeddings(folder / "embeddings.npy", folder / "ids.npy")
    published.of(np.array([10, 20, 40]))
    with pytest.raises(PipelineError, match="object 30"):
        published.of(np.array([10, 30]))


def test_object_without_embedding(embeddings):
    folder, _ = embeddings
    published = PublishedEmbeddings(folder / "embeddings.npy", folder / "ids.npy")
    for other in (5, 25, 99):
        with pytest.raises(PipelineError, match=f"object {other}"):
            published.of(np.array([10, other]))


def scores(**changes):
    plain = {"kind": "published_scores", "path": "x", "match": {"object_id": "id"}, "score": "p",
             "scale": "probability", "unlisted": None}  # fmt: skip
    return PublishedScores.parse({**plain, **changes})


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".ecsv", ".fits"])
def test_scores_by_id_in_every_format(tmp_path, suffix):
    big = 2**62 + np.arange(3)  # beyond what float64 can tell apart
    table = pd.DataFrame({"id": big, "p": [0.5, 0.9, 0.0]})
    path = tmp_path / f"list{suffix}"
    match suffix:
        case ".csv":
            table.to_csv(path, index=False)
        case ".tsv":
            table.to_csv(path, index=False, sep="\t")
        case ".parquet":
            table.to_parquet(path)
        case _:
            Table.from_pandas(table).write(path)
    score, named = ScoreList(path, scores()).of(big[[1, 0, 2]], np.zeros(3), np.zeros(3))
    np.testing.assert_allclose(score, [np.log(9), 0.0, np.log(1e-7)], rtol=1e-5, atol=1e-7)
    assert named == 3 and score.dtype == np.float32


def test_scores_by_position_and_unlisted(tmp_path):
    path = tmp_path / "top.tsv"
    rows = {"ra": [359.9999, 10.0, 10.0], "dec": [0.0, 89.9, 20.0], "s": [1.5, 2.5, np.nan]}
    pd.DataFrame(rows).to_csv(path, sep="\t", index=False)
    how = {"match": {"ra": "ra", "dec": "dec", "radius_arcsec": 1.0}, "score": "s", "scale": "logit"}
    ra, dec = np.array([0.00005, 10.05, 10.0, 10.0]), np.array([0.0, 89.9, 20.0, 21.0])
    score, named = ScoreList(path, scores(**how, unlisted=-9.0)).of(np.arange(4), ra, dec)
    np.testing.assert_allclose(score, [1.5, 2.5, -9.0, -9.0])
    assert named == 2
    with pytest.raises(PipelineError, match="unlisted"):
        ScoreList(path, scores(**how)).of(np.arange(4), ra, dec)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,q\n1,0.5\n", "lacks columns"),
        ("id,p\n1,0.5\n1,0.6\n", "twice"),
        ("id,p\n1,1.5\n", "not probabilities"),
        ("id,p\nx,0.5\n", "no number"),
        ("", "cannot be read"),
    ],
)
def test_bad_score_lists(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(PipelineError, match=message):
        ScoreList(tmp_path / "a.csv", scores())
    with pytest.raises(PipelineError, match="unknown format"):
        ScoreList(tmp_path / "a.xls", scores())


SMALL = Network.parse({"name": "resnet18", "width": 8, "stem": "standard"})
VIEW = {"crop": 96, "pixels": 96, "transform": {"kind": "viewer_rgb"}}


@pytest.mark.parametrize(
    ("prefix", "wrap"),
    [
        ("", lambda state: state),
        ("encoder_q.", lambda state: {"state_dict": state, "hyper_parameters": argparse.Namespace(lr=0.24)}),
        ("module.encoder_q.", lambda state: {"state_dict": state}),
    ],
)
def test_weights_of_each_layout(tmp_path, prefix, wrap):
    """A MoCo checkpoint also holds the key encoder, a queue and a projection head."""
    state = encoder.build(SMALL, 5).state_dict()
    stored = {prefix + name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    stored |= {prefix + "fc.0.weight": torch.ones(3), "encoder_k.conv1.weight": torch.zeros(3), "queue": torch.ones(9)}
    if not prefix:
        stored = {name: tensor for name, tensor in stored.items() if name.split(".")[0] not in ("encoder_k", "queue")}
    torch.save(wrap(stored), tmp_path / "moco.ckpt")
    read = read_weights(tmp_path / "moco.ckpt", prefix, encoder.build(SMALL, 6).state_dict())
    assert set(read) == set(state)
    assert all(torch.equal(read[name], state[name]) for name in state if not name.endswith("num_batches_tracked"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("layer3.1.bn2.weight"), "layer3.1.bn2.weight"),
        (lambda state: state.update({"layer9.weight": torch.ones(1)}), "layer9.weight"),
        (lambda state: state.update({"conv1.weight": torch.ones(2, 2)}), "another shape"),
        (lambda state: state["layer1.0.conv1.weight"].fill_(float("nan")), "not finite"),
        (lambda state: state.pop("conv1.weight"), "after this prefix"),
    ],
)
def test_bad_weights(tmp_path, change, message):
    network = encoder.build(SMALL, 5)
    state = dict(network.state_dict())
    change(state)
    torch.save(state, tmp_path / "weights.pt")
    with pytest.raises(PipelineError, match=message):
        read_weights(tmp_path / "weights.pt", "", encoder.build(SMALL, 6).state_dict())


class Command:
    def __reduce__(self):
        return print, ("code ran",)


def test_a_file_of_weights_cannot_run_code(tmp_path, capsys):
    torch.save({"state_dict": Command()}, tmp_path / "bad.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "bad.pt").read_bytes()[:100])
    for name in ("bad.pt", "cut.pt", "none.pt"):
        with pytest.raises(PipelineError, match=name):
            read_weights(tmp_path / name, "", {})
    assert "code ran" not in capsys.readouterr().out


def call(stage, folder, settings, **paths):
    argv = [word for key, path in paths.items() for word in (f"--{key}", str(path))]
    common = ["--settings", json.dumps(settings), "--work", str(folder / "work"), "--log", str(folder / "log.txt")]
    return stage.main([*argv, "--name", "given", *common])


def test_the_three_stages(embeddings):
    folder, values = embeddings
    results = folder / "results" / "r" / "images"
    for name in ("shards", "catalogue"):
        (results / name).mkdir(parents=True)
    object_id = np.array([10, 20, 40])
    columns = {"object_id": object_id, "ra": np.zeros(3), "dec": np.zeros(3)}
    images = np.zeros((3, 3, 4, 4), np.float32)
    write_image_shard(results / "shards" / "a.h5", images, columns, {"bands": ["g", "r", "z"]}, "none")
    write_parquet(pd.DataFrame(columns), results / "catalogue" / "a.parquet")
    for name, file in (("shards", "a.h5"), ("catalogue", "a.parquet")):
        path = results / name / file
        write_manifest(Manifest(name, "b1", [Entry("a", 3, {file: sha256(path)})]), results / name / "b1.json")

    out = results / "embeddings" / "given" / "b1.json"
    setting = {"encoder": {"kind": "published_embeddings", "path": "a", "ids": "b"}}
    files = {"embeddings": folder / "embeddings.npy", "ids": folder / "ids.npy"}
    assert call(import_embeddings, folder, setting, images=results / "shards" / "b1.json", out=out, **files) == 0
    read = read_results([out], ["embedding", "norm"])
    np.testing.assert_array_equal(read["object_id"], object_id)
    np.testing.assert_array_equal(read["embedding"], values[[1, 3, 0]].astype(np.float16))

    (folder / "list.csv").write_text("id,p\n40,0.25\n20,0.5\n10,0.75\n")
    out = results / "round-1" / "scores" / "given" / "b1.json"
    given = {"catalogue": results / "catalogue" / "b1.json", "published": folder / "list.csv"}
    assert call(import_scores, folder, {"model": scores().plain()}, out=out, **given) == 0
    np.testing.assert_allclose(read_results([out], ["score"])["score"], [np.log(3), 0, -np.log(3)], atol=1e-6)

    state = encoder.build(SMALL, 5).state_dict()
    torch.save({"state_dict": {f"encoder_q.{name}": value for name, value in state.items()}}, folder / "moco.ckpt")
    setting = {"encoder": {"kind": "published_weights", "network": SMALL.plain(), "view": VIEW, "path": "moco.ckpt",
                           "prefix": "encoder_q."}}  # fmt: skip
    out = results / "encoders" / "given" / "weights.pt"
    assert call(import_encoder, folder, setting, published=folder / "moco.ckpt", weights=out) == 0
    network, view = encoder.load(out, torch.device("cpu"))
    name = "layer4.1.conv2.weight"
    assert view.crop == 96 and torch.equal(network.state_dict()[name], state[name])
