"""Tests of what networks learn: targets, losses against formulas written out, and how outputs are read."""

import numpy as np
import pytest
import torch

from pipeline.data.redshift_bits import bit
from pipeline.errors import PipelineError
from pipeline.learn.redshift import scalar
from pipeline.learn.redshift.labels import Labels
from pipeline.learn.redshift.lines import LineBoxes
from pipeline.learn.redshift.scalar import RedshiftBins, ScaledRedshift
from pipeline.learn.redshift.tasks import select
from pipeline.settings.spectra.estimators import Regression
from pipeline.spectra.quasarnet_boxes import encode

# Two quasars (the second without known absorption), one quasar without redshift, a galaxy, a sky.
LABELS = Labels(
    np.arange(5),
    np.array([0, 0, 0, 1, 3]),
    np.array([2.2, 0.9, np.nan, 0.4, np.nan]),
    np.array([1, 0, 0, -1, -1]),
    np.array([1.0, 3.0, 1.0, 1.0, 1.0]),
)
TASKS = {
    "regression": ScaledRedshift(False, 0.5, 3.0),
    "with classes": ScaledRedshift(True, 0.5, 3.0),
    "distribution": RedshiftBins(True, (0.2, 3.5), 60, 2.0),
    "lines": LineBoxes("quasarnet", 1, 0.5),
}


def raw_of(name, n=5):
    shape = (n, 7, 2, 13) if name == "lines" else (n, TASKS[name].outputs)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", TASKS)
def test_a_batchs_loss_is_the_sum_of_its_groups(name):
    task, raw = TASKS[name], raw_of(name)
    targets = task.targets(LABELS)
    scale = task.scale(targets)
    whole = task.loss(raw, targets, scale)
    parts = [task.loss(raw[rows], select(targets, rows), scale) for rows in (slice(0, 2), slice(2, 5))]
    assert float(whole) == pytest.approx(float(sum(parts)), rel=1e-6)
    # The quasar without a redshift is not trained on and, for redshifts, weighs nothing.
    expected = {"regression": [1, 1, 0, 0, 0]}.get(name, [1, 1, 0, 1, 1])
    assert task.trains_on(LABELS).tolist() == [bool(one) for one in expected]


def test_scaled_redshift_is_the_weighted_squared_error():
    task, raw = TASKS["regression"], raw_of("regression")
    targets = task.targets(LABELS)
    scaled = (np.array([2.2, 0.9]) - 0.5) / 2.5
    away = (raw[:2, 0].numpy() - scaled) ** 2
    expected = (away[0] + 3 * away[1]) / 4
    assert float(task.loss(raw, targets, task.scale(targets))) == pytest.approx(expected, rel=1e-5)
    found = task.read(torch.tensor([[0.0], [1.0], [1.2]]))
    np.testing.assert_allclose(found["candidate_z"][:, 0], [0.5, 3.0, 3.5])
    assert found["bits"].tolist() == [0, 0, bit("Z_FITLIMIT")]


def test_errors_of_scaled_redshifts_are_the_select_sets_scatter():
    task = ScaledRedshift(False, 0.0, 4.0)
    z = np.linspace(0.5, 3.5, 4001)
    labels = Labels(np.arange(4001), np.zeros(4001, dtype=int), z, np.zeros(4001, dtype=int), np.ones(4001))
    found = z + np.random.default_rng(0).normal(0, 0.02, 4001) * (1 + z)
    task.measure(torch.from_numpy(found / 4)[:, None].float(), labels)
    assert task.sigma == pytest.approx(0.02, rel=0.06)
    sigma = task.read(torch.tensor([[0.25], [0.5]]))["candidate_sigma"][:, 0]
    np.testing.assert_allclose(sigma, task.sigma * np.array([2.0, 3.0]), rtol=1e-6)
    assert scalar.again(task.about()).about() == task.about()


def test_classes_come_with_a_bit_and_score_the_redshift():
    task = TASKS["with classes"]
    raw = torch.tensor([[0.5, 3.0, 0.0, 0.0, 0.0], [0.5, 0.0, 0.0, 3.0, 0.0]])
    found = task.read(raw)
    expected = np.exp(3) / (np.exp(3) + 3)
    np.testing.assert_allclose(found["class_probability"][0], [expected, *[(1 - expected) / 3] * 3], rtol=1e-6)
    np.testing.assert_allclose(found["candidate_score"][:, 0], found["class_probability"][:, 0])
    assert found["bits"].tolist() == [0, bit("NOT_QUASAR")]


def test_a_distributions_target_is_a_gaussian_about_the_redshift():
    task = RedshiftBins(False, (0.0, 3.0), 40, 1.5)
    labels = LABELS[np.array([0])]
    targets = task.targets(labels)
    place = (np.log10(3.2) - 0.0) / (np.log10(4.0) / 40) - 0.5
    wanted = np.exp(-0.5 * ((np.arange(40) - place) / 1.5) ** 2)
    wanted /= wanted.sum()
    raw = raw_of("distribution", 1)[:, :40]
    log_p = torch.log_softmax(raw, dim=1)[0].numpy()
    assert float(task.loss(raw, targets, task.scale(targets))) == pytest.approx(-(wanted * log_p).sum(), rel=1e-5)


def test_peaks_of_a_distribution():
    task = RedshiftBins(False, (0.0, 4.0), 300, 2.0)
    x = task.centres
    width, places = 2.5 * task.step, np.log10(1 + np.array([0.8, 2.6]))
    density = 0.7 * np.exp(-0.5 * ((x - places[0]) / width) ** 2) + 0.3 * np.exp(-0.5 * ((x - places[1]) / width) ** 2)
    found = task.read(torch.from_numpy(np.log(density / density.sum() + 1e-12)).float()[None])
    np.testing.assert_allclose(found["candidate_z"][0, :2], [0.8, 2.6], atol=0.003)
    np.testing.assert_allclose(found["candidate_score"][0, :2], [0.7, 0.3], atol=0.005)
    expected = np.array([1.8, 3.6]) * np.log(10) * width
    np.testing.assert_allclose(found["candidate_sigma"][0, :2], expected, rtol=0.05)
    assert found["candidate_score"][0, 2:].max() < 0.01 and found["bits"][0] == 0
    assert found["candidate_z"].shape == (1, 5)


def test_a_peak_at_the_end_of_the_range_is_told():
    task = RedshiftBins(False, (0.0, 4.0), 50, 1.0)
    raw = torch.zeros(1, 50)
    raw[0, -1] = 20.0
    assert task.read(raw)["bits"][0] == bit("Z_FITLIMIT")


def test_loss_of_line_boxes_is_the_published_formula():
    task, raw = TASKS["lines"], raw_of("lines")
    targets = task.targets(LABELS)
    p = 1 / (1 + np.exp(-raw[:, :, 0].double().numpy()))
    o = -0.1 + 1.2 / (1 + np.exp(-raw[:, :, 1].double().numpy()))
    box, offset = encode(np.array([2.2, 0.9]), task.grid)
    y, true = np.zeros((5, 7, 13)), np.zeros((5, 7))
    for row in range(2):
        for head in range(7):
            # Broad absorption is known of the first quasar only.
            if box[row, head] >= 0 and (head < 6 or row == 0):
                y[row, head, box[row, head]], true[row, head] = 1, offset[row, head]
    weight = np.repeat(LABELS.weight[:, None], 7, axis=1)
    weight[1, 6] = 0
    weight, expected = weight[..., None], 0.0
    for head in range(7):
        w, t = weight[:, head], y[:, head]
        expected -= (w * t * np.log(p[:, head])).sum() / ((w * t).sum() + 1e-7)
        expected -= (w * (1 - t) * np.log(1 - p[:, head])).sum() / ((w * (1 - t)).sum() + 1e-7)
        expected += (w * t * (o[:, head] - true[:, head, None]) ** 2).sum() / ((w * t).sum() + 1e-7)
    assert float(task.loss(raw, targets, task.scale(targets))) == pytest.approx(expected, rel=1e-5)
    assert targets["box"][:, 6].sum() == 1 and targets["box"][2:].sum() == 0


def test_lines_become_candidates_by_confidence():
    task = LineBoxes("quasarnet", 2, 0.5, sigma=[0.01 * number for number in range(1, 7)])
    box, offset = encode(np.array([2.2]), task.grid)
    raw = torch.full((1, 7, 2, 13), -9.0)
    for head, logit in ((0, 1.0), (1, 3.0), (2, -1.0), (6, 5.0)):
        raw[0, head, 0, box[0, head]] = logit
        share = (offset[0, head] + 0.1) / 1.2
        raw[0, head, 1, box[0, head]] = float(np.log(share / (1 - share)))
    found = task.read(raw)
    np.testing.assert_allclose(found["candidate_z"][0, :3], 2.2, atol=1e-5)
    sigmoid = 1 / (1 + np.exp(-np.array([3.0, 1.0, -1.0])))
    np.testing.assert_allclose(found["candidate_score"][0, :3], sigmoid, rtol=1e-5)
    np.testing.assert_allclose(found["candidate_sigma"][0, :3], 3.2 * np.array([0.02, 0.01, 0.03]), rtol=1e-5)
    assert found["candidate_z"].shape == (1, 6) and found["line_z"].shape == found["line_confidence"].shape == (1, 7)
    assert found["bits"][0] == 0
    # Absorption counts for nothing: with one more line asked for, there is no quasar.
    assert LineBoxes("quasarnet", 3, 0.5).read(raw)["bits"][0] == bit("NO_LINES")


def test_scatter_of_lines_is_measured_on_confident_ones():
    task = LineBoxes("quasarnet", 1, 0.5)
    z = np.random.default_rng(0).uniform(2.1, 2.5, 400)
    labels = Labels(np.arange(400), np.zeros(400, dtype=int), z, np.zeros(400, dtype=int), np.ones(400))
    draw = np.random.default_rng(1)
    raw = torch.full((400, 7, 2, 13), -9.0)
    for head, width in ((1, 0.004), (2, 0.002)):
        box, offset = encode(z + draw.normal(0, width, 400) * (1 + z), task.grid)
        rows = np.arange(400)
        raw[rows, head, 0, box[:, head]] = 4.0
        share = torch.from_numpy((offset[:, head] + 0.1) / 1.2).float()
        raw[rows, head, 1, box[:, head]] = torch.logit(share)
    task.measure(raw, labels)
    assert task.sigma[1] == pytest.approx(0.004, rel=0.15) and task.sigma[2] == pytest.approx(0.002, rel=0.15)
    # Lines that were never seen take the scatter of all.
    assert 0.002 < task.sigma[0] < 0.004 and task.sigma[0] == task.sigma[5]


def test_quasars_of_one_redshift_teach_nothing():
    with pytest.raises(PipelineError, match="different redshifts"):
        scalar.begin(Regression(kind="regression", classes=False), LABELS[np.array([0, 4])])
