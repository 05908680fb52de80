"""The stage of eigenspectra: from shards and a sample, or from files; the same bytes again; faults in plain words."""

import json
import signal

import numpy as np
import pandas as pd
import pytest
import torch
from astropy.io import fits
from fake_quasars import GRID, quasars

from pipeline.data.manifests import Entry, Manifest, sha256, write_manifest
from pipeline.data.spectrum_shards import write_spectrum_shard
from pipeline.data.tables import write_parquet
from pipeline.learn.checkpoints import load_weights
from pipeline.learn.estimators import pca
from pipeline.spectra.log_bins import FINE
from pipeline.stages import fit_templates

CPU = torch.device("cpu")
SCAN = {
    "bin": 5, "bin_scatter": 4.0, "polynomial": 2, "systematic": 0.0, "separation": 1000.0, "small_delta_chi2": 9.0,
    "least_coverage": 0.5, "least_pixels": 100, "class_margin": 0.0, "sky_margin": 50.0,
}  # fmt: skip
LEARNED = {
    "kind": "learned", "quasar": [{"z": [0.5, 2.5], "train_z": [0.4, 2.6], "components": 4}],
    "galaxy": [], "star": [{"z": [-0.002, 0.002], "train_z": [-0.01, 0.01], "components": 2}],
    "iterations": 6, "clip": 5.0, "largest_sn": 10.0, "least_spectra": 3, "smoothing": 4e-4, "use_bal": False,
}  # fmt: skip
SETTINGS = {"kind": "pca", "templates": LEARNED, "scan": SCAN, "batch": 16, "threads": 1}
N, SHARDS = 150, 3


@pytest.fixture(autouse=True)
def _keep_signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Shards and sample of 120 quasars, of which some train and some are BAL, and 30 stars without a redshift."""
    folder = tmp_path_factory.mktemp("made")
    draw = np.random.default_rng(1)
    ids = np.sort(draw.choice(10**9, N, replace=False)).astype(np.int64)
    z = draw.uniform(0.5, 2.5, N)
    star = np.arange(N) % 5 == 4
    flux, ivar, mask = quasars(np.where(star, 4.5, z), 8.0, 2)
    rest = GRID.wavelength / 4000
    bands = 1 - 0.3 * (np.sin(40 * rest) > 0.5)
    flux[star] = bands * (1 + 0.3 * draw.normal(size=(star.sum(), 1)) * (rest - 1))
    flux[star] += draw.normal(size=(star.sum(), GRID.pixels)) / 8
    ivar[star], mask[star] = 64, False
    bal = np.where(np.arange(N) % 10 == 3, 1, 0)
    flux[bal == 1] = 1e3  # they must not be seen
    entries = []
    for number, rows in enumerate(np.array_split(np.arange(N), SHARDS)):
        path = folder / f"s{number}.h5"
        columns = {"spectrum_id": ids[rows], "object_id": ids[rows]}
        columns |= {name: np.zeros(len(rows)) for name in ("ra", "dec")}
        write_spectrum_shard(path, flux[rows], ivar[rows], mask[rows], columns, GRID.attrs, simulated=True)
        entries.append(Entry(f"s{number}", len(rows), {path.name: sha256(path)}))
    write_manifest(Manifest("shards", "b0", entries), folder / "b0.json")
    sample = pd.DataFrame({"spectrum_id": ids, "object_id": ids, "label_class": np.where(star, "star", "quasar")})
    sample["label_z"], sample["bal"] = np.where(star, np.nan, z), bal
    sample["set"] = np.where(np.arange(N) % 4 == 0, "judge", "train")
    write_parquet(sample, folder / "sample.parquet")
    return folder, sample, z, (flux, ivar, mask)


def call(folder, out, settings, *templates):
    argv = ["--settings", json.dumps({"estimator": settings, "seed": 1}), "--work", str(out / "work")]
    argv += ["--log", str(out / "log.txt"), "--shards", str(folder / "b0.json"), "--name", "pca"]
    argv += ["--sample", str(folder / "sample.parquet"), "--templates", *map(str, templates)]
    return fit_templates.main([*argv, "--weights", str(out / "weights.pt"), "--history", str(out / "history.csv")])


def scoring():
    return {"scan": SCAN, "batch": 16, "threads": 1}


def test_learns_and_repeats(run, tmp_path):
    folder, sample, z, spectra = run
    for name in "ab":
        (tmp_path / name).mkdir()
        assert call(folder, tmp_path / name, SETTINGS) == 0, (tmp_path / name / "log.txt").read_text()
    for file in ("weights.pt", "history.csv"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    history = pd.read_csv(tmp_path / "a" / "history.csv")
    train = (sample["set"] == "train") & (sample["bal"] != 1)
    counts = train.groupby(sample["label_class"]).sum()
    assert len(history) == 12 and set(history["iteration"]) == set(range(1, 7))
    for kind, rows in history.groupby("kind"):
        assert set(rows["spectra"]) == {counts[kind]}
        assert rows["explained_variance"].iloc[-1] > 0.9
    estimator = pca.load(tmp_path / "a" / "weights.pt", scoring(), CPU)
    judged = ((sample["set"] == "judge") & (sample["label_class"] == "quasar") & (sample["bal"] != 1)).to_numpy()
    found = estimator(*(part[judged] for part in spectra), GRID)
    velocity = 299792.458 * (found["candidate_z"][:, 0] - z[judged]) / (1 + z[judged])
    assert (np.abs(velocity) < 6000).mean() > 0.9
    stars = (sample["label_class"] == "star").to_numpy()
    found = estimator(*(part[stars] for part in spectra), GRID)
    assert (found["class_chi2"][:, 2] < found["class_chi2"][:, 0]).mean() > 0.9


def test_from_files(run, tmp_path):
    """The eigenspectra of a file are those of the estimator; at the ends they go on, and the first points upwards."""
    folder = run[0]
    (tmp_path / "a").mkdir()
    assert call(folder, tmp_path / "a", SETTINGS) == 0
    state, about = load_weights(tmp_path / "a" / "weights.pt")
    vectors, first = state["0.vectors"].numpy().copy(), about["ranges"][0]["first"]
    vectors[0] *= -1
    vectors[:, :100] = 0
    header = fits.Header({"COEFF0": first * FINE, "COEFF1": FINE, "OBJECT": "QSO"})
    fits.PrimaryHDU(vectors, header=header).writeto(tmp_path / "eigen.fits")
    settings = {**SETTINGS, "templates": {
        "kind": "files", "quasar": [{"z": [0.5, 2.5], "path": "eigen.fits"}], "galaxy": [], "star": [],
    }}  # fmt: skip
    assert call(folder, tmp_path, settings, tmp_path / "eigen.fits") == 0
    state, about = load_weights(tmp_path / "weights.pt")
    got = pca.templates_of(state, about, tmp_path)[0]
    assert (got.kind, got.first, got.z) == ("quasar", first, (0.5, 2.5))
    np.testing.assert_allclose(got.vectors[0, 200:-50], -vectors[0, 200:-50], atol=1e-9)
    assert not got.covered[:100].any() and got.covered[100:].all() and (np.ptp(got.vectors[:, :100], axis=1) == 0).all()
    assert (tmp_path / "history.csv").read_text().count("\n") == 1
    assert call(folder, tmp_path, settings) == 2
    assert "not those of the settings" in (tmp_path / "log.txt").read_text()
    header["OBJECT"] = "GALAXY"
    fits.PrimaryHDU(vectors, header=header).writeto(tmp_path / "galaxy.fits")
    assert call(folder, tmp_path, settings, tmp_path / "galaxy.fits") == 2
    assert "of another class" in (tmp_path / "log.txt").read_text()


def test_a_class_without_spectra(run, tmp_path):
    galaxy = [{"z": [0.0, 1.5], "train_z": [0.0, 1.5], "components": 3}]
    assert call(run[0], tmp_path, {**SETTINGS, "templates": {**LEARNED, "galaxy": galaxy}}) == 2
    assert "no training spectra" in (tmp_path / "log.txt").read_text()
