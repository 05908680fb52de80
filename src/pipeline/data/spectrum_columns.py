"""The catalogue columns of a spectrum: types, and how a missing value stands."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import PipelineError

if TYPE_CHECKING:
    import pandas as pd

# name -> (type, missing value). ra and dec ICRS degrees, wave_min and wave_max vacuum Å. class_pipe is QSO, STAR,
# GALAXY, SKY or "". class_vi is DR16Q's CLASS_PERSON: 0 not inspected, 1 star, 3 quasar, 4 galaxy, 30 BAL, 50 blazar;
# -1 not in the table. flags: `data.redshift_bits`.
SPECTRUM_COLUMNS: dict[str, tuple[type, object]] = {
    "spectrum_id": (np.int64, None),
    "object_id": (np.int64, None),
    "ra": (np.float64, np.nan),
    "dec": (np.float64, np.nan),
    "survey": (str, ""),
    "source": (str, ""),
    "plate": (np.int32, -1),
    "mjd": (np.int32, -1),
    "fiber": (np.int32, -1),
    "targetid": (np.int64, 0),
    "sn_median": (np.float32, np.nan),
    "good_pixels": (np.int32, 0),
    "wave_min": (np.float32, np.nan),
    "wave_max": (np.float32, np.nan),
    "class_pipe": (str, ""),
    "z_pipe": (np.float64, np.nan),
    "z_pipe_err": (np.float32, np.nan),
    "zwarn_pipe": (np.int64, -1),
    "class_vi": (np.int16, -1),
    "z_vi": (np.float64, np.nan),
    "z_conf": (np.int16, -1),
    "in_dr12q": (np.int16, -1),
    "bal_flag": (np.int16, -1),
    "bi_civ": (np.float32, np.nan),
    "z_qn": (np.float64, np.nan),
    "z_pca": (np.float64, np.nan),
    "ebv": (np.float32, np.nan),
    "flags": (np.int64, 0),
    "tranche": (np.int32, -1),
    "simulated": (bool, False),
}


def complete(columns: Mapping[str, Iterable], rows: int) -> dict[str, np.ndarray]:
    """Return all columns, (rows,) each in its type; those not given hold missing values.

    Raises
    ------
    PipelineError
        A column is unknown or has another length, an identity is missing, or a value does not fit its type.
    """
    unknown = sorted(set(columns) - set(SPECTRUM_COLUMNS))
    if unknown:
        raise PipelineError("not a column of the spectra's catalogue", value=unknown, allowed=list(SPECTRUM_COLUMNS))
    out = {}
    for name, (kind, missing) in SPECTRUM_COLUMNS.items():
        if name not in columns and missing is None:
            raise PipelineError("an identity is missing", where=name)
        values = np.asarray(columns[name]) if name in columns else np.full(rows, missing)
        if values.shape != (rows,):
            raise PipelineError("a column has another length", where=name, value=values.shape, allowed=(rows,))
        if kind is str:
            out[name] = np.array([str(value) for value in values.tolist()], dtype=object)
            continue
        out[name] = values.astype(kind)
        if np.issubdtype(kind, np.integer) and not (out[name] == values).all():
            raise PipelineError("a value does not fit its column", where=name, allowed=np.dtype(kind).name)
    return out


def as_frame(columns: Mapping[str, np.ndarray]) -> "pd.DataFrame":
    """Return complete columns as a data frame whose text columns are text even when they are empty."""
    import pandas as pd  # half a second, which readers of shards do not pay

    text = {name: pd.array(columns[name], dtype="str") for name, (kind, _) in SPECTRUM_COLUMNS.items() if kind is str}
    return pd.DataFrame({name: text.get(name, columns[name]) for name in SPECTRUM_COLUMNS})
