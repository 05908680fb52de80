"""Coadds of DESI: arms, targets, Redrock's redshifts by TARGETID, skies; what is no coadd is named."""

import numpy as np
import pytest
from astropy.io import fits
from spectrum_files import table, write_coadd, write_spec

from pipeline.data.redshift_bits import names
from pipeline.errors import PipelineError
from pipeline.spectra.coadd import coadd_arms
from pipeline.surveys.desi import desi_root, read_coadd, read_redrock
from pipeline.surveys.unreadable import UnreadableFile

NAME = "coadd-main-dark-9144.fits"


def test_coadd(tmp_path):
    arms = write_coadd(tmp_path / NAME)
    found = read_coadd(tmp_path / NAME, "dark/" + NAME)
    flux, ivar, mask, _ = coadd_arms(arms, where="")
    assert len(found) == 3 and np.argwhere(mask).tolist() == [[0, 100], [0, 2800]]  # pixel 5000 is good in the red arm
    for row, one in enumerate(found):
        for part, wanted in ((one.flux, flux), (one.ivar, ivar), (one.mask, mask)):
            np.testing.assert_array_equal(part, wanted[row])
        assert one.object_id == one.columns["targetid"] == 39627001 + row
        assert one.source == f"dark/{NAME}:{row}" and one.survey == "desi" and len(one.wavelength) == 7781
        assert (one.ra, one.dec) == (20.0 + row, 1.5) and one.columns["fiber"] == 100 + row
    # The redrock file is in the opposite order.
    assert [one.columns.get("z_pipe") for one in found] == [0.5, 1.5, None]
    assert [one.columns["class_pipe"] for one in found] == ["QSO", "QSO", "SKY"]
    assert [names(one.columns["flags"]) for one in found] == [[], [], ["SKY"]]
    assert len({one.spectrum_id for one in found}) == 3 and all(one.spectrum_id >> 62 == 1 for one in found)


def test_without_redrock_and_with_a_short_fibermap(tmp_path):
    write_coadd(tmp_path / NAME, redrock=False)
    with fits.open(tmp_path / NAME) as file:
        file[1] = table({"TARGETID": ("K", [5, 6, 7])}, "FIBERMAP")
        file.writeto(tmp_path / "coadd-short.fits")
    found = read_coadd(tmp_path / "coadd-short.fits")
    assert np.isnan(found[0].ra) and "class_pipe" not in found[0].columns and found[2].object_id == 7


def test_zcatalog(tmp_path):
    columns = {
        "TARGETID": ("K", [9, 8]), "Z": ("D", [1.0, 2.0]), "ZERR": ("D", [0.1, 0.2]), "ZWARN": ("K", [0, 4]),
        "SPECTYPE": ("6A", ["GALAXY", "QSO"]),
    }  # fmt: skip
    fits.HDUList([fits.PrimaryHDU(), table(columns, "ZCATALOG")]).writeto(tmp_path / "zall-pix-main.fits")
    found = read_redrock(tmp_path / "zall-pix-main.fits", np.array([8]))
    assert found == {8: {"z_pipe": 2.0, "z_pipe_err": 0.2, "zwarn_pipe": 4, "class_pipe": "QSO"}}
    assert set(read_redrock(tmp_path / "zall-pix-main.fits")) == {8, 9}


def test_several_rows_of_a_target(tmp_path):
    columns = {
        "TARGETID": ("K", [9, 8, 9, 8]), "Z": ("D", [1.0, 2.0, 3.0, 4.0]), "ZERR": ("D", [0.1] * 4),
        "ZWARN": ("K", [0] * 4), "SPECTYPE": ("6A", ["QSO"] * 4), "ZCAT_PRIMARY": ("L", [True, False, False, False]),
    }  # fmt: skip
    for name in ("ZCATALOG", "REDSHIFTS"):
        fits.HDUList([fits.PrimaryHDU(), table(columns, name)]).writeto(tmp_path / "zall.fits", overwrite=True)
        assert read_redrock(tmp_path / "zall.fits", np.array([9]))[9]["z_pipe"] == 1.0
        with pytest.raises(UnreadableFile, match="twice") as caught:
            read_redrock(tmp_path / "zall.fits")
        assert caught.value.value == 8 and "rows [1, 3]" in caught.value.where


def test_what_is_no_coadd(tmp_path):
    write_spec(tmp_path / "coadd-spec.fits")
    with pytest.raises(UnreadableFile, match="not a coadd"):
        read_coadd(tmp_path / "coadd-spec.fits")
    write_coadd(tmp_path / NAME, targets=(1, 1, 2))
    with pytest.raises(UnreadableFile, match="stands twice"):
        read_coadd(tmp_path / NAME)
    write_coadd(tmp_path / NAME, checksum=False)
    for lost, message in (("FIBERMAP", "no FIBERMAP"), ("R_IVAR", "R_IVAR")):
        with fits.open(tmp_path / NAME) as file:
            del file[lost]
            file.writeto(tmp_path / "coadd-less.fits", overwrite=True)
        with pytest.raises(UnreadableFile, match=message):
            read_coadd(tmp_path / "coadd-less.fits")
    with fits.open(tmp_path / NAME) as file:
        file["B_WAVELENGTH"].data = file["B_WAVELENGTH"].data + 0.3
        file.writeto(tmp_path / "coadd-less.fits", overwrite=True)
    with pytest.raises(UnreadableFile, match="DESI's grid"):
        read_coadd(tmp_path / "coadd-less.fits")


def test_root(tmp_path, monkeypatch):
    monkeypatch.delenv("DESI_SPECTRO_REDUX", raising=False)
    with pytest.raises(PipelineError, match="DESI_SPECTRO_REDUX"):
        desi_root(None)
    monkeypatch.setenv("DESI_SPECTRO_REDUX", str(tmp_path))
    assert desi_root(None) == tmp_path
    with pytest.raises(PipelineError, match="does not exist"):
        desi_root(str(tmp_path / "none"))
