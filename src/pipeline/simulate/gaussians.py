"""Adding many elliptical Gaussians to an image."""

from dataclasses import dataclass

import numpy as np

# Half-sizes of stamps: each Gaussian takes the smallest that holds it.
_HALF_SIZES = np.array([3, 4, 5, 6, 8, 10, 13, 17, 22, 29, 38, 50, 66, 87, 115, 152, 200, 264, 348, 460, 600])
_CHUNK = 400_000  # pixels evaluated at once, so that the work stays in the processor's cache
_ROUND = 1e-9


@dataclass(frozen=True)
class Gaussians:
    """Gaussians (M): position and covariance in pixels (columns x, rows y), flux (M, B) in nanomaggies."""

    x: np.ndarray
    y: np.ndarray
    xx: np.ndarray
    xy: np.ndarray
    yy: np.ndarray
    flux: np.ndarray

    def seen_through(self, weights: np.ndarray, variances: np.ndarray) -> "Gaussians":
        """Return the Gaussians convolved with a round PSF of K Gaussians: (M K) of them."""
        k = len(weights)
        repeat = [np.repeat(values, k) for values in (self.x, self.y, self.xx, self.xy, self.yy)]
        add = np.tile(variances, len(self.x))
        flux = (self.flux[:, None, :] * weights[:, None]).reshape(-1, self.flux.shape[1])
        return Gaussians(repeat[0], repeat[1], repeat[2] + add, repeat[3], repeat[4] + add, flux)

    def select(self, rows: np.ndarray) -> "Gaussians":
        """Return some of the Gaussians."""
        values = (self.x, self.y, self.xx, self.xy, self.yy, self.flux)
        return Gaussians(*(value[rows] for value in values))

    @staticmethod
    def join(parts: list["Gaussians"]) -> "Gaussians":
        """Return the Gaussians of several lists in one."""
        names = ("x", "y", "xx", "xy", "yy", "flux")
        return Gaussians(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def add(image: np.ndarray, gaussians: Gaussians, band: int, level: float) -> None:
    """Add Gaussians to an image (rows, columns) float32, each out to where its surface brightness falls to `level`.

    Surface brightness is that at the centre of a pixel, so that a PSF must hold the pixel's response.

    Parameters
    ----------
    band : int
        Column of the fluxes.
    level : float
        Nanomaggies per pixel.
    """
    determinant = gaussians.xx * gaussians.yy - gaussians.xy**2
    peak = gaussians.flux[:, band] / (2 * np.pi * np.sqrt(determinant))
    reach = np.sqrt(2 * np.log(np.maximum(np.abs(peak) / level, 1)))
    half = np.ceil(reach * np.sqrt(np.maximum(gaussians.xx, gaussians.yy)))
    rows, columns = image.shape
    near = (gaussians.x > -half) & (gaussians.x < columns - 1 + half)
    near &= (gaussians.y > -half) & (gaussians.y < rows - 1 + half)
    size = np.searchsorted(_HALF_SIZES, half).clip(0, len(_HALF_SIZES) - 1)
    worth = near & (np.abs(peak) > level)
    flat = np.abs(gaussians.xy) < _ROUND
    for k in np.unique(size[worth]):
        for along_axes in (True, False):
            chosen = np.flatnonzero(worth & (size == k) & (flat == along_axes))
            step = max(1, _CHUNK // (2 * _HALF_SIZES[k] + 1) ** 2)
            for begin in range(0, len(chosen), step):
                part = chosen[begin : begin + step]
                _add_stamps(image, gaussians, part, peak[part], determinant[part], int(_HALF_SIZES[k]), along_axes)


def _add_stamps(image, gaussians, part, peak, determinant, half, along_axes) -> None:
    x, y = gaussians.x[part], gaussians.y[part]
    left, bottom = np.rint(x).astype(int) - half, np.rint(y).astype(int) - half
    offset = np.arange(2 * half + 1)
    dx = (offset + (left - x)[:, None]).astype(np.float32)
    dy = (offset + (bottom - y)[:, None]).astype(np.float32)
    a = (-0.5 * gaussians.yy[part] / determinant).astype(np.float32)[:, None]
    c = (-0.5 * gaussians.xx[part] / determinant).astype(np.float32)[:, None]
    if along_axes:
        columns, rows = np.exp(a * dx * dx), np.exp(c * dy * dy) * peak.astype(np.float32)[:, None]
        stamps = rows[:, :, None] * columns[:, None, :]
    else:
        b = (gaussians.xy[part] / determinant).astype(np.float32)[:, None]
        stamps = (b * dy)[:, :, None] * dx[:, None, :]
        stamps += (a * dx * dx)[:, None, :]
        stamps += (c * dy * dy)[:, :, None]
        np.exp(stamps, out=stamps)
        stamps *= peak.astype(np.float32)[:, None, None]
    for stamp, x0, y0 in zip(stamps, left.tolist(), bottom.tolist(), strict=True):
        add_stamp(image, stamp, x0, y0)


def add_stamp(image: np.ndarray, stamp: np.ndarray, left: int, bottom: int) -> None:
    """Add a stamp to an image, cut at the image's edges; `left` and `bottom` are those of the stamp's first pixel."""
    rows, columns = image.shape
    height, width = stamp.shape
    y0, y1, x0, x1 = max(bottom, 0), min(bottom + height, rows), max(left, 0), min(left + width, columns)
    if y0 < y1 and x0 < x1:
        image[y0:y1, x0:x1] += stamp[y0 - bottom : y1 - bottom, x0 - left : x1 - left]
