"""One file from an archive: continued where it stopped, tried again, checked, and only then given its name."""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx

from pipeline.surveys.fetch.pace import Pace, Patience, retry_after
from pipeline.surveys.fetch.parts import Part, Version, writing
from pipeline.surveys.fetch.whole import digest_fault, fault

_T = TypeVar("_T")

_PASSING = {408, 425, 429, 500, 502, 503, 504}
_ABSENT = {404, 410}
_USER_AGENT = "skysieve (fetches lists of survey files, with limits)"


class NotThere(Exception):
    """The archive has no such file."""


class NotFetched(Exception):
    """A file was given up; the text says why."""


class Unreachable(Exception):
    """No connection to the archive came about."""


class _Again(Exception):
    """A request that brought no whole file and may be repeated."""

    def __init__(self, why: str, wait: float = 0.0, *, connected: bool = True):
        super().__init__(why)
        self.wait, self.connected = wait, connected


def client(connections: int) -> httpx.Client:
    """Return a client for so many connections; bytes come as the archive stores them."""
    return httpx.Client(
        headers={"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"},
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        timeout=httpx.Timeout(30.0, connect=20.0, pool=None),
        follow_redirects=True,
    )


class Downloader:
    """Fetches files through one client.

    Parameters
    ----------
    http : httpx.Client
    pace : Pace
        Spaces the requests of all threads.
    patience : Patience
    received : callable
        received(bytes) is called as bytes arrive, from any thread.
    """

    def __init__(self, http: httpx.Client, pace: Pace, patience: Patience, received: Callable[[int], None]):
        self._http, self._pace, self._patience, self._received = http, pace, patience, received
        self.connected = False  # whether the archive ever answered

    def fetch(self, url: str, target: Path, expected: str = "") -> Version:
        """Fetch a file; `expected` is its sha256 or sha1, where known. Return what the archive said of it.

        Raises
        ------
        NotThere
            Status 404 or 410.
        NotFetched
            Another status that does not pass, or `Patience.attempts` requests in a row without progress.
        Unreachable
            The same, and none of them found the archive.
        PipelineError
            The disk is full or the folder cannot be written.
        Stopped
            The pace was stopped; the part is kept.
        """
        part = Part(target)

        def whole() -> Version:
            version = self._request(url, part)
            self._check(part, expected)
            with writing(target):
                part.finish()
            return version

        return self._patiently(whole, lambda: part.size)

    def text(self, url: str) -> str | None:
        """Return a small text file of the archive, or None where it is not there; errors as `fetch`."""
        try:
            return self._patiently(lambda: self._whole_text(url), lambda: 0)
        except NotThere:
            return None

    def _whole_text(self, url: str) -> str:
        with _transport():
            answer = self._http.get(url)
        self._judge(answer)
        return answer.text

    def _patiently(self, work: Callable[[], _T], held: Callable[[], int]) -> _T:
        """Return work(), tried again as long as `held` grows or patience lasts."""
        furthest = failures = 0
        while True:
            self._pace.turn()
            try:
                return work()
            except _Again as again:
                if held() > furthest:
                    furthest, failures = held(), 0
                failures += 1
                if failures >= self._patience.attempts:
                    kind = NotFetched if again.connected else Unreachable
                    raise kind(f"{again} ({failures} requests without progress)") from None
                self._pace.sleep(max(self._patience.wait(failures), again.wait))

    def _request(self, url: str, part: Part) -> Version:
        """Ask for what is missing of a file and append it; raise `_Again` unless all bytes came that were promised."""
        with writing(part.target):
            known = part.version(url)
            have = part.size if known else 0
        if known and have == known.total:  # killed between the last byte and the name
            return known
        headers = {"Range": f"bytes={have}-", "If-Range": known.validator} if known and have else {}
        with _transport(), self._http.stream("GET", url, headers=headers) as answer:
            self._judge(answer, part)
            version = _version(url, answer)
            if answer.status_code == 206:
                self._continues(answer, known, have, version, part)
                version = known
            else:  # the whole file: a first request, or the file changed, or the archive ignores ranges
                with writing(part.target):
                    part.begin(version)
            self._append(answer, part)
        if version.total is not None and part.size != version.total:
            raise _Again(f"{part.size} of {version.total} bytes came")
        return version

    def _append(self, answer: httpx.Response, part: Part) -> None:
        with writing(part.target), part.path.open("ab") as file:
            for chunk in answer.iter_raw():  # as they arrive: what is gathered first is lost when the connection breaks
                file.write(chunk)
                self._received(len(chunk))
                self._pace.check()

    def _judge(self, answer: httpx.Response, part: Part | None = None) -> None:
        """Raise unless the answer brings a file."""
        self.connected = True
        status = answer.status_code
        if status in (200, 206):
            return
        if status in _ABSENT:
            raise NotThere()
        if status == 416 and part is not None:  # the part is longer than the file is now
            part.discard()
            raise _Again("the archive's file is shorter than the part that is here")
        if status not in _PASSING:
            raise NotFetched(f"the archive answers {status} {answer.reason_phrase}".strip())
        wait = retry_after(answer.headers.get("Retry-After"))
        if wait > self._patience.longest_asked:
            raise NotFetched(f"the archive answers {status} and asks to come back after {wait:.0f} s")
        self._pace.hold(wait)
        raise _Again(f"the archive answers {status} {answer.reason_phrase}".strip(), wait)

    def _continues(
        self, answer: httpx.Response, known: Version | None, have: int, version: Version, part: Part
    ) -> None:
        """Raise `_Again` unless a partial answer is the rest of the same version."""
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", answer.headers.get("Content-Range", ""))
        same = known is not None and found is not None and int(found[1]) == have
        if same and known.total is not None and found[3] != "*":
            same = int(found[3]) == known.total
        if same and known.etag and version.etag:
            same = version.etag == known.etag
        if not same:
            part.discard()
            raise _Again("the archive continued another version of the file")

    def _check(self, part: Part, expected: str) -> None:
        wrong = fault(part.path, part.target.name) or (expected and digest_fault(part.path, expected))
        if wrong:
            part.discard()
            raise _Again(f"what came is not the file: {wrong}")


def _version(url: str, answer: httpx.Response) -> Version:
    length = answer.headers.get("Content-Length", "")
    total = int(length) if length.isdigit() else None
    return Version(url, answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", ""), total)


@contextlib.contextmanager
def _transport() -> Iterator[None]:
    """Turn what goes wrong between here and the archive into `_Again`."""
    try:
        yield
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
        raise NotFetched(f"{type(error).__name__}: {error}") from None
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise _Again(f"no connection: {error}", connected=False) from None
    except httpx.RequestError as error:
        raise _Again(f"the connection broke: {str(error) or type(error).__name__}") from None
