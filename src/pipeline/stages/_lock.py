"""The lock of a stage on its outputs: a restarted Snakemake never re-attaches to jobs that still run."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from pipeline.errors import PipelineError
from pipeline.graph import OWN_JOB
from pipeline.log import Log

POLL_SECONDS = 1.0


def _me(log: Log) -> dict:
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
        "job": os.environ.get("SLURM_JOB_ID", ""),
        "log": str(log.path or ""),
    }


def alive(owner: dict) -> bool:
    """Tell whether the owner of a lock may still run; unknown counts as alive.

    The same job on another node is this job's earlier allocation: it was put back into the queue, or its node died.
    """
    if owner.get("host") == socket.gethostname():
        try:
            return abs(psutil.Process(owner["pid"]).create_time() - owner["started"]) < 1.0
        except (psutil.NoSuchProcess, KeyError):
            return False
    if os.environ.get(OWN_JOB) and owner.get("job") == os.environ.get("SLURM_JOB_ID", ""):
        return False
    if owner.get("job") and shutil.which("squeue"):
        listed = subprocess.run(["squeue", "-h", "-j", owner["job"]], capture_output=True, text=True, check=False)
        return bool(listed.stdout.strip())
    return True


def owner_of(path: Path) -> dict:
    """Return who holds a lock; empty when nobody does."""
    try:
        return json.loads(path.read_text() or "{}")
    except (OSError, ValueError):
        return {}


def _try_flock(file) -> bool | None:
    """Return whether the lock was taken; None where the file system has no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        return None


@contextlib.contextmanager
def lock(path: Path, log: Log, wait_seconds: float) -> Iterator[None]:
    """Hold a lock while the block runs.

    A dead owner is taken over at once and logged; a live one is awaited.

    Raises
    ------
    PipelineError
        A live owner still holds the lock after `wait_seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    told = False
    while True:
        file = path.open("a+")
        owner = owner_of(path)
        taken = _try_flock(file)
        if taken is None:
            taken = not owner or not alive(owner)
        elif taken and owner and owner.get("host") != socket.gethostname():
            taken = not alive(owner)  # some file systems lock within one host only
        if taken:
            if owner:
                log.event("took over the lock of a process that no longer runs", **owner)
            break
        file.close()
        if time.monotonic() > deadline:
            raise PipelineError(
                "another job is making the same output and still runs",
                where=path,
                value=json.dumps(owner, sort_keys=True),
                next="wait for it, or stop it; then run snakemake again",
            )
        if not told:
            log.event("waiting for a job that makes the same output", seconds=wait_seconds, **owner)
            told = True
        time.sleep(POLL_SECONDS)
    file.truncate(0)
    file.write(json.dumps(_me(log)))
    file.flush()
    try:
        yield
    finally:
        file.truncate(0)
        file.close()
