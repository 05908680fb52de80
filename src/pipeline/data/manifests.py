"""Manifests: what a batch of shards holds. They are what the graph sees; the shard files beside them are undeclared."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipeline.data.atomic import write_text
from pipeline.errors import PipelineError


@dataclass(frozen=True)
class Entry:
    """One shard of a dataset: its name, its rows and the sha256 of each of its files, by name beside the manifest."""

    shard: str
    rows: int
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """The shards of one batch of one dataset."""

    dataset: str
    batch: str
    shards: list[Entry]

    @property
    def rows(self) -> int:
        """Rows of all shards."""
        return sum(entry.rows for entry in self.shards)


def sha256(path: Path | str) -> str:
    """Return the sha256 of a file, as hexadecimal text."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(manifest: Manifest, path: Path | str) -> None:
    """Write a manifest atomically, as JSON with sorted keys."""
    write_text(path, json.dumps(asdict(manifest), indent=1, sort_keys=True) + "\n")


def read_manifest(path: Path | str) -> Manifest:
    """Read a manifest.

    Raises
    ------
    PipelineError
        The file is missing or is no manifest.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        entries = [Entry(entry["shard"], entry["rows"], entry["files"]) for entry in content["shards"]]
        return Manifest(content["dataset"], content["batch"], entries)
    except FileNotFoundError:
        raise PipelineError("manifest not found", where=path, next="run snakemake again") from None
    except (ValueError, KeyError, TypeError) as error:
        raise PipelineError(
            "not a manifest", where=path, value=f"{type(error).__name__}: {error}", next="remove it and run snakemake"
        ) from None


def shard_paths(manifest_path: Path | str, suffix: str | None = None) -> list[tuple[str, Path]]:
    """Return (shard, path of its file) for each shard; `suffix` chooses where a shard has several files."""
    folder = Path(manifest_path).parent
    paths = []
    for entry in read_manifest(manifest_path).shards:
        names = [name for name in sorted(entry.files) if suffix is None or name.endswith(suffix)]
        if len(names) != 1:
            raise PipelineError(
                "a shard of this manifest does not have exactly one such file",
                where=f"{manifest_path}: {entry.shard}",
                value=sorted(entry.files),
                allowed=f"one file ending in {suffix or 'anything'}",
            )
        paths.append((entry.shard, folder / names[0]))
    return paths


def faults(manifest_path: Path | str) -> list[str]:
    """Return one line for each file of a manifest that is missing or whose content differs."""
    folder = Path(manifest_path).parent
    lines = []
    for entry in read_manifest(manifest_path).shards:
        for name, digest in sorted(entry.files.items()):
            if not (folder / name).is_file():
                lines.append(f"{folder / name}: missing")
            elif sha256(folder / name) != digest:
                lines.append(f"{folder / name}: its content is not what the manifest says")
    return lines
