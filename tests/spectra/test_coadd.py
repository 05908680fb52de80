"""The coadd of DESI's arms: a weighted mean where they overlap; a pixel bad in one arm comes from the other."""

import numpy as np
import pytest

from pipeline.errors import PipelineError
from pipeline.spectra.coadd import coadd_arms

SPANS = {"b": (0, 2751), "r": (2700, 5026), "z": (4900, 7781)}  # DESI's 3600-5800, 5760-7620, 7520-9824 Å


def arms(n=3, seed=1):
    generator = np.random.default_rng(seed)
    found = {}
    for name, (first, last) in SPANS.items():
        shape = (n, last - first)
        wavelength = 3600 + 0.8 * np.arange(first, last)
        ivar = generator.uniform(0.5, 2, shape).astype("f4")
        found[name] = (wavelength, generator.normal(size=shape).astype("f4"), ivar, np.zeros(shape, bool))
    return found


def test_weighted_mean():
    parts = arms()
    flux, ivar, mask, broken = coadd_arms(parts, where="test")
    assert flux.shape == (3, 7781) and flux.dtype == ivar.dtype == np.float32
    assert not mask.any() and not broken.any()
    np.testing.assert_array_equal(ivar[:, :2700], parts["b"][2][:, :2700])
    np.testing.assert_allclose(flux[:, :2700], parts["b"][1][:, :2700], rtol=1e-6)
    b, r = (parts[arm][1][1, place] for arm, place in (("b", 2720), ("r", 20)))
    wb, wr = (parts[arm][2][1, place] for arm, place in (("b", 2720), ("r", 20)))
    assert flux[1, 2720] == pytest.approx((b * wb + r * wr) / (wb + wr), rel=1e-5)
    assert ivar[1, 2720] == pytest.approx(wb + wr, rel=1e-6)


def test_bad_pixels():
    parts = arms()
    parts["b"][3][0, 2720] = True
    parts["b"][3][0, 100] = True
    parts["z"][1][2, 5] = np.nan
    parts["z"][1][2, 2000] = np.inf
    flux, ivar, mask, broken = coadd_arms(parts, where="test")
    assert flux[0, 2720] == pytest.approx(parts["r"][1][0, 20], rel=1e-6) and not mask[0, 2720]
    assert mask[0, 100] and ivar[0, 100] == 0 and flux[0, 100] == 0
    assert flux[2, 4905] == pytest.approx(parts["r"][1][2, 2205], rel=1e-6)
    assert mask.sum() == 2 and mask[2, 6900] and broken.tolist() == [False, False, True]


def test_other_pixels_are_refused():
    parts = arms()
    parts["r"] = (parts["r"][0] + 0.1, *parts["r"][1:])
    with pytest.raises(PipelineError, match="coadd-1.fits: r"):
        coadd_arms(parts, where="coadd-1.fits")
