"""The pictures of the README, drawn from a finished run: its rules, found lenses, figures of the reports."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from pipeline.data.atomic import atomic
from pipeline.data.manifests import shard_paths
from pipeline.data.tables import read_parquet
from pipeline.errors import PipelineError
from pipeline.images.colour import rgb_bytes
from pipeline.release import rule_graph
from pipeline.release.figures import style
from pipeline.release.figures.galleries import middle
from pipeline.release.images import read_images

GALLERY = (3, 8)  # rows and columns of pictures
CELL_INCH = 1.3
COLOURS = 255  # of a picture's palette: a third of the bytes, and no difference that one sees
# Figures of the report, as a reader meets them; those that a run does not have leave their place to the next.
MONTAGE = (
    "sky",
    "precision_recall",
    "inspected",
    "completeness",
    "training_ratios",
    "comparison",
    "known",
    "distributions",
    "survey",
)
REDSHIFT_MONTAGE = (
    "against_reference",
    "velocity_curve",
    "line_confusions",
    "accuracy",
    "flagged",
    "pulls",
)
MONTAGE_WIDTH, MONTAGE_COLUMNS, MARGIN = 1800, 3, 18  # pixels, figures beside each other, pixels


def write_pictures(results: Path, out: Path) -> list[Path]:
    """Draw the pictures of a run.

    Parameters
    ----------
    results : Path
        results/<run>; the working directory is that of the Snakefile.
    out : Path
        Folder for graph.png; gallery.png and report.png of released lenses; redshifts.png of released redshifts.

    Returns
    -------
    list of Path

    Raises
    ------
    PipelineError
        The run has no release, or Snakemake cannot tell its rules.
    """
    lenses, redshifts = results / "release" / "lenses", results / "release" / "redshifts"
    found = (lenses / "lens_candidates.parquet").is_file(), (redshifts / "quasar_redshifts.parquet").is_file()
    if not any(found):
        raise PipelineError(
            "this run has no release to draw", where=lenses.parent, next="snakemake --cores all, or another run"
        )
    rules, edges = rule_graph.parse_dot(_rule_graph(results / "settings.yaml"))
    chapters = chapters_of(Path("workflow/rules"), Path("Snakefile").read_text(encoding="utf-8"))
    title = f"From raw files to released catalogues: {len(rules)} rules"
    paths = [out / "graph.png"]
    with style.look(), atomic(paths[0]) as temporary:
        rule_graph.draw(rules, edges, chapters, title).savefig(temporary, format="png", dpi=style.DPI)
    if found[0]:
        paths.append(_draw_gallery(results, lenses, out / "gallery.png"))
        paths.append(_write_montage(lenses, MONTAGE, out / "report.png"))
    if found[1]:
        paths.append(_write_montage(redshifts, REDSHIFT_MONTAGE, out / "redshifts.png"))
    for path in paths:
        with Image.open(path) as image, atomic(path) as temporary:
            image.convert("RGB").quantize(COLOURS).save(temporary, format="PNG", optimize=True)
    return paths


def _draw_gallery(results: Path, lenses: Path, path: Path) -> Path:
    table = read_parquet(lenses / "lens_candidates.parquet")
    marks = style.Marks(
        run=results.name,
        simulated=bool(table["SIMULATED"].any()),
        share="grade, mean score of the graders, known from a list or new; 20 arcsec a side",
        label="",
    )
    with style.look():
        style.save(_gallery(results, table), marks, path)
    return path


def _write_montage(release: Path, names: Sequence[str], path: Path) -> Path:
    figures = [release / "figures" / f"{name}.png" for name in names]
    sheet = montage([Image.open(figure) for figure in figures if figure.is_file()])
    with atomic(path) as temporary:
        sheet.save(temporary, format="PNG")
    return path


def _rule_graph(settings: Path) -> str:
    """Return the graph of a run's rules as Snakemake prints it, in DOT."""
    command = [Path(sys.executable).with_name("snakemake"), "--rulegraph", "dot", "--configfile", settings]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError("snakemake could not print its graph", where=settings, value=done.stderr.strip()[-600:])
    return done.stdout


def chapters_of(rules: Path, snakefile: str) -> dict[str, list[str]]:
    """Return the rules of each file of workflow/rules, in the order in which the Snakefile includes them."""
    chapters = {}
    for name in re.findall(r'^\s*include: "workflow/rules/(\w+)\.smk"', snakefile, re.M):
        text = (rules / f"{name}.smk").read_text(encoding="utf-8")
        if members := re.findall(r"^\s*rule (\w+):", text, re.M):
            chapters[name] = members
    return chapters


def _gallery(results: Path, table: pd.DataFrame) -> Figure:
    """Draw the candidates with the highest grades and scores."""
    rows, columns = GALLERY
    order = np.lexsort((table["OBJECT_ID"], -table["PROBABILITY"].fillna(-1), -table["SCORE_MEAN"], table["GRADE"]))
    shown = table.iloc[order[: rows * columns]]
    shards = [path for one in sorted((results / "images/shards").glob("*.json")) for _, path in shard_paths(one, ".h5")]
    images, scale = read_images(shards, shown["OBJECT_ID"].tolist())
    figure, panels = style.mosaic(-(-len(shown) // columns), columns, CELL_INCH, 0.22)
    for axes in panels:
        axes.set_axis_off()
    for axes, row in zip(panels, shown.to_dict("records"), strict=False):
        image = images[row["OBJECT_ID"]]
        pixels = round(20 / scale)  # 20 arcsec
        axes.imshow(rgb_bytes(middle(image, pixels)), origin="lower", interpolation="lanczos")
        label = f"{row['GRADE']}  {row['SCORE_MEAN']:.1f}  {'known' if row['KNOWN'] else 'new'}"
        axes.set_title(label, fontsize=7.5, loc="center", pad=2)
    return figure


def montage(figures: Sequence[Image.Image]) -> Image.Image:
    """Return figures beside and below each other, each as wide as its column; the next goes to the shortest column.

    Raises
    ------
    PipelineError
        There is no figure.
    """
    if not figures:
        raise PipelineError("the report of this run has no figures", next="run snakemake again")
    columns = min(MONTAGE_COLUMNS, len(figures))
    width = (MONTAGE_WIDTH - MARGIN * (columns + 1)) // columns
    ends = [MARGIN] * columns
    placed = []
    for figure in figures:
        column = int(np.argmin(ends))
        part = figure.convert("RGB").resize(
            (width, round(figure.height * width / figure.width)), Image.Resampling.LANCZOS
        )
        placed.append((part, (MARGIN + column * (width + MARGIN), ends[column])))
        ends[column] += part.height + MARGIN
    sheet = Image.new("RGB", (columns * (width + MARGIN) + MARGIN, max(ends)), "white")
    for part, corner in placed:
        sheet.paste(part, corner)
    return sheet
