"""What a user reads after a fetch."""

from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.surveys.fetch.manifest import ALTERED, FAILED, MISSING, NAME, WHOLE
from pipeline.surveys.fetch.run import Outcome

_NAMED = 20  # files of a kind; the manifest has all


def report_lines(outcome: Outcome, folder: Path) -> Iterator[str]:
    """Yield lines for the user: files that are not whole with the reason, and the counts.

    Raises
    ------
    PipelineError
        After the last line, when files could not be fetched or are altered.
    """
    counts = outcome.counts()
    for status in (MISSING, FAILED, ALTERED):
        entries = outcome.of(status)
        for entry in entries[:_NAMED]:
            yield f"{status}: {entry.file}: {entry.note}"
        if len(entries) > _NAMED:
            yield f"{status}: {len(entries) - _NAMED} more, see {folder / NAME}"
    yield (
        f"{folder}: {counts[WHOLE]} of {len(outcome.entries)} files whole ({outcome.bytes / 1e6:.1f} MB fetched now), "
        f"{counts[MISSING]} not in the archive, {counts[FAILED]} failed, {counts[ALTERED]} altered"
    )
    if counts[FAILED] or counts[ALTERED]:
        raise PipelineError(
            f"{counts[FAILED] + counts[ALTERED]} files are not there as the archive has them",
            where=folder / NAME,
            next="the same command fetches what is missing",
        )
