"""One spectrum with its redshifts: what is drawn is what was given."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from pipeline.data.redshift_bits import bit
from pipeline.release import spectrum_picture
from pipeline.release.spectrum_picture import Redshift, draw, smoothed, words

WAVELENGTH = np.linspace(3600, 9800, 1500)


def spectrum(seed=1):
    rng = np.random.default_rng(seed)
    flux = 2 + 8 * np.exp(-0.5 * ((WAVELENGTH - 1549.06 * 3.5) / 30) ** 2) + rng.normal(size=1500)
    return flux.astype(np.float32), np.full(1500, 1, np.float32), np.zeros(1500, dtype=bool)


def axes():
    return Figure(figsize=(8, 3)).subplots()


def texts(panel):
    return {text.get_text(): text.get_position()[0] for text in panel.texts}


def test_the_running_mean_is_weighted_and_leaves_bad_pixels_out():
    flux, ivar = np.array([1.0, 2.0, 50.0, 4.0, 5.0, 6.0]), np.array([1.0, 3.0, 9.0, 1.0, 0.0, 0.0])
    value, error = smoothed(flux, ivar, np.array([False, False, True, False, False, False]), 3)
    assert value[:4] == pytest.approx([1.75, 1.75, 2.5, 4.0]) and error[1] == pytest.approx(0.5)
    assert np.isnan(value[5]) and np.isnan(error[5])


def test_lines_stand_where_they_are_observed_and_have_names():
    panel = axes()
    draw(panel, WAVELENGTH, *spectrum(), [Redshift("pca", 2.5, 0.003)], smoothing=5, sn=2.25, zwarn=bit("DISAGREE"))
    shown = texts(panel)
    assert set(shown) == {"Lyα", "N V", "Si IV", "C IV", "C III]"}
    assert shown["C IV"] == pytest.approx(1549.06 * 3.5)
    places = sorted(line.get_xdata()[0] for line in panel.lines if line.get_linestyle() == "--")
    assert places == pytest.approx(sorted(shown.values()))
    title = panel.get_title(loc="left")
    assert "pca: z = 2.5000 ± 0.0030" in title and "S/N 2.2" in title and "the estimators disagree" in title
    low, high = panel.get_ylim()
    assert low < 0 and high > 8


def test_two_redshifts_mark_their_lines_above_and_below():
    panel = axes()
    given = [Redshift("a", 2.5, colour="red"), Redshift("b", 0.8, colour="blue"), Redshift("c", float("nan"))]
    draw(panel, WAVELENGTH, *spectrum(), given, smoothing=5, zwarn=0)
    heights = {text.get_color(): text.get_position()[1] for text in panel.texts}
    assert heights["red"] > 0.8 and heights["blue"] < 0.2
    assert "Mg II" in texts(panel) and "c: no redshift" in panel.get_title(loc="left")
    assert panel.get_title(loc="left").endswith("no warning")


def test_names_of_neighbouring_lines_do_not_lie_on_each_other():
    panel = axes()
    draw(panel, WAVELENGTH, *spectrum(), [Redshift("a", 0.1)], smoothing=5)
    found = {text.get_text(): text.get_position() for text in panel.texts}
    assert found["[O II]"][1] != found["[Ne III]"][1] and found["Hβ"][1] != found["[O III]"][1]


def test_a_spectrum_without_data_says_so():
    panel = axes()
    flux, ivar, _ = spectrum()
    draw(panel, WAVELENGTH, flux, 0 * ivar, np.zeros(1500, dtype=bool), [], smoothing=5)
    assert list(texts(panel)) == ["no pixel can be used"] and not panel.lines


def test_every_warning_has_words():
    assert words(bit("SKY") | bit("NO_LINES")) == ["a sky fibre", "no line was found"]
    assert words(0) == []
    assert set(spectrum_picture.MARKED) >= {"Lyα", "C IV", "C III]", "Mg II", "Hβ", "Hα"}
