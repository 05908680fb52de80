"""What the Snakefile uses: fingerprints of code, lists of shards, settings."""

import json
import logging
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from pipeline import graph
from pipeline.errors import PipelineError


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in place of the real one; returns a function that (re)writes a module."""
    monkeypatch.setattr(graph, "PACKAGE", tmp_path)

    def write(name, text):
        path = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        graph._module.cache_clear()

    write(
        "stages.embed", "from pipeline.data import shards\nfrom pipeline.log import Log\nimport pipeline.learn.moco\n"
    )
    write("data.shards", "def read(x):\n    return x + 1\n")
    write("data.tables", "x = 1\n")
    write("learn.moco", "def f():\n    from pipeline.data.tables import x\n    return x\n")
    write("log", "x = 1\n")
    write("models.a", "x = 1\n")
    yield write
    graph._module.cache_clear()


def _names(items):
    return [item.split("=")[0] for item in items]


def test_fingerprint_follows_imports_wherever_they_stand(package):
    assert _names(graph.fingerprint("embed")) == ["data.shards", "data.tables", "learn.moco", "stages.embed"]
    assert _names(graph.fingerprint("embed", "models.a"))[-2:] == ["models.a", "stages.embed"]


def test_comments_docstrings_and_layout_do_not_count(package):
    before = graph.fingerprint("embed")
    package("data.shards", '"""Words."""\n# why\ndef read(\n    x,\n):\n    """More words."""\n    return (x + 1)\n')
    assert graph.fingerprint("embed") == before


@pytest.mark.parametrize(
    "text",
    ["def read(x):\n    return x + 2\n", "def read(x, y=1):\n    return x + 1\n", "def read(x):\n    return x - 1\n"],
)
def test_a_change_of_meaning_names_its_module(package, text):
    before = graph.fingerprint("embed")
    package("data.shards", text)
    after = graph.fingerprint("embed")
    assert [name for name, old, new in zip(_names(before), before, after, strict=True) if old != new] == ["data.shards"]


def test_a_packaged_file_counts_where_it_is_named(package, tmp_path):
    (tmp_path / "data" / "columns.yaml").write_text("a: 1")
    before = graph.fingerprint("embed")
    package("data.shards", 'def read(x):\n    return x + 1\nNAME = "columns.yaml"\n')
    named = graph.fingerprint("embed")
    (tmp_path / "data" / "columns.yaml").write_text("a: 2")
    graph._module.cache_clear()
    assert graph.fingerprint("embed") != named != before


def test_code_that_changes_during_a_run_is_refused(package, tmp_path, monkeypatch):
    monkeypatch.setattr(graph.os, "environ", {})
    graph.freeze_code(tmp_path / "work")
    graph.check_code(graph.fingerprint("embed"))
    package("learn.moco", "def f():\n    return 2\n")
    with pytest.raises(PipelineError, match=r"code changed(.|\n)*pipeline\.learn\.moco"):
        graph.check_code(graph.fingerprint("embed"))


def test_the_real_package_can_be_walked_and_parsing_it_is_light():
    program = (
        "import sys; from pipeline import graph; "
        "names = [p.stem for p in (graph.PACKAGE / 'stages').glob('*.py') if not p.stem.startswith('_')]; "
        "assert len(names) > 20, names; [graph.fingerprint(name) for name in names]; "
        "import pipeline.settings.run; "
        "heavy = {'torch', 'faiss', 'astropy', 'h5py', 'sklearn', 'pandas', 'scipy'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_digest_of_products_leaves_execution_out():
    settings = {"ingest": {"shards_per_job": 3, "n": 1}, "list": [{"workers": 2, "m": 2}]}
    assert graph.without_execution(settings) == {"ingest": {"n": 1}, "list": [{"m": 2}]}


SURVEY = SimpleNamespace(kind="simulated", tranches=2, tiles_south=2, tiles_north=1, tiles_overlap=1)


def test_simulated_shards_are_dealt_to_batches_of_one_tranche():
    rows = graph.simulated_shards(SURVEY, 3)
    assert len(rows) == 10 and len({row.shard for row in rows}) == 10
    assert [row.region for row in rows[:5]] == ["south", "south", "north", "south", "north"]
    assert {row.batch for row in rows} == {"t1-b0000", "t1-b0001", "t2-b0000", "t2-b0001"}
    assert all(row.batch.startswith(f"t{row.tranche}-") for row in rows)
    one = graph.simulated_shards(SURVEY, 1)
    assert [row.shard for row in one] == [row.shard for row in rows]


def test_the_first_tranche_does_not_change_when_a_second_is_added():
    first = graph.simulated_shards(SimpleNamespace(**{**vars(SURVEY), "tranches": 1}), 3)
    assert graph.simulated_shards(SURVEY, 3)[: len(first)] == first


def test_too_many_areas_are_refused():
    with pytest.raises(PipelineError, match=r"survey\.tiles_overlap(.|\n)*at most 5"):
        graph.simulated_shards(SimpleNamespace(**{**vars(SURVEY), "tiles_overlap": 9}), 1)


def test_list_of_shards_round_trip_and_faults(tmp_path):
    rows = graph.simulated_shards(SURVEY, 2)
    path = tmp_path / "shards.tsv"
    with pytest.raises(PipelineError, match="skysieve index config/mine.yaml"):
        graph.read_shards(path, "config/mine.yaml")
    path.write_text(graph.shards_text(rows))
    assert graph.read_shards(path, "x") == rows
    assert [graph.Row(**row) for row in json.loads(graph.rows_json(rows))] == rows
    path.write_text(graph.shards_text(rows).replace("t2-b0000", "t1-b0000"))
    with pytest.raises(PipelineError, match="mixes kinds or tranches"):
        graph.read_shards(path, "x")
    path.write_text("a\tb\n")
    with pytest.raises(PipelineError, match="not a list of shards"):
        graph.read_shards(path, "x")


def test_environment_variables_in_settings(monkeypatch):
    monkeypatch.setenv("SKY_ROOT", "/data")
    assert graph._expand({"a": ["${SKY_ROOT}/x", 1]}) == {"a": ["/data/x", 1]}
    with pytest.raises(PipelineError, match=r"survey\.root(.|\n)*export NO_SUCH_NAME"):
        graph._expand({"survey": {"root": "$NO_SUCH_NAME/x"}})


def test_the_errors_of_this_run_are_the_last_ones_of_its_logs(tmp_path, monkeypatch):
    frozen = tmp_path / "code.json"
    frozen.write_text("{}")
    monkeypatch.setenv(graph.RUN_CODE, str(frozen))
    logs = tmp_path / "logs" / "ingest"
    logs.mkdir(parents=True)
    line = "2026-01-01T00:00:00Z {} ingest: {}\n"
    failed = [("INFO", "begin [a=1]"), ("ERROR", "the disk is full\n  where: x"), ("INFO", "end [status=2]")]
    mended = [*failed, ("INFO", "begin [a=1]"), ("INFO", "end [status=0]")]
    (logs / "failed.log").write_text("".join(line.format(*words) for words in failed))
    (logs / "mended.log").write_text("".join(line.format(*words) for words in mended))
    found = graph.errors_of_this_run(tmp_path)
    assert found == [f"{logs / 'failed.log'}:\n2026-01-01T00:00:00Z ERROR ingest: the disk is full\n  where: x"]


def test_rows_of_each_batch_in_the_order_of_the_list():
    shards = [(f"s{index}", "images", 1 + index // 3, "x", "south") for index in range(5)]
    rows = graph.into_batches(shards, 2)
    batches = graph.grouped(rows, "batch")
    assert {name: [row.shard for row in found] for name, found in batches.items()} == {
        "t1-b0000": ["s0", "s1"], "t1-b0001": ["s2"], "t2-b0000": ["s3", "s4"]
    }  # fmt: skip
    assert [*graph.grouped(rows, "tranche")] == [1, 2]


def _record(event, **values):
    return logging.makeLogRecord({"event": event, "msg": "Job stats", **values})


def test_requested_hours_stand_under_the_closing_table_of_a_dry_run():
    hours = graph.RequestedHours()
    first, last = _record("run_info"), _record("run_info")
    assert hours.filter(first) and first.msg == "Job stats"
    for name, resources in (
        ("embed", {"runtime": 90, "gpu": 2}), ("embed", {"runtime": 30, "gpu": 2}), ("splits", {"runtime": 60}),
        ("unlimited", {}),
    ):  # fmt: skip
        assert hours.filter(_record("job_info", rule_name=name, resources=resources, shellcmd="python"))
    assert hours.filter(_record("job_info", rule_name="all", resources={"runtime": 60}, shellcmd=None))
    assert hours.filter(last)
    table = {line.split()[0]: line.split()[1:] for line in last.msg.splitlines()[3:]}
    assert table == {"embed": ["2", "2.0", "4.0"], "splits": ["1", "1.0", "0.0"], "total": ["3", "3.0", "4.0"]}


@pytest.mark.parametrize("defaults", [None, {}, {"slurm_account": SimpleNamespace(raw="m1234")}])
def test_an_account_that_the_profile_does_not_leave_to_the_environment_is_not_touched(monkeypatch, defaults):
    monkeypatch.delenv("SLURM_ACCOUNT", raising=False)
    monkeypatch.delenv(graph.RUN_CODE, raising=False)
    before = dict(defaults or {})
    graph.name_account(defaults)
    assert (defaults or {}) == before


def test_the_account_of_the_environment_is_named_once(monkeypatch):
    monkeypatch.delenv(graph.RUN_CODE, raising=False)
    monkeypatch.setenv("SLURM_ACCOUNT", "lab")
    defaults = {"slurm_account": SimpleNamespace(raw="$SLURM_ACCOUNT")}
    graph.name_account(defaults)
    assert defaults == {"slurm_account": "lab"}
    monkeypatch.delenv("SLURM_ACCOUNT")
    with pytest.raises(PipelineError, match="export SLURM_ACCOUNT="):
        graph.name_account({"slurm_account": SimpleNamespace(raw="$SLURM_ACCOUNT")})
    monkeypatch.setenv(graph.RUN_CODE, "in a job, where the variable is gone")
    graph.name_account({"slurm_account": SimpleNamespace(raw="$SLURM_ACCOUNT")})
