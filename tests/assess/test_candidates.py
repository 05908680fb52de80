"""Rounds joined, the fates of known lenses, planted lenses against the truth."""

import numpy as np
import pandas as pd
import pytest

from pipeline.assess import enrichment, missed, rounds
from pipeline.stages import _raw_sources


def candidates(ids, **columns):
    table = pd.DataFrame(
        {
            "object_id": ids,
            "ra": 10.0 + 0.1 * np.arange(len(ids)),
            "dec": 0.0,
            "rank": np.arange(1, len(ids) + 1),
            "members": "",
            "known": False,
        }
    )
    return table.assign(**columns)


def grades(ids, letters):
    return pd.DataFrame(
        {
            "object_id": ids,
            "grade": letters,
            "score_mean": [{"A": 4.0, "B": 3.0, "C": 2.5, "": 1.5}[letter] for letter in letters],
            "score_delta": 0.0,
            "n_graders": 2,
            "simulated": True,
            "score_probe": 1,  # a grader with the name of a model
        }
    )


def test_one_round_keeps_every_candidate():
    told = rounds.combine([candidates([1, 2, 3], score_probe=[0.1, 0.2, 0.3])], [grades([1, 3], ["A", ""])], 25.0)
    assert told["grade"].tolist() == ["A", "", ""] and told["graded"].tolist() == [True, False, True]
    assert told["score_probe"].tolist() == [0.1, 0.2, 0.3]
    assert told["round"].tolist() == [1, 1, 1] and np.isnan(told["score_mean"][1])


def test_later_rounds_replace_earlier_ones_system_by_system():
    first = candidates([1, 2, 3])
    second = candidates([11, 2, 13])
    second["ra"] = first["ra"] + np.array([10, 0, 40]) / 3600  # 11 is the system of 1; 13 is another
    told = rounds.combine([first, second], [grades([1, 2], ["C", "B"]), grades([2, 13], ["A", ""])], 25.0)
    by_id = told.set_index("object_id")
    assert by_id.loc[2, "grade"] == "A" and by_id.loc[2, "round"] == 2
    assert 1 in by_id.index and 11 not in by_id.index  # graded once stays, the ungraded copy goes
    assert by_id.loc[3, "round"] == 1 and by_id.loc[13, "round"] == 2
    assert len(told) == 4


def test_fates_of_known_lenses():
    labels = pd.DataFrame(
        [
            (1, "lens", 1, "clear"),
            (2, "near", 1, "clear"),
            (3, "lens", 2, "clear"),
            (4, "unclear", 3, "unclear"),
            (5, "lens", 4, "clear"),
            (6, "not_visible", 5, "not_visible"),
            (0, "unmatched", 6, "clear"),
            (0, "unmatched", 7, "clear"),
        ],
        columns=["object_id", "label", "system_id", "visibility"],
    ).assign(lists="a", known_name=[f"K{n}" for n in range(8)], known_ra=0.0, known_dec=0.0)
    known = missed.systems(labels)
    assert known["object_id"].tolist() == [1, 3, 4, 5, 6, 0, 0]
    assert known["sources"][0] == (1, 2)
    told = rounds.combine([candidates([2, 3, 4, 50], members=["", "", "", "5"])], [grades([2, 3], ["B", ""])], 25.0)
    scores = missed.ranks_of(np.array([1, 3, 4, 5, 6, 99]), np.array([0.5, 0.5, 0.1, 0.9, 0.2, 0.3]))
    assert scores[5] == 1 and scores[1] == 2 and scores[3] == 3  # ties by id
    found = missed.fates(known, told, {"probe": scores}, {6: "magnitude"}, {3})
    assert found["fate"].tolist() == [
        "graded B",  # by a neighbour of the same system
        "graded down",
        "a candidate, not graded",
        "a candidate, not graded",  # a merged member
        "scored low",
        "cut",
        "not in the catalogue",
    ]
    assert found["detail"][1] == "mean score 1.5" and found["detail"][4] == "best rank 5 (probe)"
    assert found["detail"][5] == "magnitude"
    assert found["training"].tolist() == [False, True, False, False, False, False, False]
    assert set(found["fate"]) <= set(missed.FATES)


@pytest.fixture
def truth():
    rows = [
        # id, system, ra, dec, kind, lens, listed, visible, arc
        (1, 10, 0.0, 0.0, "host", True, False, True, False),
        (2, 20, 1.0, 0.0, "host", True, True, True, False),
        (3, 30, 2.0, 0.0, "host", True, False, False, False),
        (4, 40, 2.0, 2 / 3600, "arc", False, False, False, True),  # an arc of 3
        (5, 50, 0.0, 3 / 3600, "arc", False, False, False, True),  # an arc of 1
        (6, 60, 4.0, 0.0, "spiral", False, False, False, False),
        (7, 70, 5.0, 0.0, "ring", False, False, False, False),
        (8, 80, 6.0, 0.0, "host", True, False, True, False),
    ]
    names = ["object_id", "system", "ra", "dec", "kind", "is_lens", "listed", "visible", "catalogued_arc"]
    return pd.DataFrame(rows, columns=names)


def test_candidates_are_told_what_they_are(truth):
    table = candidates([5, 4, 6, 7, 2], members=["", "", "8", "", ""], known=[False, False, False, False, True])
    told = enrichment.with_truth(rounds.combine([table], [], 25.0), truth, 25.0)
    assert told["true"].tolist() == ["lens", "faint lens", "lens", "ring", "lens"]
    assert told["true_system"].tolist() == [10, 30, 80, -1, 20]
    assert told["true_listed"].tolist() == [False, False, False, False, True]


def test_enrichment_is_the_ratio_of_two_shares(truth):
    planted = enrichment.unlisted_in_catalogue(truth["object_id"].to_numpy(), truth)
    assert planted["object_id"].tolist() == [1, 8]
    table = candidates([1, 6, 7, 2], known=[False, False, False, True])
    told = rounds.combine([table], [grades([1, 7], ["A", ""])], 25.0)
    rows = {
        row["of"]: row for row in enrichment.enrichment(enrichment.with_truth(told, truth, 25.0), planted, 1000, 0.95)
    }
    assert (rows["candidates"]["k"], rows["candidates"]["n"]) == (1, 3)  # the known one does not count
    assert rows["candidates"]["ratio"] == pytest.approx((1 / 3) / (2 / 1000))
    assert rows["candidates"]["ratio_low"] == pytest.approx(rows["candidates"]["low"] / (2 / 1000))
    assert (rows["graded"]["k"], rows["graded"]["n"]) == (1, 2)
    assert (rows["grade A"]["k"], rows["grade A"]["n"], rows["grade B"]["ratio"]) == (1, 1, None)
    assert rows["candidates"]["completeness"]["k"] == 1 and rows["candidates"]["completeness"]["n"] == 2


def test_purity_names_what_was_taken_for_a_lens(truth):
    told = rounds.combine([candidates([1, 6, 7, 4])], [grades([1, 6, 7, 4], ["A", "A", "", "A"])], 25.0)
    rows = {row["grade"]: row for row in enrichment.purity(enrichment.with_truth(told, truth, 25.0), 0.95)}
    assert (rows["A"]["k"], rows["A"]["n"], rows["A"]["faint"]) == (2, 3, 1)
    assert rows["A"]["others"] == {"spiral": 1}
    assert rows["rejected"]["others"] == {"ring": 1} and rows["B"]["value"] is None


@pytest.mark.parametrize(
    ("name", "ra", "dec", "inside"),
    [
        ("sweep-350m005-360p000.fits", 359.9, -2.0, True),
        ("sweep-350m005-360p000.fits", 0.001, -2.0, True),  # within the radius across RA 0
        ("sweep-350m005-360p000.fits", 0.1, -2.0, False),
        ("sweep-000p000-010p005.fits", 359.999, 1.0, True),
        ("sweep-000p000-010p005.fits", 5.0, -0.005, True),
        ("sweep-000p000-010p005.fits", 5.0, -0.05, False),
        ("tractor-0959p805.fits", 123.0, 45.0, True),
    ],
)
def test_only_sweeps_that_may_hold_a_position_are_read(tmp_path, name, ra, dec, inside):
    assert _raw_sources._may_hold(tmp_path / name, np.array([ra]), np.array([dec]), 25.0).tolist() == [inside]
