"""Two classes of a real sample, told apart by a linear probe in folds by sky cell; the penalty is chosen within."""

import numpy as np
import torch

from pipeline.assess.crossvalidation import auc_within_folds, folds_of
from pipeline.learn.probe import Objective, iterates, standardisation, standardise


def fit_and_score(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, *, l2: float, max_iterations: int, tolerance: float
) -> np.ndarray:
    """Return the logits (M,) of test rows by a probe that was fitted to its optimum on the training rows.

    train (N, D), test (M, D) float32, NaN is unknown; labels (N,) bool.
    """
    mean, scale = standardisation(train)
    features = standardise(train, mean, scale)
    targets = torch.from_numpy(labels.astype(np.float32))
    objective = Objective(features, targets, l2)
    parameters = torch.zeros(train.shape[1] + 1, dtype=torch.float64)
    for step in iterates(objective, max_iterations=max_iterations, history_size=10, gradient_tolerance=tolerance):
        parameters = step[1]
    return (torch.mv(standardise(test, mean, scale), parameters[:-1].float()) + parameters[-1].float()).numpy()


def best_penalty(
    features: np.ndarray, labels: np.ndarray, cell: np.ndarray, grid: list[float], *, folds: int, seed: int, **options
) -> float:
    """Return the penalty of the grid with the best AUC in folds by cell; of equal ones the largest."""
    fold = folds_of(labels, cell, folds, seed)
    best, best_key = grid[0], (-1.0, 0.0)
    for l2 in grid:
        scores = np.empty(len(labels))
        for number in range(folds):
            inside = fold == number
            scores[inside] = fit_and_score(features[~inside], labels[~inside], features[inside], l2=l2, **options)
        key = (auc_within_folds(labels, scores, fold, np.ones(len(labels))), l2)
        if key > best_key:
            best, best_key = l2, key
    return best


def nested_scores(
    features: np.ndarray,
    labels: np.ndarray,
    cell: np.ndarray,
    grid: list[float],
    *,
    folds: int,
    inner_folds: int,
    seed: int,
    **options,
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Return logits (N,), the fold (N,) of each object and the penalty chosen for each fold.

    No object takes part in the choice of the penalty, or in the fit, by which it is scored.
    """
    fold = folds_of(labels, cell, folds, seed)
    scores, chosen = np.empty(len(labels)), []
    for number in range(folds):
        inside = fold == number
        train, targets = features[~inside], labels[~inside]
        l2 = best_penalty(train, targets, cell[~inside], grid, folds=inner_folds, seed=seed + 1 + number, **options)
        scores[inside] = fit_and_score(train, targets, features[inside], l2=l2, **options)
        chosen.append(l2)
    return scores, fold, chosen
