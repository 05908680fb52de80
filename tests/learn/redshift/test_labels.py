"""Tests of labels, weights of rare redshifts and velocity errors."""

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import PipelineError
from pipeline.learn.redshift.labels import Labels, accuracy, labels_of, reweighted, scatter, velocity
from pipeline.settings.spectra.estimators import Reweight

SETTINGS = Reweight.parse({"power": 1.0, "width": 0.02, "largest": 50.0})


def quasars(z, others=0):
    n = len(z) + others
    kind = np.where(np.arange(n) < len(z), 0, 1)
    values = np.concatenate([z, np.full(others, np.nan)])
    return Labels(np.arange(n), kind, values, np.zeros(n, dtype=int), np.ones(n))


def test_rows_of_the_sample_become_labels():
    frame = pd.DataFrame(
        {"spectrum_id": [5, 6, 7], "label_class": ["quasar", "sky", "quasar"], "label_z": [1.5, np.nan, np.nan],
         "bal": [1, -1, 0]}
    )  # fmt: skip
    labels = labels_of(frame)
    assert labels.kind.tolist() == [0, 3, 0] and labels.quasar.tolist() == [True, False, False]
    assert labels.known.tolist() == [True, True, False]
    assert labels[np.array([2, 0])].spectrum_id.tolist() == [7, 5]
    with pytest.raises(PipelineError, match="unknown class"):
        labels_of(frame.assign(label_class=["quasar", "blazar", ""]))


def test_rare_redshifts_weigh_the_inverse_of_their_density():
    # Nine times as many at z = 1 as at z = 3: full reweighting makes both sums equal.
    labels = quasars(np.concatenate([np.full(90, 1.0), np.full(10, 3.0)]), others=5)
    weight = reweighted(labels, SETTINGS)
    assert weight[:90].sum() == pytest.approx(weight[90:100].sum())
    assert weight[:100].mean() == pytest.approx(1) and (weight[100:] == 1).all()
    half = reweighted(labels, SETTINGS.model_copy(update={"power": 0.5}))
    assert half[95] / half[5] == pytest.approx(3)
    assert reweighted(labels, None) is labels.weight


def test_no_weight_grows_beyond_its_limit():
    labels = quasars(np.concatenate([np.full(999, 1.0), [3.0]]))
    weight = reweighted(labels, SETTINGS.model_copy(update={"largest": 4.0}))
    unlimited = reweighted(labels, SETTINGS.model_copy(update={"largest": 1e6}))
    # The mean is taken before the limit: of factors 1/999 and 1 it is 1.998e-3, so that the rare one is 500 times it.
    assert unlimited[-1] == pytest.approx(500.0, rel=1e-3)
    assert weight[-1] / weight[0] == pytest.approx(4.0 / (1 / 1.998), rel=1e-3)


def test_velocity_accuracy_and_scatter():
    assert velocity(np.array([1.02]), np.array([1.0]))[0] == pytest.approx(2997.92458)
    z = np.array([1.0, 1.039, 1.041, np.nan])
    assert accuracy(z, np.ones(4)) == 0.5
    assert np.isnan(accuracy(np.zeros(0), np.zeros(0)))
    draw = np.random.default_rng(0).normal(0, 0.3, 4001)
    draw[:100] = 50
    assert scatter(draw) == pytest.approx(0.3, rel=0.06)
