"""Galactic extinction of the Legacy Surveys' bands."""

import numpy as np

# A/E(B-V) of the SFD98 map, DECam bands, as used by the Legacy Surveys for all releases (BASS and MzLS included).
COEFFICIENTS = {
    "u": 3.995, "g": 3.214, "r": 2.165, "i": 1.592, "z": 1.211, "Y": 1.064,
    "W1": 0.184, "W2": 0.113, "W3": 0.0241, "W4": 0.00910,
}  # fmt: skip


def transmission(ebv: np.ndarray, bands: str | tuple[str, ...] = "grz") -> np.ndarray:
    """Return the share of light that dust lets through, 10^(-0.4 A E(B-V)).

    Parameters
    ----------
    ebv : array (N,)
        E(B-V) of the SFD98 map, magnitudes.
    bands : sequence of B band names

    Returns
    -------
    array (N, B), float64
    """
    coefficients = np.array([COEFFICIENTS[band] for band in bands])
    return 10 ** (-0.4 * np.asarray(ebv, dtype=np.float64)[..., None] * coefficients)
