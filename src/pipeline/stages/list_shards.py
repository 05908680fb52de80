"""Write the list of shards of a simulated survey, as the Snakefile derived it from the settings."""

import json

from pipeline import graph
from pipeline.data.atomic import write_text
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Write shards.tsv."""
    write_text(job.out["out"], graph.shards_text([graph.Row(**row) for row in json.loads(job.values["rows"])]))


def main(argv=None) -> int:
    """Run the stage."""
    return door("list_shards", run, argv, outputs=("out",), values=("rows",))


if __name__ == "__main__":
    raise SystemExit(main())
