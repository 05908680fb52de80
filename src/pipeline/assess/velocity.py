"""Accuracy of redshifts as the share within a velocity, with intervals by object.

Velocities are those of equation 1 of the FNet paper (`data.velocity`); a spectrum without a redshift is a miss.
"""

from dataclasses import dataclass

import numpy as np
from astropy.stats import binom_conf_interval

from pipeline.assess.resampling import draws

LIMITS = (3000.0, 6000.0, 12000.0, 30000.0)
# Fig. 4c of the paper, from a tenth of its first limit to its last one.
CURVE = tuple(float(round(value)) for value in np.geomspace(300, 30000, 41))


@dataclass(frozen=True)
class Resampling:
    """How intervals are made: `number` samples, their `confidence`, and the seed."""

    number: int
    confidence: float
    seed: int


def accuracy(dv: np.ndarray, group: np.ndarray, resampling: Resampling, limits=LIMITS) -> dict:
    """Return `spectra`, `objects` and `within`: for each limit `share`, `low`, `high`; JSON-ready, no spectrum: None.

    The interval is a bootstrap over objects, because spectra of one object err together. Where all are within, or
    none, every sample is alike; there it is Wilson's interval for as many trials as there are objects.

    Parameters
    ----------
    dv : (N,)
        km/s; NaN without a redshift.
    group : (N,) int64
        The object of each spectrum.
    """
    number, unit = _units(group)
    hits = np.abs(np.asarray(dv))[:, None] < np.asarray(limits)
    found = {"spectra": len(unit), "objects": number, "within": {}}
    if not len(unit):
        return found | {"within": {f"{limit:g}": None for limit in limits}}
    of_unit = np.stack([np.bincount(unit, column, number) for column in hits.T], axis=1)
    size = np.bincount(unit, minlength=number)
    samples = []
    for copies in draws(np.ones(number), np.arange(number), resampling.number, resampling.seed, "redshifts"):
        samples.append(copies @ of_unit / (copies @ size))
    tail = 50 * (1 - resampling.confidence)
    low, high = np.percentile(samples, [tail, 100 - tail], axis=0)
    for at, limit in enumerate(limits):
        count = int(hits[:, at].sum())
        ends = (float(low[at]), float(high[at]))
        if count in (0, len(unit)):
            ends = proportion(number if count else 0, number, resampling.confidence)[1:]
        found["within"][f"{limit:g}"] = {"share": count / len(unit), "low": ends[0], "high": ends[1], "count": count}
    return found


def curve(dv: np.ndarray) -> list[dict]:
    """Return the share within each velocity of `CURVE` (rows `km_s`, `share`); empty without spectra."""
    size = np.abs(np.asarray(dv))
    return [{"km_s": limit, "share": float((size < limit).mean())} for limit in CURVE] if len(size) else []


def proportion(count: int, total: int, confidence: float) -> tuple[float, float, float]:
    """Return a share with Wilson's interval; NaN for all of nothing."""
    if not total:
        return float("nan"), float("nan"), float("nan")
    low, high = binom_conf_interval(count, total, confidence, interval="wilson")
    # At the ends the formula leaves rounding errors.
    return count / total, float(low) if count else 0.0, float(high) if count < total else 1.0


def counted(count: int, total: int, confidence: float) -> dict:
    """Return `count`, `of`, `share`, `low` and `high` (Wilson), JSON-ready: None for all of nothing."""
    names = ("share", "low", "high")
    values = proportion(count, total, confidence)
    return {"count": int(count), "of": int(total), **dict(zip(names, values if total else (None,) * 3, strict=True))}


def _units(group: np.ndarray) -> tuple[int, np.ndarray]:
    values, unit = np.unique(np.asarray(group), return_inverse=True)
    return len(values), unit
