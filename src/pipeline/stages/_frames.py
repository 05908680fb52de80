"""ECSV tables as data frames."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.data.tables import read_ecsv

if TYPE_CHECKING:
    import pandas as pd


def read_frame(path: Path) -> "pd.DataFrame":
    """Return an ECSV table as a data frame in which an empty text is "" and a missing number NaN."""
    import pandas as pd  # half a second, which stages that read no such table do not pay

    columns = {}
    table = read_ecsv(path)
    for name in table.colnames:
        values = table[name]
        if values.dtype.kind in "OSU":
            texts = np.ma.filled(values, "") if hasattr(values, "mask") else values
            columns[name] = np.array([str(text) for text in np.asarray(texts).tolist()], dtype=object)
        elif hasattr(values, "mask") and np.any(values.mask):
            columns[name] = np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan)
        else:
            columns[name] = np.asarray(values)
    return pd.DataFrame(columns)
