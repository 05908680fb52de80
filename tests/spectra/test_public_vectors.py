"""The public vectors of QuasarNP: 25 fibres of DESI in QuasarNET's bins, and as its input."""

import re

import numpy as np
import pytest
from astropy.io import fits

from pipeline.settings.spectra.inputs import Input
from pipeline.spectra.coadd import coadd_arms
from pipeline.spectra.grids import grid
from pipeline.spectra.inputs import make_input
from pipeline.spectra.resample import quasarnet_bins

pytestmark = pytest.mark.realdata
ARMS = "BRZ"


@pytest.fixture(scope="module")
def vectors(skysieve_data):
    return skysieve_data / "desi" / "quasarnp"


@pytest.fixture(scope="module")
def arms(vectors):
    with fits.open(vectors / "test_coadd.fits.gz") as file:
        data = {arm: [np.array(file[f"{arm}_{part}"].data) for part in ("WAVELENGTH", "FLUX", "IVAR")] for arm in ARMS}
    return {arm: (*parts, np.zeros(parts[1].shape, dtype=bool)) for arm, parts in data.items()}


@pytest.mark.parametrize("name, file", [("quasarnet", "coadd_rebinned"), ("quasarnet_linear", "coadd_rebinned_linear")])
def test_bins_of_each_arm(vectors, arms, name, file):
    """The published files hold an arm's sums of flux times ivar, and of ivar."""
    with fits.open(vectors / f"{file}.fits.gz") as published:
        for arm, spectra in arms.items():
            flux, ivar, _ = quasarnet_bins(*spectra, grid(name))
            theirs, weights = published[f"{arm}_FLUX"].data, published[f"{arm}_IVAR"].data
            np.testing.assert_allclose(ivar, weights, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(flux.astype("f8") * ivar, theirs, rtol=1e-5, atol=1e-5)


def test_regrid(vectors):
    """Each pixel of the 0.8 Å grid falls into the published bin."""
    numbers = [int(word) for word in re.findall(r"\d+", (vectors / "regrid.txt").read_text())]
    ones = np.ones((1, 7781), dtype=np.float32)
    count = quasarnet_bins(grid("desi").wavelength, ones, ones, ones == 0, grid("quasarnet"))[1][0]
    np.testing.assert_array_equal(count, np.bincount(numbers, minlength=443))
    assert len(numbers) == 7781


def test_input_of_quasarnet(vectors, arms):
    flux, ivar, mask, _ = coadd_arms(arms, where=vectors)
    one = Input.parse(
        {"grid": "quasarnet", "rebin": 1, "resample": "quasarnet", "normalise": "quasarnet", "clip_sigma": None}
    )
    values, bits = make_input(flux, ivar, mask, grid("desi"), one)
    assert np.flatnonzero(bits).tolist() == [11]
    np.testing.assert_allclose(np.delete(values, 11, axis=0), np.load(vectors / "coadd_x.npy"), rtol=0, atol=1e-5)
