"""Choose lenses and non-lenses of one round for training, selection, calibration and judgement.

Inputs: manifests of the catalogue, labels, the split, grades of earlier rounds, a table of confusers.
Output: sample.parquet.
"""

import numpy as np
import pandas as pd

from pipeline.data.datasets import read_tables
from pipeline.data.tables import read_ecsv, read_parquet, write_parquet
from pipeline.data.user_tables import numbers, read_user_table, texts
from pipeline.errors import PipelineError
from pipeline.labels.rounds import graded_examples
from pipeline.labels.samples import CATALOGUE_COLUMNS, Known, confuser_classes, draw
from pipeline.labels.splits import PAPERS_LABEL, is_papers
from pipeline.settings.sample import Sample
from pipeline.settings.splits import Splits
from pipeline.stages._door import Job, door


def read_confusers(job: Job, sample: Sample, catalogue: pd.DataFrame) -> dict[int, str]:
    """Return the class of confusers by object_id; empty when they are off."""
    confusers = sample.confusers
    if confusers is None:
        return {}
    if len(job.paths["confusers"]) != 1:
        raise PipelineError("one table of confusers is needed", where="--confusers", value=len(job.paths["confusers"]))
    path = job.paths["confusers"][0]
    table, columns = read_user_table(path), confusers.columns
    entries = pd.DataFrame(
        {
            "ra": numbers(table, columns.ra, path),
            "dec": numbers(table, columns.dec, path),
            "kind": texts(table, columns.kind, path),
        }
    )
    classes = confuser_classes(confusers, entries[entries.ra.notna() & entries.dec.notna()], catalogue)
    job.log.event("confusers", entries=len(entries), matched=len(classes))
    return classes


def run(job: Job) -> None:
    """Write the sample and log the counts of each set."""
    sample, splits = Sample.parse(job.settings["sample"]), Splits.parse(job.settings["splits"])
    catalogue = read_tables(job.paths["catalogue"], list(CATALOGUE_COLUMNS))
    labels = read_ecsv(job.paths["labels"])
    table = read_parquet(job.paths["splits"])
    grades = [_grades(path) for path in job.paths["grades"]]
    columns = ("object_id", "label", "known_ra", "known_dec")
    known = Known(
        labels=pd.DataFrame({name: np.asarray(labels[name]) for name in columns}),
        radius_arcsec=float(labels.meta["radius_arcsec"]),
        graded=graded_examples(grades, sample.rounds),
        confusers=read_confusers(job, sample, catalogue),
    )
    drawn, counts = draw(catalogue, known, table, sample, splits, job.settings["seed"])
    for name, count in counts.items():
        job.log.event("drawn", set=name, **count)
        if count["non_lenses"] < count["wanted"]:
            job.log.warning("fewer non-lenses than asked for", set=name, **count)
    metadata = {"mode": splits.mode, "ratios": sample.ratios, "graded": len(known.graded)}
    if is_papers(table):
        metadata["label"] = PAPERS_LABEL
    write_parquet(drawn, job.out["out"], metadata)
    job.rows_in, job.rows_out = len(catalogue), len(drawn)


def _grades(path) -> pd.DataFrame:
    table = read_ecsv(path)
    grade = table["grade"]
    filled = grade.filled("") if hasattr(grade, "filled") else grade
    return pd.DataFrame({"object_id": np.asarray(table["object_id"]), "grade": np.asarray(filled).astype(str)})


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "sample",
        run,
        argv,
        inputs=("catalogue+", "labels", "splits", "grades*", "confusers*"),
        outputs=("out",),
    )


if __name__ == "__main__":
    raise SystemExit(main())
