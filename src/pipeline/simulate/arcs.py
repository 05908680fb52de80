"""What a catalogue makes of lensed images: some are sources of their own, the rest blends into the host's fluxes."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter

from pipeline.simulate.conditions import Conditions
from pipeline.simulate.profiles import PIXEL_SCALE

_MODEL_ERROR = 0.05  # of the host's light: how well an observer can subtract it
_DETECTION = 8.0  # signal-to-noise ratio of a source
_CONTRAST = 0.4  # surface brightness of an image in units of the host's at the same place
_MOST = 4


@dataclass(frozen=True)
class Images:
    """Lensed images as a region sees them.

    Attributes
    ----------
    snr : float
        Signal-to-noise ratio of all lensed light in three bands, with 5 % of the host's light as an error.
    blended : (3,) nanomaggies that the fit of the host takes up
    east, north : (K,) arcsec from the host, of the images that stand apart
    flux : (K, 3) nanomaggies; radius, e1, e2 : (K,) of an exponential profile, radius 0 for a point
    """

    snr: float
    blended: np.ndarray
    east: np.ndarray
    north: np.ndarray
    flux: np.ndarray
    radius: np.ndarray
    e1: np.ndarray
    e2: np.ndarray


def measure(
    stamp: np.ndarray,
    host: np.ndarray,
    shift: tuple[float, float],
    host_radius: float,
    noise: np.ndarray,
    conditions: Conditions,
    listed: np.ndarray,
) -> Images:
    """Measure lensed images on a noiseless stamp.

    Parameters
    ----------
    stamp, host : array (3, S, S)
        Lensed light and the host's light, nanomaggies per pixel.
    shift : tuple
        Position of the host minus the stamp's central pixel, in pixels (columns, rows).
    host_radius : float
        Half-light radius, arcsec.
    noise : array (3,)
        Noise of the sky in a pixel.
    listed : array (4,) bool
        Whether the catalogue lists the first, second, ... brightest image that stands apart.
    """
    half = stamp.shape[1] // 2
    offset = np.arange(-half, half + 1)
    east = -(offset - shift[0])[None, :] * PIXEL_SCALE * np.ones((len(offset), 1))
    north = (offset - shift[1])[:, None] * PIXEL_SCALE * np.ones((1, len(offset)))
    variance = noise[:, None, None] ** 2 * (1 + np.maximum(stamp + host, 0) / conditions.sky[:, None, None])
    snr = float(np.sqrt(np.sum(stamp**2 / (variance + (_MODEL_ERROR * host) ** 2))))
    peaks = _peaks(stamp, host, east, north, noise, conditions)[:_MOST]
    peaks = [peak for peak, on in zip(peaks, listed, strict=False) if on]
    distance = np.hypot(east, north)
    # Each pixel belongs to the nearest of the host and the images that the catalogue lists.
    nearest = np.stack([distance, *(np.hypot(east - a, north - b) for a, b in peaks)]).argmin(axis=0)
    taken = np.exp(-0.5 * (distance / (1.5 * max(host_radius, conditions.psfsize[1]))) ** 2) * (nearest == 0)
    rows = [_moments(stamp * (nearest == k + 1), peak, east, north, conditions) for k, peak in enumerate(peaks)]
    flux = np.array([(stamp * (nearest == k + 1)).sum(axis=(1, 2)) for k in range(len(peaks))]).reshape(-1, 3)
    columns = np.array(rows, dtype=float).reshape(-1, 5).T
    return Images(snr, (stamp * taken).sum(axis=(1, 2)), columns[0], columns[1], flux, *columns[2:])


def _peaks(stamp, host, east, north, noise, conditions) -> list[tuple[float, float]]:
    """Return (east, north) of images that stand apart from the host and each other, the brightest first."""
    combined = np.sum(stamp / noise[:, None, None], axis=0)
    width = float(conditions.psfsize[1])
    area = 4 * np.pi * conditions.psf_sigma[:2] ** 2
    # A point source's ratio, from its peak: flux = peak times half the noise-equivalent area.
    ratio = np.max(stamp[:2] * (0.5 * np.sqrt(area) / noise[:2])[:, None, None], axis=0)
    apart = np.hypot(east, north) > max(0.9 * width, 0.8)
    bright = (ratio > _DETECTION) & (stamp[:2].sum(axis=0) > _CONTRAST * host[:2].sum(axis=0))
    found = np.flatnonzero((combined == maximum_filter(combined, 3)) & apart & bright & (combined > 0))
    kept: list[tuple[float, float]] = []
    for index in found[np.argsort(-combined.flat[found], kind="stable")]:
        place = float(east.flat[index]), float(north.flat[index])
        if all(np.hypot(place[0] - a, place[1] - b) > width for a, b in kept):
            kept.append(place)
    return kept


def _moments(light, peak, east, north, conditions) -> tuple[float, float, float, float, float]:
    """Return centre, half-light radius and ellipticity of light in r around a peak.

    Moments are weighted with a round Gaussian, which keeps other images out; for Gaussian light of variance v and a
    weight of variance w they are v w / (v + w). The PSF's variance is taken off.
    """
    weight = (1.2 * conditions.psfsize[1]) ** 2 / 2
    near = np.exp(-0.5 * ((east - peak[0]) ** 2 + (north - peak[1]) ** 2) / weight)
    image = np.maximum(light[1], 0) * near
    total = max(float(image.sum()), 1e-12)
    a, b = float((image * east).sum() / total), float((image * north).sum() / total)
    uu = float((image * (east - a) ** 2).sum() / total)
    vv = float((image * (north - b) ** 2).sum() / total)
    uv = float((image * (east - a) * (north - b)).sum() / total)
    spread, turn = np.linalg.eigh([[uu, uv], [uv, vv]])
    psf = (conditions.psf_sigma[1] * PIXEL_SCALE) ** 2
    minor, major = np.maximum(1 / np.maximum(1 / spread - 1 / weight, 1e-2) - psf, 0)
    if major < 0.3 * psf:
        return a, b, 0.0, 0.0, 0.0
    q = np.sqrt(max(minor, 0.05 * major) / major)
    modulus, angle = (1 - q) / (1 + q), 2 * np.arctan2(turn[0, 1], turn[1, 1])
    return a, b, float(np.sqrt(major)), modulus * np.cos(angle), modulus * np.sin(angle)
