"""The columns of the catalogue of sources: types, and how a missing value stands."""

from collections.abc import Mapping

import numpy as np

from pipeline.data.flags import bit
from pipeline.errors import PipelineError

BANDS = ("g", "r", "z")

_IDENTITY = {"object_id": np.int64, "release": np.int32, "region": str, "brickid": np.int32, "brickname": str}
_BAND_FLOATS = ("flux", "flux_ivar", "psfsize", "psfdepth", "fracflux")
_SHAPE = ("shape_r", "shape_e1", "shape_e2", "sersic")
_REDSHIFTS = ("z_phot_median", "z_phot_std", "z_spec")

# name -> type. Fluxes are nanomaggies, flux_ivar and psfdepth 1/nanomaggies^2, psfsize and shape_r arcsec, ra and dec
# ICRS degrees. A missing float is NaN, a missing integer -1 (maskbits and flags: 0), a missing text "".
CATALOGUE: dict[str, type] = {
    **_IDENTITY,
    "objid": np.int32,
    "ra": np.float64,
    "dec": np.float64,
    "type": str,
    **{f"{name}_{band}": np.float32 for name in _BAND_FLOATS for band in BANDS},
    **{f"nobs_{band}": np.int16 for band in BANDS},
    "ebv": np.float32,
    "maskbits": np.int32,
    **dict.fromkeys((*_SHAPE, *_REDSHIFTS), np.float32),
    "known_class": str,
    "flags": np.int32,
    "tranche": np.int16,
}
_ZERO_WHEN_MISSING = ("maskbits", "flags")


def complete(columns: Mapping[str, np.ndarray], rows: int) -> dict[str, np.ndarray]:
    """Return all columns of the catalogue, (rows,) each in its type; those not given hold missing values.

    Raises
    ------
    PipelineError
        A column is unknown, has another length or holds values that its type cannot.
    """
    unknown = sorted(set(columns) - set(CATALOGUE))
    if unknown:
        raise PipelineError("not a column of the catalogue", value=unknown, allowed=", ".join(CATALOGUE))
    out = {}
    for name, kind in CATALOGUE.items():
        if name not in columns:
            out[name] = _missing(name, kind, rows)
            continue
        values = np.asarray(columns[name])
        if values.shape != (rows,):
            raise PipelineError("a column has another length", where=name, value=values.shape, allowed=(rows,))
        if kind is str:
            out[name] = np.array([str(value) for value in values.tolist()], dtype=object)
            continue
        typed = values.astype(kind)
        if np.issubdtype(kind, np.integer) and not (typed.astype(np.float64) == values.astype(np.float64)).all():
            raise PipelineError("a value does not fit its column", where=name, allowed=np.dtype(kind).name)
        out[name] = typed
    return out


def _missing(name: str, kind: type, rows: int) -> np.ndarray:
    if kind is str:
        return np.full(rows, "", dtype=object)
    if np.issubdtype(kind, np.integer):
        return np.full(rows, 0 if name in _ZERO_WHEN_MISSING else -1, dtype=kind)
    return np.full(rows, np.nan, dtype=kind)


def doubts_about_columns(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the flags (N,) int32 that say what a catalogue does not know: NO_PSF, NO_DEPTH, NO_EBV.

    Not positive widths and depths count as unknown: the surveys write 0 where a band was never observed.
    """
    unknown = {
        "NO_PSF": [~(columns[f"psfsize_{band}"] > 0) for band in BANDS],
        "NO_DEPTH": [~(columns[f"psfdepth_{band}"] > 0) for band in BANDS],
        "NO_EBV": [~np.isfinite(columns["ebv"])],
    }
    flags = np.zeros(len(columns["ebv"]), dtype=np.int32)
    for name, masks in unknown.items():
        flags[np.logical_or.reduce(masks)] |= bit(name)
    return flags
