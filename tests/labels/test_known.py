"""Lists with different columns become entries; entries within the radius become systems."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PipelineError
from pipeline.labels import known
from pipeline.settings.labels import KnownList, Labels

LIST = {"path": "a.csv", "name": "a", "columns": {"ra": "RA", "dec": "DE", "name": "id", "grade": "Q"}, "grades": None}
TABLE = pd.DataFrame(
    {
        "id": ["x", "y", None, "z"],
        "RA": [10.0, -0.5, 360.0, np.nan],
        "DE": [1.0, 2.0, -90.0, 4.0],
        "Q": ["A", "B", "A", "C"],
    }
)


def entries(**change):
    return known.entries(TABLE, KnownList.parse({**LIST, **change}), "a.csv")


def test_columns_are_mapped_and_right_ascension_wrapped():
    found = entries()
    assert found.name.tolist() == ["x", "y", "a-3", "z"] and found.grade.tolist() == ["A", "B", "A", "C"]
    assert found.ra[:3].tolist() == [10.0, 359.5, 0.0] and found.dec[:3].tolist() == [1.0, 2.0, -90.0]
    assert np.isnan(found.ra[3]) and np.isnan(found.dec[3])  # without a position, but not lost
    assert set(found.list) == {"a"}


def test_columns_that_a_list_does_not_have():
    found = entries(columns={"ra": "RA", "dec": "DE", "name": None, "grade": None})
    assert found.name.tolist() == ["a-1", "a-2", "a-3", "a-4"] and set(found.grade) == {""}


def test_grades_choose():
    assert entries(grades=["A"]).name.tolist() == ["x", "a-3"]
    with pytest.raises(PipelineError, match=r"columns\.grade"):
        entries(grades=["A"], columns={**LIST["columns"], "grade": None})


@pytest.mark.parametrize("column, value", [("DE", 90.1), ("RA", 360.5), ("RA", -200.0), ("RA", np.inf)])
def test_positions_off_the_sky_are_named(column, value):
    table = TABLE.copy()
    table.loc[1, column] = value
    with pytest.raises(PipelineError, match=r"a\.csv, row 2"):
        known.entries(table, KnownList.parse(LIST), "a.csv")


def made(positions, lists=None):
    ra, dec = np.array(positions, dtype=float).T
    lists = lists or ["a"] * len(ra)
    return pd.DataFrame({"list": lists, "name": [f"n{i}" for i in range(len(ra))], "ra": ra, "dec": dec, "grade": ""})


def test_entries_within_the_radius_are_one_system():
    second = 25.0 / 3600
    merged = known.merge(
        made(
            [
                (359.999, 0.0),
                (359.999 + second - 360, 0.0),
                (10.0, 5.0),
                (359.999 + 2 * second - 360, 0.0),
                (np.nan, 1.0),
            ]
        ),
        25.15,
    )
    of = merged.set_index("name").system_id
    assert of["n0"] == of["n1"] == of["n3"] != of["n2"]
    assert len(merged) == 4  # an entry without a position is in no system
    assert sorted(set(of)) == [1, 2]


@given(st.permutations(range(12)))
@settings(deadline=None, max_examples=20)
def test_systems_do_not_depend_on_the_order_of_entries(permutation):
    rng = np.random.default_rng(0)
    table = made(np.c_[rng.uniform(0, 0.02, 12), rng.uniform(0, 0.02, 12)], list("aabbccaabbcc"))
    pd.testing.assert_frame_equal(known.merge(table.iloc[list(permutation)], 15.0), known.merge(table, 15.0))


def test_visibilities():
    table = pd.DataFrame({"ra": [1.0, 2.0], "dec": [0.0, 0.0], "visibility": ["clear", "not_visible "]})
    assert known.visibilities(table, "v.csv").visibility.tolist() == ["clear", "not_visible"]
    for column, value in (("visibility", "good"), ("ra", np.nan), ("dec", 95.0)):
        broken = table.copy()
        broken.loc[1, column] = value
        with pytest.raises(PipelineError, match=r"v\.csv, row 2"):
            known.visibilities(broken, "v.csv")


def test_a_list_is_found_by_its_file_name():
    labels = Labels.parse({"radius_arcsec": 25.15, "lists": [LIST], "visibility": None, "ungraded": "clear"})
    assert known.list_called("a.csv", labels).name == "a"
    with pytest.raises(PipelineError, match=r"b\.csv(.|\n)*a\.csv"):
        known.list_called("b.csv", labels)


def test_lists_that_cannot_be_told_apart():
    for change in ({"name": "b"}, {"path": "other/b.csv"}):
        value = {"radius_arcsec": 25.15, "lists": [LIST, {**LIST, **change}], "visibility": None, "ungraded": "clear"}
        with pytest.raises(PipelineError, match="two lists have the same"):
            Labels.parse(value)
