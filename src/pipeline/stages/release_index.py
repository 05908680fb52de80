"""The entrance to a release. Inputs: summaries of its products. Output: index.html."""

import json

from pipeline.data.atomic import write_text
from pipeline.release.index import index
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Write the page."""
    summaries = [json.loads(path.read_text(encoding="utf-8")) for path in job.paths["summaries"]]
    write_text(job.out["out"], index(summaries))
    job.rows_in = job.rows_out = len(summaries)


def main(argv=None) -> int:
    """Run the stage."""
    return door("release_index", run, argv, inputs=("summaries+",), outputs=("out",))


if __name__ == "__main__":
    raise SystemExit(main())
