"""The command `skysieve`."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.manifests import Entry, Manifest, sha256, write_manifest
from pipeline.data.shards import write_result_shard

SKYSIEVE = str(Path(sys.executable).with_name("skysieve"))


def _call(folder, *arguments):
    return subprocess.run([SKYSIEVE, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_help_names_the_commands(tmp_path):
    text = _call(tmp_path, "--help").stdout
    names = "index fetch plan status search redshift evaluate-redshifts check schema results pictures"
    assert all(word in text for word in names.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["index", "config/no.yaml"], "no such configuration file"),
        (["search", "--run", "no", "--ra", "1", "--dec", "2"], "no results of that run"),
        (["check", "no"], "snakemake --cores all"),
    ],
)
def test_a_users_fault_ends_with_2_and_no_traceback(tmp_path, arguments, words):
    done = _call(tmp_path, *arguments)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


def test_index_refuses_a_simulated_survey(root):
    done = _call(root, "index", "config/tiny.yaml")
    assert done.returncode == 2 and "nothing to index" in done.stderr


def test_check_removes_the_manifest_of_an_altered_shard(tmp_path):
    folder = tmp_path / "results" / "mine" / "images" / "scores"
    folder.mkdir(parents=True)
    for batch in ("b1", "b2"):
        write_result_shard(folder / f"{batch}-s.h5", object_id=np.arange(3), score=np.zeros(3))
        entry = Entry(f"{batch}-s", 3, {f"{batch}-s.h5": sha256(folder / f"{batch}-s.h5")})
        write_manifest(Manifest("scores", batch, [entry]), folder / f"{batch}.json")
    assert "2 manifests checked, 0 removed" in _call(tmp_path, "check", "mine").stdout
    with (folder / "b2-s.h5").open("ab") as file:
        file.write(b"x")
    done = _call(tmp_path, "check", "mine")
    assert "b2-s.h5: its content" in done.stdout and "1 removed: run snakemake again" in done.stdout
    assert done.stdout.rstrip().endswith("results/mine/images/scores/b2.json")
    assert (folder / "b1.json").exists() and not (folder / "b2.json").exists() and (folder / "b2-s.h5").exists()
