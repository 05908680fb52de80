"""URLs and names as the archives and the sources print them."""

import numpy as np
import pytest
from desiutil.brick import Bricks

from pipeline.errors import PipelineError
from pipeline.surveys.fetch import archives
from pipeline.surveys.fetch.objects import MAKERS
from pipeline.surveys.fetch.plan import make_plan, wget_text
from pipeline.surveys.fetch.wanted import KINDS, RELEASES, Choice

# Some lines of the list for `wget -i` in the slides.
SLIDES = """\
https://data.sdss.org/sas/dr16/eboss/spectro/redux/v5_13_0/spectra/lite/3609/spec-3609-55201-0890.fits
https://data.sdss.org/sas/dr16/eboss/spectro/redux/v5_13_0/spectra/lite/3666/spec-3666-55185-0564.fits
https://data.sdss.org/sas/dr16/eboss/spectro/redux/v5_13_0/spectra/lite/3666/spec-3666-55185-0986.fits
https://data.sdss.org/sas/dr16/eboss/spectro/redux/v5_13_0/spectra/lite/3693/spec-3693-55208-1000.fits
https://data.sdss.org/sas/dr16/eboss/spectro/redux/v5_13_0/spectra/lite/3755/spec-3755-55504-0982.fits
"""


def table(tmp_path, text, name="list.csv"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def urls(path, *choice, **options):
    return wget_text(make_plan(path, Choice(*choice, **options))).splitlines()


def test_the_slides_list_follows_from_plates(tmp_path):
    rows = [line.rpartition("spec-")[2].removesuffix(".fits").replace("-", ",") for line in SLIDES.splitlines()]
    path = table(tmp_path, "PLATE,MJD,FIBERID\n" + "\n".join(rows) + "\n")
    assert wget_text(make_plan(path, Choice("sdss-spectra"))) == SLIDES


def test_the_slides_list_is_itself_a_list(tmp_path):
    plan = make_plan(table(tmp_path, SLIDES, "urls.txt"), None)
    assert wget_text(plan) == SLIDES
    assert plan[0].candidates[0].file == "eboss/spectro/redux/v5_13_0/spectra/lite/3609/spec-3609-55201-0890.fits"


def test_each_spectrograph_has_its_layout(tmp_path):
    path = table(tmp_path, "plate,mjd,fiber,run2d\n266,51602,1,\n2714,54208,17,104\n10000,57346,9,\n")
    root = "https://data.sdss.org/sas/dr17/"
    name = "spec-0266-51602-0001.fits"
    lite = [f"{root}sdss/spectro/redux/{run2d}/spectra/lite/0266/{name}" for run2d in ("26", "103", "104")]
    lite += [
        f"{root}sdss/spectro/redux/104/spectra/lite/2714/spec-2714-54208-0017.fits",
        f"{root}eboss/spectro/redux/v5_13_2/spectra/lite/10000/spec-10000-57346-0009.fits",
    ]
    assert urls(path, "sdss-spectra", "dr17") == lite
    full = urls(path, "sdss-spectra", "dr17", full=True)
    assert full[0] == f"{root}sdss/spectro/redux/26/spectra/0266/{name}"
    assert full[4] == f"{root}eboss/spectro/redux/v5_13_2/spectra/full/10000/spec-10000-57346-0009.fits"


def test_desi_groups_positions_by_cell(tmp_path):
    ra, dec = 179.6, 0.0
    cell = int(archives.desi_pixels(np.array([ra]), np.array([dec]))[0])
    path = table(tmp_path, f"TARGETID,TARGET_RA,TARGET_DEC\n1,{ra},{dec}\n2,{ra + 0.01},{dec}\n")
    folder = f"https://data.desi.lbl.gov/public/dr1/spectro/redux/iron/healpix/main/dark/{cell // 100}/{cell}"
    plan = make_plan(path, Choice("desi-coadds"))
    assert wget_text(plan).splitlines() == [f"{folder}/{kind}-main-dark-{cell}.fits" for kind in ("coadd", "redrock")]
    sums = f"{folder}/redux_iron_healpix_main_dark_{cell // 100}_{cell}.sha256sum"
    assert {each.candidates[0].sums for each in plan} == {sums}


def test_desi_columns_choose_survey_program_and_cell(tmp_path):
    path = table(tmp_path, "healpix,survey,program\n9144,sv3,dark\n9144,sv3,bright\n10,sv1,other\n")
    root = "https://data.desi.lbl.gov/public/edr/spectro/redux/fuji/healpix"
    assert urls(path, "desi-coadds", "edr")[::2] == [
        f"{root}/sv3/dark/91/9144/coadd-sv3-dark-9144.fits",
        f"{root}/sv3/bright/91/9144/coadd-sv3-bright-9144.fits",
        f"{root}/sv1/other/0/10/coadd-sv1-other-10.fits",
    ]


@pytest.mark.realdata
def test_a_real_catalogue_leads_to_its_coadd(skysieve_data):
    """Quasars of the early data release, from the cell that picca takes for its tests."""
    catalogue = skysieve_data / "desi" / "picca_healpix9144" / "QSO_cat_fuji_dark_healpix9144.csv"
    found = urls(catalogue, "desi-coadds", "edr")
    folder = "https://data.desi.lbl.gov/public/edr/spectro/redux/fuji/healpix/sv3/dark/91/9144"
    assert found == [f"{folder}/coadd-sv3-dark-9144.fits", f"{folder}/redrock-sv3-dark-9144.fits"]


def test_legacy_files_are_those_that_the_ingest_reads(tmp_path):
    path = table(tmp_path, "ra,dec\n150.1,2.2\n210.0,52.0\n359.99,-0.01\n")
    root = "https://portal.nersc.gov/cfs/cosmo/data/legacysurvey/dr9"
    assert urls(path, "legacy-sweeps", photo_z=True) == [
        f"{root}/south/sweep/9.0/sweep-150p000-160p005.fits",
        f"{root}/south/sweep/9.0-photo-z/sweep-150p000-160p005-pz.fits",
        f"{root}/north/sweep/9.0/sweep-210p050-220p055.fits",
        f"{root}/north/sweep/9.0-photo-z/sweep-210p050-220p055-pz.fits",
        f"{root}/south/sweep/9.0/sweep-350m005-360p000.fits",
        f"{root}/south/sweep/9.0-photo-z/sweep-350m005-360p000-pz.fits",
    ]
    found = urls(path, "legacy-bricks", bands="gz")
    assert found[:2] == [f"{root}/{region}/survey-bricks-dr9-{region}.fits.gz" for region in ("south", "north")]
    assert found[2] == f"{root}/south/coadd/150/1501p022/legacysurvey-1501p022-image-g.fits.fz" and len(found) == 8
    assert {url.split("/")[-3] for url in urls(path, "legacy-sweeps", "dr10")} == {"sweep"}
    assert all("/dr10/south/sweep/10.0/" in url for url in urls(path, "legacy-sweeps", "dr10"))


def test_sums_of_the_legacy_surveys_are_named_after_their_folder(tmp_path):
    """The names are those of the archive: of the sweeps of DR9, and of bricks of DR9 north and DR10."""
    root = "https://portal.nersc.gov/cfs/cosmo/data/legacysurvey"

    def sums(text, *choice, **options):
        plan = make_plan(table(tmp_path, text), Choice(*choice, **options))
        return [candidate.sums for each in plan for candidate in each.candidates]

    found = sums("ra,dec\n150.1,2.2\n", "legacy-sweeps", photo_z=True)
    assert found == [
        f"{root}/dr9/south/sweep/9.0/legacysurvey_dr9_south_sweep_9.0.sha256sum",
        f"{root}/dr9/south/sweep/9.0-photo-z/legacysurvey_dr9_south_sweep_9.0-photo-z.sha256sum",
    ]
    found = sums("ra,dec,brickname\n210,52,2101p520\n", "legacy-bricks", bands="gz")
    assert found == [
        f"{root}/dr9/north/legacysurvey_dr9_north.sha256sum",
        *[f"{root}/dr9/north/coadd/210/2101p520/legacysurvey_dr9_north_coadd_210_2101p520.sha256sum"] * 2,
    ]
    found = sums("ra,dec,brickname\n0.1,-0.2,0001m002\n", "legacy-bricks", "dr10", bands="r")
    assert found[1] == f"{root}/dr10/south/coadd/000/0001m002/legacysurvey_dr10_south_coadd_000_0001m002.sha256sum"
    assert sums("ra,dec\n150.1,2.2\n", "legacy-cutouts") == [""]


def test_bricks_are_those_of_desiutil():
    generator = np.random.default_rng(3)
    ra = np.concatenate([generator.uniform(0, 360, 20000), [0.0, 359.9999, 180.0, 10.0]])
    dec = np.concatenate([np.degrees(np.arcsin(generator.uniform(-1, 1, 20000))), [90.0, -90.0, 0.125, -0.125]])
    np.testing.assert_array_equal(archives.brick_names(ra, dec), Bricks().brickname(ra, dec))


def test_cutouts_come_from_the_viewer(tmp_path):
    path = table(tmp_path, "ra,dec\n190.1086,1.2005\n")
    (wanted,) = make_plan(path, Choice("legacy-cutouts", "dr10", pixels=256))
    (place,) = wanted.candidates
    query = "ra=190.1086000&dec=1.2005000&layer=ls-dr10&pixscale=0.262&bands=grz&size=256"
    assert place.url == f"https://www.legacysurvey.org/viewer/fits-cutout?{query}"
    assert place.file == "cutouts/ls-dr10/cutout_190.108600_1.200500.fits"
    assert (wanted.ra, wanted.dec) == (190.1086, 1.2005)


@pytest.mark.parametrize("what", KINDS)
def test_a_base_replaces_the_archive(tmp_path, what):
    path = table(tmp_path, "plate,mjd,fiber,ra,dec\n3609,55201,890,10,20\n")
    theirs, mine = urls(path, what), urls(path, what, base="http://localhost:8000/mirror/")
    assert all(url.startswith("http://localhost:8000/mirror/") for url in mine)
    assert all(a.endswith(b.removeprefix("http://localhost:8000/mirror")) for a, b in zip(theirs, mine, strict=True))
    assert what in MAKERS


@pytest.mark.parametrize(
    ("url", "base", "file"),
    [
        ("https://data.sdss.org/sas/dr17/sdss/a/b.fits", None, "sdss/a/b.fits"),
        ("https://dr16.sdss.org/sas/dr16/eboss/b.fits", None, "eboss/b.fits"),
        ("https://data.desi.lbl.gov/public/edr/spectro/redux/fuji/a.fits", None, "spectro/redux/fuji/a.fits"),
        ("https://portal.nersc.gov/cfs/cosmo/data/legacysurvey/dr9/south/a.fits", None, "south/a.fits"),
        ("http://mirror/desi/dr1/a.fits?x=1", "http://mirror/desi/dr1", "a.fits"),
        ("http://mirror/desi/dr1/a.fits", None, None),
        ("http://mirror/other/a.fits", "http://mirror/desi", None),
    ],
)
def test_paths_of_urls(url, base, file):
    assert archives.below_root(url, base) == file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://data.sdss.org/sas/dr17/../../etc/passwd\n", "no file below the root"),
        ("https://data.sdss.org/sas/dr17/\n", "no file below the root"),
        ("http://mirror/a.fits\n", "--base"),
        ("# my list\nhttps://data.sdss.org/sas/dr17/\n", "no file below the root"),
        ("ra,dec\n1,2\n", "--what"),
    ],
)
def test_lists_that_lead_nowhere_are_refused(tmp_path, text, words):
    with pytest.raises(PipelineError, match=words):
        make_plan(table(tmp_path, text), None)


@pytest.mark.parametrize(
    ("what", "text", "words"),
    [
        ("sdss-spectra", "plate,mjd\n1,2\n", "no such column"),
        ("sdss-spectra", "plate,mjd,fiber\n1,2,\n", "without a usable fiber"),
        ("sdss-spectra", "plate,mjd,fiber\n1,x,3\n", "not numbers"),
        ("sdss-spectra", "plate,mjd,fiber,run2d\n1,2,3,../26\n", "not a run2d"),
        ("desi-coadds", "ra,dec\n1,91\n", "without a usable dec"),
        ("desi-coadds", "healpix\n49152\n", "without a usable healpix"),
        ("desi-coadds", "healpix,survey\n1,a/b\n", "not a survey"),
        ("legacy-cutouts", "ra\n1\n", "no such column"),
        ("sdss-spectra", "plate,mjd,fiber,sha256\n1,2,3,abc\n", "not a sha256"),
    ],
)
def test_rows_that_name_nothing_are_refused(tmp_path, what, text, words):
    with pytest.raises(PipelineError, match=words):
        make_plan(table(tmp_path, text), Choice(what))


def test_choices_are_checked():
    with pytest.raises(PipelineError, match="unknown kind"):
        Choice("spectra")
    for bands in ("", "grx"):
        with pytest.raises(PipelineError, match="unknown bands"):
            Choice("legacy-bricks", bands=bands)
    for what, archive in KINDS.items():
        with pytest.raises(PipelineError, match="no such release"):
            Choice(what, "dr5")
        assert Choice(what).of in RELEASES[archive]


def test_tables_give_sums_and_positions_and_count_once(tmp_path):
    text = f"plate,mjd,fiber,ra,dec,sha1\n3609,55201,890,10,20,{'a' * 40}\n3609,55201,890,10,20,{'a' * 40}\n"
    (wanted,) = make_plan(table(tmp_path, text), Choice("sdss-spectra"))
    assert (wanted.ra, wanted.dec, wanted.digest) == (10.0, 20.0, "a" * 40)
    url = "https://data.sdss.org/sas/dr17/a.fits"
    (wanted,) = make_plan(table(tmp_path, f"url,sha256\n{url},{'b' * 64}\n"), None)
    assert wanted.candidates[0].url == url and wanted.digest == "b" * 64
