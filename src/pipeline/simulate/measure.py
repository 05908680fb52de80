"""What a catalogue measures on a scene: detections, blends, fluxes with their errors, shapes. One brick, one region."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from pipeline.data.random import normal, uniform
from pipeline.images.noise import FWHM_PER_SIGMA
from pipeline.settings.simulation import Simulated
from pipeline.simulate import arcs, render
from pipeline.simulate.conditions import Conditions, transmission
from pipeline.simulate.layout import Brick
from pipeline.simulate.profiles import PIXEL_SCALE, equivalent_variance, psf_mixture, sersic_mixture
from pipeline.simulate.scenes import Scene

_DETECTION = 6.0  # signal-to-noise ratio, best band
_MERGE = 0.85  # sources nearer than this many PSF widths are one source
_DUPLICATE = 0.004  # share of bright galaxies that Gaia lists too


@dataclass
class Sources:
    """Sources (N) before they are ordered: one row each of objects, lensed images and duplicates.

    Attributes
    ----------
    row : int, row of the scene's object (for a lensed image: of the lens)
    image : int, -1 for an object, else the number of the lensed image
    east, north : arcsec, true; flux : (N, 3) nanomaggies, as they would be measured without noise
    type, radius, sersic, e1, e2 : as fitted
    duplicate : bool
    key : int64, for random numbers
    snr : of the lensed light (NaN where there is none)
    """

    row: np.ndarray
    image: np.ndarray
    east: np.ndarray
    north: np.ndarray
    flux: np.ndarray
    type: np.ndarray
    radius: np.ndarray
    sersic: np.ndarray
    e1: np.ndarray
    e2: np.ndarray
    duplicate: np.ndarray
    key: np.ndarray
    snr: np.ndarray

    def select(self, rows) -> "Sources":
        """Return some of the sources."""
        return Sources(**{name: values[rows] for name, values in vars(self).items()})


def sources(scene: Scene, brick: Brick, conditions: Conditions, settings: Simulated, seed: int) -> Sources:
    """Return what a catalogue of the brick lists, before measurement errors: all that its own area holds."""
    objects = scene.objects
    through = transmission(scene.dust.ebv(objects.east, objects.north))
    flux = conditions.filtered(objects.flux * through)
    radius, kept = objects.radius.copy(), np.ones(len(objects), dtype=bool)
    snr = np.full(len(objects), np.nan)
    ra, dec = scene.field.sky(objects.east, objects.north)
    own = brick.owns(ra, dec)
    images = []
    for row in np.flatnonzero(objects.lens & own):
        found = _lensed_images(scene, int(row), brick, conditions, settings, seed)
        images.append((int(row), found))
        snr[row] = found.snr
        share = float(found.blended[1] / (flux[row, 1] + found.blended[1]))
        # Light at the Einstein radius makes the fitted profile larger.
        radius[row] = (1 - share) * radius[row] + share * scene.systems.theta_e[row]
        flux[row] = flux[row] + found.blended
    flux = _merge(objects, flux, kept, _MERGE * conditions.psfsize[1])
    table = Sources(
        row=np.arange(len(objects)), image=np.full(len(objects), -1), east=objects.east, north=objects.north,
        flux=flux, type=objects.type, radius=radius, sersic=objects.sersic, e1=objects.e1, e2=objects.e2,
        duplicate=np.zeros(len(objects), dtype=bool), key=objects.system, snr=snr,
    )  # fmt: skip
    near = _near(brick, ra, dec)
    parts = [table.select(kept & near), *(_image_rows(scene, row, found) for row, found in images)]
    twin = uniform(seed, "simulate.duplicate", 0, objects.system, 1)[:, 0] < _DUPLICATE
    parts.append(_twins(table.select(kept & own & twin & (flux[:, 2] > 10) & (objects.kind != "star"))))
    return Sources(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(table)})


def _near(brick: Brick, ra, dec) -> np.ndarray:
    """Return whether positions lie in the image: neighbours beyond the own area add to blends."""
    x, y = brick.pixel(ra, dec)
    return (x > 0) & (x < brick.pixels - 1) & (y > 0) & (y < brick.pixels - 1)


def _lensed_images(scene, row, brick, conditions, settings, seed) -> arcs.Images:
    objects = scene.objects
    x, y = (float(value) for value in brick.pixel(*scene.field.sky(objects.east[row], objects.north[row])))
    stamp, left, _ = render.lensed(scene, row, x, y, conditions)
    half = stamp.shape[1] // 2
    host = render.host_light(scene, row, x, y, half, conditions)
    listed = uniform(seed, "simulate.listed_images", 0, objects.system[row : row + 1], 4)[0]
    return arcs.measure(
        stamp, host, (x - np.rint(x), y - np.rint(y)), float(objects.radius[row]), conditions.noise_at([x], [y])[0],
        conditions, listed < settings.lenses.catalogued_share,
    )  # fmt: skip


def _image_rows(scene: Scene, row: int, found: arcs.Images) -> Sources:
    n = len(found.east)
    objects = scene.objects
    point = found.radius < 0.1
    oval = ~point & (np.hypot(found.e1, found.e2) > 0.15)
    return Sources(
        row=np.full(n, row), image=np.arange(n), east=objects.east[row] + found.east,
        north=objects.north[row] + found.north, flux=found.flux,
        type=np.select([point, oval], ["PSF", "EXP"], "REX"), radius=np.where(point, 0, found.radius),
        sersic=np.where(point, 0.0, 1.0), e1=np.where(oval, found.e1, 0), e2=np.where(oval, found.e2, 0),
        duplicate=np.zeros(n, dtype=bool),
        key=-(objects.system[row] * 8 + np.arange(n) + 1), snr=np.full(n, found.snr),
    )  # fmt: skip


def _twins(table: Sources) -> Sources:
    table.duplicate = np.ones(len(table.row), dtype=bool)
    table.type = np.full(len(table.row), "DUP")
    table.flux = np.zeros_like(table.flux)
    table.radius = np.zeros_like(table.radius)
    table.key = -(table.key * 8) - 7
    return table


def _merge(objects, flux: np.ndarray, kept: np.ndarray, radius: float) -> np.ndarray:
    """Give the flux of sources that cannot be told apart to the brightest of them; clear `kept` for the others."""
    pairs = cKDTree(np.stack([objects.east, objects.north], axis=-1)).query_pairs(radius, output_type="ndarray")
    flux = flux.copy()
    brightness = flux[:, 1].copy()
    for a, b in pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]:
        bright, dim = (a, b) if brightness[a] >= brightness[b] else (b, a)
        if kept[bright] and kept[dim]:
            kept[dim] = False
            flux[bright] += flux[dim]
    return flux


def variances(sersic, radius, e1, e2, width: float, band: str) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (N, K) and variances (N, K) arcsec^2 of round mixtures like sources seen through a PSF.

    Parameters
    ----------
    width : float
        PSFSIZE, FWHM in arcsec; 0 means no PSF.
    """
    modulus = np.hypot(e1, e2)
    area = np.square(radius) * (1 - modulus) / (1 + modulus)
    psf_weights, psf_sigmas = psf_mixture(band)
    psf_variances = (psf_sigmas * width / FWHM_PER_SIGMA) ** 2
    weights, out = np.zeros((len(sersic), 27)), np.ones((len(sersic), 27))
    for index in np.unique(sersic):
        rows = np.flatnonzero(sersic == index)
        own, sigmas = sersic_mixture(float(index))
        mixed = (own[:, None] * psf_weights).ravel()
        spread = (sigmas[:, None] ** 2 * area[rows, None, None] + psf_variances).reshape(len(rows), -1)
        weights[rows, : len(mixed)], out[rows[:, None], np.arange(len(mixed))] = mixed, spread
    return weights, out


def errors(table: Sources, conditions: Conditions, noise: np.ndarray) -> np.ndarray:
    """Return the standard deviations (N, 3) of fluxes, nanomaggies: noise of the sky and of the light itself."""
    out = np.empty((len(table.row), 3))
    for band, name in enumerate("grz"):
        mixture = variances(table.sersic, table.radius, table.e1, table.e2, conditions.psfsize[band], name)
        area = 4 * np.pi * equivalent_variance(*mixture) / PIXEL_SCALE**2
        signal = np.maximum(table.flux[:, band], 0) / (conditions.sky[band] * area)
        out[:, band] = noise[:, band] * np.sqrt(area * (1 + signal))
    return out


def crowding(table: Sources, conditions: Conditions) -> np.ndarray:
    """Return FRACFLUX (N, 3): light of other sources, weighted with a source's profile, over its own flux."""
    places = np.stack([table.east, table.north], axis=-1)
    pairs = cKDTree(places).query_pairs(12.0, output_type="ndarray")
    out = np.zeros((len(table.row), 3))
    a, b = np.concatenate([pairs, pairs[:, ::-1]]).T
    distance = np.sum((places[a] - places[b]) ** 2, axis=1)
    for band in range(3):
        own = (conditions.psfsize[band] / FWHM_PER_SIGMA) ** 2 + (0.7 * table.radius) ** 2
        both = own[a] + own[b]
        overlap = np.exp(-0.5 * distance / both) * 2 * own[a] / both
        flux = np.maximum(table.flux[:, band], 0)
        np.add.at(out[:, band], a, overlap * flux[b] / np.maximum(flux[a], 1e-3))
    return out.clip(0, 1000)


@dataclass
class Measured:
    """Sources with measured values: flux and error (N, 3), position (degrees), shape; `keep` marks what is listed."""

    table: Sources
    flux: np.ndarray
    error: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    astrometry: np.ndarray
    x: np.ndarray
    y: np.ndarray


def measure(scene: Scene, brick: Brick, conditions: Conditions, settings: Simulated, seed: int) -> Measured:
    """Return the brick's sources with measurement errors: what is detected in its own area, by rows of the image."""
    table = sources(scene, brick, conditions, settings, seed)
    x, y = brick.pixel(*scene.field.sky(table.east, table.north))
    noise = conditions.noise_at(x, y)
    error = errors(table, conditions, noise)
    draw = normal(seed, f"simulate.measure.{conditions.region}", 0, table.key, 8)
    flux = table.flux + error * draw[:, :3] * (~table.duplicate)[:, None]
    best = np.max(table.flux / error, axis=1)
    width = conditions.psfsize[1]
    astrometry = (0.6 * width / np.maximum(table.flux[:, 1] / error[:, 1], 1)).clip(0.004, 0.15)
    east, north = table.east + astrometry * draw[:, 3], table.north + astrometry * draw[:, 4]
    ra, dec = scene.field.sky(east, north)
    # Small faint galaxies are fitted as points.
    point = (best < 14) & (table.radius < 0.45) & np.isin(table.type, ["REX", "EXP"])
    table.type = np.where(point, "PSF", table.type).astype("<U3")
    size = 1 + (0.02 + 0.6 / np.maximum(best, 3)) * draw[:, 5]
    table.radius = np.where(table.type == "PSF", 0, table.radius * size.clip(0.5, 1.6))
    scatter = 0.01 + 0.5 / np.maximum(best, 3)
    shaped = ~np.isin(table.type, ["PSF", "REX", "DUP"])
    table.e1 = np.where(shaped, (table.e1 + scatter * draw[:, 6]).clip(-0.8, 0.8), 0)
    table.e2 = np.where(shaped, (table.e2 + scatter * draw[:, 7]).clip(-0.8, 0.8), 0)
    keep = brick.owns(ra, dec) & ((best > _DETECTION) | table.duplicate)
    order = np.lexsort((x, np.floor(y)))
    rows = order[keep[order]]
    return Measured(table.select(rows), *(values[rows] for values in (flux, error, ra, dec, astrometry, x, y)))
