"""Exact nearest neighbours by cosine, in tiles of one padded shape (Stein et al. 2021, section 3.2)."""

import numpy as np
import torch

from pipeline.search.objects import NONE, Lists, Objects


def nearest(
    objects: Objects,
    queries: np.ndarray,
    candidates: np.ndarray,
    *,
    delta_mag: float,
    tile: int,
    start: Lists,
) -> Lists:
    """Return the k most similar candidates of each query, merged with the lists that are there already.

    A candidate counts when its magnitude differs by at most `delta_mag` and its group is another one than the query's;
    of several candidates of one group the best is kept. Equal similarities are ordered by object_id. Every product
    of matrices has the shape (tile, D) x (D, tile), padded with zeros, and runs in torch: then the bits of a
    similarity depend on the two vectors alone, not on where they stand.

    Parameters
    ----------
    objects : Objects
    queries : int64 (n,), row numbers, n <= tile
    candidates : int64 (m,), ascending row numbers
    delta_mag : float, magnitudes
    tile : int
    start : Lists of n rows; its k is the k of the result
    """
    bright, faint = objects.magnitude[queries].min() - delta_mag, objects.magnitude[queries].max() + delta_mag
    # Rounding: the test of each pair below decides; the range only has to be wide enough.
    first, last = np.searchsorted(objects.magnitude[candidates], [bright - 1e-9, faint + 1e-9])
    left = _tile_of(objects, queries, tile)
    best = _Best(start, objects.largest_group)
    for begin in range(first, last, tile):
        columns = candidates[begin : min(begin + tile, last)]
        product = (left @ _tile_of(objects, columns, tile).T)[: len(queries), : len(columns)].clamp_(-1.0, 1.0)
        apart = np.abs(objects.magnitude[queries][:, None] - objects.magnitude[columns][None, :]) > delta_mag
        same = objects.group[queries][:, None] == objects.group[columns][None, :]
        product.masked_fill_(torch.from_numpy(apart | same), -np.inf)
        best.offer(product, columns)
    return _merge(objects, start, *best.promising())


class _Best:
    """What may enter the lists, by their values alone; ids and groups are looked at once, in the end.

    The m-th best value of a query bounds from below what its list of k groups can end with, when m is k times the
    size of the largest group.
    """

    def __init__(self, start: Lists, largest_group: int):
        n, k = start.row.shape
        padding = np.full((n, k * max(1, largest_group) - k), -np.inf, dtype=np.float32)
        self._values = torch.from_numpy(np.concatenate([start.similarity, padding], axis=1))
        self._found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def offer(self, product: torch.Tensor, rows: np.ndarray) -> None:
        """Take one tile of similarities (n, m), -inf where forbidden, of candidates rows (m,)."""
        joined = torch.cat([self._values, product], dim=1)
        self._values = torch.topk(joined, self._values.shape[1], dim=1).values
        query, place = torch.nonzero((product >= self._values[:, -1:]) & (product > -np.inf), as_tuple=True)
        self._found.append((query.numpy(), rows[place.numpy()], product[query, place].numpy()))

    def promising(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return query number, row and similarity of all that is not worse than the bound."""
        empty = np.zeros(0, dtype=np.int64)
        found = [*self._found, (empty, empty, empty.astype(np.float32))]
        query, row, similarity = (np.concatenate(parts) for parts in zip(*found, strict=True))
        good = similarity >= self._values[:, -1].numpy()[query]
        return query[good], row[good], similarity[good]


def _tile_of(objects: Objects, rows: np.ndarray, tile: int) -> torch.Tensor:
    """Return the unit vectors of the rows, float32 (tile, D), zeros below."""
    unit = np.zeros((tile, objects.vectors.shape[1]), dtype=np.float32)
    unit[: len(rows)] = objects.vectors[rows] / objects.norm[rows][:, None]
    return torch.from_numpy(unit)


def _merge(objects: Objects, lists: Lists, query: np.ndarray, row: np.ndarray, similarity: np.ndarray) -> Lists:
    """Put more neighbours (query number, row, similarity) into lists; keep the best of each group, then the best k."""
    if not len(query):
        return lists
    n, k = lists.row.shape
    held, place = np.nonzero(lists.row != NONE)
    query = np.concatenate([held, query])
    row = np.concatenate([lists.row[held, place], row])
    similarity = np.concatenate([lists.similarity[held, place], similarity])
    order = np.lexsort((objects.object_id[row], -similarity, query))
    query, row, similarity = query[order], row[order], similarity[order]
    # lexsort is stable: within one query and group the best stands first.
    by_group = np.lexsort((objects.group[row], query))
    repeated = (np.diff(query[by_group]) == 0) & (np.diff(objects.group[row][by_group]) == 0)
    kept = np.ones(len(query), dtype=bool)
    kept[by_group[1:][repeated]] = False
    query, row, similarity = query[kept], row[kept], similarity[kept]
    place = np.arange(len(query)) - np.searchsorted(query, query)
    fits = place < k
    merged = Lists.empty(n, k)
    merged.row[query[fits], place[fits]] = row[fits]
    merged.similarity[query[fits], place[fits]] = similarity[fits]
    return merged
