"""Which objects stand in which batch of an epoch, when one class is rare."""

from dataclasses import dataclass

import numpy as np

from pipeline.data import random


@dataclass(frozen=True)
class Batches:
    """The batches of one epoch: `rows` (steps, batch) into the training set, and how often each stood there before."""

    rows: np.ndarray
    repeats: np.ndarray


def compose(
    object_id: np.ndarray,
    labels: np.ndarray,
    *,
    batch: int,
    lens_fraction: float,
    non_lenses: int | None,
    seed: int,
    stage: str,
    epoch: int,
) -> Batches:
    """Deal a training set to batches that all hold the same number of lenses, evenly spread.

    An epoch is as long as it takes to see `non_lenses` of the non-lenses (null: all) once; lenses are repeated, each
    time round in another order, and the last batch is filled from a second round of the same non-lenses.

    Parameters
    ----------
    object_id, labels : (N,)
        With at least one lens (1) and one non-lens (0).
    batch, lens_fraction
        Every batch has round(batch * lens_fraction) lenses.
    seed, stage, epoch
        Key of the random order.
    """
    lenses, others = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    per_batch = round(batch * lens_fraction)
    drawn = others[random.order(seed, f"{stage}/drawn", epoch, object_id[others])[:non_lenses]]
    steps = -(-len(drawn) // (batch - per_batch))
    is_lens = np.zeros(batch, dtype=bool)
    is_lens[np.floor((np.arange(per_batch) + 0.5) * batch / per_batch).astype(np.int64)] = True
    rows = np.empty((steps, batch), dtype=np.int64)
    repeats = np.empty_like(rows)
    for kind, mask, members in (("lens", is_lens, lenses), ("other", ~is_lens, drawn)):
        n = steps * int(mask.sum())
        rounds = [
            members[random.order(seed, f"{stage}/{kind}/{repeat}", epoch, object_id[members])]
            for repeat in range(-(-n // len(members)))
        ]
        rows[:, mask] = np.concatenate(rounds)[:n].reshape(steps, -1)
        repeats[:, mask] = (np.arange(n) // len(members)).reshape(steps, -1)
    return Batches(rows, repeats)
