"""The time that a job still has, and its way back into the queue when that runs out."""

import os
import shutil
import signal
import subprocess
import time

from pipeline.errors import PipelineError
from pipeline.graph import OWN_JOB

# Kept for the last checkpoint and for the scheduler to answer: a tenth of the limit, within these bounds, in seconds.
LEAST_MARGIN, LARGEST_MARGIN = 20.0, 120.0
# How long to wait for the end that a requeue brings: the scheduler's signal, and its second one.
END_SECONDS = 120.0
EXIT_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: the same command goes on


class Allocation:
    """The job in which a stage runs: when to stop, and how to be started again.

    Parameters
    ----------
    limit_minutes : float or None
        What the rule asked the scheduler for (`--time-limit`); it counts only within a job of the rule's own.
    """

    def __init__(self, limit_minutes: float | None):
        self.job = os.environ.get("SLURM_JOB_ID", "") if os.environ.get(OWN_JOB) else ""
        self.asked = ""
        self._pid = os.getpid()
        self.deadline = None
        if self.job and limit_minutes:
            limit, left = 60.0 * limit_minutes, _seconds_left(self.job)
            margin = min(max(limit / 10, LEAST_MARGIN), LARGEST_MARGIN)
            self.deadline = time.monotonic() + (limit if left is None else min(limit, left)) - margin

    def ask(self, signum, frame) -> None:
        """Note a signal, as its handler: the stage stops at its next step, not at once."""
        self.asked = signal.Signals(signum).name
        if os.getpid() != self._pid:  # a process that reads ahead has no next step
            raise KeyboardInterrupt(self.asked)

    def ending(self) -> bool:
        """Tell whether the stage should stop at this step."""
        if not self.asked and self.deadline is not None and time.monotonic() > self.deadline:
            self.asked = "time limit"
        return bool(self.asked)

    def requeue(self, log) -> int:
        """Put this job back into the queue, which keeps its place there, and wait for its end; return an exit status.

        Raises
        ------
        PipelineError
            The scheduler refuses.
        """
        log.event("queued again: the next allocation goes on here", job=self.job, because=self.asked)
        done = subprocess.run(["scontrol", "requeue", self.job], capture_output=True, text=True, check=False)
        if done.returncode:
            raise PipelineError(
                "the job could not be put back into the queue",
                where=f"scontrol requeue {self.job}",
                value=done.stderr.strip(),
                next="run snakemake again: the checkpoint is kept",
            )
        return self.await_end()

    def await_end(self) -> int:
        """Wait for the scheduler's signal, which ends this allocation; return the exit status."""
        signal.signal(signal.SIGTERM, self.ask)
        end = time.monotonic() + END_SECONDS
        while self.asked != "SIGTERM" and time.monotonic() < end:
            time.sleep(0.2)
        return EXIT_AGAIN


def _seconds_left(job: str) -> float | None:
    """Return what the scheduler says is left of a job's time, in seconds; None where it does not say."""
    if not shutil.which("squeue"):
        return None
    done = subprocess.run(["squeue", "-h", "-j", job, "-o", "%L"], capture_output=True, text=True, check=False)
    return parse_left(done.stdout.strip())


def parse_left(text: str) -> float | None:
    """Return the seconds of SLURM's [days-][hours:]minutes:seconds; None for a word such as UNLIMITED."""
    days, _, clock = text.rpartition("-")
    parts = clock.split(":")
    if len(parts) < 2 or not all(part.isdigit() for part in [*parts, days or "0"]):
        return None
    hours, minutes, seconds = [0, *map(int, parts)][-3:]
    return 86400.0 * int(days or 0) + 3600.0 * hours + 60.0 * minutes + seconds
