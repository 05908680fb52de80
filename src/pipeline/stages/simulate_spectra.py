"""Simulate the raw spectra of a batch of plates and pixels, in the file formats of SDSS, BOSS and DESI.

INPUTS   none
OUTPUTS  out, the manifest of the batch. The files lie beside it in tranche-<t>/spectra/, which is the root of the
         survey's spectra; the manifest names each of them.
"""

import json
import time
from pathlib import Path

from pipeline import graph
from pipeline.data.atomic import write_text
from pipeline.data.manifests import Entry, Manifest, sha256, write_manifest
from pipeline.settings.spectra.simulation import SimulatedSpectra
from pipeline.simulate.spectra import boss_files, desi_files, fits_bytes, pipeline_fit, shard
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Make the shards of the batch that are not finished, then its manifest."""
    settings, seed = SimulatedSpectra.parse(job.settings["survey"]), int(job.settings["seed"])
    out = job.out["out"]
    rows, done = json.loads(job.values["rows"]), []
    for row in job.log.progress(rows, total=len(rows), unit="shards"):
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
    return job.work / "done" / "spectra" / f"{row['shard']}.json"


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


def _make(job: Job, settings: SimulatedSpectra, seed: int, row: dict) -> dict:
    begin, below = time.monotonic(), Path(f"tranche-{row['tranche']}") / "spectra"
    root = job.out["out"].parent / below
    spectra, fits, files, number = [], [], [], 0
    for spectrum in shard.spectra(settings, seed, row):
        number += 1
        result = pipeline_fit.fit(settings.catalogue, seed, row, spectrum)
        if row["region"] == "desi":  # all spectra of a pixel stand in one file
            spectra.append(spectrum)
            fits.append(result)
            continue
        name = boss_files.path(row, spectrum.row + 1)
        fits_bytes.write(root / name, *boss_files.content(settings, seed, row, spectrum, result))
        files.append(name)
    if spectra:
        names = desi_files.paths(row)
        for name, hdus in zip(names, desi_files.contents(seed, row, spectra, fits), strict=True):
            fits_bytes.write(root / name, *hdus)
        files += names
    digests = {str(below / name): sha256(root / name) for name in sorted(files)}
    record = {"state": _state(job, row), "rows": number, "files": digests}
    write_text(_record_path(job, row), json.dumps(record, sort_keys=True))
    job.log.event("made", shard=row["shard"], rows=number, seconds=f"{time.monotonic() - begin:.1f}")
    return record


def main(argv=None) -> int:
    """Run the stage."""
    return door("simulate_spectra", run, argv, outputs=("out",), values=("rows",))


if __name__ == "__main__":
    raise SystemExit(main())
