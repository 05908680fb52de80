"""The adding of Gaussians against brute force."""

import numpy as np
import pytest

from pipeline.simulate.gaussians import Gaussians, add, add_stamp


def brute_force(gaussians, shape):
    y, x = np.indices(shape)
    out = np.zeros(shape)
    for k in range(len(gaussians.x)):
        cov = np.array([[gaussians.xx[k], gaussians.xy[k]], [gaussians.xy[k], gaussians.yy[k]]])
        d = np.stack([x - gaussians.x[k], y - gaussians.y[k]], axis=-1)
        q = np.einsum("...i,ij,...j", d, np.linalg.inv(cov), d)
        out += gaussians.flux[k, 0] / (2 * np.pi * np.sqrt(np.linalg.det(cov))) * np.exp(-0.5 * q)
    return out


@pytest.fixture
def many():
    rng = np.random.default_rng(3)
    n = 40
    xx, yy = rng.uniform(1, 30, (2, n))
    xy = rng.uniform(-0.9, 0.9, n) * np.sqrt(xx * yy)
    xy[::3] = 0
    # Some lie outside the image and reach into it.
    return Gaussians(rng.uniform(-10, 110, n), rng.uniform(-10, 80, n), xx, xy, yy, rng.uniform(0.1, 50, (n, 1)))


def test_sum_is_that_of_brute_force(many):
    image = np.zeros((70, 100), dtype=np.float32)
    add(image, many, 0, 1e-4)
    assert np.abs(image - brute_force(many, image.shape)).max() < 1e-3


def test_light_below_the_level_is_left_out(many):
    image = np.zeros((70, 100), dtype=np.float32)
    add(image, many, 0, 1e6)
    assert not image.any()


def test_convolution_adds_variances():
    one = Gaussians(*(np.array([value]) for value in (5.0, 6.0, 2.0, 0.5, 3.0)), np.ones((1, 2)))
    seen = one.seen_through(np.array([0.25, 0.75]), np.array([1.0, 4.0]))
    assert seen.xx.tolist() == [3.0, 6.0]
    assert seen.yy.tolist() == [4.0, 7.0]
    assert seen.xy.tolist() == [0.5, 0.5]
    assert seen.flux.tolist() == [[0.25, 0.25], [0.75, 0.75]]


def test_stamps_are_cut_at_the_edges():
    image = np.zeros((5, 5), dtype=np.float32)
    for left, bottom in ((-2, -2), (3, 3), (-9, 0), (0, 9)):
        add_stamp(image, np.ones((4, 4), dtype=np.float32), left, bottom)
    assert image.sum() == 8
    assert image[0, 0] == image[1, 1] == image[4, 4] == image[3, 3] == 1
