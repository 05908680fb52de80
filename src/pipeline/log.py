"""Logging: one line an event, with stage and shard; a progress bar on a terminal, plain lines in a file."""

import contextlib
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

# A plain file gets a line this often, so that a log of hours stays readable.
PLAIN_INTERVAL_SECONDS = 30.0


class Log:
    """Events of one stage, to a file and to standard error.

    Parameters
    ----------
    stage : str
        Name that stands in every line.
    path : Path or None
        File that gets every line (appended); None writes to standard error only.
    """

    def __init__(self, stage: str, path: Path | None = None):
        self.stage = stage
        self.path = path
        self._file = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8", buffering=1)

    def _write(self, level: str, text: str, fields: dict) -> None:
        words = " ".join(f"{key}={value}" for key, value in fields.items())
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        line = f"{stamp} {level} {self.stage}: {text}" + (f" [{words}]" if words else "")
        if self._file is not None:
            try:
                self._file.write(line + "\n")
            except OSError:  # a full disk must not hide the reason for which the stage ends
                self.close()
        if self._file is None or level != "INFO":
            sys.stderr.write(line + "\n")

    def close(self) -> None:
        """Close the file; later lines go to standard error."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def event(self, text: str, **fields) -> None:
        """Write one line; fields are appended as key=value."""
        self._write("INFO", text, fields)

    def warning(self, text: str, **fields) -> None:
        """Write one line that the user may want to act on; it also goes to standard error."""
        self._write("WARNING", text, fields)

    def error(self, text: str, **fields) -> None:
        """Write the reason for which the stage ends; it also goes to standard error."""
        self._write("ERROR", text, fields)

    def progress(self, iterable, *, total: int | None = None, unit: str = "it", desc: str = ""):
        """Yield the items of an iterable, showing how far it is: a bar on a terminal, now and then a line."""
        if sys.stderr.isatty():
            from tqdm import tqdm

            yield from tqdm(iterable, total=total, unit=unit, desc=desc or self.stage, leave=False)
            return
        begin = last = time.monotonic()
        for count, item in enumerate(iterable, start=1):
            yield item
            now = time.monotonic()
            if now - last > PLAIN_INTERVAL_SECONDS:
                last = now
                share = f"{count}/{total}" if total else str(count)
                self.event(f"{desc or 'progress'}: {share} {unit}", rate=f"{count / (now - begin):.3g}/s")
