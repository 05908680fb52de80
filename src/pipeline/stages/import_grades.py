"""Graders' sheets become grades. Inputs: manifest of the batch, one sheet a grader. Output: a table of grades."""

from astropy.table import Table

from pipeline.data.tables import write_ecsv
from pipeline.errors import PipelineError
from pipeline.grading import rules, sheets
from pipeline.grading.batch import read_batch
from pipeline.settings.grading import Grading
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Check the sheets, apply the rule, write the grades."""
    settings = Grading.parse(job.settings["grading"])
    batch = read_batch(job.paths["manifest"].read_text(encoding="utf-8"), job.paths["manifest"])
    places = {path.stem: path for path in job.paths["sheets"]}
    found = sheets.read_sheets({name: _text(path) for name, path in places.items()}, settings, batch, places)
    frame = rules.grade(found, settings.rule)
    simulated = [name for name in found if settings.grader(name).kind == "simulated"]
    frame["simulated"] = bool(simulated)
    table = Table.from_pandas(frame)
    scale = batch.content["scale"]
    table.meta = {
        "batch": batch.digest,
        "rule": settings.rule.plain(),
        "graders": {
            name: {"kind": settings.grader(name).kind, "scores": sheets.score_counts(sheet, scale)}
            for name, sheet in found.items()
        },
        "agreement": rules.agreement(found, scale),
        "grades": {grade or "rejected": int((frame["grade"] == grade).sum()) for grade in rules.GRADES},
    }
    if simulated:
        table.meta["SIMULATED"] = ", ".join(simulated)
    write_ecsv(table, job.out["out"])
    job.rows_in, job.rows_out = len(batch.objects), len(frame)
    job.log.event("grades", **table.meta["grades"])


def _text(path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PipelineError("a sheet is not UTF-8 text", where=path, value=error, next="save it as UTF-8") from None


def main(argv=None) -> int:
    """Run the stage."""
    return door("import_grades", run, argv, inputs=("manifest", "sheets+"), outputs=("out",))


if __name__ == "__main__":
    raise SystemExit(main())
