"""Estimators of redshift with known faults, on spectra with a known truth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.data.redshift_bits import bit
from pipeline.data.velocity import SPEED_OF_LIGHT
from pipeline.learn.redshift_calibration import Labelled
from pipeline.learn.redshift_combination import Spectra
from pipeline.learn.redshift_estimates import Estimates

REST = np.array([1215.67, 1548.2049, 1908.734, 2796.3511, 4862.68, 6562.8, 1548.2049])
WAVE = (3650.0, 10200.0)
# Errors that the raw errors do not know (km/s), and the factor by which raw errors are too small.
FLOOR = {"pca": 250.0, "quasarnet": 900.0, "fnet": 1500.0, "rnet": 1800.0}
FACTOR = {"pca": 2.0, "quasarnet": 1.0, "fnet": 0.5, "rnet": 1.0}
NAMES = ("pca", "quasarnet", "fnet", "rnet")
SETTINGS = {
    "penalty": 1.0,
    "steepest": 4.0,
    "line_confidence": 0.5,
    "second_close": 1.0,
    "bins": 10,
    "goals": {"accuracy": 0.97, "sky_share": 0.01, "flagged": 0.1},
}


@dataclass
class Survey:
    """Truth and estimates of N spectra."""

    table: pd.DataFrame
    estimates: list[Estimates]

    @property
    def labelled(self):
        return Labelled(
            self.table.label_class.to_numpy(object), self.table.label_z.to_numpy(), self.table.fold.to_numpy()
        )

    @property
    def spectra(self):
        n = len(self.table)
        flags = np.full(n, bit("NAN_PIXELS"))
        return Spectra(self.table.sn_median.to_numpy(), np.full(n, WAVE[0]), np.full(n, WAVE[1]), flags)

    def of(self, name):
        return (self.table.set == name).to_numpy()


def make(n=6000, seed=1, chi2_scale=1.0):
    """Return a survey; `chi2_scale` > 1: templates fit worse than the noise tells, as with real spectra."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["quasar", "galaxy", "star", "sky"], n, p=[0.7, 0.08, 0.12, 0.1]).astype(object)
    sn = np.where(kind == "sky", np.abs(rng.normal(0, 0.15, n)) + 0.02, np.exp(rng.normal(0.9, 0.9, n)))
    z = np.clip(rng.gamma(5, 0.42, n), 0.3, 5.2)
    quasar = kind == "quasar"
    table = pd.DataFrame(
        {
            "spectrum_id": np.arange(n) * 11 + 5,
            "object_id": np.arange(n) * 3 + 1,
            "group": np.arange(n) // 2 * 22 + 5,
            "set": np.array(["select", "calibrate", "judge"])[np.arange(n) // 2 % 3],
            "label_class": kind,
            "label_z": np.where(quasar, z, np.nan),
            "bal": np.where(quasar, rng.random(n) < 0.15, -1).astype(np.int16),
            "fold": (np.arange(n) // 2 % 5).astype(np.int16),
            "sn_median": sn.astype(np.float32),
            "true_z": z,
        }
    )
    hard = 1 / (1 + (sn / 0.6) ** 2)  # share of spectra in which an estimator is lost
    makers = {"pca": _pca, "quasarnet": _quasarnet, "fnet": _fnet, "rnet": _rnet}
    estimates = []
    for name, maker in makers.items():
        got = maker(rng, z, sn, quasar, kind, hard, chi2_scale)
        bits = np.where(rng.random(n) < 0.02 + 0.2 * ~got[-1], bit("MANY_OUTLIERS"), 0).astype(np.int64)
        estimates.append(Estimates(name, table.spectrum_id.to_numpy(), *got[:3], bits, got[3]))
    return Survey(table, estimates)


def _wrong_line(rng, z):
    """The redshift when one line is taken for another."""
    i, j = rng.integers(0, 6, len(z)), rng.integers(0, 6, len(z))
    j = np.where(i == j, (j + 1) % 6, j)
    return np.clip(REST[i] * (1 + z) / REST[j] - 1, 0.02, 6)


def _shifted(rng, name, z, raw_km_s):
    width = np.hypot(FACTOR[name] * raw_km_s, FLOOR[name])
    return z + rng.normal(size=len(z)) * width * (1 + z) / SPEED_OF_LIGHT


def _candidates(rng, name, z, right, raw_km_s, count):
    """The best is right or wrong; of the wrong ones half have the right redshift second."""
    good, bad = _shifted(rng, name, z, raw_km_s), _wrong_line(rng, z)
    others = rng.uniform(0.1, 5.5, (len(z), count))
    others[:, 0] = np.where(right, good, bad)
    if count > 1:
        others[:, 1] = np.where(right, bad, np.where(rng.random(len(z)) < 0.5, good, others[:, 1]))
    sigma = np.repeat((raw_km_s * (1 + z) / SPEED_OF_LIGHT)[:, None], count, axis=1)
    return others, sigma


def _pca(rng, z, sn, quasar, kind, hard, chi2_scale):
    n = len(z)
    right = quasar & (rng.random(n) > 0.08 * (sn > 3) * (rng.random(n) < 0.3) + 0.6 * hard)
    found, sigma = _candidates(rng, "pca", z, right, 200 / np.maximum(sn, 0.1), 5)
    lead = np.where(right, 60, 4) * np.maximum(sn, 0.1) ** 1.5 * rng.gamma(2, 0.5, n)
    dof = np.full(n, 4000.0)
    chi2 = (dof * rng.normal(1, 0.02, n))[:, None] + np.cumsum(lead[:, None] * [0, 1, 0.3, 0.3, 0.3], axis=1)
    classes = np.repeat(chi2[:, :1], 4, axis=1)
    classes[:, 1:3] += (np.where(quasar, 40, -40) * sn * rng.gamma(1, 1, n))[:, None] * [1, 1.5]
    classes[:, 3] += 50 * sn * rng.gamma(2, 0.5, n)
    chi2, classes = chi2 * chi2_scale, classes * chi2_scale
    score = np.concatenate([chi2[:, 1:2], np.repeat(chi2[:, :1], 4, axis=1)], axis=1) - chi2
    return found, score, sigma, {"chi2": chi2, "dof": dof, "class_chi2": classes}, right


def _quasarnet(rng, z, sn, quasar, kind, hard, chi2_scale):
    n = len(z)
    observed = REST * (1 + z[:, None])
    visible = (observed > WAVE[0]) & (observed < WAVE[1]) & quasar[:, None]
    visible[:, 6] = False
    seen = visible & (rng.random((n, 7)) > hard[:, None])
    confidence = np.where(seen, rng.beta(8, 1, (n, 7)), rng.beta(0.6, 6, (n, 7)))
    line_z = np.where(seen, _shifted(rng, "quasarnet", z, np.zeros(n))[:, None], rng.uniform(0, 5, (n, 7)))
    lost = ~seen.any(axis=1) & (rng.random(n) < 0.3)
    confidence[lost, 1], line_z[lost, 1] = rng.uniform(0.3, 0.95, lost.sum()), _wrong_line(rng, z)[lost]
    order = np.argsort(-confidence[:, :6], axis=1, kind="stable")
    found = np.take_along_axis(line_z, order, axis=1)
    score = np.take_along_axis(confidence, order, axis=1)
    right = np.abs(found[:, 0] - z) / (1 + z) < 0.02
    extras = {"line_confidence": confidence, "line_z": line_z}
    return found, score, np.full(found.shape, np.nan), extras, right & quasar


def _fnet(rng, z, sn, quasar, kind, hard, chi2_scale):
    n = len(z)
    right = quasar & (rng.random(n) > 0.05 + 0.5 * hard)
    found, sigma = _candidates(rng, "fnet", z, right, 500 + 1500 / np.maximum(sn, 0.1), 5)
    score = np.sort(rng.dirichlet([0.6] * 5, n), axis=1)[:, ::-1]
    score = np.where(right[:, None] & (sn > 1)[:, None], score**2, score)
    evidence = rng.normal(0, 1, (n, 4)) + 4 * (kind[:, None] == np.array(["quasar", "galaxy", "star", "sky"], object))
    probability = np.exp(evidence) / np.exp(evidence).sum(axis=1, keepdims=True)
    return found, score, sigma, {"class_probability": probability}, right


def _rnet(rng, z, sn, quasar, kind, hard, chi2_scale):
    n = len(z)
    right = quasar & (rng.random(n) > 0.1 + 0.5 * hard)
    found, sigma = _candidates(rng, "rnet", z, right, np.full(n, 800.0), 1)
    return found, rng.random((n, 1)) + right[:, None], sigma, {}, right
