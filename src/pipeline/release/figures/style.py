"""The look that all figures share: colours that everybody can tell apart, and the marks that each of them carries."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave

from pipeline.data.atomic import atomic

# Okabe and Ito's palette, without its yellow, which is faint on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#7F7F7F")
GRADES = {"A": "#D55E00", "B": "#E69F00", "C": "#009E73"}
REGIONS = {"south": "#0072B2", "north": "#CC79A7"}
GREY = "#8A8A8A"
DPI = 110
STRIP_INCH = 0.34  # above the axes: what the figure is drawn from
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters everywhere
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.7,
}


@dataclass(frozen=True)
class Marks:
    """What stands on every figure: the run, whether it is simulated, the share of lenses, a remark."""

    run: str
    simulated: bool
    share: str
    label: str

    @property
    def text(self) -> str:
        """The line above the axes."""
        return "   ·   ".join(part for part in (f"run {self.run}", self.share, self.label) if part)


def new(width: float, height: float, rows: int = 1, columns: int = 1, **options) -> tuple[Figure, list[Axes]]:
    """Return a figure of width x height inches (without the strip of marks) and its axes, row by row."""
    figure = Figure(figsize=(width, height + STRIP_INCH), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0, 1, height / (height + STRIP_INCH)))
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.flat)


def look():
    """Return the context in which figures are drawn and saved."""
    return matplotlib.rc_context(STYLE)


def save(figure: Figure, marks: Marks, path: Path) -> None:
    """Mark the figure and write it as PNG. Its bytes tell nothing about when and with what it was drawn."""
    height = figure.get_figheight()
    line = 1 - 0.17 / height
    words = {"va": "center", "fontsize": 8.5}
    figure.text(0.012, line, marks.text, ha="left", color="#555555", **words)
    if marks.simulated:
        box = {"boxstyle": "round,pad=0.25", "facecolor": "#FFF3CD", "edgecolor": "#B8860B", "linewidth": 0.8}
        figure.text(0.988, line, "SIMULATED", ha="right", color="#7A5A00", weight="bold", bbox=box, **words)
    # `Figure.savefig` lays the figure out and draws it twice.
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    with atomic(path) as temporary:
        imsave(temporary, np.asarray(canvas.buffer_rgba()), format="png", dpi=DPI, metadata={"Software": None})


def bars(value, low, high) -> np.ndarray:
    """Return the lengths (2, N) of error bars; a bootstrap interval may lie to one side of the value."""
    value, low, high = (np.atleast_1d(np.asarray(one, dtype=np.float64)) for one in (value, low, high))
    return np.stack([np.maximum(value - low, 0), np.maximum(high - value, 0)])


def mosaic(rows: int, columns: int, cell: float, title: float) -> tuple[Figure, list[Axes]]:
    """Return a figure of rows x columns pictures, `cell` inches a side with `title` inches above each, and its axes.

    The places are fixed: matplotlib's own layout takes seconds for some dozens of axes.
    """
    width, height = columns * cell, rows * (cell + title) + STRIP_INCH
    figure = Figure(figsize=(width, height), dpi=DPI)
    axes = []
    for number in range(rows * columns):
        row, column = divmod(number, columns)
        bottom = height - STRIP_INCH - (row + 1) * (cell + title)
        place = ((column + 0.02) * cell / width, bottom / height, 0.96 * cell / width, 0.96 * cell / height)
        axes.append(figure.add_axes(place))
    return figure, axes


def colours(names: list[str]) -> dict[str, str]:
    """Return a colour for each name, in their order."""
    return {name: PALETTE[number % len(PALETTE)] for number, name in enumerate(names)}


def say(axes: Axes, text: str) -> None:
    """Write a sentence where there is nothing to draw."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color="#555555", wrap=True)
