"""What estimators take spectra for, from their results alone."""

import numpy as np
import pytest

from pipeline.data.redshift_bits import bit
from pipeline.learn.redshift_estimates import CLASSES, Estimates, classes

ALIKE = np.zeros((4, 1))


def made(bits=(0, 0, 0, 0), **extras):
    extras = {name: np.array(values, dtype=float) for name, values in extras.items()}
    return Estimates("one", np.arange(4), ALIKE, ALIKE, ALIKE, np.array(bits, dtype=np.int64), extras)


def test_a_network_says_the_most_probable_class():
    probability = np.full((4, 4), 0.1) + 0.6 * np.eye(4)
    probability[3] = np.nan
    found = classes(made((0, 0, 0, bit("NODATA")), class_probability=probability))
    assert found.tolist() == [*CLASSES[:3], ""]
    assert classes(made()) is None


def test_a_line_finder_knows_quasars_alone():
    bits = (0, bit("NO_LINES"), bit("OFF_GRID"), bit("NODATA"))
    assert classes(made(bits, line_confidence=np.zeros((4, 7)))).tolist() == ["quasar", "", "quasar", ""]


@pytest.mark.parametrize(("chi2", "other", "expected"), [
    ([10, 90, 90, 900], False, "quasar"),
    ([90, 89, 91, 900], False, "quasar"),  # not better by the margin
    ([90, 10, 50, 900], True, "galaxy"),
    ([90, np.nan, 50, 900], True, "star"),
    ([90, np.nan, np.nan, 91], True, "sky"),
    ([90, 95, 92, 91], True, "sky"),
])  # fmt: skip
def test_a_template_fit_says_what_fits(chi2, other, expected):
    bits = (bit("NOT_QUASAR") if other else 0, bit("NODATA"), 0, 0)
    found = classes(made(bits, chi2=np.zeros((4, 1)), class_chi2=[chi2] * 4))
    assert found[0] == expected and found[1] == ""
