"""Panels that several figures share: a grid with one of each estimator, the places of bins, a figure without data."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.release.figures import style

_FOOT_INCH = 0.25  # for the label of the last row
_BELOW, _PART = 0.12, 0.73  # of a row's height: below its axes, and their own


class Grid:
    """Panels for `number` items, at most three a row, `width` x `height` inches each.

    Attributes
    ----------
    figure : Figure
    axes : list of Axes
        One for each item.
    left, lowest : list of Axes
        Those at the left edge, and those below which there is none.
    """

    def __init__(self, number: int, width: float, height: float, **options):
        columns = min(3, max(number, 1))
        rows = -(-max(number, 1) // columns)
        self.figure, panels = style.new(width * columns, height * rows, rows, columns, **options)
        self.axes: list[Axes] = panels[:number]
        self.left, self.lowest = self.axes[::columns], self.axes[max(number - columns, 0) :]
        for axes in panels[number:]:
            axes.set_axis_off()
        for axes in self.lowest:
            axes.tick_params(labelbottom=True)


def rows(
    number: int, height: float, columns: tuple[tuple[float, float], ...], width: float
) -> tuple[Figure, list[Axes]]:
    """Return a figure of `number` rows, `height` inches each and `width` wide, and its axes, row by row.

    columns: left and right ends of each, inches. The places are fixed: matplotlib's own layout takes seconds for some
    dozens of axes.
    """
    total = number * height + _FOOT_INCH + style.STRIP_INCH
    figure = Figure(figsize=(width, total), dpi=style.DPI)
    found = []
    for row in range(number):
        bottom = total - style.STRIP_INCH - (row + 1) * height
        for left, right in columns:
            place = (left / width, (bottom + _BELOW * height) / total, (right - left) / width, _PART * height / total)
            found.append(figure.add_axes(place))
    return figure, found


def middle(row: dict, *, logarithmic: bool) -> float:
    """Return where a bin (`lower`, `upper`) is drawn; the first and the last one of S/N reach very far."""
    if not logarithmic:
        return (row["lower"] + row["upper"]) / 2
    low = row["lower"] or row["upper"] / 4
    high = min(row["upper"], 4 * low)
    return float(np.sqrt(low * high))


def sn_axis(axes: Axes) -> None:
    """Make the abscissa that of a median S/N, with plain numbers."""
    axes.set_xscale("log")
    axes.set_xlabel("median S/N of a pixel")
    low, high = axes.get_xlim()
    ticks = [tick for tick in (0.1, 0.3, 1, 3, 10, 30, 100) if low <= tick <= high]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def nothing(words: str) -> tuple[Figure, str]:
    """Return a figure that says why there is nothing to draw, and its caption."""
    figure, (axes,) = style.new(7, 0.8)
    style.say(axes, words)
    return figure, f"{words[0].upper()}{words[1:]}."
