"""Pictures of the candidates and of what the searches found, in the colours of the survey's viewer."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.images.colour import rgb_bytes
from pipeline.release.figures import style

CELL_INCH = 1.32
BAR_ARCSEC = 5.0
KNOWN = "#E0A100"


def middle(image: np.ndarray, crop: int) -> np.ndarray:
    """Return the central `crop` pixels a side of an image (3, H, W); all of it where it is smaller."""
    rows, columns = (slice(max((size - crop) // 2, 0), (size + crop) // 2) for size in image.shape[1:])
    return image[:, rows, columns]


def _show(axes: Axes, image: np.ndarray | None, crop: int, frame: str | None, scale: float | None) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set(visible=frame is not None, color=frame or "none", linewidth=2.5)
    if image is None:
        return
    part = middle(image, crop)
    axes.imshow(
        rgb_bytes(part), origin="lower", interpolation="nearest"
    )  # the first row of the file is the southern one
    if scale:
        length = BAR_ARCSEC / scale
        axes.plot([4, 4 + length], [4, 4], color="white", linewidth=1.6, solid_capstyle="butt")


def grade(
    table: pd.DataFrame, images: dict[int, np.ndarray], letter: str, *, columns: int, most: int, crop: int, scale: float
) -> tuple[Figure, str]:
    """Draw the candidates of a grade, the highest scores first.

    Parameters
    ----------
    table : DataFrame
        Published columns.
    images : dict
        object_id -> (3, H, W), nanomaggies in g, r, z.
    letter : str
    columns, most, crop : int
        Pictures in a row, pictures at most, pixels a side.
    scale : float
        Arcsec a pixel.
    """
    part = table[table["GRADE"] == letter]
    order = np.lexsort((part["OBJECT_ID"], -part["PROBABILITY"].fillna(-1), -part["SCORE_MEAN"].fillna(-1)))
    shown = part.iloc[order[:most]]
    rows = max(-(-len(shown) // columns), 1)
    figure, panels = style.mosaic(rows, columns, CELL_INCH, 0.36)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    if not len(shown):
        figure, (axes,) = style.new(6, 0.8)
        style.say(axes, f"no candidate of grade {letter} in this release")
    for axes, row in zip(panels, shown.to_dict("records"), strict=False):
        _show(axes, images.get(row["OBJECT_ID"]), crop, KNOWN if row["KNOWN"] else None, scale)
        score = f"{row['SCORE_MEAN']:.1f} Δ{row['SCORE_DELTA']:.0f}" if np.isfinite(row["SCORE_MEAN"]) else letter
        lines = [row["NAME"].removeprefix("DESI-"), f"{score}  {row['REGION']} {row['TYPE']}"]
        axes.set_title("\n".join(lines), fontsize=6.3, loc="center", pad=2)
    known = int(shown["KNOWN"].sum())
    return figure, (
        f"{len(shown)} of the {len(part)} candidates of grade {letter}, the highest scores first: name, mean score and "
        f"largest difference, region and type. {crop * scale:.0f} arcsec a side, north up, east to the left; bar: "
        f"{BAR_ARCSEC:g} arcsec. Yellow frames: known systems ({known})."
    )


def searches(
    found: list[dict], images: dict[int, np.ndarray], counts: dict, *, crop: int, scale: float, neighbours: int
) -> tuple[Figure, str]:
    """Draw each query beside the objects most similar to it (Stein et al. 2021, Figure 3).

    Parameters
    ----------
    found : list of dict
        A search each: `name`, `query` (id), `object_id` (list, most similar first), `similarity` (list), `grade` (list
        of texts; "" where it was rejected or not graded).
    counts : dict
        `sources`, `shared` and `union` as candidates.ecsv keeps them.
    """
    rows, columns = max(len(found), 1), neighbours + 1
    figure, panels = style.mosaic(rows, columns, CELL_INCH, 0.24)
    if not found:
        figure, (axes,) = style.new(6, 0.8)
        style.say(axes, "this run names no searches")
    for number, search in enumerate(found):
        line = panels[number * columns : (number + 1) * columns]
        _show(line[0], images.get(search["query"]), crop, "#222222", scale)
        line[0].set_title(f"query: {search['name']}", fontsize=7, loc="center", pad=2)
        for axes in line[1:]:
            _show(axes, None, crop, None, None)
        for axes, identity, cosine, letter in zip(
            line[1:], search["object_id"], search["similarity"], search["grade"], strict=False
        ):
            _show(axes, images.get(identity), crop, style.GRADES.get(letter or ""), scale)
            axes.set_title(f"{cosine:.3f}" + (f"  {letter}" if letter else ""), fontsize=7, loc="center", pad=2)
    sources = {name: row for name, row in counts["sources"].items() if name.startswith("search:")}
    words = "{name}: {candidates} systems, {new} of them not known, {alone} found by nothing else"
    each = "; ".join(words.format(name=name.removeprefix("search:"), **row) for name, row in sources.items())
    return figure, (
        "Searches by similarity from one example each: the query (black frame) and the objects most similar to it, "
        "with the cosine and, in the colour of the frame, the grade. "
        f"{each or 'No search put a candidate forward'}. Union of all models and searches: {counts['union']} systems. "
        "Theirs: Stein et al. 2021 find 83 candidates, 53 of them new, in the 512 most similar to three queries each."
    )


def overlap(counts: dict) -> tuple[Figure, str]:
    """Draw how many systems each model and each search put forward, and how many each two share.

    counts : `sources`, `shared` and `union` as candidates.ecsv keeps them.
    """
    names = list(counts["sources"])
    shared = np.array(
        [
            [counts["sources"][one]["candidates"] if one == two else counts["shared"][one][two] for two in names]
            for one in names
        ]
    )
    side = 1.6 + 0.62 * len(names)
    figure, (axes,) = style.new(side + 1.2, side)
    axes.imshow(np.sqrt(shared), cmap="Blues", vmin=0)
    axes.grid(visible=False)
    dark = 0.5 * np.sqrt(shared.max(initial=1))
    for row, column in np.ndindex(*shared.shape):
        tone = "white" if np.sqrt(shared[row, column]) > dark else "black"
        weight = "bold" if row == column else "normal"
        axes.text(column, row, shared[row, column], ha="center", va="center", fontsize=8, color=tone, weight=weight)
    labels = [name.replace("search:", "search ") for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=40, ha="right")
    axes.set_yticks(range(len(names)), labels)
    return figure, (
        "Candidate systems of each model and each search (diagonal, bold), and those that two of them share. "
        f"Union: {counts['union']} systems."
    )
