"""What is searched and what is found: objects, lists by row number, results by id, systems of objects."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.data import sky

NONE = -1  # a place in a list of neighbours that nothing fills


@dataclass(frozen=True)
class Objects:
    """What can be searched, in the order of magnitude (ties by id).

    Attributes
    ----------
    object_id : int64 (N,)
    magnitude : float64 (N,), ascending, finite
    group : int64 (N,); objects of one group are one system and never each other's neighbours
    vectors : float16 (N, D), not normalised; an array or a memory map
    norm : float64 (N,), Euclidean norm of each vector, > 0
    """

    object_id: np.ndarray
    magnitude: np.ndarray
    group: np.ndarray
    vectors: np.ndarray
    norm: np.ndarray

    def __len__(self) -> int:
        return len(self.object_id)

    @cached_property
    def largest_group(self) -> int:
        """Number of objects in the largest group (0 without objects)."""
        return int(np.unique(self.group, return_counts=True)[1].max(initial=0))


@dataclass(frozen=True)
class Lists:
    """Neighbours of n queries, best first.

    Attributes
    ----------
    row : int64 (n, k), row numbers in `Objects`, `NONE` where there is none
    similarity : float32 (n, k), cosine, -inf where there is none
    """

    row: np.ndarray
    similarity: np.ndarray

    @classmethod
    def empty(cls, n: int, k: int) -> "Lists":
        """Return lists without entries."""
        return cls(np.full((n, k), NONE, dtype=np.int64), np.full((n, k), -np.inf, dtype=np.float32))


@dataclass(frozen=True)
class Result:
    """Neighbours by id, sorted by object_id.

    Attributes
    ----------
    object_id : int64 (n,)
    neighbour_id : int64 (n, k), -1 where there is none
    similarity : float32 (n, k), cosine, NaN where there is none
    """

    object_id: np.ndarray
    neighbour_id: np.ndarray
    similarity: np.ndarray


def systems(ra: np.ndarray, dec: np.ndarray, duplicate_arcsec: float) -> np.ndarray:
    """Return the group (N,) of each position (degrees): objects linked by separations up to `duplicate_arcsec`."""
    if not len(ra):
        return np.zeros(0, dtype=np.int64)
    return np.asarray(sky.groups(ra, dec, duplicate_arcsec), dtype=np.int64)
