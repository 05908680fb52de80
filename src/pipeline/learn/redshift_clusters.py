"""Candidates of several estimators that mean one redshift, and what speaks for it."""

from dataclasses import dataclass

import numpy as np

from pipeline.data.velocity import near
from pipeline.learn.redshift_estimates import Estimates, delta_chi2
from pipeline.spectra.quasarnet_boxes import BAL, REST

# A fit whose chi2 is worse by this (in units of the reduced chi2) speaks half as loud as the best one.
HALF_DELTA_CHI2 = 25.0


@dataclass(frozen=True)
class Clusters:
    """Clusters of candidates, K at most in a spectrum.

    Attributes
    ----------
    z, sigma : (N, K, E)
        Of the best candidate of each estimator in the cluster; NaN where it has none.
    rank : (N, K, E) int
        Its place among the estimator's candidates; -1 without one.
    seed : (N, K)
        The redshift around which the cluster was made; NaN beyond the last cluster.
    """

    z: np.ndarray
    sigma: np.ndarray
    rank: np.ndarray
    seed: np.ndarray


def find(estimates: list[Estimates], sigmas: list[np.ndarray]) -> Clusters:
    """Cluster the candidates of E estimators.

    The best candidates come first, in the order of the estimators, then the second ones, and so on: each that is not
    yet in a cluster makes one, and takes in all that lie within 6000 km/s of it and are free.

    Parameters
    ----------
    sigmas : list of (N, C)
        Calibrated errors.
    """
    places = sorted((rank, e) for e, one in enumerate(estimates) for rank in range(one.z.shape[1]))
    z = np.stack([estimates[e].z[:, rank] for rank, e in places], axis=1)
    sigma = np.stack([sigmas[e][:, rank] for rank, e in places], axis=1)
    rows, rank_of = np.arange(len(z)), np.array([rank for rank, _ in places])
    free = z > 0  # a line that is where no quasar can have it is no candidate
    seeds, members = [], []
    while free.any():
        first = free.argmax(axis=1)
        seed = np.where(free.any(axis=1), z[rows, first], np.nan)
        inside = free & near(z, seed[:, None])
        free &= ~inside
        seeds.append(seed)
        members.append(inside)
    shape = (len(z), max(len(seeds), 1), len(estimates))
    found = Clusters(
        np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, -1, dtype=np.int64), np.full(shape[:2], np.nan)
    )
    for k, (seed, inside) in enumerate(zip(seeds, members, strict=True)):
        found.seed[:, k] = seed
        for e in range(len(estimates)):
            own = inside & np.array([other == e for _, other in places])
            some, first = own.any(axis=1), own.argmax(axis=1)
            found.z[some, k, e], found.sigma[some, k, e] = z[rows, first][some], sigma[rows, first][some]
            found.rank[some, k, e] = rank_of[first[some]]
    return found


def redshift(clusters: Clusters, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Return z and raw error (N, K) of clusters, by "mean" (inverse variances) or "precise" (the smallest error).

    "precise" keeps that estimator's error. Sums go member by member, so that a row's bits do not depend on its batch.
    """
    count = clusters.z.shape[2]
    if method == "precise":
        place = np.where(np.isfinite(clusters.z), clusters.sigma, np.inf).argmin(axis=2)[:, :, None]
        return tuple(np.take_along_axis(part, place, axis=2)[:, :, 0] for part in (clusters.z, clusters.sigma))
    weights = np.where(np.isfinite(clusters.z), 1 / clusters.sigma**2, 0.0)
    total, weighted = np.zeros(weights.shape[:2]), np.zeros(weights.shape[:2])
    for e in range(count):
        total += weights[:, :, e]
        weighted += weights[:, :, e] * np.nan_to_num(clusters.z[:, :, e])
    some = total > 0
    safe = np.where(some, total, 1.0)
    return np.where(some, weighted / safe, np.nan), np.where(some, safe**-0.5, np.nan)


def lines_in(estimates: Estimates, seed: np.ndarray) -> np.ndarray:
    """Return the confidences (N, 7) of lines whose redshift lies within 6000 km/s of seed (N,); 0 for the others."""
    agree = near(estimates.extras["line_z"], seed[:, None])
    return np.where(agree, np.clip(np.nan_to_num(estimates.extras["line_confidence"]), 0, 1), 0.0)


def features(
    clusters: Clusters, estimates: list[Estimates], wave_min: np.ndarray, wave_max: np.ndarray, line_confidence: float
) -> dict[str, np.ndarray]:
    """Return features (N, K) in [0, 1] of each cluster; of each, more speaks for it.

    Templates: `first_<name>` (it is the best fit) and `fit_<name>`, 1/(1 + delta chi2 / 25). Line finder:
    `first_<name>`, `line_<name>` and `second_line_<name>` (the two highest confidences of lines at this redshift) and
    `expected_<name>` (of the lines that the spectrum reaches at this redshift, the share that is found). Networks:
    `rank_<name>`, 1/(1 + place). All: `agree`, how many others have it as their best answer too, as a share.
    """
    found = {}
    firsts = (clusters.rank == 0).sum(axis=2)
    found["agree"] = np.maximum(firsts - 1, 0) / max(len(estimates) - 1, 1)
    for e, one in enumerate(estimates):
        rank = clusters.rank[:, :, e]
        if one.kind == "network":
            found[f"rank_{one.name}"] = np.where(rank >= 0, 1 / (1.0 + np.maximum(rank, 0)), 0.0)
            continue
        found[f"first_{one.name}"] = (rank == 0).astype(np.float64)
        if one.kind == "templates":
            delta = np.take_along_axis(delta_chi2(one), np.maximum(rank, 0), axis=1)
            found[f"fit_{one.name}"] = np.where(rank >= 0, 1 / (1 + np.nan_to_num(delta) / HALF_DELTA_CHI2), 0.0)
        else:
            found |= _of_lines(one, clusters.seed, wave_min, wave_max, line_confidence)
    return found


def _of_lines(one: Estimates, seeds: np.ndarray, wave_min, wave_max, line_confidence: float) -> dict[str, np.ndarray]:
    best, next_best, expected = np.zeros(seeds.shape), np.zeros(seeds.shape), np.zeros(seeds.shape)
    for k in range(seeds.shape[1]):
        confidence = lines_in(one, seeds[:, k])
        ordered = np.sort(confidence, axis=1)
        best[:, k], next_best[:, k] = ordered[:, -1], ordered[:, -2]
        observed = REST[:BAL] * (1 + seeds[:, k, None])
        reached = (observed > np.asarray(wave_min)[:, None]) & (observed < np.asarray(wave_max)[:, None])
        seen = reached & (confidence[:, :BAL] > line_confidence)
        expected[:, k] = seen.sum(axis=1) / np.maximum(reached.sum(axis=1), 1)
    return {f"line_{one.name}": best, f"second_line_{one.name}": next_best, f"expected_{one.name}": expected}
