"""The assessing and the releasing stages on a small random run, from arguments to files."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import fitsio
import numpy as np
import pandas as pd
import pytest
import yaml
from graded_run import MODELS, SPLITS, make
from sklearn.metrics import average_precision_score, roc_auc_score

from pipeline.data.datasets import read_results
from pipeline.data.sky import cells
from pipeline.graph import shards_text
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
    (run.root / "shards.tsv").write_text(shards_text([]))
    audit = {**common, "ingest": ingest, "survey": {"kind": "simulated"}, "system_arcsec": 25.15}
    inputs = {
        "candidates": [run.path("candidates-1.ecsv"), run.path("candidates-2.ecsv")],
        "grades": [run.path("grades-1.ecsv"), run.path("grades-2.ecsv")],
        "labels": run.path("labels.ecsv"),
        "sample": run.path("sample.parquet"),
        "scores": scores,
        "catalogue": run.manifests("catalogue"),
        "truth": [run.path("truth/1.parquet")],
        "shards": run.path("shards.tsv"),
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


def truth_of_judged(run, assessed) -> tuple[pd.DataFrame, np.ndarray]:
    """The judged objects by an independent road: cells of the split, truth, and the probe's scores."""
    split = pd.read_parquet(run.root / "splits.parquet").set_index("cell")["set"]
    table = run.truth.assign(set=split.loc[cells(run.truth["ra"], run.truth["dec"], 64)].to_numpy())
    results = read_results([Path(path) for path in run.manifests("scores/probe")], ["score"])
    table["score"] = pd.Series(results["score"], index=results["object_id"]).loc[table["object_id"]].to_numpy()
    return table[table["set"] == "judge"]


def test_measures_equal_those_of_scikit_learn(run, assessed):
    found = assessed["probe"]
    table = truth_of_judged(run, assessed)
    # Margins and neighbours of lenses are left out by the stage, so that it judges fewer.
    judged = found["judged"]
    assert 0.9 * len(table) < judged["objects"] <= len(table)
    kept = table[~(table["is_lens"] & ~table["visible"])]
    assert found["auc"]["value"] == pytest.approx(roc_auc_score(kept["visible"], kept["score"]), abs=0.02)
    assert found["average_precision"]["value"] == pytest.approx(
        average_precision_score(kept["visible"], kept["score"]), abs=0.05
    )
    assert found["average_precision"]["low"] < found["average_precision"]["value"] < found["average_precision"]["high"]
    assert judged["lenses"] > judged["unlisted"] > 0  # lenses in no list are judged too
    assert found["completeness"]["by"]["theta_e"]["bins"] and found["reliability"]["bins"]
    assert [row["measurable"] for row in found["recovery"]] == [True, False]
    assert found["recovery"][1]["value"] is None and found["recovery"][1]["others"] == judged["others"]


def test_the_better_model_is_better_and_matched_objects_look_alike(assessed):
    found = assessed["comparison"]
    row = found["all"]["pairs"][0]
    assert (row["first"], row["second"]) == ("probe", "untrained")
    assert row["average_precision"]["low"] > 0
    gap = assessed["probe"]["average_precision"]["value"] - assessed["untrained"]["average_precision"]["value"]
    assert row["average_precision"]["difference"] == pytest.approx(gap)
    assert all(abs(one["after"]) < max(abs(one["before"]), 0.4) for one in found["matched"]["balance"])


def test_ratios_are_nested_and_carry_their_counts(assessed):
    rows = assessed["training_ratios"]["rows"]
    assert [row["nominal"] for row in rows] == [1.0, 3.0, 10.0]
    assert rows[0]["others"] < rows[1]["others"] < rows[2]["others"]
    assert all(row["ratio"] == pytest.approx(row["others"] / row["lenses"]) for row in rows)


def test_the_honest_survey_is_said_to_be_so_and_bright_rings_too_easy(assessed):
    found = assessed["survey"]
    assert found["lens_or_zero_flux"]["positives"] > 50
    # 100 resamplings of some 60 cells: the interval holds one half in 95 of 100 surveys; this one is fixed by its seed.
    assert found["lens_or_zero_flux"]["honest"] == (
        found["lens_or_zero_flux"]["low"] <= 0.5 <= found["lens_or_zero_flux"]["high"]
    )
    assert 0.35 < found["lens_or_zero_flux"]["auc"] < 0.65
    assert found["colours"]["auc"] > 0.9


def test_known_and_planted_lenses_are_followed(run, assessed):
    found = assessed["candidates"]
    fates = found["known"]["fates"]
    assert sum(fates.values()) == found["known"]["systems"] == run.truth["listed"].sum() + 2
    assert fates["not in the catalogue"] == 2
    row = {one["of"]: one for one in found["unlisted"]["rows"]}["candidates"]
    planted = (run.truth["visible"] & ~run.truth["listed"]).sum()
    assert found["unlisted"]["planted"] == planted and row["completeness"]["n"] == planted
    assert row["ratio"] == pytest.approx(row["value"] / (planted / len(run.truth)))
    assert row["ratio_low"] > 2  # the candidates were chosen by a signal


def test_classes_are_told_apart_by_embeddings(run, settings, tmp_path):
    encoders = [path for name in ("moco", "random") for path in run.manifests(f"embeddings/{name}")]
    out = tmp_path / "classes.json"
    sections = {"judged": settings.assess["judged"], "classes": CLASSES, "seed": SEED, "nside": 64}
    sections["transductive"] = True
    inputs = {"embeddings": encoders, "catalogue": run.manifests("catalogue")}
    assert call(assess_classes, run, {"out": out}, sections, **inputs) == 0
    found = json.loads(out.read_text())
    rows = found["rows"]
    assert list(rows) == sorted(CLASSES["rows"])
    assert rows["probe"]["low"] > 0.7 and rows["probe"]["auc"] > rows["untrained"]["auc"]
    assert rows["probe"]["positives"] == run.truth["is_lens"].sum() and len(rows["probe"]["l2"]) == 4
    assert len(found["differences"]) == 3 and found["differences"][0]["first"] == "probe"
    gap = rows["probe"]["auc"] - rows[found["differences"][0]["second"]]["auc"]
    assert found["differences"][0]["difference"] == pytest.approx(gap)
    assert any("probe: AUC" in line for line in found["closing"])
    assert "transductive" in found["closing"][-1]
    missing = {**CLASSES, "positive": "nothing"}
    assert call(assess_classes, run, {"out": out}, {**sections, "classes": missing}, **inputs) == 2


def test_the_release_has_its_columns_and_joins(run, released):
    rows, header = fitsio.read(released / "lens_candidates.fits", ext="LENSES", header=True)
    frame = pd.read_parquet(released / "lens_candidates.parquet")
    wanted = (
        "NAME DESINAME OBJECT_ID RA DEC GRADE SCORE_MEAN SCORE_DELTA N_GRADERS KNOWN KNOWN_NAME FLAGS REGION TYPE MAG_G"
        " MAG_R MAG_Z Z_SPEC Z_PHOT Z_PHOT_STD EBV PROBABILITY PROVENANCE QUERIES SCORE_PROBE SCORE_CATALOGUE"
    ).split()
    assert set(wanted) <= set(frame.columns)
    assert rows["OBJECT_ID"].tolist() == frame["OBJECT_ID"].tolist() and len(frame) > 50
    at = run.catalogue.set_index("object_id").loc[frame["OBJECT_ID"]]
    assert frame["RA"].tolist() == at["ra"].tolist()
    assert frame["Z_PHOT"].tolist() == at["z_phot_median"].tolist()
    every_third = run.catalogue["object_id"].iloc[::3]
    joined = np.isfinite(frame["Z_SPEC"])
    assert joined[frame["OBJECT_ID"].isin(every_third)].all()  # entries lie 0.5 arcsec beside every third source
    assert (frame["Z_SPEC_SEPARATION"][joined] < 1.5).all()
    assert header["SIMULATE"] is True and header["RUN"] == "tiny" and header["SETTINGS"] == "{}"
    graded = json.loads((released / "counts.json").read_text())
    assert len(frame) == graded["candidates"] == sum(graded["grades"].values())
    assert frame["SIMULATED"].all() and (frame["FLAGS"] & 1024).all()


class Links(HTMLParser):
    """What a page asks of the network or of other files."""

    def __init__(self):
        super().__init__()
        self.asked, self.images, self.ids, self.inner = [], 0, set(), []

    def handle_starttag(self, tag, attrs):
        for key, value in attrs:
            if key == "id":
                self.ids.add(value)
            if key in ("src", "href", "srcset", "action", "data") and value:
                if value.startswith("data:"):
                    self.images += 1
                elif value.startswith("#"):
                    self.inner.append(value[1:])
                else:
                    self.asked.append(value)


def test_the_report_is_one_file_without_dates_that_says_what_it_must(run, released, assessed):
    page = (released / "report.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert links.asked == [] and links.images == len(FIGURES)
    assert set(links.inner) <= links.ids
    assert "http" not in page.replace("https://www.w3.org", "")
    assert not re.search(r"20\d\d-\d\d-\d\d", page)
    assert "SIMULATED" in page and assessed["probe"]["judged"]["share_text"] in page
    assert f"not measurable (n = {assessed['probe']['judged']['others']})" in page
    for word in ("Huang et al. 2021", "Stein et al. 2021", "not in the catalogue", "KNOWN-", "1 lens in"):
        assert word in page
    summary = json.loads((released / "summary.json").read_text())
    assert "times their share" in " ".join(summary["closing"])
    assert any(line.startswith("look at: ") and line.endswith("report.html") for line in summary["closing"])
    index = (run.root / "release" / "index.html").read_text()
    listed = Links()
    listed.feed(index)
    assert listed.asked and all((run.root / "release" / path).exists() for path in listed.asked)


def test_figures_are_made_of_what_is_asked_and_carry_no_version(released):
    captions = json.loads((released / "figures" / "captions.json").read_text())
    assert set(captions) == set(FIGURES)
    for name in FIGURES:
        content = (released / "figures" / f"{name}.png").read_bytes()
        assert content.startswith(b"\x89PNG") and b"matplotlib" not in content.lower() and b"tIME" not in content
    assert "21 arcsec a side" in captions["gallery_a"]  # 80 pixels of 0.262 arcsec


def test_the_same_inputs_give_the_same_bytes(run, released, settings, assessed, tmp_path):
    folder = released
    before = {path.name: path.read_bytes() for path in folder.glob("*.*")}
    sections = {"models": list(MODELS)}
    out = {"report": tmp_path / "report.html", "summary": tmp_path / "summary.json"}
    figures = [str(folder / "figures" / f"{name}.png") for name in FIGURES]
    inputs = {
        "table": folder / "lens_candidates.parquet",
        "counts": folder / "counts.json",
        "assessments": [run.path(f"assessment/{name}.json") for name in MODELS],
        "differences": [run.path("assessment/comparison.json")],
        "survey_check": [run.path("assessment/survey.json")],
        "audit": run.path("assessment/candidates.json"),
        "leak_audit": [],
        "figures": figures,
        "captions": folder / "figures" / "captions.json",
        "where": '={"paths": ["results/x"]}',
    }
    assert call(lens_report, run, out, sections, **inputs) == 0
    assert (tmp_path / "report.html").read_bytes() == before["report.html"]
    options = {
        "judged": settings.assess["judged"],
        "seed": SEED,
        "simulated": True,
        "ranking": settings.assess["ranking"],
    }
    scores = run.manifests("scores/probe")
    curve = [run.path("models/probe/calibration.json")]
    again = {"out": tmp_path / "probe.json"}
    assert (
        call(assess_model, run, again, options, name="=probe", scores=scores, calibration=curve, **judged_inputs(run))
        == 0
    )
    assert (tmp_path / "probe.json").read_bytes() == (run.root / "assessment" / "probe.json").read_bytes()


def test_a_comparison_with_no_model_names_it(run, settings, tmp_path):
    pairs = {**settings.assess["comparison"], "pairs": [{"first": "probe", "second": "prob"}]}
    options = {
        "judged": settings.assess["judged"],
        "seed": SEED,
        "simulated": True,
        "ranking": settings.assess["ranking"],
    }
    scores = run.manifests("scores/probe")
    out = {"out": tmp_path / "c.json"}
    assert call(compare_models, run, out, {**options, "comparison": pairs}, scores=scores, **judged_inputs(run)) == 2
    assert not list(tmp_path.glob("*.json"))


def test_a_real_survey_is_judged_by_labels_and_its_report_has_no_truth(run, released, settings, assessed, tmp_path):
    options = {"judged": settings.assess["judged"], "seed": SEED, "simulated": False}
    ranked = {**options, "ranking": settings.assess["ranking"]}
    inputs = {**judged_inputs(run), "truth": [], "scores": run.manifests("scores/probe"), "calibration": []}
    out = {"out": tmp_path / "probe.json"}
    assert call(assess_model, run, out, ranked, name="=probe", **inputs) == 0
    found = json.loads(out["out"].read_text())
    assert found["judged"]["target"].startswith("known lenses graded clear") and found["judged"]["unlisted"] is None
    assert found["judged"]["lenses"] < assessed["probe"]["judged"]["lenses"]
    assert list(found["completeness"]["by"]) == ["mag_r"] and "reliability" not in found
    audit = json.loads((run.root / "assessment" / "candidates.json").read_text())
    for key in ("unlisted", "purity"):
        del audit[key]
    (tmp_path / "candidates.json").write_text(json.dumps(audit))
    counts = {**json.loads((released / "counts.json").read_text()), "simulated": False}
    (tmp_path / "counts.json").write_text(json.dumps(counts))
    (tmp_path / "captions.json").write_text("{}")
    (tmp_path / "sky.png").write_bytes((released / "figures" / "sky.png").read_bytes())
    (tmp_path / "captions.json").write_text(json.dumps({"sky": "words"}))
    parts = {
        "table": released / "lens_candidates.parquet",
        "counts": tmp_path / "counts.json",
        "assessments": [tmp_path / "probe.json"],
        "audit": tmp_path / "candidates.json",
        "differences": [],
        "survey_check": [],
        "leak_audit": [],
        "figures": [tmp_path / "sky.png"],
        "captions": tmp_path / "captions.json",
        "where": '={"paths": []}',
    }
    out = {"report": tmp_path / "report.html", "summary": tmp_path / "summary.json"}
    assert call(lens_report, run, out, {"models": ["probe"]}, **parts) == 0
    page = out["report"].read_text()
    assert "Against the truth" not in page and "Is the survey fair?" not in page and 'class="simulated"' not in page
    assert not any("planted" in line for line in json.loads(out["summary"].read_text())["closing"])
