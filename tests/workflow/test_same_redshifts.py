"""The spectra half has the same bytes after kills, and whatever the shards a job and the cores; without the truth."""

import re
import shutil
import signal
import subprocess
import time

import psutil
import pytest
from workflow.kills import inside, kill_in, signal_all, times_made, tree
from workflow.project import OF_SPECTRA, differences

pytestmark = [pytest.mark.graph, pytest.mark.timeout(1200)]
# Manifests name the shards of a batch.
OF_BATCHES = r"/t\d+-s\d+\.json$|^spectra/shards\.tsv$"


def _of_spectra(project, *skip):
    return {name: digest for name, digest in project.digests(*skip).items() if re.search(OF_SPECTRA, name)}


def _networks(content):
    return [one for one in content["spectra"]["estimators"].values() if "training" in one]


def test_sizes_of_the_execution_and_the_truth_change_no_byte(tiny, new_project):
    project = new_project("other-sizes")

    def change(content):
        content["spectra"]["ingest"]["shards_per_job"] = 1
        for network in _networks(content):
            network["training"]["checkpoint_seconds"] = 100.0

    with project.settings(change):
        project.run("--cores", "1", "results/tiny/survey/tranche-1/spectra/qso_catalogue.fits")
        shutil.move(project.results / "truth", project.folder / "truth")
        table = "release/redshifts/quasar_redshifts.fits"
        project.run("--cores", "1", f"results/tiny/{table}")
        blind, seeing = _of_spectra(project, OF_BATCHES), _of_spectra(tiny, OF_BATCHES)
        assert not (project.results / "truth").exists()
        assert {table, "spectra/sample.parquet", "spectra/redshift_calibration.json"} <= blind.keys()
        assert len(blind) > 250 and [name for name in blind if blind[name] != seeing[name]] == []
        # Only what judges the redshifts opens it.
        shutil.move(project.folder / "truth", project.results / "truth")
        project.run("--cores", "1", "redshifts")
        assert project.plan("redshifts") == {}
    assert differences(_of_spectra(project, OF_BATCHES), seeing) == []


def test_kills_end_with_the_same_bytes_and_repeat_no_finished_shard(tiny, new_project):
    project = new_project("killed-spectra")

    def often(content):
        for network in _networks(content):
            network["training"]["checkpoint_seconds"] = 0.05

    with project.settings(often):
        _, left = kill_in(project, {"ingest_spectra"}, True, "redshifts")
        assert left, "the kill met no temporary file"
        project.run("--unlock")
        name = _kill_after_a_checkpoint(project)
        project.run("--unlock")
        project.run("redshifts")
        assert project.plan("redshifts") == {}
    assert differences(_of_spectra(project), _of_spectra(tiny)) == []
    text = (project.folder / "work" / "tiny" / "logs" / "train_redshift" / f"{name}.log").read_text()
    assert " train_redshift: resume " in text
    made = times_made(project)
    assert made and {key: count for key, count in made.items() if count > 1} == {}


def _kill_after_a_checkpoint(project) -> str:
    """Start a run and kill it while a network trains that has made a checkpoint; return the network's name."""
    process = subprocess.Popen(
        project.command("redshifts"),
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    root, work = psutil.Process(process.pid), project.folder / "work" / "tiny"
    deadline = time.monotonic() + 400
    found: list[str] = []
    while not found:
        assert time.monotonic() < deadline and process.poll() is None, "no checkpoint before the trainings ended"
        time.sleep(0.01)
        if inside(project, "train_redshift") and any((work / "checkpoints").glob("train_redshift-*/state.pt")):
            signal_all(tree(root), signal.SIGSTOP)
            logs = (work / "logs" / "train_redshift").glob("*.log")
            found = [path.stem for path in logs if _training(path.read_text())]
            # The checkpoint may be that of another one.
            checkpoints = list((work / "checkpoints").glob("train_redshift-*/state.pt"))
            if len(found) != len(checkpoints):
                found = []
                signal_all(tree(root), signal.SIGCONT)
    signal_all(tree(root), signal.SIGKILL)
    process.wait()
    return found[0]


def _training(text: str) -> bool:
    return " train_redshift: train " in text and " train_redshift: chosen " not in text
