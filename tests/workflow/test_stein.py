"""The graph of a whole survey: `snakemake --profile slurm -n` over the settings of Stein et al. and 1,540 shards."""

import re
import shlex

import pytest

SHARDS = 1540
BATCHES = 62  # of 25 shards
# Rules with one job a batch.
OF_BATCHES = ("ingest", "embed", "score_probe")
# Linux (execve): 32 pages for one argument, and for all of them a quarter of the stack's limit, usually of 8 MiB.
ARGUMENT, ARGUMENTS = 32 * 4096, 2 * 1024**2


@pytest.fixture(scope="module")
def dry_run(new_project):
    """What the dry run says."""
    project = new_project("stein")
    name = project.stand_in_survey(SHARDS)
    return project.run("--configfile", name, "--profile", "slurm", "-n", "-p")


def _table(text, title):
    """Rows of one of the tables at the end, by rule."""
    table = re.findall(rf"^{title} .*\n[- ]+\n((?:\w+(?: +[\d.]+)+\n)+)", text, re.M)[-1]
    return {name: tuple(map(float, numbers)) for name, *numbers in (line.split() for line in table.splitlines())}


def test_all_that_the_survey_needs_would_run(dry_run):
    jobs = _table(dry_run, "job")
    for rule in OF_BATCHES:
        assert jobs.pop(rule) == (BATCHES,), rule
    assert {"similarity", "rank", "release_lenses", "lens_report", "pretrain", "train_probe"} < jobs.keys()
    assert jobs.pop("total") == (3 * BATCHES + len(jobs),)


def test_every_job_has_a_reason(dry_run):
    jobs = re.findall(r"^ *Job (\d+): .*\n *(.*)$", dry_run, re.M)
    assert len(jobs) > 3 * BATCHES
    assert [number for number, line in jobs if not re.match(r"Reason: \S", line)] == []


def test_no_command_line_is_too_long(dry_run):
    commands = {}
    for command, stage in re.findall(r"(python -m pipeline\.stages\.(\w+) .*)", dry_run):
        commands[stage] = max(commands.get(stage, ""), command, key=len)
    assert {"ingest", "similarity", "assess_candidates"} < commands.keys()
    for stage, command in commands.items():
        words = shlex.split(command)
        assert max(map(len, words)) < ARGUMENT and len(command) < ARGUMENTS / 2, stage


def test_the_requested_hours_are_said_by_kind(dry_run):
    hours, jobs = _table(dry_run, "requested"), _table(dry_run, "job")
    assert jobs.keys() - hours.keys() == {"all"}
    total = hours.pop("total")
    assert total == pytest.approx([sum(column) for column in zip(*hours.values(), strict=True)])
    for name, (number, asked, on_gpus) in hours.items():
        assert number == jobs[name][0] and 0 < asked / number <= 48, name
        assert on_gpus >= asked if name in ("pretrain", "embed") else on_gpus == 0, name
