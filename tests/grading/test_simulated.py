"""Simulated graders err at the stated rates, and nothing but seed, grader and object decides a score."""

import numpy as np
import pandas as pd
from astropy.table import Table
from grading.examples import grading

from pipeline.grading.batch import make_batch
from pipeline.grading.sheets import read_sheet
from pipeline.grading.simulated import kinds_of, sheet_of
from pipeline.settings.grading import SimulatedGrader

RATES = {"visible_lens": [0.1, 0.2, 0.3, 0.4], "faint_lens": [0.5, 0.3, 0.2, 0.0], "other": [0.95, 0.05, 0.0, 0.0]}
GRADER = SimulatedGrader.parse({"kind": "simulated", "name": "sim", "sees_within_arcsec": 5.0, **RATES})
N = 6000


def world():
    """A third each of visible lenses, faint ones and others; the pictures stand 2 arcsec from the lenses."""
    ra = np.linspace(10, 200, N)
    kind = np.arange(N) % 3
    table = Table(
        {
            "object_id": np.arange(N) + (1 << 59),
            "name": [f"n{i}" for i in range(N)],
            "ra": ra,
            "dec": np.full(N, 2 / 3600),
            "stratum": ["s"] * N,
            "flags": np.zeros(N, dtype=np.int32),
            "in_batch": np.ones(N, dtype=bool),
        }
    )
    truth = pd.DataFrame({"ra": ra, "dec": np.zeros(N), "is_lens": kind < 2, "visible": kind == 0})
    return make_batch(table, run="r", number=1, seed=1, rule=grading().rule), truth, kind


def scores_of(batch, truth, seed=5, grader=GRADER):
    rows, faults = read_sheet(sheet_of(grader, batch, truth, seed), grader, batch, set())
    assert faults == [] and set(rows["comment"]) == {"SIMULATED"}
    return rows.set_index("object_id")["score"]


def test_rates_are_those_of_the_settings():
    batch, truth, kind = world()
    scores = scores_of(batch, truth)
    for value, name in enumerate(("visible_lens", "faint_lens", "other")):
        given = scores.loc[[str(int(i) + (1 << 59)) for i in np.flatnonzero(kind == value)]]
        shares = [(given == score).mean() for score in "1234"]
        np.testing.assert_allclose(shares, RATES[name], atol=4 * np.sqrt(0.25 / (N / 3)))
        assert ((np.array(shares) == 0) == (np.array(RATES[name]) == 0)).all()


def test_a_score_depends_on_seed_grader_and_object_alone():
    batch, truth, _ = world()
    scores = scores_of(batch, truth)
    shuffled = truth.sample(len(truth), random_state=1)
    pd.testing.assert_series_equal(scores_of(batch, shuffled), scores)
    assert (scores_of(batch, truth, seed=6) != scores).mean() > 0.2
    other = scores_of(batch, truth, grader=GRADER.model_copy(update={"name": "sim2"}))
    assert (other != scores).mean() > 0.2


def test_a_lens_is_seen_only_within_the_radius():
    batch, truth, _ = world()
    assert (kinds_of(batch, truth, 1.9) == "other").all()
    assert (kinds_of(batch, truth, 2.1) == "visible_lens").sum() == N / 3
