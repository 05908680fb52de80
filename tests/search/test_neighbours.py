"""Growing by tranches: the same lists as from scratch, and no more work than needed."""

import numpy as np
import pandas as pd
import pytest

from pipeline.search import neighbours
from pipeline.search.objects import Objects, systems
from pipeline.settings.similarity import Similarity

SETTINGS = Similarity.parse(
    {"neighbours": 6, "magnitude_band": "r", "delta_mag": 0.5, "duplicate_arcsec": 1.0, "tile": 64, "threads": 1}
)


def survey(n=400, seed=3):
    """Embeddings and a catalogue in which some objects stand closer than 1 arcsec to another one."""
    generator = np.random.default_rng(seed)
    ra, dec = generator.uniform(10, 11, n), generator.uniform(-1, 1, n)
    twins = generator.choice(n, 60, replace=False)
    ra[twins[:30]], dec[twins[:30]] = ra[twins[30:]], dec[twins[30:]] + 0.7 / 3600
    return {
        "object_id": np.sort(generator.permutation(9 * n)[:n]).astype(np.int64),
        "ra": ra,
        "dec": dec,
        "magnitude": generator.uniform(18, 20, n),
        "vector": generator.normal(size=(n, 16)).astype(np.float16)[generator.integers(0, n // 2, n)],
    }


def part(data, rows):
    return {name: values[rows] for name, values in data.items()}


def objects_of(data):
    order = np.lexsort((data["object_id"], data["magnitude"]))
    data = part(data, order)
    norm = np.linalg.norm(data["vector"].astype(float), axis=1)
    group = systems(data["ra"], data["dec"], 1.0)
    return Objects(data["object_id"], data["magnitude"], group, data["vector"], norm)


def result_of(data, previous=None):
    objects = objects_of(data)
    catalogue = pd.DataFrame({name: data[name] for name in ("object_id", "ra", "dec")})
    work = neighbours.tasks(objects, SETTINGS, previous, catalogue)
    lists = [neighbours.run(objects, task, SETTINGS) for task in work]
    return neighbours.collect(objects, work, lists, SETTINGS.neighbours), work


def assert_same(one, other):
    for name in ("object_id", "neighbour_id", "similarity"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_growing_has_the_bytes_of_a_run_from_scratch(share):
    data = survey()
    is_new = np.random.default_rng(5).random(len(data["object_id"])) < share
    old, _ = result_of(part(data, ~is_new))
    grown, work = result_of(data, old)
    scratch, _ = result_of(data)
    assert_same(grown, scratch)
    compared_with_all = sum(len(task.queries) for task in work if len(task.candidates) == len(data["object_id"]))
    if 0 < share < 1:
        assert is_new.sum() <= compared_with_all < len(data["object_id"])


def test_three_tranches_in_a_row():
    data = survey()
    tranche = np.arange(len(data["object_id"])) % 3
    result = None
    for last in range(3):
        result, _ = result_of(part(data, tranche <= last), result)
    assert_same(result, result_of(data)[0])


def test_a_new_object_that_joins_two_systems():
    """A and B are 1.5 arcsec apart: neighbours, until C appears between them."""
    data = survey(60)
    ids = data["object_id"]
    data["ra"] = 10 + np.arange(60.0) / 100
    data["dec"] = np.zeros(60)
    data["magnitude"][:] = 19
    data["ra"][:2], data["dec"][:3] = 20.0, np.array([0.0, 1.5, 0.75]) / 3600
    data["ra"][2] = 20.0
    data["vector"][1] = data["vector"][0]
    before, _ = result_of(part(data, np.arange(60) != 2))
    assert before.neighbour_id[0, 0] == ids[1]
    grown, _ = result_of(data, before)
    assert not np.isin(grown.neighbour_id[:3], ids[:3]).any()
    assert_same(grown, result_of(data)[0])


def test_lists_of_unknown_objects_are_empty():
    result, _ = result_of(survey(80))
    ids, similarity = neighbours.of_objects(result, np.array([result.object_id[3], -5, 1 << 61]))
    assert ids[0].tolist() == result.neighbour_id[3].tolist()
    assert (ids[1:] == -1).all() and np.isnan(similarity[1:]).all()
