"""What `skysieve status` says of jobs of a real SLURM: running, waiting with the reason, failed with the cause."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
SKYSIEVE = str(Path(sys.executable).with_name("skysieve"))


def _submit(folder, comment, *arguments, script):
    logs = folder / ".snakemake" / "slurm_logs" / comment.split("_wildcards_")[0] / "one"
    logs.mkdir(parents=True, exist_ok=True)
    call = ["sbatch", "--parsable", "--account", "lab", "--qos", "shared", "--comment", comment, "--mem", "100"]
    call += ["--output", f"{logs}/%j.log", *arguments, "--wrap", script]
    return subprocess.run(call, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def test_jobs_are_told_in_plain_words(slurm, tmp_path):
    (tmp_path / "work" / "mine").mkdir(parents=True)
    (tmp_path / "work" / "mine" / "code-1.json").write_text("{}")
    time.sleep(1.1)
    runs = _submit(tmp_path, "rule_embed_wildcards_moco_t1-b0000", script="sleep 300")
    waits = _submit(tmp_path, "rule_rank_wildcards_1", "--dependency", f"afterok:{runs}", script="true")
    fails = _submit(tmp_path, "rule_ingest_wildcards_t1-b0003", script="echo no module named torch >&2; exit 3")
    deadline = time.monotonic() + 120
    while True:
        states = {row["JobID"]: row["State"] for row in slurm.jobs()}
        if states.get(fails) == "FAILED" and states.get(runs) == "RUNNING":
            break
        assert time.monotonic() < deadline, states
        time.sleep(1)
    done = subprocess.run([SKYSIEVE, "status"], cwd=tmp_path, capture_output=True, text=True, check=True)
    subprocess.run(["scancel", runs, waits], check=True)
    assert f"job {runs}, embed moco_t1-b0000: running on node" in done.stdout
    assert f"job {waits}, rank 1: it waits for another job (Dependency)" in done.stdout
    assert "ingest, before its stage began: .snakemake/slurm_logs/rule_ingest/one/" in done.stdout
    assert "no module named torch" in done.stdout
    assert f"job {fails}, ingest t1-b0003: it failed with exit code 3:0" in done.stdout
    assert "jobs still run without a Snakemake" in done.stdout
