"""Which redshifts there are (FNet paper, Figure 1), and which of them are believed."""

import numpy as np
from matplotlib.figure import Figure

from pipeline.release.figures import style
from pipeline.release.redshift_figures import names
from pipeline.release.redshift_figures.panels import middle, sn_axis

_PANELS = (
    ("pipeline", "quasars of the survey's pipeline", "z of the pipeline", "#56B4E9"),
    ("inspected", "visually inspected quasars", "z of the inspection", "#E69F00"),
    ("confident", "confident quasars of this run", "z of the combination", names.COLOURS[names.COMBINED]),
)


def redshifts(counts: dict) -> tuple[Figure, str]:
    """Draw the distributions that the counts of the release hold."""
    found = counts["redshifts"]
    edges = np.array(found["edges"])
    figure, panels = style.new(10.4, 3.2, 1, 3)
    filled = np.flatnonzero(sum(np.array(found[name]) for name, *_ in _PANELS))
    for axes, (name, title, label, tone) in zip(panels, _PANELS, strict=True):
        axes.stairs(found[name], edges, fill=True, color=tone, alpha=0.8)
        axes.set(xlabel=label, ylabel="spectra")
        axes.set_title(f"{title}: {sum(found[name]):,}")
        if len(filled):
            axes.set_xlim(0, edges[min(filled[-1] + 2, len(edges) - 1)])
    return figure, (
        "Distributions of redshift (compare Rastegar Nia et al. 2022, Figure 1: 750,414 quasars of the pipeline and "
        f"326,535 inspected ones). Here, among what was ingested: {counts['spectra']:,} spectra, "
        f"{counts['confident']:,} of them of confident quasars. The last bin holds what lies beyond."
    )


def flagged(assessment: dict) -> tuple[Figure, str]:
    """Draw the share of judged quasars that are flagged against S/N and redshift."""
    figure, panels = style.new(9.4, 4.2, 1, 2, sharey=True)
    found = assessment["estimators"]
    tones = names.colours(found)
    for axes, key, label in zip(panels, ("by_sn", "by_redshift"), ("median S/N of a pixel", "redshift"), strict=True):
        for number, name in enumerate(names.in_order(found)):
            rows = [row for row in found[name][key] if row["flagged"]["of"]]
            at = np.array([middle(row, logarithmic=key == "by_sn") for row in rows])
            at = at * (1 + 0.02 * number) if key == "by_sn" else at + 0.02 * number
            value, low, high = (np.array([row["flagged"][part] for row in rows]) for part in ("share", "low", "high"))
            axes.errorbar(
                at, value, yerr=style.bars(value, low, high), fmt=f"{names.marker(name)}-", markersize=4, linewidth=1.1,
                color=tones[name], label=names.title(name), capsize=2,
            )  # fmt: skip
        if key == "by_redshift":
            axes.set_xlabel(label)
        axes.set_ylim(-0.02, 1.02)
    sn_axis(panels[0])
    panels[0].set_ylabel("share of quasars that are flagged")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(found))
    return figure, (
        f"Share of the {assessment['judged']['quasar']} judged quasars whose redshift is flagged as not to be "
        f"believed, by S/N and redshift. Bars: Wilson intervals ({assessment['confidence']:.0%})."
    )
