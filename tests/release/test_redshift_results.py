"""The page of results of the spectra half: its numbers are those of the assessments, with their sample sizes."""

import json

import pytest
from evaluated_spectra import answers, made_up
from released_redshifts import Made

from pipeline.assess.real_spectra import evaluate, read_index
from pipeline.assess.velocity import Resampling
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
    index = read_index(made_up(), "here")
    real = evaluate(index, answers(index), Resampling(200, 0.95, 1), "b")
    found["redshifts_real"] = {"b": {"evaluations": 3, "redshifts": real, "fine_tuned": None}}
    return found


def _content(files):
    about = {"run": "made", "command": "skysieve results made", "commit": "abc", "digest": "d" * 32}
    stage = {"stage": "redshift", "machine": "x", "python": "3", "seconds": 5.0, "rows": 7, "outputs": {}}
    network = {"kind": "fnet", "size": {"kernels": [32, 14, 3]}, "input": {"rebin": 16}}
    settings = {"estimators": {"fnet": network, "pca": {"kind": "pca"}}, "sweeps": {"network": network}}
    return {**about, "settings": settings, "files": files, "provenance": [stage]}


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
    assert text.count("Its accuracy at full size is not measured.") == 1


def test_a_network_of_full_size_is_measured(files):
    content = _content(files)
    content["settings"]["estimators"]["fnet"]["size"] = {"kernels": [500, 200, 15]}
    assert "not measured" in page(content)
    content["settings"]["estimators"]["fnet"]["input"] = {"rebin": 1}
    assert "not measured" not in page(content)


def test_real_spectra_come_with_the_number_of_evaluations_and_all_that_went_wrong(files):
    text = page(_content(files))
    assert "Real spectra: half b, read by the command alone" in text and "Evaluated 3 time(s)." in text
    real = files["redshifts_real"]["b"]["redshifts"]
    quasars, found = real["spectra"]["quasar"], real["estimators"]["combined"]
    assert f"{quasars['spectra']} quasar ({quasars['objects']} objects)" in text and real["filter"]["quasars"] in text
    assert "z from 1.2 to 2.1, too few to claim anything" in text
    assert f"{found['pairs']['agree']} agree within 6,000 km/s" in text
    wrong = [*found["failures"], *found["others_listed"]]
    assert len(wrong) > 5 and found["others_listed"]
    for one in wrong:
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {one['file'].rsplit('/', 1)[-1]} |")]
        assert f"| {one['z']:.4f} |" in line and ("| yes |" in line) == one["flagged"]
    without = page(_content({name: found for name, found in files.items() if name == "redshifts"}))
    assert "Real spectra" not in without and "Masked lines" not in without


def test_a_run_without_assessment_is_named(tmp_path):
    with pytest.raises(PipelineError, match="not assessed"):
        write_redshift_page(tmp_path / "results" / "no", tmp_path / "x.md")
