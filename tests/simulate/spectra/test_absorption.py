"""Forest, damped absorbers, broad absorption: against published laws and curves of growth."""

import numpy as np
import pytest
from simulated_spectra import parsed

from pipeline.simulate.spectra import absorption, spectrographs
from pipeline.simulate.spectra.profiles import Window
from pipeline.spectra import lines


@pytest.mark.parametrize("z", [2.5, 3.3])
def test_forest_has_the_published_mean_transmission(z):
    settings = parsed(quasars__absorbers__lls_rate=0.0).quasars.absorbers
    window = spectrographs.instrument("boss").window
    drawn = [absorption.forest(np.random.default_rng(k), settings, window, z) for k in range(60)]
    one = window.wave / lines.LYA
    rest = window.wave / (1 + z)
    inside = (rest > 1050) & (rest < 1170) & (window.wave > 3600)
    found = np.mean(drawn, axis=0)[inside].mean()
    # Faucher-Giguere et al. (2008): tau = 0.0018 (1 + z)^3.92; Becker et al. (2013) has 0.751 ((1+z)/4.5)^2.90 - 0.132.
    assert found == pytest.approx(np.exp(-0.0018 * one**3.92)[inside].mean(), rel=0.03)
    becker = np.exp(-(0.751 * (one / 4.5) ** 2.90 - 0.132))
    assert found == pytest.approx(becker[inside].mean(), rel=0.08)
    # It is a forest and no veil, and there is none redward of Lya.
    assert np.std(drawn, axis=0)[inside].mean() > 0.1
    assert np.all(np.array(drawn)[:, rest > 1222] == 1.0)


def test_higher_lines_absorb_below_lyb():
    settings = parsed(quasars__absorbers__lls_rate=0.0).quasars.absorbers
    window = spectrographs.instrument("boss").window
    drawn = np.mean([absorption.forest(np.random.default_rng(k), settings, window, 3.2) for k in range(60)], axis=0)
    rest = window.wave / 4.2
    with_lyb, without = (rest > 975) & (rest < 1015), (rest > 1035) & (rest < 1075)
    assert drawn[with_lyb].mean() < drawn[without].mean()


def test_no_light_is_left_far_below_the_lyman_limit_at_high_redshift():
    settings = parsed().quasars.absorbers
    window = spectrographs.instrument("boss").window
    left = {}
    for z in (3.2, 4.6):
        drawn = np.mean(
            [absorption.lyman_limit(np.random.default_rng(k), settings, window, z) for k in range(80)], axis=0
        )
        rest = window.wave / (1 + z)
        assert np.all(drawn[rest > 912] == 1.0)
        left[z] = drawn[(rest > 870) & (rest < 880)].mean()
    assert 0.4 < left[3.2] < 0.9
    assert left[4.6] < left[3.2] - 0.1


def test_damped_absorber_has_the_width_of_its_column():
    ln = np.log(4000.0) + 1e-5 * np.arange(-20000, 20000)
    window = Window(np.exp(ln), ln, np.zeros(len(ln)))
    z = 4000.0 / lines.LYA - 1
    for column in (20.3, 21.0):
        lost = 1 - absorption.damped(window, z, column)
        near = np.abs(window.wave / (1 + z) - lines.LYA) < 60
        width = np.sum((lost * np.gradient(window.wave))[near]) / (1 + z)
        # The damped part of the curve of growth: W = 7.3 A sqrt(N / 10^20) (Draine 2011, section 9.4).
        assert width == pytest.approx(7.3 * np.sqrt(10 ** (column - 20)), rel=0.06)


def test_broad_absorption_lies_at_its_velocity_and_counts_in_the_balnicity():
    bal = {"low": False, "velocity": np.array([10000.0]), "width": np.array([1500.0]), "depth": np.array([3.0]),
           "cover": np.array([0.9])}  # fmt: skip
    window = spectrographs.instrument("boss").window
    z = 2.2
    through = absorption.troughs(window, z, bal)
    velocity = lines.C * (window.ln - np.log(lines.CIV * (1 + z)))
    near = (velocity > -20000) & (velocity < 1000)
    assert velocity[near][np.argmin(through[near])] == pytest.approx(-10000, abs=700)
    assert through[near].min() == pytest.approx(1 - 0.9 * (1 - np.exp(-3.0)), abs=0.01)
    index = absorption.balnicity(z, bal)
    assert 500 < index < 4500
    assert absorption.balnicity(z, bal | {"cover": np.array([0.05])}) == 0.0
    assert absorption.balnicity(z, None) == 0.0


def test_metal_lines_are_doublets_at_one_redshift():
    settings = parsed(quasars__absorbers__metal_rate=3.0).quasars.absorbers
    window = spectrographs.instrument("desi").window
    through = absorption.metals(np.random.default_rng(5), settings, window, 1.9)
    assert through.min() < 0.8
    assert np.all(through <= 1)
