"""A real SLURM on this machine, with virtual nodes and fake GPUs, for the time of the tests."""

import os
import subprocess
from pathlib import Path

import pytest
from workflow.project import Project

SCRIPT = Path(__file__).with_name("slurm_localhost.sh")
# Two nodes that claim what half of one of Perlmutter's has, with accounting.
NODES = {"SLURM_LOCAL_SACCT": "1", "SLURM_LOCAL_CPUS": "64", "SLURM_LOCAL_GPUS": "2", "SLURM_LOCAL_MEM": "128000"}


class Slurm:
    """The scheduler: a call of its script, and of its commands."""

    def script(self, *words: str) -> subprocess.CompletedProcess:
        """Run the script that starts and stops the scheduler; it must succeed."""
        environment = {**os.environ, **NODES}
        done = subprocess.run(["bash", SCRIPT, *words], env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return done

    def jobs(self) -> list[dict[str, str]]:
        """What the accounting knows of all jobs: one row a job."""
        columns = "JobID,JobName,Account,QOS,State,NodeList,ReqTRES,AllocTRES,Comment,Timelimit"
        done = subprocess.run(
            ["sacct", "-X", "-P", "-n", "-o", columns], capture_output=True, text=True, check=True, timeout=60
        )
        return [dict(zip(columns.split(","), line.split("|"), strict=True)) for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def slurm():
    """The scheduler, started from nothing; purged at the end."""
    scheduler = Slurm()
    scheduler.script("purge")
    scheduler.script("start")
    yield scheduler
    scheduler.script("purge")


@pytest.fixture(scope="session")
def new_project(tmp_path_factory):
    """A function that makes a project in which nothing has run."""
    return lambda name="project": Project(tmp_path_factory.mktemp(name))
