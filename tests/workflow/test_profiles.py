"""Profiles: each parses, names rules and resources that exist, and plans the tiny run."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROFILES = sorted(path.parent.name for path in (ROOT / "profiles").glob("*/config.yaml"))
# What rules may ask for in words that every site understands; profiles/README.md lists them.
PORTABLE = {"gpu", "cpus_per_gpu", "mem_mb", "runtime", "nodes", "tasks", "launcher", "device"}


def content(name: str) -> dict:
    """A profile as it stands."""
    return yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text(encoding="utf-8"))


def rules() -> str:
    """Text of all rules."""
    return "".join(path.read_text() for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")))


def test_all_profiles_are_looked_at():
    assert {"default", "local", "slurm"} <= set(PROFILES)


@pytest.mark.parametrize("name", PROFILES)
def test_rules_that_a_profile_names_exist(name):
    existing = set(re.findall(r"^ *rule (\w+):", rules(), re.M))
    assert len(existing) > 30
    given = content(name)
    named = set(given.get("set-resources", {})) | set(given.get("groups", {})) | set(given.get("set-threads", {}))
    assert named <= existing, named - existing


@pytest.mark.parametrize("name", PROFILES)
def test_groups_that_get_components_exist(name):
    given = content(name)
    assert set(given.get("group-components", {})) <= set(given.get("groups", {}).values())


def test_no_grouped_rule_asks_for_gpus():
    """Those of a group that run side by side would add up, and the job would wait for all of them."""
    for name in PROFILES:
        for rule in content(name).get("groups", {}):
            block = re.search(rf"^ *rule {rule}:\n(.*?)(?=^ *rule |\Z)", rules(), re.S | re.M).group(1)
            assert "gpu=" not in block, rule


def test_rules_of_networks_get_a_node_with_gpus():
    """Of this site; the default is a node without."""
    blocks = re.findall(r"^ *rule (\w+):\n(.*?)(?=^ *rule |\Z)", rules(), re.S | re.M)
    networks = {name for name, block in blocks if "gpu=GPU" in block}
    given = content("slurm")["set-resources"]
    assert {"pretrain", "train_redshift"} < networks
    assert {name for name, asked in given.items() if asked.get("constraint") == "gpu"} == networks


def test_rules_ask_in_portable_words():
    asked = set()
    for block in re.findall(r"^( *)resources:\n((?:\1    .*\n)+)", rules(), re.M):
        asked |= set(re.findall(r"^ *(\w+)=", block[1], re.M))
    assert {"gpu", "mem_mb", "runtime"} <= asked <= PORTABLE
    text = (ROOT / "profiles" / "README.md").read_text(encoding="utf-8")
    assert {word for word in PORTABLE if f"`{word}`" in text} == PORTABLE


@pytest.mark.parametrize("name", ["local", "slurm"])
def test_a_profile_plans_the_whole_run(name, new_project):
    project = new_project(name)
    project.environment["SLURM_ACCOUNT"] = "lab"
    with_profile = project.plan("--profile", f"profiles/{name}")
    assert with_profile == project.plan() and len(with_profile) > 20


def make_setup(folder: Path) -> str:
    """What `make setup` prints in a folder in which everything is installed."""
    for name in ("requirements.lock", "pyproject.toml", "Makefile"):
        shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").mkdir()
    (folder / ".venv" / ".installed").touch()
    done = subprocess.run(["make", "setup"], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def test_where_a_checkout_has_no_links_setup_says_what_to_type(tmp_path):
    (tmp_path / "slurm").write_text("profiles/slurm")  # what git writes where links are not supported
    assert "--profile profiles/slurm" in make_setup(tmp_path)


def test_where_a_checkout_has_links_setup_says_nothing(tmp_path):
    (tmp_path / "profiles").mkdir()
    shutil.copytree(ROOT / "profiles" / "slurm", tmp_path / "profiles" / "slurm")
    (tmp_path / "slurm").symlink_to("profiles/slurm")
    assert "profiles/slurm" not in make_setup(tmp_path)
