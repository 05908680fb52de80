"""Places of plates and pixels: against an independent HEALPix, unique, near to each other."""

import subprocess
import sys

import astropy_healpix
import numpy as np
import pytest
from astropy import units as u
from simulated_spectra import parsed

from pipeline.errors import PipelineError
from pipeline.simulate.spectra import layout


def test_pixels_are_those_of_healpix():
    healpix = astropy_healpix.HEALPix(layout.NSIDE, order="nested")
    rng = np.random.default_rng(4)
    for pixel in rng.integers(0, 12 * layout.NSIDE**2, 600).tolist():
        ra, dec = layout.in_pixel(pixel, *rng.random(2))
        assert int(healpix.lonlat_to_healpix(ra * u.deg, dec * u.deg)) == pixel
        assert layout.pixel_at(ra, dec) == pixel
        lon, lat = healpix.healpix_to_lonlat(pixel)
        at = layout.centre(f"healpix={pixel}")
        assert at == pytest.approx((lon.to_value(u.deg), lat.to_value(u.deg)), abs=1e-9)


def test_shards_are_named_once_and_pixels_lie_on_plates():
    settings = parsed(tranches=2, sdss_plates=12, boss_plates=18, desi_pixels=10)
    shards = layout.shards(settings)
    assert len(shards) == 80
    assert len({name for name, *_ in shards}) == 80
    assert len({sources for _, _, sources, _ in shards}) == 80
    for tranche in (1, 2):
        plates = [layout.centre(s) for _, t, s, r in shards if t == tranche and r != "desi"]
        held = {layout.pixel_at(*place) for place in plates}
        assert {layout.number(s)[1] for _, t, s, r in shards if t == tranche and r == "desi"} <= held
    # Plates do not lie upon each other: half of their places may overlap at their edges, no more.
    ra, dec = np.radians(np.array([layout.centre(s) for _, _, s, r in shards if r != "desi"])).T
    cosine = np.sin(dec) * np.sin(dec[:, None]) + np.cos(dec) * np.cos(dec[:, None]) * np.cos(ra - ra[:, None])
    apart = np.degrees(np.arccos(np.clip(cosine, -1, 1))) + 9 * np.eye(len(ra))
    assert apart.min() > layout.PLATE_RADIUS


def test_more_pixels_than_plates():
    settings = parsed(sdss_plates=0, boss_plates=1, desi_pixels=4, tranches=2)
    pixels = [s for _, _, s, r in layout.shards(settings) if r == "desi"]
    assert len(set(pixels)) == 8


def test_layout_imports_the_standard_library_only():
    code = (
        "import sys, pipeline.simulate.spectra.layout; assert not {'numpy', 'astropy', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("sources", ["plate=x", "130,30", "fiber=3", "plate="])
def test_other_sources_are_refused(sources):
    with pytest.raises(PipelineError, match="not the place of a simulated shard"):
        layout.number(sources)
