"""The stage: its shards do not depend on how the embeddings are divided, on a kill, or on what was there before."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from pipeline.data.datasets import read_results
from pipeline.data.manifests import Entry, Manifest, sha256, shard_paths, write_manifest
from pipeline.data.shards import write_result_shard
from pipeline.data.tables import write_parquet
from pipeline.search import index, neighbours
from pipeline.stages import similarity

SETTINGS = {
    "similarity": {
        "neighbours": 8,
        "magnitude_band": "r",
        "delta_mag": 0.5,
        "duplicate_arcsec": 1.0,
        "tile": 64,
        "threads": 1,
    }
}
N = 300


def survey():
    generator = np.random.default_rng(11)
    flux = 10 ** (0.4 * (22.5 - generator.uniform(18, 20, N))).astype(np.float32)
    flux[:5] = [np.nan, 0, -1, np.nan, np.nan]
    embedding = generator.normal(size=(N, 32)).astype(np.float16)
    embedding[5], embedding[6, 3] = 0, np.nan
    catalogue = pd.DataFrame(
        {
            "object_id": np.sort(generator.permutation(10 * N)[:N]) + (1 << 58),
            "ra": generator.uniform(359.9, 360.1, N) % 360,
            "dec": generator.uniform(-0.1, 0.1, N),
            "flux_r": flux,
        }
    )
    return catalogue, embedding


def write_batches(folder, parts):
    """Write embeddings and catalogue: parts = [(batch, [rows of a shard, ...]), ...]; return the manifests."""
    catalogue, embedding = survey()
    manifests = {"embeddings": [], "catalogue": []}
    number = 0
    for batch, shards in parts:
        entries = {"embeddings": [], "catalogue": []}
        for rows in shards:
            number += 1
            paths = {"embeddings": folder / f"e/s{number}.h5", "catalogue": folder / f"c/s{number}.parquet"}
            for path in paths.values():
                path.parent.mkdir(parents=True, exist_ok=True)
            ids = catalogue["object_id"].to_numpy()[rows]
            norm = np.ones(len(ids), dtype=np.float32)
            write_result_shard(paths["embeddings"], object_id=ids, embedding=embedding[rows], norm=norm)
            write_parquet(catalogue.iloc[rows], paths["catalogue"])
            for name, path in paths.items():
                entries[name].append(Entry(f"s{number}", len(ids), {path.name: sha256(path)}))
        for name, path in (("embeddings", folder / f"e/{batch}.json"), ("catalogue", folder / f"c/{batch}.json")):
            write_manifest(Manifest(name, batch, entries[name]), path)
            manifests[name].append(path)
    return manifests


def call(tmp_path, manifests, out="out", work="work"):
    target = tmp_path / out / "moco" / "manifest.json"
    status = similarity.main(
        [
            "--embeddings", *map(str, manifests["embeddings"]), "--catalogue", *map(str, manifests["catalogue"]),
            "--out", str(target), "--name", "moco", "--settings", json.dumps(SETTINGS),
            "--work", str(tmp_path / work), "--log", str(tmp_path / "log"),
        ]
    )  # fmt: skip
    return status, target


def content(target):
    found = read_results([target], ["neighbour_id", "similarity"])
    return tuple(found[name].tobytes() for name in ("object_id", "neighbour_id", "similarity"))


ALL = np.arange(N)
ONE = [("t1-b0000", [ALL])]
MANY = [("t1-b0000", [ALL[200:], ALL[:50]]), ("t1-b0001", [ALL[50:200:2], ALL[51:200:2]])]


def test_division_into_shards_and_batches_does_not_matter(tmp_path):
    status, one = call(tmp_path, write_batches(tmp_path / "1", ONE), "one", "work1")
    assert status == 0
    _, many = call(tmp_path, write_batches(tmp_path / "2", MANY), "many", "work2")
    assert content(one) == content(many)
    assert [shard for shard, _ in shard_paths(many, ".h5")] == ["s1", "s2", "s3", "s4"]


def test_objects_without_magnitude_or_vector_have_no_neighbours_and_are_nobodys(tmp_path):
    _, target = call(tmp_path, write_batches(tmp_path, ONE))
    found = read_results([target], ["neighbour_id", "similarity"])
    assert (found["neighbour_id"][:7] == -1).all() and np.isnan(found["similarity"][:7]).all()
    assert not np.isin(found["neighbour_id"], found["object_id"][:7]).any()
    assert (found["neighbour_id"][7:, 0] >= 0).all()


def test_a_second_tranche_has_the_bytes_of_a_run_from_scratch(tmp_path, monkeypatch):
    manifests = write_batches(tmp_path, [("t1-b0000", [ALL[::2]]), ("t2-b0000", [ALL[1::2]])])
    first = {name: paths[:1] for name, paths in manifests.items()}
    call(tmp_path, first, "grown")
    compared = []
    run = neighbours.run
    monkeypatch.setattr(neighbours, "run", lambda o, task, s: compared.append(task) or run(o, task, s))
    call(tmp_path, manifests, "grown")
    with_all = sum(len(task.queries) for task in compared if len(task.candidates) > N // 2)
    assert 0 < with_all <= N // 2
    _, scratch = call(tmp_path, manifests, "scratch", "other_work")
    for name in ("s1.h5", "s2.h5", "manifest.json"):
        assert (tmp_path / "grown/moco" / name).read_bytes() == (tmp_path / "scratch/moco" / name).read_bytes()


def test_a_killed_run_continues(tmp_path, monkeypatch):
    manifests = write_batches(tmp_path, MANY)
    _, whole = call(tmp_path, manifests, "whole", "work1")
    run, done = neighbours.run, []

    def stop_after_two(objects, task, settings):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(task)
        return run(objects, task, settings)

    monkeypatch.setattr(neighbours, "run", stop_after_two)
    status, target = call(tmp_path, manifests, "killed", "work2")
    assert status == 130 and not target.exists()
    rest = []
    monkeypatch.setattr(neighbours, "run", lambda o, task, s: rest.append(task) or run(o, task, s))
    status, target = call(tmp_path, manifests, "killed", "work2")
    assert status == 0 and len(rest) == -(-(N - 7) // 64) - 2
    for path in sorted(whole.parent.iterdir()):
        assert path.read_bytes() == (target.parent / path.name).read_bytes()
    assert not list((tmp_path / "work2").rglob("block-*"))


def test_the_work_folder_may_be_deleted(tmp_path):
    manifests = write_batches(tmp_path, MANY)
    _, target = call(tmp_path, manifests)
    before = content(target)
    shutil.rmtree(tmp_path / "work")
    call(tmp_path, manifests)
    assert content(target) == before


def test_a_corrupt_state_is_no_obstacle(tmp_path):
    manifests = write_batches(tmp_path, MANY)
    _, target = call(tmp_path, manifests)
    before = content(target)
    state = tmp_path / "work/checkpoints/similarity/moco/lists.h5"
    state.write_bytes(state.read_bytes()[:1000])
    assert call(tmp_path, manifests)[0] == 0 and content(target) == before


@pytest.mark.parametrize("fault", ["missing", "twice"])
def test_faulty_ids_are_named(tmp_path, fault):
    manifests = write_batches(tmp_path, MANY)
    if fault == "missing":
        manifests["catalogue"].pop()
    else:
        manifests["embeddings"].append(manifests["embeddings"][0])
    assert call(tmp_path, manifests)[0] == 2
    text = (tmp_path / "log").read_text()
    assert ("no row in the catalogue" if fault == "missing" else "two embeddings") in text


def test_lists_of_one_object(tmp_path):
    _, target = call(tmp_path, write_batches(tmp_path, MANY))
    found = read_results([target], ["neighbour_id", "similarity"])
    ids, cosine = index.read_lists(target, int(found["object_id"][100]))
    assert ids.tolist() == found["neighbour_id"][100].tolist()
    assert cosine.tolist() == found["similarity"][100].tolist()
    assert index.read_lists(target, 5) is None
