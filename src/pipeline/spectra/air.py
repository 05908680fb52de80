"""Wavelengths in air and in vacuum. Every spectrum of the package is in vacuum; nothing converts one silently.

Ciddor (1996, Applied Optics 35, 1566), equation 1: standard air at 15 °C, 101325 Pa, with 450 ppm of CO2.
"""

import numpy as np

SHORTEST = 2000.0  # Å; below it wavelengths are given in vacuum by convention, and the formula is not valid
_ROUNDS = 4  # the refraction varies so slowly that each round gains four digits


def refraction(vacuum) -> np.ndarray:
    """Return the refractive index of air at vacuum wavelengths in Å."""
    square = (1e4 / np.asarray(vacuum, dtype=np.float64)) ** 2
    return 1 + 0.05792105 / (238.0185 - square) + 0.00167917 / (57.362 - square)


def to_air(vacuum) -> np.ndarray:
    """Return wavelengths in air of those in vacuum, Å; below 2000 Å they stay."""
    vacuum = np.asarray(vacuum, dtype=np.float64)
    return np.where(vacuum < SHORTEST, vacuum, vacuum / refraction(np.maximum(vacuum, SHORTEST)))


def to_vacuum(air) -> np.ndarray:
    """Return wavelengths in vacuum of those in air, Å: the inverse of `to_air` to rounding."""
    air = np.asarray(air, dtype=np.float64)
    shortest = to_air(SHORTEST)
    used = np.maximum(air, shortest)
    vacuum = used
    for _ in range(_ROUNDS):
        vacuum = used * refraction(vacuum)
    return np.where(air < shortest, air, vacuum)
