"""Real files of the Legacy Surveys, Pan-STARRS and the viewer go through the readers."""

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from scipy.ndimage import maximum_filter

from pipeline.data.flags import names as flag_names
from pipeline.data.ids import unpack_object_id
from pipeline.data.shards import ImageShard
from pipeline.data.tables import read_parquet
from pipeline.errors import PipelineError
from pipeline.images.noise import noise_equivalent_area
from pipeline.settings.survey import Cutouts, PanStarrs
from pipeline.surveys.cutouts import matching_files, open_cutouts
from pipeline.surveys.doubts import Doubts
from pipeline.surveys.index import shard_rows
from pipeline.surveys.legacy import open_legacy
from pipeline.surveys.measure import background, psf_width
from pipeline.surveys.panstarrs import open_panstarrs
from pipeline.surveys.shards import input_files, open_source
from pipeline.surveys.sweeps import read_sweep
from pipeline.surveys.writing import write_source

pytestmark = pytest.mark.realdata

BRICK = "0959p805"


def written(source, folder, pixels, compression):
    """Write a source as a.h5 and a.parquet; return the columns."""
    how = {"pixels": pixels, "compression": compression, "tranche": 1, "simulated": False}
    return write_source(source, folder / "a.h5", folder / "a.parquet", **how)


@pytest.fixture
def brick_survey(skysieve_data, tmp_path, new_survey):
    """Return the real DR6 brick in the layout of a release, with a sweep of the peaks found in its g image."""
    survey = new_survey(tmp_path / "dr6", region="north", release=6000)
    source = skysieve_data / "images" / "legacy_dr6_brick_0959p805"
    survey.bricks[BRICK] = (657438, 95.9504132231405, 80.5, 3600)
    survey.path(BRICK, "g").parent.mkdir(parents=True)
    survey.write_table()
    for band in "gz":
        survey.path(BRICK, band).symlink_to(source / f"legacysurvey-{BRICK}-image-{band}.fits.fz")
    with fits.open(survey.path(BRICK, "g")) as hdus:
        image, wcs = np.asarray(hdus[1].data, np.float32), WCS(hdus[1].header)
    peaks = np.argwhere((image == maximum_filter(image, 15)) & (image > 0.1))
    ra, dec = wcs.all_pix2world(peaks[:, 1], peaks[:, 0], 0)
    rows = [
        {"brick": BRICK, "objid": index, "ra": float(a), "dec": float(d), "type": "REX"}
        for index, (a, d) in enumerate(zip(ra, dec, strict=True))
    ]
    return survey, survey.sweep(rows, "sweep-090p080-100p085"), peaks, image


def test_real_brick(brick_survey, settings, tmp_path):
    survey, sweep, peaks, image = brick_survey
    assert len(peaks) > 30
    doubts = Doubts("flag")
    ingest = settings(cutout_pixels=152)
    source = open_legacy(survey.root, "north", "dr9", sweep, [BRICK], ingest, doubts)
    columns = written(source, tmp_path, 152, "lossless")
    assert len(source) == len(peaks) and source.pixel_scale == 0.262
    with ImageShard(tmp_path / "a.h5") as shard:
        images = shard.read(slice(None))
        assert shard.attrs["bands"] == ["g", "r", "z"]
    assert np.isfinite(images).all() and not images[:, 1].any()
    assert all("MISSING_BAND" in flag_names(flag) for flag in columns["flags"])
    release, brickid, objid = unpack_object_id(columns["object_id"])
    assert set(release) == {6000} and set(brickid) == {657438}
    half = 76
    for row, number in enumerate(objid):
        y, x = peaks[number]
        inside = half <= x < 3600 - half and half <= y < 3600 - half
        assert ("EDGE" in flag_names(columns["flags"][row])) == (not inside)
        if inside:  # the peak lies on one of the four middle pixels
            dy, dx = np.argwhere(images[row, 0, 75:77, 75:77] == image[y, x])[0]
            np.testing.assert_array_equal(images[row, 0], image[y - 75 - dy : y + 77 - dy, x - 75 - dx : x + 77 - dx])
    with pytest.raises(PipelineError, match="image-r"):
        list(open_legacy(survey.root, "north", "dr9", sweep, [BRICK], ingest, Doubts("error")).blocks())


@pytest.mark.parametrize(
    ("name", "rows", "types"),
    [
        ("sweep-310m005-320p000.fits", 6, ["EXP", "PSF", "PSF", "PSF", "EXP", "PSF"]),
        ("sweep-320m005-330p000.fits", 6, None),
        ("tractor-1054p567.fits", 1, ["REX"]),
        ("tractor-3301m002.fits", 6, None),
        ("tractor-3301m007.fits", 6, None),
        ("tractor-3303p000.fits", 6, None),
    ],
)
def test_real_catalogues(skysieve_data, name, rows, types):
    path = skysieve_data / "legacy_catalogues" / name
    doubts = Doubts("error")
    columns, counts = read_sweep(path, doubts)
    assert counts["file"] == rows and len(columns["ra"]) + counts["not_primary"] == rows
    with fits.open(path) as hdus:
        table = hdus[1].data[columns["row"]]
        for band in "GRZ":
            np.testing.assert_array_equal(columns[f"flux_{band.lower()}"], table[f"FLUX_{band}"])
            np.testing.assert_array_equal(columns[f"nobs_{band.lower()}"], table[f"NOBS_{band}"])
        np.testing.assert_array_equal(columns["ra"], table["RA"])
        shapes = {"EXP": "SHAPEEXP_R", "REX": "SHAPEEXP_R", "DEV": "SHAPEDEV_R"}
        for row, kind in enumerate(columns["type"]):
            if kind in shapes and columns["release"][row] < 9000:
                assert columns["shape_r"][row] == table[shapes[kind]][row] > 0
    assert set(columns["type"]) <= {"DEV", "EXP", "REX", "SER", "PSF"}
    assert set(columns["region"]) == ({"north"} if "1054" in name else {"south"})
    if types:
        assert columns["type"].tolist() == types
    assert (np.diff(columns["object_id"]) > 0).all()


def test_real_sweep_without_its_bricks(skysieve_data, settings, tmp_path):
    """Only the catalogue is at hand: its galaxies are carried without pixels, and say so."""
    folder = tmp_path / "dr8" / "south" / "sweep" / "8.0"
    folder.mkdir(parents=True)
    name = "sweep-320m005-330p000.fits"
    (folder / name).symlink_to(skysieve_data / "legacy_catalogues" / name)
    ingest = settings(photo_z=False)
    source = open_legacy(tmp_path / "dr8", "south", "dr8", f"south/sweep/8.0/{name}", None, ingest, Doubts("flag"))
    columns = written(source, tmp_path, 32, "none")
    assert columns["type"].tolist() == ["EXP", "DEV", "DEV"]  # REX at z = 24.1 mag and the PSF are cut
    assert source.counts["type"] == 1 and source.counts["magnitude"] == 2
    assert all(set(flag_names(flag)) == {"MISSING_BAND", "NO_PSF"} for flag in columns["flags"])
    assert len(read_parquet(tmp_path / "a.parquet")) == 3


def panstarrs(folder) -> PanStarrs:
    return PanStarrs.parse({
        "kind": "panstarrs", "root": str(folder), "table": "index.csv", "class_column": "kind", "pixel_scale": 0.25,
        "aperture_radius": 3.0, "images_per_shard": 100,
    })  # fmt: skip


def test_panstarrs_cubes(skysieve_data, settings, tmp_path):
    folder = skysieve_data / "images" / "ps1_lens_systems"
    index = pd.read_csv(folder / "index.csv").set_index("file")
    ingest = settings(cutout_pixels=120, photo_z=False, shards_per_job=4)
    rows, notes = shard_rows(panstarrs(folder), ingest, [])
    assert not notes and len(rows) == -(-len(index) // 100) and len({row.batch for row in rows}) == 1
    assert sum(len(row.sources.removeprefix("files=").split(",")) for row in rows) == len(index)
    row = vars(rows[0]) | {"sources": "files=" + ",".join(sorted(index.index[index["nan_fraction"] > 0])[:4]) + ","
                           + ",".join(sorted(index.index)[::12])}  # fmt: skip
    files = row["sources"].removeprefix("files=").split(",")
    files = sorted(set(files))
    row["sources"] = "files=" + ",".join(files)
    survey = panstarrs(folder).plain()
    assert len(input_files(row, survey, ingest)) == len(files) + 1
    doubts = Doubts("flag")
    source = open_source(row, survey, None, ingest, doubts)
    columns = written(source, tmp_path, 120, "none")
    # The index rounds: one file with two such pixels has a fraction of 0.0 there.
    with_nan = sum(np.isnan(fits.getdata(folder / name)).any() for name in files)
    assert with_nan >= 4 and doubts.counts["NAN_PIXELS"] == with_nan
    flags = [set(flag_names(flag)) for flag in columns["flags"]]
    assert all({"NO_EBV", "MEASURED_NOISE", "APERTURE_MAG"} <= one for one in flags)
    assert sum("MEASURED_PSF" in one for one in flags) > 0.9 * len(flags)
    assert set(columns["known_class"]) == {"galaxies", "quasars"} and np.isnan(columns["ebv"]).all()
    # Seeing of Pan-STARRS is 1.0 to 1.6 arcsec; what is measured on 30 arcsec may be an upper limit.
    assert 1.0 < np.nanmedian(columns["psfsize_r"]) < 1.9
    noise = 1 / np.sqrt(columns["psfdepth_r"] * noise_equivalent_area(columns["psfsize_r"], 0.25))
    assert 0.005 < np.nanmedian(noise) < 0.03
    place = {(round(entry.ra, 6), round(entry.dec, 6)): name for name, entry in index.iterrows()}
    with ImageShard(tmp_path / "a.h5") as shard:
        images = shard.read(slice(None))
    assert np.isfinite(images).all()
    for row_number in range(0, len(images), 7):
        name = place[round(columns["ra"][row_number], 6), round(columns["dec"][row_number], 6)]
        np.testing.assert_array_equal(images[row_number], np.nan_to_num(fits.getdata(folder / name)))
        assert columns["known_class"][row_number] == index.loc[name, "kind"]


def test_panstarrs_magnitude_agrees_with_a_sum_by_hand(skysieve_data, settings):
    folder = skysieve_data / "images" / "ps1_lens_systems"
    name = "quasars_RXJ1131-1231.fits.gz"
    source = open_panstarrs(folder, [name], panstarrs(folder), settings(cutout_pixels=120), Doubts("flag"))
    measured = next(source.blocks()).measured
    image = fits.getdata(folder / name)[1].astype(float)
    y, x = np.mgrid[:120, :120]
    distance = np.hypot(x - 59.5, y - 59.5)
    sky = np.median(image[(distance > 24) & (distance < 36)])
    flux = (image - sky)[distance < 12].sum()
    assert measured["flux_r"][0] == pytest.approx(flux, rel=0.02)


def viewer(folder, pattern="*.fits.gz") -> Cutouts:
    return Cutouts.parse({
        "kind": "cutouts", "root": str(folder), "files": pattern, "table": None, "class_column": None,
        "bands": ["g", "r", "z"], "region": "south", "pixel_scale": 0.262, "aperture_radius": 3.0,
        "images_per_shard": 10,
    })  # fmt: skip


def test_viewer_cutouts(skysieve_data, settings, tmp_path):
    folder = skysieve_data / "images" / "decals_grz_fits"
    doubts = Doubts("flag")
    files = matching_files(folder, "*.fits.gz")
    source = open_cutouts(folder, files, viewer(folder), settings(cutout_pixels=152), doubts)
    columns = written(source, tmp_path, 152, "none")
    flags = {round(ra, 4): set(flag_names(flag)) for ra, flag in zip(columns["ra"], columns["flags"], strict=True)}
    # The files that the viewer resampled to the size of the galaxy have another pixel scale.
    resampled = [name for name in files if name.startswith("example_")]
    assert doubts.counts["BAD_SHAPE"] == len(resampled) and len(files) == len(resampled) + 3
    assert {"MEASURED_PSF", "APERTURE_MAG", "NO_EBV"} <= flags[359.9950]
    row = int(np.argmin(np.abs(columns["ra"] - 59.1067)))
    assert "MEASURED_NOISE" not in flag_names(columns["flags"][row])  # that file has inverse variances
    with ImageShard(tmp_path / "a.h5") as shard:
        image = shard.read(slice(row, row + 1))[0]
    with fits.open(folder / "cutout_59.1067_-30.4848.fits.gz") as hdus:
        np.testing.assert_array_equal(image[1], hdus[3].data[52:204, 52:204])
        inverse = np.median(hdus[4].data[hdus[4].data > 0])
    area = noise_equivalent_area(columns["psfsize_r"][row], 0.262)
    assert columns["psfdepth_r"][row] * area == pytest.approx(inverse, rel=1e-4)


def test_measured_width_and_noise_against_the_survey(skysieve_data):
    """On a DR9 cutout, noise within 12 % of the inverse variance and width within 12 % of the coadd's own PSF."""
    folder = skysieve_data / "images" / "decals_grz_fits"
    with fits.open(folder / "cutout_59.1067_-30.4848.fits.gz") as hdus, fits.open(
        folder / "copsf_59.1067_-30.4848.fits"
    ) as psfs:
        for index in range(3):
            level, sigma = background(hdus[1 + 2 * index].data)
            inverse = hdus[2 + 2 * index].data
            assert sigma == pytest.approx(1 / np.sqrt(np.median(inverse)), rel=0.12)
            psf = psfs[index].data.astype(float)
            true = psf_width(np.pad(psf, 20), 0.0, psf.max() / 1e4, 0.262)
            assert psf_width(hdus[1 + 2 * index].data, level, sigma, 0.262) == pytest.approx(true, rel=0.12)
