"""One spectrum with the lines of the redshifts that were found for it.

It needs arrays alone, so that a spectrum of no run can be drawn as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from pipeline.data.redshift_bits import REDSHIFT_BITS
from pipeline.spectra import lines

# Lines that one looks for in the spectrum of a quasar or galaxy: vacuum rest wavelengths, Å.
MARKED = {
    "O VI": 1033.83,
    "Lyα": lines.LYA,
    "N V": lines.NV,
    "Si IV": lines.SIIV,
    "C IV": lines.CIV,
    "C III]": lines.CIII,
    "Mg II": lines.MGII,
    "[O II]": sum(lines.OII) / 2,
    "[Ne III]": 3869.86,
    "Hγ": 4341.68,
    "Hβ": lines.HBETA,
    "[O III]": lines.OIII[1],
    "Hα": lines.HALPHA,
}
FLUX = "flux (10⁻¹⁷ erg/s/cm²/Å)"
WAVELENGTH = "wavelength in vacuum (Å)"
_INK, _NOISE = "#3A3A3A", "#E8B4A0"
_NEAR = 0.055  # of the axis: names of lines that stand nearer to each other are written in turn
_HEAD, _FOOT = 0.30, 0.16  # of the height, for the names of lines above and below


@dataclass(frozen=True)
class Redshift:
    """A redshift to be shown: whose it is, its error, and the colour of its lines."""

    name: str
    z: float
    error: float = float("nan")
    colour: str = "#000000"

    @property
    def text(self) -> str:
        """What stands in the picture, as "combined: z = 2.345 ± 0.002"."""
        if not np.isfinite(self.z):
            return f"{self.name}: no redshift"
        error = f" ± {self.error:.4f}" if np.isfinite(self.error) else ""
        return f"{self.name}: z = {self.z:.4f}{error}"


def smoothed(flux, ivar, mask, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean flux (P,) over running windows, weighted by inverse variance, and its error; NaN without data.

    flux, ivar, mask : (P,); a mask is True for a bad pixel.
    """
    weight = np.where(np.asarray(mask, dtype=bool), 0.0, np.asarray(ivar, dtype=np.float64))
    weight[~np.isfinite(weight) | ~np.isfinite(flux)] = 0.0
    window = np.ones(min(pixels, len(weight)))
    total = np.convolve(weight, window, "same")
    value = np.convolve(weight * np.nan_to_num(np.asarray(flux, dtype=np.float64)), window, "same")
    # A sum of nothing that the running sum leaves as a rounding error is nothing; so is a gap wider than the window.
    there = np.convolve(weight > 0, window, "same") > 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(there, value / total, np.nan), np.where(there, 1 / np.sqrt(total), np.nan)


def words(zwarn: int) -> list[str]:
    """Return what the bits of a warning mean."""
    return [one.meaning for one in REDSHIFT_BITS if int(zwarn) >> one.bit & 1]


def draw(
    axes: Axes,
    wavelength: np.ndarray,
    flux: np.ndarray,
    ivar: np.ndarray,
    mask: np.ndarray,
    redshifts: Sequence[Redshift],
    *,
    smoothing: int,
    sn: float | None = None,
    zwarn: int | None = None,
    labels: bool = True,
) -> None:
    """Draw a spectrum (P,), the lines of the first redshift with their names above it, of the second one below it.

    Parameters
    ----------
    axes : Axes
    wavelength, flux, ivar, mask : (P,)
        Vacuum Å; 1e-17 erg/s/cm2/Å and its inverse variance (0: no datum); True for a bad pixel.
    redshifts : sequence of Redshift
        The candidates, best first; those after the second are told in words alone.
    smoothing : int
        Pixels of the running mean.
    sn : float, optional
        Median S/N of a pixel.
    zwarn : int, optional
        Warning bits, told in words; 0 says that there is none.
    labels : bool
        Whether the axes are named.
    """
    value, error = smoothed(flux, ivar, mask, smoothing)
    good = np.isfinite(value)
    axes.grid(visible=False)
    if labels:
        axes.set(xlabel=WAVELENGTH, ylabel=FLUX)
    _text(axes, redshifts, sn, zwarn)
    if not good.any():
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "no pixel can be used", ha="center", va="center", transform=axes.transAxes)
        return
    axes.fill_between(wavelength, value - error, value + error, color=_NOISE, linewidth=0, zorder=1)
    axes.plot(wavelength, value, color=_INK, linewidth=0.8, zorder=2)
    low, high = _limits(value[good], error[good])
    axes.set_ylim(low, high)
    span = np.asarray(wavelength)[good][[0, -1]]
    axes.set_xlim(*span)
    if low < 0 < high:
        axes.axhline(0, color="#BBBBBB", linewidth=0.6, zorder=0)
    for number, redshift in enumerate(redshifts[:2]):
        if np.isfinite(redshift.z):
            _lines(axes, redshift, span, above=number == 0)


def _limits(value: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Return limits of the flux: those of all pixels but the noisiest, with room for names.

    A narrow line, which few pixels make, may be half as high again as the rest.
    """
    calm = error <= np.quantile(error, 0.95)
    low, high = np.quantile(value[calm], [0.002, 0.998])
    peak = value[calm & (value > 5 * error)].max(initial=high)
    height = max(min(peak, high + 0.5 * (high - low)) - low, 1e-6)
    high = low + height
    return min(low, 0) - _FOOT * height, high + _HEAD * height


def _lines(axes: Axes, redshift: Redshift, span: np.ndarray, *, above: bool) -> None:
    """Mark the lines that the spectrum covers."""
    width, last, turn = span[1] - span[0], -np.inf, 0
    for name, rest in MARKED.items():
        place = rest * (1 + redshift.z)
        if not span[0] + 0.02 * width < place < span[1] - 0.02 * width:
            continue
        turn = 1 - turn if place - last < _NEAR * width else 0
        last = place
        style = {"color": redshift.colour, "linestyle": "--" if above else ":", "linewidth": 0.9, "alpha": 0.75}
        height = (0.93, 0.85)[turn] if above else (0.02, 0.09)[turn]
        ends = (0.12, height - 0.005) if above else (height + 0.05, 0.78)
        axes.axvline(place, *ends, zorder=0.5, **style)
        axes.text(
            place, height, name, color=redshift.colour, fontsize=7, ha="center", va="bottom",
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip


def _text(axes: Axes, redshifts: Sequence[Redshift], sn: float | None, zwarn: int | None) -> None:
    """Write the redshifts, S/N and the flags in words above the axes."""
    parts = [redshift.text for redshift in redshifts]
    if sn is not None:
        parts.append(f"S/N {sn:.1f}")
    lines_of_text = ["    ".join(parts)] if parts else []
    if zwarn is not None:
        lines_of_text.append("; ".join(words(zwarn)) or "no warning")
    axes.set_title("\n".join(lines_of_text), fontsize=8, loc="left")
