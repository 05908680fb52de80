"""The door of all stages: exit codes, records of finished shards, lock, code check, signals."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.data.manifests import read_manifest
from pipeline.errors import PipelineError
from pipeline.stages import _door
from pipeline.stages._lock import lock


def _call(tmp_path, run, *extra, inputs=("source",), outputs=("out",), stage="list_shards", settings='{"a": 1}'):
    source = tmp_path / "source.txt"
    source.exists() or source.write_text("source")
    arguments = ["--source", str(source), "--out", str(tmp_path / "results" / "r" / "set" / "b1.json")]
    common = ["--work", str(tmp_path / "work"), "--log", str(tmp_path / "log.txt"), "--settings", settings]
    return _door.door(stage, run, [*arguments, *common, *extra], inputs=inputs, outputs=outputs)


@pytest.fixture(autouse=True)
def _keep_signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (PipelineError("bad row", where="a.csv: row 3", value=7, allowed="1..4", next="mend it"), 2, "a.csv: row 3"),
        (OSError(28, "No space left on device", "x.h5"), 2, "free space"),
        (OSError("Can't write data (file write failed: errno = 28, 'No space left on device')"), 2, "MB free"),
        (PermissionError(13, "Permission denied", "x.h5"), 2, "permissions"),
        (KeyboardInterrupt("SIGTERM"), 130, "interrupted SIGTERM"),
        (ZeroDivisionError("bug"), 1, "Traceback"),
    ],
)
def test_exit_codes(tmp_path, capsys, error, status, words):
    def run(job):
        raise error

    assert _call(tmp_path, run) == status
    text = (tmp_path / "log.txt").read_text()
    assert words in text and words in capsys.readouterr().err
    assert text.splitlines()[0].split(": ")[1].startswith("begin") and f"status={status}" in text.splitlines()[-1]


def test_a_missing_input_and_bad_settings_are_the_users(tmp_path, capsys):
    assert _call(tmp_path, lambda job: None, settings="{nonsense") == 2
    assert "not JSON" in capsys.readouterr().err
    assert _call(tmp_path, lambda job: None, "--more", str(tmp_path / "no"), inputs=("source", "more*")) == 2
    assert "input is missing" in capsys.readouterr().err


def _maker(made, fail_at=None):
    def run(job):
        def make(shard, files):
            if shard == fail_at:
                raise RuntimeError("killed")
            made.append(shard)
            for name, path in files.items():
                path.write_text(f"{name} of {shard} {job.settings['a']}")
            return 5

        out = job.out["out"]
        outputs = {"one": (out, ".txt"), "two": (out.parent.parent / "other" / out.name, ".txt")}
        job.dataset(outputs=outputs, entries=[(f"s{n}", [job.paths["source"]]) for n in range(3)], make=make)

    return run


def test_a_restarted_batch_repeats_no_finished_shard(tmp_path, capsys):
    made = []
    assert _call(tmp_path, _maker(made, fail_at="s2")) == 1
    folder = tmp_path / "results" / "r" / "set"
    assert made == ["s0", "s1"] and not (folder / "b1.json").exists()
    assert not [path for path in folder.iterdir() if path.name.startswith(".tmp-")]
    assert _call(tmp_path, _maker(made)) == 0
    assert made == ["s0", "s1", "s2"]
    manifest = read_manifest(folder / "b1.json")
    assert (manifest.dataset, manifest.batch, manifest.rows) == ("set", "b1", 15)
    assert read_manifest(folder.parent / "other" / "b1.json").dataset == "other"
    # an altered file, another setting, another input: made again
    (folder / "s1.txt").write_text("altered")
    assert _call(tmp_path, _maker(made)) == 0 and made[3:] == ["s1"]
    assert _call(tmp_path, _maker(made), settings='{"a": 2}') == 0 and made[4:] == ["s0", "s1", "s2"]
    (tmp_path / "source.txt").write_text("other")
    assert _call(tmp_path, _maker(made), settings='{"a": 2}') == 0 and made[7:] == ["s0", "s1", "s2"]
    capsys.readouterr()


def test_provenance_lies_in_the_work_folder_only(tmp_path):
    assert _call(tmp_path, _maker([])) == 0
    found = json.loads(next((tmp_path / "work" / "provenance").iterdir()).read_text())
    assert found["rows"] == 15 and found["host"] and found["fingerprint"][0].startswith("data.atomic=")
    for path in (tmp_path / "results").rglob("*.*"):
        assert found["host"] not in path.read_text()


def test_code_that_changed_stops_the_stage_before_it_renames(tmp_path, monkeypatch, capsys):
    frozen = tmp_path / "code.json"
    current = dict(item.split("=") for item in _door.graph.fingerprint("list_shards"))
    frozen.write_text(json.dumps({**current, "data.atomic": "other"}))
    monkeypatch.setenv(_door.graph.RUN_CODE, str(frozen))
    assert _call(tmp_path, _maker([])) == 2
    assert "pipeline.data.atomic" in capsys.readouterr().err
    frozen.write_text(json.dumps(current))

    def edits(job):
        frozen.write_text(json.dumps({**current, "data.atomic": "other"}))
        _maker([])(job)

    assert _call(tmp_path, edits) == 2
    assert not list((tmp_path / "results").rglob("s0.txt"))


HOLDER = """
import sys, time
from pathlib import Path
from pipeline.log import Log
from pipeline.stages._lock import lock
with lock(Path(sys.argv[1]), Log("holder"), 0.0):
    print("held", flush=True)
    time.sleep(60)
"""


def test_lock_waits_for_the_living_and_takes_over_from_the_dead(tmp_path):
    path = tmp_path / "a.lock"
    log = _door.Log("test", tmp_path / "log.txt")
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(PipelineError, match=f'still runs(.|\n)*"pid": {holder.pid}'), lock(path, log, 0.5):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with lock(path, log, 0.5):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    log.close()
    assert "took over the lock" in (tmp_path / "log.txt").read_text() and path.read_text() == ""


STAGE = """
import sys, time
from pathlib import Path
from pipeline.data.atomic import atomic
from pipeline.stages._door import door
def run(job):
    with atomic(job.out["out"]) as path:
        path.write_text("half")
        print("writing", flush=True)
        time.sleep(60)
sys.exit(door("list_shards", run, sys.argv[1:], outputs=("out",)))
"""


def test_sigterm_leaves_no_temporary_file(tmp_path):
    arguments = ["--out", str(tmp_path / "a.txt"), "--work", str(tmp_path / "work"), "--log", str(tmp_path / "log.txt")]
    stage = subprocess.Popen([sys.executable, "-c", STAGE, *arguments], stdout=subprocess.PIPE, text=True)
    assert stage.stdout.readline() == "writing\n"
    begin = time.monotonic()
    stage.terminate()
    assert stage.wait(timeout=20) == 130 and time.monotonic() - begin < 20
    stage.stdout.close()
    assert sorted(path.name for path in Path(tmp_path).iterdir()) == ["log.txt", "work"]


@pytest.mark.parametrize("mine", [True, False])
def test_a_batch_stops_between_two_shards_when_this_rank_or_another_has_to(tmp_path, mine):
    made = []

    class Two(_door.launch.World):
        """Rank 0 of two, whose other one is asked to end when this one is not."""

        def any(self, flag):
            assert flag == mine
            return True

        def wait(self):
            pass

    def run(job):
        job.world = Two(0, 2, 0, "PMI")

        def make(shard, targets):
            targets["out"].write_text("x")
            made.append(shard)
            if mine:
                job.allocation.ask(signal.SIGUSR1, None)
            return 1

        entries = [(name, [job.paths["source"]]) for name in ("s0", "s1", "s2", "s3")]
        job.dataset(outputs={"out": (job.out["out"], ".txt")}, entries=entries, make=make)

    assert _call(tmp_path, run) == 130
    assert made == (["s0"] if mine else ["s0", "s2"])  # of every second one
    assert not (tmp_path / "results" / "r" / "set" / "b1.json").exists()
    assert "what is done is kept" in (tmp_path / "log.txt").read_text()
