"""The candidates as a sample: where they lie, how bright and how far they are, of which types, at which depth."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.release.figures import style

# Where the north of the survey begins (Stein et al. 2021, Figure 1).
NORTH_LIMIT = 32.375
TYPES = ("DEV", "SER", "COMP", "EXP", "REX")


def _projected(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (ra, dec), degrees, as the radians that matplotlib's sky projections take; right ascension grows left."""
    centred = (np.asarray(ra, dtype=np.float64) - 120 + 180) % 360 - 180
    return -np.radians(centred), np.radians(np.asarray(dec, dtype=np.float64))


def sky(table: pd.DataFrame, catalogue: pd.DataFrame) -> tuple[Figure, str]:
    """Draw the candidates over everything searched, in an equal-area projection (Stein et al. 2021, Figure 9).

    table : published columns RA, DEC, GRADE; catalogue : ra, dec.
    """
    figure, (axes,) = style.new(8.2, 4.4, subplot_kw={"projection": "mollweide"})
    x, y = _projected(catalogue["ra"], catalogue["dec"])
    size = float(np.clip(20_000 / max(len(catalogue), 1), 0.5, 5))
    axes.scatter(x, y, s=size, color="#AEBBC8", linewidths=0, rasterized=True, label=f"searched ({len(catalogue):,})")
    line = np.linspace(-180, 180, 361)
    axes.plot(
        *_projected(line + 120 - 1e-6, np.full(361, NORTH_LIMIT))[:2], color=style.GREY, linewidth=0.8, linestyle="--"
    )
    for grade, tone in style.GRADES.items():
        part = table[table["GRADE"] == grade]
        x, y = _projected(part["RA"], part["DEC"])
        axes.scatter(
            x, y, s=26, color=tone, edgecolors="white", linewidths=0.5, label=f"{grade} ({len(part)})", zorder=3
        )
    axes.set_xticks(np.radians(np.arange(-120, 121, 60)), [f"{(120 - value) % 360}°" for value in range(-120, 121, 60)])
    axes.tick_params(labelsize=8)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure, (
        f"The {len(table)} graded candidates among the {len(catalogue):,} objects that were searched (equal-area "
        f"projection; right ascension grows to the left). Dashed: declination {NORTH_LIMIT}, where the north begins."
    )


def _histogram(axes: Axes, values: dict[str, np.ndarray], edges: np.ndarray, everything: np.ndarray | None) -> None:
    """Draw stacked bars a region, and everything searched as a grey line on its own scale."""
    parts = [part[np.isfinite(part)] for part in values.values()]
    tones = [style.REGIONS.get(name, style.GREY) for name in values]
    labels = [f"{name} ({len(part)})" for name, part in zip(values, parts, strict=True)]
    axes.hist(parts, bins=edges, stacked=True, color=tones, label=labels, rwidth=0.92)
    if everything is not None:
        beside = axes.twinx()
        beside.hist(everything[np.isfinite(everything)], bins=edges, histtype="step", color=style.GREY, linewidth=1.1)
        beside.set_yticks([])
        beside.grid(visible=False)
        beside.spines[:].set_visible(False)


def distributions(
    table: pd.DataFrame, catalogue: pd.DataFrame, magnitudes: dict[str, np.ndarray]
) -> tuple[Figure, str]:
    """Draw magnitudes, redshifts and types by region (Stein et al. 2021, Figure 10; Huang et al. 2021, Figure 12).

    Parameters
    ----------
    table : DataFrame
        Published columns.
    catalogue : DataFrame
        `type`, `z_phot_median` of everything searched.
    magnitudes : dict
        band -> magnitudes (N,) of everything searched.
    """
    figure, panels = style.new(9.6, 5.6, 2, 3)
    regions = [name for name in ("south", "north") if (table["REGION"] == name).any()] or ["south"]
    for axes, band in zip(panels, "grz", strict=False):
        every = magnitudes[band][np.isfinite(magnitudes[band])]
        low, high = np.percentile(every, [0.5, 99.5]) if len(every) else (16.0, 24.0)
        edges = np.arange(np.floor(low * 2) / 2, np.ceil(high * 2) / 2 + 0.5, 0.5)
        column = table[f"MAG_{band.upper()}"].to_numpy(dtype=np.float64)
        by_region = {name: column[(table["REGION"] == name).to_numpy()] for name in regions}
        _histogram(axes, by_region, edges, magnitudes[band])
        axes.set_xlabel(f"{band} magnitude")
    for axes, (column, label) in zip(
        panels[3:], (("Z_PHOT", "photometric redshift"), ("Z_SPEC", "spectroscopic redshift")), strict=False
    ):
        values = table[column].to_numpy(dtype=np.float64)
        by_region = {name: values[(table["REGION"] == name).to_numpy()] for name in regions}
        every = catalogue["z_phot_median"].to_numpy(dtype=np.float64) if column == "Z_PHOT" else None
        _histogram(axes, by_region, np.arange(0, 1.55, 0.1), every)
        axes.set_xlabel(label)
        axes.text(
            0.98, 0.95, f"{np.isfinite(values).sum()} of {len(values)}", transform=axes.transAxes, ha="right", va="top"
        )
    types = [name for name in TYPES if (table["TYPE"] == name).any() or (catalogue["type"] == name).any()]
    axes, bottom = panels[5], np.zeros(len(types))
    for region in regions:
        heights = np.array([((table["TYPE"] == name) & (table["REGION"] == region)).sum() for name in types])
        axes.bar(types, heights, bottom=bottom, color=style.REGIONS[region], label=region, width=0.7)
        bottom += heights
    axes.set_xlabel("type")
    axes.grid(visible=False, axis="x")
    for axes in (panels[0], panels[3]):
        axes.set_ylabel("candidates")
    figure.legend(*panels[5].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure, (
        f"Magnitudes, redshifts and morphological types of the {len(table)} graded candidates, by region. Grey lines: "
        "everything searched, on a scale of its own. Magnitudes are AB, not corrected for extinction; redshifts are "
        "those of the central source."
    )


def depth(counts: dict) -> tuple[Figure, str]:
    """Draw what was inspected and what was found at each depth (Huang et al. 2021, Figure 7)."""
    rows = [row for row in counts["by"]["depth"] if row["value"] != "all"]
    figure, (left, right) = style.new(8.6, 3.8, 1, 2)
    places = np.arange(len(rows))
    names = [row["value"] for row in rows]
    shares = [100 * (row["inspected_share"] or 0) for row in rows]
    left.bar(places, shares, color=style.PALETTE[5], width=0.6)
    for place, row, height in zip(places, rows, shares, strict=True):
        left.text(place, height, f"{row['inspected']}\nof {row['objects']:,}", ha="center", va="bottom", fontsize=8)
    left.set_ylabel("inspected (% of the objects)")
    for place, row in zip(places, rows, strict=True):
        if row["purity"]["value"] is None:
            right.text(place, 0, "none\ninspected", ha="center", va="bottom", fontsize=8)
            continue
        value, low, high = (100 * row["purity"][key] for key in ("value", "low", "high"))
        right.bar(place, value, color=style.GREY, width=0.6)
        right.errorbar(place, value, yerr=style.bars(value, low, high), color="black", linewidth=1, capsize=3)
        right.text(place + 0.05, value, f" {row['candidates']}", ha="left", va="bottom", fontsize=8)
    right.set_ylabel("candidates (% of the inspected)")
    for axes in (left, right):
        axes.set_xticks(places, names)
        axes.set_xlabel("passes in z")
        axes.grid(visible=False, axis="x")
        axes.margins(y=0.25)
    right.set_ylim(0, min(right.get_ylim()[1], 104))
    every = counts["by"]["depth"][-1]
    ratio = f"one candidate in {every['per_lens']:,.0f} objects" if every["per_lens"] else "no candidate"
    return figure, (
        f"Objects inspected and candidates among them (purity) by the number of passes in z; bars: Wilson intervals. "
        f"Over all depths: {every['inspected']} inspected, {every['candidates']} candidates, {ratio}. Theirs: Huang et "
        "al. 2021 find one lens in 16,337, 8795 and 3710 galaxies with 3 to 7, 7 to 10 and more passes."
    )
