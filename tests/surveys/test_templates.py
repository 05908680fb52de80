"""Published eigenspectra: all layouts, faults, the real files, and real quasars fitted with Redrock's."""

import json
import signal

import numpy as np
import pandas as pd
import pytest
import torch
from astropy.io import fits

from pipeline.assess import real_spectra
from pipeline.data.manifests import Manifest, write_manifest
from pipeline.data.tables import write_parquet
from pipeline.data.velocity import RIGHT_KM_S, velocity_difference
from pipeline.learn.estimators import pca
from pipeline.spectra.grids import grid
from pipeline.spectra.log_bins import FINE
from pipeline.spectra.resample import to_grid
from pipeline.stages import fit_templates
from pipeline.surveys.spectra_csv import open_listed, read_index
from pipeline.surveys.templates import read_eigenspectra
from pipeline.surveys.unreadable import UnreadableFile

VALUES = np.arange(40, dtype=np.float64).reshape(2, 20)


def redrock(path, values=VALUES, **cards):
    header = {"CRVAL1": 3.0282, "CDELT1": 1e-4, "LOGLAM": 1, "RRTYPE": "QSO", **cards}
    header = fits.Header({name: value for name, value in header.items() if value is not None})
    fits.HDUList([fits.PrimaryHDU(values, header=header)]).writeto(path)
    with fits.open(path, mode="update") as hdus:
        hdus[0].header["EXTNAME"] = "BASIS_VECTORS"
    return path


def test_redrock_in_log_wavelength(tmp_path):
    values = VALUES.copy()
    values[:, :3] = 0
    found = read_eigenspectra(redrock(tmp_path / "a.fits", values))
    assert (found.kind, found.first) == ("quasar", 30282)
    np.testing.assert_allclose(found.vectors, values, atol=1e-9)
    assert found.covered.tolist() == [False] * 3 + [True] * 17


def test_redrock_in_wavelength(tmp_path):
    """A line at 4000 Å on a grid of 0.1 Å stands at its bin, with its mean height there."""
    wavelength = 3900 + 0.1 * np.arange(2001)
    values = np.stack([np.ones(2001), np.exp(-0.5 * ((wavelength - 4000) / 5) ** 2)])
    cards = {"CRVAL1": 3900.0, "CDELT1": 0.1, "LOGLAM": None, "RRTYPE": "STAR"}
    found = read_eigenspectra(redrock(tmp_path / "a.fits", values, **cards))
    centres = 10 ** (FINE * (found.first + np.arange(found.vectors.shape[1])))
    assert found.kind == "star" and 3900 <= centres[0] < 3902 and 4099 < centres[-1] <= 4100
    np.testing.assert_allclose(found.vectors[0], 1)
    np.testing.assert_allclose(found.vectors[1], np.exp(-0.5 * ((centres - 4000) / 5) ** 2), atol=2e-3)


def test_idlspec2d(tmp_path):
    header = fits.Header({"COEFF0": 3.2552, "COEFF1": 1e-4, "OBJECT": "GALAXY"})
    fits.PrimaryHDU(VALUES.astype(np.float32), header=header).writeto(tmp_path / "a.fits")
    found = read_eigenspectra(tmp_path / "a.fits")
    assert (found.kind, found.first) == ("galaxy", 32552)
    np.testing.assert_allclose(found.vectors, VALUES, atol=1e-5)


def pca_table(path, wavelength, **components):
    columns = {"WAVE": wavelength, **components}
    made = [fits.Column(name, "D", array=values) for name, values in columns.items()]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(made)]).writeto(path)
    return path


def test_baltools(tmp_path):
    """Ten components or more are in the order of their numbers; pixels on the bins are copied, others are means."""
    wavelength = 10 ** (1e-4 * np.arange(31004, 31024))
    components = {f"PCA{number}": VALUES[0] + 100 * number for number in (0, 10, 2, 1, 3, 4, 5, 6, 7, 8, 9)}
    found = read_eigenspectra(pca_table(tmp_path / "a.fits", wavelength, **components))
    assert (found.kind, found.first) == ("quasar", 31004) and found.covered.all()
    np.testing.assert_allclose(found.vectors, VALUES[0] + 100 * np.arange(11)[:, None], atol=1e-6)
    # Half a bin to the red: a bin has half of a pixel and half of the next one.
    shifted = wavelength * 10**0.5e-4
    found = read_eigenspectra(pca_table(tmp_path / "b.fits", shifted, PCA0=VALUES[0], PCA1=VALUES[1]))
    assert found.first == 31005
    np.testing.assert_allclose(found.vectors, (VALUES[:, 1:] + VALUES[:, :-1]) / 2, atol=1e-6)


def test_baltools_in_even_wavelengths(tmp_path):
    wavelength = 1500 + 0.1 * np.arange(1001)
    line = np.exp(-0.5 * ((wavelength - 1549) / 5) ** 2)
    found = read_eigenspectra(pca_table(tmp_path / "a.fits", wavelength, PCA0=line))
    centres = 10 ** (FINE * (found.first + np.arange(found.vectors.shape[1])))
    np.testing.assert_allclose(found.vectors[0], np.exp(-0.5 * ((centres - 1549) / 5) ** 2), atol=2e-3)
    assert 1500 <= centres[0] < 1500.5 and 1599.5 < centres[-1] <= 1600


def test_faults_of_tables(tmp_path):
    wavelength = 1500 + 0.25 * np.arange(20)
    for number, (columns, words) in enumerate(
        (
            ({"FLUX": VALUES[0]}, "no eigenspectra"),
            ({"PCA0": VALUES[0] * np.nan}, "not finite"),
        )
    ):
        with pytest.raises(UnreadableFile, match=words):
            read_eigenspectra(pca_table(tmp_path / f"{number}.fits", wavelength, **columns))
    with pytest.raises(UnreadableFile, match="not ascending"):
        read_eigenspectra(pca_table(tmp_path / "c.fits", wavelength[::-1], PCA0=VALUES[0]))


def test_faults(tmp_path):
    with pytest.raises(UnreadableFile, match="lacks keywords"):
        read_eigenspectra(redrock(tmp_path / "a.fits", CDELT1=None))
    with pytest.raises(UnreadableFile, match="unknown class"):
        read_eigenspectra(redrock(tmp_path / "b.fits", RRTYPE="DUCK"))
    with pytest.raises(UnreadableFile, match="not finite"):
        read_eigenspectra(redrock(tmp_path / "c.fits", np.full((2, 20), np.nan)))
    fits.PrimaryHDU().writeto(tmp_path / "d.fits")
    with pytest.raises(UnreadableFile, match="no eigenspectra"):
        read_eigenspectra(tmp_path / "d.fits")
    with pytest.raises(UnreadableFile, match="not found"):
        read_eigenspectra(tmp_path / "e.fits")


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "kind", "vectors", "blue", "red"),
    [
        ("redrock/rrtemplate-QSO-HIZ-v1.1.fits", "quasar", 4, 444, 4500),
        ("redrock/rrtemplate-QSO-LOZ-v1.0.fits", "quasar", 4, 1329, 9630),
        ("redrock/rrtemplate-QSO-None-v0.1.fits", "quasar", 4, 450, 10400),
        ("redrock/rrtemplate-STAR-A-v0.1.fits.gz", "star", 5, 3000, 11000),
        ("sdss_idlspec2d/spEigenQSO-55732.fits", "quasar", 4, 450, 10400),
        ("sdss_idlspec2d/spEigenGal-56436.fits", "galaxy", 4, 1183, 10500),
        ("baltools/PCA_Eigenvectors.fits", "quasar", 5, 1260, 2399),
        ("baltools/PCA_Eigenvectors_Brodzeller.fits", "quasar", 4, 1255, 2404),
    ],
)
def test_real_files(skysieve_data, name, kind, vectors, blue, red):
    found = read_eigenspectra(skysieve_data / "templates" / name)
    centres = 10 ** (FINE * (found.first + np.array([0, found.vectors.shape[1] - 1])))
    assert found.kind == kind and len(found.vectors) == vectors
    np.testing.assert_allclose(centres, [blue, red], rtol=2e-3)
    assert np.isfinite(found.vectors).all() and found.covered.mean() > 0.5
    if kind == "quasar":
        # The first eigenspectrum of quasars has its lines where they are, whichever sign it has.
        line = 1549 if centres[0] < 1500 else 2799
        rest = 10 ** (FINE * (found.first + np.arange(found.vectors.shape[1])))
        near = (rest > line * 0.95) & (rest < line * 1.05)
        side = found.vectors[:, near] - np.median(found.vectors[:, near], axis=1, keepdims=True)
        assert abs(rest[near][np.abs(side[0]).argmax()] / line - 1) < 0.02


@pytest.mark.realdata
def test_every_real_file_opens(skysieve_data):
    """All eigenspectra of the folder: of their class, finite, independent of each other, where rest wavelengths are."""
    paths = sorted((skysieve_data / "templates").glob("*/*.fits*"))
    found = {path.name: read_eigenspectra(path) for path in paths}
    kinds = [one.kind for one in found.values()]
    assert (kinds.count("quasar"), kinds.count("galaxy"), kinds.count("star")) == (10, 2, 2)
    for name, one in found.items():
        assert len(one.vectors) >= 4 and np.isfinite(one.vectors).all(), name
        assert one.covered.mean() > 0.99 and (np.ptp(one.vectors[:, one.covered], axis=1) > 0).all(), name
        assert np.linalg.matrix_rank(one.vectors[:, one.covered]) == len(one.vectors), name
        assert 2600 < one.vectors.shape[1] < 14000 and 26000 < one.first < 36000, name


# The scan of the demo.
SCAN = {
    "bin": 5, "bin_scatter": 4.0, "polynomial": 3, "systematic": 0.05, "separation": 1000.0, "small_delta_chi2": 9.0,
    "least_coverage": 0.2, "least_pixels": 50, "class_margin": 9.0, "sky_margin": 20.0,
}  # fmt: skip


@pytest.fixture
def redrock_estimator(skysieve_data, tmp_path):
    """Return the estimator that the stage makes of Redrock's templates of low and of high redshift."""
    folder = skysieve_data / "templates" / "redrock"
    ranges = {"rrtemplate-QSO-LOZ-v1.1.fits": [0.05, 1.6], "rrtemplate-QSO-HIZ-v1.1.fits": [1.4, 6.99]}
    quasar = [{"path": str(folder / name), "z": z} for name, z in ranges.items()]
    scoring = {"scan": SCAN, "batch": 16, "threads": 1}
    templates = {"kind": "files", "quasar": quasar, "galaxy": [], "star": []}
    write_manifest(Manifest("shards", "b0", []), tmp_path / "b0.json")  # nothing is learnt
    write_parquet(pd.DataFrame({"spectrum_id": np.zeros(0, dtype=np.int64)}), tmp_path / "sample.parquet")
    settings = json.dumps({"estimator": {"kind": "pca", "templates": templates, **scoring}, "seed": 1})
    argv = [
        "--settings",
        settings,
        "--work",
        str(tmp_path / "work"),
        "--log",
        str(tmp_path / "log.txt"),
        "--name",
        "pca",
    ]
    argv += ["--shards", str(tmp_path / "b0.json"), "--sample", str(tmp_path / "sample.parquet")]
    argv += ["--templates", *(one["path"] for one in quasar)]
    argv += ["--weights", str(tmp_path / "weights.pt"), "--history", str(tmp_path / "history.csv")]
    before = signal.getsignal(signal.SIGTERM)
    assert fit_templates.main(argv) == 0, (tmp_path / "log.txt").read_text()
    signal.signal(signal.SIGTERM, before)
    return pca.load(tmp_path / "weights.pt", scoring, torch.device("cpu"))


@pytest.mark.realdata
def test_real_quasars_with_redrocks_templates(skysieve_data, redrock_estimator):
    """The first ten objects of half a whose redshifts were inspected or are DR16Q's, one spectrum each."""
    index = read_index(skysieve_data / "spectra", "spectra_index.csv")
    known = real_spectra.read_index(index, "spectra_index.csv")
    chosen = known[(known.half == "a") & (known.kind == "quasar") & known.independent]
    chosen = chosen.drop_duplicates("object").sort_values("object").head(10)
    assert len(chosen) == 10 and (real_spectra.half_of(chosen.object) == "a").all()
    spectra = [open_listed(row) for _, row in chosen.iterrows()]
    target = grid("fnet")
    flux, ivar, mask = (
        np.stack(part) for part in zip(*(to_grid(one, target, "conserve") for one in spectra), strict=True)
    )
    found = redrock_estimator(flux, ivar, mask, target)
    dv = velocity_difference(found["candidate_z"][:, 0], chosen.best_z.to_numpy())
    assert (np.abs(dv) < RIGHT_KM_S).sum() >= 9
    assert set(found["template_range"].tolist()) == {0, 1}
