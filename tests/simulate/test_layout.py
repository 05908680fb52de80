"""Bricks and their geometry, with astropy's WCS and HEALPix as references."""

import numpy as np
import pytest
from astropy.wcs import WCS

from pipeline.data.sky import cells
from pipeline.errors import PipelineError
from pipeline.simulate import layout, writers

CORNERS = [(0, -5), (350, 0), (130, 30), (200, 60), (10, -40)]


@pytest.mark.parametrize(("ra0", "dec0"), [(10.3, 45.0), (0.01, -62.0), (200.0, 0.0)])
def test_projection_is_astropys(ra0, dec0):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [ra0, dec0]
    wcs.wcs.cdelt, wcs.wcs.crpix = [-1 / 3600, 1 / 3600], [0, 0]
    rng = np.random.default_rng(1)
    east, north = rng.uniform(-900, 900, (2, 50))
    ra, dec = layout.deproject(east, north, ra0, dec0)
    # The reference pixel is (0, 0) when pixels are counted from one.
    expected = wcs.wcs_pix2world(np.stack([-east, north], axis=1), 1)
    assert np.allclose(ra, expected[:, 0], atol=1e-9)
    assert np.allclose(dec, expected[:, 1], atol=1e-9)
    assert np.allclose(layout.project(ra, dec, ra0, dec0), (east, north), atol=1e-6)


def test_pixels_are_those_of_the_header(survey):
    for field in layout.fields(survey.sky, 3, 7, 130, 35):
        for brick in field.bricks:
            wcs = WCS(writers.coadd_header(brick, "north", "r", "image"))
            ra = brick.ra + np.linspace(-0.02, 0.02, 9)
            dec = brick.dec + np.linspace(0.01, -0.01, 9)
            x, y = wcs.all_world2pix(ra, dec, 0)
            assert np.allclose(brick.pixel(ra, dec), (x, y), atol=1e-4)


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("pixels", [700, 2400])
def test_each_field_lies_in_one_cell_far_from_others(changed, corner, pixels):
    survey = changed(sky__brick_pixels=pixels, sky__pair_share=0.2)
    fields = layout.fields(survey.sky, 12, 7, *corner)
    found = []
    for field in fields:
        reach = field.half_width + 60
        east = np.array([-reach, reach, reach, -reach])
        north = np.array([field.south - 60, field.south - 60, field.north + 60, field.north + 60])
        own = np.unique(cells(*field.sky(east, north), survey.sky.cell_nside))
        assert len(own) == 1
        found.append(own[0])
        ra, dec = field.sky(east, north)
        assert np.all((ra >= corner[0]) & (ra < corner[0] + 10) & (dec >= corner[1]) & (dec < corner[1] + 5))
    assert len(set(found)) == len(fields)
    assert sum(len(field.bricks) for field in fields) == 12
    assert sum(len(field.bricks) == 2 for field in fields) == 2


def test_names_and_numbers_are_unique(survey):
    bricks = [
        brick for corner in CORNERS for field in layout.fields(survey.sky, 9, 7, *corner) for brick in field.bricks
    ]
    assert len({brick.name for brick in bricks}) == len(bricks)
    assert len({brick.number for brick in bricks}) == len(bricks)
    assert all(0 < brick.number < 2**20 for brick in bricks)
    for brick in bricks:
        sign = "m" if brick.dec < 0 else "p"
        assert brick.name == f"{int(10 * brick.ra):04d}{sign}{int(10 * abs(brick.dec)):03d}"


def test_a_source_near_the_shared_boundary_is_whole_in_the_other_image(survey):
    field = next(field for field in layout.fields(survey.sky, 3, 7, 0, -5) if len(field.bricks) == 2)
    low, high = field.bricks
    assert low.dec2 == high.dec1
    half = 48
    ra, dec = field.sky(0.0, -2.0)  # 2 arcsec south of the boundary
    assert low.owns(ra, dec)
    assert not high.owns(ra, dec)
    x, y = low.pixel(ra, dec)
    assert y + half > low.pixels - 1
    x, y = high.pixel(ra, dec)
    assert y - half >= 0
    assert half <= x < high.pixels - half


def test_an_own_area_is_whole_in_its_image(survey):
    field = next(field for field in layout.fields(survey.sky, 3, 7, 130, 35) if len(field.bricks) == 1)
    (brick,) = field.bricks
    ra = np.array([brick.ra1, brick.ra2, brick.ra1, brick.ra2])
    dec = np.array([brick.dec1, brick.dec1, brick.dec2, brick.dec2])
    x, y = brick.pixel(ra, dec)
    margin = survey.sky.margin_pixels
    assert np.all(x >= margin - 1.5)
    assert np.all(x <= brick.pixels - margin + 0.5)
    assert np.all((y >= margin - 1.5) & (y <= brick.pixels - margin + 0.5))


def test_layout_depends_on_seed_and_corner_alone(survey):
    first, second = (layout.fields(survey.sky, 3, 7, 0, -5) for _ in range(2))
    assert first == second
    assert layout.fields(survey.sky, 3, 8, 0, -5) != first


def test_too_many_bricks_and_wrong_corners_are_named(survey):
    with pytest.raises(PipelineError, match="too few sky cells"):
        layout.fields(survey.sky, 500, 7, 0, -5)
    for wrong in ("3,0", "0;5", "370,0", "0,91"):
        with pytest.raises(PipelineError, match="not the corner"):
            layout.corner(wrong)
    assert layout.corner("350,-40") == (350, -40)
