"""Spectra of quasars, galaxies and stars: places of lines, strengths against Vanden Berk's table, diversity."""

import numpy as np
import pytest
from simulated_spectra import parsed

from pipeline.data.random import stream
from pipeline.simulate.spectra import galaxies, quasars, shard, spectrographs, stars
from pipeline.simulate.spectra.profiles import draw_knots
from pipeline.spectra import lines

PLAIN = {
    "quasars__emission__blueshift": {"mean": 0.0, "scatter": 0.0, "range": [-1.0, 1.0]},
    "quasars__absorbers__bal_share": 0.0, "quasars__absorbers__metal_rate": 0.0, "quasars__absorbers__dla_rate": 0.0,
}  # fmt: skip


def noiseless(settings, z, number, region="boss", mag=18.0):
    """Return wavelengths and the spectra of quasars at one redshift, with what was drawn for them."""
    tool, drawn, out = spectrographs.instrument(region), [], []
    for k in range(number):
        rng = stream(11, "test", k)
        drawn.append(quasars.draw_quasar(rng, settings.quasars, z, mag))
        out.append(shard.noiseless(rng, settings, drawn[-1], tool, 0.0))
    return tool.window.wave, np.array(out), drawn


@pytest.mark.parametrize("region", ["sdss", "boss", "desi"])
@pytest.mark.parametrize("z", [0.08, 0.25, 0.6])
def test_narrow_lines_lie_where_their_redshift_puts_them(region, z):
    settings = parsed(**PLAIN, quasars__emission__oiii_width={"mean": 2.0, "scatter": 0.0, "range": [1.9, 2.1]},
                      quasars__emission__oiii_e1=0.0)  # fmt: skip
    wave, flux, _ = noiseless(settings, z, 12, region)
    for wavelength in (lines.OIII[1], lines.OIII[0]):
        near = np.abs(wave / (1 + z) / wavelength - 1) < 0.003
        peaks = wave[near][np.argmax(flux[:, near], axis=1)] / (1 + z)
        offset = lines.C * (np.median(peaks) / wavelength - 1)
        assert abs(offset) < 60  # a pixel has 69 km/s


@pytest.mark.parametrize(("name", "wavelength", "z", "limit"), [
    ("Halpha", lines.HALPHA, 0.2, 700), ("Hbeta", lines.HBETA, 0.5, 700), ("MgII", lines.MGII, 1.2, 500),
    ("CIV", lines.CIV, 2.3, 500), ("CIII]", 1905.5, 2.3, 900), ("Lya", lines.LYA, 2.6, 900),
])  # fmt: skip
def test_broad_lines_lie_there_too(name, wavelength, z, limit):
    wave, flux, _ = noiseless(parsed(**PLAIN), z, 60)
    rest, mean = wave / (1 + z), np.median(flux, axis=0)
    near = np.abs(rest / wavelength - 1) < 0.012
    top = mean[near] - np.interp(rest[near], rest[near][[0, -1]], mean[near][[0, -1]])
    place = np.average(rest[near], weights=np.maximum(top - 0.5 * top.max(), 0))
    assert abs(lines.C * (place / wavelength - 1)) < limit, name


def equivalent_width(rest, flux, line, low, high):
    level = np.interp(rest, [low, high], [np.median(flux[np.abs(rest - at) < 8]) for at in (low, high)])
    inside = (rest > line[0]) & (rest < line[1])
    return np.sum((flux / level - 1)[inside] * np.gradient(rest)[inside])


# Table 2 of Vanden Berk et al. (2001): limits of the line and its equivalent width; the local continuum lies beside.
@pytest.mark.parametrize(("name", "z", "limits", "width", "tolerance"), [
    ("Lya", 2.6, (1160, 1290), 92.9, 0.3), ("SiIV", 2.3, (1360, 1446), 8.1, 0.3),
    ("CIV", 2.3, (1494, 1620), 23.8, 0.3), ("CIII]", 1.6, (1830, 1976), 21.2, 0.3),
    ("MgII", 0.9, (2686, 2913), 32.3, 0.3), ("Hbeta", 0.5, (4760, 4980), 46.2, 0.3),
    ("Halpha", 0.3, (6400, 6765), 194.5, 0.35),
    ("Hgamma", 0.5, (4285, 4412), 12.6, 0.3),
    ("[OIII]", 0.5, (4982, 5035), 13.2, 0.5),
])  # fmt: skip
def test_mean_equivalent_widths_are_those_of_the_composite(name, z, limits, width, tolerance):
    settings = parsed(quasars__emission__obscured_share=0.0, quasars__host__faded_share=0.0,
                      quasars__absorbers__bal_share=0.0)  # fmt: skip
    # Absolute magnitudes of the SDSS quasars of the composite, about -24 to -26.
    mag = {0.3: 16.8, 0.5: 17.8, 0.9: 18.8, 1.6: 19.2, 2.3: 19.4, 2.6: 19.5}[z]
    wave, flux, _ = noiseless(settings, z, 100, mag=mag)
    rest = wave / (1 + z)
    # A geometric mean, as in the composite.
    mean = np.exp(np.mean(np.log(np.maximum(flux / np.median(flux, axis=1)[:, None], 1e-3)), axis=0))
    found = equivalent_width(rest, mean, limits, limits[0] - 6, limits[1] + 6)
    assert found == pytest.approx(width, rel=tolerance), name


def test_blueshift_and_baldwin_effect_of_carbon():
    wave, flux, drawn = noiseless(parsed(), 2.3, 60)
    assert np.mean([one.shift for one in drawn]) < -400
    settings = parsed(quasars__emission__baldwin=1.0)
    civ = [line.name for line in lines.BROAD].index("CIV")
    bright, faint = ([quasars.draw_quasar(stream(2, k), settings.quasars, 2.3, mag).values["widths"][civ]
                      for k in range(200)] for mag in (17.0, 21.5))  # fmt: skip
    assert np.median(faint) > 1.5 * np.median(bright)


def test_iron_and_oxygen_run_against_each_other():
    settings = parsed().quasars
    drawn = [quasars.draw_quasar(stream(3, k), settings, 0.5, 18.5).values for k in range(400)]
    iron, oxygen = (np.log([one[key] for one in drawn]) for key in ("iron_optical", "oiii"))
    assert np.corrcoef(iron, oxygen)[0, 1] < -0.15


def test_hosts_matter_at_low_redshift_only():
    settings = parsed().quasars
    share = {z: [quasars.draw_quasar(stream(4, k), settings, z, mag).host_share for k in range(200)]
             for z, mag in ((0.1, 17.6), (0.7, 19.5), (2.5, 20.6))}  # fmt: skip
    assert np.median(share[0.1]) > 0.3
    assert np.percentile(share[0.1], 10) < 0.25
    assert np.median(share[2.5]) < 0.08
    assert np.median(share[0.1]) > np.median(share[0.7]) > np.median(share[2.5])


@pytest.mark.parametrize("subclass", ["passive", "starforming", "seyfert", "poststarburst"])
def test_galaxies_have_breaks_and_lines(subclass):
    settings = parsed().galaxies
    drawn = [galaxies.draw_galaxy(stream(5, k), settings, 0.25, 18.0) for k in range(300)]
    window = spectrographs.instrument("boss").window
    rest = window.wave / 1.25
    flux = [galaxies.spectrum(one, window) for one in drawn if one.subclass == subclass]
    assert len(flux) > 4
    mean = np.mean([one / np.median(one) for one in flux], axis=0)
    break_4000 = mean[(rest > 4000) & (rest < 4100)].mean() / mean[(rest > 3850) & (rest < 3950)].mean()
    halpha = equivalent_width(rest, mean, (6540, 6600), 6500, 6630)
    expected = {"passive": ((1.5, 2.2), (-3, 4)), "starforming": ((1.0, 1.5), (15, 400)),
                "seyfert": ((1.1, 1.8), (8, 300)), "poststarburst": ((1.1, 1.6), (-10, 5))}[subclass]  # fmt: skip
    assert expected[0][0] < break_4000 < expected[0][1]
    assert expected[1][0] < halpha < expected[1][1]


def test_stars_have_the_colours_and_features_of_their_temperatures():
    settings = parsed().stars
    window = spectrographs.instrument("boss").window
    wave, colour, seen = window.wave, {}, {}
    for k in range(600):
        star = stars.draw_star(stream(6, k), settings, 18.0)
        flux = stars.spectrum(star, window)
        blue, red = (flux[(wave > a) & (wave < b)].mean() for a, b in ((4400, 4700), (7800, 8100)))
        colour.setdefault(star.subclass, []).append(blue / red)
        seen.setdefault(star.subclass, []).append(flux / flux.mean())
        assert abs(star.z) < 0.003
    middle = {name: np.median(values) for name, values in colour.items()}
    assert middle["A"] > middle["F"] > middle["G"] > middle["K"] > middle["M"]
    a, m, wd = (np.mean(seen[name], axis=0) for name in ("A", "M", "WD"))
    assert equivalent_width(wave, a, (4810, 4910), 4790, 4930) < -6  # H beta
    assert equivalent_width(wave, wd, (4740, 4980), 4720, 5000) < -15
    band = (m[(wave > 7060) & (wave < 7120)].mean()) / m[(wave > 7020) & (wave < 7045)].mean()
    assert band < 0.8  # titanium oxide


def test_redshifts_follow_their_knots():
    knots = [[0.5, 0.0], [1.0, 1.0], [2.0, 0.0]]
    rng = np.random.default_rng(1)
    drawn = np.array([draw_knots(rng, knots) for _ in range(4000)])
    assert 0.5 <= drawn.min() and drawn.max() <= 2.0
    assert np.mean(drawn < 1.0) == pytest.approx(1 / 3, abs=0.025)
