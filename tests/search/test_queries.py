"""Which object a query means, and what searches have in common."""

import numpy as np
import pandas as pd
import pytest

from pipeline.data.ids import name as designation
from pipeline.errors import PipelineError
from pipeline.search import queries
from pipeline.settings.searches import Search

CATALOGUE = pd.DataFrame(
    {"object_id": [10, 20, (1 << 60) + 1], "ra": [118.4491, 359.9999, 10.0], "dec": [20.9528, -0.5, 89.9]}
)
SAMPLE = pd.DataFrame(
    {
        "object_id": [30, 20, 10, 40, 50],
        "label": np.array([1, 1, 1, 0, 1], dtype=np.int8),
        "set": ["train", "train", "judge", "train", "train"],
    }
)


def search(query, neighbours=3):
    return Search.parse({"name": "arc", "query": query, "encoder": "moco", "neighbours": neighbours})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DESI-118.4491+20.9528", (118.4491, 20.9528)),
        ("DESI-000.1234-07.0001", (0.1234, -7.0001)),
        ("DESI J359.9999−00.5000", (359.9999, -0.5)),
        ("10.5-1.25", (10.5, -1.25)),
        ("J1234+5678", None),
        ("lens 4", None),
    ],
)
def test_designations(text, expected):
    assert queries.parse_designation(text) == expected


def test_a_designation_leads_back_to_its_object():
    for row in CATALOGUE.itertuples():
        position = queries.parse_designation(designation(row.ra, row.dec)[0])
        assert queries.object_at(CATALOGUE, *position, 1.0, "") == row.object_id


def test_positions_across_right_ascension_zero_and_their_radius():
    near = search({"ra": 0.0001, "dec": -0.5, "radius_arcsec": 1.0})
    assert queries.query_object(near, CATALOGUE, SAMPLE) == 20
    with pytest.raises(PipelineError, match=r"the nearest lies 0\.7 arcsec"):
        queries.query_object(search({"ra": 0.0001, "dec": -0.5, "radius_arcsec": 0.5}), CATALOGUE, SAMPLE)


def test_known_lenses_are_those_that_train_in_the_order_of_ids():
    assert queries.training_lenses(SAMPLE).tolist() == [20, 30, 50]
    assert queries.query_object(search({"from_known": 2}), CATALOGUE, SAMPLE) == 30
    with pytest.raises(PipelineError, match="1 to 3"):
        queries.query_object(search({"from_known": 4}), CATALOGUE, SAMPLE)


def test_ids_are_text_and_must_exist():
    assert queries.query_object(search({"object_id": str((1 << 60) + 1)}), CATALOGUE, SAMPLE) == (1 << 60) + 1
    with pytest.raises(PipelineError, match="not in the catalogue"):
        queries.query_object(search({"object_id": "11"}), CATALOGUE, SAMPLE)
    with pytest.raises(PipelineError):
        search({"object_id": 11})


def test_a_search_takes_the_first_neighbours_and_leaves_empty_places_out():
    lists = np.array([5, 6, -1, -1]), np.array([0.9, 0.8, np.nan, np.nan], dtype=np.float32)
    found = queries.take(search({"from_known": 1}), 20, lists)
    assert found.object_id.tolist() == [5, 6] and found.query_id == 20
    with pytest.raises(PipelineError, match="at most 4"):
        queries.take(search({"from_known": 1}, neighbours=5), 20, lists)
    with pytest.raises(PipelineError, match="no embedding"):
        queries.take(search({"from_known": 1}), 20, None)


def test_overlaps_by_hand():
    found = queries.overlaps({"a": {1, 2, 3}, "b": {3, 4}, "c": set()})
    assert found == {
        "counts": {"a": 3, "b": 2, "c": 0},
        "shared": {"a": {"b": 1, "c": 0}, "b": {"a": 1, "c": 0}, "c": {"a": 0, "b": 0}},
        "alone": {"a": 2, "b": 1, "c": 0},
        "union": 4,
    }
    assert queries.overlaps({})["union"] == 0
