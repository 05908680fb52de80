"""Grids: the numbers of the papers and of the published codes (reference_code.md, section 11.4)."""

import numpy as np
import pytest

from pipeline.errors import PipelineError
from pipeline.spectra.grids import GRIDS, Grid, grid, grid_of


def test_fnet_is_the_linspace_of_the_published_code():
    np.testing.assert_allclose(np.log10(grid("fnet").wavelength), np.linspace(3.5522, 4.0139, 4618), rtol=0, atol=1e-12)
    assert grid("fnet").step == pytest.approx(1e-4, rel=1e-9)


def test_fnet_paper():
    wavelength = grid("fnet_paper").wavelength
    assert len(wavelength) == 4618 and wavelength[[0, -1]] == pytest.approx([3600, 10325], abs=1e-6)
    assert np.diff(np.log(wavelength)) == pytest.approx(np.log(10325 / 3600) / 4617, rel=1e-9)


def test_rnet_and_desi():
    np.testing.assert_allclose(grid("rnet").wavelength, np.linspace(3500, 10000, 2000), rtol=1e-12)
    desi = grid("desi").wavelength
    assert len(desi) == 7781 and desi[1] - desi[0] == pytest.approx(0.8) and desi[-1] == pytest.approx(9824.0)


def test_quasarnet():
    bins = grid("quasarnet").wavelength
    assert len(bins) == 443
    assert bins[[0, 1, 442]] == pytest.approx([3600, 3608.298857, 9960.989923], abs=1e-6)
    linear = grid("quasarnet_linear")
    np.testing.assert_allclose(linear.wavelength, np.round(np.arange(3600, 9824.8, 13.6), 1), rtol=0, atol=1e-9)
    assert len(linear.wavelength) == 458 and linear.wavelength[-1] == pytest.approx(9815.2)


@pytest.mark.parametrize("name", GRIDS)
def test_edges_enclose_the_pixels(name):
    one = grid(name)
    assert len(one.edges) == one.pixels + 1
    assert (one.edges[:-1] <= one.wavelength).all() and (one.wavelength < one.edges[1:]).all()
    assert one.index_of(one.wavelength) == pytest.approx(np.arange(one.pixels), abs=1e-6)


@pytest.mark.parametrize("name", GRIDS)
def test_attributes_give_the_grid_back(name):
    assert grid_of(grid(name).attrs) == grid(name)
    rebinned = grid(name).rebinned(3)
    assert rebinned.pixels == grid(name).pixels // 3
    np.testing.assert_allclose(rebinned.edges, grid(name).edges[::3][: rebinned.pixels + 1], rtol=1e-12)


def test_refusals():
    with pytest.raises(PipelineError, match="fnett"):
        grid("fnett")
    with pytest.raises(PipelineError, match="other numbers"):
        grid_of({**grid("fnet").attrs, "wave_start": 3.5})
    assert grid_of(Grid("own", "linear", 1.0, 2.0, 3).attrs) == Grid("own", "linear", 1.0, 2.0, 3)
