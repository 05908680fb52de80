"""Atomic writing: a file appears under its name only when it is whole."""

import contextlib
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

TEMPORARY_PREFIX = ".tmp-"


@contextlib.contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well, remove it otherwise.

    The temporary name holds host, process and a random part, so that two jobs never share one. Its last part is the
    final name, so that writers which look at the suffix see the right one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(
        f"{TEMPORARY_PREFIX}{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}-{path.name}"
    )
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write a text file atomically (UTF-8)."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def remove_stale_temporaries(path: Path) -> list[Path]:
    """Remove temporary files for `path` that processes left which no longer live on this host; return them."""
    removed = []
    host = socket.gethostname()
    for temporary in path.parent.glob(f"{TEMPORARY_PREFIX}{host}-*-{path.name}"):
        words = temporary.name.removeprefix(f"{TEMPORARY_PREFIX}{host}-").split("-")
        if words[0].isdigit() and not Path(f"/proc/{words[0]}").exists():
            temporary.unlink(missing_ok=True)
            removed.append(temporary)
    return removed
