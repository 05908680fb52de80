"""Which lenses are found: by property, by training ratio, known ones missed; and whether the test itself is fair."""

import numpy as np
from matplotlib.figure import Figure

from pipeline.assess.missed import FATES
from pipeline.release import words
from pipeline.release.figures import style

BIN_LABELS = {
    "theta_e": "Einstein radius (arcsec)",
    "mag_r": "r magnitude of the catalogued source",
    "arc_snr": "signal to noise of the arcs",
}


def completeness(models: dict[str, dict]) -> tuple[Figure, str]:
    """Draw the share of lenses found in bins of their properties."""
    names = [name for name in BIN_LABELS if any(name in found["completeness"]["by"] for found in models.values())]
    figure, panels = style.new(3.6 * len(names) + 0.8, 3.9, 1, len(names), sharey=True)
    tones = style.colours(list(models))
    for axes, name in zip(panels, names, strict=True):
        for place, (model, found) in enumerate(models.items()):
            rows = found["completeness"]["by"][name]["bins"]
            shift = (place - (len(models) - 1) / 2) * 0.7 / max(len(models), 1)
            kept = [(number, row) for number, row in enumerate(rows) if row["n"]]
            x = np.array([number for number, _ in kept]) + shift
            y, low, high = (np.array([row[key] for _, row in kept]) for key in ("value", "low", "high"))
            look = {"fmt": "o", "markersize": 4, "linewidth": 1.1, "color": tones[model]}
            axes.errorbar(x, y, yerr=style.bars(y, low, high), label=model, **look)
        rows = next(iter(models.values()))["completeness"]["by"][name]["bins"]
        labels = [f"{row['from']:g} to {row['to']:g}\nn = {row['n']}" for row in rows]
        axes.set_xticks(range(len(rows)), labels, fontsize=7.5, rotation=0 if len(rows) < 4 else 35)
        axes.set_xlabel(BIN_LABELS[name])
        axes.set_ylim(0, 1.04)
        axes.grid(visible=False, axis="x")
    panels[0].set_ylabel("completeness")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(len(models), 6))
    rules = sorted({found["completeness"]["found_by"] for found in models.values()})
    judged = next(iter(models.values()))["judged"]
    return figure, (
        f"Share of the {judged['lenses']} judged lenses that each model finds (found: above the threshold of "
        f"{' or '.join(rules)}), by property; n: lenses in the bin; bars: Wilson intervals."
    )


def training_ratios(ratios: dict) -> tuple[Figure, str]:
    """Draw precision in the first N against the training ratio (Stein et al. 2021, Figure 4)."""
    figure, (axes, area) = style.new(9.0, 3.9, 1, 2)
    x = np.array([row["ratio"] for row in ratios["rows"]])
    for key, label, tone in (("train", "training set", style.GREY), ("precision", "judged objects", style.PALETTE[0])):
        y, low, high = (np.array([row[key][part] for row in ratios["rows"]]) for part in ("value", "low", "high"))
        axes.errorbar(x, y, yerr=style.bars(y, low, high), fmt="o-", markersize=4, color=tone, label=label)
    y, low, high = (
        np.array([row["average_precision"][part] for row in ratios["rows"]]) for part in ("value", "low", "high")
    )
    area.errorbar(x, y, yerr=style.bars(y, low, high), fmt="o-", markersize=4, color=style.PALETTE[0], linewidth=1.2)
    for one in (axes, area):
        one.set(xscale="log", xlabel="non-lenses for each lens in training")
        one.set_xticks(x, [f"1:{value:.0f}" if value >= 10 else f"1:{value:.1f}" for value in x])
        one.minorticks_off()
    axes.set(ylabel=f"precision in the first {ratios['first']}", ylim=(0, 1.02))
    area.set(ylabel="average precision", ylim=(0, 1.02))
    axes.legend(loc="lower right")
    judged = ratios["judged"]
    return figure, (
        f"The probe {ratios['model']}, trained anew at each ratio of non-lenses to lenses that this survey carries, "
        f"and judged on the same {judged['lenses']} lenses and {judged['others']} others ({judged['share_text']}). "
        "Bars: Wilson intervals (left), bootstrap over systems (right). Theirs: Stein et al. 2021 find a precision "
        "that rises from 0.14 (1:1) to 0.20 (1:4000) in the first 1139 of a set with one lens in 10,000."
    )


def comparison(found: dict) -> tuple[Figure, str]:
    """Draw the paired differences between models, on all judged objects and on matched ones."""
    samples = {"all": "all judged", "matched": "matched in type, magnitude, colour, size, depth"}
    shown = {key: found[key] for key in samples if "pairs" in found[key]}
    measures = words.in_order(shown["all"]["pairs"][0])
    rows = [(f"{pair['first']} − {pair['second']}", number) for number, pair in enumerate(shown["all"]["pairs"])]
    figure, panels = style.new(3.4 * len(measures) + 1.2, 1.5 + 0.62 * len(rows), 1, len(measures), sharey=True)
    for axes, measure in zip(panels, measures, strict=True):
        for place, (key, part) in enumerate(shown.items()):
            for _, number in rows:
                row = part["pairs"][number][measure]
                y = number + (place - (len(shown) - 1) / 2) * 0.28
                if not row["measurable"]:
                    axes.text(0, y, "not measurable", va="center", fontsize=7.5, color="#777777")
                    continue
                bars = style.bars(row["difference"], row["low"], row["high"])
                look = {"fmt": "os"[place], "markersize": 5, "color": style.PALETTE[place]}
                axes.errorbar(row["difference"], y, xerr=bars, label=samples[key] if number == 0 else None, **look)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(measure.replace("_", " ").replace(" at ", " at FPR "))
        axes.set_xlabel("difference")
        axes.grid(visible=False, axis="y")
    panels[0].set_yticks([number for _, number in rows], [name for name, _ in rows])
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    part, whole = found["matched"], found["all"]
    matched = (
        f"{part['lenses']} of {part['lenses_of']} lenses have look-alikes ({part['others']} of them)"
        if "pairs" in part
        else "too few objects look alike to compare on them"
    )
    return figure, (
        f"Paired differences on the same objects: {whole['lenses']} lenses and {whole['others']} others, and lens "
        f"hosts and non-lenses that look alike in the catalogue ({matched}). Bars: {whole['confidence']:.0%} intervals "
        f"of a bootstrap over systems ({whole['bootstrap']} samples); right of zero the first model is better."
    )


def survey(found: dict, models: dict[str, dict]) -> tuple[Figure, str]:
    """Draw whether lenses and controls differ by what has nothing to do with lensing, beside the models."""
    rows = [
        ("lenses or zero-flux controls,\nseen from outside", found["lens_or_zero_flux"], style.PALETTE[0]),
        ("zero-flux or never-lensed hosts,\neverything seen", found["zero_flux_or_never_lensed"], style.PALETTE[0]),
        ("aperture colours,\nlenses or others", found["colours"], style.PALETTE[1]),
    ]
    for name, model in models.items():
        rows.append((f"model {name}", {**model["auc"], "auc": model["auc"]["value"]}, style.GREY))
    figure, (axes,) = style.new(7.6, 1.3 + 0.42 * len(rows))
    for number, (_, row, tone) in enumerate(rows):
        if row["auc"] is None:
            text = f"not measurable: {row['positives']} and {row['negatives']} objects"
            axes.text(0.5, number, text, va="center", fontsize=8)
            continue
        bars = style.bars(row["auc"], row["low"], row["high"])
        axes.errorbar(row["auc"], number, xerr=bars, fmt="o", color=tone, markersize=5)
    axes.axvline(0.5, color="black", linewidth=0.8)
    axes.axvline(found["colours"]["limit"], color=style.PALETTE[1], linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(rows)), [label for label, *_ in rows])
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlim=(0.3, 1.02), xlabel="area under the ROC curve")
    axes.grid(visible=False, axis="y")
    return figure, (
        f"Is the simulated survey fair? A {found['classifier']} in folds by sky cell, given everything outside "
        f"{found['inner_radius']:g} arcsec (pixels, noise, PSF, depth, file order, identity), must not tell lenses "
        "from zero-flux controls of the same kind of hosts, nor, given everything, these from hosts that never met the "
        "lens code: both intervals should hold 0.5. Aperture colours above the dashed line would mean that the survey "
        "is too easy. Grey: the models on the judged objects. Bars: bootstrap over sky cells (models: over systems)."
    )


def known(audit: dict) -> tuple[Figure, str]:
    """Draw what became of the known lenses."""
    fates = list(FATES)
    figure, (axes,) = style.new(7.4, 0.9 + 0.34 * len(fates))
    rows = audit["known"]["rows"]
    left = np.zeros(len(fates))
    groups = {"clear": style.PALETTE[0], "unclear": style.PALETTE[4], "not_visible": "#C8C8C8"}
    for seen, tone in groups.items():
        widths = np.array([sum(row["fate"] == fate and row["visibility"] == seen for row in rows) for fate in fates])
        axes.barh(range(len(fates)), widths, left=left, color=tone, label=f"{seen.replace('_', ' ')} ({widths.sum()})")
        left += widths
    for number, total in enumerate(left):
        axes.text(total, number, f" {total:.0f}", va="center", fontsize=9)
    axes.set_yticks(range(len(fates)), fates)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("known lens systems")
    axes.legend(title="features in these images", loc="lower right")
    training = sum(row["training"] for row in rows)
    return figure, (
        f"What became of the {audit['known']['systems']} known systems, by how visible their features are in these "
        f"images. {training} of them trained the models, which makes them easy to find; known systems may be left out "
        "of the grading batch by a setting."
    )
