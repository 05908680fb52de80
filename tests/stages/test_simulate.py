"""The two stages that simulate a survey: their files, their agreement, equal bytes, resumption."""

import hashlib
import json

import fitsio
import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.data.manifests import read_manifest
from pipeline.data.tables import parquet_metadata, read_parquet
from pipeline.stages import simulate_catalogues, simulate_survey

OUTPUTS = {
    "truth": "truth/1.parquet", "list-a": "survey/tranche-1/lens_list_a.csv",
    "list-b": "survey/tranche-1/lens_list_b.tsv", "visibility": "survey/tranche-1/known_visibility.csv",
    "specz": "survey/tranche-1/specz.fits", "bricks": "survey/tranche-1/survey-bricks.fits.gz",
}  # fmt: skip
ROWS = [
    {"shard": f"t1-{region}-130p030", "kind": "images", "batch": "t1-b0000", "tranche": 1, "sources": "130,30",
     "region": region}
    for region in ("south", "north")
]  # fmt: skip


@pytest.fixture(scope="module")
def settings(root) -> str:
    values = yaml.safe_load((root / "config" / "tiny.yaml").read_text())["survey"]
    values |= {"bricks_per_tile": 3}
    values["sky"] |= {"brick_pixels": 420, "pair_share": 0.6, "pair_reach_pixels": [20, 120]}
    values["lenses"]["share"] = 0.25
    values["known"] |= {"listed_visible": 0.9, "listed_hidden": 0.9}
    return json.dumps({"survey": values, "seed": 7})


def simulate(folder, settings, rows=ROWS):
    results, work = folder / "results" / "small", folder / "work"
    common = ["--settings", settings, "--work", str(work)]
    outputs = [word for name, path in OUTPUTS.items() for word in (f"--{name}", str(results / path))]
    assert simulate_catalogues.main([*outputs, "--tranche", "1", "--rows", json.dumps(rows), *common]) == 0
    manifest = results / "survey" / "t1-b0000.json"
    assert simulate_survey.main(["--out", str(manifest), "--rows", json.dumps(rows), *common]) == 0
    return results


@pytest.fixture(scope="module")
def results(tmp_path_factory, settings):
    return simulate(tmp_path_factory.mktemp("simulate"), settings)


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_manifest_names_each_raw_file(results):
    manifest = read_manifest(results / "survey" / "t1-b0000.json")
    assert [entry.shard for entry in manifest.shards] == [row["shard"] for row in ROWS]
    found = digests(results / "survey")
    for entry in manifest.shards:
        assert len(entry.files) == 2 + 6 * 3
        assert entry.files.items() <= found.items()
        assert entry.rows > 50


def test_ids_of_truth_are_those_of_the_sweeps(results):
    truth = read_parquet(results / "truth" / "1.parquet").set_index("object_id")
    tree = results / "survey" / "tranche-1"
    total = 0
    for region, release in (("south", 9010), ("north", 9011)):
        sweep = fitsio.read(tree / region / "sweep" / "9.0" / "sweep-130p030-140p035.fits")
        photoz = fitsio.read(tree / region / "sweep" / "9.0-photo-z" / "sweep-130p030-140p035-pz.fits")
        assert np.array_equal(sweep["OBJID"], photoz["OBJID"])
        assert set(sweep["RELEASE"]) == {release}
        ids = sweep["RELEASE"].astype(np.int64) << 42 | sweep["BRICKID"].astype(np.int64) << 22 | sweep["OBJID"]
        own = truth.loc[ids]
        assert np.array_equal(own.ra, sweep["RA"])
        assert set(own.region) == {region}
        total += len(sweep)
    assert total == len(truth)
    assert truth.is_lens.any()
    assert truth.listed.any()
    assert not truth.listed[truth.catalogued_arc].any()
    # Both releases tell the same sky.
    both = truth[truth.is_lens].groupby("system")
    assert (both.theta_e.nunique() == 1).all()
    assert (both.listed.nunique() == 1).all()


def test_every_file_is_marked(results):
    for path in sorted((results / "survey").rglob("*.f*")):
        for extension in (0, 1):
            assert fitsio.read_header(path, extension)["SIMUL"], path
    assert parquet_metadata(results / "truth" / "1.parquet")["SIMUL"] == "true"
    tree = results / "survey" / "tranche-1"
    assert pd.read_csv(tree / "lens_list_a.csv").simulated.all()
    assert pd.read_csv(tree / "lens_list_b.tsv", sep="\t").SIMULATED.all()
    assert pd.read_csv(tree / "known_visibility.csv").simulated.all()


def test_tables_of_bricks_name_the_coadds(results):
    tree = results / "survey" / "tranche-1"
    bricks = fitsio.read(tree / "survey-bricks.fits.gz")
    assert len(bricks) == 3
    for region in ("south", "north"):
        summary = fitsio.read(tree / region / f"survey-bricks-dr9-{region}.fits.gz")
        assert set(summary["brickname"]) == set(bricks["BRICKNAME"])
        for name in bricks["BRICKNAME"]:
            for what in ("image", "invvar"):
                for band in "grz":
                    path = tree / region / "coadd" / name[:3] / name / f"legacysurvey-{name}-{what}-{band}.fits.fz"
                    assert fitsio.read(path).shape == (420, 420)


def test_pixels_hold_the_catalogue(results):
    tree = results / "survey" / "tranche-1"
    ratios = []
    for region in ("south", "north"):
        sweep = fitsio.read(tree / region / "sweep" / "9.0" / "sweep-130p030-140p035.fits")
        crowded = (sweep["FRACFLUX_Z"] > 0.02) | (sweep["SHAPE_R"] > 1.2) | (sweep["MASKBITS"] > 0)
        for row in sweep[~crowded & (sweep["FLUX_Z"] > 8) & (sweep["FLUX_Z"] < 1000)]:
            name = row["BRICKNAME"]
            path = tree / region / "coadd" / name[:3] / name / f"legacysurvey-{name}-image-z.fits.fz"
            image, header = fitsio.read(path, header=True)
            east = (row["RA"] - header["CRVAL1"]) * np.cos(np.radians(row["DEC"]))
            x = header["CRPIX1"] - 1 - east / header["CD2_2"]
            y = header["CRPIX2"] - 1 + (row["DEC"] - header["CRVAL2"]) / header["CD2_2"]
            rows, columns = np.indices(image.shape)
            radius = np.hypot(columns - x, rows - y)
            sky = np.median(image[(radius > 20) & (radius < 30)])
            ratios.append((image[radius < 16] - sky).sum() / row["FLUX_Z"])
    assert len(ratios) >= 6
    assert np.median(ratios) == pytest.approx(0.98, abs=0.05)


def test_same_seed_same_bytes_and_finished_shards_stay(tmp_path, results, settings):
    again = simulate(tmp_path, settings)
    first = digests(results)
    assert digests(again) == first
    image = next((again / "survey").rglob("*image-r.fits.fz"))
    times = {path: path.stat().st_mtime_ns for path in (again / "survey").rglob("*.fz")}
    image.write_bytes(b"broken")
    rows = json.dumps(ROWS)
    manifest = again / "survey" / "t1-b0000.json"
    arguments = ["--out", str(manifest), "--rows", rows, "--settings", settings, "--work", str(tmp_path / "work")]
    manifest.unlink()
    assert simulate_survey.main(arguments) == 0
    assert digests(again) == first
    # The shard with the broken file was made again, the other one was not.
    other = "north" if "/south/" in str(image) else "south"
    kept = [path for path in times if f"/{other}/" in str(path)]
    assert all(path.stat().st_mtime_ns == times[path] for path in kept)


def test_a_shard_does_not_depend_on_its_batch(tmp_path, results, settings):
    manifest = tmp_path / "results" / "small" / "survey" / "t1-b0007.json"
    arguments = ["--out", str(manifest), "--rows", json.dumps(ROWS[1:]), "--settings", settings]
    assert simulate_survey.main([*arguments, "--work", str(tmp_path / "work")]) == 0
    alone = digests(tmp_path / "results" / "small" / "survey" / "tranche-1")
    assert alone.items() <= digests(results / "survey" / "tranche-1").items()


def test_wrong_settings_end_with_status_2(tmp_path, capsys):
    manifest = tmp_path / "survey" / "t1-b0000.json"
    arguments = ["--out", str(manifest), "--rows", "[]", "--settings", '{"survey": {"kind": "simulated"}, "seed": 1}']
    assert simulate_survey.main([*arguments, "--work", str(tmp_path / "work")]) == 2
    assert not manifest.exists()
