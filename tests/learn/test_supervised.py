"""Training of a lens finder: composition of batches, views, input rule, steps, resumption, scores."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pipeline.errors import PipelineError
from pipeline.images.distributions import PAPER_EXTINCTION, PAPER_NOISE, PAPER_PSF, Distributions
from pipeline.images.own import Own
from pipeline.learn import supervised
from pipeline.learn.batches import compose
from pipeline.models import shielded
from pipeline.settings.augmentation import Augmentation
from pipeline.settings.models import FinderAugmentation, FinderInput, FinderTraining

CPU = torch.device("cpu")
INPUT = FinderInput.parse({"crop": 16, "pixels": 16, "clamp": 250.0})
GEOMETRY = {"flip": True, "rotation": True, "zoom": [1.0, 1.1], "jitter": 1, "conditions": False}
SURVEY = Augmentation.parse(
    {
        "pixel_scale": 0.262, "fit": {"sets": ["train"], "band": "z", "limit": 20.0, "n": 100},
        "extinction": "paper", "psf": "paper", "noise": "paper", "flip": False, "rotation": False, "scale": None,
        "jitter": 0,
    }
)  # fmt: skip
PAPER = Distributions(PAPER_NOISE, PAPER_PSF, PAPER_EXTINCTION, 0.262)


def plan(**changes):
    return FinderTraining.parse(
        {
            "epochs": 3, "batch": 8, "group": 4, "lens_fraction": 0.25, "non_lenses_per_epoch": None, "tier": None,
            "learning_rate": 0.003, "decay": 0.5, "decay_epochs": 2, "augmentation": GEOMETRY, "select_every": 1,
            "checkpoint_seconds": 60.0, "threads": 1, **changes,
        }
    )  # fmt: skip


def sky(n=60, lenses=10, side=30, seed=0):
    """Noise with a round galaxy each; a lens has a ring about it."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    radius = np.hypot(x, y)
    labels = np.zeros(n, dtype=np.int8)
    labels[generator.choice(n, lenses, replace=False)] = 1
    galaxy = np.exp(-(radius**2) / 4)
    ring = 0.7 * np.exp(-((radius - 5) ** 2))
    images = galaxy + labels[:, None, None, None] * ring * np.array([1.0, 0.6, 0.3])[:, None, None]
    images = images + generator.normal(0, 0.1, (n, 3, side, side))
    own = Own(np.full(n, 0.02), np.full((n, 3), 1.3), np.full((n, 3), 0.004))
    ids = generator.permutation(10**6)[:n].astype(np.int64)
    return supervised.Cutouts(images.astype(np.float32), own, ids, labels)


def views(augmentation=GEOMETRY):
    return supervised.Views(FinderAugmentation.parse(augmentation), SURVEY, PAPER, 3, "train_finder/test")


def network():
    return shielded.build(3, torch.Generator().manual_seed(5))


# --- batches --------------------------------------------------------------------------------------------------------


def deal(ids, labels, **changes):
    settings = {"batch": 16, "lens_fraction": 0.2, "non_lenses": None, "seed": 1, "stage": "s", "epoch": 0, **changes}
    return compose(ids, labels, **settings)


def test_every_batch_has_its_lenses_and_every_non_lens_comes_once():
    ids, labels = np.arange(100, 205), np.repeat([1, 0], [5, 100])
    batches = deal(ids, labels)
    # round(16 * 0.2) = 3 lenses, 13 non-lenses: 100 take 8 batches.
    assert batches.rows.shape == (8, 16)
    assert (labels[batches.rows].sum(axis=1) == 3).all()
    others = batches.rows[labels[batches.rows] == 0]
    assert sorted(others[:100].tolist()) == list(range(5, 105))
    lenses = np.bincount(batches.rows[labels[batches.rows] == 1], minlength=5)
    assert lenses.min() >= 4 and lenses.max() <= 5
    # The k-th time that a row stands in the epoch has the number k.
    for row in range(105):
        count = batches.repeats[batches.rows == row]
        assert sorted(count.tolist()) == list(range(len(count)))


def test_lenses_are_spread_over_the_groups_of_a_batch():
    labels = np.repeat([1, 0], [4, 40])
    batches = deal(np.arange(44), labels, batch=16, lens_fraction=0.25)
    assert (labels[batches.rows].reshape(-1, 4, 4).sum(axis=2) == 1).all()


def test_an_epoch_may_see_a_part_of_the_non_lenses_and_epochs_differ():
    ids, labels = np.arange(300), np.repeat([1, 0], [20, 280])
    first, second = (deal(ids, labels, non_lenses=39, epoch=epoch) for epoch in (0, 1))
    assert first.rows.shape == (3, 16)
    assert set(first.rows.ravel()) != set(second.rows.ravel())


def test_batches_do_not_depend_on_the_order_of_the_training_set():
    ids, labels = np.arange(1000, 1100), (np.arange(100) % 7 == 0).astype(int)
    shuffled = np.random.default_rng(0).permutation(100)
    one, two = deal(ids, labels), deal(ids[shuffled], labels[shuffled])
    np.testing.assert_array_equal(ids[one.rows], ids[shuffled][two.rows])
    np.testing.assert_array_equal(one.repeats, two.repeats)


# --- views and input ------------------------------------------------------------------------------------------------


def test_input_rule_by_hand():
    images = np.random.default_rng(0).normal([[[[1.0]], [[2.0]], [[3.0]]]], 0.5, (20, 3, 20, 20)).astype(np.float32)
    rule = supervised.measure_rule(images, INPUT)
    central = images[:, :, 2:18, 2:18]
    middle = np.median(central, axis=(0, 2, 3))
    scatter = 1.4826 * np.median(np.abs(central - middle[:, None, None]), axis=(0, 2, 3))
    np.testing.assert_allclose(rule.centre, middle, rtol=1e-5)
    np.testing.assert_allclose(rule.scale, scatter, rtol=1e-5)
    assert scatter == pytest.approx([0.5] * 3, rel=0.05)
    image = torch.full((1, 3, 16, 16), 5.0)
    expected = (5 - middle) / scatter
    np.testing.assert_allclose(rule.standardise(image)[0, :, 0, 0], expected, rtol=1e-5)


def test_clamp_and_averaging():
    settings = FinderInput.parse({"crop": 8, "pixels": 4, "clamp": 2.0})
    rule = supervised.InputRule(settings, torch.zeros(3), torch.ones(3))
    images = torch.arange(100.0).reshape(1, 1, 10, 10).expand(1, 3, 10, 10)
    small = rule.crop(images)
    assert small[0, 0, 0].tolist() == [16.5, 18.5, 20.5, 22.5]
    assert rule.standardise(small).max() == 2 and rule.standardise(-small).min() == -2


def test_a_cutout_smaller_than_the_crop_is_refused():
    with pytest.raises(PipelineError, match="smaller"):
        supervised.shrink(torch.zeros(1, 3, 12, 12), INPUT)


def test_views_fill_the_crop_from_the_margin():
    """Images of ones: a corner that the view reached beyond the stored square for would be darker."""
    side = supervised.margin(16, FinderAugmentation.parse({**GEOMETRY, "zoom": [0.9, 1.1]}), 0.0)
    cutouts = sky(40, 5, side)
    ones = supervised.Cutouts(np.ones_like(cutouts.images), cutouts.own, cutouts.object_id, cutouts.labels)
    rule = supervised.InputRule(INPUT, torch.zeros(3), torch.ones(3))
    got = views({**GEOMETRY, "zoom": [0.9, 1.1]})(ones, np.arange(40), np.zeros(40, dtype=int), 0, rule, CPU)
    torch.testing.assert_close(got, torch.ones_like(got), rtol=1e-5, atol=0)


@pytest.mark.parametrize("conditions", [False, True])
def test_a_view_depends_on_object_epoch_and_repeat_alone(conditions):
    side = supervised.margin(16, FinderAugmentation.parse(GEOMETRY), 5.0 if conditions else 0.0)
    cutouts = sky(20, 5, side)
    rule = supervised.measure_rule(cutouts.images, INPUT)
    make = views({**GEOMETRY, "conditions": conditions})
    rows = np.array([3, 7, 3, 9])
    together = make(cutouts, rows, np.array([0, 0, 1, 2]), 1, rule, CPU)
    alone = make(cutouts, np.array([7]), np.array([0]), 1, rule, CPU)
    torch.testing.assert_close(together[1], alone[0], rtol=1e-5, atol=1e-5)
    assert (together[0] - together[2]).abs().max() > 0.1
    assert (make(cutouts, np.array([7]), np.array([0]), 2, rule, CPU) - alone).abs().max() > 0.1


# --- steps ----------------------------------------------------------------------------------------------------------


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        convolution = nn.Conv2d(3, 4, 3, bias=False)
        self.layers = nn.Sequential(convolution, nn.BatchNorm2d(4), nn.ELU(), nn.AdaptiveAvgPool2d(1))
        self.head = nn.Linear(4, 1)

    def forward(self, images):
        return self.head(self.layers(images).flatten(1)).squeeze(1)


def test_a_step_is_adam_on_the_mean_cross_entropy_with_statistics_of_groups():
    inputs, labels = torch.randn(8, 3, 9, 9), torch.tensor([1.0, 0, 0, 0, 1, 0, 0, 0])
    training = supervised.Training(Small(), plan(), CPU)
    training.update(lambda part: inputs[part], labels)
    other = Small().train()
    optimizer = torch.optim.Adam(other.parameters(), lr=0.003)
    logits = torch.cat([other(inputs[:4]), other(inputs[4:])])
    loss = F.binary_cross_entropy(torch.sigmoid(logits), labels)
    loss.backward()
    optimizer.step()
    assert training.loss_sum == pytest.approx(loss.item(), rel=1e-5)
    for one, two in zip(training.network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(training.network.layers[1].running_var, other.layers[1].running_var)


def test_learning_rate_falls_by_steps():
    training = supervised.Training(Small(), plan(), CPU)
    rates = []
    for epoch in range(5):
        training.epoch = epoch
        rates.append(training.learning_rate())
    assert rates == pytest.approx([0.003, 0.003, 0.0015, 0.0015, 0.00075])


def test_the_epoch_that_the_select_set_likes_best_is_kept_and_the_last_is_always_judged():
    training = supervised.Training(Small(), plan(epochs=5, select_every=2), CPU)
    answers = iter([0.7, 0.4, 0.7])
    weights = []
    for epoch in range(5):
        with torch.no_grad():
            training.network.head.bias.fill_(float(epoch))
        weights.append(epoch)
        training.close_epoch(3, lambda: next(answers))
    precisions = [row["select_average_precision"] for row in training.history]
    np.testing.assert_array_equal(precisions, [np.nan, 0.7, np.nan, 0.4, 0.7])
    assert training.best["epoch"] == 2  # the earlier of two equals
    assert training.best["weights"]["head.bias"].item() == 1.0


def fit(after_step=lambda training: None, restored=None, epochs=3, net=None, cutouts=None, **changes):
    cutouts = cutouts or sky()
    rule = supervised.measure_rule(cutouts.images, INPUT)
    training = supervised.Training(net or network(), plan(epochs=epochs, **changes), CPU)
    if restored:
        training.restore(restored)
    select = sky(80, 16, seed=9)
    inputs = rule.standardise(rule.crop(torch.from_numpy(select.images)))
    supervised.train(
        training, cutouts, (select.labels, inputs), rule, views(), score_batch=32,
        progress=lambda steps, epoch: steps, after_step=lambda: after_step(training), after_epoch=lambda row: None,
    )  # fmt: skip
    return training


class _Stopped(Exception):
    pass


@pytest.fixture(scope="module")
def whole():
    return fit(epochs=2)


@pytest.mark.parametrize("stop_at", [(0, 3), (1, 0), (1, 5)])
def test_a_resumed_training_has_the_same_bits(tmp_path, whole, stop_at):

    def stop(training):
        if (training.epoch, training.step) == stop_at:
            torch.save(training.state(), tmp_path / "state.pt")
            raise _Stopped

    with pytest.raises(_Stopped):
        fit(stop, epochs=2)
    again = fit(restored=torch.load(tmp_path / "state.pt", weights_only=True), epochs=2)
    assert again.history == whole.history
    assert again.best["epoch"] == whole.best["epoch"]
    for name, value in whole.best["weights"].items():
        assert torch.equal(value, again.best["weights"][name]), name


def test_rings_are_found():
    training = fit(epochs=6, cutouts=sky(120, 24), batch=16, group=16, decay_epochs=4)
    assert training.best["average_precision"] > 0.9
    assert training.history[-1]["loss"] < 0.6 * training.history[0]["loss"]


def test_a_set_without_lenses_is_refused():
    with pytest.raises(PipelineError, match="train set"):
        fit(cutouts=sky(20, 0))


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_scores_of_padded_batches_are_those_of_single_images(batch):
    net, inputs = network(), torch.randn(33, 3, 16, 16)
    with torch.inference_mode():
        for norm in (module for module in net.modules() if isinstance(module, nn.BatchNorm2d)):
            norm.running_mean.normal_(0, 0.1)
        direct = net.eval()(inputs).numpy()
    got = supervised.score(net, inputs, batch, CPU)
    np.testing.assert_allclose(got, direct, rtol=1e-4, atol=1e-5)
    # In one shape a row's bits do not depend on what stands beside it.
    others = torch.randn(33, 3, 16, 16)
    others[::5] = inputs[::5]
    assert supervised.score(net, others, batch, CPU)[::5].tobytes() == got[::5].tobytes()
    last = 33 - 33 % batch
    assert supervised.score(net, inputs[last:], batch, CPU).tobytes() == got[last:].tobytes()
