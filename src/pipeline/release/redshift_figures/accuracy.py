"""How near the redshifts are to the reference (FNet paper, Figure 4), and where they are not."""

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from pipeline.data.velocity import RIGHT_KM_S
from pipeline.release.figures import style
from pipeline.release.redshift_figures import names
from pipeline.release.redshift_figures.panels import Grid, middle, nothing, sn_axis
from pipeline.release.redshift_words import percent

_SHADES = LinearSegmentedColormap.from_list("grey", ["#D9DEE4", "#1D2733"])
_FEW = 300  # right redshifts that are drawn one by one
_PUBLISHED = {"FNet": "fnet", "QuasarNET": "quasarnet", "PCA": "pca"}


def reference_name(assessment: dict) -> str:
    """Return what the redshifts are compared with."""
    return "true z" if assessment["reference"] == "truth" else "z of the visual inspection"


def against_reference(velocity: pd.DataFrame, assessment: dict) -> tuple[Figure, str]:
    """Draw z of each estimator against the reference: the density of right ones, each wrong one a point.

    velocity : rows of judged spectra, as the assessment writes them.
    """
    figure = _plane(velocity[velocity["kind"] == "quasar"], assessment)
    shares = "; ".join(
        f"{names.title(name)} {percent(assessment['estimators'][name]['quasars']['within']['6000'])}"
        for name in names.in_order(assessment["estimators"])
    )
    return figure, (
        f"Redshift of each estimator against the reference ({reference_name(assessment)}) for "
        f"{assessment['judged']['quasar']} judged quasars (compare Rastegar Nia et al. 2022, Figure 4a). Grey: right "
        f"ones (within {RIGHT_KM_S:g} km/s); points: wrong ones, open where they are flagged. Within "
        f"6000 km/s: {shares}."
    )


def line_finder_fails(velocity: pd.DataFrame, assessment: dict) -> tuple[Figure, str]:
    """Draw the same for the quasars in which a line finder finds too few lines."""
    for finder, found in sorted(assessment["failures_of_line_finders"].items()):
        if not found["quasars"]:
            continue
        part = velocity[velocity["spectrum_id"].isin(found["spectrum_id"])]
        shares = "; ".join(
            f"{names.title(name)} {percent(found['estimators'][name]['within']['6000'])}"
            for name in names.in_order(found["estimators"])
        )
        return _plane(part, assessment), (
            f"The {found['quasars']} judged quasars in which {names.title(finder)} finds too few lines (compare "
            "Rastegar Nia et al. 2022, Figure 4b: 5,190 of DR16Q, FNet 87.4 % within 6000 km/s). Open points: "
            f"flagged. Within 6000 km/s: {shares}."
        )
    return nothing("no judged quasar in which a line finder fails")


def _plane(part: pd.DataFrame, assessment: dict) -> Figure:
    shown = names.in_order(assessment["estimators"])
    grid = Grid(len(shown), 3.4, 3.3, sharex=True, sharey=True)
    tones = names.colours(shown)
    top = 0.4 + float(part["z_reference"].max())
    top_z = max(top, min(6.4, float(np.nanmax([part[f"z_{name}"].max() for name in shown])) + 0.2))
    for axes, name in zip(grid.axes, shown, strict=True):
        z, reference = part[f"z_{name}"].to_numpy(float), part["z_reference"].to_numpy(float)
        right = np.abs(part[f"dv_{name}"].to_numpy(float)) < RIGHT_KM_S
        flagged = part[f"flagged_{name}"].to_numpy(bool)
        axes.plot([0, top], [0, top], color=style.GREY, linewidth=0.7, linestyle="--", zorder=1)
        if right.sum() < _FEW:
            axes.scatter(reference[right], z[right], s=9, color="#6B7684", linewidths=0, zorder=2)
        else:
            box = (0, top, 0, top_z)
            axes.hexbin(
                reference[right], z[right], gridsize=60, extent=box, mincnt=1, bins="log", cmap=_SHADES, zorder=2,
                linewidths=0.1,
            )  # fmt: skip
        for chosen, face in ((~right & ~flagged, tones[name]), (~right & flagged, "none")):
            axes.scatter(
                reference[chosen], z[chosen], s=16, facecolors=face, edgecolors=tones[name], linewidths=0.8, zorder=3
            )
        lost = int((~np.isfinite(z)).sum())
        axes.set(xlim=(0, top), ylim=(-0.05, top_z))
        without = f", {lost} without" if lost else ""
        axes.set_title(f"{names.title(name)}: {int(right.sum())} of {len(part)}{without}")
    for axes in grid.left:
        axes.set_ylabel("estimated z")
    for axes in grid.lowest:
        axes.set_xlabel(reference_name(assessment))
    return grid.figure


def velocity_curve(assessment: dict) -> tuple[Figure, str]:
    """Draw the share of redshifts within a velocity against the velocity (FNet paper, Figure 4c)."""
    figure, (every, hard) = style.new(10.4, 4.9, 1, 2, sharey=True)
    tones = names.colours(assessment["estimators"])
    least = 1.0
    for name in names.in_order(assessment["estimators"]):
        found = assessment["estimators"][name]
        for key, line in (("curve", "-"), ("curve_unflagged", ":")):
            rows = found[key]
            if not rows:
                continue
            label = names.title(name) if key == "curve" else None
            x, y = ([row[part] for row in rows] for part in ("km_s", "share"))
            every.plot(x, y, line, color=tones[name], label=label, linewidth=2.2 if name == names.COMBINED else 1.5)
            least = min(least, *(row["share"] for row in rows if row["km_s"] >= 3000))
    finder, failures = next(iter(sorted(assessment["failures_of_line_finders"].items())), (None, {"quasars": 0}))
    for name in names.in_order(failures.get("estimators", ())):
        rows = failures["estimators"][name]["curve"]
        if rows:
            hard.plot([row["km_s"] for row in rows], [row["share"] for row in rows], color=tones[name])
    for axes, subset in ((every, False), (hard, True)):
        for row in assessment["published"]:
            method = _PUBLISHED.get(row["method"])
            if method is None or ("fails" in row["sample"]) != subset or "DR16Q" not in row["sample"]:
                continue
            x = np.array([float(limit) for limit in row["within"]])
            y = np.array(list(row["within"].values())) / 100
            label = f"{row['method']}: {row['mark']}"
            axes.plot(
                x, y, linestyle="none", marker="*", markersize=11, markerfacecolor="white",
                markeredgecolor=names.COLOURS[method], label=label, zorder=4,
            )  # fmt: skip
        for limit in (3000, 6000, 12000, 30000):
            axes.axvline(limit, color="#CFCFCF", linewidth=0.8, zorder=0)
        axes.set(xscale="log", xlabel="|Δv| (km/s)", ylim=(max(0, least - 0.25), 1.01))
        axes.set_xticks([300, 1000, 3000, 6000, 12000, 30000], ["300", "1000", "3000", "6000", "12,000", "30,000"])
        axes.tick_params(axis="x", labelsize=8)
        axes.minorticks_off()
    every.set_ylabel("share within |Δv|")
    every.set_title(f"{assessment['judged']['quasar']} judged quasars")
    if failures["quasars"]:
        hard.set_title(f"{failures['quasars']} in which {names.title(finder)} finds too few lines")
    else:
        style.say(hard, "no judged quasar in which a line finder fails")
    figure.legend(*every.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8.5)
    return figure, (
        "Share of redshifts within a velocity of the reference (compare Rastegar Nia et al. 2022, Figure 4c), of all "
        "judged quasars (full) and of those that are not flagged (dotted); right: where a line finder fails. Stars: "
        "published, other sample (DR16Q), not a comparison on the same spectra."
    )


def accuracy(assessment: dict) -> tuple[Figure, str]:
    """Draw the share within 6000 km/s by redshift and S/N, of all quasars and of those that are not flagged."""
    figure, panels = style.new(10.4, 6.6, 2, 2, sharey="row")
    found = assessment["estimators"]
    tones = names.colours(found)
    grid = [(row, key) for row in ("all", "not flagged") for key in ("by_redshift", "by_sn")]
    for axes, (which, key) in zip(panels, grid, strict=True):
        count = len(found)
        for number, name in enumerate(names.in_order(found)):
            rows = [(row, row if which == "all" else row["unflagged"]) for row in found[name][key]]
            rows = [(row, part["within"]["6000"]) for row, part in rows if part["within"]["6000"]]
            if not rows:
                continue
            shift = (number - (count - 1) / 2) * 0.03
            at = np.array([middle(row, logarithmic=key == "by_sn") for row, _ in rows])
            at = at * 10 ** (shift * 2) if key == "by_sn" else at + shift * 1.5
            value, low, high = (np.array([part[end] for _, part in rows]) for end in ("share", "low", "high"))
            axes.errorbar(
                at, value, yerr=style.bars(value, low, high), fmt=names.marker(name), markersize=4.5, linewidth=1.1,
                color=tones[name], label=names.title(name), capsize=1.5,
            )  # fmt: skip
        for row in found[names.COMBINED][key]:
            if row["lower"] > 0:
                axes.axvline(row["lower"], color="#CFCFCF", linewidth=0.8, linestyle=":", zorder=0)
        if which == "all":
            axes.set_ylim(-0.02, 1.03)
        if key == "by_sn":
            sn_axis(axes)
        else:
            axes.set_xlabel(reference_name(assessment))
        axes.set_title("all quasars" if which == "all" else "quasars that are not flagged")
    for axes in (panels[0], panels[2]):
        axes.set_ylabel("share within 6000 km/s")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(found))
    return figure, (
        "Share of redshifts within 6000 km/s of the reference, by redshift and by S/N. Bars: bootstrap over objects "
        f"({assessment['confidence']:.0%}), Wilson's interval where all or none are within."
    )
