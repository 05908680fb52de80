"""What differs between the data releases of the Legacy Surveys: cameras, classes of sources, names of files."""

import numpy as np

from pipeline.errors import PipelineError

# RELEASE -> camera (desitarget.io.releasedict): from 8000 on, even numbers are DECam (south), odd ones 90Prime and
# Mosaic-3 (north).
_EARLY_NORTH, _EARLY_SOUTH = (4000, 6000), (3000, 5000, 7000, 7999)

# Class of the catalogue for each TYPE of a release. DR9 fits a Sersic profile where DR8 and earlier fit the sum of a
# de Vaucouleurs and an exponential one (COMP); both are "SER" here. SIMP is the round exponential that REX replaced.
_GALAXIES = {"DEV": "DEV", "EXP": "EXP", "REX": "REX"}
_CLASSES_BEFORE_DR9 = {**_GALAXIES, "COMP": "SER", "SIMP": "REX", "PSF": "PSF"}
_CLASSES = {**_GALAXIES, "SER": "SER", "PSF": "PSF", "DUP": "DUP"}

RESOLVE_DECLINATION = 32.375  # degrees, desitarget.io.desitarget_resolve_dec

# Galactic pole, ICRS degrees (the Hipparcos Catalogue, ESA 1997, vol. 1, section 1.5.3).
_POLE_RA, _POLE_DEC = 192.85948, 27.12825

# data release -> version in the names of folders
SWEEP_VERSIONS = {"dr8": "8.0", "dr9": "9.0", "dr10": "10.0"}


def regions(release: np.ndarray) -> np.ndarray:
    """Return "north", "south" or "" (unknown) for RELEASE numbers (N,), as an object array."""
    release = np.asarray(release).astype(np.int64)
    out = np.full(release.shape, "", dtype=object)
    modern = release >= 8000
    out[np.isin(release, _EARLY_SOUTH) | (modern & (release % 2 == 0))] = "south"
    out[np.isin(release, _EARLY_NORTH) | (modern & (release % 2 == 1))] = "north"
    return out


def classes(types: np.ndarray, release: np.ndarray) -> np.ndarray:
    """Return the class of each source, (N,) objects: DEV, EXP, REX, SER, PSF, DUP, or "" for a TYPE never met.

    Parameters
    ----------
    types : array (N,) of text
        TYPE as the catalogue writes it, with or without padding.
    release : array (N,)
        RELEASE; what COMP and SER mean depends on it.
    """
    types = np.char.strip(np.asarray(types).astype(str))
    before = np.asarray(release).astype(np.int64) < 9000
    out = np.full(types.shape, "", dtype=object)
    for name in np.unique(types):
        out[(types == name) & before] = _CLASSES_BEFORE_DR9.get(str(name), "")
        out[(types == name) & ~before] = _CLASSES.get(str(name), "")
    return out


def galactic_latitude(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return the galactic latitude (N,) in degrees of ICRS positions (N,) in degrees."""
    ra, dec, pole = np.radians(np.asarray(ra) - _POLE_RA), np.radians(dec), np.radians(_POLE_DEC)
    sine = np.sin(dec) * np.sin(pole) + np.cos(dec) * np.cos(pole) * np.cos(ra)
    return np.degrees(np.arcsin(np.clip(sine, -1, 1)))


def primary(region: np.ndarray, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return which sources (N,) bool the survey takes from their region where both observed the same sky.

    North counts above declination 32.375 degrees in the north galactic cap, south everywhere else (desitarget,
    targets.resolve). A source of unknown region counts everywhere.
    """
    region = np.asarray(region, dtype=object)
    north_sky = (np.asarray(dec) > RESOLVE_DECLINATION) & (galactic_latitude(ra, dec) > 0)
    return np.where(region == "north", north_sky, np.where(region == "south", ~north_sky, True)).astype(bool)


def sweep_name(ra: int, dec: int) -> str:
    """Return the name of the sweep whose lower corner is (ra, dec), whole degrees; a sweep covers 10 by 5 degrees.

    Raises
    ------
    PipelineError
        No sweep has that corner.
    """
    if not (0 <= ra < 360 and ra % 10 == 0 and -90 <= dec < 90 and dec % 5 == 0):
        raise PipelineError(
            "no sweep has this corner", value=f"{ra},{dec}", allowed="multiples of 10 in RA and of 5 in declination"
        )
    corner = lambda a, d: f"{a:03d}{'m' if d < 0 else 'p'}{abs(d):03d}"  # noqa: E731
    return f"sweep-{corner(ra, dec)}-{corner(ra + 10, dec + 5)}"


def sweep_path(region: str, data_release: str, name: str) -> str:
    """Return the path of a sweep below the root of a release."""
    return f"{region}/sweep/{SWEEP_VERSIONS[data_release]}/{name}.fits"


def photo_z_path(sweep: str) -> str:
    """Return the path of the photometric redshifts that go with a sweep, row by row."""
    folder, _, name = sweep.rpartition("/")
    return f"{folder}-photo-z/{name.removesuffix('.fits')}-pz.fits"


def coadd_path(region: str, brick: str, kind: str, band: str) -> str:
    """Return the path of a coadd, `kind` image or invvar, below the root of a release."""
    return f"{region}/coadd/{brick[:3]}/{brick}/legacysurvey-{brick}-{kind}-{band}.fits.fz"


def bricks_table_paths(region: str, data_release: str) -> list[str]:
    """Return the tables that list bricks with their centres and limits, the region's own first."""
    return [f"{region}/survey-bricks-{data_release}-{region}.fits.gz", "survey-bricks.fits.gz"]
