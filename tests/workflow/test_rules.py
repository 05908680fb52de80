"""Rules and stages agree on every argument, without running anything."""

import ast
import re
from pathlib import Path

import pytest

import pipeline

STAGES = Path(pipeline.__file__).parent / "stages"
NAMES = sorted(path.stem for path in STAGES.glob("*.py") if not path.stem.startswith("_"))


def _taken(stage):
    """Options that a stage takes: (required, all)."""
    tree = ast.parse((STAGES / f"{stage}.py").read_text())
    (call,) = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "door"]
    assert call.args[0].value == stage
    named = {
        node.targets[0].id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    values = [named[word.value.id] if isinstance(word.value, ast.Name) else word.value for word in call.keywords]
    given = [name for value in values for name in ast.literal_eval(value)]
    options = {"--" + name.rstrip("+*?").replace("_", "-"): name[-1] not in "*?" for name in given}
    return {name for name, needed in options.items() if needed} | {"--work"}, set(options) | {
        "--work",
        "--settings",
        "--log",
        "--also",
    }


def _passed(root, stage):
    text = "".join(path.read_text() for path in sorted((root / "workflow" / "rules").glob("*.smk")))
    rule = re.search(rf"rule {stage}:\n(.*?)(?=\n *rule |\Z)", text, re.S)
    assert rule, f"no rule {stage}"
    shell = rule.group(1).split("shell:", 1)[1]
    return set(re.findall(r"--[a-z0-9-]+", shell.split(f"pipeline.stages.{stage} ", 1)[1]))


@pytest.mark.parametrize("stage", NAMES)
def test_a_rule_passes_what_its_stage_takes(root, stage):
    needed, allowed = _taken(stage)
    passed = _passed(root, stage)
    assert needed - passed == set() and passed - allowed == set()


@pytest.mark.parametrize("stage", NAMES)
def test_a_rule_passes_settings_to_a_stage_that_reads_them(root, stage):
    reads = "job.settings" in (STAGES / f"{stage}.py").read_text()
    assert reads == ("--settings" in _passed(root, stage))
