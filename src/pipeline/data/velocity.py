"""Differences of redshifts as velocities."""

import numpy as np

SPEED_OF_LIGHT = 299792.458  # km/s
# A redshift is right when it lies this near to the true one, and two candidates as near to each other are one (km/s).
RIGHT_KM_S = 6000.0


def velocity_difference(z, z_reference) -> np.ndarray:
    """Return c (z - z_reference) / (1 + z_reference) in km/s: equation 1 of the FNet paper (arXiv 2201.03393, §4).

    The paper rounds c to 2.998e5 km/s.
    """
    z, z_reference = np.asarray(z, dtype=np.float64), np.asarray(z_reference, dtype=np.float64)
    return SPEED_OF_LIGHT * (z - z_reference) / (1 + z_reference)


def near(z, z_reference, limit_km_s: float = RIGHT_KM_S) -> np.ndarray:
    """Return whether redshifts lie within a velocity of the reference; false where either is NaN."""
    return np.abs(velocity_difference(z, z_reference)) < limit_km_s
