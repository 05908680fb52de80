"""Where the bricks of a simulated survey lie: a pure function of the settings, the seed and the area's corner."""

from dataclasses import dataclass

import astropy_healpix
import numpy as np
from astropy import units as u

from pipeline.data.random import ranks, stream
from pipeline.errors import PipelineError
from pipeline.settings.simulation import Sky
from pipeline.simulate.profiles import PIXEL_SCALE

TILE_RA, TILE_DEC = 10, 5  # degrees, size of a sweep area
_INSET = 0.6  # degrees between the centre of a used cell and the edge of its area
_PIXEL = PIXEL_SCALE / 3600  # degrees


@dataclass(frozen=True)
class Brick:
    """One brick: its name and number, the centre of its image, and the area [ra1, ra2) x [dec1, dec2) that it owns.

    Attributes
    ----------
    offset : float
        Declination of the image's centre minus that of its field, degrees.
    pixels : int
        Rows and columns of the image, which is a gnomonic projection about (ra, dec), north up, east left.
    """

    name: str
    number: int
    ra: float
    dec: float
    offset: float
    ra1: float
    ra2: float
    dec1: float
    dec2: float
    pixels: int

    def owns(self, ra, dec) -> np.ndarray:
        """Return whether positions (N,) in degrees lie in the brick's own area."""
        return (ra >= self.ra1) & (ra < self.ra2) & (dec >= self.dec1) & (dec < self.dec2)

    def pixel(self, ra, dec) -> tuple[np.ndarray, np.ndarray]:
        """Return zero-based pixel coordinates (column, row) of positions in degrees."""
        east, north = project(ra, dec, self.ra, self.dec)
        centre = (self.pixels - 1) / 2
        return centre - east / PIXEL_SCALE, centre + north / PIXEL_SCALE


@dataclass(frozen=True)
class Field:
    """A connected piece of simulated sky: one brick, or two that are adjacent in declination.

    Attributes
    ----------
    index : int
        Number within its area.
    ra, dec : float
        Origin of the field's gnomonic plane, degrees.
    south, north, half_width : float
        Extent of its images in that plane, arcsec.
    """

    index: int
    ra: float
    dec: float
    bricks: tuple[Brick, ...]
    south: float
    north: float
    half_width: float

    @property
    def area(self) -> float:
        """Area that the images cover, arcmin^2."""
        return (self.north - self.south) * 2 * self.half_width / 3600

    def sky(self, east, north) -> tuple[np.ndarray, np.ndarray]:
        """Return (ra, dec) in degrees of offsets in the field's plane, arcsec."""
        return deproject(east, north, self.ra, self.dec)


def project(ra, dec, ra0: float, dec0: float) -> tuple[np.ndarray, np.ndarray]:
    """Return gnomonic offsets (east, north) in arcsec of positions in degrees about (ra0, dec0)."""
    a, d = np.radians(np.asarray(ra) - ra0), np.radians(dec)
    sin0, cos0 = np.sin(np.radians(dec0)), np.cos(np.radians(dec0))
    depth = np.sin(d) * sin0 + np.cos(d) * cos0 * np.cos(a)
    east = np.cos(d) * np.sin(a) / depth
    north = (np.sin(d) * cos0 - np.cos(d) * sin0 * np.cos(a)) / depth
    return np.degrees(east) * 3600, np.degrees(north) * 3600


def deproject(east, north, ra0: float, dec0: float) -> tuple[np.ndarray, np.ndarray]:
    """Return positions (ra, dec) in degrees of gnomonic offsets in arcsec about (ra0, dec0)."""
    x, y = np.radians(np.asarray(east) / 3600), np.radians(np.asarray(north) / 3600)
    sin0, cos0 = np.sin(np.radians(dec0)), np.cos(np.radians(dec0))
    depth = cos0 - y * sin0
    ra = ra0 + np.degrees(np.arctan2(x, depth))
    dec = np.degrees(np.arctan2(sin0 + y * cos0, np.hypot(x, depth)))
    return ra % 360.0, dec


def corner(sources: str) -> tuple[int, int]:
    """Return (ra0, dec0), the lower corner of an area in whole degrees, from the `sources` of a row such as "0,-5"."""
    try:
        ra, dec = (int(word) for word in sources.split(","))
    except ValueError:
        raise PipelineError("not the corner of an area", value=sources, allowed="RA,DEC in whole degrees") from None
    if ra % TILE_RA or dec % TILE_DEC or not (0 <= ra < 360 and -90 <= dec < 90):
        raise PipelineError("not the corner of an area", value=sources, allowed="multiples of 10 and 5 degrees")
    return ra, dec


def tile_number(ra0: int, dec0: int) -> int:
    """Return the number of an area among the 1296 that cover the sky."""
    return (dec0 + 90) // TILE_DEC * (360 // TILE_RA) + ra0 // TILE_RA


def fields(sky: Sky, bricks: int, seed: int, ra0: int, dec0: int) -> list[Field]:
    """Return the fields of an area of 10 by 5 degrees with `bricks` bricks in all.

    Raises
    ------
    PipelineError
        The area has fewer cells than fields.
    """
    pairs = int(bricks * sky.pair_share / (1 + sky.pair_share))
    number = bricks - pairs
    healpix = astropy_healpix.HEALPix(nside=sky.cell_nside, order="nested")
    cells = _cells_within(healpix, ra0, dec0)
    lon, lat = healpix.healpix_to_lonlat(cells)
    ra, dec = lon.to_value(u.deg), lat.to_value(u.deg)
    cosine = np.cos(np.radians(dec))
    inside = (ra > ra0 + _INSET / cosine) & (ra < ra0 + TILE_RA - _INSET / cosine)
    inside &= (dec > dec0 + _INSET) & (dec < dec0 + TILE_DEC - _INSET)
    cells, ra, dec = cells[inside], ra[inside], dec[inside]
    if len(cells) < number:
        raise PipelineError(
            "an area has too few sky cells for its bricks",
            where=f"area at RA {ra0}, declination {dec0}",
            value=f"survey.bricks_per_tile = {bricks} in {number} cells",
            allowed=f"at most {len(cells)} cells (nside {sky.cell_nside})",
        )
    chosen = np.sort(np.lexsort((cells, ranks(seed, "simulate.cells", 0, cells)))[:number])
    out, first = [], 1 + tile_number(ra0, dec0) * bricks
    for index, cell in enumerate(chosen):
        draw = stream(seed, "simulate.field", ra0, dec0, index).uniform(-0.05, 0.05, 2)
        centre = float(ra[cell] + draw[0] / np.cos(np.radians(dec[cell]))), float(dec[cell] + draw[1])
        field = _pair(sky, index, *centre, first) if index < pairs else _single(sky, index, *centre, first)
        out.append(field)
        first += len(field.bricks)
    return out


def _cells_within(healpix, ra0: int, dec0: int) -> np.ndarray:
    """Return the sorted cells (C,) int64 that a fine grid of positions in the area meets."""
    ra, dec = np.meshgrid(np.arange(ra0 + 0.1, ra0 + TILE_RA, 0.2), np.arange(dec0 + 0.1, dec0 + TILE_DEC, 0.2))
    return np.unique(np.asarray(healpix.lonlat_to_healpix(ra.ravel() * u.deg, dec.ravel() * u.deg), dtype=np.int64))


def _brick(sky: Sky, number: int, ra: float, dec: float, centre: float, south: float, north: float) -> Brick:
    """Return the brick whose image has its centre `centre` degrees north of (ra, dec) and which owns [south, north)."""
    middle = dec + centre
    half = (sky.brick_pixels / 2 - sky.margin_pixels) * _PIXEL
    # Right ascensions converge towards the pole: the margin holds at the edge that is nearer to the equator.
    nearest = 0.0 if (dec + south) * (dec + north) < 0 else min(abs(dec + south), abs(dec + north))
    width = half / np.cos(np.radians(nearest))
    name = f"{int(10 * ra):04d}{'m' if middle < 0 else 'p'}{int(10 * abs(middle)):03d}"
    return Brick(name, number, ra, middle, centre, ra - width, ra + width, dec + south, dec + north, sky.brick_pixels)


def _single(sky: Sky, index: int, ra: float, dec: float, number: int) -> Field:
    reach = (sky.brick_pixels / 2 - sky.margin_pixels) * _PIXEL
    half = sky.brick_pixels / 2 * PIXEL_SCALE
    return Field(index, ra, dec, (_brick(sky, number, ra, dec, 0.0, -reach, reach),), -half, half, half)


def _pair(sky: Sky, index: int, ra: float, dec: float, number: int) -> Field:
    # Names hold tenths of a degree: the shared boundary lies on one, so that two small bricks get two names.
    dec = round(dec * 10) / 10
    if dec == 0:
        dec = 0.1
    size, (low, high) = sky.brick_pixels, sky.pair_reach_pixels
    below, above = (low - size / 2) * _PIXEL, (size / 2 - high) * _PIXEL
    south, north = (low - size + sky.margin_pixels) * _PIXEL, (size - high - sky.margin_pixels) * _PIXEL
    bricks = (
        _brick(sky, number, ra, dec, below, south, 0.0),
        _brick(sky, number + 1, ra, dec, above, 0.0, north),
    )
    return Field(
        index, ra, dec, bricks, (low - size) * PIXEL_SCALE, (size - high) * PIXEL_SCALE, size / 2 * PIXEL_SCALE
    )
