"""Releases, the overlap of the regions, the cuts, the columns of the catalogue."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from pipeline.data.flags import names as flag_names
from pipeline.errors import PipelineError
from pipeline.surveys.columns import BANDS, CATALOGUE, complete, doubts_about_columns
from pipeline.surveys.releases import classes, coadd_path, galactic_latitude, photo_z_path, primary, regions, sweep_name
from pipeline.surveys.selection import select


def test_region_of_each_release():
    releases = [4000, 5000, 6000, 7000, 8000, 8001, 9010, 9011, 9012, 10000, 0, -1]
    expected = ["north", "south", "north", "south", "south", "north", "south", "north", "south", "south", "", ""]
    assert regions(np.array(releases)).tolist() == expected


def test_classes_depend_on_the_release():
    types = np.array(["DEV ", "COMP", "SER ", "PSF ", "DUP ", "REX ", "SIMP", "????"])
    assert classes(types, np.full(8, 8000)).tolist() == ["DEV", "SER", "", "PSF", "", "REX", "REX", ""]
    assert classes(types, np.full(8, 9010)).tolist() == ["DEV", "", "SER", "PSF", "DUP", "REX", "", ""]
    mixed = np.array([8000, 9010])
    assert classes(np.array(["COMP", "SER"]), mixed).tolist() == ["SER", "SER"]


def test_galactic_latitude():
    rng = np.random.default_rng(0)
    ra = np.concatenate([rng.uniform(0, 360, 1000), [0, 0, 180, 192.85948, 359.999999]])
    dec = np.concatenate([rng.uniform(-90, 90, 1000), [90, -90, 0, 27.12825, 32.375]])
    np.testing.assert_allclose(galactic_latitude(ra, dec), SkyCoord(ra, dec, unit="deg").galactic.b.deg, atol=2e-5)


def test_each_place_of_the_overlap_belongs_to_one_region():
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(0, 360, 2000), rng.uniform(25, 40, 2000)
    north = primary(np.full(2000, "north"), ra, dec)
    south = primary(np.full(2000, "south"), ra, dec)
    assert (north != south).all()
    latitude = SkyCoord(ra, dec, unit="deg").galactic.b.deg
    np.testing.assert_array_equal(north, (dec > 32.375) & (latitude > 0))
    assert primary(np.array([""]), np.array([10.0]), np.array([5.0])).all()


def test_names_of_files():
    assert sweep_name(310, -5) == "sweep-310m005-320p000" and sweep_name(350, 85) == "sweep-350p085-360p090"
    for corner in ((5, 0), (360, 0), (0, 90), (0, -95), (10, 3)):
        with pytest.raises(PipelineError, match="corner"):
            sweep_name(*corner)
    assert photo_z_path("north/sweep/9.0/sweep-000p000-010p005.fits") == (
        "north/sweep/9.0-photo-z/sweep-000p000-010p005-pz.fits"
    )
    assert coadd_path("south", "3301m002", "image", "g") == (
        "south/coadd/330/3301m002/legacysurvey-3301m002-image-g.fits.fz"
    )


def sources(**changes):
    n = 4
    plain = {"type": np.full(n, "SER", dtype=object), "region": np.full(n, "south", dtype=object),
             "ra": np.full(n, 10.0), "dec": np.full(n, 0.0), "maskbits": np.zeros(n, np.int32)}  # fmt: skip
    for band in BANDS:
        plain |= {f"flux_{band}": np.full(n, 20.0), f"nobs_{band}": np.full(n, 3), f"fracflux_{band}": np.full(n, 0.1)}
    return {**plain, **{name: np.array(values) for name, values in changes.items()}}


@pytest.mark.parametrize(
    ("selection", "columns", "keep", "cut"),
    [
        ({"types": ["DEV"]}, {"type": ["DEV", "SER", "", "PSF"]}, [1, 0, 0, 0], "type"),
        ({}, {"flux_z": [10.0, 9.9999, 1e4, np.nan]}, [0, 0, 1, 0], "magnitude"),
        ({"magnitude": {"band": "r", "bright": 18.0, "faint": 20.0}}, {"flux_r": [-1.0, 0.0, 1e4, 20.0]}, [0, 0, 0, 1],
         "magnitude"),
        ({"passes": {"g": 3, "r": 1, "z": 0}}, {"nobs_g": [3, 2, -1, 9], "nobs_z": [0, 9, 9, 0]}, [1, 0, 0, 1],
         "passes"),
        ({"maskbits": [1, 12]}, {"maskbits": [0, 2, 4096, 1]}, [1, 0, 0, 1], "maskbits"),
        ({"max_fracflux": 0.2}, {"fracflux_g": [0.2, 0.21, np.nan, 0.0]}, [1, 0, 0, 1], "fracflux"),
        ({"resolve_overlap": True}, {"ra": [180.0] * 4, "dec": [32.3, 32.375, 32.376, 60.0]}, [1, 1, 0, 0], "overlap"),
        ({"resolve_overlap": False}, {"dec": [32.3, 32.375, 32.376, 60.0], "ra": [180.0] * 4}, [1, 1, 1, 1], None),
    ],
)  # fmt: skip
def test_cuts(settings, selection, columns, keep, cut):
    kept, removed = select(sources(**columns), settings(selection).selection)
    assert kept.tolist() == [bool(value) for value in keep]
    assert sum(removed.values()) == 4 - sum(keep) and (cut is None or removed[cut] == 4 - sum(keep))


def test_a_source_is_counted_at_its_first_cut(settings):
    columns = sources(type=["PSF", "PSF", "SER", "SER"], flux_z=[1.0, 50.0, 1.0, 50.0])
    kept, removed = select(columns, settings().selection)
    assert removed == {"type": 2, "overlap": 0, "magnitude": 1} and kept.tolist() == [False, False, False, True]


def test_every_column_has_its_type_and_missing_value():
    columns = complete({"object_id": np.array([3, 5]), "ra": np.array([1.0, 2.0])}, 2)
    assert list(columns) == list(CATALOGUE)
    for name, kind in CATALOGUE.items():
        assert columns[name].dtype == (object if kind is str else kind)
    assert np.isnan(columns["ebv"]).all() and columns["nobs_g"].tolist() == [-1, -1]
    assert columns["type"].tolist() == ["", ""] and columns["maskbits"].tolist() == [0, 0]


@pytest.mark.parametrize(
    "bad",
    [{"nonsense": np.zeros(2)}, {"ra": np.zeros(3)}, {"nobs_g": np.array([1, 70000])}, {"brickid": np.array([0.5, 1])}],
)
def test_columns_that_do_not_fit(bad):
    with pytest.raises(PipelineError):
        complete(bad, 2)


def test_flags_of_what_is_not_known():
    columns = complete({"object_id": np.arange(4)}, 4)
    for band in BANDS:
        columns[f"psfsize_{band}"][:] = 1.2
        columns[f"psfdepth_{band}"][:] = 100
    columns["ebv"][:] = 0.1
    columns["psfsize_g"][1], columns["psfdepth_z"][2], columns["ebv"][3] = np.nan, 0.0, np.nan
    assert [flag_names(flag) for flag in doubts_about_columns(columns)] == [[], ["NO_PSF"], ["NO_DEPTH"], ["NO_EBV"]]
