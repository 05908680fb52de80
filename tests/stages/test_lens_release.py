"""The assessing and the releasing stages on a small random run, from arguments to files."""

import json
import re
import warnings
from html.parser import HTMLParser
from types import SimpleNamespace

import fitsio
import numpy as np
import pandas as pd
import pytest
import yaml
from graded_run import MODELS, SCALE, SPLITS, make
from sklearn.metrics import average_precision_score, roc_auc_score

from pipeline.data.manifests import read_results
from pipeline.data.sky import cells
from pipeline.stages import (
    assess_candidates,
    assess_classes,
    assess_model,
    assess_survey,
    compare_models,
    lens_figures,
    lens_report,
    release_index,
    release_lenses,
    training_ratios,
)

SEED = 7
FIGURES = (
    "sky distributions depth gallery_a gallery_b gallery_c searches known roc precision_recall inspected completeness"
    " reliability comparison training_ratios training survey"
).split()
PROBE = {
    "kind": "probe",
    "features": ["embedding.moco"],
    "normalize": False,
    "tier": None,
    "l2": [0.1, 0.001],
    "max_iterations": 30,
    "history_size": 10,
    "gradient_tolerance": 1e-6,
    "top_n": {"inspect": 100, "of": 1000},
    "threads": 1,
    "score_rows": 256,
}
CLASSES = {
    "positive": "ring",
    "negative": "plain",
    "folds": 4,
    "inner_folds": 3,
    "l2": [1.0, 0.01],
    "max_iterations": 40,
    "gradient_tolerance": 1e-5,
    "normalize": False,
    "rows": {"probe": ["embedding.moco"], "untrained": ["embedding.random"], "colours": ["colours"]},
}


@pytest.fixture(scope="module")
def settings(root):
    """Sections of the tiny run, with as many resamplings as a test can wait for."""
    tiny = yaml.safe_load((root / "config" / "tiny.yaml").read_text())
    assess, release = tiny["assess"], tiny["release"]
    assess["judged"]["bootstrap"] = 100
    assess["comparison"]["pairs"] = [{"first": "probe", "second": "untrained"}]
    assess["ranking"]["minimum_false_positives"] = 2
    return SimpleNamespace(assess=assess, release=release)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make(tmp_path_factory.mktemp("graded") / "results" / "run", second_round=True)


def call(stage, tree, out: dict, settings: dict, **inputs) -> int:
    """Run a stage: lists are several paths, what begins with `=` is a plain value."""
    arguments = []
    for name, value in {**inputs, **out}.items():
        values = value if isinstance(value, list) else [value]
        arguments += [f"--{name.replace('_', '-')}", *(str(one).removeprefix("=") for one in values)]
    name = stage.__name__.rsplit(".", 1)[-1]
    top = tree.root.parent.parent
    log = top / "logs" / f"{name}.log"
    arguments += ["--settings", json.dumps(settings), "--work", str(top / "work"), "--log", str(log)]
    return stage.main(arguments)


def judged_inputs(run) -> dict:
    return {
        "catalogue": run.manifests("catalogue"),
        "splits": run.path("splits.parquet"),
        "labels": run.path("labels.ecsv"),
        "truth": [run.path("truth/1.parquet")],
    }


@pytest.fixture(scope="module")
def assessed(run, settings):
    """All assessments, by name."""
    folder = run.root / "assessment"
    assess = settings.assess
    common = {"judged": assess["judged"], "seed": SEED, "simulated": True}
    sections = {**common, "ranking": assess["ranking"]}
    for name in MODELS:
        out = {"out": folder / f"{name}.json"}
        curve = [run.path(f"models/{name}/calibration.json")]
        inputs = {**judged_inputs(run), "scores": run.manifests(f"scores/{name}"), "calibration": curve}
        assert call(assess_model, run, out, sections, name=f"={name}", **inputs) == 0
    scores = [path for name in MODELS for path in run.manifests(f"scores/{name}")]
    out = {"out": folder / "comparison.json"}
    sections["comparison"] = assess["comparison"]
    assert call(compare_models, run, out, sections, scores=scores, **judged_inputs(run)) == 0
    ratios = {**common, "training_ratios": assess["training_ratios"], "model": PROBE, "ratios": [1.0, 3.0, 10.0]}
    inputs = {
        **judged_inputs(run),
        "embeddings": run.manifests("embeddings/moco"),
        "sample": run.path("sample.parquet"),
    }
    assert call(training_ratios, run, {"out": folder / "training_ratios.json"}, ratios, **inputs) == 0
    honesty = {**common, "honesty": {**assess["survey"], "trees": 20}, "nside": SPLITS["nside"]}
    out = {"out": folder / "survey.json"}
    assert call(assess_survey, run, out, honesty, images=run.manifests("shards"), **judged_inputs(run)) == 0
    ingest = {
        "selection": None,
        "cutout_pixels": 84,
        "photo_z": True,
        "compression": "none",
        "on_bad_object": "flag",
        "shards_per_job": 1,
    }
    audit = {**common, "ingest": ingest, "survey": {"kind": "simulated"}, "system_arcsec": 25.15}
    inputs = {
        "candidates": [run.path("candidates-1.ecsv"), run.path("candidates-2.ecsv")],
        "grades": [run.path("grades-1.ecsv"), run.path("grades-2.ecsv")],
        "labels": run.path("labels.ecsv"),
        "sample": run.path("sample.parquet"),
        "scores": scores,
        "catalogue": run.manifests("catalogue"),
        "truth": [run.path("truth/1.parquet")],
        "rows": "=[]",
        "root": "=nowhere",
    }
    assert call(assess_candidates, run, {"out": folder / "candidates.json"}, audit, **inputs) == 0
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


@pytest.fixture(scope="module")
def released(run, settings, assessed):
    """The folder of the release."""
    folder = run.root / "release" / "lenses"
    names = {name: folder / f"lens_candidates.{name}" for name in ("fits", "ecsv", "vot", "parquet")}
    out = {**names, "regions": folder / "lens_candidates.reg", "footprint": folder / "footprint.fits"}
    inputs = {
        "candidates": [run.path("candidates-1.ecsv"), run.path("candidates-2.ecsv")],
        "grades": [run.path("grades-1.ecsv"), run.path("grades-2.ecsv")],
        "catalogue": run.manifests("catalogue"),
        "specz": [run.path("specz.fits")],
        "run": "=tiny",
        "survey": "=simulated",
        "digest": "={}",
        "code": "=x",
    }
    sections = {"release": settings.release, "simulated": True, "system_arcsec": 25.15, "confidence": 0.95}
    assert call(release_lenses, run, {**out, "counts": folder / "counts.json"}, sections, **inputs) == 0
    figures = {name: folder / "figures" / f"{name}.png" for name in FIGURES}
    parts = {
        "table": names["parquet"],
        "counts": folder / "counts.json",
        "assessments": [run.path(f"assessment/{name}.json") for name in MODELS],
        "differences": [run.path("assessment/comparison.json")],
        "survey_check": [run.path("assessment/survey.json")],
        "audit": run.path("assessment/candidates.json"),
    }
    inputs = {
        "candidates": run.path("candidates-2.ecsv"),
        "neighbours": [run.path("neighbours/moco/manifest.json")],
        "catalogue": run.manifests("catalogue"),
        "images": run.manifests("shards"),
        "ratios": [run.path("assessment/training_ratios.json")],
        "histories": [run.path(f"models/{name}/history.csv") for name in MODELS]
        + [run.path("encoders/moco/history.csv")],
    }
    sections = {"gallery": settings.release["gallery"], "models": list(MODELS)}
    captions = folder / "figures" / "captions.json"
    assert call(lens_figures, run, {"captions": captions, **figures}, sections, **parts, **inputs) == 0
    out = {"report": folder / "report.html", "summary": folder / "summary.json"}
    inputs = {
        "leak_audit": [],
        "figures": list(figures.values()),
        "captions": captions,
        "where": '={"paths": ["results/x"]}',
    }
    assert call(lens_report, run, out, {"models": list(MODELS)}, **parts, **inputs) == 0
    index = {"out": run.root / "release" / "index.html"}
    assert call(release_index, run, index, {}, summaries=[folder / "summary.json"]) == 0
    return folder


def test_everything_is_there(released):
    assert (released / "report.html").stat().st_size > 100_000
