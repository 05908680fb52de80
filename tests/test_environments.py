"""Environments for conda, the container and the locks name what pyproject.toml names."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
ENVS = ROOT / "workflow" / "envs"
# Packages that conda calls otherwise than PyPI does.
CONDA_NAMES = {"matplotlib": "matplotlib-base", "snakemake": "snakemake-minimal"}
TORCH = {"cpu": "pytorch-cpu", "gpu": "pytorch-gpu"}


def project() -> dict:
    """The section [project] of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def wanted(*extras: str) -> dict[str, str]:
    """Name -> version specifier of the dependencies and of some extras."""
    given = project()
    lines = [*given["dependencies"], *(line for extra in extras for line in given["optional-dependencies"][extra])]
    found = [Requirement(line) for line in lines]
    assert len(found) == len({requirement.name for requirement in found})
    return {requirement.name: str(requirement.specifier) for requirement in found}


def locked(name: str) -> dict[str, Version]:
    """Name -> exact version of a lock file."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    assert all("==" in line for line in lines)
    return {canonicalize_name(line.split("==")[0]): Version(line.split("==")[1]) for line in lines}


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_conda_environments_are_those_of_pyproject(kind):
    environment = yaml.safe_load((ENVS / f"{kind}.yaml").read_text(encoding="utf-8"))
    python, pip, *lines = environment["dependencies"]
    assert python == "python=" + project()["requires-python"].removeprefix(">=") and pip == "pip"
    found = dict(re.fullmatch(r"([a-z0-9-]+)([<>=]=[\d.]+)", line).groups() for line in lines)
    assert len(found) == len(lines)
    names = {**CONDA_NAMES, "torch": TORCH[kind]}
    assert found == {names.get(name, name): bound for name, bound in wanted(kind, "mpi-local").items()}


def test_the_two_extras_differ_in_the_search_alone():
    cpu, gpu = wanted("cpu"), wanted("gpu")
    assert set(cpu) ^ set(gpu) == {"faiss-cpu", "faiss-gpu"}
    assert cpu["torch"] == gpu["torch"] and cpu["faiss-cpu"] == gpu["faiss-gpu"]


@pytest.mark.parametrize(
    ("files", "extras"),
    [
        (["requirements.lock"], ["cpu"]),
        (["requirements-gpu.lock"], ["gpu"]),
        (["requirements.lock", "requirements-test.lock"], ["cpu", "mpi-local"]),
    ],
)
def test_locks_hold_what_pyproject_wants(files, extras):
    versions = {name: version for file in files for name, version in locked(file).items()}
    for name, bound in wanted(*extras).items():
        assert versions[canonicalize_name(name)] in Requirement(name + bound).specifier, name


def test_tests_of_several_ranks_have_an_mpi_and_the_pipeline_takes_that_of_the_machine():
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(table["project"]["optional-dependencies"]["mpi-local"]) <= set(table["dependency-groups"]["test"])
    assert {"mpi4py", "mpich"} & (set(wanted("cpu")) | set(locked("requirements.lock"))) == set()


def test_the_lock_for_gpus_is_the_other_one_with_cuda():
    cpu, gpu = locked("requirements.lock"), locked("requirements-gpu.lock")
    assert gpu.pop("faiss-gpu") == cpu.pop("faiss-cpu")
    assert {name: gpu.get(name) for name in cpu} == cpu
    cuda = re.compile(r"nvidia-.*|cuda-.*|triton|setuptools")  # triton and setuptools: what torch for CUDA asks for
    assert [name for name in gpu.keys() - cpu.keys() if not cuda.fullmatch(name)] == []


@pytest.mark.parametrize(("mark", "lock"), [(None, "requirements.lock"), (".gpu", "requirements-gpu.lock")])
def test_setup_takes_the_lock_of_the_machine(tmp_path, mark, lock):
    for name in ("requirements.lock", "requirements-gpu.lock", "pyproject.toml", "Makefile"):
        shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    if mark:
        (tmp_path / ".venv" / mark).touch()
    done = subprocess.run(["make", "-n", "setup"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.findall(r"--requirement (\S+)", done.stdout) == [lock]


def sections() -> tuple[dict[str, str], dict[str, str]]:
    """Header and sections of the definition of the container."""
    text = re.sub(r"^#.*\n", "", (ENVS / "skysieve.def").read_text(encoding="utf-8"), flags=re.M)
    head, *parts = re.split(r"^%(\w+)\n", text, flags=re.M)
    header = dict(line.split(": ", 1) for line in head.splitlines() if line)
    return header, dict(zip(parts[::2], parts[1::2], strict=True))


def test_the_container_installs_the_lock_and_the_package():
    header, found = sections()
    assert header == {"Bootstrap": "docker", "From": "python:3.11-slim"}
    assert {"arguments", "files", "post", "environment", "test", "runscript"} == set(found)
    default = dict(line.split("=", 1) for line in found["arguments"].split())
    assert default == {"lock": "requirements.lock"}
    copied = dict(line.split(" /opt/skysieve/") for line in map(str.strip, found["files"].splitlines()) if line)
    assert copied.pop("{{ lock }}") == "requirements.lock"
    assert all((ROOT / name).exists() and name == target for name, target in copied.items())
    given = project()
    assert {"pyproject.toml", "src", given["readme"], "LICENSE"} == set(copied)
    assert "--requirement /opt/skysieve/requirements.lock" in found["post"]
    assert "--no-deps /opt/skysieve" in found["post"]
