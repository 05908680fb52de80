"""What one estimator says of many spectra, and the features by which its answers are believed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.data.manifests import shard_paths
from pipeline.data.redshift_bits import bit
from pipeline.data.shards import read_result_shard
from pipeline.data.velocity import near
from pipeline.errors import PipelineError

CLASSES = ("quasar", "galaxy", "star", "sky")
_REQUIRED = ("spectrum_id", "candidate_z", "candidate_score", "candidate_sigma", "bits")
_EXTRAS = ("chi2", "dof", "class_chi2", "line_confidence", "line_z", "class_probability")
_INGEST = bit("NAN_PIXELS") | bit("UNREADABLE")  # not the estimator's
_NO_QUASAR = bit("NOT_QUASAR") | bit("NO_LINES")


@dataclass(frozen=True)
class Estimates:
    """Candidates of one estimator, best first.

    Attributes
    ----------
    name : str
    spectrum_id : (N,) int64
    z, score, sigma : (N, C)
        NaN where there is no further candidate; `sigma` is the raw error in z.
    bits : (N,) int64
    extras : dict
        `chi2` (N, C), `dof` (N,) and `class_chi2` (N, 4) (the best quasar, galaxy and star, and none) of template
        fits; `line_confidence` and `line_z` (N, 7) of a line finder;
        `class_probability` (N, 4) in the order of `CLASSES`.
    """

    name: str
    spectrum_id: np.ndarray
    z: np.ndarray
    score: np.ndarray
    sigma: np.ndarray
    bits: np.ndarray
    extras: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """One of "templates", "lines" and "network", by what the results hold."""
        if "chi2" in self.extras:
            return "templates"
        return "lines" if "line_confidence" in self.extras else "network"

    def take(self, rows: np.ndarray) -> "Estimates":
        """Return the estimates of some rows."""
        extras = {name: values[rows] for name, values in self.extras.items()}
        parts = (self.spectrum_id, self.z, self.score, self.sigma, self.bits)
        return Estimates(self.name, *(part[rows] for part in parts), extras)


def from_results(name: str, results: Mapping[str, np.ndarray], where: object) -> Estimates:
    """Return the estimates in the arrays of result shards.

    Raises
    ------
    PipelineError
        A dataset that every estimator gives is missing.
    """
    missing = [wanted for wanted in _REQUIRED if wanted not in results]
    if missing:
        raise PipelineError("these are no candidates of an estimator", where=where, value=f"without {missing}")
    z, score, sigma = (np.asarray(results[key], dtype=np.float64) for key in _REQUIRED[1:4])
    extras = {key: np.asarray(results[key], dtype=np.float64) for key in _EXTRAS if key in results}
    return Estimates(name, results["spectrum_id"], z, score, sigma, results["bits"].astype(np.int64), extras)


def read_estimates(name: str, manifests: Iterable[Path]) -> Estimates:
    """Read the candidates of one estimator, sorted by spectrum_id."""
    paths = [path for manifest in manifests for _, path in shard_paths(manifest, ".h5")]
    if not paths:
        raise PipelineError("the estimator has no shards", value=name)
    parts = [read_result_shard(path) for path in paths]
    kept = [key for key in (*_REQUIRED, *_EXTRAS) if all(key in part for part in parts)]
    joined = {key: np.concatenate([part[key] for part in parts]) for key in kept}
    found = from_results(name, joined, paths[0])
    return found.take(np.argsort(found.spectrum_id, kind="stable"))


def classes(estimates: Estimates) -> np.ndarray | None:
    """Return what the estimator takes spectra for, (N,) text of CLASSES, "" where it cannot tell; None if it never can.

    Networks: the most probable class. Line finders: a quasar where there are lines enough, and no word on the others.
    Templates: a quasar without the bit NOT_QUASAR, else the galaxy or star that fits better, else nothing but sky.
    """
    kind = estimates.kind
    if kind == "network":
        if "class_probability" not in estimates.extras:
            return None
        found = np.array(CLASSES, dtype=object)[np.nan_to_num(estimates.extras["class_probability"]).argmax(axis=1)]
    else:
        others = np.full(len(estimates.z), "", dtype=object)
        if kind == "templates":
            chi2 = np.nan_to_num(estimates.extras["class_chi2"], nan=np.inf)
            rival = np.array(CLASSES, dtype=object)[1 + chi2[:, 1:3].argmin(axis=1)]
            others = np.where(chi2[:, 1:3].min(axis=1) < chi2[:, 0], rival, "sky")
        found = np.where(estimates.bits & _NO_QUASAR == 0, "quasar", others)
    return np.where(estimates.bits & bit("NODATA") == 0, found, "").astype(object)


def second(estimates: Estimates) -> np.ndarray:
    """Return the place (N,) of the first candidate that is another redshift than the best; -1 without one."""
    other = np.isfinite(estimates.z) & ~near(estimates.z, estimates.z[:, :1])
    other[:, 0] = False
    return np.where(other.any(axis=1), other.argmax(axis=1), -1)


def at(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return values (N, C) at places (N,); NaN where the place is -1."""
    found = np.take_along_axis(values, np.maximum(place, 0)[:, None], axis=1)[:, 0]
    return np.where(place >= 0, found, np.nan)


def delta_chi2(estimates: Estimates) -> np.ndarray:
    """Return chi2 (N, C) less that of the best, in units of the best's reduced chi2 where that is above 1.

    Real spectra differ from templates by more than their noise; in these units a difference means the same for them.
    """
    chi2, dof = estimates.extras["chi2"], np.maximum(estimates.extras["dof"], 1)
    return np.maximum(chi2 - chi2[:, :1], 0) / np.maximum(chi2[:, :1] / dof[:, None], 1)


def class_leads(estimates: Estimates) -> dict[str, np.ndarray]:
    """Return how much better the best quasar fits than a galaxy or star (`quasar`) and than none (`gain`), (N,).

    On the scale of `decades`; 0 where another class fits better, and 1 where there are no templates of another one.
    """
    chi2, dof = estimates.extras["class_chi2"], np.maximum(estimates.extras["dof"], 1)
    unit = np.maximum(chi2[:, 0] / dof, 1)
    rival = np.fmin(chi2[:, 1], chi2[:, 2])
    return {
        "quasar": decades(np.maximum(rival - chi2[:, 0], 0) / unit),
        "gain": decades(np.maximum(chi2[:, 3] - chi2[:, 0], 0) / unit),
    }


def decades(delta: np.ndarray) -> np.ndarray:
    """Return a difference of chi2 on a scale from 0 (none) to 1 (10,000 or more, or no second candidate)."""
    return np.where(np.isnan(delta), 1.0, np.clip(np.log10(1 + np.nan_to_num(delta)) / 4, 0, 1))


def signal(sn: np.ndarray) -> np.ndarray:
    """Return the median S/N of a pixel on a scale from 0 (0.1 or less, unknown) to 1 (30 or more)."""
    sn = np.nan_to_num(np.asarray(sn, dtype=np.float64))
    return np.clip((np.log10(np.maximum(sn, 1e-3)) + 1) / 2.5, 0, 1)


def quasar_evidence(probability: np.ndarray) -> np.ndarray:
    """Return the logit of a probability of being a quasar on a scale from 0 (-4 or less) to 1 (4 or more)."""
    p = np.clip(np.nan_to_num(probability), 1e-6, 1 - 1e-6)
    return np.clip((np.log(p) - np.log1p(-p) + 4) / 8, 0, 1)


def clean(bits: np.ndarray) -> np.ndarray:
    """Return 1 without a warning of the estimator, 1/2 with one, 0 with two or more."""
    return 1 - np.minimum(np.bitwise_count(bits & ~np.int64(_INGEST)), 2) / 2


def second_line(estimates: Estimates) -> np.ndarray:
    """Return the second-highest confidence (N,) among the lines whose redshift is that of the best candidate."""
    agree = near(estimates.extras["line_z"], estimates.z[:, :1])
    confidence = np.where(agree, np.nan_to_num(estimates.extras["line_confidence"]), 0.0)
    return np.clip(np.sort(confidence, axis=1)[:, -2], 0, 1)


def knots(values: np.ndarray) -> dict[str, list[float]]:
    """Return a map from values to their quantiles in a sample, by 21 points; equal values share the mean quantile."""
    values = values[np.isfinite(values)]
    if not len(values):
        return {"value": [0.0], "quantile": [0.5]}
    share = np.linspace(0, 1, 21)
    value, place = np.unique(np.quantile(values, share), return_inverse=True)
    quantile = np.bincount(place, weights=share) / np.bincount(place)
    return {"value": value.tolist(), "quantile": quantile.tolist()}


def quantile(curve: dict[str, list[float]], values: np.ndarray) -> np.ndarray:
    """Return the quantile (N,) of values; 0 where they are NaN. Beyond the sample it is that of its end."""
    return np.where(np.isnan(values), 0.0, np.interp(np.nan_to_num(values), curve["value"], curve["quantile"]))


def scales(estimates: Estimates) -> dict[str, dict]:
    """Return the curves of quantiles that the features of one estimator need."""
    found = {"score": knots(estimates.score[:, 0])}
    if estimates.z.shape[1] > 1 and estimates.kind != "templates":
        found["gap"] = knots(estimates.score[:, 0] - at(estimates.score, second(estimates)))
    return found


def features(estimates: Estimates, curves: dict[str, dict], sn: np.ndarray) -> dict[str, np.ndarray]:
    """Return features (N,) in [0, 1] of the best answer; of each, more speaks for the answer.

    `score` and `gap` (to the next other redshift) as quantiles of a stated sample, which saturate where other data
    exceed it; of templates, `gap`, `quasar` and `gain` are differences of chi2 (`decades`, `class_leads`);
    `signal`, `clean`, and where there are such results `quasar` and `lines`.
    """
    other = second(estimates)
    found = {"score": quantile(curves["score"], estimates.score[:, 0])}
    if estimates.kind == "templates":
        found["gap"] = decades(at(delta_chi2(estimates), other))
        found |= class_leads(estimates)
    elif "gap" in curves:
        gap = estimates.score[:, 0] - at(estimates.score, other)
        found["gap"] = np.where(other < 0, 1.0, quantile(curves["gap"], gap))
    found["signal"], found["clean"] = signal(sn), clean(estimates.bits)
    if "class_probability" in estimates.extras:
        found["quasar"] = quasar_evidence(estimates.extras["class_probability"][:, 0])
    if estimates.kind == "lines":
        found["lines"] = second_line(estimates)
    return found
