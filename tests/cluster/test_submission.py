"""What each kind of job asks the scheduler for, read from the `sbatch` lines, beside what Perlmutter grants.

The whole graph of the settings of Stein et al. goes through a real SLURM. Each job asks for what its rule asks for; in
place of its stage it makes empty products, because there are no data.
"""

import argparse
import json
import shutil
from collections import Counter
from dataclasses import dataclass

import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
ON_GPUS = {"pretrain", "embed", "train_finder", "score_finder"}


@dataclass(frozen=True)
class Granted:
    """The most that one job may ask for in a QOS: minutes, and of one node GPUs, logical processors and memory (MB)."""

    minutes: int
    gpus: int
    processors: int
    memory_mb: int


# Nodes: docs.nersc.gov/systems/perlmutter/architecture (CPU: 128 cores, 512 GB; GPU: 64 cores, 256 GB, 4 A100; two
# logical processors a core). Times: docs.nersc.gov/jobs/policy; in QOS shared a job takes at most half a node.
NODES = {"cpu": (0, 256, 512_000), "gpu": (4, 128, 256_000)}
QOS = {"shared": (48 * 60, 2), "regular": (48 * 60, 1), "preempt": (48 * 60, 1), "debug": (30, 1)}
GRANTED = {
    (qos, constraint): Granted(minutes, *(number // part for number in node))
    for qos, (minutes, part) in QOS.items()
    for constraint, node in NODES.items()
}
# It records its arguments, and submits them with another command: one that makes the products of that job or group.
WRAPPER = """#!{python}
import json, os, re, sys, uuid
words = sys.argv[1:]
(wrapped,) = [word for word in words if word.startswith("--wrap=")]
targets = [word.strip("'") for word in re.search(r"--target-jobs (.*?) --", wrapped).group(1).split()]
with open(os.path.join({folder!r}, uuid.uuid4().hex), "w") as file:
    json.dump([[target.split(":")[0] for target in targets], words], file)
products = []
for target in targets:
    rule, batch = target.split(":")[0], re.search(r"batch=(t\\d+-b\\d+)", target)
    products += [path for path in json.loads({products!r})[rule] if not batch or batch.group(1) in path]
words.remove(wrapped)
command = "for path in " + " ".join(products) + "; do mkdir -p $(dirname $path); echo > $path; done"
os.execv({sbatch!r}, ["sbatch", *words, "--wrap=" + command])
"""


def _parser():
    """The words of sbatch that the executor uses; any other one ends the test."""
    parser = argparse.ArgumentParser(exit_on_error=True, allow_abbrev=False)
    parser.add_argument("--parsable", action="store_true")
    parser.add_argument("-A", "--account", required=True)
    parser.add_argument("-C", "--constraint", required=True)
    parser.add_argument("--qos", required=True)
    parser.add_argument("-t", "--time", type=int, required=True)
    parser.add_argument("--mem", type=int, required=True)
    parser.add_argument("--comment", required=True)
    parser.add_argument("--wrap", required=True)
    for name in ("--job-name", "--output", "--export", "-D", "-p", "--signal"):
        parser.add_argument(name)
    for name in ("--nodes", "--ntasks", "--ntasks-per-node", "--ntasks-per-gpu", "--cpus-per-task", "--cpus-per-gpu"):
        parser.add_argument(name, type=int, default=1)
    for name in ("--gpus", "--gpus-per-node"):
        parser.add_argument(name, type=int, default=0)
    for name in ("--requeue", "--no-requeue"):
        parser.add_argument(name, action="store_true")
    return parser


@pytest.fixture(scope="module")
def submitted(slurm, new_project):
    """A project whose run was submitted: the words of every job, and what the accounting knows of it, by comment."""
    project = new_project("submission")
    call = ("--configfile", project.stand_in_survey(50), "--profile", "slurm")
    products: dict[str, list[str]] = {}
    for line in project.run(*call, "--summary").splitlines():
        if line.startswith("results/"):
            path, _, rule, *_ = line.split("\t")
            products.setdefault(rule, []).append(path)
    project.planned = project.plan(*call)
    lines, script = project.folder / "lines", project.folder / "bin" / "sbatch"
    lines.mkdir()
    script.parent.mkdir()
    places = {"python": shutil.which("python3"), "sbatch": shutil.which("sbatch"), "folder": str(lines)}
    script.write_text(WRAPPER.format(products=json.dumps(products), **places))
    script.chmod(0o755)
    project.environment["PATH"] = f"{script.parent}:{project.environment['PATH']}"
    # No hooks: the closing lines would read the products.
    project.run(*call, "--no-hooks", "--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10")
    project.jobs = []
    for path in lines.iterdir():
        rules, words = json.loads(path.read_text())
        project.jobs.append(_parser().parse_args(words, argparse.Namespace(rules=rules)))
    names = {job.job_name for job in project.jobs}
    project.accounts = {row["Comment"]: row for row in slurm.jobs() if row["JobName"] in names}
    return project


def test_every_planned_job_was_submitted_and_granted(submitted):
    sent = Counter(rule for job in submitted.jobs for rule in job.rules)
    assert sent == submitted.planned and len(sent) > 20
    for job in submitted.jobs:
        assert submitted.accounts[job.comment]["State"] == "COMPLETED", job.comment


def test_jobs_are_named_after_rule_and_batch(submitted):
    ingests = sorted(job.comment for job in submitted.jobs if job.rules == ["ingest"])
    assert [comment.split("_wildcards_")[1] for comment in ingests] == ["t1-b0000", "t1-b0001"]


def test_no_job_asks_for_more_than_perlmutter_grants(submitted):
    for job in submitted.jobs:
        assert job.account == "lab"
        granted = GRANTED[job.qos, job.constraint]
        tasks = max(job.ntasks, job.ntasks_per_node) / job.nodes
        gpus = max(job.gpus / job.nodes, job.gpus_per_node)
        processors = max(tasks * job.cpus_per_task, gpus * job.cpus_per_gpu)
        assert 0 < job.time <= granted.minutes, job
        assert 0 < job.mem <= granted.memory_mb, job
        assert gpus <= granted.gpus and processors <= granted.processors, job


def test_networks_ask_for_gpu_nodes_and_nothing_else_does(submitted):
    for job in submitted.jobs:
        gpus = max(job.gpus, job.gpus_per_node)
        assert (job.constraint, gpus > 0) == (("gpu", True) if ON_GPUS & set(job.rules) else ("cpu", False)), job
