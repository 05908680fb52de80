"""Politeness: how often an archive is asked, and how long to wait after it could not answer."""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pipeline.errors import Stopped


@dataclass(frozen=True)
class Patience:
    """How a file is tried again.

    Attributes
    ----------
    attempts : int
        Requests in a row that bring a file no further, after which it is given up.
    first_wait, longest_wait : float
        Seconds before the second request; doubled after each, up to the longest.
    longest_asked : float
        Seconds; an archive that asks for more (Retry-After) is left alone.
    """

    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_asked: float = 900.0

    def wait(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row."""
        return min(self.first_wait * 2 ** (failures - 1), self.longest_wait)


class Pace:
    """Spaces the requests of all connections, and holds all of them when the archive asks for it."""

    def __init__(self, per_second: float):
        self._interval = 1 / per_second
        self._lock = threading.Lock()
        self._next = 0.0
        self._stop = threading.Event()

    def stop(self) -> None:
        """End all waiting; each later request is refused."""
        self._stop.set()

    def check(self) -> None:
        """Raise `Stopped` once `stop` was called."""
        if self._stop.is_set():
            raise Stopped()

    def hold(self, seconds: float) -> None:
        """Let no request begin for some seconds."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def turn(self) -> None:
        """Wait until a request may begin; raises `Stopped` once `stop` was called."""
        while True:
            with self._lock:
                delay = self._next - time.monotonic()
                if delay <= 0:
                    self._next = time.monotonic() + self._interval
                    break
            self.sleep(delay)
        self.check()

    def sleep(self, seconds: float) -> None:
        """Wait; raises `Stopped` once `stop` was called."""
        self._stop.wait(seconds)
        self.check()


def retry_after(text: str | None) -> float:
    """Return the seconds that a header Retry-After asks for, as a number or a date; 0 where there is none."""
    if not text:
        return 0.0
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
