"""The index of a fetched folder: what is whole becomes shards; what is not is named, and comes once it is mended."""

import io

import numpy as np
import pytest
from astropy.io import fits
from spectrum_files import write_coadd, write_spec

from pipeline.errors import PipelineError
from pipeline.settings.spectra.ingest import SpectraIngest
from pipeline.settings.spectra.survey import Desi, Sdss, SpectraIndex
from pipeline.settings.survey import Cutouts, Legacy
from pipeline.surveys.fetch.plan import make_plan
from pipeline.surveys.fetch.run import fetch
from pipeline.surveys.fetch.wanted import Choice
from pipeline.surveys.fetched import not_as_fetched
from pipeline.surveys.index import shard_rows
from pipeline.surveys.spectra_index import spectra_shard_rows
from pipeline.surveys.spectra_sources import names_of

LITE = "eboss/spectro/redux/v5_13_0/spectra/lite/3655"


def spec(fiber: int) -> str:
    return f"{LITE}/spec-3655-55240-{fiber:04d}.fits"


@pytest.fixture
def ingest():
    return SpectraIngest.parse(
        {"grid": "fnet", "resample": "conserve", "selection": None, "min_good_pixels": 100, "on_bad_object": "flag",
         "spectra_per_shard": 10, "shards_per_job": 2}
    )  # fmt: skip


def sdss(root, files="eboss/spectro/redux/*/spectra/lite/*/spec-*.fits*") -> Sdss:
    return Sdss.parse({"kind": "sdss", "root": str(root), "files": files, "quasars": None})


def change(path):
    """Change a file without changing its length, its last byte the other way round."""
    body = path.read_bytes()
    path.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))


@pytest.fixture
def spectra(archive, acts, tmp_path, limits):
    """Return a function that fetches fibres 1 to 5: 3 is not in the archive, 4 is refused, the others are whole."""
    for fiber in (1, 2, 4, 5):
        write_spec(tmp_path / "made.fits", fiber=fiber)
        refusal = [acts["status"](403)] if fiber == 4 else []
        archive.add(spec(fiber), (tmp_path / "made.fits").read_bytes(), *refusal)
    (tmp_path / "list.csv").write_text("plate,mjd,fiber\n" + "".join(f"3655,55240,{n}\n" for n in range(1, 6)))
    plan = make_plan(tmp_path / "list.csv", Choice("sdss-spectra", base=archive.base))
    return lambda: fetch(plan, tmp_path / "sdss", limits)


def test_spectra_that_are_whole_are_listed(spectra, ingest, tmp_path):
    root = tmp_path / "sdss"
    assert spectra().counts() == {"whole": 3, "missing": 1, "failed": 1}
    change(root / spec(2))
    (root / (spec(4) + ".part")).write_bytes(b"SIMPLE")
    write_spec(root / spec(9), fiber=9)  # the user's own, beside what was fetched
    first, notes = spectra_shard_rows(sdss(root), ingest, [])
    assert [names_of(row.sources) for row in first] == [[spec(1), spec(5), spec(9)]]
    told = {words[3]: note for note in notes for words in [note.split()]}
    assert sorted(told) == ["altered", "failed", "missing", "unfinished"]
    for why, file in {
        "altered": spec(2),
        "missing": spec(3),
        "failed": spec(4),
        "unfinished": spec(4) + ".part",
    }.items():
        assert told[why].startswith("left out 1 ") and told[why].endswith(f": {file}")
    # A second fetch brings what failed, writes down what is altered, and lets it be.
    assert spectra().counts() == {"whole": 3, "missing": 1, "altered": 1}
    second, notes = spectra_shard_rows(sdss(root), ingest, first)
    assert second[:-1] == first and names_of(second[-1].sources) == [spec(4)] and second[-1].tranche == 2
    assert any("altered" in note and spec(2) in note for note in notes)
    (root / spec(2)).unlink()
    assert spectra().counts() == {"whole": 4, "missing": 1}
    third, _ = spectra_shard_rows(sdss(root), ingest, second)
    assert third[:-1] == second and names_of(third[-1].sources) == [spec(2)]
    change(root / spec(1))
    with pytest.raises(PipelineError, match="no longer holds 1") as caught:
        spectra_shard_rows(sdss(root), ingest, third)
    assert caught.value.value == spec(1)


def test_an_index_of_fetched_files(spectra, ingest, tmp_path):
    spectra()
    root = tmp_path / "sdss"
    (root / spec(5)).unlink()
    change(root / spec(2))
    columns = ["object", "ra", "dec", "survey", "mjd", "pipe_class", "pipe_z", "best_z", "best_z_source"]
    lines = [",".join(["file", *columns]), *(spec(fiber) + "," * len(columns) for fiber in (2, 1, 5))]
    (root / "index.csv").write_text("\n".join(lines) + "\n")
    survey = SpectraIndex.parse({"kind": "spectra_index", "root": str(root), "table": "index.csv"})
    rows, notes = spectra_shard_rows(survey, ingest, [])
    assert [names_of(row.sources) for row in rows] == [[spec(1)]]
    assert any("altered" in note and spec(2) in note for note in notes)
    assert any("lost" in note and spec(5) in note for note in notes)


def test_coadds_go_with_their_redshifts(archive, acts, ingest, limits, tmp_path):
    """Cell 10 is whole; 11 has no redshifts in the archive; 12's and the coadd of 13 are altered; 14's failed."""
    cells = (10, 11, 12, 13, 14)

    def file(kind, cell):
        return f"spectro/redux/iron/healpix/main/dark/0/{cell}/{kind}-main-dark-{cell}.fits"

    for cell in cells:
        write_coadd(tmp_path / "made" / f"coadd-{cell}.fits")
        for kind in ("coadd", "redrock") if cell != 11 else ("coadd",):
            refusal = [acts["status"](403)] if (kind, cell) == ("redrock", 14) else []
            archive.add(file(kind, cell), (tmp_path / "made" / f"{kind}-{cell}.fits").read_bytes(), *refusal)
    (tmp_path / "list.csv").write_text("healpix\n" + "".join(f"{cell}\n" for cell in cells))
    plan = make_plan(tmp_path / "list.csv", Choice("desi-coadds", base=archive.base))
    assert fetch(plan, tmp_path / "desi", limits).counts() == {"whole": 8, "missing": 1, "failed": 1}
    change(tmp_path / "desi" / file("redrock", 12))
    change(tmp_path / "desi" / file("coadd", 13))
    # The root of the survey lies inside of the folder that was fetched.
    plain = {"kind": "desi", "root": str(tmp_path / "desi" / "spectro" / "redux"), "survey": "main", "program": "dark"}
    survey = Desi.parse({**plain, "files": "iron/healpix/{survey}/{program}/*/*/coadd-*.fits", "quasars": None})
    rows, notes = spectra_shard_rows(survey, ingest, [])
    inside = [file("coadd", cell).removeprefix("spectro/redux/") for cell in (10, 11)]
    assert [names_of(row.sources) for row in rows] == [[name] for name in inside]
    altered = [note for note in notes if "altered" in note]
    assert len(altered) == 1 and all(name in altered[0] for name in ("redrock-main-dark-12", "coadd-main-dark-13"))


@pytest.fixture
def fetched_bricks(archive, two_bricks, limits, tmp_path):
    """Return the settings of a fetched survey of one sweep and two bricks, and its root."""
    rows = [{"brick": name, "objid": 1, "ra": 359.99, "dec": 0.01} for name in two_bricks.bricks]
    two_bricks.sweep(rows, "sweep-350p000-360p005")
    for path in two_bricks.root.rglob("*.f*"):
        archive.add(path.relative_to(two_bricks.root).as_posix(), path.read_bytes())
    table = (two_bricks.root / "survey-bricks.fits.gz").read_bytes()
    archive.add("south/survey-bricks-dr9-south.fits.gz", table)
    (tmp_path / "list.csv").write_text("ra,dec,brickname\n359.99,0.01,3599p000\n359.99,0.01,3599p001\n")
    for what in ("legacy-sweeps", "legacy-bricks"):
        fetch(make_plan(tmp_path / "list.csv", Choice(what, base=archive.base)), tmp_path / "dr9", limits)
    survey = {"kind": "legacy", "data_release": "dr9", "regions": ["south"], "bricks_per_shard": 40}
    return Legacy.parse({**survey, "root": str(tmp_path / "dr9")}), tmp_path / "dr9"


def test_a_brick_without_a_whole_image_is_left_out(fetched_bricks, settings):
    survey, root = fetched_bricks
    image = "south/coadd/359/3599p001/legacysurvey-3599p001-image-r.fits.fz"
    change(root / image)
    rows, notes = shard_rows(survey, settings(), [])
    assert [row.sources.partition("bricks=")[2] for row in rows] == ["3599p000"]
    assert len(notes) == 1 and "altered" in notes[0] and notes[0].endswith(image)


def test_an_altered_sweep_and_table_of_bricks(fetched_bricks, settings):
    survey, root = fetched_bricks
    table = root / "south" / "survey-bricks-dr9-south.fits.gz"
    before = table.read_bytes()
    change(table)
    with pytest.raises(PipelineError, match="table of bricks") as caught:
        shard_rows(survey, settings(), [])
    assert caught.value.where == table
    table.write_bytes(before)
    change(root / "south" / "sweep" / "9.0" / "sweep-350p000-360p005.fits")
    with pytest.raises(PipelineError, match="no input") as caught:
        shard_rows(survey, settings(), [])
    assert "altered" in caught.value.value and "sweep-350p000-360p005.fits" in caught.value.value


def test_altered_cutouts_are_left_out(archive, settings, limits, tmp_path):
    cube = np.random.default_rng(1).normal(size=(3, 64, 64)).astype(np.float32)
    body = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(cube, fits.Header({"BANDS": "grz"}))]).writeto(body)
    (tmp_path / "list.csv").write_text("ra,dec\n150.1,2.2\n150.2,2.3\n")
    plan = make_plan(tmp_path / "list.csv", Choice("legacy-cutouts", base=archive.base))
    for wanted in plan:
        archive.add(wanted.candidates[0].url.removeprefix(archive.base + "/"), body.getvalue())
    assert fetch(plan, tmp_path / "out", limits).counts() == {"whole": 2}
    names = [wanted.candidates[0].file for wanted in plan]
    change(tmp_path / "out" / names[1])
    survey = Cutouts.parse(
        {"kind": "cutouts", "root": str(tmp_path / "out"), "files": "cutouts/*/*.fits", "table": "fetched.csv",
         "class_column": None, "bands": ["g", "r", "z"], "region": "south", "pixel_scale": 0.262,
         "aperture_radius": 3.0, "images_per_shard": 10}
    )  # fmt: skip
    rows, notes = shard_rows(survey, settings(), [])
    assert [row.sources for row in rows] == [f"files={names[0]}"]
    assert len(notes) == 1 and "altered" in notes[0] and names[1] in notes[0]


def test_a_folder_that_was_not_fetched(tmp_path):
    (tmp_path / "a").mkdir()
    assert not_as_fetched(tmp_path / "a", ["b.fits"]) == ({}, [])
    (tmp_path / "fetched.csv").write_text("file,ra\n")
    with pytest.raises(PipelineError, match="not a manifest"):
        not_as_fetched(tmp_path / "a")
