"""Fe II of quasars: multiplets at their laboratory wavelengths, broadened, as templates over the rest frame."""

from functools import cache

import numpy as np

from pipeline.spectra.air import to_vacuum
from pipeline.spectra.lines import C

STEP = 3e-4  # in ln(wavelength)
START = np.log(1750.0)
LN = START + STEP * np.arange(int(np.log(7000.0 / 1750.0) / STEP))

# Ultraviolet: centre (A, vacuum), half spread (A) and flux of the humps that the multiplets make together, after the
# multiplets of Vestergaard & Wilkes (2001, Table 4) and Bruhweiler & Verner (2008). The hole at 2660-2690 A is real.
_UV = {
    "uv_blue": (
        (2130, 40, 0.6), (2225, 30, 1.3), (2250, 14, 0.8), (2280, 20, 1.5), (2335, 18, 2.6), (2370, 18, 2.6),
        (2390, 12, 2.0), (2412, 12, 1.8), (2440, 16, 1.5),
    ),
    "uv_middle": (
        (2470, 16, 1.5), (2492, 12, 1.6), (2515, 14, 2.0), (2541, 14, 2.0), (2565, 14, 2.0), (2588, 12, 2.0),
        (2602, 9, 1.8), (2617, 9, 1.7), (2630, 8, 1.2), (2715, 20, 1.2), (2740, 16, 1.5), (2758, 14, 1.4),
    ),
    "uv_red": (
        (2785, 25, 0.6), (2840, 20, 0.8), (2870, 16, 1.0), (2893, 14, 0.9), (2928, 18, 1.3), (2954, 16, 1.5),
        (2983, 16, 1.2), (3005, 14, 0.7), (3040, 25, 0.4), (3180, 30, 0.4), (3210, 25, 0.35), (3280, 40, 0.25),
    ),
}  # fmt: skip
# Optical: wavelengths in air and relative strengths by multiplet (Phillips 1978, Table 2; Veron-Cetty et al. 2004).
_OPTICAL = {
    "optical_blue": (
        (4472.9, 0.2), (4489.2, 0.6), (4491.4, 0.6), (4508.3, 0.7), (4515.3, 0.7), (4520.2, 0.7), (4522.6, 0.9),
        (4534.2, 0.4), (4541.5, 0.4), (4549.5, 1.1), (4555.9, 0.8), (4576.3, 0.5), (4582.8, 0.5), (4583.8, 1.2),
        (4620.5, 0.4), (4629.3, 0.9), (4666.8, 0.4), (4657.0, 0.3),
    ),
    "optical_red": (
        (5169.0, 1.6), (5197.6, 0.9), (5234.6, 1.1), (5264.8, 0.6), (5276.0, 1.2), (5284.1, 0.6), (5316.6, 1.9),
        (5325.6, 0.4), (5362.9, 0.7), (5414.1, 0.3), (5425.3, 0.4), (5534.8, 0.4), (4923.9, 1.2), (5018.4, 1.4),
        (6147.7, 0.3), (6238.4, 0.35), (6247.6, 0.5), (6416.9, 0.35), (6456.4, 0.5), (6516.1, 0.35),
    ),
    "optical_far": (
        (3783.0, 0.5), (3938.0, 0.4), (4128.7, 0.4), (4173.5, 0.8), (4178.9, 0.7), (4233.2, 1.0), (4258.2, 0.4),
        (4273.3, 0.3), (4296.6, 0.5), (4303.2, 0.7), (4351.8, 0.9), (4369.4, 0.3), (4385.4, 0.6), (4416.8, 0.6),
    ),
}  # fmt: skip
GROUPS = (*_UV, *_OPTICAL)
FWHM = (1000.0, 1700.0, 2800.0, 4600.0, 7500.0)  # km/s


@cache
def templates() -> np.ndarray:
    """Return (widths, groups, wavelengths) fluxes per Angstrom; UV and optical each integrate to 1 in their window.

    The windows are 2200-3090 A and 4434-4684 A.
    """
    out = np.empty((len(FWHM), len(GROUPS), len(LN)))
    wavelength = np.exp(LN)
    for k, fwhm in enumerate(FWHM):
        sigma = fwhm / C / 2.3548
        for j, name in enumerate(GROUPS):
            if name in _UV:
                features = [(np.log(centre), np.hypot(sigma, half / centre), flux) for centre, half, flux in _UV[name]]
            else:
                features = [(np.log(to_vacuum(air)), sigma, flux) for air, flux in _OPTICAL[name]]
            out[k, j] = sum(
                flux / width * np.exp(-0.5 * ((LN - place) / width) ** 2) for place, width, flux in features
            )
        out[k] /= wavelength
        for groups, low, high in ((slice(0, 3), 2200, 3090), (slice(3, 6), 4434, 4684)):
            inside = (wavelength > low) & (wavelength < high)
            out[k, groups] /= np.sum(out[k, groups].sum(axis=0)[inside] * wavelength[inside]) * STEP
    return out


def spectrum(ln_rest: np.ndarray, fwhm: float, weights: np.ndarray) -> np.ndarray:
    """Return Fe II (P,) per Angstrom at ln(rest wavelength), of a FWHM in km/s and weights (6,) of the groups."""
    place = np.interp(np.log(fwhm), np.log(FWHM), np.arange(len(FWHM)))
    k = min(int(place), len(FWHM) - 2)
    low, high = templates()[k : k + 2]
    both = (1 - (place - k)) * (weights @ low) + (place - k) * (weights @ high)
    return np.interp(ln_rest, LN, both, left=0.0, right=0.0)
