"""The estimate of a run: its jobs are those of the graph, its sums add up, its inputs have sources."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline import graph
from pipeline.cluster.estimate import estimate
from pipeline.cluster.measured import Measured
from pipeline.cluster.plan import amount, hour, make
from pipeline.cluster.rates import Rates
from pipeline.cluster.size import size_of

SKYSIEVE = str(Path(sys.executable).with_name("skysieve"))


def _settings(root, name):
    return graph.load(yaml.safe_load((root / "config" / f"{name}.yaml").read_text()), unset_is_error=False)


def _plan(root, tmp_path, name, objects=None, gpus=True, runs=()):
    settings, rates = _settings(root, name), Rates(list(runs))
    return make(settings, size_of(settings, tmp_path / name, f"config/{name}.yaml", objects, rates), rates, gpus)


@pytest.mark.parametrize("name", ["tiny", "demo"])
def test_the_jobs_are_those_of_the_graph(new_project, root, tmp_path, name):
    project = new_project(f"planned-{name}")
    planned = project.plan("lenses", "--configfile", f"config/{name}.yaml")
    planned["release_index"] = 1  # of the whole run, not of its halves
    estimated = {row.rule: row.jobs for row in _plan(root, tmp_path, name).rows}
    assert estimated == planned


def test_gpus_are_counted_for_the_rules_that_ask_for_them(root, tmp_path):
    chapters = sorted((root / "workflow" / "rules").glob("*.smk"))
    text = "\n".join(path.read_text() for path in chapters if not path.name.startswith(("spectra", "redshift")))
    rules = re.split(r"^ *rule (?=\w+:)", text, flags=re.M)[1:]
    asking = {rule.split(":")[0] for rule in rules if "gpu=GPU" in rule}
    rows = _plan(root, tmp_path, "demo").rows
    assert {row.rule for row in rows if row.gpu_hours} == asking
    assert all(row.core_hours == 0 for row in rows if row.gpu_hours)
    assert not any(row.gpu_hours for row in _plan(root, tmp_path, "demo", gpus=False).rows)


def test_pretraining_of_the_paper_is_counted_in_passes(root, tmp_path):
    plan = _plan(root, tmp_path, "legacy-dr9-stein2021")
    row = next(row for row in plan.rows if row.rule == "pretrain")
    # 50 epochs of 3.5 million images, four passes of 0.7507 thousand million multiply-adds each.
    rate = next(rate for rate in plan.inputs if rate.name.startswith("train_gpu/"))
    assert row.network_hours == pytest.approx(50 * 3.5e6 * 4 * 0.7507e9 / rate.value / 3600, rel=1e-3)
    assert rate.source.startswith("assumed, not measured")
    assert row.read == pytest.approx(50 * 3.5e6 * 12 * 152**2, rel=1e-3)


def test_twice_the_objects_double_images_and_quadruple_pairs(root, tmp_path):
    one, two = (_plan(root, tmp_path, "legacy-dr9-stein2021", number) for number in (42_000_000, 84_000_000))
    rows = [{row.rule: row for row in plan.rows} for plan in (one, two)]
    assert rows[1]["embed"].gpu_hours == pytest.approx(2 * rows[0]["embed"].gpu_hours, rel=0.01)
    assert rows[1]["ingest"].written == pytest.approx(2 * rows[0]["ingest"].written)
    assert rows[1]["similarity"].core_hours == pytest.approx(4 * rows[0]["similarity"].core_hours, rel=0.01)
    assert rows[1]["pretrain"].gpu_hours == rows[0]["pretrain"].gpu_hours


def test_sums_and_texts_agree(root, tmp_path):
    plan = _plan(root, tmp_path, "legacy-dr9-stein2021")
    plain = json.loads(json.dumps(plan.plain()))
    for name, total in plain["total"].items():
        assert total == pytest.approx(sum(row[name] for row in plain["rules"]))
    gpus = plain["total"]["gpu_hours"] / 4 + plain["total"]["core_hours"] / 128
    assert plain["total"]["node_hours"] == pytest.approx(gpus)
    text = plan.text()
    assert f"{plain['total']['files']:,}" in text and amount(plain["total"]["written"]) in text
    named = {rate["name"] for rate in plain["inputs"]}
    assert {"bytes/none", "ingest/legacy", "read/none", "node_gpus", "start"} <= named
    for rate in plain["inputs"]:
        assert re.match(r"measured|assumed, not measured: |published: ", rate["source"]) and rate["value"] >= 0, rate
        assert f"{rate['name']} " in text


def test_nodes_are_those_that_the_jobs_of_a_rule_fill_at_once(root, tmp_path):
    plan = _plan(root, tmp_path, "legacy-dr9-stein2021", 42_000_000)
    jobs = {row.rule: row.jobs for row in plan.rows}
    assert plan.nodes["embed"] == -(-jobs["embed"] // 4) > 1  # four GPUs a node
    assert plan.nodes["ingest"] == 1 == plan.nodes["similarity"]
    assert plan.plain()["nodes"] == plan.nodes["embed"]


def test_what_does_not_fit_is_said(root, tmp_path):
    small = "\n".join(_plan(root, tmp_path, "legacy-dr9-stein2021").notes)
    assert "a job of similarity takes" in small and "scratch" not in small
    large = "\n".join(_plan(root, tmp_path, "legacy-dr9-stein2021", 20_000_000_000).notes)
    assert "more than a user's scratch holds; ingest.compression: quantized" in large
    assert "a folder of ingest" in large
    # Jobs have files of their own as well; with the batches of these settings they become too many here.
    assert "locks holds" in "\n".join(_plan(root, tmp_path, "legacy-dr9-stein2021", 10**11).notes)
    tiny = _plan(root, tmp_path, "tiny", gpus=False)
    assert tiny.notes == ["the spectra half is not part of this estimate"]


def test_a_finished_run_replaces_packaged_rates(root, tmp_path):
    mine = Measured("mine", 1000, "node7", {"forward/resnet50-64": 1e9}, {"labels": (1000, 1.0)})
    settings, packaged = _settings(root, "legacy-dr9-stein2021"), Rates([])
    size = size_of(settings, tmp_path, "", 10**6, packaged)
    rates = Rates([mine])
    before, after = (
        {row.rule: row for row in estimate(settings, size, source, gpus=False)} for source in (packaged, rates)
    )
    assert rates.used["forward/resnet50-64"].source == "measured in the run mine on node7"
    assert after["embed"].core_hours > 10 * before["embed"].core_hours
    assert after["labels"] == before["labels"]  # one size tells no base from growth
    larger = Measured("larger", 2000, "node7", {}, {"labels": (2000, 1.5)})
    assert Rates([mine, larger]).seconds("labels", 4000) == pytest.approx(2.5)


def test_the_command_needs_no_data_and_writes_json(root, tmp_path, monkeypatch):
    monkeypatch.delenv("LEGACYSURVEY_DIR", raising=False)
    call = [SKYSIEVE, "plan", str(root / "config" / "legacy-dr9-stein2021.yaml"), "--json", "plan.json"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "56,446,849 objects" in done.stdout and "From these rates" in done.stdout
    assert json.loads((tmp_path / "plan.json").read_text())["size"]["objects"] == 56_446_849
    wrong = subprocess.run([*call, "--measured", "no"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2 and "no records of a finished run" in wrong.stderr


def test_numbers_are_readable():
    assert [hour(value) for value in (0, 0.001, 1.234, 1234567, None)] == ["0", "<0.01", "1.23", "1,234,567", ""]
    sizes = [amount(value) for value in (0, 999, 1000, 123_456, 5.55e15)]
    assert sizes == ["0 B", "999 B", "1 kB", "123 kB", "5.55 PB"]
