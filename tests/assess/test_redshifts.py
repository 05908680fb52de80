"""The assessment on made-up redshifts whose errors and probabilities are known."""

import numpy as np
import pandas as pd
import pytest

from pipeline.assess.published import published
from pipeline.assess.redshift_confidence import failure_probability, pulls, unflagged_others
from pipeline.assess.redshifts import COMBINED, FIBRE, assess, estimators, judged_spectra, velocity_table
from pipeline.data.redshift_bits import bit
from pipeline.errors import PipelineError
from pipeline.settings.spectra.assess import AssessRedshifts

SETTINGS = {
    "confidence": 0.95,
    "bootstrap": 200,
    "redshift_edges": [0.0, 2.0, 6.0],
    "sn_edges": [0.0, 2.0, 100.0],
    "line_confidence": 0.5,
    "failure_lines": 2,
    "confusion_km_s": 2000.0,
    "extremes": [0.05, 5.9],
    "listed": 5,
    "bins": 5,
}
FLAG = bit("LOW_CONFIDENCE")


def sample(n=1000, seed=1):
    rng = np.random.default_rng(seed)
    kind = np.where(np.arange(n) % 10 == 9, rng.choice(["galaxy", "star", "sky"], n), "quasar").astype(object)
    table = pd.DataFrame(
        {
            "spectrum_id": np.arange(n) * 5 + 1,
            "object_id": np.arange(n),
            "group": np.arange(n) // 2,
            "set": np.where(np.arange(n) < 100, "train", "judge"),
            "label_class": kind,
            "label_z": np.where(kind == "quasar", rng.uniform(0.5, 4.5, n), np.nan),
            "bal": rng.choice([-1, 0, 1], n).astype(np.int16),
        }
    )
    catalogue = pd.DataFrame(
        {
            "spectrum_id": table.spectrum_id,
            "sn_median": rng.uniform(0.1, 20, n),
            "wave_min": 3600.0,
            "wave_max": 1e4,
            "plate": np.where(np.arange(n) % 2, 3600, -1),
            "mjd": np.where(np.arange(n) % 2, 55200, -1),
            "fiber": np.arange(n),
            "targetid": np.where(np.arange(n) % 2, 0, np.arange(n) + 10**16),
        }
    )
    return table, catalogue


@pytest.fixture
def judged():
    return judged_spectra(*sample(), None)


def columns(judged, seed=2):
    """Combined: right, but for each tenth quasar, which is flagged, and each twentieth, which is not."""
    rng = np.random.default_rng(seed)
    n = len(judged)
    z_true = judged.z_reference.fillna(1.0).to_numpy()
    z = z_true + 0.002 * rng.normal(size=n)
    flagged = np.arange(n) % 10 == 0
    silent = np.arange(n) % 20 == 1
    z[flagged] = 6.5
    z[silent] = 1215.67 * (1 + z_true[silent]) / 1549.06 - 1
    zwarn = np.where(flagged | (judged.kind == "sky"), FLAG, bit("DISAGREE"))
    found = {
        "z": z,
        "z_err": np.full(n, 0.002),
        "p_wrong": np.where(flagged, 0.9, 0.05),
        "z_second": z + 1,
        "zwarn": zwarn,
    }
    for name, value in list(found.items()):
        found[f"{name}_lines"] = value
    confidence = np.zeros((n, 7))
    confidence[:, 6] = 0.99  # broad absorption is no line
    confidence[np.arange(n) % 4 > 0, :2] = 0.9
    return {**found, "line_confidence_lines": confidence}


def measured(judged, given=None):
    return assess(judged, columns(judged) if given is None else given, AssessRedshifts.parse(SETTINGS), 3)


def test_what_is_planted_is_counted(judged):
    found = measured(judged)
    quasar = (judged.kind == "quasar").to_numpy()
    place = np.arange(len(judged))
    assert list(found["estimators"]) == [COMBINED, "lines"] == estimators(columns(judged))
    one = found["estimators"][COMBINED]
    wrong = quasar & ((place % 10 == 0) | (place % 20 == 1))
    assert one["quasars"]["within"]["6000"]["count"] == (quasar & ~wrong).sum()
    assert one["quasars"]["flagged"]["count"] == (quasar & (place % 10 == 0)).sum()
    assert one["unflagged_failures"] == (quasar & (place % 20 == 1)).sum()
    assert one["quasars"]["unflagged"]["spectra"] == (quasar & (place % 10 > 0)).sum()
    assert one["extremes"]["count"] == (quasar & (place % 10 == 0)).sum()
    assert one["line_confusion"]["pairs"]["Lya as CIV"] > 10
    assert one["others_unflagged"]["sky"]["count"] == 0
    galaxy = (judged.kind == "galaxy") & (place % 10 > 0)
    assert one["others_unflagged"]["galaxy"]["count"] == galaxy.sum()
    listed = one["catastrophic"]
    assert len(listed) == 5 and not any(row["flagged"] for row in listed)  # what nobody would notice comes first
    assert sorted((abs(row["dv"]) for row in listed), reverse=True) == [abs(row["dv"]) for row in listed]
    assert sum(row["spectra"] for row in one["by_redshift"]) == quasar.sum()
    failed = found["failures_of_line_finders"]["lines"]
    assert failed["spectrum_id"] == judged.spectrum_id[quasar & (place % 4 == 0)].tolist()


def test_the_velocity_table_has_a_row_each(judged):
    given = columns(judged)
    table = velocity_table(judged, given)
    assert len(table) == len(judged) and np.isnan(table.dv_combined[judged.kind != "quasar"]).all()
    far = table.flagged_combined & (judged.kind == "quasar")
    assert (np.abs(table.dv_combined[far]) > 30000).all()


def test_only_the_judged_are_judged_and_truth_wins():
    table, catalogue = sample()
    truth = catalogue[FIBRE].assign(kind="quasar", z=catalogue.spectrum_id / 1000).iloc[::-1]
    truth.loc[truth.targetid > 0, "fiber"] = -1  # the truth knows a target, the coadd the fibre of its last exposure
    found = judged_spectra(table, catalogue, truth)
    assert len(found) == 900 and (found.z_reference == found.spectrum_id / 1000).all()
    with pytest.raises(PipelineError, match="not in the truth or the catalogue"):
        judged_spectra(table, catalogue, truth.iloc[200:])
    assert judged_spectra(table, catalogue, None).z_reference.notna().sum() == (table.label_z[100:] > 0).sum()
    with pytest.raises(PipelineError, match="not in the truth or the catalogue"):
        judged_spectra(table, catalogue.iloc[:-1], None)
    with pytest.raises(PipelineError, match="no quasar is judged"):
        judged_spectra(table[table.label_class != "quasar"], catalogue, None)


def test_pulls_of_honest_and_of_boasting_errors():
    rng = np.random.default_rng(5)
    z = np.full(5000, 2.0)
    measured = z + 0.003 * rng.normal(size=5000)
    honest, boasting = (pulls(measured, np.full(5000, error), z, 0.95) for error in (0.003, 0.001))
    assert honest["within_1"]["low"] < 0.6827 < honest["within_1"]["high"]
    assert honest["half_width"] == pytest.approx(1, abs=0.04) and sum(honest["histogram"]) == 5000
    assert boasting["within_1"]["high"] < 0.3 and boasting["half_width"] == pytest.approx(3, abs=0.1)
    assert pulls(z + 1, z, z, 0.95)["spectra"] == 0


def test_reliability_covers_true_probabilities_and_no_others():
    rng = np.random.default_rng(6)
    p = rng.random(4000) ** 3
    right = rng.random(4000) > p
    rows = failure_probability(p, right, 10, 0.99)["reliability"]
    assert sum(row["low"] <= row["mean_p_wrong"] <= row["high"] for row in rows) >= 9
    rows = failure_probability(p / 3, right, 10, 0.99)["reliability"]
    assert sum(row["low"] <= row["mean_p_wrong"] <= row["high"] for row in rows) <= 6
    assert (
        failure_probability(p, right, 10, 0.99)["brier"] < failure_probability(p, right, 10, 0.99)["brier_of_constant"]
    )


def test_unflagged_others():
    kind = np.array(["sky"] * 20 + ["quasar"] * 5, dtype=object)
    flagged = np.arange(25) % 10 != 0
    found = unflagged_others(kind, flagged, 0.95)
    assert found["sky"]["count"] == 2 and found["sky"]["of"] == 20 and found["star"]["share"] is None


@pytest.mark.parametrize("name", ["redshift_edges", "sn_edges", "extremes"])
def test_edges_rise(name):
    with pytest.raises(PipelineError, match=name):
        AssessRedshifts.parse({**SETTINGS, name: [2.0, 1.0]})


def test_published_figures_are_marked():
    rows = published()
    assert {row["mark"] for row in rows} == {"published, other sample"} and all(row["source"] for row in rows)
    assert rows[0]["within"] == {"6000": 97.0, "12000": 98.0, "30000": 98.9}
