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
TRIES = 3  # the first one reads files from disk

PROGRAM = """
import sys, time
begin = time.process_time()
import pipeline.stages.{stage}
print(time.process_time() - begin, "torch" in sys.modules, "lenstronomy" in sys.modules)
"""


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_starts_fast(stage, capsys):
    best = float("inf")
    for _ in range(TRIES):
        command = [sys.executable, "-c", PROGRAM.format(stage=stage)]
        seconds, torch, lenstronomy = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        best = min(best, float(seconds))
        if best < LIMIT_SECONDS:
            break
    with capsys.disabled():
        print(f"  import of {stage}: {best:.2f} s of processor time")
    assert best < LIMIT_SECONDS
    assert (torch == "True") == (stage in WITH_TORCH)
    assert lenstronomy == "False"
