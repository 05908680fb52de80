"""From raw errors of redshifts to honest ones: a factor, and a floor in velocity.

The raw error of a parabola or of a distribution over z tells bright from faint spectra, but not the mismatch of
templates or the shifts of lines, which do not fall with S/N: they are the floor.
"""

import numpy as np

from pipeline.data.velocity import RIGHT_KM_S, SPEED_OF_LIGHT, near, velocity_difference

CENTRAL = 0.6827  # the share of a normal distribution within one sigma
_BINS = 6
_LEAST_KM_S = 0.1  # no redshift of a spectrum is better; errors of 0 have no weights
_ENOUGH = 60  # right redshifts from which on a factor can be told from a floor


def fit(z: np.ndarray, sigma: np.ndarray, z_label: np.ndarray) -> dict:
    """Return `factor`, `floor_km_s` and `typical_km_s`, so that 68 % of right redshifts lie within one error.

    The balance of factor and floor is that with which the share holds best in each bin of the raw error; both are
    stretched alike until it holds over all. With few right redshifts there is the factor alone; without raw errors,
    the floor.

    Parameters
    ----------
    z, sigma, z_label : (N,)
        All of them; those that are not right (6000 km/s) are left out here.
    """
    right = near(z, z_label)
    z, sigma, z_label = z[right], sigma[right], z_label[right]
    found = {"factor": 1.0, "floor_km_s": 0.0, "typical_km_s": RIGHT_KM_S, "right": int(right.sum())}
    if not len(z):
        return found
    raw = SPEED_OF_LIGHT * sigma / (1 + z)
    usable = np.isfinite(raw) & (raw > 0)
    width = np.abs(velocity_difference(z, z_label))
    found["typical_km_s"] = _digits(np.median(raw[usable])) if usable.any() else 0.0
    if not usable.any():
        found["factor"], found["floor_km_s"] = 0.0, _digits(np.quantile(width, CENTRAL))
        return found
    if usable.sum() >= _ENOUGH:
        found["factor"], found["floor_km_s"] = _balance(raw[usable], width[usable])
    stretch = np.quantile(np.abs(z - z_label) / apply(found, z, sigma), CENTRAL)
    found["factor"], found["floor_km_s"] = _digits(found["factor"] * stretch), _digits(found["floor_km_s"] * stretch)
    return found


def _balance(raw: np.ndarray, width: np.ndarray) -> tuple[float, float]:
    """Return factor and floor for raw errors and true ones (N,), in km/s, up to a common factor."""
    bins = np.array_split(np.argsort(raw, kind="stable"), _BINS)
    median = float(np.median(raw))
    trials = [(1.0, 0.0), *((1.0, median * ratio) for ratio in np.geomspace(0.05, 50, 61)), (0.0, median)]

    def unevenness(trial):
        error = np.hypot(trial[0] * raw, trial[1])
        within = width <= error * np.quantile(width / error, CENTRAL)
        return sum((within[part].mean() - CENTRAL) ** 2 for part in bins)

    return min(trials, key=unevenness)


def apply(model: dict, z: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Return calibrated errors in z; a missing raw error counts as the typical one."""
    raw = SPEED_OF_LIGHT * np.asarray(sigma, dtype=np.float64) / (1 + z)
    raw = np.where(np.isfinite(raw) & (raw > 0), raw, model["typical_km_s"])
    total = np.maximum(np.hypot(model["factor"] * raw, model["floor_km_s"]), _LEAST_KM_S)
    return total * (1 + z) / SPEED_OF_LIGHT


def _digits(value: float) -> float:
    return float(f"{value:.6g}")
