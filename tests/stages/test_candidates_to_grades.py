"""From scores to grades: the stages one after the other on a made-up run, and the command that searches it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table
from PIL import Image

from pipeline.data.flags import bit
from pipeline.data.manifests import Entry, Manifest, sha256, write_manifest
from pipeline.data.shards import write_image_shard, write_result_shard
from pipeline.data.tables import read_ecsv, write_ecsv, write_parquet
from pipeline.errors import PipelineError
from pipeline.grading import mosaic
from pipeline.stages import grading_batch, import_grades, rank, simulated_grades

N = 60
IDS = np.arange(N) * 7 + (1 << 60)
RANK = {
    "models": ["probe"],
    "magnitude_band": "z",
    "strata": [
        {"name": "south", "regions": ["south"], "bright": None, "faint": None, "per_model": 12, "inspect": 8},
        {"name": "north", "regions": ["north"], "bright": None, "faint": None, "per_model": 6, "inspect": 4},
    ],
    "combine": "max",
    "system_arcsec": 25.0,
    "leave_out": ["training"],
}
SEARCHES = [{"name": "arc", "query": {"from_known": 1}, "encoder": "moco", "neighbours": 4}]
LABELS = {
    "radius_arcsec": 25.15,
    "lists": [
        {
            "path": "known.csv",
            "name": "known",
            "columns": {"ra": "RA", "dec": "DEC", "name": "Name", "grade": None},
            "grades": None,
        }
    ],
    "visibility": None,
    "ungraded": "unclear",
}
SIMULATED = {
    "kind": "simulated",
    "sees_within_arcsec": 5.0,
    "visible_lens": [0.0, 0.0, 0.0, 1.0],
    "faint_lens": [0.0, 1.0, 0.0, 0.0],
    "other": [1.0, 0.0, 0.0, 0.0],
}
GRADING = {
    "rule": {"kind": "huang"},
    "criteria": ["arcs"],
    "mosaic": {"columns": 3, "pixels": 16, "gains": [1.0, 4.0], "jpeg_quality": 90},
    "rounds": [{"graders": [{**SIMULATED, "name": "one"}, {**SIMULATED, "name": "two"}]}],
}
LENSES = {3: True, 4: True, 5: False, 45: True}  # row: visible


def manifest_of(path, shard, rows, file):
    write_manifest(Manifest(path.parent.name, path.stem, [Entry(shard, rows, {file.name: sha256(file)})]), path)
    return path


@pytest.fixture
def run(tmp_path):
    """Inputs of the stages: 60 objects in two shards, four lenses, one of them known and one trained on."""
    generator = np.random.default_rng(4)
    images = tmp_path / "results/r/images"
    flux = 10 ** (0.4 * (22.5 - generator.uniform(17, 20, N)))
    catalogue = pd.DataFrame(
        {
            "object_id": IDS,
            "ra": (359.8 + np.arange(N) * 0.01) % 360,
            "dec": np.where(np.arange(N) < 40, -1.0, 40.0),
            "region": ["south"] * 40 + ["north"] * 20,
            "type": ["DEV"] * N,
            "flags": np.full(N, bit("SIMULATED"), dtype=np.int32),
            "flux_r": flux,
            "flux_z": flux * 2,
        }
    )
    score = generator.normal(-4, 1, N).astype(np.float32)
    score[list(LENSES)] = 3.0
    made = {"catalogue": [], "shards": [], "scores": []}
    steps = np.abs(np.arange(N)[:, None] - np.arange(N)[None, :]) + 99 * np.eye(N)
    neighbour = np.argsort(steps, axis=1, kind="stable")[:, :6]
    cosine = np.linspace(0.9, 0.4, 6, dtype=np.float32)[None, :].repeat(N, axis=0)
    for number, rows in enumerate((slice(0, 40), slice(40, N))):
        folders = {
            "catalogue": images / f"catalogue/s{number}.parquet",
            "shards": images / f"shards/s{number}.h5",
            "scores": images / f"round-1/scores/probe/s{number}.h5",
        }
        for path in folders.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        write_parquet(catalogue.iloc[rows], folders["catalogue"])
        pixels = generator.normal(0, 0.01, (len(IDS[rows]), 3, 20, 20)).astype(np.float32)
        attrs = {"bands": ["g", "r", "z"], "pixel_scale": 0.262, "psf": "FWHM"}
        write_image_shard(folders["shards"], pixels, {"object_id": IDS[rows]}, attrs, "none")
        write_result_shard(folders["scores"], object_id=IDS[rows], score=score[rows])
        for name, path in folders.items():
            made[name].append(manifest_of(path.parent / f"t1-b000{number}.json", f"s{number}", len(IDS[rows]), path))
    lists = images / "neighbours/moco/s0.h5"
    lists.parent.mkdir(parents=True)
    write_result_shard(lists, object_id=IDS, neighbour_id=IDS[neighbour], similarity=cosine)
    made["neighbours"] = manifest_of(lists.parent / "manifest.json", "s0", N, lists)
    curve = images / "round-1/models/probe/calibration.json"
    curve.parent.mkdir(parents=True)
    curve.write_text(
        json.dumps({"curve": {"slope": 1.0, "intercept": 0.0}, "sample_share": 0.1, "survey_share": 0.1})
    )
    known = tmp_path / "known.csv"
    known.write_text(f"Name,RA,DEC\nJ0001,{catalogue.ra[4]},-1.001\nnowhere,10.0,-60.0\n")
    labels = images / "labels.ecsv"
    write_ecsv(
        Table({"object_id": IDS[[3, 4]], "label": ["lens", "unclear"], "known_name": ["Horseshoe", "J0001"]}), labels
    )
    sample = images / "round-1/sample.parquet"
    write_parquet(
        pd.DataFrame({"object_id": IDS[[3, 20, 4]], "label": [1, 0, 1], "set": ["train", "train", "judge"]}), sample
    )
    truth = tmp_path / "1.parquet"
    write_parquet(
        catalogue[["object_id", "ra", "dec"]].assign(
            is_lens=np.isin(np.arange(N), list(LENSES)), visible=[LENSES.get(row, False) for row in range(N)]
        ),
        truth,
    )
    return {
        **made,
        "root": tmp_path,
        "images": images,
        "calibrations": [curve],
        "labels": labels,
        "sample": sample,
        "lists": [known],
        "truth": [truth],
    }


def call(stage, made, settings, **arguments):
    words = []
    for name, value in arguments.items():
        values = value if isinstance(value, list) else [value]
        words += [f"--{name}", *(str(one) for one in values)]
    work = ["--work", str(made["root"] / "work"), "--log", str(made["root"] / "log")]
    return stage.main([*words, "--settings", json.dumps(settings), *work])


def ranked(run, **changes):
    out = run["images"] / "round-1/candidates.ecsv"
    settings = {"rank": {**RANK, **changes}, "searches": SEARCHES, "labels": LABELS}
    inputs = {name: run[name] for name in ("scores", "calibrations", "neighbours", "catalogue", "labels", "sample")}
    status = call(rank, run, settings, **inputs, lists=run["lists"], out=out, models='{"names":["probe","base"]}')
    return status, out


def batched(run):
    folder = run["images"] / "round-1/batch"
    names = {"html": "batch.html", "csv": "batch.csv", "manifest": "manifest.json"}
    out = {name: folder / file for name, file in names.items()}
    candidates = run["images"] / "round-1/candidates.ecsv"
    settings = {"grading": GRADING, "seed": 5}
    images = {"candidates": candidates, "images": run["shards"]}
    status = call(grading_batch, run, settings, **images, **out, run="r", round=1)
    return status, out


def test_rank(run):
    status, out = ranked(run)
    assert status == 0
    table = read_ecsv(out)
    # 12 of the south and 6 of the north by the model; the search adds neighbours of the training lens, row 3.
    rows = ((np.asarray(table["object_id"]) - (1 << 60)) // 7).tolist()
    assert set(rows[:4]) == set(LENSES) and table["rank"].tolist() == list(range(1, len(rows) + 1))
    by_row = {row: table[place] for place, row in enumerate(rows)}
    assert {row for row in rows if "search:arc" in by_row[row]["provenance"]} == {1, 2, 4, 5}
    assert by_row[4]["queries"] == str(IDS[3]) and by_row[4]["known_name"] == "J0001"
    assert [row for row in rows if by_row[row]["known"]] == [4]
    assert by_row[4]["known_separation"] == pytest.approx(3.6, abs=0.01)
    assert [row for row in rows if by_row[row]["training"]] == [3]
    assert by_row[3]["label"] == "lens" and not by_row[3]["in_batch"]
    assert by_row[45]["probability_probe"] == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-9)
    in_batch = [row for row in rows if by_row[row]["in_batch"]]
    assert {1, 2, 4, 5, 45} <= set(in_batch) and sum(row >= 40 for row in in_batch) == 4
    assert table.meta["searches"]["arc"]["query"] == str(IDS[3]) and table.meta["searches"]["arc"]["found"] == 4
    before = out.read_bytes()
    assert ranked(run)[0] == 0 and out.read_bytes() == before


def test_rank_refuses_unknown_models_and_encoders(run):
    assert ranked(run, models=["prob"])[0] == 2
    assert ranked(run, models=["base"])[0] == 2
    text = (run["root"] / "log").read_text()
    assert "names what is no model" in text and "lacks scores or calibration" in text
    run["neighbours"] = []
    assert ranked(run)[0] == 2
    assert "an encoder without neighbours" in (run["root"] / "log").read_text()


def test_batch_grades_and_their_provenance(run):
    _, candidates = ranked(run)
    status, out = batched(run)
    assert status == 0
    table = read_ecsv(candidates)
    content = json.loads(out["manifest"].read_text())
    assert content["simulated"] and content["round"] == 1 and len(content["objects"]) == table["in_batch"].sum()
    assert out["html"].read_text().count("<figure") == len(content["objects"])
    sheets = []
    for name in ("one", "two"):
        sheets.append(run["images"] / f"round-1/simulated/{name}.csv")
        settings = {"grader": {**SIMULATED, "name": name}, "rule": {"kind": "huang"}, "seed": 5}
        inputs = {"manifest": out["manifest"], "truth": run["truth"]}
        assert call(simulated_grades, run, settings, **inputs, out=sheets[-1], name=name) == 0
    target = run["images"] / "round-1/grades.ecsv"
    assert call(import_grades, run, {"grading": GRADING}, manifest=out["manifest"], sheets=sheets, out=target) == 0
    grades = read_ecsv(target)
    found = dict(zip(grades["object_id"].tolist(), np.ma.filled(grades["grade"], "").tolist(), strict=True))
    assert {row: found[IDS[row]] for row in (1, 2, 4, 5, 45)} == {1: "", 2: "", 4: "A", 5: "C", 45: "A"}
    assert set(grades["simulated"]) == {True} and grades.meta["SIMULATED"] == "one, two"
    assert grades.meta["agreement"][0]["kappa"] == 1.0 and grades.meta["batch"] == content["digest"]
    assert grades.meta["graders"]["one"]["scores"]["4"] == 2 and grades.meta["grades"]["A"] == 2


def test_a_faulty_sheet_stops_the_import_with_status_2(run):
    ranked(run)
    _, out = batched(run)
    sheets = [run["root"] / "one.csv", run["root"] / "two.csv"]
    sheets[0].write_bytes(out["csv"].read_bytes())
    sheets[1].write_bytes(b"\xff\xfe\x00")
    target = run["root"] / "grades.ecsv"
    inputs = {"manifest": out["manifest"], "sheets": sheets}
    assert call(import_grades, run, {"grading": GRADING}, **inputs, out=target) == 2
    assert "not UTF-8" in (run["root"] / "log").read_text()
    assert call(import_grades, run, {"grading": GRADING}, manifest=out["csv"], sheets=sheets, out=target) == 2
    assert not target.exists()


def search(run, **options):
    values = {"name": None, "ra": None, "dec": None, "encoder": None, "k": 4, "png": None, **options}
    return mosaic.search_command(run["root"] / "results/r", **values)


def test_the_search_command(run, tmp_path, monkeypatch):
    marks = []
    drawn = mosaic.draw
    monkeypatch.setattr(mosaic, "draw", lambda *values: marks.append(values[2]) or drawn(*values))
    lines = search(run, name=str(IDS[10]), png=tmp_path / "out.png")
    assert str(IDS[10]) in lines[0] and len(lines) == 6 and str(IDS[9]) in lines[1] and "0.9000" in lines[1]
    with Image.open(tmp_path / "out.png") as image:
        assert image.width > 500 and "Software" not in image.info
    assert marks == ["SIMULATED"]
    before = Path(tmp_path / "out.png").read_bytes()
    search(run, name=str(IDS[10]), png=tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes() == before


def test_the_search_command_takes_names_and_positions(run):
    by_position = search(run, ra=359.8, dec=-1.0)
    assert str(IDS[0]) in by_position[0]
    assert search(run, name="DESI-359.8000-01.0000") == by_position
    assert str(IDS[3]) in search(run, name="horseshoe")[0]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "which object"),
        ({"ra": 1.0}, "which object"),
        ({"name": "x", "ra": 1.0, "dec": 2.0}, "which object"),
        ({"name": "Cosmic Eye"}, "no object of this name"),
        ({"name": "12"}, "no object with this id"),
        ({"ra": 10.0, "dec": 10.0}, "no catalogued object"),
        ({"name": str(IDS[0]), "k": 7}, "1 to 6"),
        ({"name": str(IDS[0]), "encoder": "simclr"}, "no neighbours of that encoder"),
    ],
)
def test_the_search_command_explains_what_is_wrong(run, options, text):
    with pytest.raises(PipelineError, match=text):
        search(run, **options)
