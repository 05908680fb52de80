"""The bootstrap over systems: objects of one system are drawn together, lenses and non-lenses each from their own."""

from collections.abc import Iterator

import numpy as np

from pipeline.data.random import stream


def systems_of(labels: np.ndarray, system: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each object the number (N,) of its unit of resampling, and for each unit (U,) whether it holds a lens.

    Objects of one system, (N,) int64, form a unit. Units are numbered in the order of `system`.
    """
    values, unit = np.unique(system, return_inverse=True)
    with_lens = np.zeros(len(values), dtype=bool)
    with_lens[unit[np.asarray(labels).astype(bool)]] = True
    return unit, with_lens


def draws(labels: np.ndarray, system: np.ndarray, n: int, seed: int, *keys: str | int) -> Iterator[np.ndarray]:
    """Yield n times the number of copies (N,) float64 of each object in a bootstrap sample.

    Systems with a lens and systems without are drawn apart, with replacement, so that every sample has the share of
    lenses of the original. The draws depend on seed and keys alone: two models are measured on the same samples.
    """
    unit, with_lens = systems_of(labels, system)
    generator = stream(seed, "bootstrap", *keys)
    parts = [np.flatnonzero(with_lens), np.flatnonzero(~with_lens)]
    for _ in range(n):
        copies = np.zeros(len(with_lens))
        for part in parts:
            if len(part):
                drawn = generator.integers(len(part), size=len(part))
                copies[part] = np.bincount(drawn, minlength=len(part))
        yield copies[unit]
