"""Places of plates and pixels: unique, those of HEALPix, far from each other, shared where they should be."""

import numpy as np
import pytest
from astropy import units as u
from astropy_healpix import HEALPix
from simulated_spectra import parsed, rows

from pipeline.data.sky import match
from pipeline.errors import PipelineError
from pipeline.graph import SPECTRA_NSIDE
from pipeline.simulate.spectra import layout

HEALPIX = HEALPix(SPECTRA_NSIDE, order="nested")


def test_shards_are_named_once_and_pixels_lie_on_plates():
    settings = parsed(tranches=2, sdss_plates=12, boss_plates=18, desi_pixels=10)
    made = rows(settings)
    assert len(made) == 80
    assert len({row["shard"] for row in made}) == len({row["sources"] for row in made}) == 80
    assert {row["batch"] for row in made} == {"t1-s0000", "t2-s0000"}
    for tranche in (1, 2):
        of = [row for row in made if row["tranche"] == tranche]
        plates = {layout.pixel(row["sources"]) for row in of if row["region"] != "desi"}
        pixels = [layout.number(row["sources"])[1] for row in of if row["region"] == "desi"]
        assert len(set(pixels)) == 10 and set(pixels) <= plates
        assert sum(layout.shared(settings, row["sources"]) for row in of) == 20
    ra, dec = np.array([layout.in_pixel(layout.pixel(r["sources"]), 0.5, 0.5) for r in made if r["region"] != "desi"]).T
    near = match(ra, dec, ra, dec, 2 * 3600 * layout.PLATE_RADIUS)
    assert np.array_equal(near[0], near[1])  # no two plates overlap


def test_more_pixels_than_plates():
    settings = parsed(sdss_plates=0, boss_plates=1, desi_pixels=4, tranches=2)
    made = [row for row in rows(settings) if row["region"] == "desi"]
    assert len({layout.number(row["sources"]) for row in made}) == 8
    assert sum(layout.shared(settings, row["sources"]) for row in made) == 2


def test_a_later_tranche_and_more_shards_rename_nothing():
    few = rows(parsed(sdss_plates=1, boss_plates=1, desi_pixels=1, tranches=1))
    assert rows(parsed(sdss_plates=1, boss_plates=1, desi_pixels=1, tranches=2))[:3] == few


def test_places_lie_in_their_pixel_and_on_their_plate():
    rng = np.random.default_rng(4)
    for pixel in rng.integers(0, 8 * SPECTRA_NSIDE**2, 50).tolist():
        ra, dec = layout.in_pixel(pixel, *rng.random(2))
        assert int(HEALPIX.lonlat_to_healpix(ra * u.deg, dec * u.deg)) == pixel
    middle = layout.in_pixel(layout.pixel("plate=3600;place=7"), 0.5, 0.5)
    places = np.array([layout.on_plate("plate=3600;place=7", *rng.random(2)) for _ in range(400)])
    away = match([middle[0]], [middle[1]], places[:, 0], places[:, 1], 3600 * 1.5001)
    assert len(away[0]) == 400 and np.median(away[2]) / 3600 == pytest.approx(1.5 * np.sqrt(0.5), rel=0.1)


@pytest.mark.parametrize("sources", ["plate=x;place=1", "130,30", "fiber=3;place=1", "plate=3600"])
def test_other_sources_are_refused(sources):
    with pytest.raises(PipelineError, match="not the place of a simulated shard"):
        layout.number(sources)
