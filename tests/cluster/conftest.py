"""A real SLURM on this machine, with virtual nodes and fake GPUs, for the time of the tests."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from workflow.project import Project

SCRIPT = Path(__file__).with_name("slurm_localhost.sh")
# Two nodes that claim what half of one of Perlmutter's has, with accounting.
NODES = {"SLURM_LOCAL_SACCT": "1", "SLURM_LOCAL_CPUS": "64", "SLURM_LOCAL_GPUS": "2", "SLURM_LOCAL_MEM": "128000"}
# What the tests alter in the profile: jobs of the tiny run take seconds, not minutes.
QUICK = {"slurm-init-seconds-before-status-checks": 5, "latency-wait": 10}
# A rule on two nodes, one rank on each; with GPUs one for each rank.
TWO_NODES = {"nodes": 2, "tasks": 2, "mpi": "srun", "launcher": "srun --ntasks=2"}
TWO_GPUS = {"gpu": 2, "tasks_per_gpu": 1}
# What was started in the background, to be ended with its test.
STARTED: list[subprocess.Popen] = []


class Slurm:
    """The scheduler: a call of its script, and of its commands."""

    def script(self, *words: str) -> subprocess.CompletedProcess:
        """Run the script that starts and stops the scheduler; it must succeed."""
        environment = {**os.environ, **NODES}
        done = subprocess.run(["bash", SCRIPT, *words], env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return done

    def jobs(self, since: int = 0) -> list[dict[str, str]]:
        """What the accounting knows of jobs with a number above `since`: one row for each start of a job, in order."""
        columns = "JobID,JobName,Account,QOS,State,NodeList,ReqTRES,AllocTRES,Comment,Timelimit,Start"
        done = subprocess.run(
            ["sacct", "-X", "-D", "-P", "-n", "-o", columns], capture_output=True, text=True, check=True, timeout=60
        )
        rows = [dict(zip(columns.split(","), line.split("|"), strict=True)) for line in done.stdout.splitlines()]
        return [row for row in rows if int(row["JobID"]) > since]

    def last(self) -> int:
        """The largest number of a job so far."""
        return max((int(row["JobID"]) for row in self.jobs()), default=0)

    def queue(self) -> list[tuple[str, str, str]]:
        """What is in the queue: (number, state, node)."""
        command = ["squeue", "-h", "-o", "%i|%T|%N"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        return [tuple(line.split("|")) for line in done.stdout.splitlines()]

    def cancel(self) -> None:
        """scancel of everything."""
        for number, _, _ in self.queue():
            subprocess.run(["scancel", number], check=False, timeout=60)


class Submitting(Project):
    """A project whose jobs go through the scheduler, all of them after `submit` began."""

    def __init__(self, folder: Path, like: Project | None = None):
        super().__init__(folder)
        self.environment["SLURM_ACCOUNT"] = "lab"
        self.resources()
        if like is not None:
            for name in ("results", "work", ".snakemake"):
                shutil.copytree(like.folder / name, folder / name)

    def resources(self, **of_rules: dict) -> None:
        """Alter the profile: what rules ask for."""
        path = self.folder / "profiles" / "slurm" / "config.yaml"
        content = yaml.safe_load(path.read_text())
        content.update(QUICK)
        for rule, resources in of_rules.items():
            content["set-resources"].setdefault(rule, {}).update(resources)
            if rule in content.get("groups", {}):
                del content["groups"][rule]
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def start(self, *arguments) -> subprocess.Popen:
        """Start snakemake with the profile in the background."""
        with (self.folder / "snakemake.log").open("a") as log:
            running = subprocess.Popen(
                self.command("--profile", "slurm", *arguments),
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        STARTED.append(running)
        return running

    def log(self, name: str) -> str:
        """The log of a stage."""
        path = self.folder / "work" / "tiny" / "logs" / name
        return path.read_text() if path.exists() else ""


def wait_for(what, seconds: float, text: str):
    """Wait until what() is true, and return it."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"waited {seconds} s for {text}"
        time.sleep(0.2)
    return found


@pytest.fixture(scope="session")
def slurm():
    """The scheduler, started from nothing; purged at the end."""
    scheduler = Slurm()
    scheduler.script("purge")
    scheduler.script("start")
    yield scheduler
    scheduler.script("purge")


@pytest.fixture
def idle(slurm):
    """The scheduler with nothing in its queue and all nodes up, before and after a test."""
    yield slurm
    while STARTED:
        if (running := STARTED.pop()).poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
    slurm.cancel()
    wait_for(lambda: not slurm.queue(), 60, "an empty queue")


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """A project that ran to its end without a scheduler."""
    project = Project(tmp_path_factory.mktemp("local"))
    project.run()
    return project


@pytest.fixture
def finished(local, tmp_path):
    """A copy of that project, whose jobs go through the scheduler."""
    return Submitting(tmp_path / "finished", like=local)


@pytest.fixture(scope="session")
def new_project(tmp_path_factory):
    """A function that makes a project in which nothing has run."""
    return lambda name="project": Submitting(tmp_path_factory.mktemp(name))
