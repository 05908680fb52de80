"""The tiny run through `snakemake --profile slurm` on two virtual nodes, beside the same run without a scheduler."""

import re

import pytest
from workflow.project import differences

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]
# Asking sooner than the profile does, because the jobs of the tiny run take seconds.
QUICK = ("--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "10")
ON_GPUS = {"pretrain", "embed", "train_finder", "score_finder"}


@pytest.fixture(scope="module")
def local(new_project):
    """The products of a run without a scheduler."""
    project = new_project("local")
    project.run()
    return project.digests()


@pytest.fixture(scope="module")
def submitted(slurm, new_project):
    """A project that ran through the scheduler."""
    project = new_project("slurm")
    project.environment["SLURM_ACCOUNT"] = "lab"
    project.output = project.run("--profile", "slurm", *QUICK)
    return project


def test_without_an_account_nothing_is_submitted(slurm, new_project):
    project = new_project("nobody")
    project.environment.pop("SLURM_ACCOUNT", None)
    before = len(slurm.jobs())
    done = project.call("--profile", "slurm", *QUICK)
    assert done.returncode != 0 and "export SLURM_ACCOUNT=" in done.stderr
    assert len(slurm.jobs()) == before


def test_the_products_are_those_of_a_run_without_a_scheduler(submitted, local):
    found = submitted.digests()
    assert len(found) > 60 and differences(found, local) == []


def test_jobs_ran_on_both_nodes_with_what_they_asked_for(submitted, slurm):
    jobs = {row["Comment"].removeprefix("rule_").split("_wildcards_")[0]: row for row in slurm.jobs()}
    assert ON_GPUS < set(jobs) and {row["State"] for row in jobs.values()} == {"COMPLETED"}
    assert {row["NodeList"] for row in jobs.values()} == {"node1", "node2"}
    for name, row in jobs.items():
        assert row["Account"] == "lab" and row["QOS"] == "shared", name
        assert ("gres/gpu=1" in row["AllocTRES"]) == (name in ON_GPUS), (name, row)


def test_nothing_is_left_to_do_with_or_without_the_scheduler(submitted):
    for arguments in (("--profile", "slurm"), ()):
        assert submitted.plan(*arguments) == {}
    assert re.search(r"planted lenses|candidates", submitted.output)
