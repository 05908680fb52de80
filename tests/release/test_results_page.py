"""The page of results: every number that it shows is one of the run's, with its sample size."""

import hashlib
import json
import re
import subprocess

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.assess.compare import compare
from pipeline.assess.metrics import share
from pipeline.assess.model_report import measures
from pipeline.errors import PipelineError
from pipeline.release import results_page
from pipeline.settings.assess import Judged, Ranking

CONFIDENCE = 0.95


def _judged(lenses, others):
    return {
        "objects": lenses + others, "lenses": lenses, "others": others, "unlisted": 5,
        "share_text": "1 lens in 9 objects",
        "target": "lenses with visible features", "excluded": {}, "label": "",
    }  # fmt: skip


@pytest.fixture(scope="module")
def assessments(root):
    """Assessments of two models and their comparison, by the code that the stages call."""
    settings = yaml.safe_load((root / "config" / "tiny.yaml").read_text())["assess"]
    settings["ranking"]["minimum_false_positives"] = 3
    settings["judged"]["bootstrap"] = 100
    judged, ranking = Judged.parse(settings["judged"]), Ranking.parse(settings["ranking"])
    rng = np.random.default_rng(0)
    lens = np.arange(450) < 50
    table = pd.DataFrame(
        {
            "object_id": np.arange(450),
            "system": np.arange(450),
            "is_lens": lens,
            "theta_e": np.where(lens, rng.uniform(0.6, 4.0, 450), np.nan),
            "arc_snr": np.where(lens, rng.uniform(1, 70, 450), np.nan),
            "flux_r": rng.uniform(5, 50, 450),
            "listed": lens & (np.arange(450) < 30),
        }
    )
    scores = {"good": lens * 2.0 + rng.normal(size=450), "poor": lens * 0.4 + rng.normal(size=450)}
    common = {"judged": _judged(50, 400), "confidence": CONFIDENCE, "simulated": True}
    found = {name: {**common, **measures(table, values, None, judged, ranking, 1)} for name, values in scores.items()}
    part = compare(
        lens, scores, table["system"].to_numpy(), [("good", "poor")],
        rates=[0.01, 0.001], minimum=3, bootstrap=200, confidence=CONFIDENCE, seed=2,
    )  # fmt: skip
    found["comparison"] = {**common, "all": part, "matched": {"not_measurable": "no such objects"}}
    counted = {"positives": 40, "negatives": 60, "features": 7, "auc": 0.512, "low": 0.44, "high": 0.59}
    found["survey"] = {
        **common, "classifier": "forest", "inner_radius": 8.0,
        "lens_or_zero_flux": {**counted, "honest": True},
        "zero_flux_or_never_lensed": {**counted, "auc": None, "honest": None, "not_measurable": "too few"},
        "colours": {**counted, "auc": 0.97, "too_easy": True, "limit": 0.95},
    }  # fmt: skip
    found["training_ratios"] = {
        **common, "model": "good", "first": 10,
        "rows": [{"ratio": 4.0, "lenses": 30, "others": 120, "precision": share(7, 10, CONFIDENCE),
                  "train": share(9, 10, CONFIDENCE), "average_precision": {"value": 0.61, "low": 0.5, "high": 0.7}}],
    }  # fmt: skip
    row = {"of": "candidates", **share(12, 60, CONFIDENCE), "ratio": 9.5, "ratio_low": 5.0, "ratio_high": 15.0}
    found["candidates"] = {
        "simulated": True, "confidence": CONFIDENCE, "objects": 450, "candidates": 80, "graded": 60,
        "known": {"systems": 33, "fates": {"graded A": 20, "scored low": 13}},
        "unlisted": {"planted": 15, "rows": [{**row, "completeness": share(12, 15, CONFIDENCE)}]},
        "purity": [{"grade": "A", **share(9, 10, CONFIDENCE), "faint": 1, "others": {"ring": 1}}],
    }  # fmt: skip
    return json.loads(json.dumps(found, sort_keys=True))


def _content(assessments, **other):
    provenance = [
        {"stage": "ingest", "seconds": 30.4, "rows": 200, "host": "here", "machine": "x86_64", "python": "3.11.7"},
        {"stage": "pretrain", "seconds": 90.0, "rows": 300, "host": "here", "machine": "x86_64", "python": "3.11.7"},
        {"stage": "ingest", "seconds": 20.3, "rows": 250, "host": "here", "machine": "x86_64", "python": "3.11.7"},
    ]
    content = {
        "run": "made", "command": "skysieve results made --out docs/results.md", "commit": "abc", "digest": "d" * 32,
        "summary": {"closing": ["found: 3 candidates", "  a detail"]}, "rounds": {1: assessments},
        "provenance": provenance,
    }  # fmt: skip
    return {**content, **other}


def _rows(text, title):
    """Cells of the first table below a heading."""
    part = re.split(rf"^#+ {re.escape(title)}$", text, maxsplit=1, flags=re.M)[1]
    lines = re.search(r"((?:^\|.*\n)+)", part, re.M).group(1).splitlines()
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines if "---" not in line]


def test_the_models_stand_with_their_intervals_best_first(assessments):
    head, first, second = _rows(results_page.page(_content(assessments)), "The models")
    assert [first[0], second[0]] == ["good", "poor"] and head[1] == "average precision"
    area = assessments["good"]["average_precision"]
    assert first[1] == f"{area['value']:.3f} ({area['low']:.3f} to {area['high']:.3f})"
    recovery = assessments["good"]["recovery"]
    assert first[3].startswith(f"{recovery[0]['k']} of 50: ")
    assert head[4].endswith("rate 0.001") and first[4] == "not measurable (400 others)"  # 0.4 false positives
    assert first[-1].startswith(f"{assessments['good']['top'][-1]['k']} of 20: ")


def test_differences_stand_with_their_samples(assessments):
    text = results_page.page(_content(assessments))
    head, precision, rate, rare = _rows(text, "Is one better than another?")
    row = assessments["comparison"]["all"]["pairs"][0]["average_precision"]
    assert precision[:2] == ["good − poor", "average precision"] and row["low"] > 0
    assert precision[2] == f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
    assert rare[2] == "not measurable" and "50 lenses, 400 others" in text and "200 samples" in text
    assert "Objects that look alike in the catalogue: not measurable (no such objects)." in text


def test_honesty_completeness_ratios_and_purity(assessments):
    text = results_page.page(_content(assessments))
    survey = _rows(text, "Is the simulated survey honest?")
    assert [row[-1] for row in survey[1:]] == ["yes", "not measurable", "yes"]
    assert survey[1][1] == "0.512 (0.440 to 0.590)" and survey[2][1] == "not measurable (too few)"
    bins = assessments["good"]["completeness"]["by"]["theta_e"]["bins"]
    completeness = _rows(text, "Completeness")
    assert [row[1].split(":")[0] for row in completeness[1:]] == [f"{row['k']} of {row['n']}" for row in bins]
    assert sum(row["n"] for row in bins) == 50
    assert _rows(text, "Training ratios")[1][:4] == ["1 : 4", "30", "120", "0.610 (0.500 to 0.700)"]
    candidates = _rows(text, "The candidates")
    assert candidates[1][0] == "candidates" and candidates[1][1].startswith("12 of 60: 0.20 (")
    assert candidates[1][2] == "9.5 (5.0 to 15.0)"
    assert re.search(r"^\| A \| 9 of 10: 0\.90 \(0\.60 to 0\.98\) \| 1 \| 1 ring \|$", text, re.M)
    assert "| scored low | 13 |" in text


def test_what_was_run_and_how_long_it_took(assessments):
    text = results_page.page(_content(assessments))
    assert "SIMULATED" in text and "1 lens in 9 objects" in text and "`abc`" in text and "d" * 32 in text
    assert "| machine | x86_64, Python 3.11.7 |" in text and "- a detail" in text
    assert _rows(text, "Seconds per stage")[1:] == [["pretrain", "1", "90", "300"], ["ingest", "2", "51", "450"]]
    assert "Together 141 s" in text
    real = {name: {**found, "simulated": False} for name, found in assessments.items()}
    assert "SIMULATED" not in results_page.page(_content(real, summary=None, provenance=[]))


def test_bars_in_cells_do_not_break_a_table():
    lines = results_page.table(("a", "b"), [("x|y", 1)])
    assert lines == ["| a | b |", "|---|---|", "| x\\|y | 1 |"]


def test_a_run_is_read_from_its_folders(assessments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results" / "made"
    folder = results / "images" / "round-1" / "assessment"
    folder.mkdir(parents=True)
    for name, found in assessments.items():
        (folder / f"{name}.json").write_text(json.dumps(found))
    (results / "settings.yaml").write_text("seed: 1\nrun: made\ningest: {shards_per_job: 7}\n")
    work = tmp_path / "work" / "made" / "provenance"
    work.mkdir(parents=True)
    (work / "a.json").write_text(json.dumps(_content(assessments)["provenance"][0]))
    results_page.write_results_page(results, tmp_path / "docs" / "results.md")
    text = (tmp_path / "docs" / "results.md").read_text()
    assert "## In short" not in text and "### The models" in text and "| ingest | 1 | 30 | 200 |" in text
    assert "not a clone" in text
    # Settings that change no product are no part of the digest, as in the headers of the tables.
    assert hashlib.sha256(b'{"ingest":{},"run":"made","seed":1}').hexdigest()[:32] in text
    with pytest.raises(PipelineError, match="no assessment"):
        results_page.write_results_page(tmp_path / "results" / "other", tmp_path / "x.md")


def test_the_commit_tells_of_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    person = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for name, value in person.items():
        monkeypatch.setenv(name, value)

    def git(*arguments):
        subprocess.run(["git", "-c", "commit.gpgsign=false", *arguments], check=True, capture_output=True)

    git("init", "--quiet")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "--quiet", "-m", "first")
    assert re.fullmatch(r"[0-9a-f]{40}", results_page.commit())
    (tmp_path / "file").write_text("2")
    assert re.fullmatch(r"[0-9a-f]{40}, with uncommitted changes", results_page.commit())
