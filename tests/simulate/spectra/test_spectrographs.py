"""Spectrographs: pixels and resolution of the real ones, noise that agrees with its inverse variance."""

import numpy as np
import pytest
from astropy.io import fits
from simulated_spectra import ideal, parsed, row

from pipeline.simulate.spectra import shard, spectrographs
from pipeline.simulate.spectra.spectrographs import instrument, observe

REGIONS = ("sdss", "boss", "desi")


def skies(region, number, **changes):
    """Return (number, P) ratios of flux and reported noise of sky fibres, and which pixels have a bright line."""
    settings = getattr(parsed(**changes).spectrographs, region)
    tool = instrument(region)
    model = np.zeros(len(tool.window.wave))
    out = []
    for k in range(number):
        seen = observe(np.random.default_rng(k), tool, settings, model, 1.0)
        out.append(np.where(seen.ivar > 0, seen.flux * np.sqrt(seen.ivar), np.nan))
    return np.array(out), tool.lines > tool.continuum


@pytest.mark.parametrize("region", REGIONS)
def test_noise_of_sky_fibres_agrees_with_the_inverse_variance(region):
    changes = {f"spectrographs__{region}__spikes": 0.0, f"spectrographs__{region}__correlation": 0.0}
    ratio, lines = skies(region, 40, **changes)
    quiet, bright = ratio[:, ~lines], ratio[:, lines]
    assert np.nanstd(quiet) == pytest.approx(1.0, abs=0.06)
    assert abs(np.nanmean(quiet)) < 0.05
    assert np.nanstd(bright) > 1.05 * np.nanstd(quiet)
    # With errors of sky subtraction taken away the agreement is exact at the lines, too.
    ratio, lines = skies(region, 40, **changes, **{f"spectrographs__{region}__sky_residual": 0.0})
    assert np.nanstd(ratio[:, lines]) == pytest.approx(1.0, abs=0.02)


def test_pixels_share_noise_with_their_neighbours():
    changes = {"spectrographs__boss__spikes": 0.0, "spectrographs__boss__sky_residual": 0.0,
               "spectrographs__boss__correlation": 0.1}  # fmt: skip
    ratio, _ = skies("boss", 20, **changes)
    ratio = np.nan_to_num(ratio)
    assert np.std(ratio) == pytest.approx(np.sqrt(0.8**2 + 2 * 0.1**2), abs=0.02)
    near = np.mean(ratio[:, 1:] * ratio[:, :-1]) / np.mean(ratio**2)
    assert near == pytest.approx(2 * 0.1 * 0.8 / (0.8**2 + 2 * 0.1**2), abs=0.03)


@pytest.mark.parametrize("region", REGIONS)
def test_noise_of_bright_objects_agrees_too(region):
    settings = parsed(
        **{f"spectrographs__{region}__{key}": 0.0 for key in ("calibration", "sky_residual", "spikes", "correlation")}
    )
    tool = instrument(region)
    model = 30 + 20 * np.sin(tool.window.wave / 300)
    drawn = [observe(np.random.default_rng(k), tool, getattr(settings.spectrographs, region), model, 1.0)
             for k in range(20)]  # fmt: skip
    chi = np.concatenate([((seen.flux - model) * np.sqrt(seen.ivar))[seen.ivar > 0] for seen in drawn])
    assert np.std(chi) == pytest.approx(1.0, abs=0.02)
    faint = observe(np.random.default_rng(1), tool, getattr(settings.spectrographs, region), 0 * model, 1.0)
    assert np.median(faint.ivar) > 1.5 * np.median(drawn[1].ivar)


def test_pixels_and_resolution():
    sdss, boss, desi = (instrument(region) for region in REGIONS)
    for tool, ends in ((sdss, (3802, 9204)), (boss, (3561, 10363)), (desi, (3600, 9824))):
        assert tool.window.wave[[0, -1]] == pytest.approx(ends, abs=3)
        log = np.log10(tool.window.wave) * 1e4
        if tool is not desi:
            assert np.abs(log - np.rint(log)).max() < 1e-6  # pixels of all spectra lie on one grid
    resolution = 1 / (2.3548 * boss.window.lsf)
    # Smee et al. (2013): 1560 at 3700 A, 2270 at 6000 A (blue arm); 1850 at 6000 A, 2650 at 9000 A (red arm).
    for wave, expected in ((3700, 1450), (5500, 2240), (6500, 1950), (9000, 2340)):
        assert np.interp(wave, boss.window.wave, resolution) == pytest.approx(expected, rel=0.15)
    resolution = 1 / (2.3548 * desi.window.lsf)
    for wave, expected in ((3700, 2300), (5500, 3500), (7000, 4600), (9000, 5700)):
        assert np.interp(wave, desi.window.wave, resolution) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("region", REGIONS)
def test_magnitude_and_lines_do_not_depend_on_the_exposure(region):
    settings = parsed(**ideal(region), quasars__variability=0.0)
    tool, one = instrument(region), row(settings, region)
    for spectrum in shard.spectra(settings, 5, one):
        if spectrum.source is None:
            assert np.abs(spectrum.observed.flux).max() < 0.01
            continue
        band = "i" if spectrum.z > 3.6 else "r"
        mag = -2.5 * np.log10(spectrographs.band_flux(tool.window.wave, spectrum.observed.flux.astype(float), band))
        assert mag == pytest.approx(spectrum.source.mag, abs=0.01)


def test_a_flat_spectrum_has_its_ab_magnitude():
    wave = instrument("desi").window.wave
    flux = 3.6308e-20 * 10 ** (-0.4 * 19.0) * 2.99792458e18 / wave**2 / 1e-17  # constant f_nu, magnitude 19
    for band in ("r", "i"):
        assert -2.5 * np.log10(spectrographs.band_flux(wave, flux, band)) == pytest.approx(19.0, abs=0.005)


def test_signal_to_noise_ratios_are_those_of_real_samples():
    settings = parsed(spectra_per_shard=150)
    sn, z = [], []
    for region in REGIONS:
        for spectrum in shard.spectra(settings, 3, row(settings, region)):
            if spectrum.kind == "quasar":
                sn.append(spectrum.observed.sn)
                z.append(spectrum.z)
            elif spectrum.kind == "sky":
                assert abs(spectrum.observed.sn) < 0.3
    sn, z = np.array(sn), np.array(z)
    assert 3 < np.median(sn) < 12
    assert np.percentile(sn, 2) < 1.5
    assert np.percentile(sn, 95) < 90
    # The real sample: medians 21, 7 and 4 for z < 0.4, 0.4 to 1.2, and beyond 2.1.
    assert np.median(sn[z < 0.4]) > np.median(sn[(z > 0.4) & (z < 1.2)]) > np.median(sn[z > 2.1]) > 1.5


@pytest.mark.realdata
@pytest.mark.parametrize(("region", "folder"), [("boss", "boss_picca"), ("sdss", "sdss_sky_fibres")])
def test_noise_sky_and_resolution_are_those_of_real_spectra(skysieve_data, region, folder):
    tool, noise, sky, width = instrument(region), [], [], []
    grid = np.arange(4000, 9100, 100.0)
    for path in sorted((skysieve_data / "spectra" / folder).glob("spec-*.fits.gz")):
        with fits.open(path) as file:
            data = file[1].data
            wave, ivar = 10 ** data["loglam"].astype(float), data["ivar"]
            good = ivar > 0
            noise.append(np.interp(grid, wave[good], ivar[good] ** -0.5))
            sky.append(np.interp(grid, wave, data["sky"]))
            width.append(np.interp(grid, wave, data["wdisp"]))
    ours = observe(np.random.default_rng(0), tool, getattr(parsed().spectrographs, region),
                   np.zeros(len(tool.window.wave)), 1.0)  # fmt: skip
    good = ours.ivar > 0
    found = np.interp(grid, tool.window.wave[good], ours.ivar[good] ** -0.5)
    assert np.median(found / np.median(noise, axis=0)) == pytest.approx(1.0, abs=0.35)
    assert np.median(np.interp(grid, tool.window.wave, ours.sky) / np.median(sky, axis=0)) == pytest.approx(1, abs=0.4)
    assert np.interp(grid, tool.window.wave, tool.sigma) == pytest.approx(np.median(width, axis=0), rel=0.15)
