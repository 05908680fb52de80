"""Quantized images: errors within half a step and without bias, a fifth of the bytes, the same bytes again."""

import h5py
import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import convolve1d

from pipeline.data import quantize
from pipeline.data.manifests import sha256
from pipeline.data.shards import ImageShard, write_image_shard
from pipeline.errors import PipelineError

ATTRS = {"bands": ["g", "r", "z"], "pixel_scale": 0.262, "psf": "FWHM, arcsec"}
SIGMA = np.array([0.003, 0.005, 0.015])  # nanomaggies a pixel, about the medians of Stein et al. 2021, Table 2
# Autocorrelation 0.12 and -0.06 along an axis, as a coadd of the Legacy Surveys has it.
KERNEL = np.array([-0.03, 0.065, 0.93, 0.065, -0.03])


def scenes(n, pixels=96, seed=1):
    """Return images (n, 3, pixels, pixels) with correlated noise of SIGMA and some galaxies, nanomaggies float32."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n, 3, pixels, pixels))
    for axis in (2, 3):
        noise = convolve1d(noise, KERNEL, axis=axis, mode="wrap")
    images = noise / np.sum(KERNEL**2) * SIGMA[:, None, None]
    y, x = np.mgrid[:pixels, :pixels]
    for image in images:
        places = [(pixels / 2, pixels / 2, 20.0), *((*rng.uniform(0, pixels, 2), rng.exponential(2.0)) for _ in "123")]
        for centre_x, centre_y, flux in places:
            profile = np.exp(-np.hypot(x - centre_x, y - centre_y) / rng.uniform(1.5, 4.0))
            image += np.array([0.4, 1.0, 1.8])[:, None, None] * flux * profile / profile.sum()
    return images.astype(np.float32)


def ids(n):
    return np.arange(n, dtype=np.int64) * 1001 + 2**60


def through(images, object_id=None):
    """Return images as they are read again, and their steps (N, B, 1, 1)."""
    object_id = ids(len(images)) if object_id is None else object_id
    found = quantize.encode(images, object_id)
    low, high = found.codes.astype(np.uint16), (found.codes >> np.uint32(16)).astype(np.uint16)
    starts = quantize.dither_starts(object_id, images.shape[1])
    out = np.empty(images.shape, dtype=np.float32)
    for row in range(len(images)):
        upper = high[row] if high[row].any() else None
        quantize.decode(low[row], upper, found.step[row], found.zero[row], starts[row], out[row])
    return out, found.step[:, :, None, None]


def test_the_noise_is_measured_beside_sources_and_in_spite_of_correlation():
    measured = quantize.noise(scenes(20)) / SIGMA
    assert np.median(measured) == pytest.approx(1, abs=0.06) and (np.abs(measured - 1) < 0.15).all()
    blank = scenes(1)
    blank[0, 1] = 0
    blank[0, 2, :, :90] = 0
    measured = quantize.noise(blank)[0]
    assert np.isnan(measured[1]) and measured[2] == pytest.approx(SIGMA[2], rel=0.25)
    assert np.isnan(quantize.noise(np.ones((1, 3, 4, 4)))).all()


def test_every_pixel_is_within_half_a_step():
    images = scenes(20)
    images[3, 1, 40:44, 40:44] = 300.0  # a saturated star: 10^6 steps, beyond 16 bits
    images[4, 2, 10, 10] = -5.0
    read, step = through(images)
    np.testing.assert_allclose(step[:, :, 0, 0] * 16 / SIGMA, 1, atol=0.15)
    error = np.abs(read.astype(np.float64) - images)
    assert (error <= 0.5 * step + 2 * np.spacing(np.abs(images))).all()
    assert error.max() > 0.4 * step.min()


def test_the_errors_are_uniform_and_know_nothing_of_the_pixel():
    """Also where the noise is far below a step, which plain rounding would turn into plateaus."""
    images = scenes(40)
    faint = images.copy()
    faint[:, :, :48] = 0.3 * SIGMA[:, None, None] / 16 + 1e-4 * images[:, :, :48]  # constant within a step
    for content in (images, faint):
        read, step = through(content)
        error = ((read.astype(np.float64) - content) / step)[:, :, :48]
        assert error.mean() == pytest.approx(0, abs=4 / np.sqrt(12 * error.size))
        assert error.std() == pytest.approx(1 / np.sqrt(12), rel=0.01)
        assert abs(np.corrcoef(error.ravel(), content[:, :, :48].ravel())[0, 1]) < 4 / np.sqrt(error.size)


def test_sums_over_apertures_are_not_biased():
    images = scenes(200, pixels=64)
    read, step = through(images)
    y, x = np.mgrid[:64, :64] - 31.5
    for radius in (4, 12):
        inside = np.hypot(x, y) < radius
        difference = ((read.astype(np.float64) - images) * inside).sum(axis=(2, 3)) / step[:, :, 0, 0]
        expected = np.sqrt(inside.sum() / 12)  # of one sum, in steps
        assert difference.std() == pytest.approx(expected, rel=0.15)
        assert (np.abs(difference.mean(axis=0)) < 3 * expected / np.sqrt(len(images))).all()
        # Beside the noise of the sum itself: it is a hundredth of it.
        assert difference.std() < 0.02 * 16 * np.sqrt(inside.sum())


def test_missing_pixels_stay_exactly_zero_and_no_others_become_so():
    images = scenes(6)
    images[0] = 0
    images[1, 2] = 0
    images[2, :, :, 70:] = 0
    images[3, 0, 5, 5] = 0
    read, step = through(images)
    np.testing.assert_array_equal(read[images == 0], 0)
    assert (read[images != 0] == 0).mean() < 1e-4
    assert (np.abs(read - images) <= 0.51 * step).all()


@pytest.mark.parametrize("content", ["constant", "few values", "small", "vast"])
def test_what_has_no_noise_to_measure_is_kept_as_it_is(content):
    images = {
        "constant": np.full((2, 3, 12, 12), 0.7, np.float32),
        "few values": np.where(scenes(2, 32) > 0.5, np.float32(3.3), np.float32(-0.1)),
        "small": scenes(2, 4),
        "vast": scenes(2, 32),
    }[content]
    if content == "vast":
        images[:, :, 3, 3] = 1e6
    read, step = through(images)
    assert not step.any()
    np.testing.assert_array_equal(read, images)


def test_pixels_that_are_not_finite_are_refused():
    images = scenes(3, 16)
    images[1, 2, 3, 4] = np.nan
    with pytest.raises(PipelineError, match=rf"not finite(.|\n)*{ids(3)[1]}"):
        quantize.encode(images, ids(3))


def test_the_dither_belongs_to_the_object_and_the_band():
    images = np.repeat(scenes(1, 32), 3, axis=0)
    images[:, 1] = images[:, 0]
    object_id = np.array([5, 9, 5])
    read, _ = through(images, object_id)
    np.testing.assert_array_equal(read[0], read[2])
    assert (read[0] != read[1]).mean() > 0.9 and (read[0, 0] != read[0, 1]).mean() > 0.9
    again, _ = through(images[1:], object_id[1:])
    np.testing.assert_array_equal(again, read[1:])
    starts = quantize.dither_starts(np.arange(20_000), 3)
    assert 0 <= starts.min() < 20 and 2**16 - 20 < starts.max() < 2**16
    assert starts.mean() == pytest.approx(2**15, rel=0.02)


def _shard(folder, images, compression, name="a.h5"):
    write_image_shard(folder / name, images, {"object_id": ids(len(images))}, ATTRS, compression)
    return folder / name


def test_a_shard_has_a_fifth_of_the_bytes(tmp_path):
    images = scenes(60)
    images[7, 1, 40:44, 40:44] = 300.0
    path = _shard(tmp_path, images, "quantized")
    assert 0.18 < path.stat().st_size / images.nbytes < 0.23
    with h5py.File(path) as file:
        assert file["quantized/wide"][()].nonzero()[0].tolist() == [7]
        assert file["quantized/codes_high"].id.get_num_chunks() == 1
    with ImageShard(path) as shard:
        assert shard.columns == ["object_id"]
        np.testing.assert_array_equal(shard.read(slice(None)), through(images)[0])
        np.testing.assert_array_equal(shard.read(np.array([7, 59, 8])), through(images)[0][[7, 59, 8]])
        with pytest.raises(PipelineError, match="no such column"):
            shard.column("quantized")


def test_the_bytes_repeat(tmp_path):
    images = scenes(70, 32)  # more than are quantized at a time
    one, two = (_shard(tmp_path, images, "quantized", name) for name in ("a.h5", "b.h5"))
    assert sha256(one) == sha256(two)


@pytest.mark.realdata
def test_a_cutout_of_the_legacy_surveys(skysieve_data, tmp_path):
    path = skysieve_data / "images" / "decals_grz_fits" / "cutout_59.1067_-30.4848.fits.gz"
    with fits.open(path) as hdus:
        images = np.stack([hdus[1 + 2 * band].data for band in range(3)]).astype(np.float32)[None]
        true = np.array([1 / np.sqrt(np.median(hdus[2 + 2 * band].data)) for band in range(3)])
    np.testing.assert_allclose(quantize.noise(images)[0], true, rtol=0.15)
    read, step = through(images)
    assert (np.abs(read.astype(np.float64) - images) <= 0.5 * step + 2 * np.spacing(np.abs(images))).all()
    packed = _shard(tmp_path, images, "quantized")
    with h5py.File(packed) as file:
        assert file["quantized/codes"].id.get_storage_size() / images.nbytes < 0.25
