"""Spectra as CSV files, and folders of spectra of several surveys that an index in CSV lists.

A spectrum is a table `wave,flux,ivar`: vacuum Å, 1e-17 erg/s/cm2/Å and its inverse variance; DESI's are on its 0.8 Å
grid. The index has a row a spectrum: `file` (below the folder of the index, or with that folder's name before it),
`object` (spectra with the same one are of one object), `ra`, `dec`, `survey`, `mjd`, the pipeline's `pipe_class` and
`pipe_z`, and the trusted redshift `best_z` with its origin `best_z_source`.
"""

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.data.redshift_bits import bit
from pipeline.data.spectrum_ids import file_spectrum, index_object
from pipeline.errors import PipelineError
from pipeline.spectra.raw import RawSpectrum, cleaned
from pipeline.surveys.sdss import known_of_name, read_spec
from pipeline.surveys.unreadable import UnreadableFile

if TYPE_CHECKING:
    import pandas as pd

NEEDED = ("file", "object", "ra", "dec", "survey", "mjd", "pipe_class", "pipe_z", "best_z", "best_z_source")
SKY_FIBRE = "SKY-FIBRE"  # what the index calls a sky fibre, whose pipeline class and redshift mean nothing
_PERSON = re.compile(r"class_person=(\d+)")


def read_spectrum_csv(path: Path | str, name: str | None = None) -> RawSpectrum:
    """Read one spectrum from CSV, plain or gzip; its position and object are not in the file.

    Raises
    ------
    UnreadableFile
        Missing, not CSV, other columns, or wavelengths that do not ascend.
    """
    import pandas as pd  # half a second, which readers of FITS do not pay

    path = Path(path)
    try:
        table = pd.read_csv(path, dtype=np.float64)
    except FileNotFoundError:
        raise UnreadableFile("file not found", where=path) from None
    except Exception as error:  # pandas and gzip raise many kinds
        text = str(error).splitlines() or [type(error).__name__]
        raise UnreadableFile("this CSV cannot be read as a spectrum", where=path, value=text[0]) from None
    if not {"wave", "flux", "ivar"} <= set(table):
        raise UnreadableFile("not a spectrum in CSV", where=path, value=list(table)[:8], allowed="wave, flux, ivar")
    wavelength = table["wave"].to_numpy()
    if len(wavelength) < 2 or not np.isfinite(wavelength).all() or (np.diff(wavelength) <= 0).any():
        raise UnreadableFile("the wavelengths are not ascending", where=path, value=f"{len(wavelength)} pixels")
    flux, ivar = table["flux"].to_numpy(), table["ivar"].to_numpy()
    flux, ivar, mask, broken = cleaned(flux, ivar, np.zeros(len(flux), dtype=bool))
    identity = file_spectrum(path.name)
    columns = {"flags": bit("NAN_PIXELS") if broken else 0}
    return RawSpectrum(
        identity, identity, np.nan, np.nan, "desi", name or path.name, wavelength, flux, ivar, mask, columns
    )


def read_index(folder: Path | str, index: str) -> "pd.DataFrame":
    """Return the index of a folder of spectra with a further column `path`, in the order of the file.

    Parameters
    ----------
    folder : Path
        Folder of the index.
    index : str
        Its path below the folder.

    Raises
    ------
    PipelineError
        The index is missing, is not CSV, lacks a column, or names a file twice.
    """
    import pandas as pd

    path = Path(folder) / index
    try:
        table = pd.read_csv(path)
    except FileNotFoundError:
        raise UnreadableFile("the index of the spectra was not found", where=path) from None
    except Exception as error:
        raise UnreadableFile("this index cannot be read as CSV", where=path, value=str(error).splitlines()[0]) from None
    missing = [name for name in NEEDED if name not in table]
    if missing:
        raise UnreadableFile("the index of the spectra lacks columns", where=path, value=", ".join(missing))
    if table["file"].duplicated().any():
        twice = table["file"][table["file"].duplicated()].iloc[0]
        raise PipelineError("the index names a file twice", where=path, value=twice)
    return table.assign(path=[str(_located(path.parent, name)) for name in table["file"]])


def _located(folder: Path, name: str) -> Path:
    """Return the path of a file of the index; names may begin with the folder's own name."""
    inside = folder / name
    without = folder.joinpath(*Path(name).parts[1:])
    return without if not inside.exists() and without.exists() else inside


def known_of_row(row) -> dict:
    """Return what a row of the index tells of its spectrum: fields of `RawSpectrum`, `columns` among them."""
    sky = row["pipe_class"] == SKY_FIBRE
    person = _PERSON.search(str(row["best_z_source"]))
    columns = {
        "class_pipe": "SKY" if sky else str(row["pipe_class"]),
        "z_pipe": np.nan if sky else float(row["pipe_z"]),
        "z_vi": float(row["best_z"]),
        "class_vi": int(person[1]) if person else -1,
        "mjd": int(row["mjd"]) if np.isfinite(row["mjd"]) else -1,
    }
    name = Path(row["file"]).name
    known = known_of_name(name)
    return {
        "spectrum_id": file_spectrum(name),
        **known,
        "object_id": index_object(str(row["object"])),
        "ra": float(row["ra"]),
        "dec": float(row["dec"]),
        "survey": known.get("survey", "desi"),
        "columns": {**known.get("columns", {}), **columns, "flags": bit("SKY") if sky else 0},
    }


def open_listed(row) -> RawSpectrum:
    """Read the spectrum of a row of `read_index`; its position, object, class and redshifts are those of the index.

    Raises
    ------
    UnreadableFile
        The file cannot be read as a spectrum.
    """
    path = Path(row["path"])
    read = read_spectrum_csv if path.name.endswith((".csv", ".csv.gz")) else read_spec
    spectrum, known = read(path, row["file"]), known_of_row(row)
    columns = {**spectrum.columns, **known["columns"]}
    columns["flags"] = spectrum.columns["flags"] | known["columns"]["flags"]
    return dataclasses.replace(
        spectrum, object_id=known["object_id"], ra=known["ra"], dec=known["dec"], columns=columns
    )
