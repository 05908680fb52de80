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
    "fit_templates",
    "import_encoder",
    "import_redshift",
    "init_encoder",
    "masked_lines",
    "pretrain",
    "redshift",
    "redshift_sweeps",
    "score_finder",
    "score_probe",
    "similarity",
    "train_finder",
    "train_probe",
    "train_redshift",
    "training_ratios",
}
# What would cost half a second beside torch: such a stage imports it where it is used.
HEAVY = ("pandas", "scipy", "sklearn", "astropy", "matplotlib")
LIMIT_SECONDS = 3.0
TRIES = 5  # the first one reads files from disk, and a busy machine makes any of them slow: the fastest counts

PROGRAM = """
import sys, time
begin = time.process_time()
import pipeline.stages.{stage}
print(time.process_time() - begin, *sys.modules)
"""


def import_seconds(stage):
    """Return (processor time of an import, names of all modules that came with it)."""
    command = [sys.executable, "-c", PROGRAM.format(stage=stage)]
    seconds, *modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), modules


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_starts_fast(stage, capsys):
    for _ in range(TRIES):
        seconds, modules = import_seconds(stage)
        if seconds < LIMIT_SECONDS:
            break
    with capsys.disabled():
        print(f"  import of {stage}: {seconds:.2f} s of processor time")
    assert seconds < LIMIT_SECONDS
    assert ("torch" in modules) == (stage in WITH_TORCH)
    assert "lenstronomy" not in modules
    assert stage not in WITH_TORCH or not set(HEAVY) & set(modules)
