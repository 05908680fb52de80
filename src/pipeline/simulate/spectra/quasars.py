"""Spectra of quasars: continuum, broad and narrow lines, iron, host galaxy, dust, absorbers."""

from dataclasses import dataclass, field

import numpy as np

from pipeline.settings.spectra.simulation import Continuum, Emission, Quasars
from pipeline.simulate.spectra import absorption, dust, iron, populations
from pipeline.simulate.spectra.profiles import Window, add_lines, distance_modulus, draw
from pipeline.spectra.lines import BROAD, NARROW, C

_FAMILIES = sorted({line.family for line in BROAD})
_BROAD = {key: np.array([getattr(line, key) for line in BROAD]) for key in
          ("wavelength", "width", "fwhm", "shift", "baldwin")}  # fmt: skip
_FAMILY = np.array([_FAMILIES.index(line.family) for line in BROAD])
_NARROW_WAVE = np.array([line.wavelength for line in NARROW])
_NARROW_AGN = np.array([line.agn for line in NARROW])
_NARROW_FAMILIES = sorted({line.family for line in NARROW})
_NARROW_FAMILY = np.array([_NARROW_FAMILIES.index(line.family) for line in NARROW])
_SIGMA = 1 / 2.3548 / C  # FWHM in km/s -> standard deviation in ln(wavelength)
_TYPICAL = -24.0  # absolute magnitude at which the tables' equivalent widths hold
_HOST_AT = 5100.0  # Angstrom at which the host's share is defined


@dataclass
class Quasar:
    """What was drawn for one quasar; widths in Angstrom and velocities in km/s in the rest frame."""

    z: float
    mag: float
    slope: float
    luminosity: float  # dex, of the nucleus
    host_share: float
    ebv: float  # at the quasar, before everything
    obscured: float  # E(B-V) before continuum and broad lines only
    fwhm: float
    shift: float
    bal: dict | None
    values: dict = field(repr=False)  # draws that only the spectrum needs


def draw_quasar(rng: np.random.Generator, settings: Quasars, z: float, mag: float) -> Quasar:
    """Draw a quasar of a redshift and an r magnitude."""
    absolute = mag - distance_modulus(z) + 1.25 * np.log10(1 + z)  # K correction of f_nu ~ nu^-0.5
    share = 10 ** (-0.4 * (draw(rng, settings.host.magnitude) - settings.host.evolution * z - absolute))
    most = settings.host.largest_share
    share = share if share < 0.75 * most else most * (0.70 + 0.30 * rng.random())
    faded = float(rng.uniform(*settings.host.faded)) if rng.random() < settings.host.faded_share and z < 0.8 else 0.0
    share = min(1 / (1 + (1 / max(share, 1e-6) - 1) * 10**-faded), most)
    luminosity = -0.4 * (absolute - _TYPICAL) + np.log10(1 - share)
    lines, continuum = settings.emission, settings.continuum
    e1 = float(rng.standard_normal())
    red = rng.random() < continuum.red_share
    obscured = 0.0
    if rng.random() < lines.obscured_share and z < 1:
        obscured = float(rng.uniform(*lines.obscured_ebv))
    ebv = float(rng.exponential(continuum.red_ebv if red else continuum.blue_ebv)) if red or continuum.blue_ebv else 0.0
    fwhm = 10 ** draw(rng, lines.width, lines.width_e1 * e1 + 0.05 * float(np.clip(luminosity, -1, 2)))
    shift = draw(rng, lines.blueshift, -250.0 * e1 - 250.0 * float(np.clip(luminosity, -1, 2)))
    hidden = 0.4 * 3.2 * obscured + faded
    values = {
        **_continuum(rng, continuum), **_lines(rng, lines, luminosity, e1, share, hidden), **_host(rng), "faded": faded,
    }  # fmt: skip
    bal = absorption.draw_troughs(rng, settings.absorbers)
    slope = draw(rng, continuum.slope)
    return Quasar(z, mag, slope, luminosity, share, min(ebv, 1.5), obscured, fwhm, shift, bal, values)


def _continuum(rng, settings: Continuum) -> dict:
    return {
        "break": settings.break_wavelength * float(np.exp(0.05 * rng.standard_normal())),
        "red_change": draw(rng, settings.red_change), "far_change": draw(rng, settings.far_uv_change),
        "balmer": draw(rng, settings.balmer),
    }  # fmt: skip


def _lines(rng, settings: Emission, luminosity: float, e1: float, share: float, hidden: float) -> dict:
    family = settings.family_scatter * rng.standard_normal(len(_FAMILIES))
    single = settings.line_scatter * rng.standard_normal(len(BROAD))
    common = settings.common_scatter * rng.standard_normal()
    dex = common + family[_FAMILY] + single + settings.baldwin * _BROAD["baldwin"] * np.clip(luminosity - 0.6, -3, 3)
    weak = rng.random() < settings.weak_share
    if weak:
        dex = dex - rng.uniform(0.5, 1.1)
    oiii = draw(rng, settings.oiii_width, settings.oiii_e1 * e1 - 0.15 * float(np.clip(luminosity, -2, 2)))
    # The narrow lines are lit by the whole nucleus as it was: what hides it from us by dex, or let it fade, does not
    # dim them. A(5008) = 3.2 E(B-V).
    oiii += hidden + 0.3 * abs(rng.standard_normal()) * share
    oiii = min(oiii, np.log10(180.0 / max(1 - share, 0.02)))
    ratios = 10 ** (0.18 * rng.standard_normal(len(_NARROW_FAMILIES)))
    ratios[_NARROW_FAMILIES.index("resonance")] *= 0.5
    return {
        "e1": e1, "widths": _BROAD["width"] * 10**dex, "weak": weak, "apart": rng.uniform(0.6, 2.0),
        "double": rng.random() < settings.double_share,
        "core": rng.uniform(0.45, 0.75), "core_width": rng.uniform(0.55, 0.8), "wing_width": rng.uniform(1.35, 2.2),
        "wing_shift": 450.0 * rng.standard_normal(), "family_shift": 120.0 * rng.standard_normal(len(_FAMILIES)),
        "family_fwhm": np.exp(0.10 * rng.standard_normal(len(_FAMILIES))),
        "iron_uv": 10 ** draw(rng, settings.iron_uv_width, 0.5 * settings.iron_e1 * e1),
        "iron_optical": 10 ** draw(rng, settings.iron_optical_width, settings.iron_e1 * e1),
        "iron_groups": np.exp(0.20 * rng.standard_normal(len(iron.GROUPS))),
        "oiii": 10**oiii, "ratios": ratios, "narrow": 10 ** draw(rng, settings.narrow_fwhm),
        "outflow": rng.uniform(0.0, 0.45), "outflow_shift": -rng.exponential(250.0), "decrement": rng.exponential(0.12),
    }  # fmt: skip


def _host(rng) -> dict:
    old = rng.random()
    weights = np.array([old, 0.8 * rng.random(), 0.35 * (1 - old) * rng.random() ** 2, 0.25 * (rng.random() < 0.2)])
    return {
        "populations": weights / weights.sum(), "dispersion": int(rng.integers(3)),
        "metals": float(np.exp(0.15 * rng.standard_normal())), "host_dust": float(rng.exponential(0.12)),
    }  # fmt: skip


def power_law(rest: np.ndarray, quasar: Quasar) -> np.ndarray:
    """Return the nucleus's continuum f_lambda (P,) with its Balmer continuum, 1 at 3000 A, before dust and lines."""
    values, ln = quasar.values, np.log(rest / 3000.0)
    index = -(quasar.slope + 2)
    out = np.exp(index * ln)
    # Smooth turns: the slope changes over a tenth of a decade.
    for at, change, side in ((values["break"], values["red_change"], 1), (1200.0, values["far_change"], -1)):
        width = 0.08
        out *= np.exp(change * side * width * np.logaddexp(0, side * np.log(rest / at) / width))
    edge = np.exp(index * np.log(3646.0 / 3000.0))
    # Optically thin gas at 15000 K (Grandi 1982), whose high Balmer lines carry on beyond the edge.
    bound = (rest / 3646.0) ** -5 * np.expm1(1.43878e8 / (3646.0 * 15000)) / np.expm1(1.43878e8 / (rest * 15000))
    bound *= -np.expm1(-((rest / 3646.0) ** 3)) / -np.expm1(-1.0)
    beyond = np.exp(-np.log(np.maximum(rest, 3646.0) / 3646.0) / 0.035)
    smooth = 1 / (1 + np.exp(-(rest - 3646.0) / 25.0))
    return out + values["balmer"] * edge * (bound * (1 - smooth) + beyond * smooth)


def spectrum(rng: np.random.Generator, settings: Quasars, quasar: Quasar, window: Window):
    """Return (nucleus, rest) f_lambda (P,) at the spectrograph, relative to each other: what varies and what does not.

    `rng` draws the absorbers.
    """
    z, values = quasar.z, quasar.values
    ln_rest = window.ln - np.log(1 + z)
    rest = window.wave / (1 + z)
    nucleus = power_law(rest, quasar)
    emitted = np.zeros(len(rest))
    _add_broad(emitted, window, quasar)
    wanted = values["iron_groups"] * np.repeat([values["iron_uv"], values["iron_optical"]], 3)
    wanted *= np.repeat(power_law(np.array([2650.0, 4560.0]), quasar), 3)
    emitted += iron.spectrum(ln_rest, float(np.clip(quasar.fwhm, 1000, 7000)), wanted)
    bright = nucleus + emitted
    if quasar.bal is not None:
        bright *= absorption.troughs(window, z, quasar.bal)
    if quasar.obscured:
        bright *= dust.smc(rest, quasar.obscured)
    still = _narrow(window, quasar) + _host_light(ln_rest, rest, quasar)
    through = dust.smc(rest, quasar.ebv) if quasar.ebv else np.ones(len(rest))
    through = through * absorption.forest(rng, settings.absorbers, window, z)
    absorbers = absorption.draw_damped(rng, settings.absorbers, window, z)
    for place, column in absorbers:
        through *= absorption.damped(window, place, column)
    through *= absorption.metals(rng, settings.absorbers, window, z, absorbers)
    values["damped"] = absorbers
    return bright * through, still * through


def _add_broad(out: np.ndarray, window: Window, quasar: Quasar) -> None:
    values = quasar.values
    level = power_law(_BROAD["wavelength"], quasar)
    area = values["widths"] * level / _BROAD["wavelength"]  # integral over ln(wavelength)
    shift = _BROAD["shift"] * quasar.shift + values["family_shift"][_FAMILY]
    centre = np.log(_BROAD["wavelength"] * (1 + quasar.z))
    sigma = quasar.fwhm * _BROAD["fwhm"] * values["family_fwhm"][_FAMILY] * _SIGMA
    apart = values["apart"] * sigma if values["double"] else 0.0
    core = values["core"]
    wings = shift + _BROAD["shift"] * 0.8 * quasar.shift + values["wing_shift"]
    parts = [(wings / C, values["wing_width"] * sigma, 1 - core)]
    if values["double"]:
        tilt = 0.5 + 0.1 * np.sign(values["wing_shift"])
        parts += [(shift / C - apart, 0.6 * sigma, core * tilt), (shift / C + apart, 0.6 * sigma, core * (1 - tilt))]
    else:
        parts.append((shift / C, values["core_width"] * sigma, core))
    for offset, width, share in parts:
        add_lines(out, window, centre + offset, width, share * area)


def _narrow(window: Window, quasar: Quasar) -> np.ndarray:
    values, out = quasar.values, np.zeros(len(window.ln))
    seen = power_law(np.array([5008.24]), quasar)[0]
    if quasar.obscured:
        seen *= dust.smc(np.array([5008.24]), quasar.obscured)[0]
    flux = values["oiii"] * seen * _NARROW_AGN * values["ratios"][_NARROW_FAMILY]
    flux = flux / values["ratios"][_NARROW_FAMILIES.index("oiii")]
    flux *= dust.smc(_NARROW_WAVE, values["decrement"]) / dust.smc(np.array([5008.24]), values["decrement"])[0]
    area, centre = flux / _NARROW_WAVE, np.log(_NARROW_WAVE * (1 + quasar.z))
    sigma = values["narrow"] * _SIGMA
    add_lines(out, window, centre, sigma, (1 - values["outflow"]) * area)
    add_lines(out, window, centre + values["outflow_shift"] / C, 2.4 * sigma, values["outflow"] * area)
    return out


def _host_light(ln_rest: np.ndarray, rest: np.ndarray, quasar: Quasar) -> np.ndarray:
    values, at = quasar.values, np.array([_HOST_AT])
    if quasar.host_share < 0.005:
        return np.zeros(len(rest))
    nucleus = power_law(at, quasar)[0]
    if quasar.obscured:
        nucleus *= dust.smc(at, quasar.obscured)[0]
    weights = values["populations"]
    level = quasar.host_share / (1 - quasar.host_share) * nucleus / populations.reference(weights, _HOST_AT)
    light = level * populations.spectrum(ln_rest, weights, values["dispersion"], values["metals"])
    return light * (dust.smc(rest, values["host_dust"]) / dust.smc(at, values["host_dust"])[0])
