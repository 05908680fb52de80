"""What the stages that train on spectra share: rows of the sample, and their spectra as an estimator's input."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline.data.manifests import shard_paths
from pipeline.data.redshift_bits import bit
from pipeline.data.spectrum_shards import SpectrumShard
from pipeline.data.tables import read_parquet
from pipeline.errors import PipelineError
from pipeline.learn.redshift.labels import labels_of
from pipeline.learn.redshift.training import Spectra
from pipeline.spectra.grids import grid_of

if TYPE_CHECKING:
    import pandas as pd

_BLOCK = 256  # spectra read at a time: an input may be much smaller than a spectrum


def sample_rows(path: Path, sets: tuple[str, ...]) -> "pd.DataFrame":
    """Return the rows of sample.parquet that belong to any of these sets, in the order of spectrum_id."""
    sample = read_parquet(path)
    return sample[sample["set"].isin(sets)].sort_values("spectrum_id", kind="stable", ignore_index=True)


def read_spectra(manifests: list[Path], rows: "pd.DataFrame", make: Callable) -> tuple[Spectra, np.ndarray]:
    """Return the inputs and labels of rows of the sample, and which rows they are, (n,): those with usable pixels.

    make(flux, ivar, mask, grid) returns inputs (n, P) and warning bits (n,).

    Raises
    ------
    PipelineError
        A spectrum is in none of the shards.
    """
    wanted = rows["spectrum_id"].to_numpy(np.int64)
    inputs, bits = None, np.full(len(wanted), -1, dtype=np.int64)
    for manifest in manifests:
        for _, path in shard_paths(manifest, ".h5"):
            with SpectrumShard(path) as shard:
                _, places, found = np.intersect1d(shard.spectrum_id, wanted, return_indices=True)
                grid = grid_of(shard.attrs)
                for start in range(0, len(places), _BLOCK):
                    part = slice(start, start + _BLOCK)
                    values, bits[found[part]] = make(*shard.read(places[part]), grid)
                    if inputs is None:
                        inputs = np.zeros((len(wanted), values.shape[1]), dtype=np.float32)
                    inputs[found[part]] = values
    missing = wanted[bits == -1]
    if len(missing):
        raise PipelineError(
            f"{len(missing)} of {len(wanted)} spectra are in no shard",
            where=manifests[0].parent if manifests else None,
            value=f"spectrum {missing[0]}",
            next="skysieve check RUN, then snakemake",
        )
    usable = np.flatnonzero(bits & bit("NODATA") == 0)
    if not len(usable):
        raise PipelineError("no spectrum with usable pixels", value=f"{len(wanted)} spectra of the sample")
    return Spectra(torch.from_numpy(inputs[usable]), labels_of(rows.iloc[usable])), usable
