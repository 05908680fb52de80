"""The sample for pre-training: the same in whatever order the objects come."""

from typing import TYPE_CHECKING

import numpy as np

from pipeline.data import random
from pipeline.images.photometry import magnitudes
from pipeline.labels.splits import assign_as_dealt
from pipeline.settings.pretraining import Pretraining

if TYPE_CHECKING:
    import pandas as pd


def pretraining_ids(
    catalogue: "pd.DataFrame", table: "pd.DataFrame", pretraining: Pretraining, *, seed: int
) -> np.ndarray:
    """Return the ids (N,) int64, ascending, of the objects for pre-training (Stein et al. 2021, §3.1, Figure 15).

    Objects of the allowed sets and regions, brighter than the limit. `uniform_bins` bins of equal width between the
    brightest and the limit are filled equally as far as each reaches; null draws at random. `n` null takes all. A
    larger n contains the draw of a smaller one.

    Parameters
    ----------
    catalogue : DataFrame
        `object_id`, `ra`, `dec`, `region` and the flux of the band.
    table : DataFrame
        From `splits.deal`.
    """
    catalogue = catalogue.sort_values("object_id", kind="stable")
    magnitude = magnitudes(catalogue[f"flux_{pretraining.band}"])
    allowed = np.isin(assign_as_dealt(catalogue.ra, catalogue.dec, table).astype(str), pretraining.sets)
    allowed &= magnitude < pretraining.limit
    if pretraining.regions is not None:
        allowed &= catalogue.region.isin(pretraining.regions).to_numpy()
    ids, magnitude = catalogue.object_id.to_numpy(dtype=np.int64)[allowed], magnitude[allowed]
    if not len(ids):
        return ids
    rank = random.ranks(seed, "pretraining", 0, ids)
    order = np.lexsort((ids, rank))
    if pretraining.uniform_bins is None or pretraining.n is None:
        return np.sort(ids[order[: pretraining.n]])
    faint, bright = pretraining.limit, magnitude.min()
    width = (faint - bright) / pretraining.uniform_bins
    place = np.minimum(((magnitude - bright) / width).astype(np.int64), pretraining.uniform_bins - 1)
    depth = np.empty(len(ids), dtype=np.int64)  # place of an object in the random order of its bin
    ordered = order[np.argsort(place[order], kind="stable")]
    start = np.searchsorted(place[ordered], np.arange(pretraining.uniform_bins))
    depth[ordered] = np.arange(len(ids)) - start[place[ordered]]
    filled = np.lexsort((ids, rank, depth))  # one from each bin in turn
    return np.sort(ids[filled[: pretraining.n]])
