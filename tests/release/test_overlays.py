"""Region files and footprints, read by the libraries that others use."""

import numpy as np
from astropy.io import fits
from mocpy import MOC
from regions import Regions

from pipeline.release import overlays


def test_regions_are_read_with_position_name_and_colour():
    text = overlays.region_text(
        np.array([10.5, 359.99999]), np.array([-5.25, 80.0]), np.array(["DESI-1", "DESI-2"]), np.array(["A", "C"])
    )
    found = Regions.parse(text, format="ds9")
    assert len(found) == 2
    assert abs(found[0].center.ra.deg - 10.5) < 1e-6 and abs(found[0].center.dec.deg + 5.25) < 1e-6
    assert abs(found[0].radius.to_value("arcsec") - 5) < 1e-6
    assert found[1].meta["text"] == "DESI-2 (C)" and "green" in found[1].visual.values()
    assert overlays.region_text(*[np.array([])] * 4).count("\n") == 2


def test_the_footprint_holds_every_searched_position_and_little_else(tmp_path):
    rng = np.random.default_rng(0)
    ra, dec = 120 + rng.uniform(0, 0.5, 400), 10 + rng.uniform(0, 0.5, 400)
    header = {"RUN": "tiny", "SIMULATE": True}
    path = tmp_path / "footprint.fits"
    overlays.footprint(ra, dec, 9, header).writeto(path)
    moc = MOC.load(path, format="fits")
    assert moc.contains_lonlat(ra * _deg(), dec * _deg()).all()
    assert not moc.contains_lonlat((ra + 5) * _deg(), dec * _deg()).any()
    square_degrees = moc.sky_fraction * 41252.96
    assert 0.15 < square_degrees < 0.5
    with fits.open(path, checksum=True) as hdus:
        assert hdus[1].header["RUN"] == "tiny" and hdus[1].header["SIMULATE"] is True
    again = tmp_path / "again.fits"
    overlays.footprint(ra[::-1], dec[::-1], 9, header).writeto(again)
    assert again.read_bytes() == path.read_bytes()


def _deg():
    from astropy import units

    return units.deg
