"""Catalogues of quasars and redshifts, joined to spectra by PLATE, MJD and FIBERID or by TARGETID.

Columns are those of DR16Q (Lyke et al. 2020) and of DESI's zcatalog; a table in CSV has the same names.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.data.spectrum_columns import SPECTRUM_COLUMNS
from pipeline.surveys.fitsblocks import read_blocks
from pipeline.surveys.repeated_targets import PRIMARY, of_survey, one_row_each
from pipeline.surveys.unreadable import UnreadableFile

BAL_PROBABILITY = 0.75  # BAL_PROB from which Lyke et al. (section 5.5) call a quasar BAL
_NO_REDSHIFT = -0.99  # DR16Q writes -1
_NO_KEY = np.iinfo(np.int64).min
_PLATE_KEY, _TARGET_KEY = ("plate", "mjd", "fiberid"), ("targetid",)


def _redshift(values: np.ndarray) -> np.ndarray:
    values = values.astype(np.float64)
    return np.where(values > _NO_REDSHIFT, values, np.nan)


def _not_negative(values: np.ndarray) -> np.ndarray:
    return np.where(values >= 0, values, np.nan)


def _is_bal(probability: np.ndarray) -> np.ndarray:
    return np.where(probability < 0, -1, probability >= BAL_PROBABILITY).astype(np.int16)


# Column of the catalogue of spectra -> columns of the table, the first that there is, and what is done to it.
_COLUMNS: dict[str, tuple[tuple[str, Callable[[np.ndarray], np.ndarray] | None], ...]] = {
    "class_vi": (("class_person", None),),
    "z_vi": (("z_vi", _redshift),),
    "z_conf": (("z_conf", None), ("z_conf_person", None)),
    "in_dr12q": (("is_qso_dr12q", lambda values: (values == 1).astype(np.int16)),),
    "bal_flag": (("bal_flag_vi", None), ("bal_prob", _is_bal)),
    "bi_civ": (("bi_civ", _not_negative),),
    "z_qn": (("z_qn", _redshift),),
    "z_pca": (("z_pca", _redshift),),
}
# The pipeline's own, taken where the file of the spectrum does not tell. `z` alone is a zcatalog's.
_PIPELINE = {
    "z_pipe": (("z_pipe", _redshift), ("z", _redshift)),
    "z_pipe_err": (("zerr", None),),
    "zwarn_pipe": (("zwarn_pipe", None), ("zwarn", None)),
    "class_pipe": (("spectype", None),),
    "ebv": (("ebv", _not_negative),),
}


class QuasarTable:
    """A catalogue in memory.

    Parameters
    ----------
    path : Path
        FITS (its first table) or CSV.
    survey, program : str or None
        Only rows of these count, where the table has columns SURVEY and PROGRAM. Of several rows of one key, that with
        ZCAT_PRIMARY counts.

    Raises
    ------
    UnreadableFile
        Missing, unreadable, without a key, without a row of the survey and program, or with the same key twice.
    """

    def __init__(self, path: Path | str, *, survey: str | None = None, program: str | None = None):
        self.path = Path(path)
        table = _read(self.path)
        keys = [key for key in (_PLATE_KEY, _TARGET_KEY) if all(name in table for name in key)]
        if not keys:
            raise UnreadableFile(
                "this catalogue has no key to join by",
                where=path,
                value=list(table)[:12],
                allowed="PLATE, MJD, FIBERID or TARGETID",
            )
        among = of_survey(table, {"survey": survey, "program": program}, self.path)
        self._keys = {key: self._index(_packed([table[name] for name in key]), among, table) for key in keys}
        self._own, self._pipeline = (
            {
                name: values
                for name, choices in wanted.items()
                for values in [next((_taken(table[one], change) for one, change in choices if one in table), None)]
                if values is not None
            }
            for wanted in (_COLUMNS, _PIPELINE if _TARGET_KEY in keys or "z_pipe" in table else {})
        )

    def _index(self, key: np.ndarray, among: np.ndarray | bool, table: dict) -> tuple[np.ndarray, np.ndarray]:
        """Return the keys in order and the row of each; rows without a key are left out."""
        rows = one_row_each(key, np.flatnonzero((key != _NO_KEY) & among), table, self.path)
        return key[rows], rows

    def rows_of(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        """Return the table's row (N,) of spectra with columns plate, mjd, fiber and targetid; -1 where it has none."""
        found = np.full(len(columns["targetid"]), -1, dtype=np.int64)
        for key, (ordered, rows) in self._keys.items():
            names = ("targetid",) if key == _TARGET_KEY else ("plate", "mjd", "fiber")
            wanted = _packed([columns[name] for name in names])
            place = np.minimum(np.searchsorted(ordered, wanted), max(len(ordered) - 1, 0))
            if len(ordered):
                found = np.where((ordered[place] == wanted) & (wanted != _NO_KEY), rows[place], found)
        return found

    def join(self, columns: dict[str, np.ndarray]) -> int:
        """Write what the table says of spectra into their complete columns, in place; return how many it names."""
        row = self.rows_of(columns)
        named = row >= 0
        for name, values in self._own.items():
            columns[name][named] = values[row[named]]
        for name, values in self._pipeline.items():
            missing = SPECTRUM_COLUMNS[name][1]
            absent = np.isnan(columns[name]) if missing is np.nan else columns[name] == missing
            if name != "ebv":  # a sky fibre has no redshift
                absent &= columns["class_pipe"] != "SKY"
            columns[name][named & absent] = values[row[named & absent]]
        return int(named.sum())


def _packed(parts: list[np.ndarray]) -> np.ndarray:
    """Return one int64 (N,) a key: TARGETID (0 is none), or the bits of plate, MJD and fibre (negative is none)."""
    parts = [np.asarray(part).astype(np.int64) for part in parts]
    if len(parts) == 1:
        return np.where(parts[0] == 0, _NO_KEY, parts[0])
    plate, mjd, fiber = parts
    return np.where((plate < 0) | (mjd < 0) | (fiber < 0), _NO_KEY, plate << 32 | mjd << 12 | fiber)


def _taken(values: np.ndarray, change) -> np.ndarray:
    return values if change is None else change(values)


def _read(path: Path) -> dict[str, np.ndarray]:
    """Return the columns that may be needed, by lower-case name."""
    choices = [name for wanted in (_COLUMNS, _PIPELINE) for options in wanted.values() for name, _ in options]
    names = tuple(dict.fromkeys((*_PLATE_KEY, *_TARGET_KEY, *choices, "survey", "program", PRIMARY)))
    if path.name.endswith((".csv", ".csv.gz")):
        import pandas as pd  # half a second, which FITS does not pay

        try:
            frame = pd.read_csv(path).rename(columns=str.lower)
        except FileNotFoundError:
            raise UnreadableFile("catalogue not found", where=path) from None
        except Exception as error:  # pandas raises many kinds
            text = str(error).splitlines()[0]
            raise UnreadableFile("this catalogue cannot be read as CSV", where=path, value=text) from None
        return {name: frame[name].to_numpy() for name in names if name in frame}
    table = next((block for block in read_blocks(path, lambda number, _: number == 1)[1:]), None)
    if table is None:
        raise UnreadableFile("no table in this FITS file", where=path)
    return table.columns((), names)
