"""The page of results of the spectra half: its numbers are those of the assessments, with their sample sizes."""

import json

import pytest
from released_redshifts import Made

from pipeline.errors import PipelineError
from pipeline.release.redshift_results import LIMITS, page, write_redshift_page


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    made = Made(tmp_path_factory.mktemp("results"))
    names = {"redshifts": "assessment", "masked_lines": "masked", "sweeps": "sweeps"}
    found = {}
    for stem, name in names.items():
        path = made.paths[name]
        found[stem] = json.loads((path[0] if isinstance(path, list) else path).read_text())
    one = found["redshifts"]["estimators"]["combined"]
    real = {
        "spectra": {"quasar": {"spectra": 90, "objects": 70}, "sky": {"spectra": 13, "objects": 13}},
        "estimators": {"combined": {**one, "inspected_or_dr16q": one["quasars"]}},
    }
    real["estimators"]["combined"]["quasars"] = {**one["quasars"], "unflagged_failures": 2}
    found["redshifts_real"] = {"b": {"evaluations": 3, "redshifts": real, "fine_tuned": None}}
    return found


def _content(files):
    about = {"run": "made", "command": "skysieve results made", "commit": "abc", "digest": "d" * 32}
    stage = {"stage": "redshift", "machine": "x", "python": "3", "seconds": 5.0, "rows": 7, "outputs": {}}
    return {**about, "files": files, "provenance": [stage]}


def test_every_share_of_the_assessment_is_shown_with_its_interval(files):
    text = page(_content(files))
    estimators = files["redshifts"]["estimators"]
    for found in estimators.values():
        for limit in LIMITS:
            one = found["quasars"]["within"][limit]
            assert f"{100 * one['share']:.1f} % ({100 * one['low']:.1f} to {100 * one['high']:.1f})" in text
        sky = found["others_unflagged"]["sky"]
        assert f"{sky['count']} of {sky['of']}" in text
    for row in files["redshifts"]["published"]:
        assert row["source"] in text and f"{next(iter(row['within'].values())):.1f} %" in text
    for one in files["masked_lines"]["results"]:
        assert f"{one['network']['rms']:.0f}" in text and f"{one['constant']['rms']:.0f}" in text
    assert text.count("\n| ") > 30 and "SIMULATED" in text


def test_real_spectra_come_with_the_number_of_evaluations(files):
    text = page(_content(files))
    assert "Real spectra: half b, read by the command alone" in text and "Evaluated 3 time(s)." in text
    assert "90 quasar (70 objects)" in text
    without = page(_content({name: found for name, found in files.items() if name == "redshifts"}))
    assert "Real spectra" not in without and "Masked lines" not in without


def test_a_run_without_assessment_is_named(tmp_path):
    with pytest.raises(PipelineError, match="not assessed"):
        write_redshift_page(tmp_path / "results" / "no", tmp_path / "x.md")
