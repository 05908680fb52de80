"""The stage `ingest_spectra`: real and simulated surveys, the same bytes, resumption, bad files, exit codes."""

import json

import numpy as np
import pytest
from spectrum_files import write_coadd, write_quasars, write_spec, write_spplate

from pipeline.data.manifests import Entry, Manifest, read_manifest, sha256, shard_paths, write_manifest
from pipeline.data.redshift_bits import names
from pipeline.data.spectrum_columns import SPECTRUM_COLUMNS
from pipeline.data.spectrum_shards import SpectrumShard
from pipeline.data.tables import parquet_metadata, read_parquet
from pipeline.graph import Row, fingerprint, rows_json
from pipeline.settings.spectra.ingest import SpectraIngest
from pipeline.settings.spectra.survey import Sdss, SpectraIndex
from pipeline.spectra.grids import grid, grid_of
from pipeline.stages import ingest_spectra
from pipeline.surveys.spectra_index import spectra_shard_rows

PLAIN = {
    "grid": "fnet", "resample": "conserve", "selection": None, "min_good_pixels": 500, "on_bad_object": "flag",
    "spectra_per_shard": 2, "shards_per_job": 9,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A survey of SDSS with three files on two plates and a table of quasars."""
    for plate, fiber in ((3655, 2), (3655, 1), (3656, 7)):
        write_spec(tmp_path / "raw" / str(plate) / f"spec-{plate}-55240-{fiber:04d}.fits", plate, fiber=fiber)
    quasars = [{"PLATE": 3655, "MJD": 55240, "FIBERID": 2, "CLASS_PERSON": 3, "Z_VI": 2.0}]
    write_quasars(tmp_path / "quasars.fits", quasars)
    return tmp_path


def sdss(folder) -> dict:
    root = str(folder / "raw")
    return {"kind": "sdss", "root": root, "files": "*/spec-*.fits", "quasars": str(folder / "quasars.fits")}


def call(folder, survey, rows, *more, out="results", work="work", **changes):
    """Run the stage; return its exit status and the manifests of shards and catalogue."""
    found = {name: folder / out / name / "t1-s0000.json" for name in ("shards", "catalogue")}
    settings = json.dumps({"survey": survey, "ingest": {**PLAIN, **changes}})
    argv = ["--shards", found["shards"], "--catalogue", found["catalogue"], "--rows", rows_json(rows)]
    argv += ["--settings", settings, "--work", folder / work, "--log", folder / "log.txt", *more]
    if survey.get("quasars"):
        argv += ["--quasars", survey["quasars"]]
    return ingest_spectra.main([str(word) for word in argv]), found["shards"], found["catalogue"]


def listed(survey: dict) -> list[Row]:
    return spectra_shard_rows(Sdss.parse(survey), SpectraIngest.parse(PLAIN), [])[0]


def test_real_survey(folder):
    rows = listed(sdss(folder))
    status, shards, catalogue = call(folder, sdss(folder), rows)
    assert status == 0 and read_manifest(shards).rows == 3
    for (name, path), (_, table) in zip(shard_paths(shards), shard_paths(catalogue), strict=True):
        with SpectrumShard(path) as shard:
            assert grid_of(shard.attrs) == grid("fnet") and shard.attrs["simulated"] is False
            frame = read_parquet(table)
            assert list(frame.columns) == list(SPECTRUM_COLUMNS) and parquet_metadata(table)["grid"] == "fnet"
            for column in SPECTRUM_COLUMNS:
                np.testing.assert_array_equal(shard.column(column), frame[column].to_numpy())
            assert (np.diff(shard.spectrum_id) > 0).all() and shard.shape[1] == 4618
            if name == rows[0].shard:
                assert frame["class_vi"].tolist() == [-1, 3] and frame["fiber"].tolist() == [1, 2]


def test_the_bytes_repeat_and_finished_shards_are_kept(folder):
    rows = listed(sdss(folder))
    _, first, _ = call(folder, sdss(folder), rows)
    _, second, _ = call(folder, sdss(folder), rows, out="again", work="elsewhere")
    assert first.read_bytes() == second.read_bytes()
    dates = {path: path.stat().st_mtime_ns for _, path in shard_paths(first)}
    spec = folder / "raw" / "3656" / "spec-3656-55240-0007.fits"
    write_spec(spec, 3656, fiber=7, results={"Z": ("E", [0.5])})
    status, first, _ = call(folder, sdss(folder), rows)
    changed = [path for path, date in dates.items() if path.stat().st_mtime_ns != date]
    assert status == 0 and [path.stem for path in changed] == [rows[1].shard]
    write_quasars(folder / "quasars.fits", [{"PLATE": 1, "MJD": 2, "FIBERID": 3}])
    dates = {path: path.stat().st_mtime_ns for _, path in shard_paths(first)}
    call(folder, sdss(folder), rows)
    assert all(path.stat().st_mtime_ns != date for path, date in dates.items())


def test_a_half_file_is_named(folder):
    rows, path = listed(sdss(folder)), folder / "raw" / "3655" / "spec-3655-55240-0001.fits"
    path.write_bytes(path.read_bytes()[:20000])
    status, shards, _ = call(folder, sdss(folder), rows)
    assert status == 0
    log = (folder / "log.txt").read_text()
    assert path.name in log and "truncated" in log
    with SpectrumShard(dict(shard_paths(shards))[rows[0].shard]) as shard:
        assert names(shard.column("flags")[0]) == ["LITTLE_COVERAGE", "NODATA", "UNREADABLE"]
        assert not shard.read(slice(0, 1))[0].any() and shard.read(slice(1, 2))[0].any()
    status, _, _ = call(folder, sdss(folder), rows, on_bad_object="error")
    assert status == 2 and "on_bad_object" in (folder / "log.txt").read_text()


def test_simulated_survey(folder):
    """The files are those of the manifest; redshifts of Redrock are read beside the coadds."""
    survey = folder / "survey"
    write_spec(survey / "tranche-1" / "spec-3655-55240-0002.fits")
    write_spplate(survey / "tranche-1" / "spPlate-3656-55240.fits", plate=3656, zbest=False)
    write_coadd(survey / "tranche-1" / "coadd-main-dark-9.fits")
    content = {
        "t1-boss": ["tranche-1/spec-3655-55240-0002.fits", "tranche-1/spPlate-3656-55240.fits"],
        "t1-desi": ["tranche-1/coadd-main-dark-9.fits", "tranche-1/redrock-main-dark-9.fits"],
    }
    entries = [Entry(name, 1, {file: sha256(survey / file) for file in files}) for name, files in content.items()]
    write_manifest(Manifest("survey", "t1-s0000", entries), survey / "t1-s0000.json")
    rows = [Row(name, "spectra", "t1-s0000", 1, "", "") for name in content]
    more = ["--survey", survey / "t1-s0000.json", "--quasars", folder / "quasars.fits"]
    status, shards, catalogue = call(folder, {"kind": "simulated"}, rows, *more)
    assert status == 0
    boss, desi = (read_parquet(path) for _, path in shard_paths(catalogue))
    assert len(boss) == 4 and len(desi) == 3 and boss["simulated"].all() and desi["simulated"].all()
    assert boss["z_vi"].notna().sum() == 1 and desi["class_pipe"].value_counts().to_dict() == {"QSO": 2, "SKY": 1}


def test_the_halves_do_not_make_each_other_stale():
    """Both ingests share what lies in `data`, the doors of stages, and the error of a file that cannot be read."""
    modules = [{item.split("=")[0] for item in fingerprint(stage)} for stage in ("ingest", "ingest_spectra")]
    shared = {name for name in modules[0] & modules[1] if name.split(".")[0] not in ("data", "stages")}
    assert shared == {"surveys.unreadable"}
    assert not any(name.startswith("images.") for name in modules[1])
    assert not any(name.startswith("spectra.") for name in modules[0])


@pytest.mark.realdata
def test_the_index_of_real_spectra(tmp_path, skysieve_data):
    survey = {"kind": "spectra_index", "root": str(skysieve_data), "table": "spectra/spectra_index.csv"}
    settings = SpectraIngest.parse({**PLAIN, "spectra_per_shard": 150})
    rows, notes = spectra_shard_rows(SpectraIndex.parse(survey), settings, [])
    assert len(rows) == 2 and not notes
    status, _, catalogue = call(tmp_path, survey, rows)
    assert status == 0
    tables = [read_parquet(path) for _, path in shard_paths(catalogue)]
    assert sum(len(table) for table in tables) == 290
    assert sum(names_ for table in tables for names_ in table["z_vi"].notna()) == 239
    assert not any("UNREADABLE" in names(value) for table in tables for value in table["flags"])
