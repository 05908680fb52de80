"""The report of a release, one page, and its summary.

Inputs: the published table and counts, assessments, comparison, check of the survey, audit of the
candidates, leak audit, figures and their captions. Outputs: report.html, summary.json.
"""

import json
from pathlib import Path

from pipeline.data.atomic import write_text
from pipeline.data.catalogue import HEADER_COMMENTS
from pipeline.data.tables import parquet_metadata, read_parquet
from pipeline.release.report import Report
from pipeline.release.summary import summary
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Read everything, write the page and the summary."""

    def content(name: str) -> dict | None:
        paths = job.paths[name] if isinstance(job.paths[name], list) else [job.paths[name]]
        return json.loads(paths[0].read_text(encoding="utf-8")) if paths else None

    of_model = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in job.paths["assessments"]}
    models = {name: of_model[name] for name in job.settings["models"]}
    counts, differences, survey, audit = (content(name) for name in ("counts", "differences", "survey_check", "audit"))
    metadata = parquet_metadata(job.paths["table"])
    report = Report(
        counts,
        audit,
        models,
        differences,
        survey,
        content("leak_audit"),
        {path.stem: path.read_bytes() for path in job.paths["figures"]},
        content("captions"),
        list(read_parquet(job.paths["table"]).columns),
        {key: metadata[key] for key in HEADER_COMMENTS if key in metadata},
    )
    write_text(job.out["report"], report.html())
    where = [job.out["report"], *map(Path, json.loads(job.values["where"])["paths"])]
    found = summary(counts, models, differences, survey, audit, [path.as_posix() for path in where])
    write_text(job.out["summary"], json.dumps(found, indent=1, sort_keys=True, allow_nan=False) + "\n")


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "lens_report",
        run,
        argv,
        inputs=(
            "table",
            "counts",
            "assessments+",
            "differences*",
            "survey_check*",
            "audit",
            "leak_audit*",
            "figures+",
            "captions",
        ),
        outputs=("report", "summary"),
        values=("where",),
    )


if __name__ == "__main__":
    raise SystemExit(main())
