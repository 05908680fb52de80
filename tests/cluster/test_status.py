"""How a run stands, from what Snakemake, the stages' door, their locks and logs really leave on disk."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from pipeline import graph
from pipeline.cluster import scheduler, status
from pipeline.errors import PipelineError

SNAKEMAKE, SKYSIEVE = (str(Path(sys.executable).with_name(name)) for name in ("snakemake", "skysieve"))
SNAKEFILE = """
import sys
from pathlib import Path
from pipeline import graph

NAMES = ["one", "two", "three"]
rule all:
    input: "results/mini/release/index.html"
rule part:
    output: "results/mini/{name}.txt"
    log: "work/mini/logs/part/{name}.log"
    shell: sys.executable + " stage.py --out {output} --work work/mini --log {log}"
rule index:
    input: expand("results/mini/{name}.txt", name=NAMES)
    output: "results/mini/release/index.html"
    log: "work/mini/logs/index.log"
    shell: sys.executable + " stage.py --out {output} --work work/mini --log {log}"
onstart:
    graph.freeze_code(Path("work/mini"))
"""
# A stage through the project's own door; a file beside it says what becomes of an output.
STAGE = """
import sys, time
from pathlib import Path
from pipeline.data.atomic import write_text
from pipeline.errors import PipelineError, Stopped
from pipeline.stages._door import door

def run(job):
    out = job.out["out"]
    what = Path("what-" + out.stem)
    job.log.event("at work", on=out.stem)
    if what.exists():
        if what.read_text() == "bad":
            raise PipelineError("the brick cannot be read", where="brick 0001m002", next="fetch it again")
        if what.read_text() == "bug":
            raise KeyError("flux_w1")
        for step in range(600):
            if job.allocation.ending():
                raise Stopped(f"step {step}")
            time.sleep(0.2)
    write_text(out, "done")

sys.exit(door("list_shards", run, sys.argv[1:], outputs=("out",), resumes=True))
"""


class Mini:
    """A project of four jobs."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "Snakefile").write_text(SNAKEFILE)
        (folder / "stage.py").write_text(STAGE)
        self.environment = {key: value for key, value in os.environ.items() if key != graph.RUN_CODE}

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake, and do not wait."""
        call = [SNAKEMAKE, "--cores", "2", "--keep-going", *arguments]
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(call, cwd=self.folder, env=self.environment, **silent)

    def status(self) -> str:
        """Call `skysieve status`, which must end with 0."""
        done = subprocess.run([SKYSIEVE, "status"], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout

    def becomes(self, name: str, what: str) -> None:
        """Say what becomes of an output."""
        (self.folder / f"what-{name}").write_text(what)

    def until(self, condition) -> None:
        """Wait for something on disk."""
        deadline = time.monotonic() + 90
        while not condition():
            assert time.monotonic() < deadline, self.status()
            time.sleep(0.2)


@pytest.fixture
def mini(tmp_path):
    """A project in which nothing has run; what still runs at the end is ended."""
    made = Mini(tmp_path)
    yield made
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == tmp_path:
                process.kill()
        except psutil.Error:
            continue


def part(text: str, title: str) -> str:
    """The lines under a title of the report."""
    found = text.partition(f"\n\n{title}\n")[2]
    return found.partition("\n\n")[0]


def test_a_finished_run_says_where_to_look(mini):
    assert mini.start().wait() == 0
    text = mini.status()
    assert "mini: 5 of 5 jobs of the last start are done; the run is finished" in text
    assert part(text, "next").strip() == "open results/mini/release/index.html in a browser"
    assert not any(f"\n{title}\n" in text for title in ("runs", "waits", "failed", "was killed", "left to do"))


def test_failures_are_named_with_their_logs_and_their_cause(mini):
    mini.becomes("one", "bad")
    mini.becomes("two", "bug")
    assert mini.start().wait() != 0
    text = mini.status()
    failed = part(text, "failed")
    assert "work/mini/logs/part/one.log" in failed and "the brick cannot be read" in failed
    assert "where: brick 0001m002" in failed and "next: fetch it again" in failed and "at work [on=one]" in failed
    assert "work/mini/logs/part/two.log" in failed and "KeyError: 'flux_w1'" in failed and "three" not in failed
    assert part(text, "left to do").split(", ") == ["  part 2", "index 1"]
    assert part(text, "next").splitlines() == ["  mend what is said above, then:", "  snakemake --cores 2 --keep-going"]
    # Mended: nothing of it is a failure any more.
    (mini.folder / "what-one").unlink(), (mini.folder / "what-two").unlink()
    assert mini.start().wait() == 0 and "the run is finished" in mini.status()


def test_a_failure_that_the_last_start_did_not_meet_is_told_apart(mini):
    mini.becomes("one", "bad")
    assert mini.start().wait() != 0
    time.sleep(1.1)
    assert mini.start("results/mini/two.txt", "--forcerun", "part").wait() == 0
    failed = part(mini.status(), "failed")
    assert "before the last start and not tried since: work/mini/logs/part/one.log" in failed


def test_what_runs_is_shown_and_what_was_killed_as_well(mini):
    mini.becomes("one", "slow")
    mini.becomes("two", "slow")
    snakemake = mini.start()
    logs = [mini.folder / "work" / "mini" / "logs" / "part" / f"{name}.log" for name in ("one", "two")]
    mini.until(lambda: all(path.exists() and "at work" in path.read_text() for path in logs))
    text = mini.status()
    assert f"Snakemake runs (process {snakemake.pid})" in text
    runs = part(text, "runs")
    assert runs.count("list_shards (") == 2 and "logs/part/one.log" in runs and "at work [on=two]" in runs
    assert part(text, "next").strip().startswith("nothing: it goes on")

    snakemake.send_signal(signal.SIGKILL)
    snakemake.wait()
    stages = [int(word) for word in runs.replace(")", " ").split() if word.isdigit()]
    stages = [pid for pid in stages if psutil.pid_exists(pid)]
    text = mini.status()
    assert "no Snakemake runs in this folder" in text and part(text, "runs")
    steps = [line.strip() for line in part(text, "next").splitlines()]
    assert steps[0].startswith("jobs still run without a Snakemake") and steps[1] == "snakemake --unlock"

    for pid in stages:
        os.kill(pid, signal.SIGKILL)
    mini.until(lambda: not part(mini.status(), "runs"))
    text = mini.status()
    killed = part(text, "was killed")
    assert "logs/part/one.log" in killed and "logs/part/two.log" in killed
    steps = [line.strip() for line in part(text, "next").splitlines()]
    assert steps[0].startswith("snakemake --unlock") and steps[1] == "snakemake --cores 2 --keep-going"


def test_a_run_that_waits_for_graders_names_their_sheets(mini, root):
    config = yaml.safe_load((root / "config" / "legacy-dr9-stein2021.yaml").read_text())
    settings = graph.load(config, unset_is_error=False)
    folder = mini.folder / "results" / "legacy-dr9-stein2021"
    (folder / "images" / "round-1" / "batch").mkdir(parents=True)
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings.plain()))
    (mini.folder / "config").mkdir()
    (mini.folder / "config" / "stein.yaml").write_text(yaml.safe_dump(config))
    assert "it waits for graders" not in mini.status()  # there is nothing to grade yet
    (folder / "images" / "round-1" / "batch" / "manifest.json").write_text("{}")
    place = mini.folder / "grades" / "legacy-dr9-stein2021" / "round-1"
    place.mkdir(parents=True)
    sheets = [place / f"{name}.csv" for name in ("jb", "tm", "gs")]
    sheets[0].write_text("")
    text = mini.status()
    assert "it waits for graders" in text
    steps = part(text, "next")
    assert "tm.csv" in steps and "gs.csv" in steps and "jb.csv" not in steps
    assert "snakemake --cores all --configfile config/stein.yaml" in steps
    for sheet in sheets:
        sheet.write_text("")
    assert "graders" not in mini.status()


def test_a_stage_that_was_asked_to_stop_is_not_one_that_was_killed(mini):
    mini.becomes("one", "slow")
    log = mini.folder / "work" / "mini" / "logs" / "part" / "one.log"
    call = [sys.executable, "stage.py", "--out", "results/mini/one.txt", "--work", "work/mini", "--log", str(log)]
    with subprocess.Popen(call, cwd=mini.folder, env=mini.environment) as stage:
        mini.until(lambda: log.exists() and "at work" in log.read_text())
        stage.terminate()
        stage.wait(timeout=30)
    text = mini.status()
    assert "it stopped and goes on where it was (work/mini/logs/part/one.log)" in part(text, "waits")
    assert not part(text, "was killed") and not part(text, "failed")


@pytest.mark.parametrize("run", [None, "other"])
def test_a_run_that_does_not_exist_ends_with_2(mini, run):
    if run:
        (mini.folder / "results" / "mini").mkdir(parents=True)
    call = [SKYSIEVE, "status", *([run] if run else [])]
    done = subprocess.run(call, cwd=mini.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert ("allowed: mini" if run else "no run has begun here") in done.stderr
    with pytest.raises(PipelineError):
        status.status_text(mini.folder, run)


def test_reasons_are_in_plain_words():
    assert scheduler.reason("Priority") == "others come first (Priority)"
    assert scheduler.reason("QOSMaxJobsPerUserLimit").startswith("you have as many jobs running")
    assert scheduler.reason("QOSGrpGRES").startswith("all users of this QOS")
    assert "it will never start" in scheduler.reason("PartitionTimeLimit")
    assert scheduler.reason("SomethingNew") == "SomethingNew"
    assert scheduler.readable("rule_embed_wildcards_moco_t1-b0002") == "embed moco_t1-b0002"
    assert scheduler.readable("rule_labels") == "labels" and scheduler.readable("") == ""
