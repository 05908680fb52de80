"""Where the archives keep their files: paths below the root of a data release, as each archive lays them out.

SDSS: the data model's spectro/redux/RUN2D/spectra; DESI: its data model's spectro/redux/SPECPROD/healpix; Legacy
Surveys: the files page of each release, whose names `surveys.releases` has. Each folder of files of DESI and of the
Legacy Surveys has a file of sha256 sums that is named after the folder; the production scripts of the Legacy Surveys
write one for each sweep folder and for each brick's folder of coadds.
"""

import re
from urllib.parse import urlencode

import astropy_healpix
import numpy as np
from astropy import units as u

from pipeline.surveys.releases import primary

BASES = {
    "sdss": "https://data.sdss.org/sas/{release}",
    "desi": "https://data.desi.lbl.gov/public/{release}",
    "legacy": "https://portal.nersc.gov/cfs/cosmo/data/legacysurvey/{release}",
    "viewer": "https://www.legacysurvey.org/viewer",
}
# What stands before a path of the archive's own in a URL of any of its hosts and releases.
_ROOTS = re.compile(r"https?://[^/]+/(?:sas/dr\d+|public/(?:edr|dr\d+)|(?:[^?]*/)?legacysurvey/dr\d+)/(?P<path>[^?#]+)")

# data release -> reductions of the BOSS spectrographs; those of the SDSS spectrographs have not changed since DR8.
_BOSS_RUN2D = {"dr16": "v5_13_0", "dr17": "v5_13_2"}
_SDSS_RUN2D = ("26", "103", "104")  # the Legacy Survey, special plates and SEGUE-1, SEGUE-2
_FIRST_BOSS_PLATE = 3510

SPECPRODS = {"edr": "fuji", "dr1": "iron"}
DESI_SURVEYS = {"edr": "sv3", "dr1": "main"}  # the one that holds most of the release
DESI_NSIDE = 64

_BRICK = 0.25  # degrees


def below_root(url: str, base: str | None) -> str | None:
    """Return the path of a URL below `base`, or below the root of an archive's release; None where it is neither."""
    if base is not None and url.startswith(base.rstrip("/") + "/"):
        return url.removeprefix(base.rstrip("/") + "/").partition("?")[0].partition("#")[0]
    found = _ROOTS.match(url)
    return found["path"] if found else None


def sdss_releases() -> list[str]:
    """Return the releases of SDSS whose layout is known."""
    return sorted(_BOSS_RUN2D)


def run2d_candidates(plate: int, release: str) -> tuple[str, ...]:
    """Return the reductions that may hold a plate, in the order in which to try them."""
    return (_BOSS_RUN2D[release],) if plate >= _FIRST_BOSS_PLATE else _SDSS_RUN2D


def sdss_spectrum(plate: int, mjd: int, fiber: int, run2d: str, *, full: bool) -> str:
    """Return the path of a spectrum: `full` with the single exposures, else "lite".

    The SDSS spectrographs' full spectra lie in spectra/PLATE, those of BOSS in spectra/full/PLATE.
    """
    own = run2d in _SDSS_RUN2D
    kind = ("" if own else "full/") if full else "lite/"
    folder = f"{'sdss' if own else 'eboss'}/spectro/redux/{run2d}/spectra/{kind}{plate:04d}"
    return f"{folder}/spec-{plate:04d}-{mjd:05d}-{fiber:04d}.fits"


def desi_pixels(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return the HEALPix cells (N,) of positions (N,) in degrees, nside 64, nested, as DESI groups its coadds."""
    grid = astropy_healpix.HEALPix(nside=DESI_NSIDE, order="nested")
    return np.asarray(grid.lonlat_to_healpix(np.asarray(ra) * u.deg, np.asarray(dec) * u.deg), dtype=np.int64)


def desi_folder(release: str, survey: str, program: str, pixel: int) -> str:
    """Return the folder of a cell of the sky."""
    return f"spectro/redux/{SPECPRODS[release]}/healpix/{survey}/{program}/{pixel // 100}/{pixel}"


def desi_file(release: str, kind: str, survey: str, program: str, pixel: int) -> str:
    """Return the path of a file of a cell, `kind` coadd or redrock."""
    return f"{desi_folder(release, survey, program, pixel)}/{kind}-{survey}-{program}-{pixel}.fits"


def desi_checksums(release: str, survey: str, program: str, pixel: int) -> str:
    """Return the path of the sha256 sums of a cell's files."""
    folder = desi_folder(release, survey, program, pixel)
    words = folder.removeprefix("spectro/").split("/")
    return f"{folder}/{'_'.join(words)}.sha256sum"


def legacy_regions(ra: np.ndarray, dec: np.ndarray, release: str) -> np.ndarray:
    """Return the region (N,) whose images and sources count at positions (N,) in degrees; DR10 is all south."""
    north = primary(np.full(len(ra), "north", dtype=object), ra, dec) & (release != "dr10")
    return np.where(north, "north", "south").astype(object)


def legacy_checksums(release: str, file: str) -> str:
    """Return the path of the sha256 sums of all files in the folder of a file; they are named after the folder."""
    folder = file.rpartition("/")[0]
    return f"{folder}/legacysurvey_{release}_{folder.replace('/', '_')}.sha256sum"


def sweep_corners(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return the lower corners (N, 2) in whole degrees of the sweeps that hold positions (N,) in degrees."""
    corner = np.floor(np.column_stack([np.asarray(ra) % 360 / 10, np.minimum(np.asarray(dec), 89.999) / 5]))
    return (corner * (10, 5)).astype(np.int64)


def brick_names(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return the names (N,) of the bricks of 0.25 degrees that own positions (N,) in degrees.

    Rows are centred on multiples of 0.25 degrees in declination; each has the least even number of bricks that are no
    wider than 0.25 degrees at the edge nearer to the equator, from right ascension 0 on; a pole is one brick. A name
    holds tenths of a degree of the brick's centre.
    """
    dec = np.asarray(dec, dtype=np.float64)
    row = np.clip(np.floor((dec + 90) / _BRICK + 0.5), 0, 180 / _BRICK)
    centre = row * _BRICK - 90
    widest = np.maximum(np.abs(centre) - _BRICK / 2, 0)
    count = np.where(np.abs(centre) == 90, 1, 2 * np.ceil(360 / _BRICK * np.cos(np.radians(widest)) / 2))
    middle = (np.floor(np.asarray(ra) % 360 / 360 * count) + 0.5) * 360 / count
    # Rounded before it is cut: a centre at 39.6 degrees is 39.599999... in binary.
    tenths = np.rint(middle * 1e4).astype(np.int64) // 1000
    signs = np.where(centre < 0, "m", "p")
    return np.array(
        [f"{a:04d}{s}{int(d * 10):03d}" for a, s, d in zip(tenths, signs, np.abs(centre), strict=True)], dtype=object
    )


def cutout_query(ra: float, dec: float, layer: str, pixel_scale: float, bands: str, pixels: int) -> str:
    """Return path and query of a cutout of the viewer: `pixels` a side of `pixel_scale` arcsec."""
    values = {"ra": f"{ra:.7f}", "dec": f"{dec:.7f}", "layer": layer, "pixscale": f"{pixel_scale:g}"}
    return "fits-cutout?" + urlencode({**values, "bands": bands, "size": pixels})


def cutout_file(ra: float, dec: float, layer: str) -> str:
    """Return the name under which a cutout is kept; the viewer gives it none."""
    return f"cutouts/{layer}/cutout_{ra:.6f}_{dec:.6f}.fits"
