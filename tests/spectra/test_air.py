"""Air and vacuum: lines whose both wavelengths are known, and there and back."""

import numpy as np
import pytest

from pipeline.spectra.air import to_air, to_vacuum

# NIST: vacuum and air wavelengths of H alpha, [O III], He I D3 and Mg II k (Å).
LINES = [(6564.61, 6562.80), (5008.24, 5006.84), (5877.25, 5875.62), (2796.352, 2795.528)]


@pytest.mark.parametrize("vacuum, air", LINES)
def test_known_lines(vacuum, air):
    assert to_air(vacuum) == pytest.approx(air, abs=0.02)
    assert to_vacuum(air) == pytest.approx(vacuum, abs=0.02)


def test_there_and_back():
    wavelength = np.linspace(1000, 11000, 5001)
    np.testing.assert_allclose(to_vacuum(to_air(wavelength)), wavelength, rtol=1e-12)
    assert (to_air(wavelength[wavelength < 2000]) == wavelength[wavelength < 2000]).all()
    assert (to_air(wavelength[wavelength > 2000]) < wavelength[wavelength > 2000]).all()
