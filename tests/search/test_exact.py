"""Exact neighbours against faiss, brute force in float64, and themselves in other divisions of the work."""

import faiss
import numpy as np
import pytest

from pipeline.search.exact import nearest
from pipeline.search.objects import NONE, Lists, Objects


def make_objects(n=300, dimensions=24, seed=1, *, groups=None, ties=False):
    """Objects in the order of magnitude with random vectors; `ties` repeats vectors, so that cosines are equal."""
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(n, dimensions)).astype(np.float16)
    if ties:
        vectors = vectors[generator.integers(0, 12, n)]
    magnitude = generator.uniform(17, 21, n)
    ids = generator.permutation(10 * n)[:n].astype(np.int64) + (1 << 60)
    order = np.lexsort((ids, magnitude))
    group = np.arange(n) if groups is None else generator.integers(0, groups, n)
    norm = np.linalg.norm(vectors.astype(float), axis=1)
    return Objects(ids[order], magnitude[order], group[order], vectors[order], norm[order])


def brute_force(objects, k, delta_mag):
    """Lists by the definition, in float64: (row, cosine) sorted by cosine, then id; the best of each group."""
    unit = objects.vectors.astype(float) / objects.norm[:, None]
    cosine = unit @ unit.T
    lists = []
    for query in range(len(objects)):
        allowed = [
            row
            for row in range(len(objects))
            if abs(objects.magnitude[row] - objects.magnitude[query]) <= delta_mag
            and objects.group[row] != objects.group[query]
        ]
        allowed.sort(key=lambda row: (-round(cosine[query, row], 6), objects.object_id[row]))  # noqa: B023
        seen, kept = set(), []
        for row in allowed:
            if objects.group[row] not in seen:
                seen.add(objects.group[row])
                kept.append((row, cosine[query, row]))
        lists.append(kept[:k])
    return lists


def all_lists(objects, k, delta_mag, tile):
    rows, similarity = [], []
    everything = np.arange(len(objects))
    for begin in range(0, len(objects), tile):
        queries = everything[begin : begin + tile]
        found = nearest(
            objects, queries, everything, delta_mag=delta_mag, tile=tile, start=Lists.empty(len(queries), k)
        )
        rows.append(found.row)
        similarity.append(found.similarity)
    return np.concatenate(rows), np.concatenate(similarity)


@pytest.mark.parametrize("options", [{}, {"groups": 120}, {"ties": True}, {"ties": True, "groups": 60}])
@pytest.mark.parametrize("tile", [32, 128])
def test_equals_the_definition(options, tile):
    objects = make_objects(**options)
    rows, similarity = all_lists(objects, 7, 0.5, tile)
    for query, expected in enumerate(brute_force(objects, 7, 0.5)):
        assert rows[query, : len(expected)].tolist() == [row for row, _ in expected]
        assert (rows[query, len(expected) :] == NONE).all()
        np.testing.assert_allclose(similarity[query, : len(expected)], [c for _, c in expected], atol=2e-7)
    assert (similarity <= 1).all()


def test_equals_faiss():
    objects = make_objects(n=700, dimensions=64)
    rows, similarity = all_lists(objects, 10, 100.0, 256)
    unit = (objects.vectors.astype(np.float64) / objects.norm[:, None]).astype(np.float32)
    index = faiss.IndexFlatIP(64)
    index.add(unit)
    cosine, found = index.search(unit, 11)
    assert (found[:, 0] == np.arange(700)).all()
    np.testing.assert_array_equal(rows, found[:, 1:])
    np.testing.assert_allclose(similarity, cosine[:, 1:], atol=1e-6)


def test_bits_of_a_similarity_do_not_depend_on_the_company():
    objects = make_objects(n=600, dimensions=100)
    everything = np.arange(600)
    whole = nearest(
        objects, everything[:128], everything, delta_mag=9.0, tile=128, start=Lists.empty(128, 20)
    )
    chosen = np.array([3, 17, 90, 127])
    halves = Lists.empty(4, 20)
    for part in (everything[1::2], everything[::2]):
        halves = nearest(objects, chosen, part, delta_mag=9.0, tile=128, start=halves)
    np.testing.assert_array_equal(halves.row, whole.row[chosen])
    assert halves.similarity.tobytes() == whole.similarity[chosen].tobytes()


def test_window_is_inclusive_and_leaves_empty_places():
    vectors = np.eye(3, 4, dtype=np.float16) + np.float16(0.5)
    norm = np.linalg.norm(vectors.astype(float), axis=1)
    objects = Objects(np.array([5, 6, 7]), np.array([18.0, 18.5, 19.25]), np.arange(3), vectors, norm)
    rows, similarity = all_lists(objects, 2, 0.5, 16)
    assert rows.tolist() == [[1, NONE], [0, NONE], [NONE, NONE]]
    assert np.isneginf(similarity[:, 1]).all()
