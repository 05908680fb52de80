"""Simulate the raw files of a batch of areas: sweeps, photometric redshifts and coadd bricks in the formats of DR9.

INPUTS   none
OUTPUTS  out, the manifest of the batch. The files lie beside it in tranche-<t>/, which is the root of a survey; the
         manifest names each of them.
"""

import json
import time
from pathlib import Path

from pipeline import graph
from pipeline.data.atomic import remove_stale_temporaries, write_text
from pipeline.data.manifests import Entry, Manifest, sha256, write_manifest
from pipeline.settings.simulation import Simulated
from pipeline.simulate import dr9, layout, observe, writers
from pipeline.simulate.conditions import BANDS
from pipeline.stages._door import Job, door

_INVVAR_STEPS = 32  # inverse variance is rounded that much finer than the image, in units of its own middle value


def run(job: Job) -> None:
    """Make the shards of the batch that are not finished, then its manifest."""
    settings, seed = Simulated.parse(job.settings["survey"]), int(job.settings["seed"])
    out = job.out["out"]
    done = []
    for row in json.loads(job.values["rows"]):
        record = _finished(job, row)
        if record is None:
            record = _make(job, settings, seed, row)
        else:
            job.log.event("finished before", shard=row["shard"], rows=record["rows"])
        done.append(Entry(row["shard"], record["rows"], record["files"]))
        job.rows_out += record["rows"]
    graph.check_code(graph.fingerprint_now(job.fingerprint))
    write_manifest(Manifest(out.parent.name, out.stem, done), out)


def _state(job: Job, row: dict) -> dict:
    return {"row": row, "settings": graph.payload(**job.settings), "fingerprint": job.fingerprint}


def _record_path(job: Job, row: dict) -> Path:
    return job.work / "done" / "survey" / f"{row['shard']}.json"


def _finished(job: Job, row: dict) -> dict | None:
    """Return the record of a finished shard when row, settings, code and the files themselves agree with it."""
    try:
        record = json.loads(_record_path(job, row).read_text())
    except (OSError, ValueError):
        return None
    root = job.out["out"].parent
    if record.get("state") != _state(job, row):
        return None
    whole = all((root / name).is_file() and sha256(root / name) == digest for name, digest in record["files"].items())
    return record if whole else None


def _make(job: Job, settings: Simulated, seed: int, row: dict) -> dict:
    begin, below = time.monotonic(), Path(f"tranche-{row['tranche']}")
    root, region, place = job.out["out"].parent / below, row["region"], layout.corner(row["sources"])
    sweeps, photoz, files = [], [], []
    bricks = observe.observations(settings, seed, row["tranche"], region, *place)
    for seen in job.log.progress(bricks, total=settings.bricks_per_tile, unit="bricks", desc=row["shard"]):
        sweeps.append(seen.catalogue.sweep)
        photoz.append(seen.catalogue.photoz)
        files += _write_coadds(root, seen, settings, seed)
    tables = (
        (writers.sweep_path(region, *place), dr9.SWEEP, sweeps, "SWEEP"),
        (writers.photoz_path(region, *place), dr9.PHOTO_Z, photoz, "PHOTO-Z"),
    )
    for name, columns, parts, extension in tables:
        remove_stale_temporaries(root / name)
        writers.write_table(root / name, columns, dr9.concatenate(columns, parts), extension)
        files.append(name)
    rows = sum(len(sweep["RA"]) for sweep in sweeps)
    digests = {str(below / name): sha256(root / name) for name in sorted(files)}
    record = {"state": _state(job, row), "rows": rows, "files": digests}
    write_text(_record_path(job, row), json.dumps(record, sort_keys=True))
    job.log.event("made", shard=row["shard"], rows=rows, bricks=len(sweeps), seconds=f"{time.monotonic() - begin:.1f}")
    return record


def _write_coadds(root: Path, seen: observe.Observation, settings: Simulated, seed: int) -> list[str]:
    """Write the six coadds of a brick and return their paths below the survey's root."""
    image, invvar = seen.coadds(settings, seed)
    brick, region, files = seen.brick, seen.conditions.region, []
    for k, band in enumerate(BANDS):
        noise = float(seen.conditions.noise[k])
        steps = settings.compression_step * noise, settings.compression_step / _INVVAR_STEPS / noise**2
        for j, (what, pixels) in enumerate((("image", image[k]), ("invvar", invvar[k]))):
            name = writers.coadd_path(region, brick.name, what, band)
            remove_stale_temporaries(root / name)
            header = writers.coadd_header(brick, region, band, what)
            dither = 1 + (6 * brick.number + 2 * k + j) % 10000
            writers.write_coadd(root / name, pixels, header, steps[j], dither)
            files.append(name)
    return files


def main(argv=None) -> int:
    """Run the stage."""
    return door("simulate_survey", run, argv, outputs=("out",), values=("rows",))


if __name__ == "__main__":
    raise SystemExit(main())
