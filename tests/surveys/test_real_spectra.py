"""Real spectra: every file of the index and every coadd opens; units, wavelengths and ids as they should be."""

import numpy as np
import pytest
from astropy.io import fits

from pipeline.spectra.grids import grid
from pipeline.spectra.resample import aligned
from pipeline.surveys.desi import read_coadd
from pipeline.surveys.spectra_csv import open_listed, read_index

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def index(skysieve_data):
    return read_index(skysieve_data / "spectra", "spectra_index.csv")


@pytest.fixture(scope="module")
def listed(index):
    return [open_listed(row) for _, row in index.iterrows()]


def test_every_file_of_the_index_opens(index, listed):
    assert len(listed) == len(index) == 290
    assert len({one.spectrum_id for one in listed}) == 290
    assert len({one.object_id for one in listed}) == index["object"].nunique()
    for one in listed:
        assert (np.diff(one.wavelength) > 0).all() and 3500 < one.wavelength[0] < one.wavelength[-1] < 10500
        assert one.flux.dtype == one.ivar.dtype == np.float32 and np.isfinite(one.flux).all()
        assert (one.ivar >= 0).all() and not one.ivar[one.mask].any() and (~one.mask).sum() > 3000


def test_classes_of_files_and_index_agree(index, listed):
    """Skies that the files themselves mark are those of the index."""
    assert [one.columns["class_pipe"] for one in listed] == index["pipe_class"].replace("SKY-FIBRE", "SKY").tolist()
    spectrographs = [one.survey for one in listed]
    assert spectrographs.count("desi") == 27 and spectrographs.count("sdss") == 105


def test_pixels_of_sdss_are_copied(listed):
    for one in listed:
        place = aligned(one.wavelength, grid("desi" if one.survey == "desi" else "fnet"))
        assert place is not None and (np.diff(place) == 1).all()


def test_beside_astropy(index, listed):
    for row in (0, 100, 200, 260):
        if listed[row].survey == "desi":
            continue
        with fits.open(index["path"][row]) as file:
            names = {name.lower(): name for name in file[1].columns.names}
            np.testing.assert_array_equal(listed[row].flux, file[1].data[names["flux"]])
            assert listed[row].columns["z_pipe_err"] == file[2].data["Z_ERR"][0]


COADDS = {
    "fastspecfit/coadd-4-80613-thru20210324.fits": 1,
    "picca_healpix9144/coadd-sv3-dark-9144.fits.gz": 2,
    "picca_tile80693/coadd-1-80693-thru20210204.fits.gz": 5,
    "specutils_edr/coadd-5-169-thru20210419.fits.gz": 5,
}


@pytest.mark.parametrize("name", COADDS)
def test_coadds_of_desi(skysieve_data, name):
    found = read_coadd(skysieve_data / "desi" / name)
    assert len(found) == COADDS[name]
    with fits.open(skysieve_data / "desi" / name) as file:
        assert [one.object_id for one in found] == file["FIBERMAP"].data["TARGETID"].tolist()
        blue, ivar = file["B_FLUX"].data[:, :2600], file["B_IVAR"].data[:, :2600]
    for row, one in enumerate(found):
        good = ~one.mask[:2600]
        np.testing.assert_allclose(one.flux[:2600][good], blue[row][good], rtol=1e-6)
        np.testing.assert_array_equal(one.ivar[:2600][good], ivar[row][good])


def test_redrock_beside_a_coadd(skysieve_data):
    one = read_coadd(skysieve_data / "desi/fastspecfit/coadd-4-80613-thru20210324.fits")[0]
    assert one.columns["class_pipe"] == "GALAXY" and one.columns["z_pipe"] == pytest.approx(0.368744, abs=1e-6)
