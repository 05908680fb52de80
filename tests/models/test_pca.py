"""chi2(z) equals brute force, and its minima and errors are right."""

import numpy as np
import pytest
import torch

from pipeline.models.minima import LIGHT, distinct, local_minima, vertex
from pipeline.models.pca import Shifted, Templates, Weighting
from pipeline.spectra.grids import GRIDS
from pipeline.spectra.log_bins import FINE, Bins, Rebinning, bins_of

CPU = torch.device("cpu")
BINS = Bins(7200, 160, 5)


def templates(k=3, z=(0.2, 0.5), pad=0, seed=1):
    """Random smooth vectors over all rest bins that BINS can show at z, and `pad` fine bins more."""
    draw = np.random.default_rng(seed)
    first = 36000 - round(np.log10(1 + z[1]) / FINE) - 30 - pad
    last = 36800 - round(np.log10(1 + z[0]) / FINE) + 30 + pad
    vectors = np.cumsum(draw.normal(size=(k, last - first)), axis=1) / 10
    return Templates("quasar", first, vectors, np.ones(last - first, dtype=bool), z)


def spectrum(seed=2):
    draw = np.random.default_rng(seed)
    weight = draw.uniform(0, 2, BINS.count)
    weight[draw.random(BINS.count) < 0.1] = 0
    return weight, weight * (2 + draw.normal(size=BINS.count))


def brute_force(one, weight, flux, place, polynomial):
    """chi2 of numpy's least squares at a shift of fine bins."""
    fine = BINS.first * BINS.width - place - one.first + np.arange(BINS.count * BINS.width)
    columns = one.vectors[:, fine].reshape(len(one.vectors), BINS.count, BINS.width).mean(-1)
    x = np.linspace(-1, 1, BINS.count)
    columns = np.vstack([columns, *(x**power for power in range(polynomial))])
    root = np.sqrt(weight)
    data = np.where(weight > 0, flux / np.maximum(weight, 1e-300), 0)
    solution = np.linalg.lstsq((columns * root).T, data * root, rcond=None)[0]
    return ((data - solution @ columns) ** 2 * weight).sum(), solution


@pytest.mark.parametrize("polynomial", [0, 1, 4])
def test_scan_equals_brute_force(polynomial):
    one, (weight, flux) = templates(), spectrum()
    shifted = Shifted(one, BINS, CPU)
    prepared = Weighting(BINS, polynomial, 0.0, CPU)(torch.from_numpy(weight), torch.from_numpy(flux))
    chi2 = shifted.scan(prepared)
    assert (shifted.low, shifted.high) == (159, 352) and chi2.shape == (194,)
    for place in (159, 160, 230, 301, 352):
        expected, solution = brute_force(one, weight, flux, 5 * place, polynomial)
        assert chi2[place - 159].item() == pytest.approx(expected, rel=1e-7)
        assert shifted.at(prepared, torch.tensor([5 * place])).item() == pytest.approx(expected, rel=1e-7)
        np.testing.assert_allclose(shifted.fit(prepared, 5 * place)[0], solution[:3], rtol=1e-4, atol=1e-6)
    for place in (795 - 7, 801, 1003, 1444, 1760 + 8):  # between the bins, and beyond the ends
        expected, _ = brute_force(one, weight, flux, place, polynomial)
        assert shifted.at(prepared, torch.tensor([[place]])).item() == pytest.approx(expected, rel=1e-7)


def test_polynomial_alone():
    weight, flux = spectrum()
    prepared = Weighting(BINS, 3, 0.0, CPU)(torch.from_numpy(weight), torch.from_numpy(flux))
    x, root = np.linspace(-1, 1, BINS.count), np.sqrt(weight)
    data = np.where(weight > 0, flux / np.maximum(weight, 1e-300), 0)
    columns = np.stack([np.ones_like(x), x, x**2])
    solution = np.linalg.lstsq((columns * root).T, data * root, rcond=None)[0]
    expected = ((data - solution @ columns) ** 2 * weight).sum()
    assert prepared.rest.item() == pytest.approx(expected, rel=1e-10)


def test_polynomials_that_the_data_cannot_tell_apart():
    """Two bins with data hold two terms; the others must do no harm."""
    weight = np.zeros(BINS.count)
    weight[[3, 90]] = 4.0
    prepared = Weighting(BINS, 4, 0.0, CPU)(torch.from_numpy(weight), torch.from_numpy(weight * 3.0))
    assert prepared.rest.item() == pytest.approx(0, abs=1e-9)
    chi2 = Shifted(templates(), BINS, CPU).scan(prepared)
    assert torch.isfinite(chi2).all() and (chi2 > -1e-6).all() and (chi2 < 1e-6).all()


def test_dependent_vectors_do_no_harm():
    one, (weight, flux) = templates(2), spectrum()
    twice = Templates("quasar", one.first, np.vstack([one.vectors, one.vectors[:1]]), one.covered, one.z)
    prepared = Weighting(BINS, 2, 0.0, CPU)(torch.from_numpy(weight), torch.from_numpy(flux))
    chi2, same = (Shifted(which, BINS, CPU).scan(prepared) for which in (one, twice))
    np.testing.assert_allclose(same, chi2, rtol=1e-6)


def test_beyond_its_ends_a_template_keeps_its_level():
    short, long = templates(pad=0), templates(pad=0)
    cut = 400
    vectors = long.vectors[:, cut:]
    filled = long.vectors.copy()
    filled[:, :cut] = vectors[:, :1]
    short = Templates("quasar", long.first + cut, vectors, long.covered[cut:], long.z)
    full = Templates("quasar", long.first, filled, long.covered, long.z)
    weight, flux = spectrum()
    prepared = Weighting(BINS, 2, 0.0, CPU)(torch.from_numpy(weight), torch.from_numpy(flux))
    a, b = Shifted(short, BINS, CPU), Shifted(full, BINS, CPU)
    np.testing.assert_array_equal(a.scan(prepared), b.scan(prepared))
    covered = [shifted.fit(prepared, 5 * shifted.high)[2].numpy() for shifted in (a, b)]
    fine = BINS.first * 5 - 5 * a.high + np.arange(BINS.count * 5)
    np.testing.assert_allclose(covered[0], (fine >= short.first).reshape(-1, 5).mean(-1))
    assert covered[1].all()


def test_systematic_error():
    """A bright flat spectrum of S/N 1000 a bin gets the relative error; a faint one nearly keeps its own."""
    for level, sigma in ((1000.0, 1.0), (1.0, 10.0)):
        weight = torch.full((BINS.count,), sigma**-2, dtype=torch.float64)
        prepared = Weighting(BINS, 1, 0.05, CPU)(weight, weight * level)
        expected = 1 / (sigma**2 + (0.05 * level) ** 2)
        np.testing.assert_allclose(prepared.weight, expected, rtol=1e-9)
        np.testing.assert_allclose(prepared.flux, expected * level, rtol=1e-9)


def test_vertex_through_three_points():
    x = torch.tensor([[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [2.0, 3.0, 5.0], [0.0, 1.0, 2.0]], dtype=torch.float64)
    y = torch.tensor([[2.0, 1.0, 2.0], [1.0, 2.0, 1.0], [0, 0, 0], [0.0, 1.0, 4.0]], dtype=torch.float64)
    y[2] = 7 + ((x[2] - 3.25) / 0.5) ** 2
    x0, error, y0, good = vertex(x, y)
    assert good.tolist() == [True, False, True, True]
    assert (x0[0], error[0], y0[0]) == (0, 1, 1)
    assert x0[1] == 0 and torch.isnan(error[1])
    np.testing.assert_allclose([x0[2], error[2], y0[2]], [3.25, 0.5, 7])
    np.testing.assert_allclose([x0[3], error[3], y0[3]], [0, 1, 0], atol=1e-12)
    assert not vertex(x[3:], torch.tensor([[1.0, 4.0, 9.0]], dtype=torch.float64))[3].item()


def test_local_minima_and_their_distance():
    chi2 = torch.tensor([3.0, 4, 2, 2, 5, 1, 6, 7, 0.5])
    assert local_minima(chi2, 3).tolist() == [8, 5, 2]
    assert local_minima(chi2, 9).tolist() == [8, 5, 2, 0]
    step = 600 / (LIGHT * np.log(10))
    places = [0.3, 0.3 + step, 0.3 + 2 * step, 0.3 + 3 * step]
    assert distinct(places, [2.0, 1.0, 4.0, 3.0], 1000.0, 5) == [1, 3]
    assert distinct(places, [2.0, 1.0, 4.0, 3.0], 1000.0, 1) == [1]
    assert distinct(places, [2.0, 1.0, 4.0, 3.0], 500.0, 3) == [1, 0, 3]


@pytest.mark.parametrize("name", ["fnet", "fnet_paper", "rnet", "desi"])
def test_rebinning_keeps_the_information(name):
    grid = GRIDS[name]
    bins = bins_of(grid, 5)
    rebinning = Rebinning(np.log10(grid.edges), bins)
    draw = np.random.default_rng(1)
    ivar, flux = draw.uniform(0.5, 2, (2, grid.pixels)), np.log(grid.wavelength) * np.ones((2, 1))
    mask = draw.random((2, grid.pixels)) < 0.1
    flux[mask] = np.nan
    weight, weighted = rebinning(flux, ivar, mask)
    np.testing.assert_allclose(weight.sum(1), np.where(mask, 0, ivar).sum(1), rtol=1e-6)
    good = weight[0] > 0
    mean = weighted[0, good] / weight[0, good]
    # Where a bin is half empty its centroid moves, by half a bin at most; a pixel may reach beyond.
    reach = (bins.width * FINE / 2) * np.log(10) + np.log(grid.edges[1] / grid.edges[0]) / 2
    np.testing.assert_allclose(mean, bins.centres[good] * np.log(10), rtol=0, atol=reach)
    assert abs(np.mean(mean - bins.centres[good] * np.log(10))) < 0.05 * reach


def test_pixels_of_sdss_are_fine_bins():
    grid = GRIDS["fnet"]
    bins = bins_of(grid, 1)
    assert (bins.first, bins.count) == (35522, grid.pixels)
    values = np.random.default_rng(1).normal(size=(1, grid.pixels))
    np.testing.assert_allclose(Rebinning(np.log10(grid.edges), bins).sums(values), values, atol=1e-6)


def test_a_spike_within_a_bin():
    """A cosmic ray takes the weight of its bin; noise and a continuum leave it."""
    grid, bins = GRIDS["fnet"], bins_of(GRIDS["fnet"], 5)
    draw = np.random.default_rng(1)
    flux = 5 + np.linspace(0, 20, grid.pixels) + draw.normal(size=(1, grid.pixels))
    ivar, mask = np.ones_like(flux), np.zeros(flux.shape, dtype=bool)
    rebinning = Rebinning(np.log10(grid.edges), bins)
    plain, robust = rebinning(flux, ivar, mask), rebinning(flux, ivar, mask, 4.0)
    assert (robust[0] == plain[0]).mean() > 0.99
    flux[0, 2000] += 300
    spoilt = rebinning(flux, ivar, mask, 4.0)
    place = (35522 + 2000) // 5 - bins.first
    assert spoilt[0][0, place] < 1e-3 * plain[0][0, place]
    np.testing.assert_allclose(spoilt[1][0, place] / spoilt[0][0, place], flux[0, 1998:2003].mean(), rtol=1e-6)
    others = np.arange(bins.count) != place
    np.testing.assert_array_equal(spoilt[0][0, others], robust[0][0, others])
