"""The two stages that simulate spectra: their files, their agreement, equal bytes, resumption."""

import hashlib
import json

import fitsio
import numpy as np
import pytest
from simulated_spectra import changed, parsed, rows

from pipeline.data.manifests import read_manifest
from pipeline.data.tables import parquet_metadata, read_parquet
from pipeline.stages import simulate_spectra, simulate_spectra_catalogue
from pipeline.surveys.desi import read_coadd
from pipeline.surveys.sdss import read_spec

VALUES = changed(spectra_per_shard=25, catalogue__pipeline_failures=0.3)
ROWS = rows(parsed(spectra_per_shard=25))
SETTINGS = json.dumps({"survey": VALUES, "seed": 7})


def simulate(folder, batches):
    results, common = folder / "results" / "small", ["--settings", SETTINGS, "--work", str(folder / "work")]
    for number, batch in enumerate(batches):
        manifest = results / "survey" / f"spectra-t1-b{number:04d}.json"
        assert simulate_spectra.main(["--out", str(manifest), "--rows", json.dumps(batch), *common]) == 0
    return results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spectra")
    made = simulate(folder, [ROWS])
    outputs = ["--truth", str(made / "truth" / "spectra-1.parquet")]
    outputs += ["--catalogue", str(made / "survey" / "tranche-1" / "spectra" / "qso_catalogue.fits")]
    common = ["--tranche", "1", "--rows", json.dumps(ROWS), "--settings", SETTINGS, "--work", str(folder / "work")]
    assert simulate_spectra_catalogue.main([*outputs, *common]) == 0
    return made


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.fits"))
        if path.name != "qso_catalogue.fits"
    }


def test_manifest_names_each_file(results):
    manifest = read_manifest(results / "survey" / "spectra-t1-b0000.json")
    assert [entry.shard for entry in manifest.shards] == [one["shard"] for one in ROWS]
    assert [len(entry.files) for entry in manifest.shards] == [25, 25, 2]
    named = {name: digest for entry in manifest.shards for name, digest in entry.files.items()}
    assert named == digests(results / "survey")
    for name in named:
        assert fitsio.read_header(results / "survey" / name, 0)["SIMUL"], name


def test_catalogue_and_truth_agree_with_the_files(results):
    truth = read_parquet(results / "truth" / "spectra-1.parquet")
    assert len(truth) == 75
    assert parquet_metadata(results / "truth" / "spectra-1.parquet")["SIMUL"] == "true"
    root = results / "survey" / "tranche-1" / "spectra"
    catalogue = fitsio.read(root / "qso_catalogue.fits", ext=1)
    assert fitsio.read_header(root / "qso_catalogue.fits", 1)["SIMUL"]
    known = truth.set_index(["plate", "mjd", "fiber", "targetid"])
    assert known.index.is_unique
    own = known.loc[[tuple(int(v) for v in line) for line in catalogue[["PLATE", "MJD", "FIBERID", "TARGETID"]]]]
    assert np.array_equal(own.ra, catalogue["RA"])
    assert catalogue["SN_MEDIAN_ALL"] == pytest.approx(own.sn)
    assert (own.kind != "sky").all()
    inspected = catalogue["CLASS_PERSON"] > 0
    assert 0.3 < inspected.mean() < 0.7
    good = inspected & (catalogue["Z_CONF"] >= 2) & (own.kind == "quasar").to_numpy()
    assert np.isin(catalogue["CLASS_PERSON"][good], (3, 30)).all()
    assert np.abs(catalogue["Z_VI"][good] - own.z[good]).max() < 0.01
    for line in truth[truth.survey == "boss"].itertuples():
        path = root / f"spectra/lite/{line.plate:04d}/spec-{line.plate:04d}-{line.mjd}-{line.fiber:04d}.fits"
        about = fitsio.read(path, ext=2)[0]
        assert about["PLUG_RA"] == line.ra
        assert about["SN_MEDIAN_ALL"] == np.float32(line.sn)
        assert (about["OBJTYPE"].strip() in (b"SKY", "SKY")) == (line.kind == "sky")
    coadd = next(root.glob("healpix/main/dark/*/*/coadd-*.fits"))
    assert set(fitsio.read(coadd, ext="FIBERMAP")["TARGETID"]) == set(truth[truth.survey == "desi"].targetid)
    # The ids are those that the readers of such files make.
    assert truth.spectrum_id.is_unique
    ids = truth.set_index("spectrum_id")
    seen = [read_spec(path) for path in sorted(root.glob("spectra/lite/*/spec-*.fits"))] + read_coadd(coadd)
    assert {one.spectrum_id for one in seen} == set(ids.index)
    for one in seen:
        line = ids.loc[one.spectrum_id]
        assert (one.object_id, one.ra, one.survey) == (line.object_id, line.ra, line.survey)
        ratio = one.flux * np.sqrt(one.ivar)
        assert np.median(ratio[~one.mask]) == pytest.approx(line.sn, rel=0.2, abs=0.15)  # readers mask more
    quasars = truth[truth.kind == "quasar"]
    assert quasars[["host_share", "fwhm", "luminosity", "slope"]].notna().all().all()


def test_files_do_not_depend_on_batches_and_broken_ones_are_made_again(tmp_path, results):
    first = digests(results / "survey")
    again = simulate(tmp_path, [ROWS[2:], ROWS[1:2], ROWS[:1]])
    assert digests(again / "survey") == first
    broken = next((again / "survey").rglob("coadd-*.fits"))
    times = {path: path.stat().st_mtime_ns for path in (again / "survey").rglob("spec-*.fits")}
    broken.write_bytes(b"broken")
    (again / "survey" / "spectra-t1-b0000.json").unlink()
    simulate(tmp_path, [ROWS[2:], ROWS[1:2], ROWS[:1]])
    assert digests(again / "survey") == first
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_wrong_settings_end_with_status_2(tmp_path):
    manifest = tmp_path / "survey" / "t1-b0000.json"
    arguments = ["--out", str(manifest), "--rows", "[]", "--settings", '{"survey": {"kind": "simulated"}, "seed": 1}']
    assert simulate_spectra.main([*arguments, "--work", str(tmp_path / "work")]) == 2
    assert not manifest.exists()
