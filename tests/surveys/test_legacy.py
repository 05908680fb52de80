"""Sweeps and coadd bricks: which sources, which pixels, and what happens to bad input."""

import tracemalloc

import numpy as np
import pytest
from astropy.io import fits

from pipeline.data.flags import names as flag_names
from pipeline.data.ids import pack_object_id
from pipeline.errors import PipelineError
from pipeline.surveys.doubts import Doubts
from pipeline.surveys.legacy import open_legacy
from pipeline.surveys.writing import write_source

BANDS = ("g", "r", "z")


def at(survey, brick, objid, x, y, **more):
    ra, dec = survey.sky(brick, x, y)
    return {"brick": brick, "objid": objid, "ra": float(ra) % 360, "dec": float(dec), **more}


def read(survey, sweep, ingest, bricks=None, policy=None):
    """Return the source and its images and flags in the order of the rows."""
    doubts = Doubts(policy or ingest.on_bad_object)
    source = open_legacy(survey.root, survey.region, "dr9", sweep, bricks, ingest, doubts)
    n = ingest.cutout_pixels
    images, flags = np.full((len(source), 3, n, n), -1, np.float32), np.zeros(len(source), np.int32)
    seen = []
    for block in source.blocks():
        images[block.rows], flags[block.rows] = block.images, block.flags
        seen += block.rows.tolist()
    assert sorted(seen) == list(range(len(source)))
    return source, images, flags, doubts


def expected(survey, brick, x0, y0, n=32):
    return np.stack([survey.images[brick, band][y0 : y0 + n, x0 : x0 + n] for band in BANDS])


def test_cutout_is_centred_and_sorted_by_id(survey, settings):
    sweep = survey.sweep([
        at(survey, "3599p001", 7, 200.2, 150.8),
        at(survey, "3599p000", 9, 100.2, 120.2),
        at(survey, "3599p000", 3, 200.4, 199.6),
    ])
    source, images, flags, _ = read(survey, sweep, settings())
    wanted = pack_object_id([9010] * 3, [1000, 1000, 1001], [3, 9, 7])
    np.testing.assert_array_equal(source.columns["object_id"], wanted)
    # Pixel 200.4, 199.6: the 32 pixels whose middle (first + 15.5) is nearest start at 185 and 184.
    np.testing.assert_array_equal(images[0], expected(survey, "3599p000", 185, 184))
    np.testing.assert_array_equal(images[1], expected(survey, "3599p000", 85, 105))
    np.testing.assert_array_equal(images[2], expected(survey, "3599p001", 185, 135))
    assert not flags.any()
    assert source.pixel_scale == 0.262


def test_odd_cutouts_are_centred_on_the_pixel(survey, settings):
    sweep = survey.sweep([at(survey, "3599p000", 1, 200.4, 199.6)])
    _, images, _, _ = read(survey, sweep, settings(cutout_pixels=33))
    np.testing.assert_array_equal(images[0], expected(survey, "3599p000", 184, 184, 33))


def test_neighbour_serves_what_reaches_over_the_edge(survey, settings):
    """Brick 0 ends at pixel 400; brick 1 begins 300 pixels further up and holds the same sky at y - 300."""
    sweep = survey.sweep([at(survey, "3599p000", 1, 200.2, 390.2), at(survey, "3599p000", 2, 200.2, 380.2)])
    _, images, flags, _ = read(survey, sweep, settings())
    ra, dec = survey.sky("3599p000", 200.2, 390.2)
    x, y = survey.pixel("3599p001", ra, dec)
    x0, y0 = int(np.floor(x - 15.5 + 0.5)), int(np.floor(y - 15.5 + 0.5))
    assert abs(y0 - 75) <= 1
    np.testing.assert_array_equal(images[0], expected(survey, "3599p001", x0, y0))
    np.testing.assert_array_equal(images[1], expected(survey, "3599p000", 185, 365))
    assert not flags.any()


def test_edge_without_neighbour_is_zero_filled_and_flagged(survey, settings):
    sweep = survey.sweep([at(survey, "3599p000", 1, 5.2, 200.2), at(survey, "3599p000", 2, 5.2, 3.2)])
    _, images, flags, doubts = read(survey, sweep, settings())
    assert [flag_names(flag) for flag in flags] == [["EDGE"], ["EDGE"]]
    assert doubts.counts["EDGE"] == 2
    np.testing.assert_array_equal(images[0, :, :, :10], 0)
    np.testing.assert_array_equal(images[0, :, :, 10:], expected(survey, "3599p000", 0, 185)[:, :, :22])
    np.testing.assert_array_equal(images[1, :, :12, :], 0)
    with pytest.raises(PipelineError, match="EDGE"):
        read(survey, sweep, settings(), policy="error")


def test_brick_corner_is_served_by_the_diagonal_neighbour(tmp_path, new_survey, settings):
    survey = new_survey(tmp_path / "dr9")
    step = 300 * 0.262 / 3600
    corners = [("0001p000", 0, 0), ("0002p000", 1, 0), ("0001p001", 0, 1), ("0002p001", 1, 1)]
    for index, (name, i, j) in enumerate(corners):
        survey.brick(name, 10 + index, 0.05 + i * step, j * step)
    # RA grows to the left, so the neighbour with larger RA lies beyond x = 0.
    sweep = survey.sweep([at(survey, "0001p000", 1, 8.2, 392.2)])
    _, images, flags, _ = read(survey, sweep, settings())
    x, y = survey.pixel("0002p001", *survey.sky("0001p000", 8.2, 392.2))
    start = [int(np.floor(value - 15.5 + 0.5)) for value in (x, y)]
    np.testing.assert_array_equal(images[0], expected(survey, "0002p001", *start))
    assert not flags.any()


@pytest.mark.parametrize(("ra0", "dec0"), [(0.0, 0.0), (359.999, 45.0), (12.0, 89.98), (200.0, -89.97)])
def test_wrap_and_poles(tmp_path, new_survey, settings, ra0, dec0):
    """Sources on both sides of RA 0, and around a pole, are cut where astropy's WCS says they are."""
    survey = new_survey(tmp_path / "dr9")
    survey.brick("0000p000", 5, ra0, dec0)
    places = [(60.2, 200.2), (200.2, 60.2), (340.2, 200.2), (200.2, 340.2)]
    sweep = survey.sweep([at(survey, "0000p000", i, x, y) for i, (x, y) in enumerate(places)])
    source, images, flags, _ = read(survey, sweep, settings({"resolve_overlap": False}))
    assert (source.columns["ra"] >= 0).all() and (source.columns["ra"] < 360).all()
    for image, (x, y) in zip(images, places, strict=True):
        centre = image[0, 15, 15] - survey.images["0000p000", "g"][0, 0]
        assert abs(centre % 1000 - x) <= 1.5 and abs(centre // 1000 - y) <= 1.5
    assert not flags.any()


def test_right_ascension_of_360_and_negative_is_wrapped(survey, settings):
    row = at(survey, "3599p000", 1, 200.2, 200.2)
    rows = [row, {**row, "objid": 2, "ra": row["ra"] - 360}, {**row, "objid": 3, "ra": row["ra"] + 360}]
    source, images, flags, _ = read(survey, survey.sweep(rows), settings())
    np.testing.assert_allclose(source.columns["ra"], row["ra"], atol=1e-9)
    assert not flags.any() and (images[0] == images[1]).all() and (images[0] == images[2]).all()


def test_missing_band_is_zero_and_flagged(survey, settings):
    sweep = survey.sweep([at(survey, "3599p000", 1, 200.2, 200.2)])
    survey.path("3599p000", "r").unlink()
    _, images, flags, _ = read(survey, sweep, settings())
    assert flag_names(flags[0]) == ["MISSING_BAND"]
    assert not images[0, 1].any()
    np.testing.assert_array_equal(images[0, ::2], expected(survey, "3599p000", 185, 185)[::2])
    with pytest.raises(PipelineError, match="image-r"):
        read(survey, sweep, settings(), policy="error")


def test_first_band_missing_does_not_lose_the_place(survey, settings):
    sweep = survey.sweep([at(survey, "3599p000", 1, 200.2, 390.2)])
    survey.path("3599p001", "g").unlink()
    survey.path("3599p000", "g").unlink()
    _, images, flags, _ = read(survey, sweep, settings())
    assert flag_names(flags[0]) == ["MISSING_BAND"] and images[0, 1].all()


def test_no_brick_at_all_is_carried(survey, settings):
    rows = [{"brick": "1234p567", "objid": 4, "ra": 10.0, "dec": 1.0}]
    source, images, flags, doubts = read(survey, survey.sweep(rows), settings())
    assert len(source) == 1 and flag_names(flags[0]) == ["MISSING_BAND"] and not images.any()
    assert doubts.counts["MISSING_BAND"] == 3  # one count a file


@pytest.mark.parametrize("damage", ["truncated", "short", "garbage", "flipped", "empty"])
def test_damaged_brick_is_named(survey, settings, damage):
    sweep = survey.sweep([at(survey, "3599p000", 1, 200.2, 200.2)])
    path = survey.path("3599p000", "z")
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 0xFF
    cut = {"truncated": len(content) // 2, "short": 700, "empty": 0}.get(damage, len(content))
    path.write_bytes(b"not FITS" * 1000 if damage == "garbage" else bytes(content[:cut]))
    _, images, flags, doubts = read(survey, sweep, settings())
    assert flag_names(flags[0]) == ["UNREADABLE"] and doubts.counts["UNREADABLE"] == 1
    assert not images[0, 2].any() and images[0, :2].all()
    assert any("image-z" in where for _, where in doubts.notes)
    with pytest.raises(PipelineError, match="image-z"):
        read(survey, sweep, settings(), policy="error")


@pytest.mark.parametrize("keep", [100, 2879, 2880, 5000, 20000])
def test_truncated_anywhere(survey, settings, keep):
    sweep = survey.sweep([at(survey, "3599p000", 1, 200.2, 200.2)])
    path = survey.path("3599p000", "g")
    path.write_bytes(path.read_bytes()[:keep])
    _, _, flags, _ = read(survey, sweep, settings())
    assert flag_names(flags[0]) == ["UNREADABLE"]


def test_pixels_that_are_not_finite(survey, settings):
    sweep = survey.sweep([at(survey, "3599p000", 1, 200.2, 200.2), at(survey, "3599p000", 2, 100.2, 100.2)])
    image = survey.images["3599p000", "r"].copy()
    image[200, 200], image[201, 200] = np.nan, np.inf
    survey.write("3599p000", "r", image, 359.99, 0.0, compress=False)
    _, images, flags, doubts = read(survey, sweep, settings())
    assert flag_names(flags[0]) == ["NAN_PIXELS"] and flags[1] == 0 and doubts.counts["NAN_PIXELS"] == 1
    assert np.isfinite(images).all() and (images[0, 1] == 0).sum() == 2
    with pytest.raises(PipelineError, match="NAN_PIXELS"):
        read(survey, sweep, settings(), policy="error")


def test_band_of_another_shape(survey, settings):
    sweep = survey.sweep([at(survey, "3599p000", 1, 200.2, 200.2)])
    survey.write("3599p000", "z", survey.images["3599p000", "z"][:300, :300], 359.99, 0.0)
    _, images, flags, _ = read(survey, sweep, settings())
    assert flag_names(flags[0]) == ["BAD_SHAPE"] and not images[0, 2].any() and images[0, 0].all()


def test_cutout_without_data_in_a_band(survey, settings):
    image = survey.images["3599p000", "z"].copy()
    image[:300, :300] = 0
    survey.write("3599p000", "z", image, 359.99, 0.0)
    sweep = survey.sweep([at(survey, "3599p000", 1, 200.2, 200.2), at(survey, "3599p000", 2, 340.2, 340.2)])
    _, _, flags, _ = read(survey, sweep, settings())
    assert [flag_names(flag) for flag in flags] == [["MISSING_BAND"], []]


def test_repeated_rows(survey, settings):
    row = at(survey, "3599p000", 1, 200.2, 200.2)
    sweep = survey.sweep([{**row, "flux_r": 11.0}, {**row, "flux_r": 12.0}, {**row, "objid": 2}])
    source, _, _, doubts = read(survey, sweep, settings())
    assert len(source) == 2
    assert flag_names(source.columns["flags"][0]) == ["DUPLICATE"] and source.columns["flags"][1] == 0
    assert source.columns["flux_r"][0] == 11.0
    assert doubts.counts["left out, an identity that stands in an earlier row"] == 1
    with pytest.raises(PipelineError, match="earlier row"):
        read(survey, sweep, settings(), policy="error")


@pytest.mark.parametrize(("ra", "dec"), [(np.nan, 0.0), (10.0, np.nan), (10.0, 91.0), (np.inf, 0.0)])
def test_rows_without_a_position_are_left_out_and_counted(survey, settings, ra, dec):
    rows = [at(survey, "3599p000", 1, 200.2, 200.2), {"brick": "3599p000", "objid": 2, "ra": ra, "dec": dec}]
    source, _, _, doubts = read(survey, survey.sweep(rows), settings())
    assert len(source) == 1 and doubts.counts["left out, no position on the sky"] == 1
    with pytest.raises(PipelineError, match="no position"):
        read(survey, survey.sweep(rows), settings(), policy="error")


@pytest.mark.parametrize("policy", ["flag", "error"])
def test_damaged_sweep_is_refused_under_both_policies(survey, settings, policy):
    sweep = survey.sweep([at(survey, "3599p000", 1, 200.2, 200.2)])
    path = survey.root / sweep
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(PipelineError, match=path.name):
        read(survey, sweep, settings(), policy=policy)


def test_photo_z_is_row_matched(survey, settings):
    rows = [
        at(survey, "3599p001", 5, 200.2, 200.2, z_phot=0.7),
        at(survey, "3599p000", 1, 200.2, 200.2, z_phot=-99.0),
        at(survey, "3599p000", 2, 100.2, 200.2, z_phot=0.2, type="PSF"),
        at(survey, "3599p000", 3, 100.2, 200.2, z_phot=0.3),
    ]
    sweep = survey.sweep(rows)
    source, *_ = read(survey, sweep, settings())
    np.testing.assert_allclose(source.columns["z_phot_median"], [np.nan, 0.3, 0.7], rtol=1e-6)
    survey.photo_z("sweep-000m005-010p000", [0.1, 0.2, 0.3])
    with pytest.raises(PipelineError, match="not those of the sweep"):
        read(survey, sweep, settings())
    (survey.root / "south/sweep/9.0-photo-z/sweep-000m005-010p000-pz.fits").unlink()
    with pytest.raises(PipelineError, match="file not found"):
        read(survey, sweep, settings())
    source, *_ = read(survey, sweep, settings(photo_z=False))
    assert "z_phot_median" not in source.columns


def test_photo_z_of_other_sources_is_refused(survey, settings):
    sweep = survey.sweep([at(survey, "3599p000", 1, 200.2, 200.2)])
    path = survey.root / "south/sweep/9.0-photo-z/sweep-000m005-010p000-pz.fits"
    columns = [fits.Column(name, "J", array=np.array([value])) for name, value in
               (("RELEASE", 9010), ("BRICKID", 1000), ("OBJID", 2))]  # fmt: skip
    columns += [fits.Column(name, "E", array=np.array([0.1])) for name in ("Z_PHOT_MEDIAN", "Z_PHOT_STD")]
    fits.BinTableHDU.from_columns(columns).writeto(path, overwrite=True)
    with pytest.raises(PipelineError, match="other sources"):
        read(survey, sweep, settings())


def test_bricks_of_the_shard_alone(survey, settings):
    rows = [at(survey, "3599p000", 1, 200.2, 200.2), at(survey, "3599p001", 2, 200.2, 200.2)]
    source, *_ = read(survey, survey.sweep(rows), settings(), bricks=["3599p001"])
    assert source.columns["brickname"].tolist() == ["3599p001"]
    assert source.counts["file"] == 2 and source.counts["bricks"] == 1


def test_sweep_of_another_region_is_refused(survey, settings):
    sweep = survey.sweep([at(survey, "3599p000", 1, 200.2, 200.2, release=9011)])
    with pytest.raises(PipelineError, match="another region"):
        read(survey, sweep, settings())


def test_each_brick_is_opened_once(survey, settings, monkeypatch):
    """Sources of a brick that are not consecutive, and those that a neighbour serves, cost no second reading."""
    from pipeline.surveys import coadds

    rows = [at(survey, "3599p000", i, 60.2 + 5 * i, 390.2 if i % 3 else 200.2) for i in range(40)]
    rows += [at(survey, "3599p001", i, 200.2, 200.2) for i in range(5)]
    opened, read_image = [], coadds.read_image
    monkeypatch.setattr(coadds, "read_image", lambda path: opened.append(path.name) or read_image(path))
    _, _, flags, _ = read(survey, survey.sweep(rows), settings())
    assert sorted(opened) == sorted(survey.path(name, band).name for name in survey.bricks for band in BANDS)
    assert not flags.any()


def test_empty_selection(survey, settings):
    sweep = survey.sweep([at(survey, "3599p000", 1, 200.2, 200.2, type="PSF")])
    source, images, _, _ = read(survey, sweep, settings())
    assert len(source) == 0 and images.shape[0] == 0 and source.counts["type"] == 1


def test_memory_holds_a_brick_and_a_block(survey, settings, tmp_path):
    """800 cutouts of 96 pixels are 88 MB; one block of 128 of them is 14 MB, a brick 2 MB."""
    rng = np.random.default_rng(0)
    sky = [survey.sky("3599p000", *place) for place in rng.uniform(60, 340, (800, 2))]
    rows = [{"brick": "3599p000", "objid": i, "ra": float(a) % 360, "dec": float(d)} for i, (a, d) in enumerate(sky)]
    ingest = settings(cutout_pixels=96)
    source = open_legacy(survey.root, "south", "dr9", survey.sweep(rows), None, ingest, Doubts("error"))
    how = {"pixels": 96, "compression": "none", "tranche": 1, "simulated": False}
    tracemalloc.start()
    write_source(source, tmp_path / "a.h5", tmp_path / "a.parquet", **how)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "a.h5").stat().st_size > 88e6 and peak < 45e6
