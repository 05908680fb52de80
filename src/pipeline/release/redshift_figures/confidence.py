"""Are errors and probabilities what they say?"""

import numpy as np
from matplotlib.figure import Figure

from pipeline.release.figures import style
from pipeline.release.redshift_figures import names
from pipeline.release.redshift_figures.panels import Grid
from pipeline.release.redshift_words import counted

_EDGES = np.linspace(-5, 5, 41)


def pulls(assessment: dict) -> tuple[Figure, str]:
    """Draw how the errors of right redshifts are distributed, in units of the stated error."""
    shown = names.in_order(assessment["estimators"])
    grid = Grid(len(shown), 3.4, 2.6, sharex=True)
    tones = names.colours(shown)
    at = np.linspace(-5, 5, 201)
    normal = np.exp(-0.5 * at**2) / np.sqrt(2 * np.pi)
    texts = []
    for axes, name in zip(grid.axes, shown, strict=True):
        found = assessment["estimators"][name]["pulls"]
        number = found["spectra"]
        title = f"{names.title(name)}: {number} right"
        if number:
            axes.stairs(found["histogram"], _EDGES, fill=True, color=tones[name], alpha=0.55)
            axes.plot(at, normal * number * (_EDGES[1] - _EDGES[0]), color="#444444", linewidth=1.0, linestyle="--")
            title += f", σ = {found['half_width']:.2f}"
            texts.append(f"{names.title(name)} {counted(found['within_1'])}")
        axes.set_title(title)
    for axes in grid.left:
        axes.set_ylabel("quasars")
    for axes in grid.lowest:
        axes.set_xlabel("(z − reference) / stated error")
    return grid.figure, (
        "Errors of the right redshifts in units of the stated 1-sigma error; dashed: a normal distribution of width 1; "
        "the outermost bins hold what lies beyond. σ: half-width of the central 68 %. Within one error (68.3 % if "
        f"honest): {'; '.join(texts) or 'not measurable'}."
    )


def failure_probability(assessment: dict) -> tuple[Figure, str]:
    """Draw how often redshifts are wrong against the probability of being wrong."""
    shown = names.in_order(assessment["estimators"])
    figure, (axes,) = style.new(6.4, 5.0)
    tones = names.colours(shown)
    texts = []
    for name in shown:
        found = assessment["estimators"][name]["failure_probability"]
        rows = [row for row in found["reliability"] if row["of"]]
        if not rows:
            continue
        x = np.array([row["mean_p_wrong"] for row in rows])
        value, low, high = (np.array([row[key] for row in rows]) for key in ("share", "low", "high"))
        axes.errorbar(
            x, value, yerr=style.bars(value, low, high), fmt=f"{names.marker(name)}-", markersize=4.5, linewidth=1.1,
            color=tones[name], capsize=1.5, label=f"{names.title(name)}: Brier score {found['brier']:.3f}",
        )  # fmt: skip
        texts.append(f"{names.title(name)} {found['brier']:.3f} ({found['brier_of_constant']:.3f})")
    axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=0.8, linestyle="--")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set(xlabel="stated probability of being wrong (mean of the bin)", ylabel="share that is wrong")
    axes.legend(loc="upper left", fontsize=8.5)
    return figure, (
        "How often redshifts of all judged spectra are wrong (another class counts as wrong), in bins of the stated "
        f"probability. Bars: Wilson intervals ({assessment['confidence']:.0%}). Brier scores, and those of a constant: "
        f"{'; '.join(texts)}."
    )
