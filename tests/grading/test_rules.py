"""The rules of grading and the agreement of graders, against worked cases and scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from grading.examples import grading
from sklearn.metrics import cohen_kappa_score

from pipeline.errors import PipelineError
from pipeline.grading import rules


def sheet(scores, comments=None):
    ids = [str((1 << 60) + place) for place in range(len(scores))]
    return pd.DataFrame({"object_id": ids, "score": list(scores), "comment": comments or [""] * len(scores)})


def test_huangs_limits():
    """Section 4: 3.5 and above A, 3.0 B, 2.5 and 2.0 C, lower rejected."""
    found = rules.huang(np.array([4, 3.5, 3.49, 3, 2.99, 2.5, 2, 1.99, 1]))
    assert found.tolist() == ["A", "A", "B", "B", "C", "C", "C", "", ""]


def test_two_graders_by_huang():
    table = rules.grade({"xh": sheet("44321"), "ad": sheet("43311", list("abcde"))}, grading().rule)
    assert table["object_id"].tolist() == [(1 << 60) + place for place in range(5)]
    assert table["grade"].tolist() == ["A", "A", "B", "", ""]
    assert table["score_mean"].tolist() == [4, 3.5, 3, 1.5, 1]
    assert table["score_delta"].tolist() == [0, 1, 0, 1, 0]
    assert table["n_graders"].tolist() == [2] * 5
    assert table["score_xh"].tolist() == [4, 4, 3, 2, 1] and table["comment_ad"].tolist() == list("abcde")


def test_sheets_in_another_order_give_the_same():
    one, other = sheet("44321"), sheet("43311")
    expected = rules.grade({"xh": one, "ad": other}, grading().rule)
    shuffled = {"xh": one[::-1], "ad": other.sample(5, random_state=1)}
    pd.testing.assert_frame_equal(rules.grade(shuffled, grading().rule), expected)


def test_stein():
    people = [{"kind": "people", "name": name} for name in ("gs", "jb")]
    rule = grading({"kind": "stein", "refiner": "gs"}, people).rule
    table = rules.grade({"jb": sheet("ABNBN"), "gs": sheet(["B", "N", "", "A", "A"])}, rule)
    # The third was put forward by nobody; the last by the refiner alone.
    assert table["grade"].tolist() == ["B", "", "", "A", "A"]
    assert table["score_mean"].isna().all() and table["n_graders"].tolist() == [2, 2, 1, 2, 2]
    assert table["score_gs"].tolist() == ["B", "N", "", "A", "A"]


def test_agreement_is_that_of_scikit_learn():
    generator = np.random.default_rng(2)
    one = generator.integers(1, 5, 200)
    other = np.where(generator.random(200) < 0.7, one, generator.integers(1, 5, 200))
    scale = ["1", "2", "3", "4"]
    found = rules.agreement({"a": sheet(one.astype(str)), "b": sheet(other.astype(str))[::-1]}, scale)
    assert found[0]["graders"] == ["a", "b"] and found[0]["objects"] == 200
    assert found[0]["kappa"] == pytest.approx(cohen_kappa_score(one, other), abs=1e-6)
    assert found[0]["kappa_linear"] == pytest.approx(cohen_kappa_score(one, other, weights="linear"), abs=1e-6)
    assert 0.6 < found[0]["kappa"] < 0.9


def test_agreement_without_variety_is_undefined_and_pairs_are_all_there():
    found = rules.agreement({name: sheet("111") for name in "abc"}, ["1", "2", "3", "4"])
    assert [one["graders"] for one in found] == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert all(one["kappa"] is None for one in found)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"graders": [{"kind": "people", "name": "a"}] * 2}, "names a grader twice"),
        ({"rule": {"kind": "stein", "refiner": "zz"}}, "lacks the refiner"),
        (
            {
                "graders": [
                    {
                        "kind": "simulated",
                        "name": "s",
                        "sees_within_arcsec": 5.0,
                        "visible_lens": [0.5, 0.5],
                        "faint_lens": [0, 0, 0.5, 0.5],
                        "other": [1, 0, 0, 0],
                    }
                ]
            },
            "needs 4 probabilities",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(changes, text):
    with pytest.raises(PipelineError, match=text):
        grading(**changes)
