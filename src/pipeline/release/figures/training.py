"""How training went: loss and what was watched, epoch by epoch or iterate by iterate."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.release.figures import style


def training(histories: dict[str, pd.DataFrame]) -> tuple[Figure, str]:
    """Draw the curves of all encoders and models (Huang et al. 2021, Figure 4, left).

    histories : name -> history.csv; empty ones (nothing was trained) are left out.
    """
    shown = {name: frame for name, frame in histories.items() if len(frame) and "loss" in frame}
    columns = min(3, max(len(shown), 1))
    rows = -(-max(len(shown), 1) // columns)
    figure, panels = style.new(3.7 * columns, 2.9 * rows, rows, columns)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    if not shown:
        style.say(panels[0], "nothing was trained in this run")
    for axes, (name, frame) in zip(panels, shown.items(), strict=False):
        axes.set_title(name)
        watched = next((key for key in ("select_average_precision", "accuracy") if key in frame), None)
        if "l2" in frame:
            groups = [(f"{penalty:g}", part) for penalty, part in frame.groupby("l2", sort=False)]
            axes.set_xlabel("iteration")
        else:
            groups = [("", frame)]
            axes.set_xlabel("epoch")
        step = "iteration" if "iteration" in frame else "epoch"
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        beside = axes.twinx() if watched else None
        for number, (label, part) in enumerate(groups):
            tone = style.PALETTE[number % len(style.PALETTE)]
            axes.plot(part[step], part["loss"], color=tone, label=f"L2 {label}" if label else "loss")
            if beside is not None:
                beside.plot(part[step], part[watched], color=tone, linestyle=":", linewidth=1.3)
            if "chosen" in part and part["chosen"].any():
                row = part[part["chosen"] == 1].iloc[0]
                axes.plot(row[step], row["loss"], "o", color=tone, markersize=7, markerfacecolor="none")
        axes.set_ylabel("loss")
        if beside is not None:
            beside.set_ylim(0, 1.02)
            beside.grid(visible=False)
            beside.set_ylabel(watched.replace("_", " ") + " (dotted)", fontsize=8)
        if np.nanmin(frame["loss"]) > 0 and np.nanmax(frame["loss"]) > 20 * np.nanmin(frame["loss"]):
            axes.set_yscale("log")
        if len(groups) > 1:
            axes.legend(fontsize=7.5, loc="center right")
    return figure, (
        "Loss (full lines) and what was watched on the side (dotted: accuracy of the contrastive task for encoders, "
        "average precision on the select set for models). Circles: the iterate or epoch that was kept."
    )
