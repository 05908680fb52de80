"""Tests of the masked lines and the sweeps, on made-up spectra whose truth is known."""

import numpy as np
import pytest
import torch

from pipeline.errors import PipelineError
from pipeline.learn.estimators import fnet, rnet
from pipeline.learn.redshift import experiments
from pipeline.learn.redshift.labels import Labels
from pipeline.learn.redshift.series import Series
from pipeline.learn.redshift.training import Spectra
from pipeline.settings.spectra.experiments import MaskedLines, Sweeps

CPU = torch.device("cpu")
TRAINING = {
    "optimiser": "adam", "learning_rate": 0.003, "schedule": {"kind": "step", "steps": []}, "weight_decay": 0.0,
    "batch": 64, "group": 64, "epochs": 12, "gradient_clip": 1000.0, "folds": None, "reweight": None,
    "checkpoint_seconds": 60.0, "threads": 1,
}  # fmt: skip
INPUT = {"grid": "rnet", "rebin": 10, "resample": "interp", "normalise": "rnet", "clip_sigma": None}
RNET = {
    "kind": "rnet", "size": {"channels": [8, 8], "kernels": [20, 10], "dense": [32], "dropout": 0.0},
    "input": INPUT, "training": TRAINING, "scoring": {"batch": 64, "threads": 1},
    "head": {"kind": "regression", "classes": False},
}  # fmt: skip
FNET = {**RNET, "kind": "fnet", "size": {"channels": [3, 3, 3, 6, 3, 1], "kernels": [10, 8, 5], "dense": [8]}}
LINES = [{"name": "Lya", "rest": 1215.67}, {"name": "CIV", "rest": 1549.06}]
MASKED = {
    "z": [2.8, 3.0], "spectra": None, "lines": LINES, "half_width": 5000.0, "test": 0.2, "least": 50,
    "networks": {"rnet": RNET},
}  # fmt: skip
WAVELENGTH = np.linspace(3500, 10000, 200)


def made(n=500, rest=(1215.67, 1549.06), seed=0, noise=0.05):
    draw = np.random.default_rng(seed)
    z = draw.uniform(2.75, 3.05, n)
    observed = np.array(rest) * (1 + z[:, None])
    flux = 1 + np.exp(-0.5 * ((WAVELENGTH - observed[..., None]) / 22.0) ** 2).sum(axis=1) * 3
    flux = flux + draw.normal(0, noise, flux.shape)
    labels = Labels(np.arange(n), np.zeros(n, dtype=int), z, np.zeros(n, dtype=int), np.ones(n))
    return Spectra(torch.from_numpy(flux.astype(np.float32)), labels), np.arange(n) // 2


def masked(data, **changes):
    settings = MaskedLines.parse({**MASKED, **changes})
    held = np.arange(len(data[0])) % 3 == 0
    read = lambda network: (*data, held, WAVELENGTH)  # noqa: E731
    found = experiments.masked_lines(settings, read, lambda kind: rnet, Series(), CPU, 1)
    return {(result["name"], result["masked"]): result for result in found}


def test_what_the_lines_cover():
    settings = MaskedLines.parse(MASKED)
    inside = experiments.covered(WAVELENGTH, settings)
    for rest in (1215.67, 1549.06):
        low, high = rest * 3.8 * (1 - 5000 / 299792.458), rest * 4.0 * (1 + 5000 / 299792.458)
        expected = (WAVELENGTH > low) & (WAVELENGTH < high)
        assert expected.any() and inside[expected].all()
    assert not inside[WAVELENGTH > 6400].any() and not inside[(WAVELENGTH > 5000) & (WAVELENGTH < 5700)].any()


def test_with_lines_redshifts_are_found_and_without_them_no_better_than_the_constant():
    found = masked(made())
    seen, blind = found["rnet", False], found["rnet", True]
    assert seen["skill"] > 0.6
    # All that told of redshift is gone: what is left is the constant's error, or more.
    assert blind["skill"] < 0.2
    assert seen["constant"] == blind["constant"] and seen["pixels"] - blind["pixels"] == blind["pixels_removed"] > 20
    # Uniform in z over 0.2: rms of z about the middle is 0.2 / sqrt(12).
    expected = 299792.458 * 0.2 / np.sqrt(12) / 3.9
    assert blind["constant"]["rms"] == pytest.approx(expected, rel=0.2)
    assert blind["constant"]["z"] == pytest.approx(2.9, abs=0.03)
    assert blind["constant"]["within"]["30000"] == 1.0
    assert seen["train"] + seen["network"]["n"] < 500


def test_a_line_that_is_not_removed_still_tells():
    found = masked(made(rest=(1215.67, 1900.0)))
    assert found["rnet", True]["skill"] > 0.5


def test_a_deleted_line_leaves_no_trace_in_the_scale():
    plain, _ = made(50, rest=(), noise=0.1)
    loud, _ = made(50, rest=(1215.67, 1549.06), noise=0.1)
    removed = experiments.covered(WAVELENGTH, MaskedLines.parse({**MASKED, "z": [2.6, 3.2], "half_width": 20000.0}))
    one, two = (experiments.without(data.inputs, removed) for data in (plain, loud))
    torch.testing.assert_close(one, two, atol=2e-3, rtol=0)
    with pytest.raises(PipelineError, match="whole spectrum"):
        experiments.without(plain.inputs, np.ones(200, dtype=bool))


def test_without_a_share_the_judge_set_judges():
    data = made(300)
    z = data[0].labels.z
    inside = (z >= 2.8) & (z <= 3.0)
    training = {**RNET, "training": {**TRAINING, "epochs": 1}}
    (result, _) = masked(data, test=None, networks={"rnet": training}).values()
    assert result["network"]["n"] == inside[::3].sum() and result["train"] == inside.sum() - inside[::3].sum()
    np.testing.assert_array_equal(np.sort(result["judged"]["z_label"]), np.sort(z[::3][inside[::3]]))


def test_too_few_quasars_are_refused():
    with pytest.raises(PipelineError, match="too few quasars"):
        masked(made(40))
    with pytest.raises(PipelineError, match="to train and to judge"):
        masked((made(200)[0], np.zeros(200, dtype=int)))


def test_what_is_drawn_depends_on_the_identities_alone():
    ids = np.arange(100) * 7
    rows = experiments.drawn(ids, 30, 1, "s")
    assert len(set(rows.tolist())) == 30 and (np.diff(rows) > 0).all()
    shuffled = np.random.default_rng(0).permutation(ids)
    assert set(shuffled[experiments.drawn(shuffled, 30, 1, "s")]) == set(ids[rows])
    assert set(ids[experiments.drawn(ids, 30, 2, "s")]) != set(ids[rows])
    for many in (None, 500):
        np.testing.assert_array_equal(experiments.drawn(ids, many, 1, "s"), np.arange(100))


def test_groups_stay_together():
    groups = np.arange(400) // 3
    judges = experiments.deal(np.arange(400), groups, 0.1, 1, "s")
    assert not set(groups[judges]) & set(groups[~judges])
    assert 40 <= judges.sum() <= 43
    shuffled = np.random.default_rng(0).permutation(400)
    again = experiments.deal(np.arange(400)[shuffled], groups[shuffled], 0.1, 1, "s")
    np.testing.assert_array_equal(again, judges[shuffled])


def test_sweeps_vary_one_thing_at_a_time():
    settings = Sweeps.parse(
        {"network": FNET, "spectra": 150, "test": 0.1, "optimisers": ["adam", "sgd"], "kernels": [[6, 4, 5]],
         "blocks": [2, 5, 8], "weight_decays": [1e-4]}
    )  # fmt: skip
    found = {(varied, str(value)): network for varied, value, network in experiments.variants(settings)}
    assert len(found) == 7
    assert found["blocks", "2"].size.channels == [3, 1]
    assert found["blocks", "5"].size.channels == [3, 3, 6, 3, 1]
    assert found["blocks", "8"].size.channels == [3] * 5 + [6, 3, 1]
    assert found["optimiser", "sgd"].training.optimiser == "sgd"
    assert found["optimiser", "sgd"].size == settings.network.size
    assert found["weight_decay", "0.0001"].training.weight_decay == 1e-4
    assert found["kernels", "[6, 4, 5]"].size.kernels == [6, 4, 5]


def test_curves_of_a_sweep():
    data, groups = made(160)
    short = {**FNET, "training": {**TRAINING, "epochs": 3, "batch": 32, "group": 32}}
    content = {"network": short, "spectra": 150, "test": 0.1, "optimisers": ["adam", "sgd"], "kernels": [],
               "blocks": [2], "weight_decays": []}  # fmt: skip
    found = list(experiments.sweep(Sweeps.parse(content), data, groups, fnet, Series(), CPU, 1))
    varied = [(one["varied"], one["value"]) for one in found]
    assert varied == [("optimiser", "adam"), ("optimiser", "sgd"), ("blocks", 2)]
    for one in found:
        assert [row["epoch"] for row in one["epochs"]] == [1, 2, 3]
        assert one["train"] + one["test"]["n"] == 160
        assert one["epochs"][-1]["test_accuracy_6000"] == one["test"]["within"]["6000"]
    assert found[0]["convolutions"] == 18 and found[2]["convolutions"] == 6
    assert found[0]["parameters"] == found[1]["parameters"] > found[2]["parameters"]
    assert found[0]["epochs"][-1]["loss"] < found[0]["epochs"][0]["loss"]
    assert found[0]["epochs"] != found[1]["epochs"]


def test_what_several_sweeps_name_is_trained_once(monkeypatch):
    data, groups = made(160)
    short = {**FNET, "training": {**TRAINING, "epochs": 1, "batch": 32, "group": 32, "weight_decay": 1e-4}}
    content = {"network": short, "spectra": 150, "test": 0.1, "optimisers": ["adam"],
               "kernels": [[10, 8, 5], [6, 4, 5]], "blocks": [6], "weight_decays": [1e-4]}  # fmt: skip
    trained, fit = [], experiments._fit
    monkeypatch.setattr(experiments, "_fit", lambda *rest: trained.append(1) or fit(*rest))
    found = list(experiments.sweep(Sweeps.parse(content), data, groups, fnet, Series(), CPU, 1))
    assert len(trained) == 2 and len(found) == 5
    same = [{**one, "varied": "", "value": 0} for one in found]
    assert same[0] == same[1] == same[3] == same[4] != same[2]
    values = ["adam", [10, 8, 5], [6, 4, 5], 6, 1e-4]
    assert [one["value"] for one in found] == values
