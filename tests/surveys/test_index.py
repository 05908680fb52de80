"""The list of shards of a real survey."""

import h5py
import numpy as np
import pytest

from pipeline.errors import PipelineError
from pipeline.settings.survey import Cutouts, Legacy, PanStarrs, Stein
from pipeline.surveys.index import bricks_of_sweep, shard_rows
from pipeline.surveys.shards import parse_sources


def legacy(root, **changes) -> Legacy:
    plain = {"kind": "legacy", "root": str(root) if root else None, "data_release": "dr9", "regions": ["south"],
             "bricks_per_shard": 2}  # fmt: skip
    return Legacy.parse({**plain, **changes})


@pytest.fixture
def many(tmp_path, new_survey):
    """Return a survey with coadd folders of seven bricks about RA 0 and two sweeps."""
    survey = new_survey(tmp_path / "dr9")
    names = [("3598p000", 359.75, 0.0), ("0000p000", 0.125, 0.0), ("0001p000", 0.3, 0.0), ("0001p050", 0.3, 5.0),
             ("0050p000", 5.0, 0.0), ("0098p000", 9.9, 0.0), ("0150p000", 15.0, 0.0)]  # fmt: skip
    for index, (name, ra, dec) in enumerate(names):
        survey.bricks[name] = (index, ra, dec, 100)
        survey.path(name, "g").parent.mkdir(parents=True)
    survey.write_table()
    rows = [{"brick": name, "objid": 1, "ra": ra, "dec": dec} for name, (_, ra, dec, _) in survey.bricks.items()]
    survey.sweep(rows, "sweep-000p000-010p005")
    survey.sweep(rows, "sweep-350p000-360p005")
    return survey


def test_bricks_are_dealt_to_their_sweeps(many, settings):
    rows, notes = shard_rows(legacy(many.root), settings(), [])
    assert not notes
    assert [row.sources.partition(";")[2] for row in rows] == [
        "bricks=0000p000,0001p000", "bricks=0001p050,0050p000", "bricks=0098p000", "bricks=0000p000,3598p000"
    ]  # fmt: skip
    assert [row.shard for row in rows] == [
        "south-000p000-010p005-0000", "south-000p000-010p005-0001", "south-000p000-010p005-0002",
        "south-350p000-360p005-0000",
    ]  # fmt: skip
    assert [row.batch for row in rows] == ["t1-b0000", "t1-b0000", "t1-b0001", "t1-b0001"]
    assert parse_sources("legacy", rows[0].sources)["sweep"] == "south/sweep/9.0/sweep-000p000-010p005.fits"


def test_bricks_of_sweeps_cover_every_source():
    """No source of a sweep belongs to a brick that the sweep does not list, at any declination (desiutil's bricks)."""
    bricks = pytest.importorskip("desiutil.brick").Bricks()
    rng = np.random.default_rng(0)
    table = bricks.to_table()
    columns = {name.lower(): np.array(table[name]) for name in ("BRICKNAME", "RA", "DEC")}
    columns["brickname"] = columns["brickname"].astype(str)
    for corner in ((0, 0), (350, -5), (100, 85), (200, -90), (0, 60), (350, 30)):
        name = f"sweep-{_text(*corner)}-{_text(corner[0] + 10, corner[1] + 5)}"
        listed = set(bricks_of_sweep(name, columns))
        ra, dec = corner[0] + rng.uniform(0, 10, 3000), corner[1] + rng.uniform(0, 5, 3000)
        assert set(bricks.brickname(ra % 360, dec)) <= listed
        inside = ((columns["ra"] - corner[0]) % 360 < 10) & (columns["dec"] >= corner[1])
        area = set(columns["brickname"][inside & (columns["dec"] < corner[1] + 5)].tolist())
        assert area <= listed
        if abs(corner[1] + 2.5) < 80:
            assert len(listed) < 1.2 * len(area)


def _text(ra, dec):
    return f"{ra:03d}{'m' if dec < 0 else 'p'}{abs(dec):03d}"


def test_a_survey_grows_by_a_tranche(many, settings):
    first, _ = shard_rows(legacy(many.root), settings(), [])
    again, _ = shard_rows(legacy(many.root, bricks_per_shard=3), settings(), first)
    assert again == first
    many.bricks["0060p000"] = (9, 6.0, 0.0, 100)
    many.path("0060p000", "g").parent.mkdir(parents=True)
    many.write_table()
    from pipeline.surveys.bricks import bricks_table

    bricks_table.cache_clear()  # a new process reads the new table
    grown, _ = shard_rows(legacy(many.root), settings(), first)
    assert grown[: len(first)] == first and len(grown) == len(first) + 1
    assert grown[-1].tranche == 2 and grown[-1].batch == "t2-b0000" and grown[-1].sources.endswith("bricks=0060p000")
    assert grown[-1].shard == "t2-south-000p000-010p005-0000"
    many.path("0050p000", "g").parent.rmdir()
    with pytest.raises(PipelineError, match="no longer holds 1 input"):
        shard_rows(legacy(many.root), settings(), first)


def test_root_from_the_environment(many, settings, monkeypatch):
    monkeypatch.setenv("LEGACYSURVEY_DIR", str(many.root))
    assert shard_rows(legacy(None), settings(), [])[0] == shard_rows(legacy(many.root), settings(), [])[0]
    monkeypatch.delenv("LEGACYSURVEY_DIR")
    with pytest.raises(PipelineError, match="LEGACYSURVEY_DIR"):
        shard_rows(legacy(None), settings(), [])


def test_nothing_to_find(tmp_path, many, settings):
    with pytest.raises(PipelineError, match="does not exist"):
        shard_rows(legacy(tmp_path / "none"), settings(), [])
    (tmp_path / "empty").mkdir()
    with pytest.raises(PipelineError, match="no sweeps in"):
        shard_rows(legacy(tmp_path / "empty"), settings(), [])
    rows, notes = shard_rows(legacy(many.root, regions=["south", "north"]), settings(), [])
    assert len(rows) == 4 and "no sweeps in" in notes[0]
    (many.root / "survey-bricks.fits.gz").write_bytes(b"broken")
    from pipeline.surveys.bricks import bricks_table

    bricks_table.cache_clear()
    with pytest.raises(PipelineError, match="survey-bricks"):
        shard_rows(legacy(many.root), settings(), [])


def folder_of(tmp_path, names) -> Cutouts:
    for name in names:
        (tmp_path / name).touch()
    return Cutouts.parse({"kind": "cutouts", "root": str(tmp_path), "files": "*.fits", "table": None,
                          "class_column": None, "bands": ["g", "r", "z"], "region": "", "pixel_scale": 0.262,
                          "aperture_radius": 3.0, "images_per_shard": 2})  # fmt: skip


def test_files_of_a_folder(tmp_path, settings):
    survey = folder_of(tmp_path, ["b.fits", "a.fits", "c.fits", "other.txt"])
    rows, _ = shard_rows(survey, settings(), [])
    assert [row.sources for row in rows] == ["files=a.fits,b.fits", "files=c.fits"]
    (tmp_path / "aa.fits").touch()
    grown, _ = shard_rows(survey, settings(), rows)
    assert grown[:2] == rows and grown[2].sources == "files=aa.fits" and grown[2].tranche == 2
    (tmp_path / "x,y.fits").touch()
    with pytest.raises(PipelineError, match="x,y.fits"):
        shard_rows(survey, settings(), rows)


def test_a_batch_must_fit_on_a_command_line(tmp_path, settings):
    survey = folder_of(tmp_path, [f"{'long' * 50}{number:04d}.fits" for number in range(600)])
    survey = survey.model_copy(update={"images_per_shard": 1000})
    with pytest.raises(PipelineError, match="command line"):
        shard_rows(survey, settings(), [])


def test_panstarrs_follows_its_index(tmp_path, settings):
    (tmp_path / "index.csv").write_text("kind,file,ra,dec\nq,a.fits,1,1\ng,b.fits,2,2\ng,gone.fits,3,3\n")
    for name in ("a.fits", "b.fits", "not_listed.fits"):
        (tmp_path / name).touch()
    survey = PanStarrs.parse({"kind": "panstarrs", "root": str(tmp_path), "table": "index.csv", "class_column": "kind",
                              "pixel_scale": 0.25, "aperture_radius": 3.0, "images_per_shard": 10})  # fmt: skip
    rows, notes = shard_rows(survey, settings(), [])
    assert [row.sources for row in rows] == ["files=a.fits,b.fits"]
    assert "gone.fits" in notes[0] and "1 file" in notes[0]


def test_rows_of_stein_files(tmp_path, settings):
    for name, rows in (("b.h5", 5), ("a.h5", 12)):
        with h5py.File(tmp_path / name, "w") as file:
            file["images"] = np.zeros((rows, 3, 4, 4), "f4")
            file["ra"] = file["dec"] = np.zeros(rows)
    survey = Stein.parse({"kind": "stein", "root": str(tmp_path), "files": "*.h5", "region": "north",
                          "pixel_scale": 0.262, "images_per_shard": 5})  # fmt: skip
    rows, _ = shard_rows(survey, settings(), [])
    assert [row.sources for row in rows] == [
        "file=a.h5;rows=0:5", "file=a.h5;rows=5:10", "file=a.h5;rows=10:12", "file=b.h5;rows=0:5"
    ]  # fmt: skip
    assert {row.region for row in rows} == {"north"} and len({row.shard for row in rows}) == 4


@pytest.mark.parametrize(
    ("kind", "text"),
    [("simulated", "0,-5,3"), ("simulated", "a,b"), ("legacy", "sweep=a"), ("legacy", "bricks=a;sweep=b"),
     ("legacy", "sweep=;bricks=a"), ("cutouts", ""), ("stein", "file=a;rows="), ("other", "files=a")],
)  # fmt: skip
def test_malformed_sources(kind, text):
    with pytest.raises(PipelineError, match="malformed"):
        parse_sources(kind, text)


def test_sources_of_each_kind():
    assert parse_sources("simulated", "350,-5") == {"ra": "350", "dec": "-5"}
    assert parse_sources("legacy", "sweep=a/b.fits;bricks=x,y") == {"sweep": "a/b.fits", "bricks": "x,y"}
    assert parse_sources("panstarrs", "files=a,b") == {"files": "a,b"}
    assert parse_sources("stein", "file=a.h5;rows=0:5") == {"file": "a.h5", "rows": "0:5"}
