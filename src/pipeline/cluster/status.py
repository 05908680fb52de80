"""How a run stands: what runs, waits and failed, and why; what is left; what to type next."""

import re
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml

from pipeline.cluster import scheduler, workflow
from pipeline.errors import PipelineError
from pipeline.grading.sheets import grading_message
from pipeline.log import LastCall, last_call
from pipeline.stages._lock import alive, owner_of

TAIL = 12  # lines of the log of a failed job
WORTH_WAITING = 180.0  # seconds: longer than a stage waits for another's lock


@dataclass(frozen=True)
class _Running:
    """A stage at work: who holds the lock of its output, and its log where the lock names it."""

    stage: str
    owner: dict
    log: Path | None


def known_runs(project: Path) -> list[str]:
    """Return the runs of a project, the one that was at work last first."""
    last: dict[str, float] = {}
    for top in ("work", "results"):
        for folder in (project / top).glob("*"):
            if folder.is_dir():
                times = [path.stat().st_mtime for path in (*folder.glob("code-*.json"), *folder.glob("logs/*"), folder)]
                last[folder.name] = max([last.get(folder.name, 0.0), *times])
    return sorted(last, key=lambda name: -last[name])


def status_text(project: Path, run: str | None) -> str:
    """Return what `skysieve status` prints.

    Parameters
    ----------
    project : Path
        The folder in which Snakemake runs.
    run : str or None
        None: the run that was at work last.

    Raises
    ------
    PipelineError
        There is no such run, or none at all.
    """
    runs = known_runs(project)
    if run is None and runs:
        run = runs[0]
    if run not in runs:
        what = "no run has begun here" if run is None else "no such run"
        known = ", ".join(sorted(runs)) or "(none yet)"
        raise PipelineError(what, where=project, value=run, allowed=known, next="snakemake --cores all")
    return "\n".join(_Standing(project, run).lines())


class _Standing:
    """All that is known of a run at one moment."""

    def __init__(self, project: Path, run: str):
        self.project, self.run, self.work = project, run, project / "work" / run
        frozen = [path.stat().st_mtime for path in self.work.glob("code-*.json")]
        self.since = max(frozen, default=0.0)
        self.start = workflow.last_start(project, run)
        self.snakemake = workflow.running(project)
        self.locked = workflow.is_locked(project, run)
        self.unfinished = workflow.unfinished(project, run)
        self.queued, self.remark = scheduler.queue(project)
        self.ended_badly = scheduler.ended_badly(project, datetime.fromtimestamp(self.since)) if self.since else []
        self.stages = self._stages()
        calls = [last_call(path) for path in sorted((self.work / "logs").rglob("*.log"))]
        self.calls = [call for call in calls if call]
        at_work = {stage.log.resolve() for stage in self.stages if stage.log}
        begun = [call for call in self.calls if call.state == "begun" and _of_first_rank(call.path) not in at_work]
        self.waiting = [call for call in begun if _awaits_a_lock(call)]
        self.killed = [call for call in begun if call not in self.waiting]
        self.stopped = [call for call in self.calls if call.state == "stopped"]
        self.failed = [call for call in self.calls if call.state == "failed"]
        self.missing = self._missing_sheets()

    def _stages(self) -> list[_Running]:
        found = []
        for path in sorted((self.work / "locks").glob("*.lock")):
            owner = owner_of(path)
            if owner and alive(owner):
                log = self.project / owner["log"] if owner.get("log") else None
                found.append(_Running(path.stem.rsplit("-", 1)[0], owner, log))
        return found

    def _missing_sheets(self) -> list[tuple[int, list[Path]]]:
        """Return the rounds that wait for people: number, sheets that are not there."""
        try:
            settings = yaml.safe_load((self.project / "results" / self.run / "settings.yaml").read_text())
        except OSError:
            return []
        rounds = (settings.get("grading") or {}).get("rounds", [])
        found = []
        for number, item in enumerate(rounds, start=1):
            names = [grader["name"] for grader in item["graders"] if grader["kind"] == "people"]
            sheets = [Path("grades") / self.run / f"round-{number}" / f"{name}.csv" for name in names]
            missing = [path for path in sheets if not (self.project / path).exists()]
            if missing and (self.project / self._batch(number) / "manifest.json").is_file():
                found.append((number, missing))
        return found

    def _batch(self, number: int) -> Path:
        return Path("results") / self.run / "images" / f"round-{number}" / "batch"

    @property
    def finished(self) -> bool:
        """Whether nothing of the run is left, as far as its last start knew."""
        ended = self.start.ended and not self.start.left if self.start else True
        release = self.project / "results" / self.run / "release" / "index.html"
        return ended and release.is_file() and not (self.failed_now or self.killed or self.stopped or self.stages)

    @property
    def failed_now(self) -> list[LastCall]:
        """Failures since the last start."""
        return [call for call in self.failed if call.path.stat().st_mtime >= self.since]

    def lines(self) -> list[str]:
        """Return the lines of the report."""
        found = [self._headline()]
        for title, part in (
            ("runs", self._runs()),
            ("waits", self._waits()),
            ("failed", self._failed()),
            ("was killed", self._killed()),
            ("left to do", self._left()),
            ("next", self._next()),
        ):
            if part:
                found += ["", title, *(f"  {line}" for line in part)]
        return found

    def _headline(self) -> str:
        words = [f"{self.run}:"]
        if self.start:
            words.append(f"{self.start.done} of {self.start.total} jobs of the last start are done;")
        if self.snakemake:
            words.append(f"Snakemake runs (process {', '.join(map(str, self.snakemake))})")
        elif self.finished:
            words.append("the run is finished")
        elif self.missing and not (self.stages or self.queued or self.failed_now):
            words.append("it waits for graders")
        else:
            words.append("no Snakemake runs in this folder on this host")
        return " ".join(words)

    def _runs(self) -> list[str]:
        found = []
        for stage in self.stages:
            owner = stage.owner
            where = f"{owner.get('host')}, process {owner.get('pid')}"
            job = f", job {owner['job']}" if owner.get("job") else ""
            found.append(f"{stage.stage} ({where}{job}) since {_clock(owner.get('started'))}")
            if stage.log and stage.log.is_file():
                found += [f"  {stage.log.relative_to(self.project)}", f"  {_last_line(stage.log)}"]
        inside = {stage.owner.get("job") for stage in self.stages}
        for job in self.queued:
            if job.state != "PENDING" and job.number not in inside:
                state = job.state.lower()
                found.append(f"job {job.number}, {job.name}: {state} on {job.node}, {job.used} of {job.limit}")
        return found

    def _waits(self) -> list[str]:
        found = [self.remark] if self.remark else []
        found += [f"job {job.number}, {job.name}: {job.why}" for job in self.queued if job.state == "PENDING"]
        for call in self.stopped:
            found.append(f"{call.stage}: it stopped and goes on where it was ({self._named(call.path)})")
        for call in self.waiting:
            found.append(f"{call.stage}: for another job that makes the same output ({self._named(call.path)})")
        return found

    def _failed(self) -> list[str]:
        found = []
        logged = set()
        for call in self.failed:
            logged.add(call.stage)
            if call not in self.failed_now:
                found.append(f"{call.stage}, before the last start and not tried since: {self._named(call.path)}")
                continue
            found += [f"{call.stage}: {self._named(call.path)}", *(f"    {line}" for line in _tail(call))]
        killed = {call.stage for call in self.killed}
        for rule, path in workflow.scheduler_logs(self.project, self.since):
            if rule not in logged | killed and not self._in_queue(path.stem):
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
                found.append(f"{rule}, before its stage began: {self._named(path)}")
                found += [f"    {line}" for line in lines[-TAIL:]]
                logged.add(rule)
        for job in self.ended_badly:
            found.append(f"job {job.number}{', ' if job.name else ''}{job.name}: {job.what} ({job.when})")
        for rule, output in self.start.failed if self.start else []:
            if rule not in logged | killed:
                found.append(f"{rule}: without a log of its own; it should have made {output}")
                logged.add(rule)
        return found

    def _in_queue(self, number: str) -> bool:
        return any(job.number == number for job in self.queued)

    def _killed(self) -> list[str]:
        found = [f"{call.stage}: {self._named(call.path)}" for call in self.killed]
        if found and not self.snakemake:
            kept = "what was finished of it stays; Snakemake makes the rest again"
            return [*found, kept]
        return found

    def _left(self) -> list[str]:
        left = {rule: count for rule, count in (self.start.left if self.start else {}).items() if rule != "all"}
        return [", ".join(f"{rule} {count}" for rule, count in left.items())] if left else []

    def _next(self) -> list[str]:
        command = self.start.command if self.start else self._command()
        if self.snakemake:
            return ["nothing: it goes on by itself; skysieve status shows how far it is"]
        if self.stages or self.queued:
            return [
                "jobs still run without a Snakemake that waits for them. Let them end, or stop them; then:",
                *(["snakemake --unlock"] if self.locked else []),
                command,
            ]
        unlock = ["snakemake --unlock   (unless Snakemake runs on another host)"] if self.locked else []
        if self.failed_now or self.ended_badly:
            return ["mend what is said above, then:", *unlock, command]
        if self.finished:
            release = Path("results") / self.run / "release" / "index.html"
            return [f"open {release} in a browser"]
        if self.missing and not (self.locked or self.killed):
            number, sheets = self.missing[0]
            batch = self._batch(number)
            return grading_message(batch / "batch.html", batch / "batch.csv", sheets, command).splitlines()
        return [*unlock, command]

    def _command(self) -> str:
        """Return the command of a run whose log of Snakemake is gone: with the configuration that has its name."""
        for path in sorted((self.project / "config").glob("*.yaml")):
            try:
                content = yaml.safe_load(path.read_text(encoding="utf-8"))
            except yaml.YAMLError:
                continue
            if isinstance(content, dict) and content.get("run") == self.run:
                return f"snakemake --cores all --configfile config/{path.name}"
        return "snakemake, as it was called before"

    def _named(self, path: Path) -> str:
        return str(path.relative_to(self.project))


def _of_first_rank(path: Path) -> Path:
    """Return the log of rank 0, which holds the lock, for that of any rank."""
    return path.resolve().with_name(re.sub(r"\.rank\d+(?=\.\w+$)", "", path.name))


def _awaits_a_lock(call: LastCall) -> bool:
    recent = time.time() - call.path.stat().st_mtime < WORTH_WAITING
    return recent and "waiting for a job that makes the same output" in call.lines[-1]


def _tail(call: LastCall) -> list[str]:
    """Return the error of a call, and the last lines before it when these are not all of the log."""
    error = call.error.splitlines()
    if len(error) >= TAIL:
        return [error[0], "...", *error[-TAIL:]]
    at = max(number for number, line in enumerate(call.lines) if line == error[0])
    return [*call.lines[max(0, at - TAIL + len(error)) : at], *error]


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else ""


def _clock(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S") if seconds else "an unknown time"
