"""The time that a job has left, and its way back into the queue, with stand-ins for the scheduler's commands."""

import os
import signal
import stat

import pytest

from pipeline.errors import PipelineError
from pipeline.log import Log
from pipeline.stages import _allocation
from pipeline.stages._allocation import Allocation, parse_left


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1:35", 95), ("0:07", 7), ("2:00:01", 7201), ("1-00:00:00", 86400), ("UNLIMITED", None), ("", None)],
)
def test_time_left_as_slurm_prints_it(text, seconds):
    assert parse_left(text) == seconds


@pytest.fixture
def scheduler(tmp_path, monkeypatch):
    """Commands first on the path that note how they were called; a job of the stage's own."""

    def command(name, text):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho {name} $* >>{tmp_path}/calls\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "41")
    monkeypatch.setenv(_allocation.OWN_JOB, "1")
    monkeypatch.setattr(_allocation, "END_SECONDS", 0.0)
    return command


def test_a_job_stops_a_margin_before_what_the_scheduler_says_is_left(scheduler, monkeypatch):
    scheduler("squeue", "echo 10:00")
    now = [0.0]
    monkeypatch.setattr(_allocation.time, "monotonic", lambda: now[0])
    allocation = Allocation(20)  # twenty minutes were asked for, ten are left; the margin is two
    for now[0], ending in ((0, False), (479, False), (481, True)):
        assert allocation.ending() is ending
    assert allocation.asked == "time limit"


def test_a_short_limit_keeps_twenty_seconds_and_no_squeue_means_the_limit(scheduler, monkeypatch):
    scheduler("squeue", "exit 1")
    now = [0.0]
    monkeypatch.setattr(_allocation.time, "monotonic", lambda: now[0])
    allocation = Allocation(2)
    for now[0], ending in ((99, False), (101, True)):
        assert allocation.ending() is ending


def test_outside_of_a_job_of_its_own_a_stage_has_all_the_time(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "41")  # a session in which a user holds an allocation
    monkeypatch.delenv(_allocation.OWN_JOB, raising=False)
    allocation = Allocation(0.001)
    assert allocation.deadline is None and allocation.job == "" and not allocation.ending()
    allocation.ask(signal.SIGUSR1, None)
    assert allocation.ending() and allocation.asked == "SIGUSR1"


def test_requeue_names_the_job_and_says_when_it_is_refused(scheduler, tmp_path):
    scheduler("squeue", "echo 1:00")
    scheduler("scontrol", "true")
    allocation = Allocation(1)
    assert allocation.requeue(Log("pretrain")) == _allocation.EXIT_AGAIN
    assert (tmp_path / "calls").read_text().splitlines()[-1] == "scontrol requeue 41"
    scheduler("scontrol", "echo 'Requested operation is presently disabled' >&2; exit 1")
    with pytest.raises(PipelineError, match="presently disabled"):
        allocation.requeue(Log("pretrain"))
