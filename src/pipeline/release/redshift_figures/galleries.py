"""Spectra that went wrong: those in which a line finder fails (FNet paper, Figure 5), and the combination's worst."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.learn.redshift_estimates import Estimates
from pipeline.release import spectrum_picture
from pipeline.release.redshift_figures import names
from pipeline.release.redshift_figures.panels import nothing, rows
from pipeline.release.spectrum_picture import Redshift

_HEIGHT = 2.05  # inches of a picture


@dataclass(frozen=True)
class Spectrum:
    """A spectrum on its grid: vacuum Å, 1e-17 erg/s/cm2/Å, inverse variance, True for bad pixels; each (P,)."""

    wavelength: np.ndarray
    flux: np.ndarray
    ivar: np.ndarray
    mask: np.ndarray


def joined(parts: list[Estimates]) -> Estimates:
    """Return the estimates of one estimator in several parts as one, sorted by spectrum_id."""
    fields = ("spectrum_id", "z", "score", "sigma", "bits")
    values = [np.concatenate([getattr(part, name) for part in parts]) for name in fields]
    extras = {key: np.concatenate([part.extras[key] for part in parts]) for key in parts[0].extras}
    found = Estimates(parts[0].name, *values, extras)
    return found.take(np.argsort(found.spectrum_id, kind="stable"))


def failures(velocity: pd.DataFrame, assessment: dict, most: int) -> list[int]:
    """Return quasars of the first line finder's failures, spread over their S/N: spectrum_id, the highest S/N first."""
    for _, found in sorted(assessment["failures_of_line_finders"].items()):
        part = velocity[velocity["spectrum_id"].isin(found["spectrum_id"])]
        part = part.sort_values(["sn_median", "spectrum_id"], ascending=[False, True], kind="stable")
        chosen = np.unique(np.linspace(0, len(part) - 1, min(most, len(part))).astype(int)) if len(part) else []
        if len(part):
            return [int(part["spectrum_id"].iloc[place]) for place in chosen]
    return []


def outliers(assessment: dict) -> list[int]:
    """Return the wrong redshifts of the combination that are listed: spectrum_id."""
    return [row["spectrum_id"] for row in assessment["estimators"][names.COMBINED]["catastrophic"]]


def failed_spectra(
    velocity: pd.DataFrame, assessment: dict, spectra: dict[int, Spectrum], most: int, smoothing: int
) -> tuple[Figure, str]:
    """Draw quasars in which a line finder finds too few lines."""
    shown = failures(velocity, assessment, most)
    if not shown:
        return nothing("no judged quasar in which a line finder fails")
    finder, found = next((name, one) for name, one in sorted(_failures(assessment).items()) if one["quasars"])
    known = velocity.set_index("spectrum_id")
    figure, panels = rows(len(shown), _HEIGHT, ((0.75, 9.5),), 9.6)
    others = [name for name in names.in_order(assessment["estimators"]) if name != finder]
    for axes, identity in zip(panels, shown, strict=True):
        row, spectrum = known.loc[identity], spectra[identity]
        marks = [Redshift("reference", row["z_reference"], colour=names.TRUTH)]
        _picture(axes, spectrum, marks, smoothing, row["sn_median"])
        told = "    ".join(f"{names.title(name)} {_z(row[f'z_{name}'])}" for name in [*others, finder])
        axes.set_title(
            f"reference z = {row['z_reference']:.4f}    {told}    S/N {row['sn_median']:.1f}", fontsize=8, loc="left"
        )
    _outer_labels(figure, panels)
    return figure, (
        f"{len(shown)} of the {found['quasars']} judged quasars in which {names.title(finder)} finds too few lines, "
        "from the highest S/N to the lowest (compare Rastegar Nia et al. 2022, Figure 5). Running mean over "
        f"{smoothing} pixels weighted by inverse variance, band: its error. Lines stand at the reference's redshift."
    )


def worst(
    assessment: dict, spectra: dict[int, Spectrum], estimates: list[Estimates], smoothing: int
) -> tuple[Figure, str]:
    """Draw the listed wrong redshifts of the combination, beside each what every estimator proposed."""
    shown = assessment["estimators"][names.COMBINED]["catastrophic"]
    if not shown:
        return nothing("no judged quasar has a wrong redshift")
    figure, panels = rows(len(shown), _HEIGHT, ((0.75, 8.1), (9.0, 10.8)), 11.6)
    tone = names.DOUBTED
    for number, row in enumerate(shown):
        left, right = panels[2 * number : 2 * number + 2]
        z = np.nan if row["z"] is None else row["z"]
        marks = [
            Redshift("reference", row["z_reference"], colour=names.TRUTH),
            Redshift("combined", z, colour=tone),
        ]
        _picture(left, spectra[row["spectrum_id"]], marks, smoothing, row["sn_median"])
        taken = f"    {row['line_confusion']}" if row["line_confusion"] else ""
        flag = "flagged" if row["flagged"] else "NOT FLAGGED"
        left.set_title(
            f"{left.get_title(loc='left')}    {flag}, p(wrong) {row['p_wrong']:.2f}{taken}", fontsize=8, loc="left"
        )
        _candidates(right, row["spectrum_id"], row["z_reference"], z, estimates, tone)
    _outer_labels(figure, panels[::2])
    panels[-1].set_xlabel("candidates in z")
    total = assessment["estimators"][names.COMBINED]["line_confusion"]["wrong"]
    silent = assessment["estimators"][names.COMBINED]["unflagged_failures"]
    return figure, (
        f"{len(shown)} of the {total} wrong redshifts of the combination ({silent} of them not flagged, which come "
        "first). Names above the spectrum: lines at the reference's redshift; below: at the combined one. Right: the "
        "candidates of each estimator, the best one large, with its score; grey line: reference, coloured line: "
        "combined."
    )


def _failures(assessment: dict) -> dict:
    return assessment["failures_of_line_finders"]


def _picture(axes: Axes, spectrum: Spectrum, marks: list[Redshift], smoothing: int, sn: float | None) -> None:
    spectrum_picture.draw(
        axes, spectrum.wavelength, spectrum.flux, spectrum.ivar, spectrum.mask, marks,
        smoothing=smoothing, sn=sn, labels=False,
    )  # fmt: skip


def _candidates(axes: Axes, identity: int, reference: float, z: float, estimates: list[Estimates], tone: str) -> None:
    """Draw the candidates of each estimator in a row of its own."""
    axes.axvline(reference, color=names.TRUTH, linewidth=1.2, linestyle="--", zorder=1)
    if np.isfinite(z):
        axes.axvline(z, color=tone, linewidth=1.2, linestyle=":", zorder=1)
    tones = names.colours([one.name for one in estimates])
    for row, one in enumerate(estimates):
        place = int(np.searchsorted(one.spectrum_id, identity))
        found = one.z[place][np.isfinite(one.z[place])]
        axes.scatter(found[1:], np.full(len(found[1:]), row), s=14, color=tones[one.name], alpha=0.55, zorder=2)
        axes.scatter(found[:1], [row][: len(found)], s=52, color=tones[one.name], zorder=3)
        axes.text(6.45, row, _score(one, place), fontsize=7, va="center", ha="left", color="#444444")
    axes.set(xlim=(-0.2, 6.3), ylim=(len(estimates) - 0.4, -0.6))
    axes.set_yticks(range(len(estimates)), [names.title(one.name) for one in estimates], fontsize=8)
    axes.grid(visible=False)


def _score(one: Estimates, place: int) -> str:
    """Return the score of the best candidate in the estimator's own measure."""
    value = one.score[place, 0]
    if not np.isfinite(value):
        return "none"
    if one.kind == "templates":
        return f"Δχ² {value:.0f}"
    if one.kind == "lines":
        return f"conf. {value:.2f}"
    return f"p {value:.2f}" if one.z.shape[1] > 1 else ""


def _z(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "none"


def _outer_labels(figure: Figure, panels: list[Axes]) -> None:
    figure.text(0.012, 0.5, spectrum_picture.FLUX, fontsize=9, rotation=90, ha="left", va="center")
    panels[-1].set_xlabel(spectrum_picture.WAVELENGTH)
