"""Logging: one line an event, with stage and shard; a progress bar on a terminal, plain lines in a file."""

import contextlib
import re
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

# A plain file gets a line this often, so that a log of hours stays readable.
PLAIN_INTERVAL_SECONDS = 30.0
# With these words a stage ends that was asked to, and can go on.
STOPPED = "stopped; what is done is kept"


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


@dataclass(frozen=True)
class LastCall:
    """What the log of a stage says of its last call.

    Attributes
    ----------
    path : Path
    stage : str
    state : str
        "begun", "ended", "failed", or "stopped": asked to end, what is done is kept.
    error : str
        The last error with the lines that belong to it; empty unless it failed.
    lines : list of str
        All lines since the call began.
    """

    path: Path
    stage: str
    state: str
    error: str
    lines: list[str]


def last_call(path: Path) -> LastCall | None:
    """Read the log of a stage; None where no call has begun."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    begins = [number for number, line in enumerate(lines) if re.match(r"\S+Z INFO \w+: begin \[", line)]
    if not begins:
        return None
    lines = lines[begins[-1] :]
    stage = re.match(r"\S+Z INFO (\w+): ", lines[0]).group(1)
    starts = [number for number, line in enumerate(lines) if re.match(r"\S+Z [A-Z]+ ", line)]
    errors = [number for number in starts if " ERROR " in lines[number]]
    if errors:
        end = min((number for number in starts if number > errors[-1]), default=len(lines))
        return LastCall(path, stage, "failed", "\n".join(lines[errors[-1] : end]), lines)
    state = "begun"
    for line in lines:
        if re.match(rf"\S+Z INFO {stage}: end \[status=0", line):
            state = "ended"
        elif f" INFO {stage}: {STOPPED}" in line:
            state = "stopped"
    return LastCall(path, stage, state, "", lines)
