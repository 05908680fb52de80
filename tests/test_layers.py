"""The house: layers, empty packages, clean code, a wheel that holds everything."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pipeline

PACKAGE = Path(pipeline.__file__).parent


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
