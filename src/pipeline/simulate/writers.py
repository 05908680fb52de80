"""Files of the Legacy Surveys DR9: tables, fpacked coadds, and where they lie. Equal content gives equal bytes."""

import gzip
import io
from pathlib import Path

import numpy as np
from astropy.io import fits

from pipeline.data.atomic import atomic
from pipeline.simulate import dr9
from pipeline.simulate.conditions import BANDS, RELEASES
from pipeline.simulate.layout import TILE_DEC, TILE_RA, Brick
from pipeline.simulate.profiles import PIXEL_SCALE

_TILE = 100  # pixels, the tiles of the survey's own fpacked files
_CAMERAS = {"south": ("decam",) * 3, "north": ("90prime", "90prime", "mosaic")}


def sweep_name(ra0: int, dec0: int) -> str:
    """Return the stem of a sweep's files, such as sweep-000m005-010p000."""
    corners = ((ra0, dec0), (ra0 + TILE_RA, dec0 + TILE_DEC))
    return "sweep-" + "-".join(f"{ra:03d}{'m' if dec < 0 else 'p'}{abs(dec):03d}" for ra, dec in corners)


def sweep_path(region: str, ra0: int, dec0: int) -> str:
    """Return the path of a sweep below the survey's root."""
    return f"{region}/sweep/9.0/{sweep_name(ra0, dec0)}.fits"


def photoz_path(region: str, ra0: int, dec0: int) -> str:
    """Return the path of the photometric redshifts of a sweep below the survey's root."""
    return f"{region}/sweep/9.0-photo-z/{sweep_name(ra0, dec0)}-pz.fits"


def coadd_path(region: str, brick: str, what: str, band: str) -> str:
    """Return the path of a coadd (`what`: image or invvar) below the survey's root."""
    return f"{region}/coadd/{brick[:3]}/{brick}/legacysurvey-{brick}-{what}-{band}.fits.fz"


def _mark(header: fits.Header) -> None:
    header["SIMUL"] = (True, "simulated data, not an observation")


def write_table(path: Path, columns: tuple, values: dict[str, np.ndarray], name: str) -> None:
    """Write a table (columns as in `dr9`) to FITS, gzip-compressed where the name ends in .gz."""
    table = fits.BinTableHDU.from_columns(
        [fits.Column(column, form, unit=unit or None, array=values[column]) for column, form, unit in columns],
        name=name,
    )
    primary = fits.PrimaryHDU()
    for hdu in (primary, table):
        _mark(hdu.header)
    content = io.BytesIO()
    fits.HDUList([primary, table]).writeto(content)
    _write(path, content.getvalue())


def _write(path: Path, content: bytes) -> None:
    if path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def coadd_header(brick: Brick, region: str, band: str, what: str) -> fits.Header:
    """Return the header of a coadd, with the survey's keywords and its gnomonic projection."""
    inverse = what == "invvar"
    header = fits.Header()
    cards = (
        ("SURVEY", "DECaLS" if region == "south" else "DECaLS+BASS+MzLS", "Survey name"),
        ("SURVEYID", "DECam Legacy Survey" if region == "south" else "BASS MzLS", "Survey name"),
        ("DRVERSIO", RELEASES[region], "Survey data release number"),
        ("OBSTYPE", "object", "Observation type"), ("PROCTYPE", "tile", "Processing type"),
        ("BRICKNAM", brick.name, "LegacySurvey brick RRRr[pm]DDd"), ("BRICKID", brick.number, "LegacySurvey brick id"),
        ("RAMIN", brick.ra1, "Brick RA min"), ("RAMAX", brick.ra2, "Brick RA max"),
        ("DECMIN", brick.dec1, "Brick Dec min"), ("DECMAX", brick.dec2, "Brick Dec max"),
        ("BRICKRA", brick.ra, "Brick center"), ("BRICKDEC", brick.dec, "Brick center"),
        ("BANDS", "grz", "Bands touching this brick"), ("NBANDS", 3, "Number of bands in this catalog"),
        (f"CAMS_{band.upper()}", _CAMERAS[region][BANDS.index(band)], f"Cameras contributing band {band}"),
        ("BAND", band, "Band of this image"), ("FILTER", band, "Filter used in this image"),
        ("CTYPE1", "RA---TAN", "TANgent plane"), ("CTYPE2", "DEC--TAN", "TANgent plane"),
        ("CRVAL1", brick.ra, "Reference RA"), ("CRVAL2", brick.dec, "Reference Dec"),
        ("CRPIX1", (brick.pixels + 1) / 2, "Reference x"), ("CRPIX2", (brick.pixels + 1) / 2, "Reference y"),
        ("CD1_1", -PIXEL_SCALE / 3600, "CD matrix"), ("CD1_2", 0.0, "CD matrix"), ("CD2_1", 0.0, "CD matrix"),
        ("CD2_2", PIXEL_SCALE / 3600, "CD matrix"), ("IMAGEW", brick.pixels, "Image width"),
        ("IMAGEH", brick.pixels, "Image height"), ("EQUINOX", 2000.0, "Observation epoch"),
        ("IMTYPE", what, "LegacySurvey image type"), ("PRODTYPE", "wtmap" if inverse else "image", "NOAO image type"),
    )  # fmt: skip
    for key, value, comment in cards:
        header[key] = (value, comment)
    if inverse:
        header["BUNIT"] = ("1/nanomaggy^2", "Ivar of ABmag=22.5-2.5*log10(nmgy)")
    else:
        header["MAGZERO"] = (22.5, "Magnitude zeropoint")
        header["BUNIT"] = ("nanomaggy", "AB mag = 22.5 - 2.5*log10(nanomaggy)")
    _mark(header)
    return header


def write_coadd(path: Path, pixels: np.ndarray, header: fits.Header, step: float, dither: int) -> None:
    """Write one image (rows, columns) float32 as fpack does: Rice compression of pixels rounded to `step`.

    Subtractive dithering keeps means right and exact zeros zero.

    Parameters
    ----------
    step : float
        In the unit of the pixels.
    dither : int
        Seed of the dithering, 1 to 10000.
    """
    primary = fits.PrimaryHDU()
    _mark(primary.header)
    image = fits.CompImageHDU(
        pixels, header, compression_type="RICE_1", tile_shape=(_TILE, _TILE), quantize_level=-step,
        quantize_method=2, dither_seed=dither,
    )  # fmt: skip
    content = io.BytesIO()
    fits.HDUList([primary, image]).writeto(content)
    _write(path, content.getvalue())


def brick_columns(bricks: list[Brick]) -> dict[str, np.ndarray]:
    """Return the columns of survey-bricks, in the order of the bricks' numbers."""
    ordered = sorted(bricks, key=lambda brick: brick.number)
    out = dr9.empty(dr9.BRICKS, len(ordered))
    for k, brick in enumerate(ordered):
        out["BRICKNAME"][k], out["BRICKID"][k] = brick.name, brick.number
        for name in ("ra", "dec", "ra1", "ra2", "dec1", "dec2"):
            out[name.upper()][k] = getattr(brick, name)
    # Rows of declination and places within them, as the survey numbers them.
    out["BRICKROW"][:] = np.floor((out["DEC"] + 90) / 0.25)
    out["BRICKCOL"][:] = np.floor(out["RA"] * np.cos(np.radians(out["DEC"])) / 0.25)
    return out
