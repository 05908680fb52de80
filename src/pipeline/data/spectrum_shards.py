"""Spectrum shards: one HDF5 file of spectra on one grid, with their catalogue columns. Bytes are deterministic."""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from pipeline.data.shards import new_file
from pipeline.data.spectrum_columns import complete
from pipeline.errors import PipelineError

_SPECTRA = {"flux": "<f4", "ivar": "<f4", "mask": "u1"}
_GRID = ("grid", "wave_kind", "wave_start", "wave_step", "wave_pixels")


def write_spectrum_shard(
    path: Path,
    flux: np.ndarray,
    ivar: np.ndarray,
    mask: np.ndarray,
    columns: Mapping[str, np.ndarray],
    grid: Mapping,
    *,
    simulated: bool,
) -> None:
    """Write spectra (N, P) and their columns (N,) as one shard.

    Parameters
    ----------
    path : Path
        File to write (give a temporary path; see `data.atomic`).
    flux, ivar : array (N, P)
        1e-17 erg/s/cm2/Å and its inverse variance.
    mask : array (N, P), bool
        True for a bad pixel.
    columns : mapping
        Catalogue columns; those not given hold missing values (`data.spectrum_columns`).
    grid : mapping
        grid (name), wave_kind, wave_start, wave_step, wave_pixels: `spectra.grids.Grid.attrs`.
    simulated : bool

    Raises
    ------
    PipelineError
        Shapes differ from each other or from the grid, or a column is not one of the catalogue.
    """
    blocks = {"flux": flux, "ivar": ivar, "mask": mask}
    shape = (len(flux), grid["wave_pixels"])
    for name, values in blocks.items():
        if values.shape != shape:
            raise PipelineError(
                "spectra of another shape than their grid", where=f"{path}: {name}", value=values.shape, allowed=shape
            )
    columns = complete(columns, len(flux))
    attrs = {**{name: grid[name] for name in _GRID}, "rows": len(flux), "simulated": bool(simulated)}
    with new_file(path) as file:
        for key, value in sorted(attrs.items()):
            file.attrs[key] = value
        for name in sorted({**blocks, **columns}):
            values = np.asarray(blocks[name], dtype=_SPECTRA[name]) if name in blocks else columns[name]
            file.create_dataset(name, data=_stored(values), track_times=False)


def _stored(values: np.ndarray) -> np.ndarray:
    """Return values as HDF5 keeps them: text as fixed-length UTF-8, truth as 0 and 1."""
    if values.dtype == bool:
        return values.astype("u1")
    if values.dtype != object:
        return values
    encoded = np.array([text.encode() for text in values.tolist()], dtype=bytes)
    return encoded.astype(f"S{max(1, encoded.dtype.itemsize)}")


class SpectrumShard:
    """Read a spectrum shard. The file is opened at first use, so that the object can be sent to another process.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self._file: h5py.File | None = None

    def __getstate__(self):
        return {"path": self.path, "_file": None}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self) -> None:
        """Close the file; it is opened again at the next use."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def _h5(self) -> h5py.File:
        if self._file is None:
            try:
                self._file = h5py.File(self.path, "r")
            except FileNotFoundError:
                raise PipelineError(
                    "shard not found", where=self.path, next="skysieve check RUN, then snakemake"
                ) from None
            except OSError as error:
                raise PipelineError(
                    "this shard cannot be read as HDF5",
                    where=self.path,
                    value=str(error).splitlines()[0],
                    next="skysieve check RUN removes its manifest; then run snakemake again",
                ) from None
            if not all(name in self._file for name in (*_SPECTRA, "spectrum_id")):
                raise PipelineError(
                    "not a spectrum shard",
                    where=self.path,
                    value=sorted(self._file),
                    allowed="flux, ivar, mask, spectrum_id, columns",
                )
        return self._file

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the spectra, (N, P)."""
        return self._h5["flux"].shape

    @property
    def attrs(self) -> dict:
        """Attributes of the file; `spectra.grids.grid_of` makes a grid of them."""
        values = {key: self._h5.attrs[key] for key in self._h5.attrs}
        return {key: value.item() if isinstance(value, np.generic) else value for key, value in values.items()}

    @property
    def columns(self) -> list[str]:
        """Names of the catalogue columns."""
        return sorted(name for name in self._h5 if name not in _SPECTRA)

    @property
    def spectrum_id(self) -> np.ndarray:
        """Identities of the spectra, int64 (N,)."""
        return self.column("spectrum_id")

    @property
    def object_id(self) -> np.ndarray:
        """Identities of the objects, int64 (N,)."""
        return self.column("object_id")

    def column(self, name: str) -> np.ndarray:
        """Return one catalogue column (N,); text as an object array.

        Raises
        ------
        PipelineError
            The shard has no such column.
        """
        if name in _SPECTRA or name not in self._h5:
            raise PipelineError(
                "the shard has no such column", where=self.path, value=name, allowed=", ".join(self.columns)
            )
        values = self._h5[name][()]
        if values.dtype.kind == "S":
            return np.char.decode(values, "utf-8").astype(object)
        return values.astype(bool) if name == "simulated" else values

    def read(self, rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return flux (n, P), ivar (n, P) float32 and mask (n, P) bool of a slice or of row numbers in any order."""
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                flux, ivar, mask = (self._h5[name][start : max(start, stop)] for name in _SPECTRA)
                return flux, ivar, mask.astype(bool)
            rows = np.arange(start, stop, step)
        rows = np.asarray(rows, dtype=np.int64)
        shape = (len(rows), self.shape[1])
        parts = [np.empty(shape, dtype=dtype) for dtype in (np.float32, np.float32, bool)]
        # One hyperslab a run of consecutive rows: h5py's own index lists are far slower.
        order = np.argsort(rows, kind="stable")
        for run in np.split(order, np.flatnonzero(np.diff(rows[order]) != 1) + 1):
            if len(run):
                first = int(rows[run[0]])
                for part, name in zip(parts, _SPECTRA, strict=True):
                    part[run] = self._h5[name][first : first + len(run)]
        return tuple(parts)
