"""Kills of a run at a chosen moment."""

import re
import signal
import subprocess
import time

import psutil
import pytest


def tree(process: psutil.Process) -> list[psutil.Process]:
    """A process and all that it started."""
    return [process, *process.children(recursive=True)]


def signal_all(processes: list[psutil.Process], number: int) -> None:
    """Send a signal to those that still live."""
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            pass


def last_log(project, stage: str):
    """The log of a stage that was written last."""
    logs = [path for path in (project.folder / "work" / "tiny" / "logs").rglob("*.log") if stage in str(path)]
    return max(logs, key=lambda path: path.stat().st_mtime, default=None)


def inside(project, stage: str) -> bool:
    """Whether a stage has written its first line and not its last."""
    path = last_log(project, stage)
    if path is None:
        return False
    lines = path.read_text().splitlines()
    begun = [number for number, line in enumerate(lines) if f" {stage}: begin" in line]
    return bool(begun) and not any(f" {stage}: end" in line for line in lines[begun[-1] :])


def temporary(project) -> list:
    """Files that are being written."""
    return [path for path in project.results.rglob(".tmp-*") if path.is_file() and path.stat().st_size]


def kill_in(project, stages: set[str], with_temporary: bool, target: str) -> tuple[set[str], list]:
    """Start a run of a target and kill its whole tree while one of the stages works.

    Return those that did, and temporary files that were left.
    """
    process = subprocess.Popen(
        project.command(target),
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    root = psutil.Process(process.pid)
    deadline = time.monotonic() + 400
    while True:
        assert time.monotonic() < deadline, f"{stages} were never met"
        if process.poll() is not None:
            pytest.fail(f"the run ended before {stages}: {process.communicate()[1][-3000:]}")
        if met := {stage for stage in stages if inside(project, stage)}:
            if not with_temporary:
                break
            signal_all(tree(root), signal.SIGSTOP)
            if temporary(project) and any(inside(project, stage) for stage in met):
                break
            signal_all(tree(root), signal.SIGCONT)
        time.sleep(0.002 if with_temporary else 0.02)
    left = temporary(project)
    signal_all(tree(root), signal.SIGKILL)
    process.communicate()
    return met, left


def times_made(project) -> dict[tuple[str, str, str], int]:
    """How often the logs say that a shard was made: by folder and name of the log, and shard."""
    made: dict[tuple[str, str, str], int] = {}
    for path in (project.folder / "work" / "tiny" / "logs").rglob("*.log"):
        for shard in re.findall(r" \w+: made \[shard=(\S+)", path.read_text()):
            key = (path.parent.name, path.stem, shard)
            made[key] = made.get(key, 0) + 1
    return made
