"""How Snakemake carries the graph of a survey: what a dry run costs, how fast jobs go out, what SLURM adds to a job.

    python benchmarks/graph.py [--json FILE] [--only dry_run_77 ... slurm_overhead] [--shards-per-job N]

Rows: `dry_run_<n>` (`snakemake -n` on a list of n shards in the graph of config/legacy-dr9-stein2021.yaml, with its
`shards_per_job` or another), `noop_20000` (the same when stand-ins of all products are there and recorded as fresh),
`submit_per_minute` (jobs that Snakemake hands to the SLURM of this machine; held, so that they cost it nothing),
`slurm_overhead` (the accounting's time of a job beyond the stage's own; median over the first jobs of the tiny run,
one at a time).
`limit` is the processor time of the same call, or for `slurm_overhead` of what it consists of: two starts of Snakemake
and one of a stage. The seconds would be that on an idle machine.
Sheets of people are there, so that the release is part of the graph. The last two rows need root and
tests/cluster/slurm_localhost.sh, which they leave as they found it.
"""

import argparse
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import stand_ins
from road import ROOT, SNAKEMAKE, clone
from stand_ins import CONFIG

DRY_RUN_GOALS = {77: 5.0, 2000: 10.0, 20000: 30.0}
MEMORY_GOAL_MB = 400
OVERHEAD_GOAL = 10.0
SUBMITTED = 60
CLUSTER = ROOT / "tests" / "cluster" / "slurm_localhost.sh"
# The nodes of the tests (tests/cluster/conftest.py); a job asks for up to 32 processors of a node.
NODES = {"SLURM_LOCAL_SACCT": "1", "SLURM_LOCAL_CPUS": "64", "SLURM_LOCAL_GPUS": "2", "SLURM_LOCAL_MEM": "128000"}
NAMES = [*(f"dry_run_{number}" for number in DRY_RUN_GOALS), "noop_20000", "submit_per_minute", "slurm_overhead"]


def _survey(folder: Path, number: int, shards_per_job: int | None) -> dict[str, str]:
    """Copy the project and write stand-ins of what the graph of `CONFIG` reads; return the environment of its calls."""
    environment = clone(folder) | stand_ins.write(folder, number, shards_per_job)
    environment.pop("SKYSIEVE_RUN_CODE", None)
    return {**environment, "OMP_NUM_THREADS": "1"}


def _call(folder: Path, environment: dict[str, str], *words: str) -> tuple[float, float, float, str]:
    """Run a command; return its seconds, seconds of processor, peak memory (MB, of its largest process) and output."""
    with tempfile.TemporaryFile("w+") as file:
        begin = time.perf_counter()
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=file, stderr=file)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        file.seek(0)
        text = file.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}:\n{text[-3000:]}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text


def _snakemake(folder: Path, environment: dict[str, str], *arguments: str) -> tuple[float, float, float, str]:
    return _call(folder, environment, SNAKEMAKE, "--configfile", CONFIG, *arguments)


def _call_row(name: str, goal: float, measured: tuple[float, float, float, str], jobs: int) -> dict:
    seconds, processor, memory, _ = measured
    return {
        "name": name,
        "ours": seconds,
        "peer": None,
        "limit": processor,
        "unit": f"s, {memory:.0f} MB, {jobs} jobs",
        "ratio": seconds / goal,
        "goal": f"<= {goal:g} s, <= {MEMORY_GOAL_MB} MB",
        "memory_mb": memory,
    }


def dry_run_row(number: int, shards_per_job: int | None) -> dict:
    """Time `snakemake -n` before anything has run."""
    with tempfile.TemporaryDirectory() as scratch:
        environment = _survey(Path(scratch), number, shards_per_job)
        measured = _snakemake(Path(scratch), environment, "--cores", "1", "-n")
    jobs = int(re.findall(r"^total +(\d+)$", measured[3], re.M)[-1])
    return _call_row(f"dry_run_{number}", DRY_RUN_GOALS[number], measured, jobs)


def noop_row(number: int, shards_per_job: int | None) -> dict:
    """Time `snakemake -n` when everything has run: an empty line stands for each product, and `--touch` records it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = _survey(folder, number, shards_per_job)
        *_, summary = _snakemake(folder, environment, "--cores", "1", "--summary")
        products = [line.split("\t") for line in summary.splitlines() if line.count("\t") == 5]
        for name in (cells[0] for cells in products[1:]):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("\n")
        # No hooks: the closing lines would read the products. Many at a time, because each round looks at all jobs.
        *_, touched = _snakemake(folder, environment, "--cores", "1000", "--touch", "--forceall", "--no-hooks")
        measured = _snakemake(folder, environment, "--cores", "1", "-n")
    if "Nothing to be done" not in measured[3]:
        raise SystemExit(f"something is left to do:\n{measured[3][-3000:]}")
    jobs = int(re.search(r"^total +(\d+)$", touched, re.M).group(1))
    return _call_row(f"noop_{number}", DRY_RUN_GOALS[number], measured, jobs)


class _Slurm:
    """The SLURM of this machine: started if it was not running, and then purged at the end."""

    def __enter__(self):
        self.found = subprocess.run(["scontrol", "ping"], capture_output=True, check=False).returncode == 0
        if not self.found:
            self._script("start")
        return self

    def __exit__(self, *exception):
        if not self.found:
            self._script("purge")

    def _script(self, word: str) -> None:
        subprocess.run(["bash", CLUSTER, word], env={**os.environ, **NODES}, check=True, stdout=subprocess.DEVNULL)


def submit_row() -> dict:
    """Count the jobs that go out in a minute: each batch's ingest waits for nothing, and is held by SLURM."""
    with tempfile.TemporaryDirectory() as scratch, _Slurm():
        folder = Path(scratch)
        environment = _survey(folder, SUBMITTED, 1)
        wrapper = folder / "bin" / "sbatch"
        wrapper.parent.mkdir()
        wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("sbatch")} --hold "$@"\n')
        wrapper.chmod(0o755)
        environment["PATH"] = f"{wrapper.parent}:{environment['PATH']}"
        call = [SNAKEMAKE, "--configfile", CONFIG, "--profile", "slurm", "--until", "ingest"]
        process = subprocess.Popen(
            call, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        moments, jobs = [], []
        for line in process.stderr:
            submitted = re.search(r"submitted with SLURM jobid (\d+)", line)
            if submitted:
                moments.append(time.perf_counter())
                jobs.append(submitted.group(1))
            if len(jobs) == SUBMITTED:
                break
        process.send_signal(signal.SIGKILL)  # asked to end, it would wait for its jobs
        process.communicate()
        subprocess.run(["scancel", *jobs], check=True)
    if len(jobs) < SUBMITTED:
        raise SystemExit(f"only {len(jobs)} of {SUBMITTED} jobs were submitted")
    rate = 60 * (SUBMITTED - 1) / (moments[-1] - moments[0])
    return {
        "name": "submit_per_minute",
        "ours": rate,
        "peer": None,
        "limit": None,
        "unit": f"jobs/minute, of {SUBMITTED}",
        "ratio": None,
        "goal": "-",
    }


def overhead_row() -> dict:
    """Compare what the accounting says of each job of the tiny run up to its labels with the stage's own seconds."""
    config = "config/tiny.yaml"
    with tempfile.TemporaryDirectory() as scratch, _Slurm():
        folder = Path(scratch)
        environment = {**clone(folder), "SLURM_ACCOUNT": "lab"}
        environment.pop("SKYSIEVE_RUN_CODE", None)
        # One job at a time: all virtual nodes share the cores of this machine.
        quick = ["--jobs", "1", "--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "10"]
        until = ["labels", "list_shards", "splits", "write_settings"]
        call = [SNAKEMAKE, "--configfile", config, "--profile", "slurm", *quick, "--until", *until]
        done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"the tiny run did not end:\n{done.stderr[-3000:]}")
        # At least: one Snakemake in the allocation, one in its step, and the start of a stage.
        _, snakemake, *_ = _call(folder, environment, SNAKEMAKE, "--configfile", config, "--cores", "1", "-n", "splits")
        _, stage, *_ = _call(folder, environment, sys.executable, "-m", "pipeline.stages.ingest", "--help")
        submitted = re.findall(r"submitted with SLURM jobid (\d+) \(log: \S*/rule_(\w+)/", done.stderr)
        time.sleep(5)  # the accounting is written a moment later
        accounting = subprocess.run(
            ["sacct", "-X", "-P", "-n", "-o", "JobID,ElapsedRaw", "-j", ",".join(job for job, _ in submitted)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        elapsed = {key: int(value) for key, value in (line.split("|") for line in accounting.stdout.splitlines())}
        own: dict[str, list[float]] = {}
        for path in (folder / "work" / "tiny" / "provenance").glob("*.json"):
            content = json.loads(path.read_text())
            own.setdefault(content["stage"], []).append(content["seconds"])
        in_slurm: dict[str, list[float]] = {}
        for job, rule in submitted:
            in_slurm.setdefault(rule, []).append(elapsed[job])
    # Jobs of one rule are matched by rank of their times.
    pairs = [
        (mine, its)
        for rule, times in in_slurm.items()
        for mine, its in zip(sorted(times), sorted(own[rule]), strict=True)
    ]
    beyond = statistics.median(mine - its for mine, its in pairs)
    return {
        "name": "slurm_overhead",
        "ours": beyond,
        "peer": None,
        "limit": 2 * snakemake + stage,
        "unit": f"s a job, of {len(pairs)}",
        "ratio": beyond / OVERHEAD_GOAL,
        "goal": f"<= {OVERHEAD_GOAL:g}",
    }


def _rows(wanted: list[str], shards_per_job: int | None):
    for number in DRY_RUN_GOALS:
        if f"dry_run_{number}" in wanted:
            yield dry_run_row(number, shards_per_job)
    if "noop_20000" in wanted:
        yield noop_row(20000, shards_per_job)
    for name, row in (("submit_per_minute", submit_row), ("slurm_overhead", overhead_row)):
        if name in wanted and os.geteuid() == 0:
            yield row()
        elif name in wanted:
            print(f"{name:<18} not measured: SLURM is started as root")


def main() -> None:
    """Print the table; write it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--shards-per-job", type=int, help="instead of the configuration's")
    arguments = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    rows = []
    print(f"{'name':<18}{'ours':>12}{'peer':>12}{'limit':>12}  {'unit':<28}{'ratio':>8}  goal")
    for row in _rows(arguments.only, arguments.shards_per_job):
        rows.append({**row, "machine": machine})
        numbers = [f"{row[key]:12.4g}" if row[key] is not None else f"{'-':>12}" for key in ("ours", "peer", "limit")]
        ratio = f"{row['ratio']:8.3f}" if row["ratio"] is not None else f"{'-':>8}"
        print(f"{row['name']:<18}{''.join(numbers)}  {row['unit']:<28}{ratio}  {row['goal']}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
