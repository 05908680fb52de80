"""Logistic regression whose slopes have bounds: every feature is made so that more of it speaks for the event.

A sign that physics gives cannot be turned round by a small or peculiar sample, and no feature decides alone, however
well it parts the classes of a simulation.
"""

from collections.abc import Mapping

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit


def fit(features: Mapping[str, np.ndarray], event: np.ndarray, penalty: float, steepest: float) -> dict:
    """Return `intercept`, `slopes` by name and numbers, JSON-ready.

    The penalty is that of scikit-learn, 1/C: half of it times the sum of the squared slopes is added to the sum of the
    losses. Targets are those of Platt 1999, (n1 + 1)/(n1 + 2) and 1/(n0 + 2), so that a sample with one kind alone has
    a finite answer.

    Parameters
    ----------
    features : mapping
        Name -> (N,), between 0 and 1.
    event : (N,) bool
    penalty : float
    steepest : float
        Slopes lie between 0 and this: by so much may one feature move the logit.
    """
    names, event = list(features), np.asarray(event).astype(bool)
    count = int(event.sum())
    target = np.where(event, (count + 1) / (count + 2), 1 / (len(event) - count + 2))
    if not len(event):
        return {"intercept": 0.0, "slopes": dict.fromkeys(names, 0.0), "rows": 0, "events": 0}
    matrix = np.stack([np.ones(len(event)), *(np.asarray(features[name], dtype=np.float64) for name in names)], axis=1)

    def loss(parameters):
        logit = matrix @ parameters
        value = np.sum(np.logaddexp(0, logit) - target * logit) + 0.5 * penalty * np.sum(parameters[1:] ** 2)
        slope = matrix.T @ (expit(logit) - target)
        slope[1:] += penalty * parameters[1:]
        return value, slope

    bounds = [(None, None), *[(0.0, steepest)] * len(names)]
    found = minimize(
        loss, np.zeros(len(bounds)), jac=True, bounds=bounds, method="L-BFGS-B",
        options={"maxiter": 2000, "ftol": 1e-13, "gtol": 1e-9},
    ).x  # fmt: skip
    # Six digits: what the order of a sum changes is not written.
    values = [float(f"{value:.6g}") for value in found]
    slopes = dict(zip(names, values[1:], strict=True))
    return {"intercept": values[0], "slopes": slopes, "rows": len(event), "events": count}


def logit(model: dict, features: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the logit (...) of the event for features (...) by name.

    One feature after the other: a product of matrices would give a row other bits in another batch.
    """
    total = np.float64(model["intercept"])
    for name, slope in model["slopes"].items():
        total = total + slope * np.asarray(features[name], dtype=np.float64)
    return total


def probability(model: dict, features: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the probability (...) of the event."""
    return expit(logit(model, features))
