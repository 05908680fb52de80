"""The report of the redshifts, one page, and its summary.

Inputs: the published table and counts, assessment, experiments, figures and their captions. Outputs: report.html,
summary.json.
"""

import json
from pathlib import Path

from pipeline.data.atomic import write_text
from pipeline.data.redshift_columns import registry
from pipeline.data.tables import parquet_metadata, read_parquet
from pipeline.release.redshift_experiments import Experiments
from pipeline.release.redshift_report import Report
from pipeline.release.redshift_summary import summary
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Read everything, write the page and the summary."""

    def content(name: str) -> dict | None:
        paths = job.paths[name] if isinstance(job.paths[name], list) else [job.paths[name]]
        return json.loads(paths[0].read_text(encoding="utf-8")) if paths else None

    counts, assessment = content("counts"), content("assessment")
    metadata = parquet_metadata(job.paths["table"])
    report = Report(
        counts,
        assessment,
        Experiments(content("masked"), content("sweeps")),
        {path.stem: path.read_bytes() for path in job.paths["figures"]},
        content("captions"),
        list(read_parquet(job.paths["table"]).columns),
        {key: metadata[key] for key in registry().header if key in metadata},
    )
    write_text(job.out["report"], report.html())
    where = [job.out["report"], *map(Path, json.loads(job.values["where"])["paths"])]
    found = summary(counts, assessment, [path.as_posix() for path in where])
    write_text(job.out["summary"], json.dumps(found, indent=1, sort_keys=True, allow_nan=False) + "\n")


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "redshift_report",
        run,
        argv,
        inputs=("table", "counts", "assessment", "masked*", "sweeps*", "figures+", "captions"),
        outputs=("report", "summary"),
        values=("where",),
    )


if __name__ == "__main__":
    raise SystemExit(main())
