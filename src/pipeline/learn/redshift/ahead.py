"""Redshifts of all spectra of a shard, of which the next ones are read and prepared while an estimator computes."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pipeline.data.spectrum_shards import SpectrumShard
from pipeline.spectra.grids import grid_of


def estimate_shard(estimator, shard: SpectrumShard) -> dict[str, np.ndarray]:
    """Return the results of an estimator, N rows each, in pieces of `estimator.batch` spectra.

    An estimator is called with (flux, ivar, mask, grid). One that has `prepare` (of the same arguments) and `estimate`
    (of what that returned) has its input made ahead.
    """
    grid = grid_of(shard.attrs)
    prepare = getattr(estimator, "prepare", lambda *block: block)
    estimate = getattr(estimator, "estimate", estimator)

    def make(start: int) -> tuple:
        return prepare(*shard.read(slice(start, start + estimator.batch)), grid)

    parts = []
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(make, 0)
        # Without a spectrum the shapes of the results are still those of the estimator.
        for start in range(0, max(len(shard), 1), estimator.batch):
            ready = coming.result()
            if start + estimator.batch < len(shard):
                coming = reader.submit(make, start + estimator.batch)
            parts.append(estimate(*ready))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
