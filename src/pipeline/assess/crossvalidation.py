"""Can two classes be told apart? A classifier in folds by group, and the area under its ROC curve with an interval."""

from collections.abc import Callable

import numpy as np

from pipeline.assess.metrics import percentile_interval
from pipeline.assess.resampling import draws
from pipeline.data.random import order
from pipeline.errors import PipelineError

Scorer = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def folds_of(labels: np.ndarray, group: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Deal groups to n folds and return the fold (N,) of each object, 0..n-1.

    Groups, (N,) int64, are never divided. In a random order fixed by the seed, those with most positives first, each
    goes to the fold with the fewest positives so far, then with the fewest objects; one without positives goes to the
    fold with the fewest objects.

    Raises
    ------
    PipelineError
        A fold would lack one of the classes.
    """
    labels = np.asarray(labels).astype(bool)
    values, unit = np.unique(group, return_inverse=True)
    positives = np.bincount(unit, weights=labels, minlength=len(values))
    size = np.bincount(unit, minlength=len(values))
    shuffled = order(seed, "folds", 0, values.astype(np.int64))
    shuffled = shuffled[np.argsort(-positives[shuffled], kind="stable")]
    fold_positives, fold_size = np.zeros(n), np.zeros(n)
    fold_of = np.empty(len(values), dtype=np.int64)
    for number in shuffled:
        keys = (fold_size, fold_positives) if positives[number] else (fold_positives, fold_size)
        chosen = np.lexsort(keys)[0]
        fold_of[number] = chosen
        fold_positives[chosen] += positives[number]
        fold_size[chosen] += size[number]
    if (fold_positives == 0).any() or (fold_size == fold_positives).any():
        raise PipelineError(
            "the objects cannot be dealt to folds that all hold both classes",
            value=f"{int(labels.sum())} and {int((~labels).sum())} objects in {len(values)} groups, {n} folds",
            next="use fewer folds, or a larger sample",
        )
    return fold_of[unit]


def out_of_fold(labels: np.ndarray, features: np.ndarray, fold: np.ndarray, scorer: Scorer) -> np.ndarray:
    """Return scores (N,) of each object by a classifier that did not see its fold.

    `scorer(train_features, train_labels, test_features)` returns scores of the test rows.
    """
    scores = np.empty(len(labels))
    for number in np.unique(fold):
        inside = fold == number
        scores[inside] = scorer(features[~inside], labels[~inside], features[inside])
    return scores


def auc_within_folds(labels: np.ndarray, scores: np.ndarray, fold: np.ndarray, weights: np.ndarray) -> float:
    """Return the AUC of pairs from the same fold: scores of different folds come from different classifiers.

    Weighted Mann-Whitney statistic, ties count one half; folds count by their number of pairs.
    """
    wins = pairs = 0.0
    for number in np.unique(fold):
        here = (fold == number) & (weights > 0)
        positive, weight = labels[here], weights[here]
        _, rank = np.unique(scores[here], return_inverse=True)
        above = np.bincount(rank, weights=weight * positive)
        below = np.bincount(rank, weights=weight * ~positive)
        wins += float(np.sum(above * (np.cumsum(below) - below / 2)))
        pairs += float(above.sum() * below.sum())
    return wins / pairs if pairs else float("nan")


def widened(value: float, low: float, high: float) -> tuple[float, float]:
    """Widen a bootstrap interval of fixed out-of-fold scores: its variance is doubled, since folds share training sets.

    Without a difference an AUC over folds is a sum over pairs of objects of which one trains and the other is judged.
    Each pair counts twice, with the parts exchanged, and the bootstrap, for which the classifiers are given, takes the
    two for independent. The factor is also the limit, for many folds, of the correction 1 + J n_test / n_train for J
    splits by Nadeau and Bengio 2003 (Machine Learning 52, 239). With a difference it is on the safe side.
    """
    return value - np.sqrt(2) * max(value - low, 0.0), value + np.sqrt(2) * max(high - value, 0.0)


def auc(
    labels: np.ndarray,
    scores: np.ndarray,
    fold: np.ndarray,
    system: np.ndarray,
    *,
    bootstrap: int,
    confidence: float,
    seed: int,
) -> dict:
    """Return the AUC within folds with its interval, JSON-ready: `auc`, `low`, `high`, `positives`, `negatives`.

    The interval is the bootstrap's over systems, `widened` on the logit of the AUC, so that it stays within 0 and 1.
    """
    labels = np.asarray(labels).astype(bool)
    value = auc_within_folds(labels, scores, fold, np.ones(len(labels)))
    drawn = [auc_within_folds(labels, scores, fold, copies) for copies in draws(labels, system, bootstrap, seed, "auc")]
    within = [labels[fold == number] for number in np.unique(fold)]
    edge = 0.5 / sum(float(here.sum() * (~here).sum()) for here in within)  # half a pair off 0 and 1 logits are finite
    kept = np.clip([value, *percentile_interval(np.array(drawn), confidence)], edge, 1 - edge)
    low, high = (float(1 / (1 + np.exp(-x))) for x in widened(*np.log(kept / (1 - kept))))
    low, high = min(low, value), max(high, value)
    return {"auc": value, "low": low, "high": high, "positives": int(labels.sum()), "negatives": int((~labels).sum())}


def told_apart(
    labels: np.ndarray,
    features: np.ndarray,
    group: np.ndarray,
    *,
    scorer: Scorer,
    folds: int,
    bootstrap: int,
    confidence: float,
    seed: int,
) -> dict:
    """Return the AUC of a classifier in folds by group, with its interval over groups, JSON-ready.

    Measured with a logistic regression in five folds, 100 bootstrap samples, at a nominal 95 %. Without a difference it
    held one half in 195 of 200 trials of 250 objects in 50 groups, and in 183 of 200 of 1000 objects in 200 groups.
    With one it held the AUC that training sets of this size reach, 0.759, in 193 of 200 trials of 250 objects.

    Parameters
    ----------
    labels : (N,) bool
    features : (N, F), NaN is unknown
    group : (N,) int64
        Sky cells: objects of one cell share noise and PSF, so that they are the units of folds and of the bootstrap.
    scorer : callable
        See `out_of_fold`.

    Returns
    -------
    dict
        `auc`, `low`, `high` (None, with `not_measurable`, where the folds cannot be dealt), `positives`, `negatives`,
        `groups`.
    """
    labels = np.asarray(labels).astype(bool)
    groups = len(np.unique(group))
    try:
        fold = folds_of(labels, group, folds, seed)
    except PipelineError as error:
        counts = {"positives": int(labels.sum()), "negatives": int((~labels).sum()), "groups": groups}
        return {"auc": None, "low": None, "high": None, **counts, "not_measurable": error.what}
    scores = out_of_fold(labels, features, fold, scorer)
    options = {"bootstrap": bootstrap, "confidence": confidence, "seed": seed}
    return {**auc(labels, scores, fold, group, **options), "groups": groups}
