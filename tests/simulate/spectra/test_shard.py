"""Shards: numbers of each kind, places, repeated objects, independence of the batch."""

import numpy as np
import pytest
from astropy import units as u
from astropy_healpix import HEALPix
from simulated_spectra import parsed, row, rows

from pipeline.data.sky import match
from pipeline.graph import SPECTRA_NSIDE
from pipeline.simulate.spectra import layout, pipeline_fit, shard


@pytest.fixture(scope="module")
def made():
    settings = parsed(repeat_share=0.1)
    return settings, {one["region"]: list(shard.spectra(settings, 9, one)) for one in rows(settings)}


def test_each_shard_has_its_shares(made):
    settings, shards = made
    for spectra in shards.values():
        kinds = [one.kind for one in spectra]
        assert len(kinds) == settings.spectra_per_shard
        assert kinds.count("sky") in (2, 3) and kinds.count("quasar") in (26, 27)
        assert [one.row for one in spectra] == list(range(len(kinds)))


def test_spectra_lie_on_their_plates_and_pixels(made):
    settings, shards = made
    for region, spectra in shards.items():
        sources = row(settings, region)["sources"]
        if region == "desi":
            healpix = HEALPix(SPECTRA_NSIDE, order="nested")
            places = np.array([(one.ra, one.dec) for one in spectra]).T * u.deg
            assert set(healpix.lonlat_to_healpix(*places).tolist()) == {layout.number(sources)[1]}
            continue
        ra, dec = layout.in_pixel(layout.pixel(sources), 0.5, 0.5)
        away = match([ra], [dec], [one.ra for one in spectra], [one.dec for one in spectra], 3600 * 1.5001)
        assert len(away[0]) == len(spectra)
        assert np.median(away[2]) / 3600 == pytest.approx(1.5 * np.sqrt(0.5), rel=0.25)


def test_repeated_objects_are_the_same_at_one_place_and_vary(made):
    _, shards = made
    first, second = ([one for one in shards[region] if one.key[1] == "shared"] for region in ("sdss", "desi"))
    assert len(first) == len(second) == 4
    for a, b in zip(first, second, strict=True):
        assert (a.ra, a.dec, a.z, a.source.mag, a.ebv) == (b.ra, b.dec, b.z, b.source.mag, b.ebv)
        assert a.key == b.key
    # All other objects are unique.
    everything = [one for spectra in shards.values() for one in spectra]
    assert len({one.key for one in everything}) == len(everything) - 4
    positions = {(one.ra, one.dec) for one in everything}
    assert len(positions) == len(everything) - 4


def test_seeds_and_shards_differ_and_nothing_else(made):
    settings, shards = made
    one = row(settings, "boss")
    again = list(shard.spectra(settings, 9, {**one, "batch": "t1-b0042"}))
    for a, b in zip(again, shards["boss"], strict=True):
        assert np.array_equal(a.observed.flux, b.observed.flux)
        assert np.array_equal(a.observed.ivar, b.observed.ivar)
    other = next(shard.spectra(settings, 10, one))
    assert not np.array_equal(other.observed.flux, shards["boss"][0].observed.flux)


def test_pipelines_are_mostly_right():
    settings = parsed(spectra_per_shard=200)
    one = row(settings, "boss")
    wrong, total, skies = 0, 0, 0
    for spectrum in shard.spectra(settings, 2, one):
        result = pipeline_fit.fit(settings.catalogue, 2, one, spectrum)
        if spectrum.kind == "quasar":
            total += 1
            bad = abs(result.z - spectrum.z) / (1 + spectrum.z) > 0.02
            wrong += bad
            if spectrum.observed.sn > 20:
                assert not bad or result.zwarn or result.delta_chi2 > 0
        elif spectrum.kind == "sky":
            skies += 1
            assert result.zwarn & pipeline_fit.SMALL_DELTA_CHI2
    assert 0 < wrong < 0.2 * total
    assert skies > 0
