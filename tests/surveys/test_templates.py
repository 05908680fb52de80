"""Published eigenspectra: both layouts, faults, and the real files."""

import numpy as np
import pytest
from astropy.io import fits

from pipeline.spectra.log_bins import FINE
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
