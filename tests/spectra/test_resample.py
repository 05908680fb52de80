"""Resampling: beside numpy, specutils and brute force; what is aligned is copied; what is not covered is masked."""

import warnings

import numpy as np
import pytest

from pipeline.spectra.grids import Grid, grid
from pipeline.spectra.raw import RawSpectrum, cleaned
from pipeline.spectra.resample import METHODS, aligned, conserve, interpolate, pixel_edges, quasarnet_bins, to_grid

TARGETS = [
    Grid("fine", "linear", 4001.3, 0.7, 900),
    Grid("coarse", "linear", 4010.0, 7.7, 90),
    Grid("log", "log10", np.log10(4005.0), 3e-4, 200),
    Grid("beyond", "linear", 3700.0, 2.0, 700),
]


def block(n=4, pixels=700, seed=1, bad=0.1):
    generator = np.random.default_rng(seed)
    wavelength = 4000 * 1.00023 ** np.arange(pixels)
    flux = generator.normal(5, 2, (n, pixels)).astype("f4")
    ivar = generator.uniform(0.1, 2, (n, pixels)).astype("f4")
    mask = generator.uniform(size=(n, pixels)) < bad
    return wavelength, *cleaned(flux, ivar, mask)[:3]


def raw(wavelength, flux, ivar, mask) -> RawSpectrum:
    return RawSpectrum(1, 2, 0.0, 0.0, "boss", "test", wavelength, flux, ivar, mask)


def brute_force(wavelength, flux, ivar, mask, target):
    """Average over each pixel of the target by a loop over all pixels of the spectrum."""
    edges, lines = pixel_edges(wavelength), []
    for low, high in zip(target.edges[:-1], target.edges[1:], strict=True):
        width = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None) * ~mask
        if width.sum() < 0.5 * (high - low):
            lines.append((0.0, 0.0, True))
            continue
        used = width > 0
        variance = (width[used] ** 2 / ivar[used]).sum() / width.sum() ** 2
        lines.append(((width * flux).sum() / width.sum(), 1 / variance, False))
    return np.array(lines).T


@pytest.mark.parametrize("target", TARGETS, ids=lambda one: one.name)
def test_conserve_is_the_overlap_weighted_average(target):
    wavelength, *spectra = block(2)
    found = conserve(wavelength, *spectra, target)
    for row in range(2):
        flux, ivar, mask = brute_force(wavelength, *(part[row] for part in spectra), target)
        np.testing.assert_array_equal(found[2][row], mask.astype(bool))
        np.testing.assert_allclose(found[0][row], flux, rtol=2e-6)
        np.testing.assert_allclose(found[1][row], ivar, rtol=2e-6)
    assert found[2].any() and not found[2].all()


def test_conserve_beside_specutils():
    """specutils has no masks; the interior is compared, because it treats the outermost pixels in its own way."""
    from astropy import units
    from astropy.nddata import InverseVariance
    from specutils import Spectrum, manipulation

    wavelength, *spectra = block(1, bad=0)
    unit = units.Unit("erg / (s cm2 AA)")
    spectrum = Spectrum(
        spectral_axis=wavelength * units.AA,
        flux=spectra[0][0].astype("f8") * unit,
        uncertainty=InverseVariance(spectra[1][0].astype("f8") / unit**2),
    )
    for target in TARGETS[:3]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = manipulation.FluxConservingResampler()(spectrum, target.wavelength * units.AA)
        flux, ivar, mask = (part[0, 2:-2] for part in conserve(wavelength, *spectra, target))
        keep = ~mask
        assert keep.sum() > 50
        # On a log grid specutils' edges are half way in wavelength, ours in its logarithm: a part in 1e4 of a pixel.
        tolerance = 1e-5 if target.kind == "linear" else 2e-3
        np.testing.assert_allclose(flux[keep], theirs.flux.value[2:-2][keep], rtol=tolerance)
        np.testing.assert_allclose(ivar[keep], theirs.uncertainty.array[2:-2][keep], rtol=tolerance)


def test_conserve_keeps_the_integral():
    wavelength, flux, ivar, mask = block(3, bad=0)
    target = Grid("whole", "linear", 3990.0, 3.3, 240)
    edges, found = pixel_edges(wavelength), conserve(wavelength, flux, ivar, mask, target)
    covered = ~found[2]
    low, high = target.edges[:-1][covered[0]][1], target.edges[1:][covered[0]][-2]
    width = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None)
    inside = np.flatnonzero(covered[0])[1:-1]
    np.testing.assert_allclose((found[0][:, inside] * 3.3).sum(axis=1), (flux * width).sum(axis=1), rtol=1e-6)


def test_the_propagated_variance_is_that_of_noise():
    generator = np.random.default_rng(5)
    wavelength, n = 4000 + np.arange(60.0), 20000
    ivar = np.tile(generator.uniform(0.5, 2, 60), (n, 1)).astype("f4")
    flux = (generator.normal(size=(n, 60)) / np.sqrt(ivar)).astype("f4")
    target = Grid("t", "linear", 4005.0, 2.6, 18)
    found = conserve(wavelength, flux, ivar, np.zeros((n, 60), bool), target)
    scaled = found[0] * np.sqrt(found[1])
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=5 / np.sqrt(2 * n))


def test_interpolate_is_numpys():
    wavelength, flux, ivar, mask = block(3)
    for target in TARGETS:
        found = interpolate(wavelength, flux, ivar, mask, target)
        inside = (target.wavelength >= wavelength[0]) & (target.wavelength <= wavelength[-1])
        for row in range(3):
            wanted = np.interp(target.wavelength, wavelength, flux[row].astype("f8"))
            np.testing.assert_allclose(found[0][row, inside], wanted[inside], rtol=1e-6)
        assert not found[0][:, ~inside].any() and found[2][:, ~inside].all()
        assert not found[1][found[2]].any()


def test_quasarnet_bins_by_a_loop():
    wavelength, flux, ivar, mask = block(3)
    target = Grid("bins", "log10", np.log10(3990.0), 1e-3, 80, "left")
    found = quasarnet_bins(wavelength, flux, ivar, mask, target)
    total, summed = np.zeros((3, 80)), np.zeros((3, 80))
    for place, weight, value in zip(target.index_of(wavelength), ivar.T, flux.T, strict=True):
        if 0 <= int(np.floor(place)) < 80:
            total[:, int(np.floor(place))] += weight
            summed[:, int(np.floor(place))] += weight.astype("f8") * value
    empty = total == 0
    np.testing.assert_allclose(found[1], total, rtol=1e-6)
    np.testing.assert_allclose(found[0][~empty], (summed / np.where(empty, 1, total))[~empty], rtol=1e-6)
    assert empty.any() and not found[0][empty].any() and found[2][empty].all() and not found[2][~empty].any()


def test_desi_pixels_in_quasarnets_bins():
    """reference_code.md, section 11.4; its 29 pixels in the last bin are 28 in QuasarNP's own list, regrid.txt."""
    wavelength = grid("desi").wavelength
    ones = np.ones((1, 7781), "f4")
    count = quasarnet_bins(wavelength, ones, ones, ones == 0, grid("quasarnet"))[1][0]
    assert count[:5].tolist() == [11, 10, 11, 10, 11] and count.sum() == 7781
    assert np.flatnonzero(count)[-1] == 435 and count[435] == 28 and (count == 0).sum() == 7
    linear = quasarnet_bins(wavelength, ones, ones, ones == 0, grid("quasarnet_linear"))[1][0]
    assert linear.tolist() == [17] * 457 + [12]


def test_aligned_pixels_are_copied():
    fnet = grid("fnet")
    place = np.arange(-5, 3000)
    # What float32 makes of log10 of a wavelength, as SDSS stores it.
    wavelength = 10 ** (fnet.start + 1e-4 * place).astype("f4").astype("f8")
    generator = np.random.default_rng(3)
    flux, ivar = generator.normal(size=3005).astype("f4"), generator.uniform(size=3005).astype("f4")
    flux, ivar, mask, _ = cleaned(flux, ivar, generator.uniform(size=3005) < 0.1)
    np.testing.assert_array_equal(aligned(wavelength, fnet), place)
    for method in METHODS:
        found = to_grid(raw(wavelength, flux, ivar, mask), fnet, method)
        for part, wanted in zip(found, (flux, ivar, mask), strict=True):
            np.testing.assert_array_equal(part[:3000], wanted[5:])
        assert found[2][3000:].all() and not found[0][3000:].any() and not found[1][3000:].any()
    assert aligned(wavelength * 10 ** (0.02e-4), fnet) is None
    shifted = to_grid(raw(wavelength * 10 ** (0.3e-4), flux, ivar, mask), fnet, "conserve")
    assert (shifted[0][:3000] != flux[5:]).any()


@pytest.mark.parametrize("method", METHODS)
def test_a_row_does_not_depend_on_its_neighbours(method):
    wavelength, *spectra = block(40)
    target = Grid("bins", "log10", np.log10(3990.0), 1e-3, 80, "left")
    whole = METHODS[method](wavelength, *spectra, target)
    for row in (0, 7, 39):
        for part, one in zip(
            whole, METHODS[method](wavelength, *(x[row : row + 1] for x in spectra), target), strict=True
        ):
            np.testing.assert_array_equal(part[row], one[0])


@pytest.mark.parametrize("method", METHODS)
def test_spectra_off_the_grid_or_without_pixels(method):
    wavelength, flux, ivar, mask = (part if part.ndim == 1 else part[0] for part in block(1))
    off = Grid("off", "linear", 100.0, 1.0, 20)
    empty = tuple(part[:0] for part in (wavelength, flux, ivar, mask))
    for spectrum in (raw(wavelength, flux, ivar, mask), raw(*empty)):
        found = to_grid(spectrum, off, method)
        assert not found[0].any() and not found[1].any() and found[2].all() and found[0].shape == (20,)


def test_cleaned():
    nan = np.nan
    flux, ivar, mask, broken = cleaned([1.0, nan, 3, 4, 5, 6], [1.0, 1, np.inf, 0, -1, 2], [0, 0, 0, 0, 0, 1])
    assert flux.tolist() == [1, 0, 0, 4, 5, 6] and ivar.tolist() == [1, 0, 0, 0, 0, 0]
    assert mask.tolist() == [False, True, True, True, True, True] and broken
    assert not cleaned([1.0], [1.0], [False])[3]
