"""What goes wrong on a cluster, done on purpose: each run then ends with the products of an undisturbed one."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from cluster.conftest import TWO_GPUS, TWO_NODES, Submitting, wait_for
from workflow.project import Project, differences

from pipeline.learn.checkpoints import load_weights

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]
TWO_MINUTES = 2
# Of the 100 s that two minutes less the margin are, the training is held for this long in its first two allocations: it
# then needs a third one on any machine that takes more than 50 s for its epochs (about 95 s on two cores).
PAUSE_SECONDS = 75
EPOCHS = 100


def ended(process: subprocess.Popen, project: Project, seconds: float = 600) -> str:
    """Wait until snakemake has ended well; return what it wrote."""
    status = process.wait(seconds)
    text = (project.folder / "snakemake.log").read_text()
    assert status == 0, text[-4000:]
    return text


def made(text: str) -> list[str]:
    """The shards that a log says were written, once for each time."""
    return re.findall(r": made \[shard=(\S+)", text)


def assert_same_survey(project: Project, local: Project) -> None:
    """What the simulation of the survey made is what it makes undisturbed."""
    found = project.digests()
    assert len(found) > 100
    assert differences(found, {name: digest for name, digest in local.digests().items() if name in found}) == []


def finished_before(text: str) -> list[str]:
    """The shards that a log says were there already."""
    return re.findall(r": finished before \[shard=(\S+)", text)


def test_a_batch_that_fails_is_tried_again_and_named(idle, finished):
    shard = sorted((finished.results / "images" / "shards").glob("*.h5"))[0]
    content = shard.read_bytes()
    before, first = finished.digests(), idle.last()
    shard.write_bytes(content[: len(content) // 2])
    shutil.rmtree(finished.folder / "work" / "tiny" / "done")  # else a finished shard of scores is not made again
    done = finished.call("--profile", "slurm", "--forcerun", "score_finder", "--until", "score_finder")
    assert done.returncode != 0
    rows = [row for row in idle.jobs(first) if "score_finder" in row["Comment"]]
    assert [row["State"] for row in rows] == ["FAILED", "FAILED"] and len({row["JobID"] for row in rows}) == 2
    memory = [int(re.search(r"mem=(\d+)M", row["ReqTRES"])[1]) for row in rows]
    assert memory[1] == 2 * memory[0]
    # Which batch, which file, and what to do.
    assert "score_finder/1-shielded-t1-b0000.log" in done.stderr and shard.name in done.stderr
    assert "run the same command again" in done.stderr
    shard.write_bytes(content)
    finished.run("--profile", "slurm", "results/tiny/images/round-1/scores/shielded/t1-b0000.json")
    assert differences(finished.digests(), before) == []


def test_out_of_memory_is_tried_again_with_more(idle, finished):
    before, first = finished.digests(), idle.last()
    # Two snakemakes and a stage with torch do not fit into 300 MB.
    finished.resources(similarity={"mem_mb": "300 if attempt == 1 else 4000"})
    finished.run("--profile", "slurm", "--forcerun", "similarity", "--until", "similarity")
    rows = [row for row in idle.jobs(first) if "similarity" in row["Comment"] and "_moco" in row["Comment"]]
    assert [row["State"] == "COMPLETED" for row in rows] == [False, True], rows
    assert "mem=300M" in rows[0]["ReqTRES"] and "mem=4000M" in rows[1]["ReqTRES"]
    assert differences(finished.digests(), before) == []


def test_scancel_of_everything_then_a_second_start_repeats_no_finished_shard(idle, new_project, local):
    project = new_project("cancelled")
    log = "simulate_survey/t1-b0000.log"
    running = project.start("--until", "simulate_survey", "--retries", "0")
    wait_for(lambda: made(project.log(log)), 240, "the first shard")
    idle.cancel()
    assert running.wait(120) != 0
    # Snakemake removes the log of a job that it starts again, so that it is read between.
    text = project.log(log)
    shards = made(text)
    assert shards and "status=0" not in text
    project.run("--profile", "slurm", "--until", "simulate_survey")
    text = project.log(log)
    assert made(text) and not set(made(text)) & set(shards) and finished_before(text) == shards
    assert_same_survey(project, local)


def test_snakemake_is_killed_while_a_job_runs_and_started_again(idle, new_project, local):
    project = new_project("rebooted")
    log = "simulate_survey/t1-b0000.log"
    first = project.start("--until", "simulate_survey")
    wait_for(lambda: made(project.log(log)), 240, "the first shard")
    os.killpg(first.pid, signal.SIGKILL)  # a login node that reboots: the job goes on
    first.wait()
    assert [state for _, state, _ in idle.queue()] == ["RUNNING"]
    (lock,) = (project.folder / "work" / "tiny" / "locks").glob("simulate_survey-*.lock")
    stage = json.loads(lock.read_text())["pid"]
    os.kill(stage, signal.SIGSTOP)  # slow enough to be met by the second one, on any machine
    project.run("--unlock")
    second = project.start("--until", "simulate_survey")
    try:
        waiting = "waiting for a job that makes the same output"
        wait_for(lambda: waiting in project.log(log), 240, "the second job to meet the first")
    finally:
        os.kill(stage, signal.SIGCONT)
    ended(second, project)
    assert idle.queue() == []
    text = project.log(log)
    assert waiting in text
    assert made(text) == [] and len(finished_before(text)) > 1, "the job that went on made them all"
    assert_same_survey(project, local)


def test_a_full_disk_is_named_and_the_run_goes_on_after_it(idle, finished):
    before = finished.digests()
    folder = finished.results / "images" / "embeddings" / "moco"
    kept = finished.folder / "kept"
    shutil.move(folder, kept)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", folder], check=True)
    try:
        done = finished.call("--profile", "slurm", "--until", "embed", "--retries", "0")
    finally:
        subprocess.run(["umount", folder], check=True)
    assert done.returncode != 0 and "the disk is full" in done.stderr and "MB free" in done.stderr
    finished.run("--profile", "slurm", "results/tiny/images/embeddings/moco/t1-b0000.json")
    assert differences(finished.digests(), before) == []


def test_two_ranks_train_on_two_nodes(idle, finished, local):
    from stages.test_ranks import assert_same_training

    finished.resources(pretrain=TWO_NODES | TWO_GPUS, train_finder=TWO_NODES | TWO_GPUS)
    first = idle.last()
    finished.run("--profile", "slurm", "--forcerun", "pretrain", "--until", "pretrain")
    (row,) = (row for row in idle.jobs(first) if "pretrain" in row["Comment"])
    assert row["State"] == "COMPLETED" and "node=2" in row["AllocTRES"]
    assert "rank=1 of 2" in finished.log("pretrain/moco.rank1.log")
    below = "images/encoders/moco"
    assert_same_training(finished.results / below, local.results / below)


def with_epochs(project: Project, epochs: int) -> None:
    """Set how long the pre-training is."""
    path = project.folder / "config" / "tiny.yaml"
    text = path.read_text()
    longer = re.sub(r"(  moco:\n(?:    .*\n)*?      epochs: )\d+", rf"\g<1>{epochs}", text)
    assert longer != text
    path.write_text(longer)


def stage_at_work(project: Project, seen: set[int]) -> int | None:
    """The process of the pre-training, when it trains and is not among those seen before."""
    (lock,) = (project.folder / "work" / "tiny" / "locks").glob("pretrain-*.lock")
    process = json.loads(lock.read_text() or "{}").get("pid")
    training = "training [" in project.log("pretrain/moco.log")
    fresh = process is not None and process not in seen and psutil.pid_exists(process)
    return process if fresh and training else None


def test_a_training_that_loses_its_node_and_runs_out_of_time_ends_like_an_undisturbed_one(idle, local, tmp_path):
    disturbed, undisturbed = (Submitting(tmp_path / name, like=local) for name in ("disturbed", "undisturbed"))
    for project in (disturbed, undisturbed):
        with_epochs(project, EPOCHS)
    disturbed.resources(pretrain={"runtime": TWO_MINUTES})
    first = idle.last()
    log = "pretrain/moco.log"
    (disturbed.folder / "work" / "tiny" / "logs" / log).unlink()
    running = disturbed.start("--until", "pretrain")
    seen = {wait_for(lambda: stage_at_work(disturbed, set()), 150, "the training")}
    node = wait_for(lambda: [node for _, state, node in idle.queue() if state == "RUNNING"], 20, "its node")[0]
    idle.script("kill-node", node)
    with ThreadPoolExecutor(1) as beside:
        reference = beside.submit(undisturbed.run, "--until", "pretrain")
        for _ in range(2):
            process = wait_for(lambda: stage_at_work(disturbed, seen), 240, "the next allocation")
            seen.add(process)
            os.kill(process, signal.SIGSTOP)
            time.sleep(PAUSE_SECONDS)
            os.kill(process, signal.SIGCONT)
        ended(running, disturbed, 900)
        reference.result()
    idle.script("start-node", node)
    starts = [row for row in idle.jobs(first) if "pretrain" in row["Comment"]]
    assert len({row["JobID"] for row in starts}) == 1, "a requeue keeps the job"
    states = [row["State"] for row in starts]
    assert states[-1] == "COMPLETED" and "NODE_FAIL" in states and states.count("REQUEUED") >= 2, states
    assert starts[1]["NodeList"] != node
    assert ": resumed [" in disturbed.log(log)
    below = "images/encoders/moco"
    names = ("history.csv", "weights.pt")
    one, two = (
        [(project.results / below / name).read_bytes() for name in names] for project in (disturbed, undisturbed)
    )
    assert one == two
    state, _ = load_weights(disturbed.results / below / "weights.pt")
    assert state["conv1.weight"].isfinite().all()
