"""Read the raw files of a batch of shards: sources are selected and cut out, and become image shards and catalogue.

Inputs: the files of the survey that `rows` names (a simulated one's manifest). Outputs: manifests of both datasets.
"""

import json
from collections import Counter
from pathlib import Path

from pipeline.data.manifests import read_manifest
from pipeline.settings.ingest import Ingest
from pipeline.stages._door import Job, door
from pipeline.surveys.doubts import Doubts
from pipeline.surveys.shards import input_files, open_source
from pipeline.surveys.writing import write_source

NOTES = 20  # lines of the log a shard may take for single bad files


def run(job: Job) -> None:
    """Make the shards of the batch."""
    ingest, survey = Ingest.parse(job.settings["ingest"]), job.settings["survey"]
    simulated = survey["kind"] == "simulated"
    rows = {row["shard"]: row for row in json.loads(job.values["rows"])}
    raw = {entry.shard: entry for path in job.paths["survey"] for entry in read_manifest(path).shards}
    root = Path(job.values["root"]) if simulated else None

    def files(row: dict) -> list[Path]:
        if simulated:
            return [job.paths["survey"][0].parent / name for name in raw[row["shard"]].files]
        return input_files(row, survey, ingest)

    def make(shard: str, out: dict[str, Path]) -> int:
        row, doubts = rows[shard], Doubts(ingest.on_bad_object)
        source = open_source(row, survey, root, ingest, doubts)
        job.rows_in += source.counts.get("file", len(source))
        write_source(
            source,
            out["images"],
            out["catalogue"],
            pixels=ingest.cutout_pixels,
            compression=ingest.compression,
            tranche=row["tranche"],
            simulated=simulated,
        )
        job.log.event("selected", shard=shard, kept=len(source), **source.counts)
        _report(job, shard, doubts)
        return len(source)

    outputs = {"images": (job.out["images"], ".h5"), "catalogue": (job.out["catalogue"], ".parquet")}
    job.dataset(outputs=outputs, entries=[(shard, files(row)) for shard, row in rows.items()], make=make)


def _report(job: Job, shard: str, doubts: Doubts) -> None:
    for (what, where), times in list(Counter(doubts.notes).items())[:NOTES]:
        job.log.warning(what, shard=shard, where=where, times=times)
    if len(set(doubts.notes)) > NOTES:
        job.log.warning("more bad input than is listed here", shard=shard, kinds=len(set(doubts.notes)))
    for name, count in sorted(doubts.counts.items()):
        job.log.event("bad objects", shard=shard, flag=name, objects=count)


def main(argv=None) -> int:
    """Run the stage."""
    return door("ingest", run, argv, inputs=("survey*",), outputs=("images", "catalogue"), values=("rows", "root"))


if __name__ == "__main__":
    raise SystemExit(main())
