"""The table of candidates as it is written."""

import numpy as np
import pandas as pd
from astropy import units
from astropy.table import Table

from pipeline.data.ids import name as designation


def as_table(table: pd.DataFrame, models: list[str]) -> Table:
    """Return the candidates as they are written: tuples as text with commas, ids in text, names, units.

    Parameters
    ----------
    table : DataFrame
        All columns that the functions of `ranking` add.
    models : list of str
    """
    out = Table()
    out["object_id"] = table["object_id"].to_numpy(dtype=np.int64)
    out["name"] = designation(table["ra"].to_numpy(), table["dec"].to_numpy()) if len(table) else np.zeros(0, "U1")
    for name in ("ra", "dec"):
        out[name] = table[name].to_numpy(dtype=np.float64) * units.deg
    out["region"], out["stratum"] = _text(table["region"]), _text(table["stratum"])
    out["rank"] = table["rank"].to_numpy(dtype=np.int64)
    out["best_model"] = _text(table["best_model"])
    for name in [f"{kind}_{model}" for kind in ("score", "probability") for model in models]:
        out[name] = table[name].to_numpy(dtype=np.float64)
    out["probability"] = table["probability"].to_numpy(dtype=np.float64)
    out["provenance"] = _text(table["sources"].map(",".join))
    for name in ("queries", "members"):
        out[name] = _text(table[name].map(lambda ids: ",".join(map(str, ids))))
    out["similarity"] = table["similarity"].to_numpy(dtype=np.float64)
    out["known"], out["training"] = (table[name].to_numpy(dtype=bool) for name in ("known", "training"))
    out["known_name"], out["label"] = _text(table["known_name"]), _text(table["label"])
    out["known_separation"] = table["known_separation"].to_numpy(dtype=np.float64) * units.arcsec
    out["flags"] = table["flags"].to_numpy(dtype=np.int32)
    for name in ("mag_r", "mag_z"):
        out[name] = table[name].to_numpy(dtype=np.float64) * units.mag
    out["type"] = _text(table["type"])
    out["in_batch"] = table["in_batch"].to_numpy(dtype=bool)
    return out


def _text(values) -> np.ndarray:
    """Return a text column; without rows it still has a width."""
    found = np.array([str(value) for value in values], dtype=str)
    return found if len(found) else np.zeros(0, dtype="U1")
