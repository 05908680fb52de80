"""Shards of raw files: what is finished and whole stays, anything else is made again."""

import json

import pytest

from pipeline.data.manifests import read_manifest, sha256
from pipeline.stages._door import door
from pipeline.stages._simulated import make_shards

ROWS = [{"shard": "a", "tranche": 1}, {"shard": "b", "tranche": 1}]


@pytest.fixture
def run(tmp_path):
    """Call a stage that writes two files a shard; return the manifest and the shards that were made."""

    def call(rows=ROWS, settings=None):
        made = []

        def make(row, root):
            made.append(row["shard"])
            names = [f"tranche-{row['tranche']}/{row['shard']}-{number}.txt" for number in range(2)]
            for name in names:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(name)
            return 3, names[::-1]

        out = tmp_path / "results/made/survey/t1-b0000.json"
        argv = ["--out", str(out), "--rows", json.dumps(rows), "--settings", json.dumps(settings or {"seed": 1})]
        argv += ["--work", str(tmp_path / "work"), "--log", str(tmp_path / "log.txt")]
        stage = lambda job: make_shards(job, "made", make)  # noqa: E731
        assert door("simulate_survey", stage, argv, outputs=("out",), values=("rows",)) == 0
        return out, made

    return call


def test_the_manifest_names_all_files(run):
    out, made = run()
    assert made == ["a", "b"]
    manifest = read_manifest(out)
    assert [(entry.shard, entry.rows) for entry in manifest.shards] == [("a", 3), ("b", 3)]
    named = {name: digest for entry in manifest.shards for name, digest in entry.files.items()}
    names = [f"tranche-1/{shard}-{number}.txt" for shard in "ab" for number in range(2)]
    assert named == {name: sha256(out.parent / name) for name in names}


def test_what_is_finished_stays_until_it_differs(run):
    out, _ = run()
    before = out.read_bytes()
    out.unlink()
    assert run()[1] == [] and out.read_bytes() == before
    (out.parent / "tranche-1/b-0.txt").write_text("altered")
    assert run()[1] == ["b"] and out.read_bytes() == before
    (out.parent / "tranche-1/a-1.txt").unlink()
    assert run()[1] == ["a"]
    assert run([ROWS[0], {**ROWS[1], "tranche": 2}])[1] == ["b"]
    assert run(settings={"seed": 2})[1] == ["a", "b"]
