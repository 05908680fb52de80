"""Which row stands for a target in tables of DESI's redshifts that have several of it.

zall-pix and zall-tilecumulative files have a row a target, SURVEY and PROGRAM, or tile; ZCAT_PRIMARY marks the best one
of a target (desispec.zcatalog.find_primary_spectra).
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipeline.surveys.unreadable import UnreadableFile

PRIMARY = "zcat_primary"


def one_row_each(key: np.ndarray, rows: np.ndarray, table: Mapping[str, np.ndarray], where: Path | str) -> np.ndarray:
    """Return rows (K,) in the order of their keys, each key once.

    Parameters
    ----------
    key : array (N,), int64
    rows : array (M,), int64
        The rows among which to choose.
    table : mapping
        Columns (N,) by lower-case name; with `zcat_primary`, it chooses among the rows of a key.
    where : Path

    Raises
    ------
    UnreadableFile
        A key still stands in several rows.
    """
    rows = rows[np.argsort(key[rows], kind="stable")]
    _, place, counts = np.unique(key[rows], return_inverse=True, return_counts=True)
    several = np.flatnonzero(counts[place] > 1)
    if len(several) and PRIMARY in table:
        keys, primary = key[rows[several]], _is_true(table[PRIMARY][rows[several]])
        rows = np.delete(rows, several[~primary & np.isin(keys, keys[primary])])
    twice = np.flatnonzero(key[rows[1:]] == key[rows[:-1]])
    if len(twice):
        raise UnreadableFile(
            "this catalogue has a key twice",
            where=f"{where}: rows {sorted(rows[twice[0] : twice[0] + 2].tolist())}",
            value=int(key[rows[twice[0]]]),
            allowed="one row a key, or one of them with ZCAT_PRIMARY",
        )
    return rows


def of_survey(
    table: Mapping[str, np.ndarray], wanted: Mapping[str, str | None], where: Path | str
) -> np.ndarray | bool:
    """Return which rows (N,) bool are of a survey and program, as far as these are given and the table has the columns.

    Raises
    ------
    UnreadableFile
        None is.
    """
    among: np.ndarray | bool = True
    for name, value in wanted.items():
        if value is not None and name in table:
            words = np.char.strip(np.asarray(table[name]).astype(str))
            among = among & (words == value)
            if not among.any():
                raise UnreadableFile(
                    f"no row of this catalogue is of this {name}",
                    where=where,
                    value=value,
                    allowed=", ".join(np.unique(words)[:12].tolist()),
                )
    return among


def _is_true(values: np.ndarray) -> np.ndarray:
    """Return logical values as FITS ("T") and CSV ("True", 1) write them."""
    return np.isin(np.char.upper(np.asarray(values).astype(str)), ("T", "TRUE", "1"))
