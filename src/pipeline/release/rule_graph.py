"""The graph of the rules as a picture: Snakemake's DOT text, laid out in layers, coloured by chapter."""

import re
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path as Outline

from pipeline.errors import PipelineError
from pipeline.release.figures.style import GREY, PALETTE

Edge = tuple[str, str]
SWEEPS = 24  # passes of the ordering within layers; more change nothing for graphs of some dozens of rules
CELL = (1.52, 0.66)  # inches for a rule across and along the flow
BOX = (1.36, 0.34)
FONT, LETTERS = 8.6, 22  # points, and how many letters of them a box holds


def parse_dot(text: str) -> tuple[list[str], list[Edge]]:
    """Return the rules and the edges (from, to) of what `snakemake --rulegraph` prints; `all` is left out.

    A rule that appears in several steps, as those of a second round do, closes a circle: the edge that does is left
    out.

    Raises
    ------
    PipelineError
        The text is no such graph.
    """
    rules = dict(re.findall(r'^\s*(\d+)\s*\[label\s*=\s*"([A-Za-z_]\w*)', text, re.M))
    if not rules:
        raise PipelineError("not a graph of rules", value=text[:200], allowed="what snakemake --rulegraph prints")
    edges = [(rules[one], rules[two]) for one, two in re.findall(r"^\s*(\d+)\s*->\s*(\d+)", text, re.M)]
    names = sorted(name for name in rules.values() if name != "all")
    return names, _without_circles(names, sorted({edge for edge in edges if "all" not in edge}))


def _without_circles(rules: Sequence[str], edges: Sequence[Edge]) -> list[Edge]:
    """Return the edges without those that lead back to a rule on the way from the sources to them."""
    after: dict[str, list[str]] = {name: [] for name in rules}
    for one, two in edges:
        after[one].append(two)
    on_the_way, finished, back = set(), set(), set()

    def visit(name: str) -> None:
        on_the_way.add(name)
        for other in after[name]:
            if other in on_the_way:
                back.add((name, other))
            elif other not in finished:
                visit(other)
        on_the_way.remove(name)
        finished.add(name)

    needed = {two for one, two in edges if one != two}
    for name in sorted(rules, key=lambda name: name in needed):
        if name not in finished:
            visit(name)
    return [edge for edge in edges if edge not in back]


def essential(rules: Sequence[str], edges: Sequence[Edge]) -> list[Edge]:
    """Return the edges that no longer way between the same rules makes superfluous."""
    after: dict[str, set[str]] = {name: set() for name in rules}
    for one, two in edges:
        after[one].add(two)
    reach: dict[str, set[str]] = {}
    for name in _sorted(rules, edges)[::-1]:
        reach[name] = set().union(after[name], *(reach[other] for other in after[name]))
    return [(one, two) for one, two in edges if not any(two in reach[other] for other in after[one] - {two})]


def _sorted(rules: Sequence[str], edges: Sequence[Edge]) -> list[str]:
    before: dict[str, list[str]] = {name: [] for name in sorted(rules)}
    for one, two in sorted(edges):
        before[two].append(one)
    return list(TopologicalSorter(before).static_order())


def layers_of(rules: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Return the layer of each rule: one more than the last of those it needs, and no earlier than it is needed."""
    order = _sorted(rules, edges)
    layer = dict.fromkeys(order, 0)
    after: dict[str, list[str]] = {name: [] for name in order}
    before: dict[str, list[str]] = {name: [] for name in order}
    for one, two in edges:
        after[one].append(two)
        before[two].append(one)
    for name in order:
        layer[name] = max((layer[one] + 1 for one in before[name]), default=0)
    for name in order[::-1]:
        if after[name] and not before[name]:  # a source stands beside what reads it, not at the far end
            layer[name] = min(layer[two] for two in after[name]) - 1
    return layer


def place(rules: Sequence[str], edges: Sequence[Edge]) -> tuple[dict[str, tuple[float, int]], dict[Edge, np.ndarray]]:
    """Lay out a graph in layers.

    Returns
    -------
    places : dict
        rule -> (position across, layer), in units of one cell.
    ways : dict
        edge -> points (n, 2) that it passes, from the first rule to the second.
    """
    layer = layers_of(rules, edges)
    chains, links = {}, []
    rows: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for name in _sorted(rules, edges):
        rows[layer[name]].append(name)
    for one, two in edges:
        # A long edge passes through a place of its own in every layer between.
        between = [f"{one}>{two}>{number}" for number in range(layer[one] + 1, layer[two])]
        for number, name in enumerate(between, start=layer[one] + 1):
            rows[number].append(name)
        chains[one, two] = [one, *between, two]
        links += list(zip(chains[one, two], chains[one, two][1:], strict=False))
    above, below = _neighbours(links)
    _order(rows, above, below)
    x = _across(rows, above, below)
    level = {name: number for number, row in enumerate(rows) for name in row}
    ways = {edge: np.array([(x[name], level[name]) for name in chain]) for edge, chain in chains.items()}
    return {name: (x[name], layer[name]) for name in layer}, ways


def _neighbours(links: Sequence[Edge]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for one, two in links:
        above.setdefault(two, []).append(one)
        below.setdefault(one, []).append(two)
    return above, below


def crossings(rows: Sequence[Sequence[str]], below: Mapping[str, list[str]]) -> int:
    """Return how many pairs of links between neighbouring layers cross."""
    total = 0
    for row, following in zip(rows, rows[1:], strict=False):
        at = {name: number for number, name in enumerate(following)}
        ends = [at[other] for name in row for other in sorted(below.get(name, []), key=at.get)]
        total += sum(ends[i] > ends[j] for i in range(len(ends)) for j in range(i + 1, len(ends)))
        # Links that leave the same place were sorted, so that they count as not crossing.
    return total


def _order(rows: list[list[str]], above: Mapping, below: Mapping) -> None:
    """Order each layer, in place, by the mean place of neighbours, down and up; that with fewest crossings stays."""
    best, fewest = [list(row) for row in rows], crossings(rows, below)
    for sweep in range(SWEEPS):
        near, numbers = (above, range(1, len(rows))) if sweep % 2 == 0 else (below, range(len(rows) - 2, -1, -1))
        for number in numbers:
            other = rows[number - 1] if sweep % 2 == 0 else rows[number + 1]
            at = {name: position for position, name in enumerate(other)}
            own = {name: position for position, name in enumerate(rows[number])}

            def mean(name, at=at, own=own, near=near):
                found = [at[one] for one in near.get(name, [])]
                return float(np.mean(found)) if found else float(own[name])

            rows[number].sort(key=mean)
        found = crossings(rows, below)
        if found < fewest:
            best, fewest = [list(row) for row in rows], found
    rows[:] = best


def _across(rows: Sequence[Sequence[str]], above: Mapping, below: Mapping) -> dict[str, float]:
    """Return positions across that keep the order, one cell apart (half a cell beside an edge), near to neighbours."""
    x = {name: float(number) for row in rows for number, name in enumerate(row)}
    for sweep in range(60):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wanted = []
            for name in row:
                near = [x[one] for one in (*above.get(name, []), *below.get(name, []))]
                wanted.append(float(np.mean(near)) if near else x[name])
            gaps = [0.0, *(1.0 if ">" not in one + two else 0.55 for one, two in zip(row, row[1:], strict=False))]
            offset = np.cumsum(gaps)
            for name, value in zip(row, _isotonic(np.array(wanted) - offset) + offset, strict=True):
                x[name] = float(value)
    least = min(x.values())
    return {name: value - least for name, value in x.items()}


def _isotonic(values: np.ndarray) -> np.ndarray:
    """Return the rising sequence (n,) nearest to the values in the mean square: pool adjacent violators."""
    blocks: list[list[float]] = []
    for value in values:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, weight = blocks.pop()
            other, count = blocks.pop()
            blocks.append([(mean * weight + other * count) / (weight + count), weight + count])
    return np.concatenate([np.full(int(weight), mean) for mean, weight in blocks])


def draw(rules: Sequence[str], edges: Sequence[Edge], chapters: Mapping[str, Sequence[str]], title: str) -> Figure:
    """Draw the graph, data flowing down, rules coloured by the chapter of the workflow in which they stand.

    Parameters
    ----------
    rules, edges
        From `parse_dot`.
    chapters : mapping
        Name of a chapter -> its rules, in the order of the workflow.
    title : str
    """
    places, ways = place(rules, essential(rules, edges))
    width, height = (max(one[axis] for one in places.values()) + 1 for axis in (0, 1))
    figure = Figure(figsize=(width * CELL[0], (height + 0.9) * CELL[1]))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(-0.5 * CELL[0], (width - 0.5) * CELL[0])
    axes.set_ylim(-(height - 0.5) * CELL[1], 1.4 * CELL[1])
    shown = [name for name, members in chapters.items() if set(members) & set(rules)]
    colour = {rule: PALETTE[n % len(PALETTE)] for n, name in enumerate(shown) for rule in chapters[name]}
    for points in ways.values():
        axes.add_patch(_curve(points * np.array([CELL[0], -CELL[1]])))
    for name, (across, layer) in places.items():
        x, y = across * CELL[0], -layer * CELL[1]
        edge = colour.get(name, GREY)
        axes.add_patch(
            FancyBboxPatch(
                (x - BOX[0] / 2, y - BOX[1] / 2), *BOX, boxstyle="round,pad=0,rounding_size=0.08",
                facecolor=_tint(edge), edgecolor=edge, linewidth=1.3, zorder=3,
            )
        )  # fmt: skip
        size = FONT * min(1.0, LETTERS / len(name))  # a longer name would reach out of its box
        axes.text(x, y - 0.01, name.replace("_", " "), ha="center", va="center", fontsize=size, zorder=4)
    handles = [
        Line2D([], [], marker="s", linestyle="", markersize=9, color=colour[chapters[name][0]]) for name in shown
    ]
    axes.text(-0.45 * CELL[0], 1.15 * CELL[1], title, fontsize=10.5, va="center", weight="bold")
    axes.legend(
        handles, shown, loc="upper left", bbox_to_anchor=(-0.45 * CELL[0], 1.0 * CELL[1]), ncols=len(shown),
        bbox_transform=axes.transData, frameon=False, fontsize=FONT, handletextpad=0.1, columnspacing=1.0, borderpad=0,
    )  # fmt: skip
    return figure


def _tint(colour: str) -> tuple[float, float, float]:
    """Return a pale version of a colour #RRGGBB."""
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return (0.85 + 0.15 * red, 0.85 + 0.15 * green, 0.85 + 0.15 * blue)


def _curve(points: np.ndarray) -> PathPatch:
    """Return a line through the middles of layers (n, 2): straight beside boxes, bent between the layers."""
    half = np.array([0.0, BOX[1] / 2])
    stops = [points[0] - half, *(stop for one in points[1:-1] for stop in (one + half, one - half)), points[-1] + half]
    corners, codes = [stops[0]], [Outline.MOVETO]
    for one, two in zip(stops, stops[1:], strict=False):
        middle = (one[1] + two[1]) / 2
        corners += [np.array([one[0], middle]), np.array([two[0], middle]), two]
        codes += [Outline.CURVE4] * 3
    return PathPatch(Outline(corners, codes), facecolor="none", edgecolor="#9A9A9A", linewidth=1.0, zorder=1)
