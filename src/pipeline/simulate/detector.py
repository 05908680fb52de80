"""What a camera adds to light: correlated noise, sky residuals, satellite trails, bleed trails, inverse variance."""

from dataclasses import dataclass

import numpy as np

from pipeline.data.random import stream
from pipeline.settings.simulation import Blemishes
from pipeline.simulate.conditions import BANDS, Conditions

_ALLMASK_BLEED = 1 << 6 | 1 << 1  # BLEED and SATUR of the DR9 ALLMASK bits


@dataclass(frozen=True)
class Bleed:
    """A saturated row segment of one band: pixels [x0, x1) of rows [y0, y1)."""

    band: int
    x0: int
    x1: int
    y0: int
    y1: int

    def covers(self, x, y) -> np.ndarray:
        """Return whether pixels (N,) lie on it."""
        return (x >= self.x0 - 0.5) & (x < self.x1 - 0.5) & (y >= self.y0 - 0.5) & (y < self.y1 - 0.5)


def bleeds(star_x, star_y, star_flux, conditions: Conditions, settings: Blemishes, pixels: int) -> list[Bleed]:
    """Return the bleed trails of stars at pixels (S,) with fluxes (S, 3) in nanomaggies.

    A star bleeds along its row when its peak exceeds the saturation; the trail holds the charge above it.
    """
    out = []
    for band in range(len(BANDS)):
        weights, variances = conditions.psf(band)
        peak = star_flux[:, band] * np.sum(weights / (2 * np.pi * variances))
        width = float(np.sqrt(variances[0]))
        for row in np.flatnonzero(peak > settings.saturation):
            radius = width * np.sqrt(2 * np.log(peak[row] / settings.saturation))
            length = radius + 1.5 * width * (peak[row] / settings.saturation) ** 0.5
            x0, x1 = int(star_x[row] - length), int(star_x[row] + length) + 1
            y0, y1 = int(star_y[row] - 0.5 * radius), int(star_y[row] + 0.5 * radius) + 1
            if x1 > 0 and x0 < pixels and y1 > 0 and y0 < pixels:
                out.append(Bleed(band, max(x0, 0), min(x1, pixels), max(y0, 0), min(y1, pixels)))
    return out


def expose(
    light: np.ndarray, conditions: Conditions, trails: list[Bleed], settings: Blemishes, seed: int, brick: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return image and inverse variance, (3, rows, columns) float32 each, of noiseless light of that shape.

    The variance of a pixel is that of the sky, less where more exposures overlap, times 1 + light / sky. The noise has
    that variance before it is smoothed with the settings' kernel, as resampling does in a coadd: the standard
    deviation of single pixels is smaller, that of large apertures is kept. Saturated pixels hold the saturation and an
    inverse variance of zero.
    """
    image, invvar = np.empty_like(light), np.empty_like(light)
    for band, name in enumerate(BANDS):
        rng = stream(seed, "simulate.noise", conditions.region, brick, name)
        passes, sigma = conditions.passes[band], float(conditions.noise[band])
        variance = np.maximum(light[band], 0)
        variance *= np.float32(1 / conditions.sky[band])
        variance += 1
        variance *= np.float32(sigma**2 * passes.base)
        variance /= passes.image()
        noise = smooth(rng.standard_normal([side + 4 for side in light.shape[1:]], dtype=np.float32), settings)
        noise *= np.sqrt(variance)
        noise += light[band]
        _add_residual(rng, noise, sigma * settings.sky_residual)
        if rng.random() < settings.satellites:
            _add_trail(rng, noise, sigma, float(conditions.psf_sigma[band]))
        np.divide(1, variance, out=invvar[band])
        for trail in (trail for trail in trails if trail.band == band):
            noise[trail.y0 : trail.y1, trail.x0 : trail.x1] = settings.saturation
            invvar[band, trail.y0 : trail.y1, trail.x0 : trail.x1] = 0
        np.minimum(noise, np.float32(settings.saturation), out=image[band])
    return image, invvar


def smooth(noise: np.ndarray, settings: Blemishes) -> np.ndarray:
    """Return (rows, columns) of noise (rows + 4, columns + 4) smoothed along both axes with the settings' kernel."""
    centre, first, second = (np.float32(value) for value in settings.correlation)
    for _ in (0, 1):
        out = noise[2:-2] * centre
        inner = noise[1:-3] + noise[3:-1]
        inner *= first
        out += inner
        inner = noise[:-4] + noise[4:]
        inner *= second
        out += inner
        noise = out.T
    return noise


def _add_residual(rng, image: np.ndarray, amplitude: float) -> None:
    """Add slow waves with a standard deviation near `amplitude`: what is left of the sky."""
    along = np.arange(image.shape[0])
    for _ in range(3):
        waves, phases = 2 * np.pi / rng.uniform(250, 1200, 2), rng.uniform(0, 2 * np.pi, 2)
        rows, columns = (np.cos(wave * along + phase) for wave, phase in zip(waves, phases, strict=True))
        image += (rows * amplitude * 2 / np.sqrt(3)).astype(np.float32)[:, None] * columns.astype(np.float32)


def _add_trail(rng, image: np.ndarray, noise: float, width: float) -> None:
    """Add what outlier rejection leaves of a satellite's trail: a faint straight line across the image."""
    pixels = image.shape[0]
    angle, (x0, y0) = rng.uniform(0, np.pi), rng.uniform(0.1, 0.9, 2) * pixels
    strength, sigma = noise * rng.uniform(0.4, 2.0), 1.2 * width
    normal_x, normal_y = -np.sin(angle), np.cos(angle)
    along = np.arange(pixels, dtype=np.float32)
    distance = (normal_x * (along - x0))[None, :] + (normal_y * (along - y0))[:, None]
    near = np.abs(distance) < 4 * sigma
    image[near] += (strength * np.exp(-0.5 * (distance[near] / sigma) ** 2)).astype(np.float32)


def allmask(trails: list[Bleed], x, y) -> np.ndarray:
    """Return (N, 3) int16 ALLMASK values of sources at pixels."""
    out = np.zeros((len(x), len(BANDS)), dtype=np.int16)
    for trail in trails:
        out[trail.covers(x, y), trail.band] |= _ALLMASK_BLEED
    return out
