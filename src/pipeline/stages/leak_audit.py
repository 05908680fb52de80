"""Audit the sample, the split and the pre-training for leaks, and stop at one.

Inputs: manifests of the catalogue, labels, the split, the sample. Output: leak_audit.json.
"""

import json

import numpy as np
import pandas as pd

from pipeline.data.atomic import write_text
from pipeline.data.datasets import read_tables
from pipeline.data.tables import read_ecsv, read_parquet
from pipeline.errors import PipelineError
from pipeline.labels.audit import audit, faults
from pipeline.labels.pretraining import pretraining_ids
from pipeline.settings.pretraining import Pretraining
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Write the audit; raise PipelineError when something leaks."""
    pretraining = Pretraining.parse(job.settings["pretraining"])
    catalogue = read_tables(job.paths["catalogue"], ["ra", "dec", "region", f"flux_{pretraining.band}"])
    labels = read_ecsv(job.paths["labels"])
    columns = ("object_id", "label", "system_id", "known_ra", "known_dec")
    table = read_parquet(job.paths["splits"])
    result = audit(
        catalogue,
        pd.DataFrame({name: np.asarray(labels[name]) for name in columns}),
        float(labels.meta["radius_arcsec"]),
        table,
        read_parquet(job.paths["sample"]),
        pretraining_ids(catalogue, table, pretraining, seed=job.settings["seed"]),
        pretraining.sets,
    )
    found = faults(result)
    if found:
        raise PipelineError("the split leaks", where=job.paths["sample"], value="\n    ".join(found))
    for name, check in result["checks"].items():
        job.log.event(check["what"], check=name, n=check["n"], violations=check["violations"])
    job.log.event("audit passed", label=result["label"])
    write_text(job.out["out"], json.dumps(result, indent=1, sort_keys=True) + "\n")
    job.rows_in, job.rows_out = len(catalogue), len(result["checks"])


def main(argv=None) -> int:
    """Run the stage."""
    return door("leak_audit", run, argv, inputs=("catalogue+", "labels", "splits", "sample"), outputs=("out",))


if __name__ == "__main__":
    raise SystemExit(main())
