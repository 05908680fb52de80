"""The published redshifts, their figures and the report, from arguments to files."""

import html
import json
import re

import fitsio
import numpy as np
import pandas as pd
import pytest
from astropy.io.votable import parse
from astropy.table import Table
from made_up_redshifts import NAMES
from matplotlib.image import imread
from released_redshifts import Made, N

from pipeline.data.redshift_bits import bit
from pipeline.data.redshift_columns import registry
from pipeline.release.redshift_figures.everything import FIGURES
from pipeline.stages import _closing, redshift_figures, redshift_report, release_index, release_redshifts

RELEASE = {"name": "Redshifts", "gallery": {"failures": 2, "smoothing": 3}}
SUFFIXES = ("fits", "ecsv", "vot", "parquet")
# Figures of line finders, template fits and experiments.
NOT_OF_ONE = (
    "line_finder_fails", "failed_spectra", "masked_spectrum", "masked_velocity", "optimisers", "choices",
    "eigenspectra",
)  # fmt: skip
VALUES = {"run": "=r", "survey": "=simulated", "digest": "=ab", "code": "=cd"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Made(tmp_path_factory.mktemp("released"))


def publish(made, folder, **changes):
    out = {name: folder / f"quasar_redshifts.{name}" for name in SUFFIXES}
    inputs = {name: made.paths[name] for name in ("combined", "catalogue", "sample")}
    settings = {"release": RELEASE, "simulated": True, "object_arcsec": 2.0}
    given = {**inputs, **out, "counts": folder / "counts.json", **VALUES, **changes}
    return made.call(release_redshifts, settings, **given)


def draw(made, folder, shown=tuple(FIGURES), names=NAMES, **changes):
    inputs = ("assessment", "velocity", "shards", "candidates", "histories", "templates", "masked", "sweeps")
    given = {"counts": folder / "counts.json", **{name: made.paths[name] for name in inputs}, **changes}
    out = {name: folder / "figures" / f"{name}.png" for name in shown}
    settings = {"gallery": RELEASE["gallery"], "names": list(names)}
    return made.call(redshift_figures, settings, **given, captions=folder / "figures/captions.json", **out)


def report(made, folder, **changes):
    given = {
        "table": folder / "quasar_redshifts.parquet", "counts": folder / "counts.json",
        "assessment": made.paths["assessment"], "masked": made.paths["masked"], "sweeps": made.paths["sweeps"],
        "figures": sorted((folder / "figures").glob("*.png")), "captions": folder / "figures/captions.json",
        "report": folder / "report.html", "summary": folder / "summary.json", "where": '={"paths": ["results/x"]}',
    }  # fmt: skip
    return made.call(redshift_report, None, **{**given, **changes})


@pytest.fixture(scope="module")
def released(made):
    folder = made.root / "results/r/release/redshifts"
    (folder / "figures").mkdir(parents=True)
    assert publish(made, folder) == 0
    assert draw(made, folder) == 0, made.log
    assert report(made, folder) == 0
    return folder


def test_the_table_holds_the_redshifts_of_every_spectrum(made, released):
    frame = pd.read_parquet(released / "quasar_redshifts.parquet").set_index("SPECTRUM_ID")
    assert len(frame) == N and list(frame.RA) == sorted(frame.RA)
    frame = frame.loc[made.survey.table.spectrum_id]
    for name, dataset in (("Z", "z"), ("Z_PCA", "z_pca"), ("Z_SECOND_FNET", "z_second_fnet"), ("ZWARN", "zwarn")):
        np.testing.assert_array_equal(frame[name], made.columns[dataset])
    np.testing.assert_array_equal(frame["CONFIDENCE_MGII_QUASARNET"], made.columns["line_confidence_quasarnet"][:, 3])
    np.testing.assert_array_equal(frame["Z_LYA_QUASARNET"], made.columns["line_z_quasarnet"][:, 0])
    for name in ("pca", "quasarnet"):
        assert frame[f"CLASS_{name.upper()}"].tolist() == made.columns[f"class_{name}"].tolist()
    assert (frame["CONFIDENT"] == ((made.columns["zwarn"] & bit("LOW_CONFIDENCE")) == 0)).all()
    assert frame["CONFIDENT"].sum() == (made.columns["class"] == "quasar").sum() > 100
    in_sample = made.survey.table.spectrum_id % 2 == 1
    expected = made.survey.table.set.where(in_sample, "")
    assert frame["SAMPLE"].tolist() == expected.tolist()
    assert frame["SIMULATED"].all() and frame["DESIGNATION"].str.fullmatch(r"J1[0-9]{5}\.\d\d-001500\.0").all()
    # Spectra at one place are of one object.
    same = frame.groupby(["RA", "DEC"])["GROUP_ID"]
    assert (same.nunique() == 1).all() and frame["GROUP_ID"].nunique() == same.ngroups < N


def test_units_and_meanings_are_read_back_by_other_tools(released):
    rows, header = fitsio.read(released / "quasar_redshifts.fits", ext="REDSHIFTS", header=True)
    table = Table.read(released / "quasar_redshifts.ecsv")
    votable = parse(released / "quasar_redshifts.vot").get_first_table()
    frame = pd.read_parquet(released / "quasar_redshifts.parquet")
    assert table.colnames == list(frame.columns) == list(rows.dtype.names) == [one.name for one in votable.fields]
    for read in (rows, table, frame):
        np.testing.assert_array_equal(np.asarray(read["Z_ERR_PCA"]), frame["Z_ERR_PCA"].to_numpy())
    assert table["RA"].unit == "deg" and table["MJD"].unit == "d" and table["Z"].unit is None
    fields = {one.name: one for one in votable.fields}
    assert fields["Z"].ucd == "src.redshift;meta.main" and fields["Z_ERR_FNET"].ucd == "stat.error;src.redshift"
    assert fields["PLATE"].values.null == -1 and "fnet" in fields["Z_ERR_FNET"].description
    assert header["SIMULATE"] is True and header["RUN"] == "r" and header["SETTINGS"] == "ab"
    assert header["MODELS"] == ",".join(sorted(NAMES)) and "16 LOW_CONFIDENCE" in header["FLAGBITS"]


def test_every_entry_of_the_registry_is_complete():
    from astropy.io.votable import ucd

    for name, entry in registry().entries.items():
        assert set(entry) == {"dtype", "unit", "ucd", "description", "missing"}, name
        assert len(entry["description"].format(model="quasarnet")) <= 68, name
        ucd.parse_ucd(entry["ucd"], check_controlled_vocabulary=True)


def test_counts_are_those_of_the_table(released):
    counts = json.loads((released / "counts.json").read_text())
    frame = pd.read_parquet(released / "quasar_redshifts.parquet")
    assert counts["spectra"] == N and counts["confident"] == frame.CONFIDENT.sum()
    assert counts["confident"] + counts["flagged"] == N and counts["objects"] == frame.GROUP_ID.nunique()
    assert {row["value"]: row["spectra"] for row in counts["by_class"]} == frame.CLASS.value_counts().to_dict()
    sky = frame.CLASS_PIPE == "SKY"
    assert counts["sky_fibres"] == {"spectra": sky.sum(), "confident": (sky & frame.CONFIDENT).sum()}
    assert {row["name"] for row in counts["bits"]} >= {"LOW_CONFIDENCE", "NO_LINES", "DISAGREE"}
    assert sum(counts["redshifts"]["confident"]) == counts["confident"]
    assert sum(counts["redshifts"]["inspected"]) == frame.Z_VI.notna().sum()
    assert counts["estimators"]["pca"] == ((frame.ZWARN_PCA & bit("LOW_CONFIDENCE")) == 0).sum()


def test_figures_are_drawn_and_say_what_they_show(released):
    captions = json.loads((released / "figures/captions.json").read_text())
    assert set(captions) == set(FIGURES)
    for name, caption in captions.items():
        picture = imread(released / "figures" / f"{name}.png")[..., :3]
        assert picture.std() > 0.02 and picture.min() < 0.4, name
        assert len(caption) > 60 and caption.endswith("."), name


def test_the_report_holds_the_numbers_of_the_assessment(made, released):
    page = html.unescape((released / "report.html").read_text())
    found = json.loads(made.paths["assessment"].read_text())
    combined = found["estimators"]["combined"]
    for limit in ("3000", "6000", "12000", "30000"):
        for estimator in found["estimators"].values():
            row = estimator["quasars"]["within"][limit]
            assert f"{100 * row['share']:.1f} ({100 * row['low']:.1f} to {100 * row['high']:.1f}) %" in page
    flagged = combined["quasars"]["flagged"]
    assert f"{flagged['count']} of {flagged['of']} = {100 * flagged['share']:.1f}" in page
    sky = combined["others_unflagged"]["sky"]
    assert f"{sky['count']} of {sky['of']}" in page
    assert page.count("published, other sample") >= len(found["published"]) and "97.8 %" in page
    pairs = [pair for one in found["estimators"].values() for pair in list(one["line_confusion"]["pairs"])[:3]]
    assert pairs and all(pair in page for pair in pairs)
    assert "4,321" in page and "9,876" in page and "12,345" in page  # experiments
    assert 'class="simulated"' in page and page.count("data:image/png;base64,") == len(FIGURES)
    assert not re.search(r'(?:src|href)="(?!data:|#)', page) and not re.search(r"20\d\d-\d\d-\d\d", page)


def test_a_run_without_experiments_or_line_finder_leaves_them_out(made, released, tmp_path):
    (tmp_path / "figures").mkdir()
    for name in ("counts.json", "quasar_redshifts.parquet"):
        (tmp_path / name).write_bytes((released / name).read_bytes())
    none = {"masked": [], "sweeps": []}
    assert draw(made, tmp_path, ("pulls", "outliers"), histories=[], templates=[], **none) == 0
    found = json.loads(made.paths["assessment"].read_text()) | {"failures_of_line_finders": {}}
    (tmp_path / "assessment.json").write_text(json.dumps(found))
    assert report(made, tmp_path, assessment=tmp_path / "assessment.json", **none) == 0
    page = (tmp_path / "report.html").read_text()
    assert "Experiments" not in page and "line finder fails" not in page and page.count("data:image/png") == 2


def test_one_estimator_alone_is_released(tmp_path):
    """The settings of the RNet slides: one redshift a spectrum, neither lines nor classes nor experiments."""
    alone = Made(tmp_path / "run", names=("rnet",))
    folder = tmp_path / "redshifts"
    (folder / "figures").mkdir(parents=True)
    assert publish(alone, folder) == 0, alone.log
    frame = pd.read_parquet(folder / "quasar_redshifts.parquet")
    np.testing.assert_allclose(frame["Z"], frame["Z_RNET"], rtol=1e-15)
    assert frame["Z_SECOND"].isna().all() and "Z_PCA" not in frame
    shown = [name for name in FIGURES if name not in NOT_OF_ONE]
    none = {"masked": [], "sweeps": []}
    assert draw(alone, folder, shown, names=("rnet",), templates=[], **none) == 0, alone.log
    assert report(alone, folder, **none) == 0, alone.log
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png") == len(shown) and "rnet" in page
    assert "Where the line finder fails" not in page and "Experiments" not in page


def test_the_same_bytes_come_out_again(made, released, tmp_path):
    (tmp_path / "figures").mkdir()
    reverse = {name: made.paths[name][::-1] for name in ("combined", "catalogue")}
    assert publish(made, tmp_path, **reverse) == 0
    shown = ("against_reference", "outliers", "masked_spectrum")
    assert draw(made, tmp_path, shown, shards=made.paths["shards"][::-1]) == 0
    names = [*(f"quasar_redshifts.{suffix}" for suffix in SUFFIXES), "counts.json"]
    names += [f"figures/{name}.png" for name in shown]
    assert [name for name in names if (tmp_path / name).read_bytes() != (released / name).read_bytes()] == []
    before = (released / "report.html").read_bytes()
    assert report(made, released) == 0 and (released / "report.html").read_bytes() == before


def test_the_entrance_and_the_last_lines_show_the_redshifts(made, released):
    index = released.parent / "index.html"
    summary = released / "summary.json"
    assert made.call(release_index, None, summaries=[summary], out=index) == 0
    page = index.read_text()
    content = json.loads(summary.read_text())
    assert "Quasar redshifts" in page and 'href="redshifts/quasar_redshifts.fits"' in page
    assert f"<b>{content['found']['confident']:,}</b>" in page
    lines = _closing.lines(released.parent.parent)
    assert lines == [*content["closing"], f"look at: {index.as_posix()}"] and len(lines) <= 12
    text = "\n".join(lines)
    assert f"{content['found']['confident']} of confident quasars" in text and "QuasarNET" in text
    assert lines[-2] == "look at: results/x"


def test_what_does_not_fit_is_named(made, released, tmp_path):
    (tmp_path / "figures").mkdir()
    assert publish(made, tmp_path, combined=made.paths["combined"][:1]) == 2
    assert "not of the same spectra" in made.log
    (tmp_path / "counts.json").write_bytes((released / "counts.json").read_bytes())
    assert draw(made, tmp_path, ("outliers",), shards=made.paths["shards"][:1]) == 2
    assert "judged spectra are in no shard" in made.log
    assert not list(tmp_path.glob("*.fits"))
