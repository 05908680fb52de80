"""Manifests, tables and atomic files."""

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table

from pipeline.data import datasets, manifests, tables
from pipeline.data.atomic import atomic, remove_stale_temporaries, write_text
from pipeline.data.shards import write_result_shard
from pipeline.errors import PipelineError


def _dataset(folder, batch, ids):
    entries = []
    for number, part in enumerate(np.array_split(np.asarray(ids), 2)):
        shard = f"{batch}-{number}"
        write_result_shard(folder / f"{shard}.h5", object_id=part, score=part.astype("f4") / 2)
        tables.write_parquet(pd.DataFrame({"object_id": part, "mag": part * 1.0}), folder / f"{shard}.parquet")
        files = {name: manifests.sha256(folder / name) for name in (f"{shard}.h5", f"{shard}.parquet")}
        entries.append(manifests.Entry(shard, len(part), files))
    manifests.write_manifest(manifests.Manifest("scores", batch, entries), folder / f"{batch}.json")
    return folder / f"{batch}.json"


def test_datasets_are_read_sorted_by_identity(tmp_path):
    paths = [_dataset(tmp_path, "b1", [9, 2, 5, 7]), _dataset(tmp_path, "b2", [1, 8, 3])]
    results = datasets.read_results(paths, ["score"])
    assert results["object_id"].tolist() == [1, 2, 3, 5, 7, 8, 9]
    np.testing.assert_array_equal(results["score"], results["object_id"] / np.float32(2))
    frame = datasets.read_tables(paths, ["mag"])
    assert frame["object_id"].tolist() == [1, 2, 3, 5, 7, 8, 9] and frame["mag"].tolist() == frame["object_id"].tolist()
    assert manifests.read_manifest(paths[0]).rows == 4
    assert [shard for shard, _ in manifests.shard_paths(paths[1], ".h5")] == ["b2-0", "b2-1"]
    with pytest.raises(PipelineError, match="exactly one such file"):
        manifests.shard_paths(paths[1])


def test_missing_and_altered_shards_are_found(tmp_path):
    path = _dataset(tmp_path, "b1", [1, 2, 3, 4])
    assert manifests.faults(path) == []
    (tmp_path / "b1-0.h5").unlink()
    with (tmp_path / "b1-1.h5").open("ab") as file:
        file.write(b"x")
    assert [line.split(": ")[1] for line in manifests.faults(path)] == [
        "missing",
        "its content is not what the manifest says",
    ]


def test_what_is_no_manifest_is_named(tmp_path):
    write_text(tmp_path / "a.json", '{"dataset": "x"}')
    with pytest.raises(PipelineError, match="not a manifest(.|\n)*a.json"):
        manifests.read_manifest(tmp_path / "a.json")
    with pytest.raises(PipelineError, match="not found"):
        manifests.read_manifest(tmp_path / "b.json")


def test_parquet_bytes_and_metadata(tmp_path):
    frame = pd.DataFrame({"object_id": [1, 2], "type": ["DEV", ""], "flux": np.array([1, np.nan], "f4")})
    tables.write_parquet(frame, tmp_path / "a.parquet", {"nside": 64})
    tables.write_parquet(frame.set_index(np.array([5, 6])), tmp_path / "b.parquet", {"nside": 64})
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert tables.parquet_metadata(tmp_path / "a.parquet") == {"nside": "64"}
    back = tables.read_parquet(tmp_path / "a.parquet")
    assert back["type"].tolist() == ["DEV", ""] and back["flux"].dtype == np.float32
    write_text(tmp_path / "c.parquet", "no parquet")
    with pytest.raises(PipelineError, match=r"cannot be read as Parquet(.|\n)*c\.parquet"):
        tables.read_parquet(tmp_path / "c.parquet")


def test_ecsv_keeps_units(tmp_path):
    tables.write_ecsv(Table({"separation": [1.5]}, units={"separation": "arcsec"}), tmp_path / "a.ecsv")
    assert str(tables.read_ecsv(tmp_path / "a.ecsv")["separation"].unit) == "arcsec"
    write_text(tmp_path / "b.ecsv", "%ECSV nonsense")
    with pytest.raises(PipelineError, match="cannot be read as ECSV"):
        tables.read_ecsv(tmp_path / "b.ecsv")


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    target = tmp_path / "deep" / "a.txt"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic(target) as temporary:
        temporary.write_text("half")
        assert target.read_text() == "old" and temporary.suffix == ".txt"
        raise RuntimeError
    assert target.read_text() == "old" and list(target.parent.iterdir()) == [target]


def test_temporaries_of_dead_processes_are_removed(tmp_path):
    target = tmp_path / "a.txt"
    with atomic(target) as temporary:
        temporary.write_text("x")
        dead = temporary.with_name(temporary.name.replace(temporary.name.split("-")[-3], "999999999"))
        dead.write_text("x")
        assert remove_stale_temporaries(target) == [dead]
        assert temporary.exists() and not dead.exists()
