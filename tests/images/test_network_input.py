"""What a network sees of an image."""

import numpy as np
import pytest
import torch

from pipeline.errors import PipelineError
from pipeline.images.colour import viewer_rgb
from pipeline.images.network_input import centre_crop, plain_view
from pipeline.settings.encoders import View


def test_viewer_colours_of_the_averaged_centre():
    images = torch.rand(2, 3, 20, 20) * 0.1
    view = View.parse({"crop": 12, "pixels": 6, "transform": {"kind": "viewer_rgb"}})
    centre = images[..., 4:16, 4:16].numpy().reshape(2, 3, 6, 2, 6, 2).mean((3, 5))
    assert np.allclose(plain_view(images, view).numpy(), viewer_rgb(centre), atol=1e-6)


def test_asinh_is_linear_at_the_noise():
    images = torch.zeros(1, 3, 8, 8)
    images[0, :, 0, 0] = torch.tensor([0.001, 2.0, -2.0])
    view = View.parse({"crop": 8, "pixels": 8, "transform": {"kind": "asinh", "scale": [0.1, 0.02, 0.02]}})
    made = plain_view(images, view)[0, :, 0, 0].numpy()
    assert made == pytest.approx([0.01, np.arcsinh(100), -np.arcsinh(100)], rel=1e-4)


def test_crop_of_odd_sizes_and_of_too_small_images():
    images = torch.arange(49.0).reshape(1, 1, 7, 7)
    assert centre_crop(images, 4)[0, 0, 0, 0] == 8
    assert centre_crop(images, 3)[0, 0, 1, 1] == 24
    with pytest.raises(PipelineError, match="(?s)smaller than the crop.*7x7.*>= 8"):
        centre_crop(images, 8)


def test_a_crop_that_does_not_divide_is_refused():
    with pytest.raises(PipelineError, match="whole multiple"):
        View.parse({"crop": 10, "pixels": 4, "transform": {"kind": "viewer_rgb"}})
