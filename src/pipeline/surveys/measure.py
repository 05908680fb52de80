"""Noise, PSF width and magnitudes measured on cutouts that come without a catalogue.

The noise is that of one pixel: 1.4826 median absolute deviations about the median, clipped at 3 sigma until nothing
changes. In stacks that were resampled (Pan-STARRS, coadds) neighbouring pixels are correlated, so that the noise of a
sum of pixels is larger than this says.

The PSF width is that of the sharpest round sources of the cutout: Gaussian-weighted second moments with a weight that
adapts to the source (Bernstein & Jarvis 2002, AJ 123, 583, section 3.1); a Gaussian of width s gives s exactly. The
median of the sharpest round sources counts. Where none is round and bright enough, the short axis of the sharpest
source stands in, an upper limit but for its noise; where that cannot be measured either (blends), the curvature of the
logarithm at the brightest peak. Where there is no source, the width is NaN.
"""

from functools import lru_cache

import numpy as np
from scipy.ndimage import maximum_filter

from pipeline.images.noise import FWHM_PER_SIGMA, SIGMA_PER_MAD
from pipeline.images.photometry import aperture_mask

STAMP = 10  # half width of the stamps in pixels: 2.5 arcsec, twice the widest PSF of Pan-STARRS or the Legacy Surveys
PEAKS = 16  # brightest peaks of a cutout that are measured
BRIGHT, FAINT = 7.0, 5.0  # peak over noise of a source that shows the PSF, and of one that stands in
BLENDED = 15.0  # peak over noise from which the curvature at the peak can be measured
ROUND = 0.2  # largest ellipticity (a^2 - b^2) / (a^2 + b^2) of a source that shows the PSF
SHARPEST = 0.8  # pixels; narrower peaks are defects, not stars
ALIKE = 1.12  # sources at most this much wider than the sharpest one count as stars, too


def background(plane: np.ndarray) -> tuple[float, float]:
    """Return level and noise of one pixel of the sky in a plane (H, W); NaN where fewer than 16 pixels have data.

    Pixels that are not finite or exactly 0 have no data.
    """
    values = plane[np.isfinite(plane) & (plane != 0)].astype(np.float64)
    if len(values) < 16:
        return np.nan, np.nan
    for _ in range(20):
        level = float(np.median(values))
        sigma = float(SIGMA_PER_MAD * np.median(np.abs(values - level)))
        kept = values[np.abs(values - level) <= 3 * sigma]
        if len(kept) == len(values) or len(kept) < 16:
            break
        values = kept
    return level, sigma


def _peaks(plane: np.ndarray, least: float) -> np.ndarray:
    """Return rows and columns (P, 2) of local maxima above a value, the brightest first, whose stamps are whole."""
    inner = np.zeros(plane.shape, dtype=bool)
    inner[STAMP:-STAMP, STAMP:-STAMP] = True
    places = np.argwhere((plane == maximum_filter(plane, 7)) & (plane > least) & inner)
    return places[np.argsort(-plane[places[:, 0], places[:, 1]], kind="stable")][:PEAKS]


def _adaptive_moments(stamps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the squares of the long and short Gaussian sigma (P,), pixels, of sources in the middle of stamps.

    NaN where the iteration does not settle on a source within a pixel of the middle.
    """
    y, x = np.mgrid[-STAMP : STAMP + 1, -STAMP : STAMP + 1].astype(np.float64)
    count = len(stamps)
    cx, cy = np.zeros(count), np.zeros(count)
    xx, yy, xy = np.full(count, 4.0), np.full(count, 4.0), np.zeros(count)
    good = np.ones(count, dtype=bool)
    for _ in range(40):
        inverse = 1 / np.where(good, xx * yy - xy**2, 1.0)
        dx, dy = x - cx[:, None, None], y - cy[:, None, None]
        square = (yy * inverse)[:, None, None] * dx**2 + (xx * inverse)[:, None, None] * dy**2
        light = np.exp(-0.5 * square + (xy * inverse)[:, None, None] * dx * dy) * stamps
        total = light.sum(axis=(1, 2))
        good &= total > 0
        # The product of two equal Gaussians has half their second moments, hence the factor 2.
        double = 2 / np.where(good, total, 1.0)
        cx, cy = cx + double * (light * dx).sum(axis=(1, 2)), cy + double * (light * dy).sum(axis=(1, 2))
        xx, yy, xy = (double * (light * both).sum(axis=(1, 2)) for both in (dx**2, dy**2, dx * dy))
        good &= (xx > 0.1) & (yy > 0.1) & (xx * yy > 1.01 * xy**2) & (np.hypot(cx, cy) < 1.5) & (xx + yy < STAMP**2)
        xx, yy, xy = np.where(good, xx, 4.0), np.where(good, yy, 4.0), np.where(good, xy, 0.0)
        cx, cy = np.where(good, cx, 0.0), np.where(good, cy, 0.0)
    half, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    return np.where(good, half + spread, np.nan), np.where(good, half - spread, np.nan)


def _peak_curvature(stamp: np.ndarray) -> float:
    """Return the square of the Gaussian sigma, pixels, along the short axis of a peak in the middle of a stamp.

    A paraboloid fitted to the logarithm of the 5x5 pixels about it, weighted by the square of the light, which is the
    inverse variance of the logarithm. NaN where the peak is none.
    """
    part = stamp[STAMP - 2 : STAMP + 3, STAMP - 2 : STAMP + 3]
    y, x = (axis.ravel() for axis in np.mgrid[-2:3, -2:3].astype(np.float64))
    light = np.clip(part.ravel(), 1e-3 * part[2, 2], None)
    terms = np.stack([np.ones(25), x, y, -0.5 * x**2, -x * y, -0.5 * y**2], axis=1)
    fit = np.linalg.lstsq(terms * light[:, None], np.log(light) * light, rcond=None)[0]
    steepest = np.linalg.eigvalsh([[fit[3], fit[4]], [fit[4], fit[5]]])[-1]
    return 1 / steepest if steepest > 0 else np.nan


def psf_width(plane: np.ndarray, level: float, sigma: float, scale: float) -> float:
    """Return the FWHM of the PSF in arcsec, measured on a plane (H, W); NaN where no source shows it.

    Parameters
    ----------
    plane : array (H, W)
    level, sigma : float
        Result of `background`.
    scale : float
        Pixel scale, arcsec.
    """
    if not sigma > 0 or min(plane.shape) <= 2 * STAMP:
        return np.nan
    clean = np.where(np.isfinite(plane), plane, level).astype(np.float64) - level
    peaks = _peaks(clean, FAINT * sigma)
    if not len(peaks):
        return np.nan
    stamps = np.stack([clean[r - STAMP : r + STAMP + 1, c - STAMP : c + STAMP + 1] for r, c in peaks.tolist()])
    long, short = _adaptive_moments(stamps)
    usable = np.isfinite(short) & (short > SHARPEST**2)
    with np.errstate(invalid="ignore"):
        stars = usable & ((long - short) / (long + short) < ROUND)
    stars &= clean[peaks[:, 0], peaks[:, 1]] > BRIGHT * sigma
    if stars.any():
        widths = np.sqrt((long[stars] + short[stars]) / 2)
        width = np.median(widths[widths <= ALIKE * widths.min()])
    elif usable.any():
        width = np.sqrt(short[usable].min())
    elif clean[tuple(peaks[0])] > BLENDED * sigma:
        width = np.sqrt(_peak_curvature(stamps[0]))
    else:
        return np.nan
    return float(width * FWHM_PER_SIGMA * scale)


@lru_cache(maxsize=8)
def _circle_and_ring(shape: tuple[int, int], radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of each pixel (H, W) within the radius, and the pixels (H, W) bool between 2 and 3 radii."""
    ring = (aperture_mask(shape, 3 * radius) > 0.5) & (aperture_mask(shape, 2 * radius) < 0.5)
    return aperture_mask(shape, radius), ring


def _middle(size: int, radius: float) -> slice:
    """Return the part of an axis within a radius of its middle and a pixel more; its middle is that of the axis."""
    spare = max(0, size // 2 - int(np.ceil(radius)) - 1)
    return slice(spare, size - spare)


def aperture(plane: np.ndarray, sigma: float, radius: float) -> tuple[float, float]:
    """Return flux (nanomaggies) and its inverse variance within a circle about the centre of a plane (H, W).

    The sky is the median of a ring between 2 and 3 radii, or of the pixels beyond 2 radii that the cutout still has;
    its error is that of as many pixels. `radius` is in pixels. NaN without data, or without a ring.
    """
    plane = plane[tuple(_middle(size, 3 * radius) for size in plane.shape)]
    mask, ring = _circle_and_ring(plane.shape, radius)
    ring = ring & np.isfinite(plane) & (plane != 0)
    inside = mask > 0
    if not sigma > 0 or ring.sum() < 16 or not (np.isfinite(plane[inside]) & (plane[inside] != 0)).any():
        return np.nan, np.nan
    sky = float(np.median(plane[ring]))
    values = np.where(np.isfinite(plane), plane, sky).astype(np.float64)
    flux = float(((values - sky) * mask).sum())
    area = float(mask.sum())
    return flux, 1 / (sigma**2 * (area + area**2 * np.pi / 2 / ring.sum()))
