"""The report on real spectra, on made-up redshifts beside a made-up index; of the real index only its counts."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from evaluated_spectra import FLAG, SOURCES, answers, made_up

from pipeline.assess.real_spectra import evaluate, folds_of, half_of, pairs, read_index
from pipeline.assess.velocity import Resampling
from pipeline.errors import PipelineError

RESAMPLING = Resampling(200, 0.95, 1)


def test_halves_are_dealt_by_the_hash_of_the_object():
    names = [f"obj{number:04d}" for number in range(2000)]
    half = half_of(names)
    assert half[0] == ("b" if hashlib.sha256(b"obj0000").digest()[0] % 2 else "a")
    assert (half == "a").mean() == pytest.approx(0.5, abs=0.04)
    assert (half_of(names[::-1]) == half[::-1]).all()
    index = read_index(made_up(), "index")
    assert index.groupby("object").half.nunique().max() == 1
    folds = folds_of(names, 5)
    assert set(folds) == set(range(5)) and np.bincount(folds).min() > 330
    # Within a half, folds are as even: they come from other bytes.
    assert np.bincount(folds[half == "a"]).min() > 150


def test_who_is_a_quasar():
    index = read_index(made_up(), "index")
    quasar = index.kind == "quasar"
    inspected = index.best_z_source == SOURCES[0]
    assert (quasar == (((index.pipe_class == "QSO") | inspected) & index.best_z.notna())).all()
    np.testing.assert_array_equal(index.z_reference[quasar], index.best_z[quasar])
    assert index.z_reference[~quasar].isna().all() and (index.z_reference != 9).all()
    independent = index.best_z_source.isin(SOURCES)
    assert (index.independent == independent).all() and 0 < independent.sum() < len(index)


def test_inspection_overrules_the_pipeline():
    index = made_up()
    index.loc[2, ["best_z", "best_z_source"]] = [1e-4, "visual inspection (class_person=1, z_conf=3)"]
    index.loc[5, "pipe_class"] = "GALAXY"
    index.loc[5, ["best_z", "best_z_source"]] = [2.5, "visual inspection (class_person=30, z_conf=3)"]
    read = read_index(index, "index")
    assert read.kind[[2, 5]].tolist() == ["star", "quasar"] and read.as_listed[[2, 5]].tolist() == [True, False]
    given = answers(read)
    given["z_pca"][2] = 2.0
    one = evaluate(read, given, RESAMPLING, None)["estimators"]["pca"]
    assert one["as_listed"]["spectra"] == read.as_listed.sum() == one["quasars"]["spectra"]
    assert one["as_listed"]["unflagged_failures"] == one["quasars"]["unflagged_failures"] + 1
    assert "spectra/2.fits" in [row["file"] for row in one["others_listed"]]


def test_the_report_counts_what_is_planted():
    index = read_index(made_up(), "index")
    found = json.loads(json.dumps(evaluate(index, answers(index), RESAMPLING, None), allow_nan=False))
    listed = [row["reference"] for one in found["estimators"].values() for row in one["failures"]]
    assert listed and "nan" not in listed
    place, quasar = np.arange(len(index)), (index.kind == "quasar").to_numpy()
    one = found["estimators"]["combined"]
    assert one == found["estimators"]["pca"]
    assert one["quasars"]["spectra"] == quasar.sum() == found["spectra"]["quasar"]["spectra"]
    assert one["quasars"]["within"]["6000"]["count"] == (quasar & (place % 7 != 0)).sum()
    assert one["quasars"]["flagged"]["count"] == (quasar & (place % 14 == 0)).sum()
    assert one["quasars"]["unflagged_failures"] == (quasar & (place % 14 == 7)).sum()
    assert one["inspected_or_dr16q"]["spectra"] == (quasar & index.independent).sum()
    assert one["other_references"]["spectra"] + one["inspected_or_dr16q"]["spectra"] == quasar.sum()
    assert one["others_unflagged"]["sky"]["count"] == 1
    assert one["others_unflagged"]["sky"]["high"] > one["others_unflagged"]["sky"]["share"]
    assert {row["file"] for row in one["failures"]} == set(index.file[quasar & (place % 7 == 0)])
    silent = [row for row in one["by_redshift"] if row["nothing_claimed"]]
    assert [(row["lower"], row["upper"]) for row in silent] == [(1.2, 2.1)]
    assert sum(row["spectra"] for row in one["by_redshift"]) == quasar.sum()


def test_the_halves_add_up():
    index = read_index(made_up(), "index")
    reports = {half: evaluate(index, answers(index), RESAMPLING, half) for half in ("a", "b", None)}
    for kind in ("quasar", "galaxy", "sky", "star"):
        counts = {half: report["spectra"][kind]["spectra"] for half, report in reports.items()}
        assert counts["a"] + counts["b"] == counts[None] > 0
    assert 0 < reports["a"]["spectra"]["quasar"]["objects"] < reports[None]["spectra"]["quasar"]["objects"]


def test_objects_with_two_spectra():
    index = read_index(made_up(), "index")
    given = pd.DataFrame({key: answers(index)[key] for key in ("z", "zwarn")}).assign(
        flagged=lambda frame: (frame.zwarn & FLAG) != 0
    )
    found = pairs(index, given)
    both = index[index.kind == "quasar"].groupby("object").filter(lambda rows: len(rows) == 2)
    assert found["pairs"] == both.object.nunique() == found["across_surveys"]["pairs"]
    differ = [name for name, rows in both.groupby("object") if (rows.index.to_numpy() % 7 == 0).any()]
    assert [row["object"] for row in found["differing"]] == differ
    flagged = [name for name, rows in both.groupby("object") if (rows.index.to_numpy() % 14 == 0).any()]
    assert found["differ_with_a_flag"] == len(flagged) and found["agree"] == found["pairs"] - len(differ)
    assert found["differ_with_a_flag"] + found["differ_without"] == len(differ)


def test_faults_of_an_index():
    index = made_up()
    with pytest.raises(PipelineError, match="lacks columns"):
        read_index(index.drop(columns="best_z"), "index")
    with pytest.raises(PipelineError, match="twice"):
        read_index(pd.concat([index, index]), "index")
    with pytest.raises(PipelineError, match="unknown class"):
        read_index(index.assign(pipe_class="QUASAR"), "index")
    read = read_index(index, "index")
    with pytest.raises(PipelineError, match="differ in length"):
        evaluate(read.iloc[:-1], answers(read), RESAMPLING, None)
    with pytest.raises(PipelineError, match="no quasar"):
        evaluate(read.assign(kind=""), answers(read), RESAMPLING, "a")


@pytest.mark.realdata
def test_counts_of_the_real_index(skysieve_data):
    index = read_index(pd.read_csv(skysieve_data / "spectra/spectra_index.csv"), "index")
    assert (index.pipe_class == "QSO").sum() == 222
    # Of the 212 two are stars by inspection; of the pipeline's galaxies two are.
    assert index.as_listed.sum() == 212
    assert index.kind.value_counts().to_dict() == {"quasar": 210, "sky": 26, "star": 25, "galaxy": 19, "": 10}
    assert ((index.kind == "quasar") & index.independent).sum() == 82
    assert ((index.kind == "quasar") & index.z_reference.between(1.2, 2.1, inclusive="neither")).sum() == 11
    assert 40 < index.object[(index.kind == "quasar") & (index.half == "a")].nunique() < 120
