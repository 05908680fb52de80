"""The spectrographs of SDSS-I/II, BOSS and DESI: pixels, resolution, noise, and what goes wrong in the reduction."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from pipeline.settings.spectra.simulation import Spectrograph
from pipeline.simulate.spectra import sky
from pipeline.simulate.spectra.profiles import Window, smooth

LOG_STEP = 1e-4
DESI_START, DESI_STEP, DESI_PIXELS = 3600.0, 0.8, 7781
ARMS = {"B": (0, 2751), "R": (2700, 2326), "Z": (4900, 2881)}  # first pixel and number on the grid of 7781
# Bits of SPPIXMASK that are set here (SDSS, bitmask names): FULLREJECT, BRIGHTSKY, NODATA, COMBINEREJ.
FULLREJECT, BRIGHTSKY, NODATA, COMBINEREJ = 1 << 18, 1 << 23, 1 << 24, 1 << 25
_READ = 120.0  # electrons^2 of read noise in a pixel of the coadd

# Wavelength (A), noise of a typical dark exposure, sky in the fibre (both 1e-17 erg/s/cm2/A, medians between the
# lines) and standard deviation of the line spread function (pixels). Noise and sky are rounded from the inverse
# variances and sky columns of public spectra of each spectrograph (SDSS plates 1942-2345, BOSS plate 3655, DESI tile
# 80693), widths from their columns wdisp and resolution matrices.
_TABLES = {
    "sdss": (
        (3790, 2.9, 3.0, 1.16), (3900, 2.0, 3.2, 1.12), (4200, 1.19, 4.2, 1.04), (4600, 0.87, 4.4, 0.96),
        (5000, 0.72, 4.4, 0.89), (5400, 0.67, 4.6, 0.84), (5800, 0.77, 5.6, 0.80), (5950, 0.80, 6.0, 0.90),
        (6050, 0.60, 6.0, 0.93), (6200, 0.48, 5.6, 0.95), (6800, 0.36, 4.4, 0.85), (7400, 0.37, 4.4, 0.77),
        (8000, 0.42, 4.4, 0.72), (8600, 0.52, 4.2, 0.71), (9100, 0.80, 3.9, 0.73), (9250, 1.0, 3.9, 0.74),
    ),
    "boss": (
        (3550, 2.6, 5.0, 1.40), (3700, 1.35, 4.6, 1.31), (3900, 0.75, 3.3, 1.19), (4200, 0.51, 3.5, 1.10),
        (4600, 0.41, 3.4, 0.98), (5000, 0.35, 3.1, 0.87), (5400, 0.32, 3.0, 0.83), (5800, 0.35, 3.4, 0.81),
        (6000, 0.38, 3.8, 0.95), (6200, 0.32, 3.3, 1.01), (6800, 0.22, 2.4, 0.94), (7400, 0.20, 2.3, 0.87),
        (8000, 0.20, 2.3, 0.83), (8600, 0.20, 2.3, 0.80), (9100, 0.21, 2.1, 0.79), (9500, 0.28, 2.6, 0.80),
        (10000, 0.53, 4.0, 0.85), (10400, 1.1, 5.5, 0.88),
    ),
    "desi": (
        (3600, 1.9, 1.6, 0.87), (3700, 1.25, 1.3, 0.84), (4100, 0.38, 1.0, 0.84), (4500, 0.25, 1.0, 0.84),
        (4900, 0.18, 0.9, 0.84), (5300, 0.17, 0.9, 0.84), (5700, 0.18, 1.0, 0.83), (5780, 0.21, 1.0, 0.82),
        (5860, 0.24, 1.1, 0.79), (6192, 0.14, 1.0, 0.80), (6524, 0.12, 0.9, 0.80), (6856, 0.105, 0.9, 0.80),
        (7188, 0.10, 0.9, 0.80), (7500, 0.135, 0.9, 0.80), (7620, 0.13, 0.9, 0.80), (8040, 0.085, 0.9, 0.84),
        (8461, 0.08, 0.9, 0.82), (8882, 0.085, 0.9, 0.82), (9303, 0.105, 1.0, 0.88), (9824, 0.15, 1.1, 0.98),
    ),
}  # fmt: skip
_LINE_SCALE = {"sdss": 3.2, "boss": 1.5, "desi": 0.8}  # the fibres' areas, 3, 2 and 1.5 arcsec wide


@dataclass(frozen=True)
class Instrument:
    """Pixels and noise of a spectrograph; arrays (P,).

    Attributes
    ----------
    counts : electrons of one unit of flux in a typical exposure
    continuum, lines : the sky, 1e-17 erg/s/cm2/A
    sigma : pixels, standard deviation of the line spread function
    """

    name: str
    window: Window
    counts: np.ndarray
    continuum: np.ndarray
    lines: np.ndarray
    telluric: np.ndarray
    sigma: np.ndarray


@cache
def instrument(name: str) -> Instrument:
    """Return the spectrograph "sdss", "boss" or "desi"."""
    table = np.array(_TABLES[name]).T
    if name == "desi":
        wave = DESI_START + DESI_STEP * np.arange(DESI_PIXELS)
    else:
        first, pixels = (35800, 3840) if name == "sdss" else (35515, 4640)
        wave = 10 ** (LOG_STEP * (first + np.arange(pixels)))
    noise, continuum, sigma = (np.interp(wave, table[0], row) for row in table[1:])
    noise = np.exp(np.interp(wave, table[0], np.log(table[1])))
    if name == "desi":
        lsf = sigma * DESI_STEP / wave
    else:
        lsf = sigma * LOG_STEP * np.log(10)
    # The typical noise fixes the electrons a unit of flux: (counts sky + read) / counts^2 = noise^2.
    counts = (continuum + np.sqrt(continuum**2 + 4 * noise**2 * _READ)) / (2 * noise**2)
    window = Window(wave, np.log(wave), lsf)
    lines = _LINE_SCALE[name] * sky.emission(window)
    return Instrument(name, window, counts, continuum, lines, sky.telluric(wave), sigma)


@dataclass
class Observed:
    """One observed spectrum; arrays (P,).

    Attributes
    ----------
    flux, ivar, sky, model : float32, 1e-17 erg/s/cm2/A; `model` is a smoothed noiseless spectrum
    and_mask, or_mask : int32, bits of SPPIXMASK
    sn : float
        Median signal-to-noise ratio of the pixels with data.
    """

    flux: np.ndarray
    ivar: np.ndarray
    sky: np.ndarray
    model: np.ndarray
    and_mask: np.ndarray
    or_mask: np.ndarray
    sn: float


def observe(rng: np.random.Generator, tool: Instrument, settings: Spectrograph, model: np.ndarray, depth: float):
    """Observe a noiseless spectrum (P,) in 1e-17 erg/s/cm2/A; `depth` is the exposure relative to the typical one."""
    wave, pixels = tool.window.wave, len(model)
    depth = depth * float(np.exp(0.1 * rng.standard_normal()))  # fibres differ
    bright = np.exp((0.1, 0.25) * rng.standard_normal(2))
    brightness = bright[0] * tool.continuum + bright[1] * tool.lines
    counts = tool.counts * depth
    variance = (counts * (brightness + np.maximum(model, 0)) + _READ) / counts**2
    known = (counts * (brightness + np.maximum(smooth(model, 1.0), 0)) + _READ) / counts**2
    draws = rng.standard_normal((2, pixels))
    if settings.correlation:
        share = settings.correlation
        draws[0] = np.convolve(draws[0], (share, 1 - 2 * share, share), mode="same")
    flux = model * _calibration(rng, tool, settings, wave) + np.sqrt(variance) * draws[0]
    # Sky lines are subtracted with errors that neighbouring pixels share, and that the inverse variance ignores.
    broad = np.interp(wave, np.linspace(wave[0], wave[-1], 9), rng.standard_normal(9))
    error = tool.lines * 1.3 * smooth(draws[1], 0.8) + 0.25 * tool.continuum * broad
    flux += settings.sky_residual * error
    ivar = 1 / known
    and_mask = np.where(tool.lines > 3 * tool.continuum.mean(), BRIGHTSKY, 0).astype(np.int32)
    or_mask = and_mask.copy()
    for at in rng.integers(0, pixels, rng.poisson(settings.spikes)):
        wide = int(rng.integers(1, 4))
        flux[at : at + wide] += rng.uniform(5, 40) * np.sqrt(variance[at : at + wide])
    _spoil(rng, settings, flux, ivar, and_mask, or_mask)
    good = ivar > 0
    sn = float(np.median(flux[good] * np.sqrt(ivar[good]))) if good.any() else 0.0
    fitted = smooth(model, 4.0)
    return Observed(*(x.astype(np.float32) for x in (flux, ivar, brightness, fitted)), and_mask, or_mask, sn)


def _calibration(rng, tool: Instrument, settings: Spectrograph, wave: np.ndarray) -> np.ndarray:
    """Return the factor (P,) by which the calibration is off: ripples, a tilt, the joints of the arms, the air."""
    scale = settings.calibration
    x = (wave - wave[0]) / (wave[-1] - wave[0])
    draws = rng.standard_normal(16)
    knots = scale * (0.7 * draws[:13] + np.linspace(-1, 1, 13) * draws[13])
    knots[0] *= 2.0  # least is known at the blue end
    out = 1 + np.interp(x, np.linspace(0, 1, 13), knots)
    for joint in (5780.0, 7570.0) if tool.name == "desi" else (6000.0,):
        away = (wave - joint) / 130.0
        out += scale * draws[14] * away * np.exp(-0.5 * away**2)
    return np.maximum(out + 2.5 * scale * draws[15] * tool.telluric, 0.05)


def _spoil(rng, settings: Spectrograph, flux, ivar, and_mask, or_mask) -> None:
    """Take the data from some pixels: runs of bad ones, and for a few spectra a large part."""
    pixels = len(flux)
    starts = rng.integers(0, pixels, rng.poisson(settings.bad_share * pixels / 4.0))
    runs = [(int(at), int(at + 1 + rng.geometric(0.3))) for at in starts]
    if rng.random() < settings.dead_share:
        length = int(pixels * rng.uniform(0.1, 0.5))
        at = int(rng.integers(0, pixels - length))
        runs.append((at, at + length))
    for first, last in runs:
        # Short gaps are bridged, as the reductions do; the flux of long ones is zero.
        ends = (flux[max(first - 1, 0)], flux[min(last, pixels - 1)]) if last - first < 50 else (0.0, 0.0)
        flux[first:last] = np.linspace(*ends, len(flux[first:last]))
        ivar[first:last] = 0
        and_mask[first:last] |= FULLREJECT | NODATA
        or_mask[first:last] |= FULLREJECT | NODATA
    or_mask[rng.integers(0, pixels, rng.poisson(0.004 * pixels))] |= COMBINEREJ


# The r and i bands of SDSS, as polygons (A).
_BANDS = {
    "r": ((5380, 0.0), (5630, 0.95), (6000, 1.0), (6650, 1.0), (6790, 0.9), (6980, 0.0)),
    "i": ((6760, 0.0), (7000, 0.95), (7300, 1.0), (8000, 0.9), (8180, 0.8), (8380, 0.0)),
}


def band_flux(wave: np.ndarray, flux: np.ndarray, band: str = "r") -> float:
    """Return the mean f_nu of a spectrum (1e-17 erg/s/cm2/A) in a band in units of that of magnitude 0 (AB)."""
    at, height = np.array(_BANDS[band], dtype=float).T
    weight = np.interp(wave, at, height) * np.gradient(wave)
    light = np.sum(flux * wave * weight) * 1e-17 / np.sum(weight / wave) / 2.99792458e18
    return float(light / 3.6308e-20)
