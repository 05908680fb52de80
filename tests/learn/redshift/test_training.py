"""Tests of the training of redshift networks: it learns, resumes to the same bits, keeps the best epoch."""

import io

import numpy as np
import pytest
import torch
from line_spectra import spectra

from pipeline.errors import PipelineError
from pipeline.learn.estimators import fnet, quasarnet, rnet
from pipeline.learn.ranks import Ranks
from pipeline.learn.redshift.folds import WHOLE, Validation
from pipeline.learn.redshift.schedule import learning_rate
from pipeline.learn.redshift.training import Spectra, Training, batches, outputs, train
from pipeline.settings.spectra.estimators import Trained
from pipeline.settings.spectra.estimators import Training as Plan
from pipeline.spectra.grids import grid
from pipeline.spectra.inputs import make_input

CPU = torch.device("cpu")
INPUT = {"grid": "quasarnet", "rebin": 1, "resample": "interp", "normalise": "quasarnet", "clip_sigma": None}
PLAN = {
    "optimiser": "adam", "learning_rate": 0.004, "schedule": {"kind": "step", "steps": [{"epoch": 8, "factor": 0.1}]},
    "weight_decay": 0.0, "batch": 64, "group": 32, "epochs": 10, "gradient_clip": 1000.0, "folds": None,
    "reweight": None, "checkpoint_seconds": 60.0, "threads": 1,
}  # fmt: skip
QUASARNET = {
    "kind": "quasarnet", "size": {"layers": 4, "same": False, "filters": 16, "dense": 32, "dropout": 0.0},
    "input": INPUT, "training": PLAN, "scoring": {"batch": 64, "threads": 1, "lines": 1, "confidence": 0.5},
}  # fmt: skip
RNET = {
    "kind": "rnet", "size": {"channels": [8, 8, 16], "kernels": [40, 20, 10], "dense": [64], "dropout": 0.3},
    "input": INPUT, "training": PLAN, "scoring": {"batch": 64, "threads": 1},
    "head": {"kind": "distribution", "z": [0.2, 3.8], "bins": 200, "smooth": 2.0, "classes": True},
}  # fmt: skip
FNET = {**RNET, "kind": "fnet", "size": {"channels": [4, 1], "kernels": [30, 20, 15], "dense": [32]}}


def parse(settings, **plan):
    return Trained.parse({"network": {**settings, "training": {**PLAN, **plan}}}).network


def made(n, seed, settings=QUASARNET):
    *block, labels = spectra(n, seed=seed)
    inputs, bits = make_input(*block, grid("quasarnet"), parse(settings).input)
    assert not bits.any()
    return Spectra(torch.from_numpy(inputs), labels)


def start(module, settings, labels, ranks=None):
    task = module.begin(settings, labels)
    network = module.network(settings.size.plain(), 443, task, torch.Generator().manual_seed(1))
    more = {} if ranks is None else {"ranks": ranks}
    return Training(network, task, settings.training, CPU, 3, "train_redshift/test", **more)


@pytest.mark.parametrize(
    "module, settings, least, epochs", [(quasarnet, QUASARNET, 0.85, 10), (rnet, RNET, 0.9, 8)], ids=["lines", "bins"]
)
def test_lines_on_noise_are_learnt(module, settings, least, epochs):
    plan = parse(settings, epochs=epochs)
    one, two, unseen = made(900, 1), made(200, 2), made(300, 5)
    training = start(module, plan, one.labels)
    train(training, one, two, batch=64)
    assert training.history[0]["select_accuracy_6000"] < 0.5
    training.network.load_state_dict(training.best["weights"])
    _, right = training.judge(unseen, 64)
    assert right > least
    training.task.measure(outputs(training.network, two.inputs, 64, CPU), two.labels)
    found = training.task.read(outputs(training.network, unseen.inputs, 64, CPU))
    quasar = unseen.labels.quasar
    away = np.abs(found["candidate_z"][quasar, 0] - unseen.labels.z[quasar])
    assert 0.4 < np.mean(away < found["candidate_sigma"][quasar, 0])
    sure = found["candidate_score"][:, 0]
    assert np.median(sure[quasar]) > np.median(sure[~quasar]) + 0.1


def test_regression_falls_towards_the_redshift():
    """Without noise and in a narrow range, where a linear shift of the lines is all there is to see."""
    plan = parse({**RNET, "head": {"kind": "regression", "classes": False}}, epochs=10)
    sets = []
    for n, seed in ((600, 1), (150, 2)):
        *block, labels = spectra(n, seed=seed, quasars=1.0, noise=0.1, z=(1.9, 2.3))
        sets.append(Spectra(torch.from_numpy(make_input(*block, grid("quasarnet"), plan.input)[0]), labels))
    training = start(rnet, plan, sets[0].labels)
    train(training, *sets, batch=64)
    constant = np.var((sets[1].labels.z - 1.9) / 0.4)
    assert training.history[-1]["select_loss"] < constant / 3


def stopped_and_resumed(plan, module, one, two, at):
    class End(Exception):
        pass

    training, steps = start(module, plan, one.labels), []

    def count():
        steps.append(1)
        if len(steps) == at:
            raise End

    with pytest.raises(End):
        train(training, one, two, batch=64, after_step=count)
    state = torch.load(_saved(training.state()), weights_only=True)
    again = start(module, plan, one.labels)
    again.restore(state)
    train(again, one, two, batch=64)
    return again


def _saved(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize("module, settings", [(rnet, RNET), (fnet, FNET), (quasarnet, QUASARNET)])
@pytest.mark.parametrize("at", [2, 4])  # within an epoch of three steps, and just after one
def test_a_training_that_is_stopped_goes_on_to_the_same_bits(module, settings, at):
    plan = parse(settings, epochs=2)
    one, two = made(150, 1), made(60, 2)
    whole = start(module, plan, one.labels)
    train(whole, one, two, batch=64)
    again = stopped_and_resumed(plan, module, one, two, at)
    assert again.history == whole.history and again.best["epoch"] == whole.best["epoch"]
    for name, value in whole.best["weights"].items():
        assert torch.equal(value, again.best["weights"][name])


def test_a_step_is_adam_on_the_loss_of_the_batch_with_statistics_of_groups():
    plan = parse(QUASARNET, batch=32, group=16)
    data = made(32, 1)
    training = start(quasarnet, plan, data.labels)
    other = start(quasarnet, plan, data.labels).network.train()
    targets = training.task.targets(data.labels)
    training.update(data.inputs, targets)
    optimiser = torch.optim.Adam(other.parameters(), lr=PLAN["learning_rate"])
    raw = torch.cat([other(data.inputs[:16]), other(data.inputs[16:])])
    loss = training.task.loss(raw, targets, training.task.scale(targets))
    loss.backward()
    optimiser.step()
    assert training.loss_sum == pytest.approx(loss.item(), rel=1e-5)
    state = other.state_dict()
    for name, value in training.network.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("name, kind", [("sgd", "SGD"), ("adagrad", "Adagrad"), ("rmsprop", "RMSprop")])
def test_optimisers_of_figure_3(name, kind):
    training = start(quasarnet, parse(QUASARNET, optimiser=name, weight_decay=1e-5), made(10, 1).labels)
    assert type(training.optimiser).__name__ == kind
    assert training.optimiser.param_groups[0]["weight_decay"] == 1e-5


def test_gradients_are_clipped():
    data = made(64, 1)
    moved = []
    for clip in (None, 1e-3):
        training = start(quasarnet, parse(QUASARNET, optimiser="sgd", gradient_clip=clip), data.labels)
        before = [value.detach().clone() for value in training.network.parameters()]
        training.update(data.inputs, training.task.targets(data.labels))
        change = sum(
            float((value.detach() - old).square().sum())
            for value, old in zip(training.network.parameters(), before, strict=True)
        )
        moved.append(change**0.5)
    assert moved[1] == pytest.approx(1e-3 * PLAN["learning_rate"], rel=0.05) and moved[0] > 10 * moved[1]


def test_learning_rates_of_the_papers_steps_and_of_a_plateau():
    steps = [{"epoch": 75, "factor": 0.1}, {"epoch": 85, "factor": 0.01}, {"epoch": 90, "factor": 0.001}]
    plan = Plan.parse({**PLAN, "learning_rate": 2.4e-4, "schedule": {"kind": "step", "steps": steps}})
    rates = [learning_rate(plan, [{}] * done) for done in (0, 74, 75, 84, 85, 89, 90, 99)]
    np.testing.assert_allclose(rates, 2.4e-4 * np.array([1, 1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001]))
    plateau = {"kind": "plateau", "factor": 0.2, "patience": 1, "minimum": 1e-5}
    plan = Plan.parse({**PLAN, "learning_rate": 1e-3, "schedule": plateau})
    losses = [3.0, 2.0, 2.5, 2.1, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.1]
    ours = [learning_rate(plan, [{"select_loss": loss} for loss in losses[:n]]) for n in range(1, len(losses) + 1)]
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=1e-3)
    peer = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.2, patience=1, min_lr=1e-5, threshold=0)
    theirs = []
    for loss in losses:
        peer.step(loss)
        theirs.append(optimiser.param_groups[0]["lr"])
    np.testing.assert_allclose(ours, theirs)
    # Where nothing is selected on, the training's own loss counts.
    rows = [{"select_loss": float("nan"), "loss": loss} for loss in losses]
    assert learning_rate(plan, rows) == ours[-1]


def test_the_most_accurate_epoch_is_kept_and_of_equal_ones_that_of_least_loss():
    training = start(quasarnet, parse(QUASARNET), made(10, 1).labels)
    for judged in ((2.0, 0.5), (1.0, 0.7), (0.5, 0.6), (0.9, 0.7), (0.95, 0.7)):
        training.close_epoch(1, judged)
    assert training.best["epoch"] == 4
    last = start(quasarnet, parse(QUASARNET), made(10, 1).labels)
    last.close_epoch(1, None), last.close_epoch(1, None)
    assert last.best["epoch"] == 2


def test_batches_see_every_spectrum_and_do_not_depend_on_the_order_given():
    ids = np.random.default_rng(0).permutation(10**6)[:70].astype(np.int64)
    rows = batches(ids, 32, 1, "s", 0)
    assert rows.shape == (3, 32) and sorted(rows.ravel()[:70].tolist()) == list(range(70))
    shuffled = np.random.default_rng(1).permutation(70)
    np.testing.assert_array_equal(ids[rows], ids[shuffled][batches(ids[shuffled], 32, 1, "s", 0)])
    assert not np.array_equal(rows, batches(ids, 32, 1, "s", 1))
    assert batches(ids[:3], 8, 1, "s", 0).shape == (1, 8)


def test_outputs_do_not_depend_on_what_else_is_asked():
    data = made(70, 1)
    network = start(quasarnet, parse(QUASARNET), data.labels).network
    whole = outputs(network, data.inputs, 32, CPU)
    assert torch.equal(whole[64:], outputs(network, data.inputs[64:], 32, CPU))
    assert outputs(network, data.inputs[:0], 32, CPU).shape == (0, 7, 2, 13)


def test_ranks_must_divide_the_groups():
    with pytest.raises(PipelineError, match="2 groups of 32"):
        start(quasarnet, parse(QUASARNET), made(10, 1).labels, ranks=Ranks(0, 4))


def folded(data, held_out, plan):
    fold = np.arange(len(data)) % 3

    def fresh(labels, number):
        training = start(quasarnet, plan, labels)
        training.stage += f"/{number}"
        return training

    return Validation(fresh, data, held_out, fold, 3)


def test_folds_are_judged_by_networks_that_did_not_see_them_and_resume():
    plan, data, held_out = parse(QUASARNET, epochs=2, batch=32, folds=3), made(90, 1), made(40, 2)
    quiet = {"batch": 64, "progress": lambda steps, epoch: steps, "after_epoch": lambda fold, row: None}
    whole = folded(data, held_out, plan)
    whole.run(after_step=lambda: None, **quiet)
    history = whole.history()
    assert [(row["fold"], row["epoch"]) for row in history] == [
        (fold, epoch) for fold in (0, 1, 2, WHOLE) for epoch in (1, 2)
    ]
    assert sum(row["chosen"] for row in history) == 4
    alone = start(quasarnet, plan, data.labels)
    alone.stage += "/1"
    out = np.arange(90) % 3 == 1
    train(alone, data[np.flatnonzero(~out)], data[np.flatnonzero(out)], batch=64)
    assert [row["select_loss"] for row in history[2:4]] == [row["select_loss"] for row in alone.history]

    broken, steps = folded(data, held_out, plan), []

    def stop():
        steps.append(1)
        if len(steps) == 7:  # in the second fold
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken.run(after_step=stop, **quiet)
    again = folded(data, held_out, plan)
    again.restore(torch.load(_saved(broken.state()), weights_only=True))
    assert again.fold == 1
    again.run(after_step=lambda: None, **quiet)
    assert again.history() == history


def test_folds_that_the_sample_lacks_are_refused():
    with pytest.raises(PipelineError, match="no spectra in fold 3"):
        Validation(lambda *_: None, made(9, 1), made(9, 2), np.arange(9) % 3, 4)
