"""The pictures of the README on a small made-up run."""

import re

import numpy as np
import pytest
from graded_run import make
from matplotlib.figure import Figure
from PIL import Image

from pipeline.data.tables import write_parquet
from pipeline.errors import PipelineError
from pipeline.release import pictures

DOT = 'digraph d {\n\t0[label = "all"];\n\t1[label = "ingest"];\n\t2[label = "embed"];\n\t1 -> 2\n\t2 -> 0\n}\n'


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """results/<run> with images, a table of candidates and two figures of the report."""
    folder = tmp_path_factory.mktemp("drawn") / "results" / "made"
    run = make(folder / "images", n=120)
    table = run.catalogue[["object_id"]].rename(columns={"object_id": "OBJECT_ID"}).iloc[:9].copy()
    table["GRADE"] = ["C", "A", "B", "A", "C", "B", "A", "C", "C"]
    table["SCORE_MEAN"] = [2.0, 4.0, 3.0, 3.5, 2.5, 3.0, 3.5, 2.0, 2.0]
    table["PROBABILITY"] = np.linspace(0.1, 0.9, 9)
    table["KNOWN"] = [False, True] * 4 + [False]
    table["SIMULATED"] = True
    lenses = folder / "release" / "lenses"
    write_parquet(table, lenses / "lens_candidates.parquet")
    (lenses / "figures").mkdir()
    for name, colour in (("sky", "navy"), ("known", "crimson")):
        figure = Figure(figsize=(4, 3), facecolor=colour)
        figure.savefig(lenses / "figures" / f"{name}.png")
    (folder / "settings.yaml").write_text("run: made\n")
    return folder


def test_the_gallery_shows_the_best_first_and_says_what_is_known(results):
    table = pictures.read_parquet(results / "release" / "lenses" / "lens_candidates.parquet")
    figure = pictures._gallery(results, table)
    shown = [axes.get_title() for axes in figure.axes if axes.images]
    assert shown[:3] == ["A  4.0  known", "A  3.5  new", "A  3.5  known"]  # of equal scores the more probable one
    assert [title[0] for title in shown] == sorted(title[0] for title in shown) and len(shown) == 9
    pixels = figure.axes[0].images[0].get_array()
    assert pixels.shape == (76, 76, 3) and pixels.max() > 100  # 20 arcsec of 0.262


def test_a_montage_holds_every_figure_once_and_fills_its_columns():
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)]
    sheet = np.asarray(pictures.montage([Image.new("RGB", (400, 300), colour) for colour in colours]))
    assert sheet.shape[1] == pictures.MONTAGE_WIDTH - (pictures.MONTAGE_WIDTH - 4 * 18) % 3
    width = (pictures.MONTAGE_WIDTH - 4 * pictures.MARGIN) // 3
    for colour in colours:
        assert (sheet == colour).all(axis=2).sum() == width * round(300 * width / 400)
    with pytest.raises(PipelineError, match="no figures"):
        pictures.montage([])


def test_three_small_pictures_are_written(results, root, tmp_path, monkeypatch):
    monkeypatch.chdir(root)
    asked = []
    monkeypatch.setattr(pictures, "_rule_graph", lambda settings: asked.append(settings) or DOT)
    paths = pictures.write_pictures(results, tmp_path / "out")
    assert [path.name for path in paths] == ["graph.png", "gallery.png", "report.png"]
    assert asked == [results / "settings.yaml"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in paths)
    for path in paths:
        with Image.open(path) as image:
            assert image.format == "PNG" and image.mode == "P" and image.width > 150
    first = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in pictures.write_pictures(results, tmp_path / "out")] == first


def test_the_mark_stands_on_the_gallery_of_a_simulated_run_only(results, root, tmp_path, monkeypatch):
    monkeypatch.chdir(root)
    monkeypatch.setattr(pictures, "_rule_graph", lambda settings: DOT)
    lenses = results / "release" / "lenses"
    table = pictures.read_parquet(lenses / "lens_candidates.parquet")
    yellow = []
    for simulated in (True, False):
        monkeypatch.setattr(pictures, "read_parquet", lambda path, s=simulated: table.assign(SIMULATED=s))
        path = pictures.write_pictures(results, tmp_path / str(simulated))[1]
        pixels = np.asarray(Image.open(path).convert("RGB"))[:40, -130:].astype(int)
        yellow.append(int(((pixels[..., 0] > 240) & (pixels[..., 2] < 220)).sum()))
    assert yellow[0] > 500 and yellow[1] == 0


def test_a_run_of_one_half_has_the_pictures_of_that_half(results, root, tmp_path, monkeypatch):
    monkeypatch.chdir(root)
    monkeypatch.setattr(pictures, "_rule_graph", lambda settings: DOT)
    redshifts = tmp_path / "results/spectra/release/redshifts"
    table = pictures.read_parquet(results / "release/lenses/lens_candidates.parquet")
    write_parquet(table, redshifts / "quasar_redshifts.parquet")
    (redshifts / "figures").mkdir()
    Figure(figsize=(4, 3), facecolor="green").savefig(redshifts / "figures" / "accuracy.png")
    paths = pictures.write_pictures(tmp_path / "results/spectra", tmp_path / "out")
    assert [path.name for path in paths] == ["graph.png", "redshifts.png"]
    with Image.open(paths[1]) as image:
        assert image.convert("RGB").getpixel((image.width // 2, image.height // 2)) == (0, 128, 0)


def test_a_run_without_a_release_is_refused(tmp_path):
    with pytest.raises(PipelineError, match="no release"):
        pictures.write_pictures(tmp_path, tmp_path / "out")


def test_chapters_are_the_files_that_the_snakefile_includes(root):
    chapters = pictures.chapters_of(root / "workflow" / "rules", (root / "Snakefile").read_text())
    assert list(chapters)[:2] == ["survey", "labels"] and "common" not in chapters
    assert {"ingest", "simulate_survey"} <= set(chapters["survey"]) and "pretrain" in chapters["encoders"]
    rules = [rule for members in chapters.values() for rule in members]
    written = "".join(path.read_text() for path in (root / "workflow" / "rules").glob("*.smk"))
    assert sorted(rules) == sorted(re.findall(r"^ *rule (\w+):", written, re.M))
