"""One FITS file with the bands of one object: a cube of planes, or an HDU a plane."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from pipeline.surveys.coadds import Grid, celestial_wcs, corners
from pipeline.surveys.columns import BANDS
from pipeline.surveys.fitsfiles import native, opened

SCALE_TOLERANCE = 0.01


class BadShape(Exception):
    """A file that is whole but does not hold what a cutout holds."""


@dataclass(frozen=True)
class Cube:
    """The planes of one file.

    Attributes
    ----------
    planes : dict of array (H, W) float32
        By band; NaN stays NaN.
    pixel_noise : dict of float
        Noise of one pixel by band, nanomaggies, where the file holds inverse variances.
    """

    planes: dict[str, np.ndarray]
    pixel_noise: dict[str, float]


def _bands(header: fits.Header, planes: int, default: list[str]) -> list[str]:
    """Return the band of each plane of a cube; a band of another survey stays in its place.

    Raises
    ------
    BadShape
        There are more or fewer planes than bands.
    """
    if "BANDS" in header:
        bands = list(str(header["BANDS"]).strip())
    elif "BAND0" in header:
        bands = [str(header[f"BAND{index}"]).strip() for index in range(planes) if f"BAND{index}" in header]
    else:
        bands = default
    if len(bands) != planes:
        raise BadShape(f"{planes} planes for bands {','.join(bands)}")
    return bands


def _check_scale(header: fits.Header, scale: float) -> None:
    if "CRVAL1" in header:
        found = Grid((0, 0), celestial_wcs(header).celestial).scale
        if abs(found / scale - 1) > SCALE_TOLERANCE:
            raise BadShape(f"{found} arcsec a pixel instead of {scale}")


def _cube_hdu(hdus: fits.HDUList):
    images = [hdu for hdu in hdus if getattr(hdu, "is_image", False)]
    return next((hdu for hdu in images if hdu.header.get("NAXIS", 0) == 3), None), [
        hdu for hdu in images if hdu.header.get("NAXIS", 0) == 2 and "BAND" in hdu.header
    ]


def read_cube(path: Path, bands: list[str], scale: float) -> Cube:
    """Read the bands g, r, z of one file.

    Parameters
    ----------
    path : Path
    bands : list of str
        Order of the planes where the header names none.
    scale : float
        Pixel scale that the file should have, arcsec; checked where it has a WCS.

    Raises
    ------
    UnreadableFile
        Missing, truncated, corrupt.
    BadShape
        No cube and no planes with BAND; another number of planes than bands; another pixel scale.
    """
    with opened(path) as hdus:
        cube, single = _cube_hdu(hdus)
        if cube is not None:
            names = _bands(cube.header, cube.header["NAXIS3"], bands)
            _check_scale(cube.header, scale)
            data = native(cube.data).astype(np.float32, copy=False)
            return Cube({band: plane for band, plane in zip(names, data, strict=True) if band in BANDS}, {})
        if not single:
            shapes = [hdu.shape for hdu in hdus if getattr(hdu, "is_image", False) and hdu.header.get("NAXIS", 0)]
            raise BadShape(f"images of shape {shapes}, no cube of bands")
        planes, noise = {}, {}
        for hdu in single:
            band = str(hdu.header["BAND"]).strip()
            if band not in BANDS:
                continue
            _check_scale(hdu.header, scale)
            if str(hdu.header.get("IMAGETYP", "image")).strip().startswith("invvar"):
                inverse = native(hdu.data)
                if (inverse > 0).any():
                    noise[band] = float(1 / np.sqrt(np.median(inverse[inverse > 0])))
            else:
                planes[band] = native(hdu.data).astype(np.float32, copy=False)
        return Cube(planes, noise)


def position(hdus: fits.HDUList) -> tuple[float, float]:
    """Return (ra, dec) in degrees of the object of an open file: keys RA and DEC, else the middle of the image.

    NaN where the file has neither.
    """
    cube, single = _cube_hdu(hdus)
    for hdu in [hdu for hdu in (cube, *single) if hdu is not None]:
        header = hdu.header
        if isinstance(header.get("RA"), float) and isinstance(header.get("DEC"), float):
            return header["RA"], header["DEC"]
        if "CRVAL1" in header:
            return Grid((header["NAXIS2"], header["NAXIS1"]), celestial_wcs(header)).centre()
    return np.nan, np.nan


def central(plane: np.ndarray, pixels: int) -> np.ndarray:
    """Return the central square (pixels, pixels) of a plane (H, W); pixels that the plane lacks are 0."""
    out = np.zeros((pixels, pixels), dtype=plane.dtype)
    starts = [int(corners((size - 1) / 2, pixels)) for size in plane.shape]
    spans = list(zip(starts, plane.shape, strict=True))
    source = tuple(slice(max(start, 0), min(start + pixels, size)) for start, size in spans)
    target = tuple(slice(part.start - start, part.stop - start) for part, start in zip(source, starts, strict=True))
    out[target] = plane[source]
    return out
