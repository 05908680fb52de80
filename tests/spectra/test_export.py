"""The papers' matrices: names, types, values."""

import numpy as np
import pytest

from pipeline.data.spectrum_columns import complete
from pipeline.spectra.export import fnet_columns, fnet_fluxes, fnet_wavelengths, sdss_name, slides_matrices
from pipeline.spectra.grids import grid

# Names and types of the published file (reference_code.md, section 4).
INTEGERS = "thing_id index plate mjd fiberid class_person is_qso_dr12q is_qso_final is_qso_qn z_conf zwarn_pca".split()
TEXTS = "sdss_name autoclass_pqn autoclass_dr14q url".split()
FLOATS = "sn_median_all bal_prob z_vi z_dr12q z z_pipe z_pca z_qn deltachi2_pca".split()


def test_names():
    assert sdss_name(0.0, 0.0) == "000000.00+000000.0"
    assert sdss_name(150.25, -2.5) == "100100.00-023000.0"
    # SDSS J085913.72+323050.8 of the index of real spectra, from its own name.
    ra, dec = 15 * (8 + 59 / 60 + 13.72 / 3600), 32 + 30 / 60 + 50.8 / 3600
    assert sdss_name(ra, dec) == "085913.72+323050.8"
    assert sdss_name(ra + 1e-5, dec + 1e-5) == "085913.72+323050.8"
    assert sdss_name(np.nan, 0.0) == ""


@pytest.fixture
def columns():
    return complete(
        {
            "spectrum_id": [5, 6, 7, 8], "object_id": [1, 2, 3, 4], "plate": [3655] * 4, "fiber": [1, 2, 3, 4],
            "class_pipe": ["QSO", "QSO", "STAR", "QSO"], "z_pipe": [2.8, 2.95, 2.9, np.nan], "class_vi": [3, 30, 1, -1],
            "z_vi": [np.nan, 2.85, 0.0, 2.9], "ra": [1.0, 2.0, 3.0, np.nan], "dec": [1.0] * 4,
            "in_dr12q": [1, 0, -1, -1],
        },
        4,
    )  # fmt: skip


def test_fnet_columns(columns):
    found = fnet_columns(columns, 10)
    assert sorted(found) == sorted(INTEGERS + TEXTS + FLOATS)
    assert {found[name].dtype for name in INTEGERS} == {np.dtype("i8")}
    assert {found[name].dtype for name in FLOATS} == {np.dtype("f4")}
    assert found["index"].tolist() == [10, 11, 12, 13] and found["fiberid"].tolist() == [1, 2, 3, 4]
    assert found["class_person"].tolist() == [3, 30, 1, -1] and found["thing_id"].tolist() == [-1] * 4
    np.testing.assert_array_equal(found["z"], np.array([2.8, 2.85, 0.0, 2.9], "f4"))
    assert np.isnan(found["bal_prob"]).all() and found["sdss_name"][3] == ""


def test_fluxes():
    generator = np.random.default_rng(1)
    flux, ivar = generator.normal(2, 1, (2, 4618)).astype("f4"), np.ones((2, 4618), "f4")
    plain, normalised = fnet_fluxes(flux, ivar, flux > 9, grid("fnet"))
    np.testing.assert_array_equal(plain, flux)
    assert normalised.max() == 1 and normalised.min() > 0
    wavelength, logarithm = fnet_wavelengths()
    np.testing.assert_allclose(np.log10(wavelength.astype("f8")), np.linspace(3.5522, 4.0139, 4618), atol=1e-6)
    np.testing.assert_allclose(logarithm, np.linspace(3.5522, 4.0139, 4618), atol=1e-6)


def test_slides(columns):
    generator = np.random.default_rng(1)
    flux, ivar = generator.normal(2, 1, (4, 4618)).astype("f4"), np.ones((4, 4618), "f4")
    values, z = slides_matrices(flux, ivar, flux > 99, grid("fnet"), columns, 2.8, 2.95, "z_pipe")
    assert z.tolist() == [2.8, 2.95] and values.shape == (2, 2000)  # both ends belong to the range
    x = np.interp(np.linspace(3500, 10000, 2000), grid("fnet").wavelength, flux[0])
    np.testing.assert_allclose(values[0], (x - x.mean()) / x.std(), atol=1e-5)
    assert slides_matrices(flux, ivar, flux > 99, grid("fnet"), columns, 2.8, 3, "z_vi")[1].tolist() == [2.85, 2.9]


def test_slides_take_the_class_of_their_redshifts(columns):
    """Inspection overrules the pipeline with its own redshifts alone, and the pipeline speaks where nobody looked."""
    columns |= {
        "class_vi": np.array([3, 1, 50, -1]), "z_vi": np.array([2.81, 2.82, 2.83, 2.84]),
        "class_pipe": np.array(["GALAXY", "QSO", "QSO", "QSO"], dtype=object), "z_pipe": np.full(4, 2.9),
    }  # fmt: skip
    flux = np.random.default_rng(1).normal(2, 1, (4, 4618)).astype("f4")
    spectra = (flux, np.ones_like(flux), flux > 99, grid("fnet"), columns)
    assert slides_matrices(*spectra, 2.8, 3, "z_vi")[1].tolist() == [2.81, 2.84]
    values, z = slides_matrices(*spectra, 2.8, 3, "z_pipe")
    assert z.tolist() == [2.9] * 3
    x = np.interp(np.linspace(3500, 10000, 2000), grid("fnet").wavelength, flux[1])
    np.testing.assert_allclose(values[0], (x - x.mean()) / x.std(), atol=1e-5)
