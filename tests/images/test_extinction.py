"""Extinction against reference_code.md §11.2 and the exponents of the Stein code."""

import numpy as np
import pytest

from pipeline.images.extinction import COEFFICIENTS, transmission


@pytest.mark.parametrize(
    ("ebv", "expected"),
    [
        (0.0, (1, 1, 1, 1, 1)),
        (0.05, (0.862422, 0.905107, 0.929309, 0.945758, 0.991562)),
        (0.1, (0.743772, 0.819219, 0.863615, 0.894458, 0.983196)),
        (0.5, (0.227615, 0.368978, 0.480397, 0.572532, 0.918756)),
    ],
)
def test_vectors(ebv, expected):
    assert transmission(np.array([ebv]), ("g", "r", "i", "z", "W1"))[0] == pytest.approx(expected, abs=1e-6)


def test_exponents_and_default_bands():
    assert [-COEFFICIENTS[band] / 2.5 for band in ("g", "r", "z", "W1", "W2")] == pytest.approx(
        [-1.2856, -0.866, -0.4844, -0.0736, -0.0452]
    )
    assert transmission(np.full(4, 0.1)).shape == (4, 3)
    assert transmission(np.array([0.1]))[0, 2] == pytest.approx(0.894458, abs=1e-6)
