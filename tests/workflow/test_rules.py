"""Rules and stages agree on every argument, without running anything."""

import importlib
import re
from pathlib import Path

import pytest

import pipeline

STAGES = Path(pipeline.__file__).parent / "stages"
NAMES = sorted(path.stem for path in STAGES.glob("*.py") if not path.stem.startswith("_"))
COMMON = {"--work", "--settings", "--log", "--also"}


def _taken(stage, monkeypatch):
    """Options that a stage takes: (those that must be given, all)."""
    given = []
    module = importlib.import_module(f"pipeline.stages.{stage}")

    def door(name, run, argv, *, inputs=(), outputs=(), values=(), network=False, resumes=False):
        assert name == stage
        # Where it runs is said to every stage with a network, how long to every one that stops in time.
        given.extend([*inputs, *outputs, *values, *["device"] * network, *["time_limit"] * resumes])

    text = (STAGES / f"{stage}.py").read_text()
    stops = "job.dataset(" in text or "allocation.ending" in text
    monkeypatch.setattr(module, "door", door)
    module.main([])
    options = {"--" + name.rstrip("+*?").replace("_", "-"): name[-1] not in "*?" for name in given}
    allowed = set(options) | COMMON | ({"--time-limit"} if stops else set())
    return {name for name, needed in options.items() if needed} | {"--work"}, allowed


def _passed(root, stage):
    """Options that the rule of a stage passes."""
    for path in sorted((root / "workflow" / "rules").glob("*.smk")):
        rule = re.search(rf"^ *rule {stage}:\n(.*?)(?=^ *rule |\Z)", path.read_text(), re.S | re.M)
        if rule:
            command = re.split(rf"pipeline\.stages\.{stage}\b", rule.group(1), maxsplit=1)[1]
            return set(re.findall(r"--[a-z0-9-]+", command))
    pytest.fail(f"no rule {stage}")


@pytest.mark.parametrize("stage", NAMES)
def test_a_rule_passes_what_its_stage_takes(root, stage, monkeypatch):
    needed, allowed = _taken(stage, monkeypatch)
    passed = _passed(root, stage)
    assert needed - passed == set() and passed - allowed == set()


@pytest.mark.parametrize("stage", NAMES)
def test_a_rule_passes_settings_to_a_stage_that_reads_them(root, stage):
    reads = "job.settings" in (STAGES / f"{stage}.py").read_text()
    assert reads == ("--settings" in _passed(root, stage))


@pytest.mark.parametrize("stage", NAMES)
def test_a_rule_whose_network_may_need_a_gpu_asks_for_one(root, stage):
    text = "\n".join(path.read_text() for path in sorted((root / "workflow" / "rules").glob("*.smk")))
    block = re.search(rf"^( *)rule {stage}:\n((?:\1 +.*\n|\n)+)", text, re.M).group(2)
    slurm = (root / "profiles" / "slurm" / "config.yaml").read_text()
    asks = "--device" in block
    assert ("gpu=GPU" in block) == asks
    assert (f"  {stage}: {{constraint: gpu" in slurm) == asks
