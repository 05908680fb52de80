"""Augmentations of Stein et al. 2021 (§3.1, appendix B), batched in torch; random numbers come in, none are made here.

The order is the paper's: extinction, flips and rotation, scale, PSF blur, jitter and crop, noise. Flips, rotation,
scale, jitter and crop are one bilinear resampling; the blur follows it, before the crop's margin is cut off. Averaging
pixels down is part of the blur's matrices, and white noise is added after it with the width that it then has.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from pipeline.images.distributions import Distributions, Lognormal
from pipeline.images.extinction import transmission
from pipeline.images.network_input import averaged
from pipeline.images.own import Own
from pipeline.settings.augmentation import Augmentation

# Uniform numbers that `draw` takes for one view of one object: E(B-V), 2 flips, angle, scale, 2 shifts, 3 PSF, 3 noise.
UNIFORMS = 13
# Kernels end at this many sigma; what lies beyond, 6e-5 of a Gaussian, goes to the kernel by normalisation.
KERNEL_SIGMAS = 4.0


@dataclass(frozen=True)
class Draws:
    """One view of each of N images: what is done to it.

    `ratio` (N, 3): factor of each band. `matrix` (N, 2, 2) and `shift` (N, 2): from pixel offsets (x, y) in the new
    image, plus the shift, to offsets in the old one. `blur` (N, 3): sigma in pixels. `noise` (N, 3): sigma in
    nanomaggies. `largest_blur`: the bound of `blur` in this survey, which fixes the kernels' length.
    """

    ratio: np.ndarray
    matrix: np.ndarray
    shift: np.ndarray
    blur: np.ndarray
    noise: np.ndarray
    largest_blur: float


def draw(uniform: np.ndarray, own: Own, settings: Augmentation, distributions: Distributions) -> Draws:
    """Turn uniform numbers into one view of each image.

    A new E(B-V), PSF width and noise are drawn from the survey's distributions. Extinction goes from the object's own
    to the new one. Blur and noise are what must be added in quadrature to reach the new width, and nothing where the
    object has more already (Stein, appendix B) or its own value is unknown.

    Parameters
    ----------
    uniform : array (N, 13) in [0, 1)
    own : Own
    settings : Augmentation
    distributions : Distributions
    """
    n = len(uniform)
    ratio = np.ones((n, 3))
    if settings.extinction != "off":
        new = distributions.extinction.draw(uniform[:, 0])
        known = np.isfinite(own.ebv)
        ratio[known] = transmission(new[known]) / transmission(own.ebv[known])
    matrix = np.broadcast_to(np.eye(2), (n, 2, 2)).copy()
    if settings.rotation:
        angle = 2 * np.pi * uniform[:, 3]
        cosine, sine = np.cos(angle), np.sin(angle)
        matrix = np.stack([np.stack([cosine, -sine], 1), np.stack([sine, cosine], 1)], 1)
    if settings.flip:
        # Rows of the matrix give offsets in the old image: a change of their sign is a flip that precedes the rotation.
        matrix = matrix * np.where(uniform[:, 1:3] < 0.5, -1.0, 1.0)[:, :, None]
    if settings.scale is not None:
        low, high = settings.scale
        matrix = matrix / (low + (high - low) * uniform[:, 4])[:, None, None]
    steps = 2 * settings.jitter + 1
    shift = np.floor(uniform[:, 5:7] * steps) - settings.jitter
    blur, noise, largest = np.zeros((n, 3)), np.zeros((n, 3)), 0.0
    if settings.psf != "off":
        # From the narrowest to the widest PSF; an object that is narrower than either stops there too.
        largest = max((band.high**2 - band.low**2) ** 0.5 for band in distributions.psf)
        blur = np.minimum(_added(uniform[:, 7:10], own.psf, distributions.psf), largest)
    if settings.noise != "off":
        noise = _added(uniform[:, 10:13], own.noise, distributions.noise)
    return Draws(ratio, matrix, shift, blur, noise, largest)


def _added(uniform: np.ndarray, own: np.ndarray, new: tuple[Lognormal, ...]) -> np.ndarray:
    """Return what is added in quadrature to reach a draw, (N, 3)."""
    drawn = np.stack([band.draw(column) for band, column in zip(new, uniform.T, strict=True)], axis=1)
    return np.sqrt(np.clip(np.nan_to_num(drawn**2 - own**2, nan=0.0), 0.0, None))


def blur_kernels(sigma: np.ndarray, radius: int) -> np.ndarray:
    """Return discrete Gaussian kernels (..., 2 radius + 1) of the given sigma (...) in pixels.

    exp(-t) I_n(t) with t = sigma^2 (Lindeberg 1990) has the variance sigma^2 exactly at every width, which a sampled
    Gaussian below half a pixel has not.
    """
    from scipy.special import ive  # a quarter of a second, which stages that blur nothing do not pay

    steps = np.abs(np.arange(-radius, radius + 1))
    half = ive(np.arange(radius + 1), np.asarray(sigma)[..., None] ** 2)
    kernel = half[..., steps]
    return kernel / kernel.sum(axis=-1, keepdims=True)


def blur_matrices(sigma: np.ndarray, radius: int, crop: int, pixels: int) -> np.ndarray:
    """Return matrices (..., pixels, crop + 2 radius), float32, that blur a row of pixels, cut its margin, average.

    Parameters
    ----------
    sigma : array (...)
        Width in pixels before averaging.
    radius : int
        Margin at each end.
    crop, pixels : int
        Length before and after averaging.
    """
    kernel = blur_kernels(sigma, radius)
    factor = crop // pixels
    # The kernel of an averaged pixel is the mean of the kernels of its parts.
    wide = sum(
        np.pad(kernel, [(0, 0)] * (kernel.ndim - 1) + [(part, factor - 1 - part)]) for part in range(factor)
    ) / factor  # fmt: skip
    matrix = np.zeros((*np.shape(sigma), pixels, crop + 2 * radius), dtype=np.float32)
    for row in range(pixels):
        matrix[..., row, row * factor : row * factor + wide.shape[-1]] = wide
    return matrix


def resample(images: torch.Tensor, matrix: np.ndarray, shift: np.ndarray, size: int) -> torch.Tensor:
    """Return images (N, 3, size, size) that take their pixels from where the matrix says, bilinear, zero outside.

    Surface brightness (flux a pixel) is kept.
    """
    height, width = images.shape[-2:]
    to_unit = np.array([[2 / width], [2 / height]])
    moved = np.einsum("nij,nj->ni", matrix, shift)[:, :, None]
    theta = np.concatenate([matrix * size / 2, moved], axis=2) * to_unit
    theta = torch.from_numpy(theta.astype(np.float32)).to(images.device)
    grid = F.affine_grid(theta, [len(images), images.shape[1], size, size], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def augment(
    images: torch.Tensor, draws: Draws, normals: torch.Tensor | None, crop: int, pixels: int | None = None
) -> torch.Tensor:
    """Return one view of each image.

    Parameters
    ----------
    images : tensor (N, 3, H, W)
        Nanomaggies, on any device.
    draws : Draws
    normals : tensor (N, 3, pixels, pixels) or None
        Standard normal numbers for the noise; None adds none.
    crop : int
        Pixels of the input's scale that the view spans.
    pixels : int or None
        Side of the result, to which the crop is averaged; None is `crop`.

    Returns
    -------
    tensor (N, 3, pixels, pixels), nanomaggies
    """
    pixels = pixels or crop
    radius = int(np.ceil(KERNEL_SIGMAS * draws.largest_blur))
    views = resample(images, draws.matrix, draws.shift, crop + 2 * radius)
    views = views * _tensor(draws.ratio, images)[:, :, None, None]
    if radius:
        along = _tensor(blur_matrices(draws.blur, radius, crop, pixels), images)
        views = along @ views @ along.transpose(2, 3)
    else:
        views = averaged(views, crop // pixels)
    if normals is not None:
        # The mean of factor^2 pixels has 1/factor of the noise of one.
        views = views + normals.to(images.device) * _tensor(draws.noise * pixels / crop, images)[:, :, None, None]
    return views


def _tensor(values: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).to(like.device)
