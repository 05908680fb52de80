"""The tiny run through `snakemake --profile slurm` on two virtual nodes, beside the same run without a scheduler."""

import re

import pytest
from cluster.conftest import TWO_GPUS, TWO_NODES, Submitting
from workflow.project import differences

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]
ON_GPUS = {"pretrain", "init_encoder", "embed", "train_finder", "score_finder"}
ON_GPUS |= {"train_redshift", "redshift", "masked_lines", "redshift_sweeps"}
# Rules whose ranks share the shards of a batch: the same bytes as one process, on two nodes as well.
SHARED = {"embed": TWO_NODES | TWO_GPUS, "score_finder": TWO_NODES | TWO_GPUS}
SHARED |= {"score_probe": TWO_NODES, "similarity": TWO_NODES, "redshift": TWO_NODES | TWO_GPUS}


@pytest.fixture(scope="module")
def submitted(slurm, new_project):
    """A project that ran through the scheduler, with two ranks on two nodes where ranks share shards."""
    project = new_project("slurm")
    project.resources(**SHARED)
    project.first = slurm.last()
    project.output = project.run("--profile", "slurm")
    return project


def test_without_an_account_nothing_is_submitted(slurm, new_project):
    project = new_project("nobody")
    project.environment.pop("SLURM_ACCOUNT", None)
    before = slurm.last()
    done = project.call("--profile", "slurm")
    assert done.returncode != 0 and "export SLURM_ACCOUNT=" in done.stderr
    assert slurm.last() == before


def test_the_products_are_those_of_a_run_without_a_scheduler(submitted, local):
    found = submitted.digests()
    assert len(found) > 400 and {"release/index.html", "release/redshifts/quasar_redshifts.fits"} <= found.keys()
    assert differences(found, local.digests()) == []


def test_jobs_ran_on_both_nodes_with_what_they_asked_for(submitted, slurm):
    rows = [row for row in slurm.jobs(submitted.first) if row["Comment"].startswith("rule_")]
    jobs = {row["Comment"].removeprefix("rule_").split("_wildcards_")[0]: row for row in rows}
    assert ON_GPUS | set(SHARED) <= set(jobs) and {row["State"] for row in rows} == {"COMPLETED"}
    assert {row["NodeList"] for row in rows} >= {"node1", "node[1-2]"}
    for name, row in jobs.items():
        assert row["Account"] == "lab" and row["QOS"] == "shared", name
        gpus = 2 if name in SHARED else 1
        assert (f"gres/gpu={gpus}" in row["AllocTRES"]) == (name in ON_GPUS), (name, row)
        assert ("node=2" in row["AllocTRES"]) == (name in SHARED), (name, row)


def test_both_ranks_worked_and_say_who_they_are(submitted):
    names = ("embed/moco-t1-b0000", "score_finder/1-shielded-t1-b0000", "similarity/moco", "redshift/fnet-t1-s0000")
    for name in names:
        lines = submitted.log(f"{name}.rank1.log").splitlines()
        assert "rank=1 of 2" in lines[0] and "host=" in lines[0] and "status=0" in lines[-1], name
    for name in ("embed/moco-t1-b0000", "redshift/fnet-t1-s0000"):
        assert "made [shard=" in submitted.log(f"{name}.rank1.log")


def test_nothing_is_left_to_do_with_or_without_the_scheduler(submitted):
    for arguments in (("--profile", "slurm"), ()):
        assert submitted.plan(*arguments) == {}
    assert re.search(r"planted lenses|candidates", submitted.output)


def test_a_copy_without_times_is_not_stale(local, tmp_path):
    copied = Submitting(tmp_path / "copied", like=local)
    for path in (copied.folder / "results").rglob("*"):
        if path.is_file():
            path.touch()
    assert copied.plan("--profile", "slurm") == {}


def test_a_setting_makes_the_same_stages_stale_under_the_scheduler(finished):
    with finished.settings(lambda content: content["rank"].update(system_arcsec=24.0)):
        local = finished.plan()
        assert local and not {"ingest", "redshift"} & local.keys() and finished.plan("--profile", "slurm") == local
