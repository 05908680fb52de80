"""The house: layers, empty packages, what a stage imports and how long that takes."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import pipeline

PACKAGE = Path(pipeline.__file__).parent
STAGES = sorted(path.stem for path in (PACKAGE / "stages").glob("*.py") if not path.stem.startswith("_"))
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


def test_imports_point_one_way(root):
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_init_files_are_empty():
    assert [path for path in PACKAGE.rglob("__init__.py") if path.read_text().strip()] == []


def test_the_code_is_clean(root):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "src", "tests", "benchmarks"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


PROGRAM = """
import sys, time
begin = time.process_time()
import pipeline.stages.{stage}
print(time.process_time() - begin, "torch" in sys.modules, "lenstronomy" in sys.modules)
"""


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_starts_fast(stage, capsys):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(stage=stage)], capture_output=True, text=True, check=True
    )
    seconds, torch, lenstronomy = done.stdout.split()
    with capsys.disabled():
        print(f"  import of {stage}: {float(seconds):.2f} s of processor time")
    assert float(seconds) < LIMIT_SECONDS
    assert (torch == "True") == (stage in WITH_TORCH)
    assert lenstronomy == "False"


def test_every_stage_has_a_rule_of_its_name(root):
    text = "".join(path.read_text() for path in (root / "workflow" / "rules").glob("*.smk"))
    assert [stage for stage in STAGES if f"rule {stage}:" not in text or f"pipeline.stages.{stage} " not in text] == []


def test_the_wheel_holds_all_that_a_stage_needs(root, tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*build, str(tmp_path), str(root)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("skysieve-*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path / "site")
    packaged = {
        path.relative_to(tmp_path / "site" / "pipeline") for path in (tmp_path / "site" / "pipeline").rglob("*.*")
    }
    here = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.*") if "__pycache__" not in path.parts}
    assert packaged == here
    names = [".".join(("pipeline", *path.with_suffix("").parts)) for path in sorted(here) if path.suffix == ".py"]
    names = [name.removesuffix(".__init__") for name in names]
    program = "import importlib, sys; sys.path.insert(0, sys.argv[1])\n" + "".join(
        f"importlib.import_module({name!r})\n" for name in names
    )
    program += "import pipeline; assert pipeline.__file__.startswith(sys.argv[1]), pipeline.__file__"
    subprocess.run([sys.executable, "-I", "-c", program, str(tmp_path / "site")], check=True, cwd=tmp_path)
