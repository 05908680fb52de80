"""Augmentations on synthetic sources: geometry, flux, blur and noise in quadrature, extinction."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from pipeline.data import random
from pipeline.images.augment import UNIFORMS, Draws, augment, blur_kernels, draw, resample
from pipeline.images.distributions import Distributions, Lognormal
from pipeline.images.extinction import transmission
from pipeline.images.own import Own
from pipeline.settings.augmentation import Augmentation

LAWS = Distributions(
    noise=tuple(Lognormal(0.3, 0.0, scale, 0.5 * scale, 3 * scale) for scale in (0.004, 0.006, 0.015)),
    psf=tuple(Lognormal(0.2, 0.5, 1.6, 1.4, 3.4) for _ in range(3)),
    extinction=Lognormal(0.7, 0.001, 0.03, 0.005, 0.3),
    pixel_scale=0.262,
)


def settings(**changes) -> Augmentation:
    off = {
        "fit": {"sets": ["train"], "band": "z", "limit": 20.0, "n": 1000},
        "pixel_scale": 0.262,
        "extinction": "off",
        "psf": "off",
        "noise": "off",
        "flip": False,
        "rotation": False,
        "scale": None,
        "jitter": 0,
    }
    return Augmentation.parse({**off, **changes})


def own(n: int, ebv=0.05, psf=1.5, noise=(0.003, 0.005, 0.012)) -> Own:
    return Own(np.full(n, ebv), np.full((n, 3), psf), np.tile(np.array(noise, dtype=float), (n, 1)))


def uniform(n: int) -> np.ndarray:
    return random.uniform(1, "test", 0, np.arange(n), UNIFORMS)


def blob(n: int, size: int = 152, sigma: float = 4.0, dx: float = 0.0, dy: float = 0.0, axis: float = 1.0):
    y, x = np.indices((size, size)) - (size - 1) / 2
    image = np.exp(-((x - dx) ** 2 + ((y - dy) / axis) ** 2) / 2 / sigma**2)
    return torch.from_numpy(np.broadcast_to(image, (n, 3, size, size)).astype(np.float32).copy())


def moments(images: torch.Tensor):
    """Flux, centre (x, y) and second moments (xx, yy, xy) of each image, from the centre of the frame."""
    values = images.double().numpy()
    y, x = np.indices(values.shape[-2:]) - (values.shape[-1] - 1) / 2
    flux = values.sum((-2, -1))
    mx, my = ((values * place).sum((-2, -1)) / flux for place in (x, y))
    pairs = [(values * place).sum((-2, -1)) / flux for place in (x * x, y * y, x * y)]
    return flux, np.stack([mx, my], -1), np.stack([pairs[0] - mx**2, pairs[1] - my**2, pairs[2] - mx * my], -1)


def test_all_off_is_the_centre_crop_to_the_bit():
    images = torch.randn(4, 3, 152, 152)
    made = augment(images, draw(uniform(4), own(4), settings(), LAWS), None, 96)
    assert torch.allclose(made, images[..., 28:124, 28:124], atol=1e-4)


def test_rotation_keeps_flux_and_turns_the_image():
    n = 32
    images = blob(n, dx=12.0, sigma=5.0, axis=0.6)
    draws = draw(uniform(n), own(n), settings(rotation=True), LAWS)
    flux, centre, second = moments(augment(images, draws, None, 96))
    before, _, expected = moments(images)
    assert flux == pytest.approx(before, rel=2e-3)
    assert np.hypot(*np.moveaxis(centre, -1, 0)) == pytest.approx(12.0, abs=0.02)
    angles = np.unwrap(np.sort(np.arctan2(centre[:, 0, 1], centre[:, 0, 0])))
    assert np.diff(angles).max() < 1.0  # all directions, not multiples of something
    # Trace and determinant of the second moments are those of the ellipse, whatever its angle. Bilinear resampling adds
    # a little width, at most that of a triangle (1/6).
    trace, area = second[..., 0] + second[..., 1], second[..., 0] * second[..., 1] - second[..., 2] ** 2
    assert trace == pytest.approx(expected[..., 0] + expected[..., 1], abs=0.4)
    assert area == pytest.approx(expected[..., 0] * expected[..., 1], rel=0.05)


def test_rotation_by_a_known_angle_agrees_with_scipy():
    image = np.random.default_rng(0).normal(size=(61, 61))
    image = ndimage.gaussian_filter(image, 2.0)
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    made = resample(torch.from_numpy(image[None, None].astype(np.float32)), turn[None], np.zeros((1, 2)), 41)[0, 0]
    y, x = np.indices((41, 41)) - 20.0
    old_x, old_y = turn @ np.stack([x.ravel(), y.ravel()])
    expected = ndimage.map_coordinates(image, [old_y + 30, old_x + 30], order=1).reshape(41, 41)
    assert np.allclose(made.numpy(), expected, atol=1e-4)


def test_flips_come_in_four_kinds_and_keep_flux():
    n = 64
    made = augment(blob(n, dx=9.0, dy=5.0), draw(uniform(n), own(n), settings(flip=True), LAWS), None, 96)
    flux, centre, _ = moments(made)
    assert flux == pytest.approx(moments(blob(1))[0][0, 0], rel=1e-3)
    kinds, counts = np.unique(np.round(centre[:, 0], 3), axis=0, return_counts=True)
    assert kinds.tolist() == [[-9, -5], [-9, 5], [9, -5], [9, 5]] and counts.min() >= 6


def test_scale_is_isotropic_about_the_centre_and_keeps_surface_brightness():
    n = 64
    draws = draw(uniform(n), own(n), settings(scale=[0.8, 1.25]), LAWS)
    made = augment(blob(n, sigma=6.0, dx=10.0), draws, None, 96)
    flux, centre, second = moments(made)
    scale = 1 / draws.matrix[:, 0, 0]
    assert scale.min() < 0.83 and scale.max() > 1.2
    assert second[:, 0, 0] == pytest.approx(second[:, 0, 1], rel=2e-3)
    assert second[:, 0, 0] == pytest.approx((6 * scale) ** 2, rel=0.02)
    assert centre[:, 0, 0] == pytest.approx(10 * scale, abs=0.02)
    assert flux[:, 0] == pytest.approx(moments(blob(1, sigma=6.0))[0][0, 0] * scale**2, rel=5e-3)
    assert made.amax((1, 2, 3)).numpy() == pytest.approx(np.ones(n), abs=0.02)


def test_jitter_moves_by_whole_pixels_up_to_its_bound():
    n = 400
    _, centre, _ = moments(augment(blob(n), draw(uniform(n), own(n), settings(jitter=7), LAWS), None, 96))
    moves = centre[:, 0]
    assert moves == pytest.approx(np.round(moves), abs=2e-3)
    assert set(np.round(moves).astype(int).ravel()) == set(range(-7, 8))
    assert len(np.unique(np.round(moves), axis=0)) > 100


def test_kernels_have_exactly_their_variance():
    sigma = np.array([0.05, 0.2, 0.4, 0.8, 1.5, 3.0])
    steps = np.arange(-20, 21)
    kernels = blur_kernels(sigma, 20)
    assert kernels.sum(1) == pytest.approx(np.ones(6), abs=1e-12)
    assert kernels @ steps**2 == pytest.approx(sigma**2, rel=1e-6)
    assert blur_kernels(np.array([0.0]), 3)[0].tolist() == [0, 0, 0, 1, 0, 0, 0]
    wide = np.exp(-(steps**2) / 2 / 9)
    assert kernels[-1] == pytest.approx(wide / wide.sum(), abs=2e-3)


def test_blur_brings_the_psf_to_the_drawn_width_and_never_sharpens():
    n = 64
    one = own(n)
    one.psf[: n // 2] = 3.0  # already wider than most draws
    draws = draw(uniform(n), one, settings(psf="fit"), LAWS)
    flux, _, second = moments(augment(blob(n, sigma=4.0), draws, None, 96))
    drawn = LAWS.psf[0].draw(uniform(n)[:, 7])
    added = np.clip(drawn**2 - one.psf[:, 0] ** 2, 0, None)
    assert (added == 0).any() and (added > 1).any()
    assert draws.blur[:, 0] == pytest.approx(np.sqrt(added))
    assert second[:, 0, 0] == pytest.approx(16 + added, rel=2e-3)
    assert flux == pytest.approx(moments(blob(1))[0][0, 0], rel=1e-3)
    assert not np.allclose(draws.blur[:, 0], draws.blur[:, 1])  # bands are independent


def test_blur_is_that_of_scipy_also_at_the_edge_of_the_crop():
    noise = np.random.default_rng(4).normal(size=(2, 3, 152, 152))
    images = torch.from_numpy(ndimage.gaussian_filter(noise, (0, 0, 1.5, 1.5)).astype(np.float32))
    sigma = np.array([[1.0, 1.5, 2.0], [0.0, 2.5, 0.7]])
    still = Draws(np.ones((2, 3)), np.tile(np.eye(2), (2, 1, 1)), np.zeros((2, 2)), sigma, np.zeros((2, 3)), 2.5)
    made = augment(images, still, None, 96).numpy()
    for index in np.ndindex(2, 3):
        if sigma[index] < 1:
            continue  # scipy's sampled Gaussian is narrower than its name
        expected = ndimage.gaussian_filter(images[index].numpy(), sigma[index], truncate=6)[28:124, 28:124]
        assert np.abs(made[index] - expected).max() < 0.02 * np.abs(expected).max()
    assert np.allclose(made[1, 0], images[1, 0, 28:124, 28:124], atol=1e-4)


@pytest.mark.parametrize("pixels", [96, 48])
def test_noise_is_added_in_quadrature(pixels):
    n = 24
    one = own(n)
    rng = np.random.default_rng(5)
    images = torch.from_numpy(rng.normal(size=(n, 3, 152, 152)).astype(np.float32) * one.noise[:, :, None, None])
    draws = draw(uniform(n), one, settings(noise="fit"), LAWS)
    normals = torch.from_numpy(rng.normal(size=(n, 3, pixels, pixels)).astype(np.float32))
    made = augment(images.float(), draws, normals, 96, pixels).double()
    drawn = np.stack([law.draw(column) for law, column in zip(LAWS.noise, uniform(n)[:, 10:13].T, strict=True)], 1)
    expected = np.maximum(drawn, one.noise) * pixels / 96
    assert made.std((2, 3)).numpy() == pytest.approx(expected, rel=0.05)
    assert (draws.noise == 0).any() and (draws.noise > 0).any()


def test_extinction_starts_from_the_objects_own():
    n = 50
    one = own(n)
    one.ebv[:] = np.linspace(0, 0.5, n)
    draws = draw(uniform(n), one, settings(extinction="fit"), LAWS)
    intrinsic = blob(n)
    observed = intrinsic * torch.from_numpy(transmission(one.ebv).astype(np.float32))[:, :, None, None]
    made = augment(observed, draws, None, 96)
    new = LAWS.extinction.draw(uniform(n)[:, 0])
    expected = intrinsic[..., 28:124, 28:124].numpy() * transmission(new)[:, :, None, None]
    assert np.allclose(made.numpy(), expected, rtol=1e-4, atol=1e-4)


def test_pixels_are_averaged_after_the_blur():
    n = 5
    images = torch.randn(n, 3, 152, 152)
    draws = draw(uniform(n), own(n), settings(psf="fit", rotation=True, jitter=3), LAWS)
    fine, coarse = augment(images, draws, None, 96), augment(images, draws, None, 96, 32)
    assert torch.allclose(torch.nn.functional.avg_pool2d(fine, 3), coarse, atol=1e-5)


def test_what_is_unknown_is_left_alone():
    n = 6
    one = own(n)
    one.ebv[2], one.psf[3, 1], one.noise[4] = np.nan, np.nan, np.nan
    draws = draw(uniform(n), one, settings(extinction="fit", psf="fit", noise="fit"), LAWS)
    assert (draws.ratio[2] == 1).all() and draws.blur[3, 1] == 0 and (draws.noise[4] == 0).all()
    assert np.isfinite(draws.ratio).all() and np.isfinite(draws.blur).all() and np.isfinite(draws.noise).all()


def test_views_do_not_depend_on_the_batch():
    images, draws_of = torch.randn(8, 3, 152, 152), uniform(8)
    every = settings(psf="fit", extinction="fit", rotation=True, flip=True, scale=[0.9, 1.1], jitter=7)
    together = draw(draws_of, own(8), every, LAWS)
    alone = draw(draws_of[3:4], own(1), every, LAWS)
    for name in ("ratio", "matrix", "shift", "blur", "noise"):
        assert (getattr(together, name)[3:4] == getattr(alone, name)).all()
    made = augment(images, together, None, 96)[3]
    assert torch.allclose(augment(images[3:4], alone, None, 96)[0], made, atol=1e-6)
