"""Readers of SDSS: what was written is read, lite and full; skies, masks, unknown objects; what is no spectrum."""

import gzip

import numpy as np
import pytest
from astropy.io import fits
from spectrum_files import table, write_spec, write_spplate

from pipeline.data.redshift_bits import names
from pipeline.data.spectrum_ids import pack_sdss, sdss_object
from pipeline.surveys.sdss import read_spec, read_spplate
from pipeline.surveys.unreadable import UnreadableFile

NAME = "spec-3655-55240-0002.fits"


@pytest.mark.parametrize("upper", [False, True])
def test_spec(tmp_path, upper):
    written = write_spec(tmp_path / NAME, upper=upper)
    found = read_spec(tmp_path / NAME, "3655/" + NAME)
    np.testing.assert_array_equal(found.flux, written["flux"])
    np.testing.assert_array_equal(found.ivar, written["ivar"])
    np.testing.assert_allclose(found.wavelength, 10 ** written["loglam"].astype("f8"), rtol=1e-12)
    assert found.wavelength.dtype == np.float64 and found.flux.dtype == found.ivar.dtype == np.float32
    assert not found.mask.any() and found.survey == "boss" and found.source == "3655/" + NAME
    assert found.spectrum_id == pack_sdss(3655, 55240, 2) and found.object_id == sdss_object(77, 0, 0, 0)
    assert (found.ra, found.dec) == (150.25, 2.5)
    assert found.columns == {
        "class_pipe": "QSO", "z_pipe": 2.25, "z_pipe_err": pytest.approx(0.001), "zwarn_pipe": 0, "plate": 3655,
        "mjd": 55240, "fiber": 2, "flags": 0,
    }  # fmt: skip


def test_full_and_packed(tmp_path):
    """A full file has further HDUs, one an exposure."""
    write_spec(tmp_path / NAME)
    with fits.open(tmp_path / NAME) as lite:
        exposures = [table({"flux": ("E", np.ones(50)), "loglam": ("E", np.ones(50))}, "B1-001") for _ in range(3)]
        fits.HDUList([*lite, *exposures]).writeto(tmp_path / "full.fits")
    (tmp_path / (NAME + ".gz")).write_bytes(gzip.compress((tmp_path / "full.fits").read_bytes()))
    lite, full = read_spec(tmp_path / NAME), read_spec(tmp_path / (NAME + ".gz"))
    np.testing.assert_array_equal(lite.flux, full.flux)
    assert lite.columns == full.columns and lite.spectrum_id == full.spectrum_id


def test_sdss_two(tmp_path):
    write_spec(tmp_path / "spec-0300-51943-0007.fits", 300, 51943, 7, first=35800, count=3830)
    found = read_spec(tmp_path / "spec-0300-51943-0007.fits")
    assert found.survey == "sdss" and len(found.flux) == 3830


def test_bad_pixels(tmp_path):
    flux, ivar, mask = np.ones(4600, "f4"), np.ones(4600, "f4"), np.zeros(4600, "i4")
    flux[3], ivar[4], ivar[5] = np.nan, 0, np.inf
    mask[6], mask[7], mask[8] = 1 << 23, 1 << 24, 1 << 16  # BRIGHTSKY, NODATA, NEARBADPIXEL
    write_spec(tmp_path / NAME, flux=flux, ivar=ivar, and_mask=mask)
    found = read_spec(tmp_path / NAME)
    assert np.flatnonzero(found.mask).tolist() == [3, 4, 5, 6, 7] and not found.ivar[found.mask].any()
    assert np.isfinite(found.flux).all() and names(found.columns["flags"]) == ["NAN_PIXELS"]


@pytest.mark.parametrize(
    "results", [{"OBJTYPE": ("16A", ["SKY"])}, {"SOURCETYPE": ("16A", ["SKY"])}, {"ZWARNING": ("J", [5])}]
)
def test_a_sky_fibre_has_no_redshift(tmp_path, results):
    write_spec(tmp_path / NAME, results={**results, "THING_ID": ("J", [-1])})
    found = read_spec(tmp_path / NAME)
    assert found.columns["class_pipe"] == "SKY" and "z_pipe" not in found.columns
    assert names(found.columns["flags"]) == ["SKY"]
    assert found.object_id == sdss_object(0, 3655, 55240, 2)


def test_no_spectra(tmp_path):
    path = tmp_path / NAME
    write_spec(path, loglam=np.zeros(4600))
    with pytest.raises(UnreadableFile, match="ascending"):
        read_spec(path)
    fits.HDUList([fits.PrimaryHDU(), table({"flux": ("E", [1.0])}, "COADD")]).writeto(path, overwrite=True)
    with pytest.raises(UnreadableFile, match="not a spec file"):
        read_spec(path)
    two = [table({"flux": ("E", [1.0])}), table({"Z": ("E", [1.0])})]
    fits.HDUList([fits.PrimaryHDU(), *two]).writeto(path, overwrite=True)
    with pytest.raises(UnreadableFile, match="loglam, ivar"):
        read_spec(path)
    write_spec(path)
    with fits.open(path, mode="update") as file:
        file[0].header["VACUUM"] = False
    with pytest.raises(UnreadableFile, match="in air"):
        read_spec(path)


def test_spplate(tmp_path):
    path = tmp_path / "spPlate-3655-55240.fits"
    flux, ivar = write_spplate(path)
    found = read_spplate(path)
    assert [one.spectrum_id for one in found] == [pack_sdss(3655, 55240, fiber) for fiber in (1, 2, 3)]
    for row, one in enumerate(found):
        np.testing.assert_array_equal(one.flux, flux[row])
        assert one.source == f"spPlate-3655-55240.fits:{row}" and (one.ra, one.dec) == (11.0 + row, -1.0 - row)
        np.testing.assert_allclose(np.log10(one.wavelength), 3.55 + 1e-4 * np.arange(4600), atol=1e-12)
    assert np.flatnonzero(found[0].mask).tolist() == [10, 20]
    assert [one.columns["class_pipe"] for one in found] == ["QSO", "SKY", "QSO"]
    assert found[2].columns["z_pipe"] == 1.5 and found[2].columns["zwarn_pipe"] == 4
    assert found[0].object_id == sdss_object(100, 0, 0, 0)


def test_spplate_without_redshifts(tmp_path):
    path = tmp_path / "spPlate-3655-55240.fits"
    write_spplate(path, zbest=False)
    found = read_spplate(path)
    assert ["z_pipe" in one.columns for one in found] == [False] * 3
    assert [one.columns.get("class_pipe", "") for one in found] == ["", "SKY", ""]
    write_spec(tmp_path / NAME)
    with pytest.raises(UnreadableFile, match="not an spPlate"):
        read_spplate(tmp_path / NAME)
