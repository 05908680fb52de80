"""The linear probe against scikit-learn, against differences, and in its choice of the iterate."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from pipeline.errors import PipelineError
from pipeline.learn import probe
from pipeline.learn.ranking import average_precision, true_positives

FIT = {
    "l2": [1e-1, 1e-3],
    "max_iterations": 30,
    "history_size": 10,
    "gradient_tolerance": 1e-6,
    "inspect": 50,
    "search_size": 1000,
}


def problem(n=1000, features=12, seed=0, share=-2.0):
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(n, features))
    weight = np.random.default_rng(99).normal(size=features)
    labels = (generator.random(n) < 1 / (1 + np.exp(-(matrix @ weight + share)))).astype(np.int8)
    return matrix, labels


def last(objective, **changes):
    settings = {"max_iterations": 300, "history_size": 10, "gradient_tolerance": 1e-10, **changes}
    return list(probe.iterates(objective, **settings))[-1]


@pytest.mark.parametrize("l2", [1.0, 1e-2, 1e-4])
def test_optimum_is_that_of_scikit_learn(l2):
    matrix, labels = problem()
    reference = LogisticRegression(C=1 / (len(labels) * l2), tol=1e-12, max_iter=5000).fit(matrix, labels)
    double = probe.Objective(torch.from_numpy(matrix), torch.from_numpy(labels).double(), l2)
    _, parameters, _, _, largest = last(double)
    assert largest < 1e-7
    np.testing.assert_allclose(parameters[:-1], reference.coef_[0], rtol=0, atol=2e-6)
    np.testing.assert_allclose(parameters[-1], reference.intercept_[0], rtol=0, atol=2e-6)
    single = probe.Objective(torch.from_numpy(matrix).float(), torch.from_numpy(labels).float(), l2)
    np.testing.assert_allclose(last(single, gradient_tolerance=1e-7)[1][:-1], reference.coef_[0], atol=2e-4, rtol=2e-4)


def test_gradient_is_that_of_differences():
    matrix, labels = problem(200, 5)
    objective = probe.Objective(torch.from_numpy(matrix), torch.from_numpy(labels).double(), 0.3)
    point = torch.linspace(-1, 1, 6, dtype=torch.float64)
    gradient = objective(point)[2]
    for place in range(6):
        step = torch.zeros(6, dtype=torch.float64)
        step[place] = 1e-6
        difference = (objective(point + step)[0] - objective(point - step)[0]) / 2e-6
        assert gradient[place].item() == pytest.approx(difference, rel=1e-6, abs=1e-9)


def test_value_is_the_cross_entropy_written_out():
    matrix, labels = problem(50, 3)
    objective = probe.Objective(torch.from_numpy(matrix), torch.from_numpy(labels).double(), 0.5)
    point = np.array([0.3, -0.2, 1.0, -0.7])
    p = 1 / (1 + np.exp(-(matrix @ point[:3] + point[3])))
    expected = -np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p))
    value, entropy, _ = objective(torch.from_numpy(point))
    assert entropy == pytest.approx(expected, rel=1e-12)
    assert value == pytest.approx(expected + 0.25 * np.sum(point[:3] ** 2), rel=1e-12)


def test_objective_falls_and_every_point_is_evaluated_once():
    matrix, labels = problem()
    calls = []
    objective = probe.Objective(torch.from_numpy(matrix), torch.from_numpy(labels).double(), 1e-3)

    class Counted:
        features, labels = objective.features, objective.labels

        def __call__(self, parameters):
            calls.append(parameters.numpy().tobytes())
            return objective(parameters)

    values = [row[2] for row in probe.iterates(Counted(), max_iterations=15, history_size=10, gradient_tolerance=0.0)]
    assert len(values) == 15 and all(np.diff(values) < 0)
    assert len(calls) == len(set(calls))


def test_choice_is_the_iterate_with_most_true_positives_then_precision_then_the_earlier():
    matrix, labels = problem(600, 12, seed=1)
    select, select_labels = problem(400, 12, seed=2, share=-3.5)
    matrix, select = matrix.astype(np.float32), select.astype(np.float32)
    fit = probe.fit(matrix, labels, select, select_labels, **FIT)
    assert fit.top_n == 20
    keys = [(row["select_true_positives"], row["select_average_precision"]) for row in fit.history]
    assert [row["chosen"] for row in fit.history].index(1) == keys.index(max(keys))
    assert sum(row["chosen"] for row in fit.history) == 1
    logits = probe.score(fit.network, select, 128)
    assert true_positives(select_labels, logits, 20) == max(keys)[0]
    assert average_precision(select_labels, logits) == pytest.approx(max(keys)[1], rel=1e-5)


def test_select_set_chooses_and_training_set_does_not():
    """Labels of the select set that favour an early iterate: the choice is not the one of least training loss."""
    matrix, labels = problem(300, 40, seed=3)
    select, select_labels = problem(300, 40, seed=4)
    settings = {**FIT, "l2": [0.0], "inspect": 200}
    fit = probe.fit(matrix.astype(np.float32), labels, select.astype(np.float32), select_labels, **settings)
    losses = [row["loss"] for row in fit.history]
    assert fit.iteration - 1 != int(np.argmin(losses))


def test_same_bytes_twice():
    matrix, labels = problem(700, 30)
    matrix = matrix.astype(np.float32)
    one, two = (probe.fit(matrix, labels, matrix, labels, **FIT) for _ in range(2))
    assert one.network.weight.detach().numpy().tobytes() == two.network.weight.detach().numpy().tobytes()
    assert one.history == two.history


def test_standardisation_ignores_missing_values_and_leaves_constants():
    features = np.array([[1.0, 5.0, np.nan], [3.0, 5.0, 2.0], [5.0, 5.0, 4.0]], dtype=np.float32)
    mean, scale = probe.standardisation(features)
    np.testing.assert_allclose(mean, [3, 5, 3])
    np.testing.assert_allclose(scale, [np.sqrt(8 / 3), 1, 1], rtol=1e-6)
    standard = probe.standardise(features, mean, scale).numpy()
    np.testing.assert_allclose(standard[:, 2], [0, -1, 1])
    np.testing.assert_allclose(standard[:, 1], 0)


def test_scale_of_features_does_not_matter():
    matrix, labels = problem(500, 6)
    stretched = matrix * np.array([1e-4, 1, 10, 1e3, 1, 1]) + np.array([0, 5, 0, 1e3, 0, 0])
    settings = {**FIT, "l2": [1e-2], "gradient_tolerance": 1e-7, "max_iterations": 100}
    scores = [
        probe.score(probe.fit(x.astype(np.float32), labels, x.astype(np.float32), labels, **settings).network,
                    x.astype(np.float32), 100)
        for x in (matrix, stretched)
    ]  # fmt: skip
    np.testing.assert_allclose(scores[0], scores[1], atol=2e-2)


@pytest.mark.parametrize("rows", [1, 7, 64, 1000])
def test_scores_do_not_depend_on_the_block(rows):
    matrix, labels = problem(333, 513)
    matrix = matrix.astype(np.float32)
    matrix[5, 3] = np.nan
    network = probe.fit(matrix, labels, matrix, labels, **{**FIT, "max_iterations": 3}).network
    whole = probe.score(network, matrix, 512)
    assert np.isfinite(whole).all()
    assert probe.score(network, matrix, rows).tobytes() == whole.tobytes()
    alone = np.concatenate([probe.score(network, matrix[row : row + 1], 512) for row in range(0, 333, 11)])
    assert alone.tobytes() == whole[::11].tobytes()


@pytest.mark.parametrize("value", [0, 1])
def test_a_set_of_one_class_is_refused(value):
    matrix, labels = problem(50, 3)
    with pytest.raises(PipelineError, match="select set"):
        probe.fit(matrix.astype(np.float32), labels, matrix.astype(np.float32), np.full(50, value), **FIT)
