"""How far a fetch is: a bar on a terminal, now and then a line elsewhere."""

import sys
import threading
import time

from tqdm import tqdm

from pipeline.log import PLAIN_INTERVAL_SECONDS


class Progress:
    """Counts files and bytes, from any thread; what it shows goes to standard error."""

    def __init__(self, files: int):
        self._files, self._done, self.bytes = files, 0, 0
        self._lock = threading.Lock()
        self._last = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            self._bar = tqdm(unit="B", unit_scale=True, desc=self._share(), leave=False)

    def _share(self) -> str:
        return f"{self._done} of {self._files} files"

    def received(self, count: int) -> None:
        """Count bytes that arrived."""
        with self._lock:
            self.bytes += count
            if self._bar is not None:
                self._bar.update(count)
            self._line()

    def done(self) -> None:
        """Count a file that is settled."""
        with self._lock:
            self._done += 1
            if self._bar is not None:
                self._bar.set_description(self._share())
            self._line()

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()

    def _line(self) -> None:
        now = time.monotonic()
        if self._bar is None and now - self._last > PLAIN_INTERVAL_SECONDS:
            self._last = now
            sys.stderr.write(f"fetch: {self._share()}, {self.bytes / 1e6:.1f} MB\n")
