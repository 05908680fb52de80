"""Wrong redshifts: where they lie (FNet paper, Figure 8), and which line was taken for which."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.assess.line_confusion import LINES
from pipeline.data.velocity import RIGHT_KM_S
from pipeline.release.figures import style
from pipeline.release.redshift_figures import names
from pipeline.release.redshift_figures.accuracy import reference_name
from pipeline.release.redshift_figures.panels import Grid

_SHOWN = (-0.25, 6.98)  # what lies beyond is drawn at the edge
_GREEK = {"Lya": "Lyα", "Hbeta": "Hβ", "Halpha": "Hα"}


def wrong_redshifts(velocity: pd.DataFrame, assessment: dict) -> tuple[Figure, str]:
    """Draw the redshifts of each estimator that are off by 6000 km/s or more, spectrum by spectrum."""
    quasars = velocity[velocity["kind"] == "quasar"].sort_values(["z_reference", "spectrum_id"], ignore_index=True)
    shown = names.in_order(assessment["estimators"])
    tones = names.colours(shown)
    wrong = {name: ~(np.abs(quasars[f"dv_{name}"].to_numpy(float)) < RIGHT_KM_S) for name in shown}
    part = quasars[np.any(list(wrong.values()), axis=0)]
    figure, (axes, bars) = style.new(10.4, 4.2, 1, 2, gridspec_kw={"width_ratios": [2.6, 1]})
    places = np.arange(len(part))
    axes.plot(places, part["z_reference"], color=names.TRUTH, linewidth=1.6, label=reference_name(assessment), zorder=1)
    edges = np.linspace(-0.25, 7.0, 30)
    for name in shown:
        rows = wrong[name][part.index]
        z = np.clip(part[f"z_{name}"].to_numpy(float), *_SHOWN)
        own = name == names.COMBINED
        axes.scatter(
            places[rows], z[rows], s=42 if own else 18, marker=names.marker(name), alpha=1.0 if own else 0.8,
            facecolors="none" if own else tones[name], edgecolors=tones[name] if own else "none", linewidths=1.1,
            label=f"{names.title(name)} ({int(rows.sum())})", zorder=3 if own else 2,
        )  # fmt: skip
        inside = z[rows & np.isfinite(z)]
        bars.stairs(np.histogram(inside, edges)[0], edges, color=tones[name], linewidth=1.4, orientation="horizontal")
    axes.set(xlabel="quasars with a wrong redshift, by their true one", ylabel="z", ylim=(-0.3, 7.0))
    bars.set(xlabel="wrong redshifts", ylim=(-0.3, 7.0))
    for panel in (axes, bars):
        panel.axhspan(-0.3, 0, color="#F1F1F1", zorder=0)
        panel.axhspan(6, 7, color="#F1F1F1", zorder=0)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8.5)
    if not len(part):
        style.say(axes, "every redshift of every estimator is right")
    extremes = "; ".join(f"{names.title(name)} {assessment['estimators'][name]['extremes']['count']}" for name in shown)
    return figure, (
        f"Redshifts that are {RIGHT_KM_S:g} km/s or more from the reference, or missing, of all {len(quasars)} judged "
        "quasars (compare Rastegar Nia et al. 2022, Figure 8, where PCA gives extreme ones near 0 and above 6). "
        f"Extreme here: {extremes}."
    )


def line_confusions(assessment: dict) -> tuple[Figure, str]:
    """Draw which line was taken for which in the wrong redshifts of each estimator, as matrices of counts."""
    shown = names.in_order(assessment["estimators"])
    grid = Grid(len(shown), 3.5, 3.4, sharex=True, sharey=True)
    lines = list(LINES)
    labels = [_GREEK.get(line, line) for line in lines]
    texts = []
    for axes, name in zip(grid.axes, shown, strict=True):
        found = assessment["estimators"][name]["line_confusion"]
        matrix = np.zeros((len(lines), len(lines)), dtype=int)
        for pair, number in found["pairs"].items():
            true, taken = pair.split(" as ")
            matrix[lines.index(true), lines.index(taken)] = number
        axes.imshow(np.sqrt(matrix), cmap="Blues", vmin=0, vmax=max(np.sqrt(matrix.max()), 2))
        axes.grid(visible=False)
        dark = 0.5 * np.sqrt(max(matrix.max(), 4))
        for row, column in np.argwhere(matrix):
            number = matrix[row, column]
            tone = "white" if np.sqrt(number) > dark else "black"
            axes.text(column, row, number, ha="center", va="center", fontsize=8, color=tone)
        axes.plot([-0.5, len(lines) - 0.5], [-0.5, len(lines) - 0.5], color="#D0D0D0", linewidth=0.8)
        axes.set_xticks(range(len(lines)), labels, rotation=60, ha="right", fontsize=8)
        axes.set_yticks(range(len(lines)), labels, fontsize=8)
        axes.set_title(f"{names.title(name)}: {found['explained']} of {found['wrong']} wrong")
        chance = "–" if found["by_chance"] is None else f"{found['by_chance']:.1f}"
        texts.append(f"{names.title(name)} {found['explained']} of {found['wrong']} (by chance {chance})")
    for axes in grid.left:
        axes.set_ylabel("the line that was there")
    for axes in grid.lowest:
        axes.set_xlabel("was taken for")
    return grid.figure, (
        "Wrong redshifts that would be right if another line stood there: rows, the line at the true redshift; "
        f"columns, the line that the redshift makes of it. Explained: {'; '.join(texts)}; by chance: with the "
        "redshift of another wrong one."
    )
