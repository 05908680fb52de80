"""What Snakemake itself left on disk: its log, its lock, marks of jobs that did not end."""

import base64
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Start:
    """One start of Snakemake on a run, from its log.

    Attributes
    ----------
    command : str
        What was typed.
    ended : bool
        Whether Snakemake came to its end (not: whether all jobs did).
    done, total : int
        Jobs.
    left : dict
        rule -> jobs that were planned and have not finished.
    failed : list of (str, str)
        Rules and their outputs whose job failed.
    """

    command: str
    ended: bool
    done: int
    total: int
    left: dict[str, int]
    failed: list[tuple[str, str]]


def last_start(project: Path, run: str) -> Start | None:
    """Return the latest start of Snakemake that ran jobs of a run; None where there was none, or its log is gone."""
    for path in sorted((project / ".snakemake" / "log").glob("*.log"), reverse=True):
        text = path.read_text(encoding="utf-8", errors="replace")
        # Jobs of a scheduler call Snakemake again, on one job each.
        command = re.search(r"^  Command: (.*)$", text, re.M)
        if not command or "--mode" in command.group(1) or "This was a dry-run" in text or f"results/{run}/" not in text:
            continue
        table = re.search(r"^Job stats:\njob +count\n[- ]+\n(.*?)^total", text, re.S | re.M)
        if table is None:
            continue
        planned = Counter({name: int(count) for name, count in (line.split() for line in table.group(1).splitlines())})
        finished = Counter(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", text, re.M))
        failed = re.findall(r"^Error in rule (\w+):\n(?:    .*\n)*?    output: (.*)$", text, re.M)
        left = {name: count - finished[name] for name, count in planned.items() if count > finished[name]}
        ended = re.search(r"^Complete log\(s\): ", text, re.M) is not None
        return Start(_short(command.group(1)), ended, finished.total(), planned.total(), left, failed)
    return None


def _short(command: str) -> str:
    """Return a command without the folder of its program and without `--unlock`."""
    program, _, rest = command.partition(" ")
    return f"{Path(program).name} {rest}".strip()


def is_locked(project: Path, run: str) -> bool:
    """Tell whether Snakemake holds, or held when it was killed, the outputs of a run."""
    locks = sorted((project / ".snakemake" / "locks").glob("*.output.lock"))
    return any(f"results/{run}/" in path.read_text(errors="replace") for path in locks)


def running(project: Path) -> list[int]:
    """Return the process ids of Snakemake in a folder on this host."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            # On its jobs, Snakemake calls itself with a mode.
            named = any(Path(word).name == "snakemake" for word in words[:3]) and "--mode" not in words
            if named and Path(process.cwd()) == project:
                found.append(process.pid)
        except psutil.Error:
            continue  # it has ended, or belongs to somebody else
    return found


def unfinished(project: Path, run: str) -> list[str]:
    """Return the outputs of a run whose job began and did not end."""
    folder = project / ".snakemake" / "incomplete"
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            # A long name is cut into folders whose names begin with @.
            encoded = "".join(part.removeprefix("@") for part in path.relative_to(folder).parts)
            try:
                found.append(base64.urlsafe_b64decode(encoded).decode())
            except ValueError:
                continue
    return [name for name in found if name.startswith(f"results/{run}/")]


def scheduler_logs(project: Path, since: float) -> list[tuple[str, Path]]:
    """Return (rule, log) of jobs of the scheduler that did not succeed since a time: the log of success is removed."""
    found = []
    for path in sorted((project / ".snakemake" / "slurm_logs").rglob("*.log")):
        rule = path.relative_to(project / ".snakemake" / "slurm_logs").parts[0].removeprefix("rule_")
        if path.stat().st_mtime >= since:
            found.append((rule, path))
    return found
