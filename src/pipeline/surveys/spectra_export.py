"""Writing of the papers' files: FNet's HDF5 and the slides' CSV, from spectrum shards."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from pipeline.data.atomic import atomic
from pipeline.data.shards import new_file
from pipeline.data.spectrum_shards import SpectrumShard
from pipeline.errors import PipelineError
from pipeline.spectra.export import fnet_columns, fnet_fluxes, fnet_wavelengths, slides_matrices
from pipeline.spectra.grids import Grid, grid_of

_BLOCK = 512  # spectra at a time, which bounds the memory


def _blocks(paths: list[Path]) -> Iterator[tuple[tuple[np.ndarray, ...], Grid, dict[str, np.ndarray]]]:
    """Yield spectra (flux, ivar, mask), their grid and their columns, block by block."""
    for path in paths:
        with SpectrumShard(path) as shard:
            columns, own = {name: shard.column(name) for name in shard.columns}, grid_of(shard.attrs)
            for start in range(0, len(shard), _BLOCK):
                rows = slice(start, start + _BLOCK)
                yield shard.read(rows), own, {name: values[rows] for name, values in columns.items()}


def write_fnet(paths: list[Path], out: Path | str) -> int:
    """Write shards as one file in the layout of FNet's; return its rows.

    The fluxes are float32 (rows, 4618) under `flux` and `flux_norm`; `wavelength` and `wavelength_log` have the pixels.
    """
    rows = 0
    with atomic(out) as temporary, new_file(temporary) as file:
        for spectra, own, columns in _blocks(paths):
            plain, normalised = fnet_fluxes(*spectra, own)
            block = {"flux": plain, "flux_norm": normalised, **fnet_columns(columns, rows)}
            rows += len(plain)
            for name in sorted(block):
                _append(file, name, block[name], rows)
        for name, values in zip(("wavelength", "wavelength_log"), fnet_wavelengths(), strict=True):
            file.create_dataset(name, data=values, track_times=False)
    return rows


def _append(file: h5py.File, name: str, values: np.ndarray, end: int) -> None:
    """Write values to the rows before `end` of a dataset that grows."""
    if values.dtype.kind == "U":
        values = np.char.encode(values, "utf-8").astype("S24")
    if name not in file:
        file.create_dataset(
            name,
            shape=(0, *values.shape[1:]),
            maxshape=(None, *values.shape[1:]),
            chunks=(64, *values.shape[1:]),
            dtype=values.dtype,
            track_times=False,
        )
    file[name].resize(end, axis=0)
    file[name][end - len(values) :] = values


def write_slides(paths: list[Path], folder: Path | str, low: float, high: float, label: str) -> int:
    """Write `flux-LOW-HIGH.csv` and `zpipe-LOW-HIGH.csv` (or zvi) as the slides do; return the number of spectra.

    Each file is one line of numbers; the fluxes are to be read as (spectra, 2000).

    Raises
    ------
    PipelineError
        No quasar lies in the range.
    """
    parts = [slides_matrices(*spectra, own, columns, low, high, label) for spectra, own, columns in _blocks(paths)]
    rows = sum(len(z) for _, z in parts)
    if not rows:
        raise PipelineError("no quasar lies in this range of redshift", value=f"{low:g} to {high:g}")
    names = (f"flux-{low:g}-{high:g}.csv", f"{label.replace('_', '')}-{low:g}-{high:g}.csv")
    for place, name in enumerate(names):
        with atomic(Path(folder) / name) as temporary:
            np.concatenate([part[place] for part in parts]).tofile(temporary, sep=",")
    return rows
