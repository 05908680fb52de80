"""How the estimators learnt: curves of the networks, eigenspectra of the template fit."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.release.figures import style
from pipeline.release.redshift_figures import names
from pipeline.release.redshift_figures.panels import Grid, nothing

_WHOLE = -1  # the fold of a training on all of the training set


@dataclass(frozen=True)
class Eigenspectra:
    """Eigenspectra (K, L) of a class in a range of z, with rest wavelengths (L,), Å, and where data made them (L,)."""

    kind: str
    wavelength: np.ndarray
    vectors: np.ndarray
    covered: np.ndarray
    z: tuple[float, float]


def training(histories: dict[str, pd.DataFrame]) -> tuple[Figure, str]:
    """Draw loss and accuracy of each network, epoch by epoch.

    histories : name -> history.csv of `train_redshift`; others are left out.
    """
    shown = {name: frame for name, frame in sorted(histories.items()) if "select_loss" in frame and len(frame)}
    if not shown:
        return nothing("no network was trained in this run")
    grid = Grid(len(shown), 3.7, 3.0)
    tones = names.colours(shown)
    for axes, (name, frame) in zip(grid.axes, shown.items(), strict=True):
        whole = frame[frame["fold"] == _WHOLE]
        for _, part in frame[frame["fold"] != _WHOLE].groupby("fold", sort=True):
            axes.plot(part["epoch"], part["select_loss"], color="#BDBDBD", linewidth=0.8)
        axes.plot(whole["epoch"], whole["loss"], color=tones[name], label="train")
        axes.plot(whole["epoch"], whole["select_loss"], color=tones[name], linestyle="--", label="select")
        chosen = whole[whole["chosen"] == 1]
        axes.plot(chosen["epoch"], chosen["select_loss"], "o", color=tones[name], markersize=8, markerfacecolor="none")
        beside = axes.twinx()
        beside.plot(whole["epoch"], whole["select_accuracy_6000"], color="#6B6B6B", linestyle=":", linewidth=1.4)
        beside.set_ylim(0, 1.02)
        beside.grid(visible=False)
        beside.set_ylabel("within 6000 km/s (dotted)", fontsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="epoch", ylabel="loss")
        axes.set_title(names.title(name))
        losses = whole[["loss", "select_loss"]].to_numpy(float)
        if np.nanmin(losses) > 0 and np.nanmax(losses) > 10 * np.nanmin(losses):
            axes.set_yscale("log")
        axes.legend(loc="upper right", fontsize=8)
    return grid.figure, (
        "Loss of each network on the training set (full) and on the select set (dashed), and the share of the select "
        "set's quasars within 6000 km/s (dotted). Circles: the epoch that was kept; grey: folds of the k-fold "
        "validation."
    )


def eigenspectra(found: list[Eigenspectra]) -> tuple[Figure, str]:
    """Draw the eigenspectra of quasars in their rest frame."""
    shown = [one for one in found if one.kind == "quasar"]
    if not shown:
        return nothing("there are no eigenspectra of quasars")
    figure, panels = style.new(10.2, 3.6 * len(shown), len(shown), 1)
    for axes, one in zip(panels, shown, strict=True):
        inside = one.vectors[:, one.covered]
        scale = np.maximum(np.diff(np.quantile(inside, [0.01, 0.99], axis=1), axis=0)[0], 1e-12)
        lines = np.where(one.covered, one.vectors / scale[:, None], np.nan)
        step = 1.1
        for number, line in enumerate(lines):
            centred = line - np.nanmedian(line)
            tone = style.PALETTE[number % len(style.PALETTE)]
            axes.plot(one.wavelength, centred - step * number, color=tone, linewidth=0.9)
        axes.set_yticks(-step * np.arange(len(lines)), [f"{number + 1}" for number in range(len(lines))])
        axes.set(xscale="log", ylabel="eigenspectrum", ylim=(-step * (len(lines) - 0.1), 1.2 * step))
        there = one.wavelength[one.covered]
        axes.set_xlim(there[0], there[-1])
        ticks = (600, 800, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 10000)
        ticks = [place for place in ticks if there[0] < place < there[-1]]
        axes.set_xticks(ticks, [f"{place:,}" for place in ticks])
        axes.minorticks_off()
        axes.set_title(f"quasars, tried at {one.z[0]:g} < z < {one.z[1]:g}")
    panels[-1].set_xlabel("rest wavelength in vacuum (Å)")
    return figure, (
        "Eigenspectra of quasars by which redshifts are fitted, each in units of its own spread and shifted; the first "
        "one has the largest variance. Only what the training set covers is drawn."
    )
