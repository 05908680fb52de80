"""The stage `ingest`: manifests, shards and catalogue of simulated and real surveys; exit codes; resumption."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.datasets import read_tables
from pipeline.data.flags import names as flag_names
from pipeline.data.manifests import Entry, Manifest, read_manifest, shard_paths, write_manifest
from pipeline.data.shards import ImageShard
from pipeline.graph import Row, rows_json
from pipeline.settings.survey import Legacy
from pipeline.stages import ingest
from pipeline.surveys.columns import CATALOGUE
from pipeline.surveys.index import shard_rows

_SPEC = importlib.util.spec_from_file_location("dr9_files", Path(__file__).parents[1] / "surveys" / "conftest.py")
dr9_files = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(dr9_files)


@pytest.fixture
def run(tmp_path):
    """Return a folder with a survey of two sweeps in results/<run>/survey/tranche-1."""
    root = tmp_path / "results" / "one" / "survey" / "tranche-1"
    survey = dr9_files.Survey(root)
    survey.brick("0005m020", 71, 0.5, -2.0, 200)
    survey.brick("0105m020", 72, 10.5, -2.0, 200)
    for first, brick in ((0, "0005m020"), (10, "0105m020")):
        places = [(100.3 + 5 * index, 90.4) for index in range(6)]
        sky = [survey.sky(brick, *place) for place in places]
        rows = [{"brick": brick, "objid": 9 - i, "ra": float(a), "dec": float(d)} for i, (a, d) in enumerate(sky)]
        rows[2]["flux_z"] = 1.0
        survey.sweep(rows, f"sweep-{first:03d}m005-{first + 10:03d}p000")
    return tmp_path, survey


def call(folder, survey, rows, batch="t1-b0000", kind=None, work="work", **changes):
    """Run the stage; return its exit status and the manifests of images and catalogue."""
    images = folder / "results" / "one" / "images"
    out = {name: images / name / f"{batch}.json" for name in ("shards", "catalogue")}
    settings = {"survey": kind or {"kind": "simulated"}, "ingest": dr9_files.make_settings(**changes).plain()}
    argv = ["--images", out["shards"], "--catalogue", out["catalogue"], "--rows", rows_json(rows)]
    argv += ["--root", survey.root, "--settings", json.dumps(settings), "--work", folder / work]
    argv += ["--log", folder / "log.txt"]
    if kind is None:
        entries = []
        for row in rows:
            raw = [path for path in sorted(survey.root.rglob("*.f*")) if path.is_file()]
            files = {str(path.relative_to(survey.root.parent)): "0" * 64 for path in raw}
            entries.append(Entry(row.shard, 6, files))
        write_manifest(Manifest("survey", batch, entries), survey.root.parent / f"{batch}.json")
        argv += ["--survey", survey.root.parent / f"{batch}.json"]
    return ingest.main([str(word) for word in argv]), out["shards"], out["catalogue"]


def legacy(root):
    """Return settings of a real survey with one brick a shard."""
    return {"kind": "legacy", "root": str(root), "data_release": "dr9", "regions": ["south"], "bricks_per_shard": 1}


ROWS = [
    Row("t1-south-000m005", "images", "t1-b0000", 1, "0,-5", "south"),
    Row("t1-south-010m005", "images", "t1-b0000", 1, "10,-5", "south"),
]


def test_simulated_survey(run):
    folder, survey = run
    status, images, catalogue = call(folder, survey, ROWS)
    assert status == 0
    table = read_tables([catalogue])
    assert list(table.columns) == list(CATALOGUE) and len(table) == 10
    assert (np.diff(table["object_id"]) > 0).all() and set(table["tranche"]) == {1}
    assert all("SIMULATED" in flag_names(flag) for flag in table["flags"])
    assert table["known_class"].eq("").all() and table["z_phot_median"].eq(0.5).all()
    for (shard, path), row in zip(shard_paths(images), ROWS, strict=True):
        assert shard == row.shard
        with ImageShard(path) as opened:
            assert opened.attrs["simulated"] and opened.attrs["pixel_scale"] == 0.262
            part = table[np.isin(table["object_id"], opened.object_id)]
            assert len(opened) == 5 and opened.shape == (5, 3, 32, 32)
            for name in CATALOGUE:
                np.testing.assert_array_equal(opened.column(name), part[name].to_numpy())
    assert "selected" in (folder / "log.txt").read_text()


@pytest.mark.parametrize("compression", ["none", "quantized"])
def test_bytes_do_not_depend_on_the_batch(run, compression):
    folder, survey = run
    call(folder, survey, ROWS, compression=compression)
    together = {path.name: path.read_bytes() for path in (folder / "results").glob("one/images/*/t1-south*")}
    for path in (folder / "results").glob("one/images/*/*"):
        path.unlink()
    for index, row in enumerate(ROWS):
        where = {"batch": f"t1-b000{index}", "work": f"work{index}"}
        assert call(folder, survey, [row], **where, compression=compression)[0] == 0
    alone = {path.name: path.read_bytes() for path in (folder / "results").glob("one/images/*/t1-south*")}
    assert len(together) == 4 and together == alone


def test_finished_shards_are_not_made_again(run, monkeypatch):
    folder, survey = run
    _, images, catalogue = call(folder, survey, ROWS)
    before = images.read_bytes()
    images.unlink()
    monkeypatch.setattr(ingest, "open_source", lambda *args: pytest.fail("a finished shard was read again"))
    assert call(folder, survey, ROWS)[0] == 0
    assert images.read_bytes() == before


def test_bad_object_under_both_policies(run, capsys):
    folder, survey = run
    path = survey.path("0005m020", "r")
    path.write_bytes(path.read_bytes()[:8000])
    assert call(folder, survey, ROWS, on_bad_object="error", work="work2")[0] == 2
    message = capsys.readouterr().err
    assert path.name in message and "on_bad_object" in message
    status, images, catalogue = call(folder, survey, ROWS)
    assert status == 0 and len(read_tables([catalogue])) == 10
    flagged = [flag for flag in read_tables([catalogue])["flags"] if "UNREADABLE" in flag_names(flag)]
    assert len(flagged) == 5
    log = (folder / "log.txt").read_text()
    assert "flag=UNREADABLE objects=5" in log and path.name in log


def test_half_written_sweep_ends_with_its_name(run, capsys):
    folder, survey = run
    path = survey.root / "south/sweep/9.0/sweep-010m005-020p000.fits"
    path.write_bytes(path.read_bytes()[:6000])
    status, images, catalogue = call(folder, survey, ROWS)
    assert status == 2 and path.name in capsys.readouterr().err
    assert not images.exists() and not catalogue.exists()
    assert not list((folder / "results").rglob(".tmp-*"))


def test_real_survey_from_its_index(run):
    folder, survey = run
    kind = legacy(survey.root)
    settings = dr9_files.make_settings(cutout_pixels=31, compression="lossless")
    rows, notes = shard_rows(Legacy.parse(kind), settings, [])
    assert [row.sources for row in rows] == [
        "sweep=south/sweep/9.0/sweep-000m005-010p000.fits;bricks=0005m020",
        "sweep=south/sweep/9.0/sweep-010m005-020p000.fits;bricks=0105m020",
    ]
    status, images, catalogue = call(
        folder, survey, rows, kind=kind, cutout_pixels=31, compression="lossless", work="work3"
    )
    assert status == 0
    assert [entry.rows for entry in read_manifest(catalogue).shards] == [5, 5]
    table = read_tables([catalogue])
    assert not any("SIMULATED" in flag_names(flag) for flag in table["flags"])
    with ImageShard(shard_paths(images)[0][1]) as shard:
        assert shard.read(slice(0, 2)).shape == (2, 3, 31, 31)


def test_a_mended_file_is_read_again(run):
    """Raw files of a real survey are no inputs of the rule, but a shard's record holds their sums."""
    folder, survey = run
    kind = legacy(survey.root)
    rows, _ = shard_rows(Legacy.parse(kind), dr9_files.make_settings(), [])
    path = survey.path("0005m020", "r")
    whole = path.read_bytes()
    path.write_bytes(whole[:8000])
    call(folder, survey, rows, kind=kind)
    path.write_bytes(whole)
    _, _, catalogue = call(folder, survey, rows, kind=kind)
    assert not any("UNREADABLE" in flag_names(flag) for flag in read_tables([catalogue])["flags"])


def test_malformed_sources(run, capsys):
    folder, survey = run
    row = Row("t1-south-000m005", "images", "t1-b0000", 1, "0;-5", "south")
    assert call(folder, survey, [row])[0] == 2
    assert "malformed `sources`" in capsys.readouterr().err
