"""Rows of ids, against a dictionary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.lookup import rows_of
from pipeline.errors import PipelineError


@given(st.sets(st.integers(-(2**62), 2**62), min_size=1), st.randoms())
def test_rows(ids, draw):
    ids = np.array(sorted(ids))
    wanted = np.array([draw.choice(ids) for _ in range(10)])
    place = {one: row for row, one in enumerate(ids)}
    assert rows_of(ids, wanted, "there", "spectrum").tolist() == [place[one] for one in wanted]


@pytest.mark.parametrize("ids", [[], [1, 3, 5]])
def test_missing_ids(ids):
    with pytest.raises(PipelineError, match=r"2 of 2 spectrum ids are not[\s\S]*there[\s\S]*spectrum 7"):
        rows_of(np.array(ids, dtype=np.int64), np.array([7, 4]), "there", "spectrum")
    assert len(rows_of(np.array(ids, dtype=np.int64), np.zeros(0, dtype=np.int64), "there", "spectrum")) == 0
