"""One redshift from several estimators, by a stated rule.

1. The candidates of all estimators within 6000 km/s of each other are one cluster (`redshift_clusters.find`).
2. A logistic function of what speaks for a cluster ranks the clusters of a spectrum: which estimators have it as their
   best answer and how many agree, how much worse than the best the template fit there is, the confidences of the lines
   there and the share of the visible lines that is found (`redshift_clusters.features`). All features lie between 0 and
   1, none may count against a cluster, and none may move the logit by more than a setting, so that other scales of chi2
   or of confidence than those of the simulation saturate instead of overruling the rest. Its slopes are fitted on the
   quasars of the *select* set.
3. The redshift is the inverse-variance mean of the members, or that of the member with the smallest error: whichever
   was nearer to the labels of *select*. Its error is scaled on *calibrate*.
4. The probability of being wrong is a logistic function of the first cluster's logit, its lead over the second one, the
   share of estimators that agree, S/N, the networks' class, the second line, the lead of the template fit over other
   redshifts and other classes, and warnings of the estimators; fitted on *calibrate*, which holds galaxies, stars and
   skies as well.
5. LOW_CONFIDENCE is set above a limit on that probability, the largest one with which the goals of accuracy and skies
   are reached on held-out folds of *calibrate*. It alone is the flag; the other bits say why.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.data.redshift_bits import bit
from pipeline.data.velocity import SPEED_OF_LIGHT, near, velocity_difference
from pipeline.errors import PipelineError
from pipeline.learn import redshift_calibration as calibration
from pipeline.learn import redshift_clusters as clustering
from pipeline.learn import redshift_errors, signed_logistic
from pipeline.learn.redshift_calibration import Labelled
from pipeline.learn.redshift_estimates import (
    CLASSES,
    Estimates,
    at,
    class_leads,
    classes,
    clean,
    decades,
    delta_chi2,
    quasar_evidence,
    signal,
)
from pipeline.settings.spectra.calibrate import CalibrateRedshifts

FLAG = bit("LOW_CONFIDENCE")
_FAR = 8.0  # logits beyond which more says nothing
# What the ingest knows of a spectrum and belongs to the mask of its redshift.
_CARRIED = ("SKY", "LITTLE_COVERAGE", "UNPLUGGED", "BAD_TARGET", "NODATA", "POORDATA", "OFF_GRID", "UNREADABLE")
_CARRIED_BITS = sum(bit(name) for name in _CARRIED)


@dataclass(frozen=True)
class Spectra:
    """What the rule reads of the catalogue: median S/N of a pixel, range of good pixels (Å), flags; each (N,)."""

    sn: np.ndarray
    wave_min: np.ndarray
    wave_max: np.ndarray
    flags: np.ndarray

    def take(self, rows: np.ndarray) -> "Spectra":
        """Return those of some rows."""
        return Spectra(self.sn[rows], self.wave_min[rows], self.wave_max[rows], self.flags[rows])


@dataclass(frozen=True)
class _Ranked:
    """Clusters of N spectra with their redshifts, raw errors and logits (N, K), -inf beyond the last cluster.

    `first` and `second` (N,) are places of the best cluster and of the best other redshift, -1 without one.
    """

    clusters: clustering.Clusters
    values: dict[str, np.ndarray]
    z: np.ndarray
    raw: np.ndarray
    logit: np.ndarray
    first: np.ndarray
    second: np.ndarray


def flagged(zwarn: np.ndarray) -> np.ndarray:
    """Return which redshifts (N,) are flagged as not to be believed."""
    return (np.asarray(zwarn) & FLAG) != 0


def fit(
    estimates: list[Estimates],
    spectra: Spectra,
    labelled: Labelled,
    select: np.ndarray,
    calibrate: np.ndarray,
    settings: CalibrateRedshifts,
) -> dict:
    """Return the calibration of all estimators and of their combination, JSON-ready.

    Parameters
    ----------
    estimates, spectra, labelled
        Of the same N spectra.
    select, calibrate : (N,) bool
        The sets.

    Raises
    ------
    PipelineError
        No quasar is in the set select, or nothing in the set calibrate.
    """
    chosen, judging = np.flatnonzero(select), np.flatnonzero(calibrate)
    quasars = chosen[labelled.kind[chosen] == "quasar"]
    if not len(quasars):
        raise PipelineError(
            "there is no quasar to fit the rule on that combines estimators",
            where="the select set of the sample",
            next="give the set more sky (splits.shares), or the run more spectra",
        )
    models = {
        one.name: calibration.fit(one.take(judging), spectra.sn[judging], labelled.take(judging), settings)
        for one in estimates
    }
    content = {"estimators": models, "order": [one.name for one in estimates]}
    options = {"line_confidence": settings.line_confidence, "second_close": settings.second_close}
    content["combination"] = _fit_ranking(
        content, [one.take(quasars) for one in estimates], spectra.take(quasars), labelled.z[quasars], options, settings
    )
    own, about, known = [one.take(judging) for one in estimates], spectra.take(judging), labelled.take(judging)
    ranked = _rank(content, own, about)
    z, raw = _of(ranked.z, ranked.first), _of(ranked.raw, ranked.first)
    content["combination"]["errors"] = redshift_errors.fit(z, raw, known.quasar_z)
    content["combination"] |= calibration.fit_probability(_evidence(ranked, own, about), z, known, settings)
    return content


def apply(content: dict, estimates: list[Estimates], spectra: Spectra) -> dict[str, np.ndarray]:
    """Return the columns of N spectra: the combination, and each estimator's under `<column>_<name>`.

    `z`, `z_err`, `p_wrong`, `z_second`, `zwarn` (int64) and `class` (text: quasar where it is not flagged, else the
    class of the networks, "" without one); of those that classify also `class_<name>` (`redshift_estimates.classes`);
    of line finders `line_confidence_<name>` and `line_z_<name>` (N, 7).
    """
    combination = content["combination"]
    ranked = _rank(content, estimates, spectra)
    z, raw = _of(ranked.z, ranked.first), _of(ranked.raw, ranked.first)
    p_wrong = calibration.wrong(combination, _evidence(ranked, estimates, spectra), z)
    low = ~(p_wrong <= combination["limit"])
    probability = _class_probability(estimates)
    other = np.zeros(len(z), dtype=bool) if probability is None else probability.argmax(axis=1) != 0
    names = np.full(len(z), "") if probability is None else np.array(CLASSES)[probability.argmax(axis=1)]
    columns = {
        "z": z,
        "z_err": redshift_errors.apply(combination["errors"], z, raw),
        "p_wrong": p_wrong,
        "z_second": _of(ranked.z, ranked.second),
        "class": np.where(low, np.where(names == "quasar", "", names), "quasar").astype(object),
    }
    zwarn = np.asarray(spectra.flags, dtype=np.int64) & _CARRIED_BITS
    zwarn |= low * FLAG | (low & other) * bit("NOT_QUASAR") | ~np.isfinite(z) * bit("NODATA")
    close = (ranked.second >= 0) & (_lead(ranked) < combination["second_close"])
    zwarn |= close * bit("SECOND_CLOSE")
    for one in estimates:
        found = calibration.apply(content["estimators"][one.name], one, spectra.sn)
        doubted = found.pop("flagged")
        zwarn |= (~doubted & ~near(found["z"], z)) * bit("DISAGREE")
        if one.kind == "lines":
            confidence = clustering.lines_in(one, _of(ranked.clusters.seed, ranked.first))
            zwarn |= ~(confidence > combination["line_confidence"]).any(axis=1) * bit("NO_LINES")
            columns[f"line_confidence_{one.name}"] = one.extras["line_confidence"].astype(np.float32)
            columns[f"line_z_{one.name}"] = one.extras["line_z"]
        found["zwarn"] = one.bits | doubted * FLAG | ~np.isfinite(found["z"]) * bit("NODATA")
        if (taken_for := classes(one)) is not None:
            found["class"] = taken_for
        columns |= {f"{key}_{one.name}": values for key, values in found.items()}
    columns["zwarn"] = zwarn
    return columns


def _fit_ranking(content, estimates, spectra, z_label, options, settings) -> dict:
    """Fit the logistic function of clusters, and choose how a cluster gives its redshift, on quasars (N,)."""
    clusters = clustering.find(estimates, _sigmas(content, estimates))
    values = clustering.features(clusters, estimates, spectra.wave_min, spectra.wave_max, settings.line_confidence)
    there = np.isfinite(clusters.seed)
    means = {name: clustering.redshift(clusters, name)[0] for name in ("mean", "precise")}
    right = near(means["precise"], z_label[:, None])
    part = {name: value[there] for name, value in values.items()}
    ranking = signed_logistic.fit(part, right[there], settings.penalty, settings.steepest)
    first = _best(_logits(ranking, values, clusters))
    width = {}
    for name, mean in means.items():
        chosen = at(mean, first)
        chosen = np.abs(velocity_difference(chosen, z_label)[near(chosen, z_label)])
        width[name] = float(np.quantile(chosen, redshift_errors.CENTRAL)) if len(chosen) else SPEED_OF_LIGHT
    hit = near(at(means["precise"], first), z_label)
    return {
        "ranking": ranking,
        "redshift": min(width, key=width.get),
        "half_width_km_s": width,
        "select": {"quasars": len(z_label), "first_right": int(hit.sum()), "any_right": int(right.any(axis=1).sum())},
        **options,
    }


def _sigmas(content: dict, estimates: list[Estimates]) -> list[np.ndarray]:
    models = content["estimators"]
    return [redshift_errors.apply(models[one.name]["errors"], one.z, one.sigma) for one in estimates]


def _rank(content: dict, estimates: list[Estimates], spectra: Spectra) -> _Ranked:
    combination = content["combination"]
    clusters = clustering.find(estimates, _sigmas(content, estimates))
    values = clustering.features(
        clusters, estimates, spectra.wave_min, spectra.wave_max, combination["line_confidence"]
    )
    z, raw = clustering.redshift(clusters, combination["redshift"])
    logit = _logits(combination["ranking"], values, clusters)
    first = _best(logit)
    second = _best(np.where(near(z, _of(z, first)[:, None]), -np.inf, logit))
    return _Ranked(clusters, values, z, raw, logit, first, second)


def _logits(ranking: dict, values: dict, clusters: clustering.Clusters) -> np.ndarray:
    logit = np.clip(signed_logistic.logit(ranking, values), -_FAR, _FAR)
    return np.where(np.isfinite(clusters.seed), logit, -np.inf)


def _best(logit: np.ndarray) -> np.ndarray:
    """Return the place (N,) of the highest logit (N, K), of equals the earlier one; -1 where all are -inf."""
    return np.where(np.isfinite(logit).any(axis=1), logit.argmax(axis=1), -1)


def _of(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return values (N, K) of clusters at places (N,); NaN without one."""
    return at(values.astype(np.float64), place)


def _lead(ranked: _Ranked) -> np.ndarray:
    """Return the logit (N,) by which the first cluster leads; the most without a second one."""
    lead = _of(ranked.logit, ranked.first) - _of(ranked.logit, ranked.second)
    return np.where(np.isnan(lead), _FAR, lead)


def _class_probability(estimates: list[Estimates]) -> np.ndarray | None:
    """Return the mean (N, 4) over the estimators that classify; None without one."""
    parts = [one.extras["class_probability"] for one in estimates if "class_probability" in one.extras]
    return sum(parts[1:], parts[0]) / len(parts) if parts else None


def _evidence(ranked: _Ranked, estimates: list[Estimates], spectra: Spectra) -> dict[str, np.ndarray]:
    """Return the features (N,) in [0, 1] of the probability that the first cluster is right."""
    logit = np.nan_to_num(_of(ranked.logit, ranked.first), nan=-_FAR)
    found = {
        "logit": (logit + _FAR) / (2 * _FAR),
        "lead": np.minimum(_lead(ranked), _FAR) / _FAR,
        "agree": np.nan_to_num(_of(ranked.values["agree"], ranked.first)),
        "signal": signal(spectra.sn),
        "clean": sum((clean(one.bits) for one in estimates), np.zeros(len(logit))) / len(estimates),
    }
    probability = _class_probability(estimates)
    if probability is not None:
        found["quasar"] = quasar_evidence(probability[:, 0])
    for e, one in enumerate(estimates):
        if one.kind == "lines":
            found[f"second_line_{one.name}"] = np.nan_to_num(
                _of(ranked.values[f"second_line_{one.name}"], ranked.first)
            )
        elif one.kind == "templates":
            found[f"fit_{one.name}"] = _lead_of_fit(one, ranked, e)
            found |= {f"{name}_{one.name}": value for name, value in class_leads(one).items()}
    return found


def _lead_of_fit(one: Estimates, ranked: _Ranked, e: int) -> np.ndarray:
    """Return on the scale of `decades` the lead in fit of the first cluster; 0 if another fits better."""
    rank = np.nan_to_num(_of(ranked.clusters.rank[:, :, e], ranked.first), nan=-1.0)
    outside = np.isfinite(one.z) & ~near(one.z, _of(ranked.clusters.seed, ranked.first)[:, None])
    place = np.where(outside.any(axis=1), outside.argmax(axis=1), -1)
    return np.where(rank == 0, decades(at(delta_chi2(one), place)), 0.0)
