"""Snakemake started elsewhere than on a login node: within a job (as from scrontab), and in one allocation."""

import shlex
import subprocess

import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
QUICK = ("--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "10")
# What the process of Snakemake itself is given.
SMALL = ("-A", "lab", "-q", "shared", "-c", "2", "--mem", "4000", "-t", "10")


def started(project, *command: str) -> str:
    """Run a command of SLURM in the project's folder and return what it printed; it must succeed."""
    done = subprocess.run(command, cwd=project.folder, env=project.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def test_within_a_job_it_submits_jobs_that_are_charged_to_the_account(slurm, new_project):
    project = new_project("within")
    project.environment["SLURM_ACCOUNT"] = "lab"
    before = {row["JobID"] for row in slurm.jobs()}
    wanted = "results/tiny/images/splits.parquet"
    line = shlex.join(project.command("--profile", "slurm", *QUICK, wanted))
    started(project, "sbatch", "--wait", *SMALL, "-o", "snakemake.log", "--wrap", line)
    assert (project.folder / wanted).exists()
    rows = [row for row in slurm.jobs() if row["JobID"] not in before and row["Comment"] == "rule_splits"]
    assert [(row["Account"], row["State"]) for row in rows] == [("lab", "COMPLETED")]
    assert rows[0]["JobName"].startswith("skysieve_")


def test_in_one_allocation_it_submits_none(slurm, new_project):
    project = new_project("allocation")
    before = {row["JobID"] for row in slurm.jobs()}
    wanted = "results/tiny/images/splits.parquet"
    started(project, "salloc", *SMALL, *project.command("--cores", "2", wanted))
    assert (project.folder / wanted).exists()
    assert len({row["JobID"] for row in slurm.jobs()} - before) == 1
