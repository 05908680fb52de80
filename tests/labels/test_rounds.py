"""Grades of earlier rounds as examples."""

import pandas as pd
import pytest

from pipeline.errors import PipelineError
from pipeline.labels.rounds import graded_examples
from pipeline.settings.sample import Rounds

ROUNDS = Rounds.parse({"lenses": ["A", "B"], "non_lenses": [""]})


def grades(**of):
    return pd.DataFrame({"object_id": [int(key[1:]) for key in of], "grade": list(of.values())})


def test_grades_become_labels():
    found = graded_examples([grades(o5="A", o3="", o4="C", o1="B", o2=None)], ROUNDS)
    assert found.values.tolist() == [[1, 1], [2, 0], [3, 0], [5, 1]]  # a C is neither


def test_the_later_grade_counts():
    found = graded_examples([grades(o1="A", o2="A", o3="A"), grades(o1="", o2="C")], ROUNDS)
    assert found.values.tolist() == [[1, 0], [3, 1]]


def test_off():
    assert len(graded_examples([grades(o1="A")], None)) == 0 and len(graded_examples([], ROUNDS)) == 0


def test_two_grades_in_one_round_are_refused():
    table = pd.concat([grades(o1="A"), grades(o1="B")])
    with pytest.raises(PipelineError, match="two grades"):
        graded_examples([grades(o2="A"), table], ROUNDS)
