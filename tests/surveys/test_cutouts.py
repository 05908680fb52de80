"""FITS cutouts, one file an object."""

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from pipeline.data.flags import names as flag_names
from pipeline.errors import PipelineError
from pipeline.settings.survey import Cutouts
from pipeline.surveys.cutouts import matching_files, open_cutouts
from pipeline.surveys.doubts import Doubts
from pipeline.surveys.measure import aperture, background, psf_width

SEEN = {"MEASURED_NOISE", "MEASURED_PSF", "APERTURE_MAG"}


def viewer(root, **changes) -> Cutouts:
    plain = {"kind": "cutouts", "root": str(root), "files": "*.fits", "table": None, "class_column": None,
             "bands": ["g", "r", "z"], "region": "south", "pixel_scale": 0.262, "aperture_radius": 2.0,
             "images_per_shard": 10}  # fmt: skip
    return Cutouts.parse({**plain, **changes})


def scene(pixels=80, fwhm=5.0, noise=0.01, seed=0) -> np.ndarray:
    """Return three planes with stars of a known width (pixels) and known noise, a star in the middle."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:pixels, :pixels]
    out = rng.normal(0, noise, (3, pixels, pixels))
    middle = (pixels - 1) / 2
    places = [(middle, middle, 5.0), (18.3, 60.1, 3.0), (60.2, 20.4, 4.0), (55.5, 58.1, 2.0)]
    for cx, cy, peak in places:
        out += peak * np.exp(-4 * np.log(2) * ((x - cx) ** 2 + (y - cy) ** 2) / fwhm**2)
    return out.astype(np.float32)


def write(path, cube, ra=150.0, dec=2.0, **keys):
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"], header["CRVAL1"], header["CRVAL2"] = "RA---TAN", "DEC--TAN", ra, dec
    header["CRPIX1"] = header["CRPIX2"] = cube.shape[-1] / 2 + 0.5
    header["CD1_1"], header["CD1_2"], header["CD2_1"], header["CD2_2"] = -0.262 / 3600, 0.0, 0.0, 0.262 / 3600
    header.update(keys)
    fits.PrimaryHDU(cube, header).writeto(path, overwrite=True)


def read(root, settings, survey=None, files=None, policy="flag", pixels=64):
    doubts = Doubts(policy)
    survey = survey or viewer(root)
    files = files or matching_files(root, survey.files)
    source = open_cutouts(root, files, survey, settings(cutout_pixels=pixels), doubts)
    images, flags, measured = np.zeros((len(source), 3, pixels, pixels), np.float32), source.columns["flags"].copy(), {}
    for block in source.blocks():
        images[block.rows] = block.images
        flags[block.rows] |= block.flags
        for name, values in block.measured.items():
            measured.setdefault(name, np.full(len(source), np.nan))[block.rows] = values
    return source, images, [set(flag_names(flag)) for flag in flags], measured, doubts


def test_whole_cutout(tmp_path, settings):
    cube = scene()
    write(tmp_path / "a.fits", cube, ra=0.0, dec=89.9)
    source, images, flags, measured, _ = read(tmp_path, settings)
    np.testing.assert_array_equal(images[0], cube[:, 8:72, 8:72])
    assert flags == [SEEN] and source.pixel_scale == 0.262
    assert source.columns["dec"][0] == pytest.approx(89.9, abs=1e-6) and source.columns["region"][0] == "south"
    np.testing.assert_allclose([measured[f"psfsize_{band}"][0] for band in "grz"], 5.0 * 0.262, rtol=0.05)
    # depth: noise 0.01 in 4 pi sigma^2 = 4 pi (5 / 2.3548)^2 pixels
    expected = 1 / (0.01**2 * 4 * np.pi * (5 / 2.3548) ** 2)
    np.testing.assert_allclose([measured[f"psfdepth_{band}"][0] for band in "grz"], expected, rtol=0.15)
    star = 5.0 * np.pi * 5.0**2 / (4 * np.log(2))
    inside = 1 - 2 ** -((2 * 2.0 / 0.262 / 5.0) ** 2)
    assert measured["flux_r"][0] == pytest.approx(star * inside, rel=0.02)


def test_identity_is_that_of_the_file_name(tmp_path, settings):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for name, ra in (("a.fits", 10.0), ("b.fits", 20.0)):
            write(tmp_path / folder / name, scene(), ra=ra)
    first, *_ = read(tmp_path / "one", settings)
    second, *_ = read(tmp_path / "two", settings, files=["b.fits", "a.fits"])
    np.testing.assert_array_equal(first.columns["object_id"], second.columns["object_id"])
    np.testing.assert_allclose(first.columns["ra"], second.columns["ra"])
    assert (np.diff(first.columns["object_id"]) > 0).all()
    with pytest.raises(PipelineError, match="twice"):
        read(tmp_path / "one", settings, files=["a.fits", "a.fits"])


@pytest.mark.parametrize(
    ("keys", "order"), [({"BANDS": "zgr"}, [1, 2, 0]), ({"BAND0": "r", "BAND1": "z", "BAND2": "g"}, [2, 0, 1])]
)
def test_planes_are_told_by_the_header(tmp_path, settings, keys, order):
    cube = np.stack([scene(seed=index) for index in range(3)])[:, 0]
    write(tmp_path / "a.fits", cube, **keys)
    _, images, flags, *_ = read(tmp_path, settings)
    np.testing.assert_array_equal(images[0], cube[order, 8:72, 8:72])
    assert flags == [SEEN]


def bad_shape(path):
    write(path, np.zeros((4, 80, 80), np.float32) + scene()[:1])


def flat(path):
    write(path, scene()[0])


def small(path):
    write(path, scene(40))


def coarse(path):
    write(path, scene(), CD1_1=-0.5 / 3600, CD2_2=0.5 / 3600)


def two_bands(path):
    write(path, scene()[:2], BANDS="gr")


def other_band(path):
    write(path, scene(), BANDS="gri")


def blank(path):
    cube = scene()
    cube[1] = 0
    write(path, cube)


def all_nan(path):
    cube = scene()
    cube[1] = np.nan
    write(path, cube)


def some_nan(path):
    cube = scene()
    cube[2, 30:33, 30] = np.nan, np.inf, -np.inf
    write(path, cube)


def outer_nan(path):
    cube = scene()
    cube[2, 0, 0] = np.nan
    write(path, cube)


def cut(path):
    write(path, scene())
    path.write_bytes(path.read_bytes()[:40000])


def words(path):
    path.write_text("not FITS")


@pytest.mark.parametrize(
    ("make", "flag", "bands"),
    [
        (bad_shape, {"BAD_SHAPE"}, ""),
        (flat, {"BAD_SHAPE"}, ""),
        (coarse, {"BAD_SHAPE"}, ""),
        (small, {"BAD_SHAPE"} | SEEN, "grz"),
        (two_bands, {"MISSING_BAND"} | SEEN, "gr"),
        (other_band, {"MISSING_BAND"} | SEEN, "gr"),
        (blank, {"MISSING_BAND"} | SEEN, "gz"),
        (all_nan, {"MISSING_BAND"} | SEEN, "gz"),
        (some_nan, {"NAN_PIXELS"} | SEEN, "grz"),
        (outer_nan, SEEN, "grz"),
        (cut, {"UNREADABLE"}, ""),
        (words, {"UNREADABLE"}, ""),
    ],
)
def test_bad_files(tmp_path, settings, make, flag, bands):
    make(tmp_path / "a.fits")
    write(tmp_path / "b.fits", scene(seed=3), ra=20.0)
    table = pd.DataFrame({"file": ["a.fits", "b.fits"], "ra": [10.0, 20.0], "dec": 2.0, "what": ["x", None]})
    table.to_csv(tmp_path / "t.csv", index=False)
    survey = viewer(tmp_path, table="t.csv", class_column="what")
    source, images, flags, measured, doubts = read(tmp_path, settings, survey)
    row = int(np.flatnonzero(source.columns["ra"] == 10.0)[0])
    assert flags[row] == flag and flags[1 - row] == SEEN
    assert source.columns["known_class"][row] == "x" and source.columns["known_class"][1 - row] == ""
    assert np.isfinite(images).all()
    assert [band for index, band in enumerate("grz") if images[row, index].any()] == list(bands)
    assert all(np.isnan(measured[f"flux_{band}"][row]) == (band not in bands) for band in "grz")
    for name in flag - SEEN:
        assert doubts.counts[name] >= 1
        with pytest.raises(PipelineError, match="a.fits"):
            read(tmp_path, settings, survey, policy="error")


def test_file_that_has_gone_is_carried_with_its_position(tmp_path, settings):
    write(tmp_path / "b.fits", scene())
    pd.DataFrame({"file": ["a.fits", "b.fits"], "ra": [10.0, 20.0], "dec": 2.0}).to_csv(tmp_path / "t.csv", index=False)
    source, _, flags, _, _ = read(tmp_path, settings, viewer(tmp_path, table="t.csv"), files=["a.fits", "b.fits"])
    assert len(source) == 2 and {"UNREADABLE"} in flags


def test_file_without_a_position_is_left_out_and_counted(tmp_path, settings):
    write(tmp_path / "b.fits", scene())
    fits.PrimaryHDU(scene()).writeto(tmp_path / "a.fits")
    source, _, _, _, doubts = read(tmp_path, settings)
    assert len(source) == 1 and doubts.counts["left out, no position in the table or the header"] == 1
    with pytest.raises(PipelineError, match="a.fits"):
        read(tmp_path, settings, policy="error")


def test_same_place_twice(tmp_path, settings):
    for name, ra in (("a.fits", 359.99995), ("b.fits", 0.00001), ("c.fits", 0.01)):
        write(tmp_path / name, scene(), ra=ra, dec=0.0)
    source, _, flags, _, doubts = read(tmp_path, settings)
    flagged = source.columns["ra"][[("DUPLICATE" in flag) for flag in flags]]
    np.testing.assert_allclose(flagged, [0.00001], atol=1e-7)
    assert len(source) == 3 and doubts.counts["DUPLICATE"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [("file,ra\na,1\n", "lacks columns"), ("file,ra,dec\na,1,1\na,2,2\n", "twice"), ("", "cannot be read")],
)
def test_bad_tables(tmp_path, settings, text, message):
    (tmp_path / "t.csv").write_text(text)
    write(tmp_path / "a.fits", scene())
    with pytest.raises(PipelineError, match=message):
        read(tmp_path, settings, viewer(tmp_path, table="t.csv"))
    with pytest.raises(PipelineError, match="does not exist"):
        read(tmp_path, settings, viewer(tmp_path, table="none.csv"))


@pytest.mark.parametrize("fwhm", [3.0, 4.5, 7.0])
def test_width_of_gaussians(fwhm):
    plane = scene(101, fwhm, 0.01)[0]
    level, sigma = background(plane)
    assert level == pytest.approx(0, abs=0.002) and sigma == pytest.approx(0.01, rel=0.1)
    assert psf_width(plane, level, sigma, 0.25) == pytest.approx(fwhm * 0.25, rel=0.04)


def test_a_galaxy_does_not_pass_for_a_star():
    y, x = np.mgrid[:101, :101]
    plane = scene(101, 4.0, 0.01)[1] * 0.5 + 8 * np.exp(-np.hypot(x - 30, y - 30) / 6)
    assert psf_width(plane, *background(plane), 0.25) == pytest.approx(1.0, rel=0.06)


@pytest.mark.parametrize("separation", [4, 7, 9])
def test_width_of_a_blended_pair(separation):
    """A double quasar in an otherwise empty cutout: the moments of either image see the other one."""
    rng, (y, x) = np.random.default_rng(1), np.mgrid[:80, :80]
    light = sum(
        peak * np.exp(-4 * np.log(2) * ((x - 40 - shift) ** 2 + (y - 40 - shift) ** 2) / 4.5**2)
        for peak, shift in ((5.0, 0), (4.0, separation / np.sqrt(2)))
    )
    plane = light + rng.normal(0, 0.03, (80, 80))
    assert psf_width(plane, *background(plane), 0.25) == pytest.approx(4.5 * 0.25, rel=0.12)


def test_nothing_to_measure():
    noise = np.random.default_rng(0).normal(0, 1, (60, 60)).astype(np.float32)
    assert np.isnan(psf_width(noise * 0, 0.0, 1.0, 0.25))
    assert np.isnan(background(np.zeros((9, 9)))[1])
    assert np.isnan(aperture(np.full((60, 60), np.nan), 1.0, 8.0)[0])


def test_error_of_the_aperture():
    """The scatter of fluxes measured on empty sky is what the inverse variance says."""
    rng = np.random.default_rng(1)
    measured = np.array([aperture(rng.normal(3, 0.1, (64, 64)), 0.1, 8.0) for _ in range(300)])
    assert abs(measured[:, 0].mean()) < 4 * measured[:, 0].std() / np.sqrt(300)
    assert measured[:, 0].std() == pytest.approx(1 / np.sqrt(measured[0, 1]), rel=0.15)
