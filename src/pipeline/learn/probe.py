"""Linear classification by full-batch L-BFGS, with the iterate that finds most among the first N (Stein 2021, §3.3)."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from pipeline.errors import PipelineError
from pipeline.learn.ranking import average_precision, number_inspected, true_positives
from pipeline.models.linear import Linear

HISTORY = (
    "l2",
    "iteration",
    "objective",
    "loss",
    "largest_gradient",
    "select_true_positives",
    "select_average_precision",
    "chosen",
)


class Objective:
    """Mean binary cross-entropy of a linear classifier plus l2/2 times the squared weights; the bias goes free.

    Beside the two products with the matrix the cost is a few passes over N numbers. scikit-learn's
    `LogisticRegression` has the same optimum for C = 1 / (N * l2).

    Parameters
    ----------
    features : torch.Tensor
        (N, D), float32 or float64, contiguous, standardised. The products run in its type.
    labels : torch.Tensor
        (N,), 0 or 1, of the same type.
    l2 : float
    """

    def __init__(self, features: torch.Tensor, labels: torch.Tensor, l2: float):
        self.features, self.labels, self.l2 = features, labels, l2

    def __call__(self, parameters: torch.Tensor) -> tuple[float, float, torch.Tensor]:
        """Return the objective, the cross-entropy alone, and the gradient (D + 1,), at weights and bias (D + 1,)."""
        weight, bias = parameters[:-1], parameters[-1]
        logits = torch.mv(self.features, weight.to(self.features.dtype)).add_(bias.item())
        entropy = F.softplus(logits).sub_(self.labels * logits).sum(dtype=torch.float64).item() / len(logits)
        residual = torch.sigmoid(logits).sub_(self.labels).div_(len(logits))
        gradient = torch.empty_like(parameters)
        gradient[:-1] = torch.mv(self.features.T, residual)
        gradient[:-1].add_(weight, alpha=self.l2)
        gradient[-1] = residual.sum(dtype=torch.float64)
        return entropy + 0.5 * self.l2 * weight.square().sum().item(), entropy, gradient


class _Once:
    """Remember an objective's values since the last `forget`: the optimiser asks again for a point it has seen."""

    def __init__(self, objective: Objective):
        self.objective = objective
        self.values: dict[bytes, tuple[float, float, torch.Tensor]] = {}

    def __call__(self, parameters: torch.Tensor):
        key = parameters.numpy().tobytes()
        if key not in self.values:
            self.values[key] = self.objective(parameters)
        return self.values[key]

    def forget(self, parameters: torch.Tensor) -> None:
        self.values = {parameters.numpy().tobytes(): self(parameters)}


def iterates(objective: Objective, *, max_iterations: int, history_size: int, gradient_tolerance: float):
    """Yield (iteration, parameters (D + 1,) float64, objective, cross-entropy, largest gradient) after each iteration.

    L-BFGS with a strong Wolfe line search, from zero weights and the bias that gives the share of positives. It ends at
    `max_iterations`, when no component of the gradient exceeds `gradient_tolerance`, or when the products' precision
    allows no further descent.
    """
    share = objective.labels.mean(dtype=torch.float64).item()
    parameters = torch.zeros(objective.features.shape[1] + 1, dtype=torch.float64)
    parameters[-1] = np.log(share / (1 - share))
    cached = _Once(objective)
    optimizer = torch.optim.LBFGS(
        [parameters],
        max_iter=1,
        max_eval=25,
        history_size=history_size,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        value, _, parameters.grad = cached(parameters)
        return torch.tensor(value, dtype=torch.float64)

    for iteration in range(1, max_iterations + 1):
        before = parameters.clone()
        value_before = cached(before)[0]
        optimizer.step(closure)
        value, entropy, gradient = cached(parameters)
        if torch.equal(parameters, before) or value > value_before:
            return
        cached.forget(parameters)
        largest = gradient.abs().max().item()
        yield iteration, parameters.clone(), value, entropy, largest
        if largest <= gradient_tolerance:
            return


@dataclass(frozen=True)
class Fit:
    """A fitted probe: the network, what chose it, and one history row an iterate."""

    network: Linear
    l2: float
    iteration: int
    top_n: int
    history: list[dict]


def standardisation(features: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation (D,), float32, of each column's known values; 0 and 1 where it is constant.

    features (N, D); NaN is unknown.
    """
    known = np.isfinite(features)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.sum(features, axis=0, where=known, dtype=np.float64) / count
    scale = np.empty_like(mean)
    for start in range(0, features.shape[1], 64):  # in blocks: all differences at once would fill the memory
        columns = slice(start, start + 64)
        difference = features[:, columns] - mean[columns]
        scale[columns] = np.sqrt(np.sum(difference**2, axis=0, where=known[:, columns]) / count[columns])
    constant = scale <= 1e-6 * np.abs(mean)
    scale = np.where(constant, 1.0, scale)
    return torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(scale.astype(np.float32))


def standardise(features: np.ndarray, mean: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Return (features - mean) / scale as float32 (N, D), with 0 for NaN."""
    standard = (torch.from_numpy(features).float() - mean).div_(scale)
    return torch.nan_to_num_(standard, nan=0.0)


def fit(
    train_features: np.ndarray,
    train_labels: np.ndarray,
    select_features: np.ndarray,
    select_labels: np.ndarray,
    *,
    l2: list[float],
    max_iterations: int,
    history_size: int,
    gradient_tolerance: float,
    inspect: int,
    search_size: int,
) -> Fit:
    """Fit a probe for each l2 and keep the iterate with the most true positives in the top N of the select set.

    Equal numbers: the better average precision, then the earlier one (in the order of `l2`, then of iterations).
    The result has the same bytes for the same rows in the same order and the same number of torch threads.

    Parameters
    ----------
    train_features, select_features : (N, D), (M, D)
        float32, in their own units; NaN is unknown. Rows of the select set in the order of object_id.
    train_labels, select_labels : (N,), (M,)
        1 lens, 0 non-lens.
    l2 : list of float
        Weights of the penalty, see `Objective`.
    max_iterations, history_size, gradient_tolerance
        See `iterates`.
    inspect, search_size : int
        See `ranking.number_inspected`.

    Raises
    ------
    PipelineError
        A set has no lens or no non-lens.
    """
    for name, labels in (("train", train_labels), ("select", select_labels)):
        if not 0 < labels.sum() < len(labels):
            raise PipelineError(
                "a probe needs lenses and non-lenses in its train and its select set",
                where=f"the {name} set of the sample",
                value=f"{int(labels.sum())} lenses among {len(labels)} objects",
                next="give it more sky cells (splits), more lenses (labels) or a larger survey",
            )
    mean, scale = standardisation(train_features)
    features, targets = standardise(train_features, mean, scale), torch.from_numpy(train_labels.astype(np.float32))
    select = standardise(select_features, mean, scale)
    top_n = number_inspected(inspect, search_size, len(select_labels))
    history: list[dict] = []
    best, best_key = None, None
    for penalty in l2:
        steps = iterates(
            Objective(features, targets, penalty),
            max_iterations=max_iterations,
            history_size=history_size,
            gradient_tolerance=gradient_tolerance,
        )
        for iteration, parameters, value, entropy, largest in steps:
            logits = (torch.mv(select, parameters[:-1].float()) + parameters[-1].float()).numpy()
            found = true_positives(select_labels, logits, top_n)
            precision = average_precision(select_labels, logits)
            history.append(
                {
                    "l2": penalty,
                    "iteration": iteration,
                    "objective": value,
                    "loss": entropy,
                    "largest_gradient": largest,
                    "select_true_positives": found,
                    "select_average_precision": precision,
                }
            )
            if best_key is None or (found, precision) > best_key:
                best, best_key = (penalty, iteration, parameters), (found, precision)
    if best is None:
        raise PipelineError("no iteration of the probe lowered its loss", next="are all features constant?")
    network = Linear(train_features.shape[1])
    with torch.no_grad():
        network.mean.copy_(mean)
        network.scale.copy_(scale)
        network.weight.copy_(best[2][:-1])
        network.bias.copy_(best[2][-1])
    for row in history:
        row["chosen"] = int((row["l2"], row["iteration"]) == best[:2])
    return Fit(network, best[0], best[1], top_n, history)


def score(network: torch.nn.Module, features: np.ndarray, rows: int) -> np.ndarray:
    """Return logits (N,) float32 of features (N, D) float32, computed in blocks of one shape, (rows, D).

    The last block is padded with zeros, so that a row's logit does not depend on how many rows stand with it.
    """
    logits = np.empty(len(features), dtype=np.float32)
    block = np.zeros((rows, features.shape[1]), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(features), rows):
            part = features[start : start + rows]
            block[: len(part)] = part
            block[len(part) :] = 0.0
            logits[start : start + rows] = network(torch.from_numpy(block)).numpy()[: len(part)]
    return logits
