"""Viewer colours against reference_code.md §11.1, and a numpy against a torch input."""

import numpy as np
import pytest
import torch

from pipeline.images.colour import rgb_bytes, viewer_rgb


@pytest.mark.parametrize(
    ("grz", "rgb"),
    [
        ((0, 0, 0), (0.1271931, 0.1271931, 0.1271931)),
        ((0.01, 0.02, 0.03), (0.3162997, 0.3228893, 0.2965310)),
        ((0.1, 0.2, 0.3), (0.7523660, 0.7741737, 0.6869429)),
        ((1, 2, 3), (1, 1, 1)),
        ((-1, -1, -1), (0, 0, 0)),
    ],
)
def test_vectors(grz, rgb):
    image = np.reshape(np.array(grz, dtype=float), (3, 1, 1))
    assert viewer_rgb(image).ravel() == pytest.approx(rgb, abs=1e-6)


def test_torch_and_numpy_agree_and_the_input_is_left_alone():
    image = np.random.default_rng(0).normal(0.01, 0.05, (2, 3, 8, 8))
    before = image.copy()
    made = viewer_rgb(torch.from_numpy(image), torch.asinh)
    assert np.allclose(made.numpy(), viewer_rgb(image), atol=1e-12)
    assert (image == before).all()


def test_bytes_are_red_green_blue_in_the_last_axis():
    image = np.zeros((3, 2, 4))
    image[2, 0, 1] = 0.2  # z is red
    made = rgb_bytes(image)
    assert made.shape == (2, 4, 3) and made.dtype == np.uint8
    assert made[0, 1, 0] > made[0, 1, 1] and made[1, 1].tolist() == [32, 32, 32]
