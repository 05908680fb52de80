"""Graders who are made up: they know the truth and err at stated rates."""

import numpy as np
import pandas as pd

from pipeline.data import random, sky
from pipeline.grading.batch import Batch
from pipeline.grading.sheets import SIMULATED_MARK

KINDS = ("visible_lens", "faint_lens", "other")


def kinds_of(batch: Batch, truth: pd.DataFrame, radius_arcsec: float) -> np.ndarray:
    """Return what each object of a batch is (N,): a visible lens or a faint one near its position, or other.

    Parameters
    ----------
    batch : Batch
    truth : DataFrame
        ra, dec (degrees), is_lens, visible; one row a catalogued object.
    radius_arcsec : float
    """
    ra, dec = (np.array([one[key] for one in batch.objects]) for key in ("ra", "dec"))
    kinds = np.full(len(ra), "other", dtype=object)
    for name, visible in (("faint_lens", False), ("visible_lens", True)):
        lenses = truth[truth["is_lens"] & (truth["visible"] == visible)]
        near, _, _ = sky.match(ra, dec, lenses["ra"], lenses["dec"], radius_arcsec)
        kinds[near] = name
    return kinds


def sheet_of(grader, batch: Batch, truth: pd.DataFrame, seed: int) -> str:
    """Return the sheet (CSV) of one simulated grader; every row is marked SIMULATED.

    A score depends on seed, grader and object alone.

    Parameters
    ----------
    grader : settings.grading.SimulatedGrader
    batch : Batch
    truth : DataFrame
    seed : int
    """
    ids = np.array([int(one["object_id"]) for one in batch.objects], dtype=np.int64)
    drawn = random.uniform(seed, f"simulated_grades/{grader.name}", 0, ids, 1)[:, 0]
    kinds = kinds_of(batch, truth, grader.sees_within_arcsec)
    scale = batch.content["scale"]
    scores = {}
    for identity, value, kind in zip(ids.tolist(), drawn, kinds, strict=True):
        step = int(np.searchsorted(np.cumsum(getattr(grader, kind)), value, side="right"))
        scores[str(identity)] = scale[min(step, len(scale) - 1)]
    return batch.sheet_text(scores, SIMULATED_MARK)
