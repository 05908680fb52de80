"""How good an order is: true positives among the first N, and average precision."""

import numpy as np

from pipeline.errors import PipelineError


def number_inspected(inspect: int, search_size: int, n_rows: int) -> int:
    """Scale the number of images that people will look at to a sample of the search (Stein et al. 2021, §3.3.2).

    Parameters
    ----------
    inspect : int
        Images that people inspect over the whole search.
    search_size : int
        Objects in the whole search.
    n_rows : int
        Objects in the sample at hand.

    Returns
    -------
    int
        inspect * n_rows / search_size, rounded to the nearest, between 1 and n_rows.

    Raises
    ------
    PipelineError
        The sample is empty.
    """
    if n_rows < 1:
        raise PipelineError("no objects to choose the top N from", value=n_rows, allowed="at least 1")
    return min(n_rows, max(1, round(inspect * n_rows / search_size)))


def true_positives(labels: np.ndarray, scores: np.ndarray, n: int) -> int:
    """Count the positives among the n highest scores; equal scores keep the order of the rows.

    labels (N,) 0 or 1; scores (N,). Rows in the order of object_id break ties by id.
    """
    return int(labels[np.argsort(-scores, kind="stable")[:n]].sum())


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the mean, over the positives, of the precision at each one's score; rows of one score stand together.

    labels (N,) 0 or 1; scores (N,). NaN where there is no positive.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order], dtype=np.int64)
    if len(hits) == 0 or hits[-1] == 0:
        return float("nan")
    ordered = scores[order]
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    precision = hits[last] / (last + 1)
    return float(np.sum(np.diff(hits[last], prepend=0) * precision) / hits[-1])
