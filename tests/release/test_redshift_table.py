"""The published columns of redshifts."""

import numpy as np
import pandas as pd
import pytest

from pipeline.data.redshift_bits import bit
from pipeline.errors import PipelineError
from pipeline.release import redshift_table
from pipeline.release.redshift_table import columns, designation

N = 3


def catalogue(**changes):
    values = {name: np.zeros(N) for name in redshift_table.CATALOGUE}
    values |= {"survey": ["boss"] * N, "class_pipe": ["QSO"] * N, "simulated": np.zeros(N, dtype=bool)}
    values |= {"spectrum_id": [1, 2, 3], "ra": [30.0, 10.0, 10.0], "dec": [0.0, 1.0, 1.0], **changes}
    return pd.DataFrame(values)


def combined(*names, **changes):
    answer = {"z": np.array([1.0, 2.0, np.nan]), "z_err": np.full(N, 0.1), "p_wrong": np.full(N, 0.2)}
    answer |= {"z_second": np.full(N, np.nan), "zwarn": np.array([0, bit("LOW_CONFIDENCE"), bit("NODATA")])}
    found = {"spectrum_id": np.array([1, 2, 3]), "class": np.array(["quasar", "", "star"], dtype=object), **answer}
    for name in names:
        found |= {f"{key}_{name}": values for key, values in answer.items()}
    return {**found, **changes}


SAMPLE = pd.DataFrame({"spectrum_id": [1, 3], "set": ["train", "judge"]})


def test_names_are_truncated_as_the_iau_asks():
    found = designation([0.0, 10.68458, 359.9999999, 187.70593, 0.0], [-0.00001, 41.26917, 89.99999, -12.3911, 0.5])
    assert found.tolist() == [
        "J000000.00-000000.0", "J004244.29+411609.0", "J235959.99+895959.9", "J123049.42-122327.9",
        "J000000.00+003000.0",
    ]  # fmt: skip


def test_rows_go_by_place_and_spectra_of_one_object_share_a_number():
    found = columns(catalogue(), combined("pca"), SAMPLE, 2.0)
    assert found["SPECTRUM_ID"].tolist() == [2, 3, 1] and found["GROUP_ID"].tolist() == [2, 2, 1]
    assert found["CONFIDENT"].tolist() == [False, True, True] and found["SAMPLE"].tolist() == ["", "judge", "train"]
    np.testing.assert_array_equal(found["Z_PCA"], found["Z"])


def test_spectra_that_differ_are_refused():
    with pytest.raises(PipelineError, match="not of the same spectra"):
        columns(catalogue(), combined(spectrum_id=np.array([1, 2, 4])), SAMPLE, 2.0)


@pytest.mark.parametrize("name", ["err", "vi", "pipe"])
def test_an_estimator_cannot_take_the_name_of_another_column(name):
    with pytest.raises(PipelineError, match="another column"):
        columns(catalogue(), combined(name), SAMPLE, 2.0)


def test_two_estimators_cannot_make_one_column():
    with pytest.raises(PipelineError, match="make one column"):
        columns(catalogue(), combined("pca", "err_pca"), SAMPLE, 2.0)
