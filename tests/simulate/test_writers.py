"""Files: read back by astropy and by fitsio, equal bytes for equal content, the mark of simulated data."""

import gzip

import fitsio
import numpy as np
import pytest
from astropy.io import fits

from pipeline.simulate import dr9, layout, writers


@pytest.fixture
def brick(survey):
    return layout.fields(survey.sky, 3, 7, 130, 35)[0].bricks[0]


@pytest.fixture
def pixels():
    image = np.random.default_rng(2).normal(0, 0.004, (420, 420)).astype(np.float32)
    image[100:120, 30:90] = 0
    return image


def test_coadds_are_read_by_an_independent_reader(tmp_path, brick, pixels):
    path = tmp_path / "a.fits.fz"
    writers.write_coadd(path, pixels, writers.coadd_header(brick, "north", "z", "image"), 0.0005, 17)
    read, header = fitsio.read(path, header=True)
    assert read.dtype == np.float32
    assert np.abs(read - pixels).max() <= 0.5 * 0.0005 * 1.001
    assert not read[100:120, 30:90].any()
    assert np.mean(read) == pytest.approx(np.mean(pixels), abs=2e-6)
    assert header["ZCMPTYPE"].startswith("RICE")
    assert header["ZQUANTIZ"].strip() == "SUBTRACTIVE_DITHER_2"
    assert header["SIMUL"]
    assert header["DRVERSIO"] == 9011
    assert header["BRICKNAM"].strip() == brick.name
    with fits.open(path) as file:
        assert len(file) == 2
        assert np.array_equal(file[1].data, read)
        assert file[0].header["SIMUL"]


@pytest.mark.realdata
def test_headers_have_the_keywords_of_a_real_coadd(skysieve_data, brick):
    folder = skysieve_data / "images" / "legacy_dr6_brick_0959p805"
    for what in ("image", "invvar"):
        with fits.open(folder / f"legacysurvey-0959p805-{what}-g.fits.fz") as file:
            real = file[1].header
        ours = writers.coadd_header(brick, "north", "g", what)
        for key in ("CTYPE1", "CTYPE2", "CD1_1", "CD2_2", "CD1_2", "EQUINOX", "IMTYPE", "PRODTYPE", "BUNIT", "OBSTYPE"):
            assert ours[key] == pytest.approx(real[key]), key
        named = {"BRICKNAM", "BRICKID", "RAMIN", "RAMAX", "DECMIN", "DECMAX", "BRICKRA", "BRICKDEC", "CRVAL1", "CRPIX1"}
        assert named <= set(ours) & set(real)
        assert ours["CRPIX1"] == (brick.pixels + 1) / 2
        assert real["CRPIX1"] == (real["NAXIS1"] + 1) / 2


def test_equal_content_gives_equal_bytes_without_dates(tmp_path, brick, pixels):
    header = writers.coadd_header(brick, "south", "g", "invvar")
    for name in ("a", "b"):
        writers.write_coadd(tmp_path / f"{name}.fits.fz", pixels, header, 0.0005, 17)
        table = writers.brick_columns([brick])
        writers.write_table(tmp_path / f"{name}.fits.gz", dr9.BRICKS, table, "BRICKS")
    for suffix in ("fits.fz", "fits.gz"):
        content = (tmp_path / f"a.{suffix}").read_bytes()
        assert content == (tmp_path / f"b.{suffix}").read_bytes()
    plain = gzip.decompress((tmp_path / "a.fits.gz").read_bytes())
    for text in (b"DATE", b"CHECKSUM"):
        assert text not in plain
        assert text not in (tmp_path / "a.fits.fz").read_bytes()


def test_tables_keep_values_units_and_names(tmp_path):
    table = dr9.empty(dr9.SWEEP, 3)
    table["TYPE"][:] = ["PSF", "SER", "DEV"]
    table["RA"][:] = [1.5, 2.5, 359.9999999]
    table["FLUX_G"][:] = [-0.5, 1e-3, 2e4]
    table["GAIA_DUPLICATED_SOURCE"][1] = True
    table["REF_ID"][2] = 2**60 + 1
    table["WISEMASK_W1"][0] = 255
    path = tmp_path / "sweep.fits"
    writers.write_table(path, dr9.SWEEP, table, "SWEEP")
    read = fitsio.read(path)
    for name, form, _ in dr9.SWEEP:
        values = np.char.strip(read[name]) if form.endswith("A") else read[name]
        assert np.array_equal(values, table[name]), name
    header = fitsio.read_header(path, 1)
    assert header["EXTNAME"].strip() == "SWEEP"
    assert header["SIMUL"]
    units = {header[f"TTYPE{k}"].strip(): header.get(f"TUNIT{k}", "").strip() for k in range(1, header["TFIELDS"] + 1)}
    assert units["FLUX_IVAR_R"] == "1/nanomaggy^2"
    assert units["RA"] == "deg"


def test_paths_are_those_of_the_data_release():
    assert writers.sweep_path("south", 0, -5) == "south/sweep/9.0/sweep-000m005-010p000.fits"
    assert writers.photoz_path("north", 350, 30) == "north/sweep/9.0-photo-z/sweep-350p030-360p035-pz.fits"
    assert (
        writers.coadd_path("south", "0959p805", "invvar", "z")
        == "south/coadd/095/0959p805/legacysurvey-0959p805-invvar-z.fits.fz"
    )
