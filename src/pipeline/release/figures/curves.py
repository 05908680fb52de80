"""Curves of the models on the judged objects: ROC, precision and recall, completeness against number inspected."""

import numpy as np
from matplotlib.figure import Figure

from pipeline.release import words
from pipeline.release.figures import style


def _sample(models: dict[str, dict]) -> str:
    """Return who was judged, in words."""
    judged = next(iter(models.values()))["judged"]
    text = f"{judged['lenses']} lenses and {judged['others']} others judged; target: {judged['target']}"
    return text + (f"; {judged['label']}" if judged["label"] else "")


def roc(models: dict[str, dict]) -> tuple[Figure, str]:
    """Draw the ROC curves (Huang et al. 2021, Figure 4), on a linear and on a logarithmic axis.

    models : name -> assessment of the model.
    """
    figure, (linear, logarithmic) = style.new(9.4, 4.2, 1, 2)
    tones = style.colours(list(models))
    others = next(iter(models.values()))["judged"]["others"]
    for name, found in models.items():
        x, y = (np.array(found["roc"][key]) for key in ("false_positive_rate", "recall"))
        label = f"{name}: AUC {words.interval(found['auc'])}"
        for axes in (linear, logarithmic):
            axes.step(x, y, where="post", color=tones[name], label=label)
    linear.plot([0, 1], [0, 1], color=style.GREY, linewidth=0.8, linestyle="--")
    minimum = next(iter(models.values()))["minimum_false_positives"]
    least = max(1 / others, 1e-6)
    logarithmic.set_xscale("log")
    logarithmic.set_xlim(least, 1)
    unsure = min(minimum / others, 1)
    logarithmic.axvspan(least, unsure, color="#F1F1F1", zorder=0)
    small = {"ha": "center", "va": "bottom", "fontsize": 7.5, "color": "#666666"}
    logarithmic.text(np.sqrt(least * unsure), 1.03, f"fewer than {minimum}\nfalse positives", **small)
    for axes in (linear, logarithmic):
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("false-positive rate")
    linear.set_ylabel("recall (completeness)")
    linear.legend(loc="lower right")
    return figure, (
        f"Receiver operating characteristic of each model ({_sample(models)}). Intervals: bootstrap over systems. "
        "Theirs, on their validation sets: Huang et al. 2021 give AUC 0.992 (residual network) and 0.997 (shielded)."
    )


def precision_recall(models: dict[str, dict]) -> tuple[Figure, str]:
    """Draw precision against recall (Huang et al. 2021, Figure 5)."""
    figure, (axes,) = style.new(6.6, 4.6)
    for (name, found), tone in zip(models.items(), style.colours(list(models)).values(), strict=True):
        points = found["precision_recall"]
        label = f"{name}: AP {words.interval(found['average_precision'])}"
        axes.plot(points["recall"], points["precision"], color=tone, label=label, drawstyle="steps-post")
    judged = next(iter(models.values()))["judged"]
    share = judged["lenses"] / judged["objects"]
    axes.axhline(share, color=style.GREY, linewidth=0.8, linestyle="--")
    axes.text(0.01, share, "no skill", fontsize=8, color="#666666", va="bottom")
    axes.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel="recall (completeness)", ylabel="precision (purity)")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure, (
        f"Precision against recall of each model ({_sample(models)}). Precision depends on the share of lenses: "
        f"here {judged['share_text']}. AP: average precision, with the bootstrap interval over systems."
    )


def inspected(models: dict[str, dict]) -> tuple[Figure, str]:
    """Draw completeness against the number inspected, here and where lenses are rarer (Stein et al. 2021, Figure 5)."""
    figure, (here, rare) = style.new(9.4, 4.2, 1, 2, sharey=True)
    tones = style.colours(list(models))
    for name, found in models.items():
        part = {key: np.array(value) for key, value in found["inspected"].items() if isinstance(value, list)}
        here.step(part["number"], part["completeness"], where="post", color=tones[name], label=name)
        here.fill_between(part["number"], part["low"], part["high"], step="post", color=tones[name], alpha=0.12)
        sure = part["measurable"].astype(bool)
        line = {"where": "post", "color": tones[name]}
        rare.step(part["inspected_share"], part["completeness"], linewidth=0.9, linestyle=":", **line)
        rare.step(part["inspected_share"][sure], part["completeness"][sure], **line)
    expected = next(iter(models.values()))["inspected"]["expected_share"]
    judged = next(iter(models.values()))["judged"]
    here.set(xscale="log", ylim=(0, 1.02))
    here.set(xlabel=f"judged objects inspected (of {judged['objects']})", ylabel="completeness")
    rare.set(xscale="log", xlabel="share of the survey inspected")
    here.set_title(f"here: {judged['share_text']}")
    rare.set_title(f"were 1 object in {1 / expected:,.0f} a lens")
    here.legend(loc="lower right")
    return figure, (
        f"Lenses found against the number of images that people look at, best first ({_sample(models)}; bands: Wilson "
        f"intervals). Right: the same thresholds in a survey where one object in {1 / expected:,.0f} is a lens; dotted "
        f"where fewer than {next(iter(models.values()))['minimum_false_positives']} judged non-lenses lie above the "
        "threshold, which is no measurement."
    )


def scores(models: dict[str, dict]) -> tuple[Figure, str]:
    """Draw what scores lenses and others get (Stein et al. 2021, Figure 5, left)."""
    columns = min(len(models), 3)
    rows = -(-len(models) // columns)
    figure, panels = style.new(3.3 * columns, 2.6 * rows, rows, columns)
    for axes, (name, found) in zip(panels, models.items(), strict=False):
        part = found["scores"]
        for kind, tone in (("others", style.GREY), ("lenses", style.PALETTE[1])):
            look = {"color": tone, "alpha": 0.75, "label": kind, "linewidth": 0}
            axes.stairs(part[kind], part["edges"], fill=True, **look)
        for line in part["top"]:
            axes.axvline(line["score"], color="black", linewidth=0.8, linestyle=":")
        axes.set(yscale="log", ylim=(0.5, None), xlabel="score (logit)", ylabel="judged objects")
        axes.set_title(name)
    for axes in panels[len(models) :]:
        axes.set_axis_off()
    panels[0].legend(loc="upper left")
    first = ", ".join(str(line["first"]) for line in next(iter(models.values()))["scores"]["top"])
    return figure, (
        f"Scores of lenses and of other objects ({_sample(models)}), before calibration. Dotted lines: the scores of "
        f"the last object among the first {first or 'N'}."
    )


def reliability(models: dict[str, dict]) -> tuple[Figure, str]:
    """Draw how often objects are lenses against their calibrated probability."""
    shown = {name: found for name, found in models.items() if "reliability" in found}
    figure, (axes,) = style.new(5.6, 4.8)
    tones = style.colours(list(models))
    floor = 1.0
    for name, found in shown.items():
        rows = [row for row in found["reliability"]["bins"] if row["probability"] > 0]
        x, y = (np.array([row[key] for row in rows]) for key in ("probability", "value"))
        low, high = (np.array([row[key] for row in rows]) for key in ("low", "high"))
        floor = min([floor, *x, *low[low > 0]])
        axes.errorbar(
            x, y, yerr=style.bars(y, low, high), fmt="o-", markersize=4, linewidth=1.0, color=tones[name],
            label=f"{name}: Brier score {found['reliability']['brier']:.4f}",
        )  # fmt: skip
    floor = max(floor / 1.5, 1e-6)
    axes.plot([floor, 1], [floor, 1], color=style.GREY, linewidth=0.8, linestyle="--")
    axes.set(xscale="log", yscale="log", xlim=(floor, 1.1), ylim=(floor, 1.1))
    axes.set(xlabel="calibrated probability (mean of the bin)", ylabel="share of lenses in the bin")
    axes.legend(loc="lower right")
    if not shown:
        style.say(axes, "no model of this run is calibrated")
    return figure, (
        f"How often objects are lenses, in bins of equal numbers of objects ({_sample(models)}). Probabilities were "
        "fitted on the calibrate set and are shown at the share of lenses of the judged one; bars: Wilson intervals; "
        "a bin without a lens lies below the axis."
    )
