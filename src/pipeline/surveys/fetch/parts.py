"""A file on its way: FILE.part holds the bytes so far, FILE.part.json of which version of which URL they are."""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.data.atomic import write_text
from pipeline.errors import PipelineError


@dataclass(frozen=True)
class Version:
    """What an archive says of a file; `total` is its bytes, None where the archive does not say."""

    url: str
    etag: str
    modified: str
    total: int | None

    @property
    def validator(self) -> str:
        """The value for If-Range: a strong ETag or the date; "" where a download cannot be continued safely."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


class Part:
    """The unfinished download of `target`."""

    def __init__(self, target: Path):
        self.target = target
        self.path = target.with_name(target.name + ".part")
        self._note = target.with_name(target.name + ".part.json")

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def version(self, url: str) -> Version | None:
        """Return the version of which the bytes are, or None where they are of another URL or cannot be continued."""
        try:
            found = Version(**json.loads(self._note.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return found if found.url == url and found.validator and self.path.exists() else None

    def begin(self, version: Version) -> None:
        """Forget the bytes so far and note which version comes."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self.path.open("wb").close()
        write_text(self._note, json.dumps(asdict(version)) + "\n")

    def discard(self) -> None:
        """Remove the download."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give the file its name."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        self.path.replace(self.target)
        self._note.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn what goes wrong on the disk into an error that says what to do."""
    try:
        yield
    except OSError as error:
        folder = next(path for path in target.parents if path.exists())
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(folder).free
            raise PipelineError(
                "the disk is full, or a quota is used up",
                where=target,
                value=f"{free / 1e9:.3f} GB free",
                next="make room, or move what is fetched to another disk; the same command then continues",
            ) from None
        raise PipelineError(
            "this file cannot be written", where=target, value=error.strerror, next="mend permissions, or change --out"
        ) from None
