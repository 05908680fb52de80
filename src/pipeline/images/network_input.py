"""From fluxes to what a network sees: centre crop, averaging, colours or asinh; batched in torch."""

import numpy as np
import torch

from pipeline.errors import PipelineError
from pipeline.images.colour import viewer_rgb
from pipeline.settings.encoders import Asinh, View, ViewerRGB


def centre_crop(images: torch.Tensor, pixels: int) -> torch.Tensor:
    """Return the central `pixels` of images (N, 3, H, W); an odd remainder leaves one more row below and right.

    Raises
    ------
    PipelineError
        The images are smaller.
    """
    height, width = images.shape[-2:]
    if min(height, width) < pixels:
        raise PipelineError("the images are smaller than the crop", value=f"{height}x{width}", allowed=f">= {pixels}")
    top, left = (height - pixels) // 2, (width - pixels) // 2
    return images[..., top : top + pixels, left : left + pixels]


def averaged(images: torch.Tensor, factor: int) -> torch.Tensor:
    """Return images (N, 3, H, W) as means over squares of `factor` pixels, (N, 3, H / factor, W / factor)."""
    if factor == 1:
        return images
    # Rows first: whole rows add up three times faster than torch's pooling of a part of an image.
    rows = sum((images[..., part::factor, :] for part in range(1, factor)), images[..., ::factor, :])
    squares = sum((rows[..., part::factor] for part in range(1, factor)), rows[..., ::factor])
    return squares.mul_(1 / factor**2)


def arcsinh(values: torch.Tensor) -> torch.Tensor:
    """Return asinh of a tensor; on a CPU by numpy, whose function is ten times as fast as torch's."""
    return torch.from_numpy(np.arcsinh(values.numpy())) if values.device.type == "cpu" else torch.asinh(values)


def transform(images: torch.Tensor, setting: ViewerRGB | Asinh) -> torch.Tensor:
    """Return images (N, 3, H, W) in nanomaggies as the network's input, (N, 3, H, W) float32."""
    if isinstance(setting, ViewerRGB):
        return viewer_rgb(images, arcsinh)
    scale = torch.tensor(setting.scale, dtype=images.dtype, device=images.device)
    return arcsinh(images / scale[:, None, None])


def plain_view(images: torch.Tensor, view: View) -> torch.Tensor:
    """Return images (N, 3, H, W) in nanomaggies as an encoder sees them unchanged, (N, 3, pixels, pixels)."""
    return transform(averaged(centre_crop(images, view.crop), view.crop // view.pixels), view.transform)
