"""Maximum-likelihood fits of lognormals to a survey, with the figure that shows them."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pipeline.errors import PipelineError
from pipeline.images.distributions import Distributions, Lognormal

# The central share of the values that carries the fit and bounds the draws: a handful of broken depths must not.
CENTRAL = (0.1, 99.9)
LEAST_VALUES = 10


def fit_lognormal(values: np.ndarray, name: str) -> Lognormal:
    """Fit a lognormal to values (N,), as `scipy.stats.lognorm.fit` does, bounded by their central 99.8 %.

    Values without spread (one seeing for a whole survey) give a distribution of that one value.

    Raises
    ------
    PipelineError
        Fewer than 10 values are known.
    """
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if len(known) < LEAST_VALUES:
        raise PipelineError(
            "too few objects have a value for the fit of this augmentation",
            where=f"augmentation.{name.split()[0]}",
            value=f"{len(known)} of {len(values)}",
            allowed=f"at least {LEAST_VALUES}",
            next="set it to `off`, or to `paper` for a Legacy Survey",
        )
    low, high = np.percentile(known, CENTRAL)
    centre = float(np.median(known))
    if high - low <= 1e-6 * abs(centre):
        return Lognormal(1e-6, 0.0, centre, centre, centre)
    known = known[(known >= low) & (known <= high)]
    from scipy import stats  # a second, here and below: nothing is fitted or drawn where augmentations are off

    # A start from the moments of the logarithm above a floor just below the data: the default start can diverge.
    floor = low - 0.5 * (centre - low)
    spread = float(np.std(np.log(known - floor + 1e-12)))
    shape, loc, scale = stats.lognorm.fit(known, spread, loc=floor, scale=centre - floor)
    return Lognormal(float(shape), float(loc), float(scale), float(low), float(high))


def draw_fits(measured: dict[str, np.ndarray], used: Distributions, mark: str = "") -> Figure:
    """Draw each measured quantity with the distribution that the augmentations use.

    Parameters
    ----------
    measured : dict
        `noise` (N, 3), `psf` (N, 3), `extinction` (N,); only those that are on.
    used : Distributions
    mark : str
        Text across the top, such as SIMULATED.
    """
    titles = {
        "noise": "pixel noise [nanomaggies]",
        "psf": "PSF sigma [pixels]",
        "extinction": "E(B$-$V) [mag]",
    }
    figure = Figure(figsize=(10, 2.6 * max(1, len(measured))), layout="constrained")
    FigureCanvasAgg(figure)
    if mark:
        figure.suptitle(mark, color="C3")
    if not measured:
        figure.text(0.5, 0.5, "extinction, PSF and noise augmentations are off", ha="center")
        return figure
    rows = figure.subfigures(len(measured), 1, squeeze=False)[:, 0]
    for row, (name, values) in zip(rows, measured.items(), strict=True):
        curves = getattr(used, name)
        columns = np.atleast_2d(values.T)
        axes = np.atleast_1d(row.subplots(1, len(columns)))
        for index, (axis, column) in enumerate(zip(axes, columns, strict=True)):
            _panel(axis, column, curves[index] if isinstance(curves, tuple) else curves)
            band = f"{'grz'[index]}: " if len(columns) > 1 else ""
            axis.set_xlabel(band + titles[name])
        axes[0].set_ylabel("density")
        axes[0].legend(fontsize="small")
    return figure


def _panel(axis, values: np.ndarray, curve: Lognormal) -> None:
    known = values[np.isfinite(values)]
    if len(known):
        low, high = np.percentile(known, CENTRAL)
        span = max(high - low, 1e-9 * max(abs(high), 1e-9))
        shown = (low - 0.05 * span, high + 0.05 * span)
        axis.hist(known, bins=60, range=shown, density=True, alpha=0.5, label="survey")
    if curve.high > curve.low:
        from scipy import stats

        x = np.linspace(curve.low, curve.high, 300)
        mass = np.diff(stats.lognorm.cdf([curve.low, curve.high], curve.shape, curve.loc, curve.scale))[0]
        axis.plot(x, stats.lognorm.pdf(x, curve.shape, curve.loc, curve.scale) / mass, label="drawn from")
    else:
        axis.axvline(curve.low, color="C1", label="drawn from")
