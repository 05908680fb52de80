"""Each way in which an archive or a network fails ends with the whole file, or with its name and a reason."""

import hashlib
import json
import os
import subprocess
import sys
import time

import pytest

from pipeline.errors import PipelineError
from pipeline.surveys.fetch.manifest import ALTERED, FAILED, MISSING, WHOLE, read_entries
from pipeline.surveys.fetch.run import Limits, fetch
from pipeline.surveys.fetch.wanted import Candidate, Wanted

FILE = "eboss/spectro/redux/v5_13_0/spectra/lite/3609/spec-3609-55201-0890.fits"


def wanted(archive, file=FILE, digest="", sums=""):
    return Wanted((Candidate(f"{archive.base}/{file}", file, sums),), digest=digest)


def get(archive, folder, limits, *plan):
    """Fetch one file, or a plan; return the outcome."""
    return fetch(list(plan) or [wanted(archive)], folder, limits)


def holds(folder, body, file=FILE):
    """Whether a folder holds a file with its entry, and nothing unfinished."""
    entry = read_entries(folder)[file]
    assert not list(folder.rglob("*.part*")) and not list(folder.rglob(".tmp*"))
    same = (folder / file).read_bytes() == body and entry.bytes == len(body)
    return same and entry.sha256 == hashlib.sha256(body).hexdigest() and entry.status == WHOLE


def test_a_file_comes_with_its_entry(archive, new_fits, acts, tmp_path, limits):
    body = new_fits()
    url = archive.add(FILE, body)
    outcome = get(archive, tmp_path, limits)
    assert holds(tmp_path, body) and outcome.bytes == len(body)
    (entry,) = outcome.entries
    assert entry.url == url and entry.etag == acts["etag"](body) and entry.modified.startswith("Sat, 01 Aug")


def test_a_dropped_connection_is_continued_where_it_broke(archive, new_fits, acts, tmp_path, limits):
    body = new_fits()
    archive.add(FILE, body, acts["drop"](50_000), acts["drop"](30_000))
    outcome = get(archive, tmp_path, limits)
    first, second, third = archive.asked(FILE)
    assert "Range" not in first and second["If-Range"] == acts["etag"](body)
    assert (second["Range"], third["Range"]) == ("bytes=50000-", "bytes=80000-")
    assert holds(tmp_path, body) and outcome.bytes == len(body)  # nothing came twice


def test_progress_renews_the_patience(archive, new_fits, acts, tmp_path, limits):
    body = new_fits()
    archive.add(FILE, body, *[acts["drop"](10_000)] * 10)  # more failures than patience has attempts
    get(archive, tmp_path, limits)
    assert holds(tmp_path, body)


def test_an_archive_that_only_drops_is_given_up(archive, new_fits, acts, tmp_path, limits):
    archive.add(FILE, new_fits(), *[acts["drop"](0)] * 20)
    (entry,) = get(archive, tmp_path, limits).entries
    assert entry.status == FAILED and "connection broke" in entry.note and not (tmp_path / FILE).exists()
    assert len(archive.asked(FILE)) == limits.patience.attempts


@pytest.mark.parametrize("difference", [-2880, -1, 1, 2880])
def test_a_false_length_never_gives_a_file(archive, new_fits, acts, tmp_path, limits, difference):
    archive.add(FILE, new_fits(), *[acts["claim"](difference)] * 40)
    (entry,) = get(archive, tmp_path, limits).entries
    assert entry.status == FAILED and entry.sha256 == "" and not (tmp_path / FILE).exists()


@pytest.mark.parametrize("difference", [-2880, 1])
def test_a_length_that_is_false_once_costs_a_second_request(archive, new_fits, acts, tmp_path, limits, difference):
    body = new_fits()
    archive.add(FILE, body, acts["claim"](difference))
    get(archive, tmp_path, limits)
    assert holds(tmp_path, body)


def test_a_busy_archive_is_left_alone_as_long_as_it_asks(archive, new_fits, acts, tmp_path, limits):
    body = new_fits()
    archive.add(FILE, body, acts["status"](429, Retry_After="1"), acts["status"](503))
    begin = time.monotonic()
    get(archive, tmp_path, limits)
    assert holds(tmp_path, body) and time.monotonic() - begin >= 1.0 and len(archive.asked(FILE)) == 3


def test_a_busy_archive_holds_the_requests_of_all_files(archive, new_fits, acts, tmp_path, limits):
    archive.add("a.fits", new_fits(1), acts["status"](429, Retry_After="1"))
    for name in "bcd":
        archive.add(f"{name}.fits", new_fits(2))
    # The second request is due 0.4 s after the first, which is refused: long enough for a busy machine to hear of it.
    two = Limits(2, 2.5, limits.patience)
    get(archive, tmp_path, two, *(wanted(archive, f"{name}.fits") for name in "abcd"))
    first, *later = archive.times
    assert len(later) == 4 and min(later) - first >= 1.0


def test_an_archive_that_asks_for_too_long_is_given_up(archive, new_fits, acts, tmp_path, limits):
    archive.add(FILE, new_fits(), acts["status"](503, Retry_After="86400"))
    (entry,) = get(archive, tmp_path, limits).entries
    assert entry.status == FAILED and "86400 s" in entry.note and len(archive.asked(FILE)) == 1


@pytest.mark.parametrize("named", [False, True])
def test_a_part_is_continued_only_when_its_version_has_a_name(archive, new_fits, acts, tmp_path, limits, named):
    body = new_fits()

    def half(handler, body):
        headers = {"ETag": 'W/"weak"', "Last-Modified": acts["modified"]} if named else {"ETag": 'W/"weak"'}
        acts["send"](handler, 200, body[:50_000], headers, len(body))
        acts["hang_up"](handler)

    archive.add(FILE, body, half)
    get(archive, tmp_path, limits)
    second = archive.asked(FILE)[1]
    assert second.get("If-Range") == (acts["modified"] if named else None) and ("Range" in second) == named
    assert holds(tmp_path, body)


def test_a_body_without_a_length_is_judged_by_its_end(archive, new_fits, acts, tmp_path, limits):
    """As the viewer sends cutouts: in chunks, the first time without the last one."""
    body = new_fits()

    def chunks(ends):
        def act(handler, body):
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            for start in range(0, len(body), 50_000):
                piece = body[start : start + 50_000]
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            if ends:
                handler.wfile.write(b"0\r\n\r\n")
            else:
                acts["hang_up"](handler)

        return act

    archive.add(FILE, body, chunks(False), chunks(True))
    get(archive, tmp_path, limits)
    assert holds(tmp_path, body) and len(archive.asked(FILE)) == 2


def test_a_file_that_moved_is_followed(archive, new_fits, acts, tmp_path, limits):
    body = new_fits()
    archive.add(FILE, body, acts["status"](302, Location=archive.add("elsewhere.fits", body)))
    get(archive, tmp_path, limits)
    assert holds(tmp_path, body)


def test_an_archive_without_ranges_begins_anew(archive, new_fits, acts, tmp_path, limits):
    body = new_fits()
    archive.add(FILE, body, acts["drop"](50_000), acts["whole_always"])
    outcome = get(archive, tmp_path, limits)
    assert "Range" in archive.asked(FILE)[1] and holds(tmp_path, body) and outcome.bytes == len(body) + 50_000


def test_a_file_that_changed_meanwhile_is_never_mixed(archive, new_fits, acts, tmp_path, limits):
    old, new = new_fits(1), new_fits(2)

    def then_change(handler, body):
        archive.files[handler.path] = new
        acts["drop"](50_000)(handler, body)

    archive.add(FILE, old, then_change)
    get(archive, tmp_path, limits)
    assert holds(tmp_path, new) and archive.asked(FILE)[1]["If-Range"] == acts["etag"](old)


def test_an_archive_that_continues_another_version_is_found_out(archive, new_fits, acts, tmp_path, limits):
    old, new = (new_fits(seed, checksum=False) for seed in (1, 2))  # a mixture would pass as a file

    def careless(handler, body):  # ignores If-Range
        start = int(handler.headers["Range"][6:-1])
        headers = {"ETag": acts["etag"](body), "Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
        acts["send"](handler, 206, body[start:], headers)

    def then_change(handler, body):
        archive.files[handler.path] = new
        acts["drop"](50_000)(handler, body)

    archive.add(FILE, old, then_change, careless)
    get(archive, tmp_path, limits)
    assert holds(tmp_path, new) and len(archive.asked(FILE)) == 3


def test_a_page_for_people_is_no_file(archive, new_fits, acts, tmp_path, limits):
    body = new_fits()
    archive.add(FILE, body, acts["html_page"])
    archive.add("b.fits", body, *[acts["html_page"]] * 20)
    first, second = get(archive, tmp_path, limits, wanted(archive), wanted(archive, "b.fits")).entries
    assert (tmp_path / FILE).read_bytes() == body and first.status == WHOLE
    assert second.status == FAILED and "<!DOCTYPE html>" in second.note and not (tmp_path / "b.fits").exists()
    assert not list(tmp_path.rglob("*.part*"))


def test_what_is_not_there_is_named_and_the_rest_goes_on(archive, new_fits, tmp_path, limits):
    body = new_fits()
    archive.add(FILE, body)
    gone = "eboss/spectro/redux/v5_13_0/spectra/lite/3609/spec-3609-55201-0891.fits"
    outcome = get(archive, tmp_path, limits, wanted(archive, gone), wanted(archive))
    assert [entry.status for entry in outcome.entries] == [MISSING, WHOLE] and gone in outcome.entries[0].note
    assert len(archive.asked(gone)) == 1 and (tmp_path / FILE).read_bytes() == body


def test_places_are_tried_in_order(archive, new_fits, tmp_path, limits):
    body = new_fits()
    files = [f"sdss/spectro/redux/{run2d}/spectra/lite/2000/spec-2000-53495-0001.fits" for run2d in (26, 103, 104)]
    archive.add(files[1], body)
    plan = [Wanted(tuple(Candidate(f"{archive.base}/{file}", file) for file in files))]
    for _ in range(2):
        (entry,) = get(archive, tmp_path, limits, *plan).entries
        assert entry.file == files[1] and list(read_entries(tmp_path)) == [files[1]]
    assert [path.removeprefix("/sas/dr16/") for path, _ in archive.requests] == files[:2]


def test_a_refusal_is_not_repeated(archive, new_fits, acts, tmp_path, limits):
    archive.add(FILE, new_fits(), acts["status"](403))
    (entry,) = get(archive, tmp_path, limits).entries
    assert entry.status == FAILED and "403" in entry.note and len(archive.asked(FILE)) == 1


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
def test_sums_of_the_list_are_compared(archive, new_fits, tmp_path, limits, algorithm):
    body = new_fits()
    archive.add(FILE, body)
    archive.add("b.fits", body)
    right, wrong = (hashlib.new(algorithm, text).hexdigest() for text in (body, b"another file"))
    plan = [wanted(archive, digest=right.upper()), wanted(archive, "b.fits", digest=wrong)]
    first, second = get(archive, tmp_path, limits, *plan).entries
    assert first.status == WHOLE and second.status == FAILED and algorithm in second.note
    assert not (tmp_path / "b.fits").exists()


def test_sums_of_the_archive_are_fetched_once_and_compared(archive, new_fits, tmp_path, limits):
    bodies = {f"cell/{name}.fits": new_fits(seed) for seed, name in enumerate(("coadd", "redrock", "other"))}
    for file, body in bodies.items():
        archive.add(file, body)
    lines = [f"{hashlib.sha256(bodies['cell/coadd.fits']).hexdigest()}  coadd.fits", f"{'0' * 64} *redrock.fits"]
    sums = archive.add("cell/cell.sha256sum", ("\n".join(lines) + "\n").encode())
    plan = [wanted(archive, file, sums=sums) for file in bodies]
    found = {entry.file: entry.status for entry in get(archive, tmp_path, limits, *plan).entries}
    assert found == {"cell/coadd.fits": WHOLE, "cell/redrock.fits": FAILED, "cell/other.fits": WHOLE}
    assert len(archive.asked("cell/cell.sha256sum")) == 1


def test_a_second_call_fetches_only_what_is_missing(archive, new_fits, tmp_path, limits):
    bodies = {f"{name}.fits": new_fits(seed) for seed, name in enumerate("abc")}
    for file, body in bodies.items():
        archive.add(file, body)
    plan = [wanted(archive, file) for file in bodies]
    get(archive, tmp_path, limits, *plan)
    (tmp_path / "b.fits").unlink()
    before = (tmp_path / "fetched.csv").read_bytes()
    archive.requests.clear()
    outcome = get(archive, tmp_path, limits, *plan)
    assert [path for path, _ in archive.requests] == ["/sas/dr16/b.fits"]
    assert outcome.counts() == {WHOLE: 3} and (tmp_path / "fetched.csv").read_bytes() == before


def test_an_altered_file_is_named_and_left_as_it_is(archive, new_fits, tmp_path, limits):
    archive.add(FILE, new_fits())
    get(archive, tmp_path, limits)
    (tmp_path / FILE).write_bytes(new_fits(9))
    for _ in range(2):  # it does not become the truth by being seen twice
        (entry,) = get(archive, tmp_path, limits).entries
        assert entry.status == ALTERED and (tmp_path / FILE).read_bytes() == new_fits(9)
    (tmp_path / FILE).unlink()
    get(archive, tmp_path, limits)
    assert holds(tmp_path, new_fits())


def test_files_that_were_there_are_entered_when_whole(archive, new_fits, tmp_path, limits):
    for file in ("a.fits", "b.fits"):
        archive.add(file, new_fits())
    (tmp_path / "a.fits").write_bytes(new_fits())
    (tmp_path / "b.fits").write_bytes(new_fits()[:-2880])
    first, second = get(archive, tmp_path, limits, wanted(archive, "a.fits"), wanted(archive, "b.fits")).entries
    assert archive.requests == [] and first.status == WHOLE and second.status == ALTERED
    assert (tmp_path / "b.fits").stat().st_size == len(new_fits()) - 2880


def test_a_part_of_a_killed_fetch_is_continued(archive, new_fits, acts, tmp_path, limits, root):
    """SIGKILL in the middle of a body; the next call asks for the rest alone."""
    body = new_fits()

    def slowly(handler, body):
        handler.send_response(200)
        handler.send_header("ETag", acts["etag"](body))
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:100_000])
        handler.wfile.flush()
        time.sleep(60)

    archive.add(FILE, body, slowly)
    (tmp_path / "list.txt").write_text(f"{archive.base}/{FILE}\n")
    command = [sys.executable, "-m", "pipeline.cli", "fetch", "list.txt", "--out", "out"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "src"), os.environ.get("PYTHONPATH", "")])}
    part = tmp_path / "out" / f"{FILE}.part"
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
    have = part.stat().st_size
    assert 0 < have < len(body) and not (tmp_path / "out" / FILE).exists()
    get(archive, tmp_path / "out", limits)
    assert archive.asked(FILE)[1]["Range"] == f"bytes={have}-" and holds(tmp_path / "out", body)


def test_a_part_that_was_complete_needs_no_request(archive, new_fits, tmp_path, limits):
    body = new_fits()
    url = archive.add(FILE, body)
    part = tmp_path / f"{FILE}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(body)
    note = {"url": url, "etag": '"x"', "modified": "", "total": len(body)}
    part.with_name(part.name + ".json").write_text(json.dumps(note))
    get(archive, tmp_path, limits)
    assert archive.requests == [] and holds(tmp_path, body)


@pytest.mark.parametrize("note", [None, "no JSON", '{"url": "http://other/", "etag": "x", "modified": "", "total": 1}'])
def test_a_part_of_unknown_origin_is_not_continued(archive, new_fits, tmp_path, limits, note):
    body = new_fits()
    archive.add(FILE, body)
    part = tmp_path / f"{FILE}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    if note:
        part.with_name(part.name + ".json").write_text(note)
    get(archive, tmp_path, limits)
    assert "Range" not in archive.asked(FILE)[0] and holds(tmp_path, body)


def test_a_part_that_is_longer_than_the_file_begins_anew(archive, new_fits, acts, tmp_path, limits):
    body = new_fits()
    url = archive.add(FILE, body)
    part = tmp_path / f"{FILE}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(body + b"x")
    note = {"url": url, "etag": acts["etag"](body), "modified": "", "total": None}
    part.with_name(part.name + ".json").write_text(json.dumps(note))
    get(archive, tmp_path, limits)
    assert len(archive.asked(FILE)) == 2 and holds(tmp_path, body)


def test_without_an_archive_the_fetch_ends_and_says_so(tmp_path, limits):
    plan = [Wanted((Candidate(f"http://127.0.0.1:9/{n}.fits", f"{n}.fits"),)) for n in range(50)]
    with pytest.raises(PipelineError, match="cannot be reached") as caught:
        fetch(plan, tmp_path, limits)
    assert "same command" in str(caught.value) and (tmp_path / "fetched.csv").is_file()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here, the device that is always full")
def test_a_full_disk_ends_the_fetch_and_says_so(archive, new_fits, tmp_path, limits):
    archive.add(FILE, new_fits())
    part = tmp_path / f"{FILE}.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(PipelineError, match="disk is full") as caught:
        get(archive, tmp_path, limits)
    assert "make room" in str(caught.value)


def test_a_folder_that_cannot_be_made_is_named(archive, new_fits, tmp_path, limits):
    archive.add(FILE, new_fits())
    (tmp_path / "eboss").write_text("a file in the way")
    with pytest.raises(PipelineError, match="cannot be written"):
        get(archive, tmp_path, limits)


def test_limits_hold(archive, new_fits, acts, tmp_path, limits):
    def slow(handler, body):
        time.sleep(0.1)
        acts["honest"](handler, body)

    plan = []
    for n in range(12):
        archive.add(f"{n}.fits", new_fits(n, 1000), slow)
        plan.append(wanted(archive, f"{n}.fits"))
    begin = time.monotonic()
    get(archive, tmp_path, Limits(3, 20.0, limits.patience), *plan)
    assert time.monotonic() - begin >= 11 / 20 and 1 < archive.most_at_once <= 3


@pytest.mark.realdata
def test_real_files_come_as_they_are(archive, skysieve_data, acts, tmp_path, limits):
    """A spec-lite file, a DESI coadd with its Redrock file and a coadded brick, over connections that break."""
    names = [
        "spectra/boss_picca/spec-3655-55240-0002.fits.gz",
        "desi/fastspecfit/coadd-4-80613-thru20210324.fits",
        "desi/fastspecfit/redrock-4-80613-thru20210324.fits",
        "images/legacy_dr6_brick_0959p805/legacysurvey-0959p805-image-g.fits.fz",
    ]
    plan = []
    for name in names:
        body = (skysieve_data / name).read_bytes()
        archive.add(name, body, acts["drop"](len(body) // 3), acts["status"](503), acts["drop"](len(body) // 3))
        plan.append(wanted(archive, name))
    outcome = get(archive, tmp_path, limits, *plan)
    assert outcome.counts() == {WHOLE: 4}
    for name in names:
        assert holds(tmp_path, (skysieve_data / name).read_bytes(), name)
    assert outcome.bytes == sum(entry.bytes for entry in outcome.entries)
