"""How fast a stage starts, and what it imports. These tests run alone: a busy machine makes imports look slow."""

import subprocess
import sys
from pathlib import Path

import pytest

import pipeline

STAGES = sorted(
    path.stem for path in (Path(pipeline.__file__).parent / "stages").glob("*.py") if not path.stem.startswith("_")
)
# Stages that run a network or its products of matrices.
WITH_TORCH = {
    "assess_classes",
    "embed",
    "import_encoder",
    "init_encoder",
    "pretrain",
    "score_finder",
    "score_probe",
    "similarity",
    "train_finder",
    "train_probe",
    "training_ratios",
}
LIMIT_SECONDS = 3.0
# On a machine where torch alone takes longer than 1.6 s, a stage may take this multiple of it.
LIMIT_OF_TORCH = 1.9
TRIES = 3  # the first one reads files from disk

PROGRAM = """
import sys, time
begin = time.process_time()
import {module}
print(time.process_time() - begin, "torch" in sys.modules, "lenstronomy" in sys.modules)
"""


def import_seconds(module):
    """Return (processor time of an import, whether torch and lenstronomy came with it)."""
    command = [sys.executable, "-c", PROGRAM.format(module=module)]
    seconds, torch, lenstronomy = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), torch == "True", lenstronomy == "True"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_starts_fast(stage, capsys):
    for _ in range(TRIES):
        seconds, torch, lenstronomy = import_seconds(f"pipeline.stages.{stage}")
        # A slow machine, or a busy one, is slow for torch as well: it is measured at the same time.
        limit = LIMIT_SECONDS
        if seconds >= limit:
            limit = max(limit, LIMIT_OF_TORCH * import_seconds("torch")[0])
        if seconds < limit:
            break
    with capsys.disabled():
        print(f"  import of {stage}: {seconds:.2f} s of processor time, at most {limit:.2f}")
    assert seconds < limit
    assert torch == (stage in WITH_TORCH)
    assert not lenstronomy
