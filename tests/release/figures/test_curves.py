"""Curves of the models hold the numbers of the assessments that they are drawn from."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from pipeline.assess import model_report
from pipeline.release.figures import curves, style

N = 400
RATES = [0.01, 0.1]


@pytest.fixture(scope="module")
def models():
    """Two models on the same judged objects, one better than the other."""
    rng = np.random.default_rng(3)
    lens = np.arange(N) % 10 == 0
    table = pd.DataFrame({"object_id": np.arange(N) + 7, "is_lens": lens, "flux_r": 10.0, "system": np.arange(N)})
    judged = SimpleNamespace(bootstrap=50, confidence=0.95)
    bins = SimpleNamespace(theta_e=[0, 1], mag_r=[16.0, 23.0], arc_snr=[0, 1])
    ranking = SimpleNamespace(
        false_positive_rates=RATES,
        minimum_false_positives=20,
        top=[20, 100],
        bins=bins,
        reliability_bins=4,
        expected_share=1e-4,
    )
    about = {"lenses": 40, "others": 360, "objects": N, "share_text": "1 lens in 10 objects", "target": "", "label": ""}
    found = {}
    for name, skill in (("good", 3.0), ("poor", 0.5)):
        scores = rng.normal(size=N) + skill * lens
        found[name] = {
            **model_report.measures(table, scores, 1 / (1 + np.exp(-scores)), judged, ranking, 1),
            "judged": about,
            "values": scores,
        }
    return found


def test_the_histogram_of_scores_holds_every_object_and_the_lines_of_the_top(models):
    figure, caption = curves.scores(models)
    for axes, found in zip(figure.axes, models.values(), strict=False):
        counted = {patch.get_label(): patch.get_data().values for patch in axes.patches}
        assert counted["lenses"].sum() == 40 and counted["others"].sum() == 360
        lines = [line.get_xdata()[0] for line in axes.lines]
        assert lines == [pytest.approx(np.sort(found["values"])[-n]) for n in (20, 100)]
    assert "20, 100" in caption and "40 lenses and 360 others" in caption


def test_the_roc_is_that_of_the_scores(models):
    figure, caption = curves.roc(models)
    lens = np.arange(N) % 10 == 0
    scores = models["good"]["values"]
    line = next(line for line in figure.axes[0].lines if line.get_label().startswith("good"))
    x, y = (np.asarray(part) for part in (line.get_xdata(), line.get_ydata()))
    for threshold in np.quantile(scores, [0.2, 0.5, 0.9]):
        false, true = (scores[~lens] >= threshold).mean(), (scores[lens] >= threshold).mean()
        assert y[np.flatnonzero(x <= false + 1e-12)[-1]] == pytest.approx(true, abs=0.03)
    assert "bootstrap" in caption


def test_precision_at_full_recall_is_the_share_or_more(models):
    figure, _ = curves.precision_recall(models)
    for line in figure.axes[0].lines[:2]:
        assert np.asarray(line.get_xdata()).max() == 1 and np.asarray(line.get_ydata()).min() >= 0.1 - 1e-12


def test_inspected_and_reliability_are_drawn_and_marked(models, tmp_path):
    marks = style.Marks(run="x", simulated=True, share="1 in 10", label="")
    for number, draw in enumerate((curves.inspected, curves.reliability, curves.scores)):
        with style.look():
            figure, _ = draw(models)
            first, second = tmp_path / f"{number}a.png", tmp_path / f"{number}b.png"
            style.save(figure, marks, first)
            style.save(draw(models)[0], marks, second)
        assert any("SIMULATED" in text.get_text() for text in figure.texts)
        assert first.read_bytes() == second.read_bytes() and imread(first).std() > 0.01
