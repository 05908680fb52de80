"""The command, and that a fetched folder is a survey on disk."""

import gzip
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from pipeline.settings.survey import Cutouts, Legacy
from pipeline.surveys.cutouts import matching_files, open_cutouts
from pipeline.surveys.doubts import Doubts
from pipeline.surveys.fetch.plan import make_plan
from pipeline.surveys.fetch.run import fetch
from pipeline.surveys.fetch.wanted import Choice
from pipeline.surveys.index import shard_rows


@pytest.fixture
def call(tmp_path, root):
    """Return a function that runs `skysieve fetch` in a folder of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "src"), os.environ.get("PYTHONPATH", "")])}

    def run(*arguments):
        command = [sys.executable, "-m", "pipeline.cli", "fetch", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def test_the_command_fetches_names_and_counts(call, archive, new_fits, tmp_path):
    folder = "eboss/spectro/redux/v5_13_0/spectra/lite/3609"
    archive.add(f"{folder}/spec-3609-55201-0890.fits", new_fits())
    (tmp_path / "list.csv").write_text("plate,mjd,fiber\n3609,55201,890\n3609,55201,891\n")
    command = ["list.csv", "--what", "sdss-spectra", "--out", "sdss", "--base", archive.base, "--per-second", "50"]
    done = call(*command)
    assert done.returncode == 0, done.stderr
    assert f"missing: {folder}/spec-3609-55201-0891.fits" in done.stdout
    assert "1 of 2 files whole" in done.stdout and "1 not in the archive" in done.stdout
    assert (tmp_path / "sdss" / folder / "spec-3609-55201-0890.fits").read_bytes() == new_fits()
    (tmp_path / "sdss" / folder / "spec-3609-55201-0890.fits").write_bytes(b"mine")
    done = call(*command)
    assert done.returncode == 2 and "Traceback" not in done.stderr and "altered: " in done.stdout


def test_lists_for_wget_and_dry_runs_ask_nobody(call, archive, tmp_path):
    (tmp_path / "list.csv").write_text("plate,mjd,fiber\n3609,55201,890\n")
    command = ["list.csv", "--what", "sdss-spectra", "--base", archive.base]
    url = f"{archive.base}/eboss/spectro/redux/v5_13_0/spectra/lite/3609/spec-3609-55201-0890.fits\n"
    assert call(*command, "--dry-run").stdout == url
    done = call(*command, "--wget", "urls.txt")
    assert done.returncode == 0 and "wget -i urls.txt" in done.stdout and (tmp_path / "urls.txt").read_text() == url
    done = call(*command)
    assert done.returncode == 2 and "--out" in done.stderr
    assert archive.requests == []


def test_fetched_bricks_and_sweeps_are_a_survey(archive, two_bricks, settings, tmp_path, limits):
    """A server of the release of `two_bricks`; what comes from it has the shards of the original."""
    for path in two_bricks.root.rglob("*.f*"):
        archive.add(path.relative_to(two_bricks.root).as_posix(), path.read_bytes())
    table = (two_bricks.root / "survey-bricks.fits.gz").read_bytes()
    archive.add("south/survey-bricks-dr9-south.fits.gz", table)
    rows = [{"brick": name, "objid": 1, "ra": 359.99, "dec": 0.01} for name in two_bricks.bricks]
    name = two_bricks.sweep(rows, "sweep-350p000-360p005")
    sweep = two_bricks.root / name
    archive.add(name, sweep.read_bytes())
    (tmp_path / "list.csv").write_text("ra,dec,brickname\n359.99,0.01,3599p000\n359.99,0.01,3599p001\n")
    for what in ("legacy-sweeps", "legacy-bricks"):
        outcome = fetch(make_plan(tmp_path / "list.csv", Choice(what, base=archive.base)), tmp_path / "dr9", limits)
        assert outcome.counts() == {"whole": len(outcome.entries)}
    survey = {"kind": "legacy", "data_release": "dr9", "regions": ["south"], "bricks_per_shard": 40}
    mine = Legacy.parse({**survey, "root": str(tmp_path / "dr9")})
    listed, notes = shard_rows(mine, settings(photo_z=False), [])
    assert notes == [] and [row.sources for row in listed] == [f"sweep={name};bricks=3599p000,3599p001"]


def test_files_of_the_legacy_surveys_agree_with_the_archives_sums(archive, new_fits, tmp_path, limits):
    """A sweep and an image agree, an image of the same brick does not; a brick without sums is fetched all the same."""
    sweep = "south/sweep/9.0/sweep-350p000-360p005.fits"
    images = [
        f"south/coadd/359/{brick}/legacysurvey-{brick}-image-{band}.fits.fz"
        for brick in ("3599p000", "3599p001")
        for band in "gz"
    ]
    table = "south/survey-bricks-dr9-south.fits.gz"
    for number, file in enumerate((sweep, *images, table)):
        body = new_fits(number)
        archive.add(file, gzip.compress(body) if file == table else body)

    def lines(*files):
        return "".join(
            f"{hashlib.sha256(new_fits(number)).hexdigest()} *{file.rpartition('/')[2]}\n" for number, file in files
        ).encode()

    archive.add("south/sweep/9.0/legacysurvey_dr9_south_sweep_9.0.sha256sum", lines((0, sweep)))
    brick = "south/coadd/359/3599p000/legacysurvey_dr9_south_coadd_359_3599p000.sha256sum"
    archive.add(brick, lines((1, images[0]), (7, images[1])))
    (tmp_path / "list.csv").write_text("ra,dec,brickname\n359.99,0.01,3599p000\n359.99,0.01,3599p001\n")
    found = {}
    for what in ("legacy-sweeps", "legacy-bricks"):
        plan = make_plan(tmp_path / "list.csv", Choice(what, base=archive.base, bands="gz"))
        found |= {entry.file: entry for entry in fetch(plan, tmp_path / "dr9", limits).entries}
    assert {file: entry.status for file, entry in found.items()} == {
        sweep: "whole", table: "whole", images[0]: "whole", images[1]: "failed", images[2]: "whole", images[3]: "whole",
    }  # fmt: skip
    assert "the archive's is" in found[images[1]].note and not (tmp_path / "dr9" / images[1]).exists()
    assert len(archive.asked(brick)) == 1


def test_the_manifest_is_the_table_of_fetched_cutouts(archive, settings, tmp_path, limits):
    header = fits.Header({"BANDS": "grz"})
    cube = np.random.default_rng(1).normal(size=(3, 64, 64)).astype(np.float32)
    whole = fits.HDUList([fits.PrimaryHDU(cube, header)])
    (tmp_path / "list.csv").write_text("ra,dec\n150.1,2.2\n150.2,2.3\n150.3,2.4\n")
    plan = make_plan(tmp_path / "list.csv", Choice("legacy-cutouts", base=archive.base))
    for wanted in plan[:2]:
        whole.writeto(tmp_path / "cutout.fits", overwrite=True)
        archive.add(wanted.candidates[0].url.removeprefix(archive.base + "/"), (tmp_path / "cutout.fits").read_bytes())
    assert fetch(plan, tmp_path / "out", limits).counts() == {"whole": 2, "missing": 1}
    survey = Cutouts.parse(
        {
            "kind": "cutouts",
            "root": str(tmp_path / "out"),
            "files": "cutouts/*/*.fits",
            "table": "fetched.csv",
            "class_column": None,
            "bands": ["g", "r", "z"],
            "region": "south",
            "pixel_scale": 0.262,
            "aperture_radius": 3.0,
            "images_per_shard": 10,
        }  # fmt: skip
    )
    files = matching_files(tmp_path / "out", survey.files)
    source = open_cutouts(tmp_path / "out", files, survey, settings(), Doubts("flag"))
    assert sorted(zip(source.columns["ra"], source.columns["dec"], strict=True)) == [(150.1, 2.2), (150.2, 2.3)]
