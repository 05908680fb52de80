"""The sheet of one simulated grader. Inputs: manifest of the batch, truth. Output: a sheet marked SIMULATED."""

import pandas as pd

from pipeline.data.atomic import write_text
from pipeline.data.tables import read_parquet
from pipeline.grading.batch import read_batch
from pipeline.grading.simulated import kinds_of, sheet_of
from pipeline.settings.grading import SimulatedGrader
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Write the sheet."""
    grader = SimulatedGrader.parse(job.settings["grader"])
    batch = read_batch(job.paths["manifest"].read_text(encoding="utf-8"), job.paths["manifest"])
    truth = pd.concat([read_parquet(path, ["ra", "dec", "is_lens", "visible"]) for path in job.paths["truth"]])
    write_text(job.out["out"], sheet_of(grader, batch, truth, job.settings["seed"]))
    job.rows_in = job.rows_out = len(batch.objects)
    kinds = pd.Series(kinds_of(batch, truth, grader.sees_within_arcsec)).value_counts().to_dict()
    job.log.event("graded", grader=grader.name, **kinds)


def main(argv=None) -> int:
    """Run the stage."""
    return door("simulated_grades", run, argv, inputs=("manifest", "truth+"), outputs=("out",), values=("name",))


if __name__ == "__main__":
    raise SystemExit(main())
