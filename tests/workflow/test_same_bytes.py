"""The image half has the same bytes after kills, and whatever the shards a job, cores and workers; or without truth."""

import re
import shutil
import signal
import subprocess
import time

import psutil
import pytest
from workflow.kills import inside, kill_in, last_log, signal_all, times_made, tree
from workflow.project import OF_SPECTRA, differences

pytestmark = [pytest.mark.graph, pytest.mark.timeout(1200)]
NOT_COMPARED = (r"settings\.yaml$", r"/[^/]*b\d+\.json$", r"manifest\.json$", r"shards\.tsv$")


def _sized(project, shards_per_job, workers, *arguments):
    def change(content):
        content["ingest"]["shards_per_job"] = shards_per_job
        content["encoders"]["moco"]["training"]["workers"] = workers

    with project.settings(change):
        project.run(*arguments)
    return project.digests(*NOT_COMPARED)


def test_the_bytes_do_not_depend_on_sizes_of_the_execution(new_project):
    one = _sized(new_project("one"), 1, 0, "--cores", "1", "lenses")
    three = _sized(new_project("three"), 3, 2, "--cores", "2", "lenses")
    assert len(one) > 60 and differences(one, three) == []


def test_without_the_truth_everything_up_to_the_grading_batch_is_the_same(tiny, new_project):
    project = new_project("blind")
    wanted = ["images/round-1/batch/manifest.json", "images/leak_audit.json", "images/round-1/batch/batch.html"]
    targets = [f"results/tiny/{name}" for name in wanted]
    project.run("results/tiny/images/labels.ecsv")
    assert (project.results / "truth" / "1.parquet").is_file()
    shutil.rmtree(project.results / "truth")
    project.run(*targets)
    assert not (project.results / "truth").exists()
    blind, seeing = project.digests(), tiny.digests()
    assert len(blind) > 40 and [name for name in blind if blind[name] != seeing[name]] == []


def test_kills_end_with_the_same_bytes_and_repeat_no_finished_shard(tiny, new_project):
    project = new_project("killed")
    seen = []
    # Which of those that do not need each other comes first is the scheduler's choice.
    for stages, with_temporary in (
        ({"ingest"}, True),
        ({"pretrain", "similarity", "train_finder"}, False),
        ({"release_lenses"}, False),
    ):
        while stages:
            met, left = kill_in(project, stages, with_temporary, "lenses")
            stages = stages - met
            seen += left
            locked = project.call("lenses")
            assert locked.returncode != 0 and "--unlock" in locked.stdout + locked.stderr
            project.run("--unlock")
    assert seen, "no kill met a temporary file"
    project.run("lenses")
    assert project.plan("lenses") == {}
    of_both = r"^release/index\.html$"
    assert differences(project.digests(), tiny.digests(OF_SPECTRA, of_both)) == []
    made = times_made(project)
    assert made and {key: count for key, count in made.items() if count > 1} == {}


@pytest.mark.parametrize(
    ("stage", "before", "weights", "words"),
    [
        ("train_finder", "round-1/sample.parquet", "round-1/models/shielded/weights.pt", " train_finder: resume "),
        ("pretrain", "augmentation.json", "encoders/moco/weights.pt", " pretrain: resumed "),
    ],
)
def test_a_killed_training_goes_on_and_ends_with_the_same_bytes(new_project, stage, before, weights, words):
    project = new_project(f"resumed-{stage}")
    target = f"results/tiny/images/{weights}"

    def longer(content):
        content["models"]["shielded"]["training"] |= {"epochs": 12, "checkpoint_seconds": 0.2}
        content["encoders"]["moco"]["training"] |= {"epochs": 12}

    def sooner(text):  # the interval of the pre-training is no setting
        return re.sub(r"^CHECKPOINT_SECONDS = .*$", "CHECKPOINT_SECONDS = 0.2", text, flags=re.M)

    with project.settings(longer), project.edit("src/pipeline/learn/checkpoints.py", sooner):
        project.run(f"results/tiny/images/{before}")
        process = subprocess.Popen(
            project.command(target),
            cwd=project.folder,
            env=project.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        checkpoints = project.folder / "work" / "tiny" / "checkpoints"
        deadline = time.monotonic() + 300
        while not (inside(project, stage) and any(checkpoints.glob(f"{stage}-*/state.pt"))):
            assert time.monotonic() < deadline and process.poll() is None, "no checkpoint before the training ended"
            time.sleep(0.005)
        signal_all(tree(psutil.Process(process.pid)), signal.SIGKILL)
        process.wait()
        project.run("--unlock")
        project.run(target)
        assert words in last_log(project, stage).read_text()
        resumed = (project.folder / target).read_bytes()
        shutil.rmtree(project.folder / "work")
        project.run("--forcerun", stage, "--", target)
        assert (project.folder / target).read_bytes() == resumed
