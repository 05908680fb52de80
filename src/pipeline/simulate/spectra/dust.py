"""Extinction: that of the Galaxy, and that of dust at the quasar (Small Magellanic Cloud)."""

import numpy as np

# A(lambda) / E(B-V) for R_V = 3.1 at inverse microns (Fitzpatrick 1999, Table 3 and its ultraviolet spline).
_GALAXY = np.array([
    (0.0, 0.0), (0.377, 0.265), (0.820, 0.829), (1.667, 2.688), (1.828, 3.055), (2.141, 3.806), (2.433, 4.315),
    (2.6, 4.63), (2.8, 4.96), (3.1, 5.45),
])  # fmt: skip
# A(lambda) / E(B-V) of the SMC bar with R_V = 2.74 (Gordon et al. 2003, Table 4).
_SMC = np.array([
    (0.0, 0.0), (0.455, 0.044), (0.606, 0.463), (0.800, 0.359), (1.235, 1.52), (1.538, 2.09), (1.818, 2.74),
    (2.273, 3.77), (2.703, 4.58), (3.375, 6.02), (3.625, 6.58), (3.875, 7.22), (4.125, 7.81), (4.375, 8.43),
    (4.625, 8.90), (4.875, 9.54), (5.125, 10.2), (5.375, 10.9), (5.625, 11.6), (5.875, 12.0), (6.125, 12.6),
    (6.375, 13.2), (6.625, 13.6), (6.875, 14.4), (7.125, 14.7), (7.375, 15.3), (7.625, 15.9), (7.875, 16.6),
    (8.125, 17.4), (8.625, 18.3), (10.0, 21.5),
])  # fmt: skip


def galactic(wavelength: np.ndarray, ebv: float) -> np.ndarray:
    """Return the share of light (P,) that the Galaxy's dust lets through at observed wavelengths, Angstrom."""
    return _transmission(_GALAXY, wavelength, ebv)


def smc(rest: np.ndarray, ebv: float) -> np.ndarray:
    """Return the share of light (P,) that dust at the quasar lets through at rest wavelengths, Angstrom."""
    return _transmission(_SMC, rest, ebv)


def _transmission(curve: np.ndarray, wavelength: np.ndarray, ebv: float) -> np.ndarray:
    return np.exp(-0.4 * np.log(10) * ebv * np.interp(1e4 / wavelength, curve[:, 0], curve[:, 1]))
