"""Columns of the Legacy Surveys DR9 files: names, formats and units (legacysurvey.org/dr9/files)."""

import numpy as np

_GRZ, _WISE = ("G", "R", "Z"), ("W1", "W2", "W3", "W4")
_ALL = _GRZ + _WISE


def _per_band(name: str, form: str, bands=_GRZ, unit: str = "") -> list[tuple[str, str, str]]:
    return [(f"{name}_{band}", form, unit) for band in bands]


_NMGY, _IVAR = "nanomaggy", "1/nanomaggy^2"

# name, FITS format, unit
SWEEP = (
    ("RELEASE", "I", ""), ("BRICKID", "J", ""), ("BRICKNAME", "8A", ""), ("OBJID", "J", ""), ("TYPE", "3A", ""),
    ("RA", "D", "deg"), ("DEC", "D", "deg"), ("RA_IVAR", "E", "1/deg^2"), ("DEC_IVAR", "E", "1/deg^2"),
    ("DCHISQ", "5E", ""), ("EBV", "E", "mag"),
    *_per_band("FLUX", "E", _ALL, _NMGY), *_per_band("FLUX_IVAR", "E", _ALL, _IVAR),
    *_per_band("MW_TRANSMISSION", "E", _ALL), *_per_band("NOBS", "I", _ALL), *_per_band("RCHISQ", "E", _ALL),
    *_per_band("FRACFLUX", "E", _ALL), *_per_band("FRACMASKED", "E"), *_per_band("FRACIN", "E"),
    *_per_band("ANYMASK", "I"), *_per_band("ALLMASK", "I"), *_per_band("WISEMASK", "B", ("W1", "W2")),
    *_per_band("PSFSIZE", "E", unit="arcsec"), *_per_band("PSFDEPTH", "E", unit=_IVAR),
    *_per_band("GALDEPTH", "E", unit=_IVAR), *_per_band("PSFDEPTH", "E", ("W1", "W2"), _IVAR),
    ("WISE_COADD_ID", "8A", ""),
    ("SHAPE_R", "E", "arcsec"), ("SHAPE_R_IVAR", "E", "1/arcsec^2"), ("SHAPE_E1", "E", ""), ("SHAPE_E1_IVAR", "E", ""),
    ("SHAPE_E2", "E", ""), ("SHAPE_E2_IVAR", "E", ""),
    *_per_band("FIBERFLUX", "E", unit=_NMGY), *_per_band("FIBERTOTFLUX", "E", unit=_NMGY),
    ("REF_CAT", "2A", ""), ("REF_ID", "K", ""), ("REF_EPOCH", "E", "yr"),
    ("GAIA_PHOT_G_MEAN_MAG", "E", "mag"), ("GAIA_PHOT_G_MEAN_FLUX_OVER_ERROR", "E", ""),
    ("GAIA_PHOT_BP_MEAN_MAG", "E", "mag"), ("GAIA_PHOT_BP_MEAN_FLUX_OVER_ERROR", "E", ""),
    ("GAIA_PHOT_RP_MEAN_MAG", "E", "mag"), ("GAIA_PHOT_RP_MEAN_FLUX_OVER_ERROR", "E", ""),
    ("GAIA_ASTROMETRIC_EXCESS_NOISE", "E", ""), ("GAIA_DUPLICATED_SOURCE", "L", ""),
    ("GAIA_PHOT_BP_RP_EXCESS_FACTOR", "E", ""), ("GAIA_ASTROMETRIC_SIGMA5D_MAX", "E", "mas"),
    ("GAIA_ASTROMETRIC_PARAMS_SOLVED", "B", ""),
    ("PARALLAX", "E", "mas"), ("PARALLAX_IVAR", "E", "1/mas^2"), ("PMRA", "E", "mas/yr"),
    ("PMRA_IVAR", "E", "1/(mas/yr)^2"), ("PMDEC", "E", "mas/yr"), ("PMDEC_IVAR", "E", "1/(mas/yr)^2"),
    ("MASKBITS", "I", ""), ("FITBITS", "I", ""), ("SERSIC", "E", ""), ("SERSIC_IVAR", "E", ""),
)  # fmt: skip

PHOTO_Z = (
    ("RELEASE", "I", ""), ("BRICKID", "J", ""), ("OBJID", "J", ""),
    *((name, "E", "") for name in (
        "Z_PHOT_MEAN", "Z_PHOT_MEDIAN", "Z_PHOT_STD", "Z_PHOT_L68", "Z_PHOT_U68", "Z_PHOT_L95", "Z_PHOT_U95", "Z_SPEC",
    )),
    ("SURVEY", "10A", ""), ("TRAINING", "L", ""),
)  # fmt: skip

BRICKS = (
    ("BRICKNAME", "8A", ""), ("BRICKID", "J", ""), ("BRICKQ", "I", ""), ("BRICKROW", "J", ""), ("BRICKCOL", "J", ""),
    *((name, "D", "deg") for name in ("RA", "DEC", "RA1", "RA2", "DEC1", "DEC2")),
)  # fmt: skip

_TYPES = ("obj", "psf", "simp", "rex", "exp", "dev", "comp", "ser", "dup")
REGION_BRICKS = (
    ("brickname", "8A", ""), ("ra", "D", "deg"), ("dec", "D", "deg"),
    *((f"nexp_{band}", "I", "") for band in "grz"), *((f"nexphist_{band}", "6J", "") for band in "grz"),
    *((f"n{name}" + ("s" if name == "obj" else ""), "I", "") for name in _TYPES),
    *((f"psfsize_{band}", "E", "arcsec") for band in "grz"), *((f"psfdepth_{band}", "E", "mag") for band in "grz"),
    *((f"galdepth_{band}", "E", "mag") for band in "grz"), ("ebv", "E", "mag"),
    *((f"trans_{band}", "E", "") for band in "grz"), *((f"cosky_{band}", "E", _NMGY) for band in "grz"),
    *((f"ext_{band}", "E", "mag") for band in "grz"), ("wise_nobs", "4I", ""), ("trans_wise", "4E", ""),
    *((f"ext_w{band}", "E", "mag") for band in "1234"), ("brickid", "J", ""),
    *((name, "E", "deg") for name in ("ra1", "ra2", "dec1", "dec2")), ("area", "E", "deg^2"),
    ("survey_primary", "L", ""), ("in_desi", "L", ""),
)  # fmt: skip

SPEC_Z = (
    ("RA", "D", "deg"), ("DEC", "D", "deg"), ("Z", "D", ""), ("ZERR", "D", ""), ("ZWARN", "J", ""),
    ("SPECTYPE", "6A", ""), ("SURVEY", "10A", ""),
)  # fmt: skip

_DTYPES = {"I": "i2", "J": "i4", "K": "i8", "E": "f4", "D": "f8", "B": "u1", "L": "?"}


def empty(columns: tuple, n: int) -> dict[str, np.ndarray]:
    """Return zeroed columns of n rows with the types and shapes of their formats."""
    out = {}
    for name, form, _ in columns:
        number, code = form[:-1], form[-1]
        if code == "A":
            out[name] = np.full(n, "", dtype=f"<U{number}")
        else:
            out[name] = np.zeros((n, int(number)) if number else n, dtype=_DTYPES[code])
    return out


def concatenate(columns: tuple, parts: list[dict]) -> dict[str, np.ndarray]:
    """Return the rows of several tables in one."""
    return {name: np.concatenate([empty(columns, 0)[name], *(part[name] for part in parts)]) for name, *_ in columns}
