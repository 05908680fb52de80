"""The road from raw files to scores: how fast is each part beside the least that it could cost?

    python benchmarks/road.py [--json FILE] [--only ingest embed probe_iteration workflow]

Rows: `ingest` (MB/s beside reading the same bricks once with astropy.io.fits and writing the same bytes), `embed`
(images/s from shard to shard beside the bare forward pass), `probe_iteration` (function and gradient beside the two
products of matrices), `workflow` (snakemake on the demo beside the same command lines one after the other, both at the
same time with a core each).
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))


def clone(folder: Path) -> dict:
    """Copy the repository's files; return the environment in which the copy's code runs."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    return {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": ""}


def _one_thread(config: Path) -> None:
    """Let every network of a run use one thread: two runs share the machine, and each has one core."""
    content = yaml.safe_load(config.read_text())
    for part in (*content["encoders"].values(), *content["models"].values()):
        plan = part.get("training", part)
        plan["threads"] = 1
    config.write_text(yaml.safe_dump(content, sort_keys=False))


def workflow_row(config: str = "config/demo.yaml") -> dict:
    """Time `snakemake --cores 1` on a run, and its command lines one after the other, both at the same time."""
    with tempfile.TemporaryDirectory() as scratch:
        ours, peer = Path(scratch) / "ours", Path(scratch) / "peer"
        environments = {folder: clone(folder) for folder in (ours, peer)}
        for folder in (ours, peer):
            _one_thread(folder / config)
        call = [SNAKEMAKE, "--cores", "1", "--configfile", config]
        printed = subprocess.run(
            [*call, "-n", "-p"], cwd=ours, env=environments[ours], capture_output=True, text=True, check=True
        )
        commands = re.findall(r"^ *(?:Shell command: *)?(python -m pipeline\.stages\.\w+ .*)$", printed.stdout, re.M)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "HDF5_USE_FILE_LOCKING": "FALSE", "PATH": path}
        lines = {ours: [call], peer: [["bash", "-c", command] for command in commands]}

        def run(folder: Path) -> float:
            begin = time.perf_counter()
            for line in lines[folder]:
                subprocess.run(line, cwd=folder, env={**environments[folder], **one}, capture_output=True, check=True)
            return time.perf_counter() - begin

        # Whatever else the machine does falls on both.
        with ThreadPoolExecutor(2) as pool:
            seconds, alone = pool.map(run, (ours, peer))
    return {
        "name": "workflow",
        "ours": seconds,
        "peer": alone,
        "limit": None,
        "unit": f"s for {len(commands)} jobs",
        "ratio": seconds / alone,
        "goal": "<= 1.05",
    }


def _rows(wanted: list[str]):
    if "ingest" in wanted:
        from ingest_rate import ingest_row

        yield ingest_row()
    if "embed" in wanted:
        from embed_rate import embed_row

        yield embed_row()
    if "probe_iteration" in wanted:
        from probe_iteration import probe_row

        yield probe_row()
    if "workflow" in wanted:
        yield workflow_row()


def main() -> None:
    """Print the table; write it as JSON where asked."""
    names = ["ingest", "embed", "probe_iteration", "workflow"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    arguments = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    rows = []
    print(f"{'name':<18}{'ours':>12}{'peer':>12}{'limit':>12}  {'unit':<24}{'ratio':>8}  goal")
    for row in _rows(arguments.only):
        rows.append({**row, "machine": machine})
        numbers = [f"{row[key]:12.4g}" if row[key] is not None else f"{'-':>12}" for key in ("ours", "peer", "limit")]
        print(f"{row['name']:<18}{''.join(numbers)}  {row['unit']:<24}{row['ratio']:8.3f}  {row['goal']}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
