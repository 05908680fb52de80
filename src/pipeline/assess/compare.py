"""Is one model better than another? Paired differences on the same objects, with a bootstrap over systems."""

from collections.abc import Mapping

import numpy as np

from pipeline.assess.metrics import Order, average_precision, percentile_interval, recall_at
from pipeline.assess.resampling import draws


def _measures(order: Order, weight: np.ndarray | None, rates: list[float]) -> list[float]:
    curve = order.curve(weight)
    return [average_precision(curve), *(recall_at(curve, rate) for rate in rates)]


def names(rates: list[float]) -> list[str]:
    """Return the names of the measures: `average_precision`, then `recovery at 0.01`, ..."""
    return ["average_precision", *(f"recovery at {rate:g}" for rate in rates)]


def compare(
    labels: np.ndarray,
    scores: Mapping[str, np.ndarray],
    system: np.ndarray,
    pairs: list[tuple[str, str]],
    *,
    rates: list[float],
    minimum: int,
    bootstrap: int,
    confidence: float,
    seed: int,
    weights: np.ndarray | None = None,
) -> dict:
    """Return measures of each model and paired differences, with intervals, JSON-ready.

    Parameters
    ----------
    labels : (N,) bool
    scores : mapping
        Model -> (N,).
    system : (N,) int64
        Units of resampling.
    pairs : list of (first, second)
        The difference is first less second.
    rates : list of float
        False-positive rates at which recovery is compared; with fewer than `minimum` (effective) false positives the
        rate is not measurable.
    weights : (N,) or None
        Objects of weight 0 take no part.

    Returns
    -------
    dict
        `objects`, `lenses`, `others`; `models`: {name: {measure: value, low, high}};
        `pairs`: rows `first`, `second`, and for each measure `difference`, `low`, `high`, `above_zero` (share of the
        samples), `measurable`.
    """
    labels, system = np.asarray(labels).astype(bool), np.asarray(system)
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, dtype=np.float64)
    kept = weights > 0
    labels, system, weights = labels[kept], system[kept], weights[kept]
    orders = {name: Order(labels, np.asarray(values)[kept]) for name, values in scores.items()}
    other = weights[~labels]
    effective = float(other.sum() ** 2 / (other**2).sum())  # Kish: so many objects of equal weight
    measurable = [True, *(rate * effective >= minimum for rate in rates)]
    measured = {name: _measures(order, weights, rates) for name, order in orders.items()}
    drawn = {name: np.empty((bootstrap, 1 + len(rates))) for name in orders}
    for number, copies in enumerate(draws(labels, system, bootstrap, seed, "compare")):
        for name, order in orders.items():
            drawn[name][number] = _measures(order, copies * weights, rates)

    def interval(values: np.ndarray) -> dict:
        low, high = percentile_interval(values, confidence)
        return {"low": low, "high": high}

    models = {}
    for name in orders:
        models[name] = {
            measure: {"value": measured[name][column], **interval(drawn[name][:, column]), "measurable": ok}
            for column, (measure, ok) in enumerate(zip(names(rates), measurable, strict=True))
        }
    rows = []
    for first, second in pairs:
        row: dict = {"first": first, "second": second}
        for column, (measure, ok) in enumerate(zip(names(rates), measurable, strict=True)):
            gaps = drawn[first][:, column] - drawn[second][:, column]
            row[measure] = {
                "difference": measured[first][column] - measured[second][column],
                **interval(gaps),
                "above_zero": float(np.mean(gaps > 0)),
                "measurable": bool(ok),
            }
        rows.append(row)
    return {
        "objects": len(labels),
        "lenses": int(labels.sum()),
        "others": int((~labels).sum()),
        "effective_others": effective,
        "confidence": confidence,
        "bootstrap": bootstrap,
        "models": models,
        "pairs": rows,
    }
