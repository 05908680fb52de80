"""Fetching a plan into a folder: what is there is checked, what is missing downloaded, all of it written down."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from pipeline.errors import PipelineError
from pipeline.surveys.fetch.download import Downloader, NotFetched, NotThere, Unreachable, client
from pipeline.surveys.fetch.manifest import ALTERED, FAILED, MISSING, NAME, WHOLE, Entry, read_entries, write_entries
from pipeline.surveys.fetch.pace import Pace, Patience
from pipeline.surveys.fetch.parts import writing
from pipeline.surveys.fetch.progress import Progress
from pipeline.surveys.fetch.wanted import Candidate, Wanted
from pipeline.surveys.fetch.whole import digest, digest_fault, fault

_SAVE_SECONDS = 10.0  # a killed fetch finds files that its manifest does not have yet; it checks them again


@dataclass(frozen=True)
class Limits:
    """What an archive is asked for at once: connections, and requests a second of all of them."""

    connections: int = 2
    per_second: float = 4.0
    patience: Patience = Patience()


@dataclass(frozen=True)
class Outcome:
    """What became of a plan: an entry a file, in the order of the plan, and the bytes that came now."""

    entries: list[Entry]
    bytes: int

    def of(self, status: str) -> list[Entry]:
        """Return the entries of one status."""
        return [entry for entry in self.entries if entry.status == status]

    def counts(self) -> Counter:
        """Return how many files have which status."""
        return Counter(entry.status for entry in self.entries)


class Sums:
    """Sums that an archive keeps beside its files, in the format of sha256sum or sha1sum."""

    def __init__(self, downloader: Downloader):
        self._downloader = downloader
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, str]] = {}

    def of(self, candidate: Candidate) -> str:
        """Return the sum of a file, "" where the archive names none; errors as `Downloader.text`."""
        if not candidate.sums:
            return ""
        with self._lock:
            if candidate.sums not in self._known:
                self._known[candidate.sums] = _parsed(self._downloader.text(candidate.sums) or "")
        return self._known[candidate.sums].get(PurePosixPath(candidate.file).name, "")


def _parsed(text: str) -> dict[str, str]:
    rows = (line.split(maxsplit=1) for line in text.splitlines())
    pairs = [(row[0], row[1]) for row in rows if len(row) == 2 and len(row[0]) in (40, 64)]
    return {PurePosixPath(name.strip().lstrip("*")).name: value for value, name in pairs}


def fetch(plan: list[Wanted], folder: Path, limits: Limits) -> Outcome:
    """Fetch the files of a plan into a folder in the archive's own layout and write its manifest.

    Files that were fetched before are compared with the manifest; one that differs is named and left as it is. A file
    that is there without an entry is entered when it is whole.

    Raises
    ------
    PipelineError
        No connection to the archive, a full disk, a folder that cannot be written; what is done is kept.
    """
    with writing(folder / NAME):
        folder.mkdir(parents=True, exist_ok=True)
    known = read_entries(folder)
    entries = dict(known)
    pace, progress = Pace(limits.per_second), Progress(len(plan))
    found: dict[int, Entry] = {}
    saved = time.monotonic()
    try:
        with client(limits.connections) as http, ThreadPoolExecutor(limits.connections) as pool:
            downloader = Downloader(http, pace, limits.patience, progress.received)
            one = _One(folder, known, downloader, Sums(downloader))
            jobs = {pool.submit(one, wanted): index for index, wanted in enumerate(plan)}
            try:
                for job in as_completed(jobs):
                    index = jobs[job]
                    found[index] = job.result()
                    _enter(entries, plan[index].candidates, found[index])
                    progress.done()
                    if time.monotonic() - saved > _SAVE_SECONDS:
                        _save(folder, entries)
                        saved = time.monotonic()
            except BaseException:
                pace.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    except BaseException:
        with contextlib.suppress(PipelineError):  # must not hide why the fetch ends
            _save(folder, entries)
        raise
    finally:
        progress.close()
    _save(folder, entries)
    return Outcome([found[index] for index in range(len(plan))], progress.bytes)


def _enter(entries: dict[str, Entry], candidates: Iterable[Candidate], entry: Entry) -> None:
    for candidate in candidates:  # a file that was missing in one place may have come from another
        if candidate.file in entries and not entries[candidate.file].sha256:
            del entries[candidate.file]
    entries[entry.file] = entry


def _save(folder: Path, entries: dict[str, Entry]) -> None:
    with writing(folder / NAME):
        write_entries(folder, entries)


class _One:
    """Settles one file of a plan."""

    def __init__(self, folder: Path, known: dict[str, Entry], downloader: Downloader, sums: Sums):
        self._folder, self._known, self._downloader, self._sums = folder, known, downloader, sums

    def __call__(self, wanted: Wanted) -> Entry:
        for candidate in wanted.candidates:
            if (self._folder / candidate.file).exists():
                return self._there(wanted, candidate)
        for candidate in wanted.candidates:
            try:
                return self._fetched(wanted, candidate)
            except NotThere:
                continue
            except NotFetched as error:
                return replace(_blank(wanted, candidate), status=FAILED, note=str(error))
            except Unreachable as error:
                if self._downloader.connected:
                    return replace(_blank(wanted, candidate), status=FAILED, note=str(error))
                raise PipelineError(
                    "the archive cannot be reached",
                    where=candidate.url,
                    value=error,
                    next="look at the network, or give a mirror with --base; the same command then continues",
                ) from None
        note = "not in the archive at " + " ".join(candidate.url for candidate in wanted.candidates)
        return replace(_blank(wanted, wanted.candidates[0]), status=MISSING, note=note)

    def _there(self, wanted: Wanted, candidate: Candidate) -> Entry:
        path = self._folder / candidate.file
        before = self._known.get(candidate.file)
        sha256 = digest(path, "sha256")
        if before is not None and before.sha256:
            if sha256 == before.sha256:
                return replace(before, status=WHOLE, note="")
            return replace(before, status=ALTERED, note="it is not what was fetched; move it away to fetch it again")
        wrong = fault(path, path.name) or (wanted.digest and digest_fault(path, wanted.digest))
        if wrong:
            note = f"it was there before, and {wrong}; move it away to fetch it"
            return replace(_blank(wanted, candidate), status=ALTERED, note=note)
        return replace(_blank(wanted, candidate), bytes=path.stat().st_size, sha256=sha256)

    def _fetched(self, wanted: Wanted, candidate: Candidate) -> Entry:
        path = self._folder / candidate.file
        expected = wanted.digest or self._sums.of(candidate)
        version = self._downloader.fetch(candidate.url, path, expected)
        entry = replace(_blank(wanted, candidate), bytes=path.stat().st_size, sha256=digest(path, "sha256"))
        return replace(entry, etag=version.etag, modified=version.modified)


def _blank(wanted: Wanted, candidate: Candidate) -> Entry:
    ra, dec = ("" if value != value else f"{value:.7f}" for value in (wanted.ra, wanted.dec))
    return Entry(candidate.file, ra, dec, candidate.url)
