"""How far the redshifts of one estimator are to be believed: their errors, and the probability of being wrong.

Both are fitted on the calibrate set. A redshift is right when the object is a quasar and the redshift lies within 6000
km/s of its label; a galaxy, a star or a sky fibre with a redshift is wrong. The probability is a logistic function of a
few features, each of which can only speak for the answer (`redshift_estimates.features`, `signed_logistic`), bent by a
rising curve of five ramps so that it agrees with the share of wrong answers all along. It holds at the shares of
classes of the calibrate set. Answers above a limit are flagged; the limit is the largest one that
reaches the goals on held-out folds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.data.velocity import near
from pipeline.errors import PipelineError
from pipeline.learn import redshift_errors, signed_logistic
from pipeline.learn.redshift_estimates import Estimates, at, features, scales, second
from pipeline.settings.spectra.calibrate import CalibrateRedshifts, Goals

# What is more likely wrong than right is flagged, whatever the goals.
MOST = 0.5
_RAMPS = 5


@dataclass(frozen=True)
class Labelled:
    """Labels of N spectra.

    `kind` (N,) is "quasar", "galaxy", "star" or "sky"; `z` (N,) NaN where unknown; `fold` (N,) parts no object.
    """

    kind: np.ndarray
    z: np.ndarray
    fold: np.ndarray

    def take(self, rows: np.ndarray) -> "Labelled":
        """Return the labels of some rows."""
        return Labelled(self.kind[rows], self.z[rows], self.fold[rows])

    def right(self, z: np.ndarray) -> np.ndarray:
        """Return whether redshifts (N,) are right."""
        return (self.kind == "quasar") & near(z, self.z)

    @property
    def quasar_z(self) -> np.ndarray:
        """Redshifts (N,) of the quasars, NaN for all others."""
        return np.where(self.kind == "quasar", self.z, np.nan)


def fit(estimates: Estimates, sn: np.ndarray, labelled: Labelled, settings: CalibrateRedshifts) -> dict:
    """Return the calibration of one estimator, JSON-ready; `estimates`, `sn` and `labelled` are of the calibrate set.

    Raises
    ------
    PipelineError
        There is no labelled spectrum.
    """
    curves = scales(estimates)
    z = estimates.z[:, 0]
    found = {
        "kind": estimates.kind,
        "curves": curves,
        "errors": redshift_errors.fit(z, estimates.sigma[:, 0], labelled.quasar_z),
    }
    return found | fit_probability(features(estimates, curves, sn), z, labelled, settings)


def apply(model: dict, estimates: Estimates, sn: np.ndarray) -> dict[str, np.ndarray]:
    """Return `z`, `z_err`, `p_wrong`, `z_second` (N,) of one estimator and `flagged` (N,) bool."""
    z = estimates.z[:, 0]
    p_wrong = wrong(model, features(estimates, model["curves"], sn), z)
    return {
        "z": z,
        "z_err": redshift_errors.apply(model["errors"], z, estimates.sigma[:, 0]),
        "p_wrong": p_wrong,
        "z_second": at(estimates.z, second(estimates)),
        "flagged": ~(p_wrong <= model["limit"]),
    }


def wrong(model: dict, values: Mapping[str, np.ndarray], z: np.ndarray) -> np.ndarray:
    """Return the probability (N,) of being wrong; 1 where there is no redshift."""
    return np.where(np.isfinite(z), 1 - _probability(model["probability"], values), 1.0)


def _fit(values: Mapping[str, np.ndarray], right: np.ndarray, settings: CalibrateRedshifts) -> dict:
    """Return the function for the probability of being right: evidence, and the curve through its logit."""
    evidence = signed_logistic.fit(values, right, settings.penalty, settings.steepest)
    logit = signed_logistic.logit(evidence, values)
    knots = np.unique(np.quantile(logit, np.linspace(0, 1, _RAMPS + 1))).tolist() if len(logit) else [0.0]
    return {
        "evidence": evidence,
        "knots": knots,
        "curve": signed_logistic.fit(_ramps(logit, knots), right, settings.penalty, np.inf),
    }


def _probability(model: dict, values: Mapping[str, np.ndarray]) -> np.ndarray:
    logit = signed_logistic.logit(model["evidence"], values)
    return signed_logistic.probability(model["curve"], _ramps(logit, model["knots"]))


def _ramps(logit: np.ndarray, knots: list[float]) -> dict[str, np.ndarray]:
    """Return ramps (N,) from 0 to 1 between neighbouring knots: with slopes of one sign any rising curve."""
    pairs = zip(knots[:-1], knots[1:], strict=True)
    return {str(number): np.clip((logit - low) / (high - low), 0, 1) for number, (low, high) in enumerate(pairs)}


def fit_probability(
    values: Mapping[str, np.ndarray], z: np.ndarray, labelled: Labelled, settings: CalibrateRedshifts
) -> dict:
    """Return `probability` (the function), `limit`, and how good both are on held-out folds.

    Keys: `brier`, `brier_of_constant`, `reliability`, and `reached` with the goals' figures at the limit.
    """
    if not len(z):
        raise PipelineError(
            "there are no labelled spectra to calibrate with",
            where="the calibrate set of the sample",
            next="give the set more sky (splits.shares), or the run more spectra",
        )
    right = labelled.right(z)
    held_out = np.empty(len(z))
    for number in np.unique(labelled.fold):
        away = labelled.fold != number
        part = {name: value[away] for name, value in values.items()}
        model = {"probability": _fit(part, right[away], settings)}
        rest = {name: value[~away] for name, value in values.items()}
        held_out[~away] = wrong(model, rest, z[~away])
    limit = choose_limit(held_out, right, labelled.kind, settings.goals)
    share = float(right.mean())
    return {
        "probability": _fit(values, right, settings),
        "limit": limit,
        "brier": float(np.mean((held_out - ~right) ** 2)),
        "brier_of_constant": share * (1 - share),
        "reliability": reliability(held_out, right, settings.bins),
        "reached": reached(held_out <= limit, right, labelled.kind),
    }


def choose_limit(p_wrong: np.ndarray, right: np.ndarray, kind: np.ndarray, goals: Goals) -> float:
    """Return the largest limit on p_wrong (N,) that reaches accuracy and share of skies; 0 where none does."""
    order = np.argsort(p_wrong, kind="stable")
    ordered, sky = p_wrong[order], kind[order] == "sky"
    taken = np.cumsum(~sky)
    accuracy = np.cumsum(right[order] & ~sky) / np.maximum(taken, 1)
    skies = np.cumsum(sky) / max(int(sky.sum()), 1)
    last = np.append(ordered[1:] > ordered[:-1], True)  # equal probabilities are flagged together
    good = last & (taken > 0) & (accuracy >= goals.accuracy) & (skies <= goals.sky_share) & (ordered <= MOST)
    return float(ordered[np.flatnonzero(good)[-1]]) if good.any() else 0.0


def reached(kept: np.ndarray, right: np.ndarray, kind: np.ndarray) -> dict:
    """Return counts of unflagged spectra (`kept` (N,) bool) by class, and how many of the quasars' are right."""
    found = {}
    for name in ("quasar", "galaxy", "star", "sky"):
        chosen = kind == name
        found[name] = {"spectra": int(chosen.sum()), "unflagged": int((chosen & kept).sum())}
    found["quasar"]["unflagged_right"] = int((kept & right).sum())
    found["quasar"]["right"] = int(right.sum())
    return found


def reliability(p_wrong: np.ndarray, right: np.ndarray, bins: int) -> list[dict]:
    """Return the share of wrong answers beside the mean probability, in bins of equally many spectra.

    Each row: `spectra`, `wrong`, `lowest`, `highest`, `mean_p_wrong`.
    """
    parts = np.array_split(np.argsort(p_wrong, kind="stable"), min(bins, max(len(p_wrong), 1)))
    return [
        {
            "spectra": len(part),
            "wrong": int((~right[part]).sum()),
            "lowest": float(p_wrong[part[0]]),
            "highest": float(p_wrong[part[-1]]),
            "mean_p_wrong": float(p_wrong[part].mean()),
        }
        for part in parts
        if len(part)
    ]
