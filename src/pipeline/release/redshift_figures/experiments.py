"""The experiments of the FNet paper: optimisers (Figure 3) and other choices, masked lines (Figures 6 and 7)."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.assess.velocity import proportion
from pipeline.data.velocity import RIGHT_KM_S, SPEED_OF_LIGHT, velocity_difference
from pipeline.release import spectrum_picture
from pipeline.release.figures import style
from pipeline.release.redshift_figures import names
from pipeline.release.redshift_figures.galleries import Spectrum
from pipeline.release.redshift_figures.panels import Grid, nothing

OPTIMISERS = {"adam": "Adam", "sgd": "SGD", "adagrad": "AdaGrad", "rmsprop": "RMSProp"}
_TONES = dict(zip(OPTIMISERS, ("#0072B2", "#D55E00", "#009E73", "#CC79A7"), strict=True))
_CONFIDENCE = 0.95
_PUBLISHED = "Adam 97 %, SGD 30 %, AdaGrad 60 %, RMSProp 95.8 % of 63,000 spectra of DR12Q (published, other sample)"
VARIED = {"kernels": "kernels of a block", "blocks": "residual blocks", "weight_decay": "L2 penalty"}


def optimisers(sweeps: dict) -> tuple[Figure, str]:
    """Draw the decay of the loss for each optimiser (FNet paper, Figure 3).

    sweeps : `results` of the stage redshift_sweeps.
    """
    shown = [one for one in sweeps["results"] if one["varied"] == "optimiser"]
    if not shown:
        return nothing("this run compares no optimisers")
    figure, (train, test) = style.new(9.6, 4.3, 1, 2, sharey=True)
    texts = []
    for one in shown:
        name = OPTIMISERS[one["value"]]
        share, low, high = _share(one)
        texts.append(f"{name} {100 * share:.1f} ({100 * low:.1f} to {100 * high:.1f}) %")
        epochs = [row["epoch"] for row in one["epochs"]]
        for axes, key in ((train, "loss"), (test, "test_loss")):
            axes.plot(epochs, [row[key] for row in one["epochs"]], color=_TONES[one["value"]], label=name)
    for axes, title in ((train, "on the training part"), (test, "on the judging part")):
        axes.set(yscale="log", xlabel="epoch")
        axes.set_title(f"loss {title}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    train.set_ylabel("loss")
    train.legend(loc="best")
    first = shown[0]
    return figure, (
        f"Decay of the loss of FNet by optimiser, the same first weights and order ({first['train']} quasars train, "
        f"{first['test']['n']} judge; compare Rastegar Nia et al. 2022, Figure 3). Within 6000 km/s after the last "
        f"epoch: {'; '.join(texts)}. Theirs: {_PUBLISHED}."
    )


def choices(sweeps: dict) -> tuple[Figure, str]:
    """Draw the accuracy with other kernels, depths and penalties (FNet paper, section 3.2)."""
    kinds = [kind for kind in VARIED if any(one["varied"] == kind for one in sweeps["results"])]
    if not kinds:
        return nothing("this run varies neither kernels nor depth nor penalty")
    grid = Grid(len(kinds), 3.7, 3.4, sharey=True)
    for axes, kind in zip(grid.axes, kinds, strict=True):
        shown = [one for one in sweeps["results"] if one["varied"] == kind]
        value, low, high = np.array([_share(one) for one in shown]).T
        places = np.arange(len(shown))
        axes.errorbar(places, value, yerr=style.bars(value, low, high), fmt="o", color=names.COLOURS["fnet"], capsize=2)
        labels = ["/".join(map(str, one["value"])) if kind == "kernels" else f"{one['value']:g}" for one in shown]
        axes.set_xticks(places, labels, rotation=30 if kind == "kernels" else 0)
        axes.set_xlim(-0.5, len(shown) - 0.5)
        axes.set_xlabel(VARIED[kind])
    grid.axes[0].set_ylabel("share within 6000 km/s")
    first = sweeps["results"][0]
    return grid.figure, (
        f"Accuracy of FNet after the last epoch when one choice is another ({first['train']} quasars train, "
        f"{first['test']['n']} judge). Bars: Wilson intervals ({_CONFIDENCE:.0%}). {pixels(sweeps)}"
    )


def example(velocity: pd.DataFrame, masked: dict) -> int | None:
    """Return the judged quasar (spectrum_id) of the range with the highest S/N; None without any."""
    inside = velocity[(velocity["kind"] == "quasar") & velocity["z_reference"].between(*masked["z"])]
    if not len(inside):
        return None
    order = inside.sort_values(["sn_median", "spectrum_id"], ascending=[False, True], kind="stable")
    return int(order["spectrum_id"].iloc[0])


def masked_spectrum(
    velocity: pd.DataFrame, masked: dict, spectra: dict[int, Spectrum], smoothing: int
) -> tuple[Figure, str]:
    """Draw a spectrum with the wavelengths that are removed (FNet paper, Figure 6)."""
    identity = example(velocity, masked)
    if identity is None:
        return nothing("no judged quasar lies in the range of the masked lines")
    row, one = velocity.set_index("spectrum_id").loc[identity], spectra[identity]
    figure, (axes,) = style.new(9.6, 3.6)
    spectrum_picture.draw(axes, one.wavelength, one.flux, one.ivar, one.mask, [], smoothing=smoothing)
    width = masked["half_width"] / SPEED_OF_LIGHT
    low, high = axes.get_xlim()
    for number, line in enumerate(masked["lines"]):
        ends = [line["rest"] * (1 + z) * (1 + sign * width) for z, sign in zip(masked["z"], (-1, 1), strict=True)]
        if ends[1] < low or ends[0] > high:
            continue
        tone = style.PALETTE[number % len(style.PALETTE)]
        axes.axvspan(max(ends[0], low), min(ends[1], high), color=tone, alpha=0.22, linewidth=0, zorder=0)
        axes.text(
            min(max(sum(ends) / 2, low), high), (0.93, 0.86)[number % 2], line["name"], color=tone, fontsize=8,
            ha="center", transform=axes.get_xaxis_transform(),
        )  # fmt: skip
    axes.set_title(f"z = {row['z_reference']:.3f}, S/N {row['sn_median']:.1f}")
    return figure, (
        f"A quasar at z = {row['z_reference']:.3f}. Coloured: what is removed from the spectra of all quasars of "
        f"{masked['z'][0]:g} < z < {masked['z'][1]:g}, because a line covers it at a redshift of that range (compare "
        "Rastegar Nia et al. 2022, Figure 6)."
    )


def masked_velocity(masked: dict) -> tuple[Figure, str]:
    """Draw the velocity errors without the lines, with them, and those of a constant (FNet paper, Figure 7)."""
    shown = [one for one in masked["results"] if one["masked"]]
    whole = {one["name"]: one for one in masked["results"] if not one["masked"]}
    grid = Grid(len(shown), 4.6 if len(shown) > 1 else 6.8, 3.9, sharey=True)
    texts = []
    for axes, one in zip(grid.axes, shown, strict=True):
        tone = names.colours([one["name"]])[one["name"]]
        for result, face, label in ((whole[one["name"]], "none", "with its lines"), (one, tone, "lines removed")):
            label_z, z = (np.array(result["judged"][key]) for key in ("z_label", "z"))
            axes.scatter(
                label_z, velocity_difference(z, label_z), s=16, facecolors=face, edgecolors=tone, linewidths=0.8,
                alpha=0.8, label=f"{label}: rms {result['network']['rms']:,.0f} km/s, skill {result['skill']:.2f}",
            )  # fmt: skip
        at = np.linspace(*masked["z"], 50)
        constant = one["constant"]
        axes.plot(
            at, velocity_difference(constant["z"], at), color=names.TRUTH, linestyle="--", linewidth=1.2,
            label=f"constant {constant['z']:.2f}: rms {constant['rms']:,.0f} km/s",
        )  # fmt: skip
        axes.axhspan(-RIGHT_KM_S, RIGHT_KM_S, color="#F1F1F1", zorder=0)
        axes.set_title(names.title(one["name"]))
        axes.set_xlabel("z of the label")
        axes.legend(loc="upper right", fontsize=7.5)
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.35 * (high - low))
        texts.append(
            f"{names.title(one['name'])} {100 * one['network']['within']['6000']:.1f} %, constant "
            f"{100 * constant['within']['6000']:.1f} %"
        )
    grid.axes[0].set_ylabel("Δv (km/s)")
    return grid.figure, (
        f"Velocity errors of {shown[0]['network']['n']} judged quasars of {masked['z'][0]:g} < z < {masked['z'][1]:g} "
        f"whose lines were removed (compare Rastegar Nia et al. 2022, Figure 7: 98.5 % within 6000 km/s, "
        "elsewhere in the text 99.5 %; published, other sample). In so narrow a range a constant scores high: within "
        f"6000 km/s {'; '.join(texts)}. Skill: one less the ratio of the mean squared error to the constant's. Grey: "
        "6000 km/s."
    )


def pixels(sweeps: dict) -> str:
    """Return what the kernels' lengths are counted in."""
    return f"Kernels are counted in pixels of the input, {sweeps['rebin']} of the grid's each."


def _share(one: dict) -> tuple[float, float, float]:
    """Return the share within 6000 km/s of a sweep's judged quasars, with Wilson's interval."""
    test = one["test"]
    return proportion(round(test["within"]["6000"] * test["n"]), test["n"], _CONFIDENCE)
