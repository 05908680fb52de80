"""The commands for spectra of no run, with the estimators of the tiny run."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.table import Table
from PIL import Image
from spectrum_files import write_spplate

from pipeline.data.redshift_bits import bit
from pipeline.data.shards import read_result_shard

SKYSIEVE = str(Path(sys.executable).with_name("skysieve"))


def _call(project, *arguments):
    return subprocess.run(
        [SKYSIEVE, *map(str, arguments)],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def raw(tiny):
    """Files of the tiny run's own survey: plates' spectra, and the coadd of the first pixel."""
    folder = tiny.results / "survey" / "tranche-1" / "spectra"
    return sorted(folder.rglob("spec-*.fits")), sorted(folder.rglob("coadd-*.fits"))


def test_redshifts_of_files_are_those_of_the_run(tiny, raw, tmp_path):
    specs, coadds = raw
    files = [*specs[:3], *specs[-2:], coadds[0]]
    done = _call(tiny, "redshift", *files, "--run", "tiny", "--device", "cpu", "--ecsv", tmp_path / "out.ecsv")
    assert done.returncode == 0, done.stderr
    table = Table.read(tmp_path / "out.ecsv", format="ascii.ecsv")
    lines = done.stdout.splitlines()
    assert len(table) == len(lines) - 2 > 100 and {"z", "z_err", "p_wrong", "zwarn", "z_pca"} <= set(table.colnames)
    shards = sorted((tiny.results / "spectra" / "redshifts" / "combined").glob("*.h5"))
    parts = [read_result_shard(path) for path in shards]
    names = ("spectrum_id", "z", "z_quasarnet", "zwarn")
    of_run = {key: np.concatenate([part[key] for part in parts]) for key in names}
    place = {one: row for row, one in enumerate(of_run["spectrum_id"].tolist())}
    rows = [place[one] for one in table["spectrum_id"].tolist()]
    np.testing.assert_allclose(table["z"], of_run["z"][rows], atol=1e-6)
    np.testing.assert_allclose(table["z_quasarnet"], of_run["z_quasarnet"][rows], atol=1e-6)
    assert (np.asarray(table["flagged"]) == (of_run["zwarn"][rows] & bit("LOW_CONFIDENCE") != 0)).all()
    assert lines[-1] == f"{tmp_path / 'out.png'}: the first 48 of {len(table)} spectra"
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.width > 800 and np.asarray(picture.convert("L")).std() > 5


def test_plates_and_one_estimator(tiny, tmp_path):
    plate, picture = tmp_path / "spPlate-3655-55240.fits", tiny.folder / "redshifts.png"
    write_spplate(plate)
    for _ in range(2):  # what it wrote itself it may overwrite
        done = _call(tiny, "redshift", plate, "--run", "tiny", "--model", "pca")
        assert done.returncode == 0, done.stderr
    head, *rows, last = done.stdout.splitlines()
    assert len(rows) == 3 and "pca" in head and "fnet" not in head
    assert last == "redshifts.png: the first 3 of 3 spectra"
    with Image.open(picture) as drawn:
        assert drawn.height > 900 and np.asarray(drawn.convert("L")).std() > 5
    picture.write_bytes(b"mine")
    done = _call(tiny, "redshift", plate, "--run", "tiny", "--model", "pca")
    assert done.returncode == 2 and "--png" in done.stderr and picture.read_bytes() == b"mine"
    picture.unlink()


def test_what_cannot_be_read_is_named(tiny, raw, tmp_path):
    broken = tmp_path / "spec-3655-55240-0002.fits"
    broken.write_bytes(raw[0][0].read_bytes()[:20000])
    for arguments, words in (
        ([broken], "spec-3655-55240-0002.fits"),
        ([raw[0][0], "--model", "cnn"], "no such estimator"),
        ([raw[0][0], "--run", "no"], "no results of that run"),
    ):
        done = _call(tiny, "redshift", "--run", "tiny", *arguments)
        assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr, done.stderr


@pytest.fixture(scope="module")
def folder(tiny, raw, tmp_path_factory):
    """A folder of spectra with an index, whose trusted redshifts are the simulated truth."""
    made = tmp_path_factory.mktemp("real") / "spectra"
    made.mkdir()
    truth = pd.read_parquet(tiny.results / "truth" / "spectra-1.parquet").set_index(["plate", "fiber"])
    columns = (
        "file,object,survey,plate,mjd,fiber,ra,dec,pipe_class,pipe_subclass,pipe_z,pipe_zerr,pipe_zwarning,sn_median_all,"
        "npix,best_z,best_z_source"
    ).split(",")
    names = {"quasar": "QSO", "galaxy": "GALAXY", "star": "STAR", "sky": "SKY-FIBRE"}
    with (made / "spectra_index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        for number, path in enumerate(raw[0][:90]):
            shutil.copy(path, made / path.name)
            head = fits.getdata(path, 2)[0]
            one = truth.loc[(head["PLATE"], head["FIBERID"])]
            known = {"best_z": one.z, "best_z_source": "visual inspection (class_person=3, z_conf=3)"}
            writer.writerow(
                {
                    "file": f"spectra/{path.name}", "object": f"obj{number:04d}", "survey": "SDSS/BOSS/eBOSS",
                    "plate": head["PLATE"], "mjd": head["MJD"], "fiber": head["FIBERID"], "ra": head["PLUG_RA"],
                    "dec": head["PLUG_DEC"], "pipe_class": names[one.kind], "pipe_z": 0.1, "sn_median_all": 3.0,
                    "npix": 4600, **(known if one.kind == "quasar" else {}),
                }
            )  # fmt: skip
    return made


def test_evaluation_by_halves(tiny, folder):
    arguments = ("evaluate-redshifts", "--run", "results/tiny", "--spectra", folder, "--device", "cpu")
    target = tiny.results / "spectra" / "assessment" / "redshifts_real.json"
    try:
        done = _call(tiny, *arguments, "--half", "a", "--fine-tune")
        assert done.returncode == 0, done.stderr
        assert _call(tiny, *arguments, "--half", "a").returncode == 0
        assert _call(tiny, *arguments, "--half", "b").returncode == 0
        content = json.loads(target.read_text())
    finally:
        target.unlink(missing_ok=True)  # the tiny run is left as it was found
    assert content["a"]["evaluations"] == 2 and content["b"]["evaluations"] == 1
    counts = {half: content[half]["redshifts"]["spectra"] for half in "ab"}
    index = pd.read_csv(folder / "spectra_index.csv")
    for name, kind in (("quasar", "QSO"), ("sky", "SKY-FIBRE")):
        assert sum(counts[half][name]["spectra"] for half in "ab") == (index.pipe_class == kind).sum()
    one = content["a"]["redshifts"]["estimators"]["pca"]["quasars"]
    assert one["spectra"] == counts["a"]["quasar"]["spectra"] and 0.5 < one["within"]["6000"]["share"] <= 1
    assert "half a, as trained" in done.stdout and "half a, fine-tuned in folds" in done.stdout


def test_an_evaluation_refuses_what_it_does_not_know(tiny, folder, tmp_path):
    for arguments, words in (
        (["--spectra", folder, "--half", "c"], "no such half"),
        (["--spectra", tmp_path], "index of the spectra was not found"),
    ):
        done = _call(tiny, "evaluate-redshifts", "--run", "results/tiny", *arguments)
        assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr, done.stderr
