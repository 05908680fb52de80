"""From a scene to the noiseless light in a brick's image. Lenses, controls and all other galaxies take the same way."""

import numpy as np
from scipy import fft

from pipeline.simulate import gaussians, lenses
from pipeline.simulate.conditions import BANDS, Conditions, transmission
from pipeline.simulate.gaussians import Gaussians
from pipeline.simulate.layout import Brick
from pipeline.simulate.profiles import PIXEL_SCALE, covariance, sersic_mixture
from pipeline.simulate.scenes import Scene

# Light is cut off where it falls below this share of the sky's noise.
CUT = 0.03
# The aureole of bright stars: share of the light and sigma (arcsec).
_AUREOLE = ((0.02, 3.5), (0.008, 9.0))
_AUREOLE_FLUX = 10 ** (-0.4 * (16.0 - 22.5))
_PSF_PADDING = 40  # pixels beside a stamp, so that its transform does not wrap


def light(scene: Scene, brick: Brick, conditions: Conditions) -> np.ndarray:
    """Return the light of a scene in a brick's image, (3, rows, columns) float32, nanomaggies per pixel."""
    image = np.zeros((3, brick.pixels, brick.pixels), dtype=np.float32)
    everything = unlensed(scene, brick, conditions)
    for band in range(3):
        seen = everything.seen_through(*conditions.psf(band))
        gaussians.add(image[band], seen, band, CUT * float(conditions.noise[band]))
    _add_lensed(image, scene, brick, conditions)
    return image


def unlensed(scene: Scene, brick: Brick, conditions: Conditions) -> Gaussians:
    """Return all light but that of the lensed sources as Gaussians before the PSF, as this region measures it."""
    objects, profiles, blobs = scene.objects, scene.profiles, scene.blobs
    parts = _smooth(scene, brick, objects, objects.main) + _smooth(scene, brick, profiles, profiles.flux)
    x, y = brick.pixel(*scene.field.sky(blobs.east, blobs.north))
    variance = (blobs.sigma / PIXEL_SCALE) ** 2
    parts.append(Gaussians(x, y, variance, np.zeros(len(x)), variance, _dusty(scene, blobs, blobs.flux)))
    joined = Gaussians.join([*parts, *_aureoles(scene, brick)])
    return Gaussians(joined.x, joined.y, joined.xx, joined.xy, joined.yy, conditions.filtered(joined.flux))


def _dusty(scene: Scene, table, flux: np.ndarray) -> np.ndarray:
    return flux * transmission(scene.dust.ebv(table.east, table.north))


def _smooth(scene: Scene, brick: Brick, table, flux: np.ndarray) -> list[Gaussians]:
    """Return the Sersic profiles of a table as Gaussians."""
    x, y = brick.pixel(*scene.field.sky(table.east, table.north))
    flux = _dusty(scene, table, flux)
    parts = []
    for index in np.unique(table.sersic):
        rows = np.flatnonzero(table.sersic == index)
        weights, sigmas = sersic_mixture(float(index))
        size = (table.radius[rows] / PIXEL_SCALE)[:, None] * sigmas
        # The half-light radius is that of the major axis; east is left.
        uu, uv, vv = covariance(size, table.e1[rows, None], table.e2[rows, None])
        spread = [np.broadcast_to(value[rows, None], size.shape).ravel() for value in (x, y)]
        light = (flux[rows, None, :] * weights[:, None]).reshape(-1, 3)
        parts.append(Gaussians(*spread, uu.ravel(), -uv.ravel(), vv.ravel(), light))
    return parts


def _aureoles(scene: Scene, brick: Brick) -> list[Gaussians]:
    objects = scene.objects
    rows = np.flatnonzero((objects.kind == "star") & (objects.flux[:, 2] > _AUREOLE_FLUX))
    x, y = brick.pixel(*scene.field.sky(objects.east[rows], objects.north[rows]))
    flux = objects.flux[rows] * transmission(scene.dust.ebv(objects.east[rows], objects.north[rows]))
    parts = []
    for share, sigma in _AUREOLE:
        variance = np.full(len(rows), (sigma / PIXEL_SCALE) ** 2)
        parts.append(Gaussians(x, y, variance, np.zeros(len(rows)), variance, share * flux))
    return parts


def host_light(scene: Scene, row: int, x: float, y: float, half: int, conditions: Conditions) -> np.ndarray:
    """Return the light (3, S, S) of one object's main profile around the pixel nearest to (x, y), S = 2 half + 1."""
    objects = scene.objects
    weights, sigmas = sersic_mixture(float(objects.sersic[row]))
    uu, uv, vv = covariance(objects.radius[row] / PIXEL_SCALE * sigmas, objects.e1[row], objects.e2[row])
    through = transmission(scene.dust.ebv(objects.east[row], objects.north[row]))
    place = [np.full(len(weights), value - np.rint(value) + half) for value in (x, y)]
    flux = np.outer(weights, conditions.filtered(objects.main[row] * through))
    image = np.zeros((len(BANDS), 2 * half + 1, 2 * half + 1), dtype=np.float32)
    for band in range(len(BANDS)):
        seen = Gaussians(*place, uu, -uv, vv, flux).seen_through(*conditions.psf(band))
        gaussians.add(image[band], seen, band, CUT * float(conditions.noise[band]))
    return image


def _add_lensed(image: np.ndarray, scene: Scene, brick: Brick, conditions: Conditions) -> None:
    """Add the lensed light of every galaxy that has a deflector, whether or not its source shines."""
    objects = scene.objects
    n = len(scene.systems.theta_e)
    x, y = brick.pixel(*scene.field.sky(objects.east[:n], objects.north[:n]))
    margin = lenses.REACH / PIXEL_SCALE
    near = (x > -margin) & (x < brick.pixels + margin) & (y > -margin) & (y < brick.pixels + margin)
    for row in np.flatnonzero(near & (objects.control[:n] != "never_lensed")):
        stamp, left, bottom = lensed(scene, int(row), x[row], y[row], conditions)
        for band in range(3):
            gaussians.add_stamp(image[band], stamp[band], left, bottom)


def lensed(scene: Scene, row: int, x: float, y: float, conditions: Conditions) -> tuple[np.ndarray, int, int]:
    """Return the lensed light of one galaxy's source as a region sees it.

    Parameters
    ----------
    row : int
        Row of the deflector; x, y: its pixel coordinates.

    Returns
    -------
    stamp : array (3, S, S) float32, nanomaggies per pixel
    left, bottom : int, column and row of the stamp's first pixel
    """
    system = scene.systems.of(row)
    centre_x, centre_y = int(np.rint(x)), int(np.rint(y))
    shift_x, shift_y = x - centre_x, y - centre_y
    through = transmission(scene.dust.ebv(scene.objects.east[row], scene.objects.north[row]))
    half = lenses.half_size(system["theta_e"])
    size = 2 * half + 1
    padded = fft.next_fast_len(size + _PSF_PADDING, real=True)
    transforms = []
    for image, flux in lenses.lensed_light(system, scene.deflecting(row), shift_x, shift_y):
        transforms.append((fft.rfft2(image, (padded, padded)), conditions.filtered(flux * through)))
    square = fft.fftfreq(padded)[:, None] ** 2 + fft.rfftfreq(padded)[None, :] ** 2
    stamp = np.empty((len(BANDS), size, size), dtype=np.float32)
    fade = lenses.window(half, shift_x, shift_y)
    for band in range(len(BANDS)):
        weights, variances = conditions.psf(band)
        psf = sum(w * np.exp(-2 * np.pi**2 * v * square) for w, v in zip(weights, variances, strict=True))
        summed = sum(transform * flux[band] for transform, flux in transforms)
        stamp[band] = fft.irfft2(summed * psf, (padded, padded))[:size, :size] * fade
    return stamp, centre_x - half, centre_y - half
