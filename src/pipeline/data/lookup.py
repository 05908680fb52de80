"""Rows of sorted ids."""

import numpy as np

from pipeline.errors import PipelineError


def rows_of(ids: np.ndarray, wanted: np.ndarray, where: object, what: str) -> np.ndarray:
    """Return the row of each wanted id in ids (sorted); `what` names what has the ids, in the singular.

    Raises
    ------
    PipelineError
        An id is not there.
    """
    found = np.minimum(np.searchsorted(ids, wanted), max(len(ids) - 1, 0))
    missing = wanted[ids[found] != wanted] if len(ids) else wanted
    if len(missing):
        raise PipelineError(
            f"{len(missing)} of {len(wanted)} {what} ids are not in this dataset",
            where=where,
            value=f"{what} {missing[0]}",
            next="skysieve check RUN, then snakemake",
        )
    return found
