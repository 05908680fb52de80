"""Wholeness, waiting, the manifest, and what a user sees."""

import gzip
import io
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest
from astropy.io import fits

from pipeline.errors import PipelineError, Stopped
from pipeline.surveys.fetch.manifest import ALTERED, FAILED, MISSING, Entry, read_entries, write_entries
from pipeline.surveys.fetch.pace import Pace, Patience, retry_after
from pipeline.surveys.fetch.progress import Progress
from pipeline.surveys.fetch.report import report_lines
from pipeline.surveys.fetch.run import Outcome
from pipeline.surveys.fetch.whole import fault


def wrong(folder, content: bytes, name: str) -> str:
    (folder / "x.part").write_bytes(content)
    return fault(folder / "x.part", name)


def test_whole_files_are_whole(tmp_path, new_fits):
    body = new_fits()
    packed = io.BytesIO()
    image = fits.CompImageHDU(np.ones((100, 100), np.float32))
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(packed, checksum=True)
    for content, name in [(body, "a.fits"), (gzip.compress(body), "A.FITS.GZ"), (packed.getvalue(), "a.fits.fz")]:
        assert wrong(tmp_path, content, name) == ""
    assert wrong(tmp_path, b"0" * 7, "sums.txt") == "" and wrong(tmp_path, gzip.compress(b"x"), "a.csv.gz") == ""


@pytest.mark.parametrize("checksum", [True, False])
def test_half_files_are_told(tmp_path, new_fits, checksum):
    body = new_fits(checksum=checksum)
    assert "no multiple" in wrong(tmp_path, body[:-1], "a.fits")
    assert "truncated" in wrong(tmp_path, body[:-2880], "a.fits")
    assert "no FITS file but begins with nothing" in wrong(tmp_path, b"", "a.fits")
    assert "begins with '<html>'" in wrong(tmp_path, b"<html>", "a.fits")
    assert "no gzip" in wrong(tmp_path, body, "a.fits.gz")
    assert "gzip stream is broken" in wrong(tmp_path, gzip.compress(body)[:-9], "a.fits.gz")
    assert "no FITS" in wrong(tmp_path, gzip.compress(body), "a.fits")
    assert wrong(tmp_path, gzip.compress(body[:-2880]), "a.fits.gz")


def test_a_bit_that_flipped_is_told_by_the_header(tmp_path, new_fits):
    body = bytearray(new_fits())
    body[-40_000] ^= 1
    assert "verification failed" in wrong(tmp_path, bytes(body), "a.fits")


def test_waiting_doubles_up_to_the_longest():
    patience = Patience(first_wait=1.0, longest_wait=5.0)
    assert [patience.wait(n) for n in (1, 2, 3, 4, 5)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_retry_after_is_a_number_or_a_date():
    assert [retry_after(text) for text in (None, "", "7", "-1", "soon")] == [0.0, 0.0, 7.0, 0.0, 0.0]
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < retry_after(then) <= 30 and retry_after("Sat, 01 Aug 2020 00:00:00 GMT") == 0.0


def test_a_stopped_pace_wakes_who_waits():
    pace = Pace(1000.0)
    pace.turn()
    pace.hold(60.0)
    pace.stop()
    begin = time.monotonic()
    with pytest.raises(Stopped):
        pace.turn()
    assert time.monotonic() - begin < 5


def test_manifests_keep_what_they_are_told(tmp_path):
    entries = [
        Entry("b.fits", "10.0000000", "-1.0000000", "http://h/b.fits", 5, "a" * 64, '"tag, with comma"', "Sat, 01 Aug"),
        Entry("a.fits", "", "", "http://h/a.fits", status=FAILED, note='says "no",\nand more'),
    ]
    write_entries(tmp_path, {entry.file: entry for entry in entries})
    assert list(read_entries(tmp_path).values()) == entries[::-1]
    assert read_entries(tmp_path / "elsewhere") == {}


@pytest.mark.parametrize(
    "text", ["file,url\na,b\n", "\x00", "file,ra,dec,url,bytes,sha256,etag,modified,status,note\na,1,2,u,many\n"]
)
def test_what_is_no_manifest_is_refused(tmp_path, text):
    (tmp_path / "fetched.csv").write_text(text)
    with pytest.raises(PipelineError, match="not a manifest"):
        read_entries(tmp_path)


def test_the_report_names_what_is_not_there(tmp_path):
    entries = [Entry(f"{n}.fits", "", "", "u", status=MISSING, note="not in the archive") for n in range(25)]
    lines = list(report_lines(Outcome([*entries, Entry("x.fits", "", "", "u", 1, "s")], 2_500_000), tmp_path))
    assert lines[0] == "missing: 0.fits: not in the archive" and "5 more" in lines[20]
    assert "1 of 26 files whole (2.5 MB fetched now), 25 not in the archive, 0 failed, 0 altered" in lines[21]
    for status in (FAILED, ALTERED):
        with pytest.raises(PipelineError, match="same command"):
            list(report_lines(Outcome([Entry("x.fits", "", "", "u", status=status)], 0), tmp_path))


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("screen", [Terminal, io.StringIO])
def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(monkeypatch, screen):
    monkeypatch.setattr(sys, "stderr", screen())
    monkeypatch.setattr("pipeline.surveys.fetch.progress.PLAIN_INTERVAL_SECONDS", 0.0)
    progress = Progress(3)
    progress.received(1_500_000)
    progress.done()
    progress.close()
    text = sys.stderr.getvalue()
    assert "1 of 3 files" in text and ("fetch: 1 of 3 files, 1.5 MB\n" in text) == (screen is io.StringIO)
