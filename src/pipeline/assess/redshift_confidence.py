"""Are errors and probabilities of redshifts what they say, and what becomes of spectra that are no quasars'?"""

import numpy as np

from pipeline.assess.velocity import counted
from pipeline.data.velocity import near
from pipeline.learn.redshift_calibration import reliability

OTHERS = ("galaxy", "star", "sky")
_PULLS = np.linspace(-5, 5, 41)


def pulls(z: np.ndarray, error: np.ndarray, z_reference: np.ndarray, confidence: float) -> dict:
    """Return how (z - z_reference) / error of right redshifts (N,) is distributed.

    Keys: `spectra`, `within_1` and `within_2` (68.3 and 95.4 % of a normal distribution), `median`, `half_width` (of
    the central 68 %), `histogram` (counts in 40 bins from -5 to 5, what lies beyond in the outermost).
    """
    right = near(z, z_reference) & (error > 0)
    pull = (z[right] - z_reference[right]) / error[right]
    size = np.abs(pull)
    return {
        "spectra": len(pull),
        "within_1": counted(int((size < 1).sum()), len(pull), confidence),
        "within_2": counted(int((size < 2).sum()), len(pull), confidence),
        "median": float(np.median(pull)) if len(pull) else None,
        "half_width": float(np.diff(np.quantile(pull, [0.15865, 0.84135]))[0] / 2) if len(pull) else None,
        "histogram": np.histogram(np.clip(pull, -4.999, 4.999), _PULLS)[0].tolist(),
    }


def failure_probability(p_wrong: np.ndarray, right: np.ndarray, bins: int, confidence: float) -> dict:
    """Return `brier`, `brier_of_constant` and the table of reliability, each row with an interval of its share."""
    rows = [{**row, **counted(row["wrong"], row["spectra"], confidence)} for row in reliability(p_wrong, right, bins)]
    share = float(right.mean()) if len(right) else 0.0
    return {
        "spectra": len(right),
        "brier": float(np.mean((p_wrong - ~right) ** 2)) if len(right) else None,
        "brier_of_constant": share * (1 - share),
        "reliability": rows,
    }


def unflagged_others(kind: np.ndarray, flagged: np.ndarray, confidence: float) -> dict:
    """Return for galaxies, stars and skies how many have a quasar's redshift without a flag."""
    return {
        name: counted(int(((kind == name) & ~flagged).sum()), int((kind == name).sum()), confidence) for name in OTHERS
    }
