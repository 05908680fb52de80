"""Counts by class against hand-made numbers."""

import numpy as np
import pandas as pd
import pytest
from astropy.stats import binom_conf_interval

from pipeline.release import counts

OPTIONS = {"faint_mag_z": 20.0, "depth_passes": [3, 7, 10], "confidence": 0.95}


def objects():
    return pd.DataFrame(
        {
            "region": ["south"] * 60 + ["north"] * 40,
            "type": (["DEV"] * 20 + ["REX"] * 80),
            "mag_z": [19.0] * 70 + [20.0] * 20 + [np.nan] * 10,
            "nobs_z": [2] * 10 + [3] * 20 + [6] * 20 + [7] * 10 + [9] * 10 + [10] * 20 + [-1] * 10,
        }
    )


def graded():
    return pd.DataFrame(
        {
            "region": ["south", "south", "south", "north", "north"],
            "type": ["DEV", "DEV", "REX", "REX", "REX"],
            "mag_z": [19.0, 19.0, 20.5, 19.0, 19.0],
            "nobs_z": [3, 6, 12, 2, -1],
            "grade": ["A", "B", "", "C", "A"],
            "known": [False, True, True, False, False],
            "score_mean": [4.0, 3.0, 1.0, 2.5, 3.5],
            "provenance": ["probe", "probe,search:x", "probe", "search:x", "shielded,probe"],
        }
    )


def test_classes_purity_and_objects_a_lens():
    found = counts.counts(objects(), graded(), **OPTIONS)
    south, north, every = found["by"]["region"]
    keys = ("value", "objects", "inspected", "A", "B", "C", "known")
    assert [south[key] for key in keys] == ["south", 60, 3, 1, 1, 0, 1]
    assert south["purity"]["k"] == 2 and south["purity"]["n"] == 3 and south["per_lens"] == 30
    low, high = binom_conf_interval(2, 3, confidence_level=0.95, interval="wilson")
    assert south["purity"]["low"] == pytest.approx(low) and south["purity"]["high"] == pytest.approx(high)
    assert (north["candidates"], every["candidates"], found["per_lens"]) == (2, 4, 25)
    assert found["grades"] == {"A": 2, "B": 1, "C": 1}
    assert found["new"] == 3


def test_depth_bins_are_those_of_huang_2021():
    found = counts.counts(objects(), graded(), **OPTIONS)
    rows = {row["value"]: (row["objects"], row["inspected"]) for row in found["by"]["depth"]}
    assert rows == {
        "below 3": (10, 1),
        "3 to 6": (40, 2),
        "7 to 9": (20, 0),
        "10 and more": (20, 1),
        "unknown": (10, 1),
        "all": (100, 5),
    }


def test_magnitudes_divide_at_the_faint_limit_and_unknown_ones_stand_apart():
    rows = {row["value"]: row["objects"] for row in counts.counts(objects(), graded(), **OPTIONS)["by"]["magnitude"]}
    assert rows == {"z < 20": 70, "z >= 20": 20, "z unknown": 10, "all": 100}


def test_new_candidates_by_grade_and_scores_and_sources():
    found = counts.counts(objects(), graded(), **OPTIONS)
    table = [tuple(row.values()) for row in found["new_by_grade"]]
    assert {("A", "south", "z < 20", 1), ("A", "north", "z < 20", 1), ("B", "all", "", 0)} <= set(table)
    assert table[-1] == ("all", "all", "", 3)
    scores = {row["from"]: (row["candidates"], row["known"]) for row in found["by_score"]}
    assert scores == {3.5: (2, 0), 3.0: (1, 1), 2.5: (1, 0), 2.0: (0, 0)}
    sources = {row["source"]: (row["inspected"], row["candidates"], row["alone"]) for row in found["by_source"]}
    assert sources == {"probe": (4, 3, 1), "search:x": (2, 2, 1), "shielded": (1, 1, 0)}


def test_nothing_graded_and_letters_instead_of_scores():
    none = counts.counts(objects(), graded()[:0], **OPTIONS)
    assert none["candidates"] == 0 and none["per_lens"] is None and none["by"]["region"][0]["purity"]["value"] is None
    letters = graded().assign(score_mean=np.nan)
    assert counts.counts(objects(), letters, **OPTIONS)["by_score"] == []
