"""What the manifest of a fetched folder says against files of a survey; they do not become shards."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.surveys.fetch.manifest import ALTERED, MISSING, NAME, WHOLE, Entry, read_entries
from pipeline.surveys.fetch.whole import digest

_NAMED = 20  # files of a kind; the manifest has all
_READERS = 4
_UNFINISHED, _GONE = "unfinished", "lost"


def not_as_fetched(root: Path, names: Iterable[str] = ()) -> tuple[dict[str, str], list[str]]:
    """Return which files below a root are not what an archive has, and what the user should know of them.

    The manifest is the one in the root or in the nearest folder above it: the root of a survey may lie inside of what
    was fetched. What it calls whole is compared with its size and its sum. Files without an entry are the user's own.

    Parameters
    ----------
    root : Path
    names : iterable of str
        Paths below the root, of which unfinished downloads are told by their names.

    Returns
    -------
    spoilt : dict
        Path below the root -> unfinished, failed, altered, missing or lost. A file that the archive does not have, and
        that is not there, is not among them: a survey can be without it.
    notes : list of str
        All of these, and what the archive does not have.

    Raises
    ------
    PipelineError
        There is a file of that name which is no manifest.
    """
    faults = {name: _UNFINISHED for name in names if name.endswith((".part", ".part.json"))}
    absent = set()
    top = root.absolute()
    folder = next((one for one in (top, *top.parents) if (one / NAME).is_file()), None)
    if folder is not None:
        inside = {path: entry for path, entry in _paths(folder).items() if path.is_relative_to(top)}
        with ThreadPoolExecutor(_READERS) as pool:
            for path, why in zip(inside, pool.map(_fault, inside, inside.values()), strict=True):
                name = path.relative_to(top).as_posix()
                if why:
                    faults[name] = why
                if why == MISSING and not path.exists():
                    absent.add(name)
    notes = []
    for why in dict.fromkeys(faults.values()):
        found = sorted(name for name in faults if faults[name] == why)
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        where = "" if why == _UNFINISHED else f" (see {folder / NAME})"
        notes.append(f"left out {len(found)} {why} file(s){where}: {', '.join(found[:_NAMED])}{more}")
    return {name: why for name, why in faults.items() if name not in absent}, notes


def _paths(folder: Path) -> dict[Path, Entry]:
    return {folder / name: entry for name, entry in read_entries(folder).items()}


def _fault(path: Path, entry: Entry) -> str:
    """Return why a file is not to be read, or ""."""
    if entry.status != WHOLE:
        return entry.status
    if not path.is_file():
        return _GONE
    same = path.stat().st_size == entry.bytes and digest(path, "sha256") == entry.sha256
    return "" if same else ALTERED
