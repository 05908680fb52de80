"""Identities of spectra: packed numbers come back, texts are told apart, and repeats are found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.spectrum_ids import (
    desi_spectrum,
    file_spectrum,
    index_object,
    pack_sdss,
    repeated,
    sdss_object,
)
from pipeline.errors import PipelineError


@given(st.integers(0, 65535), st.integers(0, 131071), st.integers(0, 4095))
def test_the_numbers_can_be_read_from_a_packed_id(plate, mjd, fiber):
    packed = pack_sdss(plate, mjd, fiber)
    assert (packed >> 29, packed >> 12 & 0x1FFFF, packed & 0xFFF) == (plate, mjd, fiber)


def test_order_is_that_of_the_numbers():
    numbers = [(266, 51630, 640), (3655, 55240, 2), (3655, 55240, 3), (3655, 55241, 1), (11000, 58000, 1000)]
    packed = [pack_sdss(*one) for one in numbers]
    assert packed == sorted(packed)


@pytest.mark.parametrize("numbers", [(70000, 55000, 1), (1, -1, 1), (1, 55000, 5000)])
def test_numbers_that_do_not_fit(numbers):
    with pytest.raises(PipelineError, match="not a spectrum of SDSS"):
        pack_sdss(*numbers)


def test_hashes():
    """Names give the same id wherever the file lies and however it is packed; kinds are told apart."""
    assert desi_spectrum("coadd-main-dark-9.fits", 5) == desi_spectrum("coadd-main-dark-9.fits.gz", 5)
    ids = {
        desi_spectrum("coadd-main-dark-9.fits", 5), desi_spectrum("coadd-main-dark-9.fits", 6),
        desi_spectrum("coadd-main-dark-8.fits", 5), file_spectrum("a"), index_object("a"),
        sdss_object(5, 1, 2, 3), sdss_object(0, 1, 2, 3), sdss_object(-1, 1, 2, 4),
    }  # fmt: skip
    assert len(ids) == 8 and all(value >> 62 == 1 for value in ids)
    assert sdss_object(5, 1, 2, 3) == sdss_object(5, 9, 9, 9)


def test_repeats():
    ids = np.array([5, file_spectrum("a"), 5, file_spectrum("a")])
    assert repeated(ids, ["x/a", "b", "y/a", "b"]).tolist() == [False, False, True, True]
    with pytest.raises(PipelineError, match="same id"):
        repeated(ids[1::2], ["b", "c"])
