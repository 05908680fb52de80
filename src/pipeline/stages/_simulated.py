"""What the stages that simulate raw files share: shards that are finished stay, and a manifest that names the files."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from pipeline import graph
from pipeline.data.atomic import write_text
from pipeline.data.manifests import Entry, Manifest, sha256, write_manifest
from pipeline.stages._door import Job, read_record


def make_shards(job: Job, records: str, make: Callable[[dict, Path], tuple[int, list[str]]]) -> None:
    """Make the shards of `rows` that are not finished, then the manifest `out`.

    Parameters
    ----------
    job : Job
    records : str
        Folder of the records of finished shards below work/<run>/done.
    make : callable
        make(row, folder of the manifest) writes the raw files of a shard and returns its number of rows and the files,
        named from that folder.
    """
    out, done = job.out["out"], []
    root = out.parent
    for row in json.loads(job.values["rows"]):
        path = job.work / "done" / records / f"{row['shard']}.json"
        state = {"row": row, "settings": graph.payload(**job.settings), "fingerprint": job.fingerprint}
        record = _finished(path, state, root)
        if record is None:
            begin = time.monotonic()
            number, files = make(row, root)
            digests = {name: sha256(root / name) for name in sorted(files)}
            record = {"state": state, "rows": number, "files": digests}
            write_text(path, json.dumps(record, sort_keys=True))
            job.log.event("made", shard=row["shard"], rows=number, seconds=f"{time.monotonic() - begin:.1f}")
        else:
            job.log.event("finished before", shard=row["shard"], rows=record["rows"])
        done.append(Entry(row["shard"], record["rows"], record["files"]))
        job.rows_out += record["rows"]
    graph.check_code(graph.fingerprint_now(job.fingerprint))
    write_manifest(Manifest(root.name, out.stem, done), out)


def _finished(path: Path, state: dict, root: Path) -> dict | None:
    """Return the record of a finished shard when row, settings, code and the files themselves agree with it."""
    record = read_record(path, state)
    if record is None:
        return None
    whole = all((root / name).is_file() and sha256(root / name) == digest for name, digest in record["files"].items())
    return record if whole else None
