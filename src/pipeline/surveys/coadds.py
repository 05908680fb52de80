"""Coadd bricks: three bands on one grid of pixels, and cutouts from them.

| input | behaviour |
|---|---|
| a band's file is missing | pixels 0 in that band, MISSING_BAND |
| a band's file is truncated, corrupt or not FITS | pixels 0 in that band, UNREADABLE; the file is named |
| a band has another shape than the brick's first one, or is no plane | pixels 0 in that band, BAD_SHAPE |
| pixels that are not finite | 0, NAN_PIXELS for the cutouts that hold one |
| a cutout without any datum in a band (all pixels exactly 0) | MISSING_BAND |
| a cutout that reaches outside the brick | pixels outside are 0, EDGE |

Under the policy `error` the first of these ends the stage.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from pipeline.surveys.columns import BANDS
from pipeline.surveys.doubts import Doubts
from pipeline.surveys.fitsfiles import opened, read_image
from pipeline.surveys.releases import coadd_path
from pipeline.surveys.unreadable import UnreadableFile

_WCS_KEYS = (
    "CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CUNIT1", "CUNIT2", "CDELT1", "CDELT2",
    "CD1_1", "CD1_2", "CD2_1", "CD2_2", "PC1_1", "PC1_2", "PC2_1", "PC2_2", "LONPOLE", "LATPOLE",
)  # fmt: skip


def celestial_wcs(header: fits.Header) -> WCS:
    """Return the WCS of an image from its own keywords alone; a long header takes ten times as long to parse."""
    small = fits.Header()
    for key in _WCS_KEYS:
        if key in header:
            small[key] = header[key]
    return WCS(small)


def corners(position: np.ndarray, pixels: int) -> np.ndarray:
    """Return the first pixel (N,) int of cutouts whose centres are nearest to 0-based pixel positions (N,)."""
    return np.floor(np.asarray(position) - (pixels - 1) / 2 + 0.5).astype(np.int64)


@dataclass(frozen=True)
class Grid:
    """The pixels of a brick: height and width, and where they lie on the sky."""

    shape: tuple[int, int]
    wcs: WCS

    @property
    def scale(self) -> float:
        """Pixel scale in arcsec, rounded to 1e-6."""
        return round(float(np.sqrt(np.abs(np.linalg.det(self.wcs.pixel_scale_matrix))) * 3600), 6)

    def centre(self) -> tuple[float, float]:
        """Return right ascension and declination of the middle of the brick, degrees."""
        x, y = self.wcs.all_pix2world((self.shape[1] - 1) / 2, (self.shape[0] - 1) / 2, 0)
        return float(x), float(y)

    def pixels(self, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return 0-based pixel positions x, y (N,) of sky positions (N,) in degrees; far outside where it has none."""
        x, y = self.wcs.all_world2pix(ra, dec, 0)
        return tuple(np.clip(np.nan_to_num(value, nan=-1e9), -1e9, 1e9) for value in (x, y))

    def margin(self, ra: np.ndarray, dec: np.ndarray, pixels: int) -> np.ndarray:
        """Return how many pixels (N,) int lie between a cutout and the nearest edge; negative where it reaches out."""
        left, bottom = (corners(value, pixels) for value in self.pixels(ra, dec))
        height, width = self.shape
        return np.minimum.reduce([left, bottom, width - left - pixels, height - bottom - pixels])


def read_grid(root: Path, region: str, brick: str) -> Grid | None:
    """Return the pixels of a brick from the header of its first band that can be read; None where there is none."""
    for band in BANDS:
        path = root / coadd_path(region, brick, "image", band)
        if path.exists():
            try:
                with opened(path, disable_image_compression=True) as hdus:
                    for hdu in hdus:
                        prefix = "Z" if "ZNAXIS1" in hdu.header else ""
                        if f"{prefix}NAXIS1" in hdu.header and "CRVAL1" in hdu.header:
                            shape = (hdu.header[f"{prefix}NAXIS2"], hdu.header[f"{prefix}NAXIS1"])
                            return Grid(shape, celestial_wcs(hdu.header))
            except UnreadableFile:
                continue  # the brick itself is flagged or refused when its turn comes
    return None


class Brick:
    """The images of one brick.

    Parameters
    ----------
    root : Path
        Folder that holds north/ and south/.
    region, name : str
    objects : int
        Objects that it serves, for the count of doubts.
    doubts : Doubts

    Attributes
    ----------
    images : list of array (H, W) float32 or None
        One for each of g, r, z; None where the band cannot be had.
    grid : Grid or None
        None where no band can be had.
    flags : int
        Doubts about all objects of the brick.
    """

    def __init__(self, root: Path, region: str, name: str, objects: int, doubts: Doubts):
        self.name = name
        self.images: list[np.ndarray | None] = []
        self._bad: list[np.ndarray | None] = []
        self.grid: Grid | None = None
        self.flags = np.int32(0)
        self._doubts = doubts
        self._where = root / Path(coadd_path(region, name, "image", BANDS[0])).parent
        for band in BANDS:
            path = root / coadd_path(region, name, "image", band)
            image = None
            if not path.exists():
                self.flags |= doubts.flag("MISSING_BAND", objects, where=path, value="no such file")
            else:
                try:
                    image, header = read_image(path)
                    if self.grid is None and image.ndim == 2:
                        self.grid = Grid(image.shape, celestial_wcs(header))
                except UnreadableFile as error:
                    self.flags |= doubts.flag("UNREADABLE", objects, where=path, value=error.value or error.what)
            if image is not None and (self.grid is None or image.shape != self.grid.shape):
                self.flags |= doubts.flag("BAD_SHAPE", objects, where=path, value=image.shape)
                image = None
            bad = None
            # The sum is not finite when one pixel is not: far cheaper than a mask, which few bricks need.
            if image is not None and not np.isfinite(np.sum(image, dtype=np.float64)):
                bad = ~np.isfinite(image)
                image[bad] = 0
            self.images.append(image)
            self._bad.append(bad)

    def cut(self, ra: np.ndarray, dec: np.ndarray, pixels: int) -> tuple[np.ndarray, np.ndarray]:
        """Return cutouts about positions.

        Parameters
        ----------
        ra, dec : array (N,)
            Degrees.
        pixels : int
            Size of the cutouts.

        Returns
        -------
        images : array (N, 3, pixels, pixels) float32
        flags : array (N,) int32
        """
        if self.grid is None:
            return np.zeros((len(ra), len(BANDS), pixels, pixels), np.float32), np.full(len(ra), self.flags, np.int32)
        height, width = self.grid.shape
        left, bottom = (corners(value, pixels) for value in self.grid.pixels(ra, dec))
        out = np.zeros((len(left), len(BANDS), pixels, pixels), dtype=np.float32)
        flags = np.full(len(left), self.flags, dtype=np.int32)
        masks = {name: np.zeros(len(left), dtype=bool) for name in _MEANING}
        masks["EDGE"] = (left < 0) | (bottom < 0) | (left + pixels > width) | (bottom + pixels > height)
        for row, (x0, y0) in enumerate(zip(left.tolist(), bottom.tolist(), strict=True)):
            rows = slice(max(y0, 0), max(min(y0 + pixels, height), 0))
            columns = slice(max(x0, 0), max(min(x0 + pixels, width), 0))
            into = (slice(rows.start - y0, rows.stop - y0), slice(columns.start - x0, columns.stop - x0))
            if rows.stop <= rows.start or columns.stop <= columns.start:
                continue
            for band, (image, bad) in enumerate(zip(self.images, self._bad, strict=True)):
                if image is None:
                    continue
                out[row, band][into] = image[rows, columns]
                if bad is not None and bad[rows, columns].any():
                    masks["NAN_PIXELS"][row] = True
        centre = pixels // 2
        for band, image in enumerate(self.images):
            if image is not None:
                doubtful = np.flatnonzero(out[:, band, centre, centre] == 0)
                masks["MISSING_BAND"][doubtful[~out[doubtful, band].any(axis=(1, 2))]] = True
        for name, mask in masks.items():
            if mask.any():
                flags[mask] |= self._doubts.flag(name, int(mask.sum()), where=self._where, value=_MEANING[name])
        return out, flags


_MEANING = {
    "EDGE": "cutouts reach outside the brick",
    "NAN_PIXELS": "pixels that are not finite",
    "MISSING_BAND": "no data in a band",
}
