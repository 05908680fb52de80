"""How good the redshifts are, on the judge set alone.

Inputs: combined redshifts, catalogue, sample, truth (simulated spectra). Outputs: the assessment as JSON, and the
velocity errors of every judged spectrum.
"""

import json

import pandas as pd
from astropy.table import Table

from pipeline.assess.redshifts import CATALOGUE_COLUMNS, assess, judged_spectra, velocity_table
from pipeline.data.atomic import write_text
from pipeline.data.lookup import rows_of
from pipeline.data.tables import read_parquet, write_ecsv
from pipeline.settings.spectra.assess import AssessRedshifts
from pipeline.stages._door import Job, door
from pipeline.stages._redshifts import read_catalogue, read_combined, read_sample


def run(job: Job) -> None:
    """Measure and write."""
    settings = AssessRedshifts.parse(job.settings["assess"])
    truths = [read_parquet(path) for path in job.paths["truth"]]
    judged = judged_spectra(
        read_sample(job.paths["sample"]),
        read_catalogue(job.paths["catalogue"], CATALOGUE_COLUMNS),
        pd.concat(truths, ignore_index=True) if truths else None,
    )
    combined = read_combined(job.paths["combined"])
    rows = rows_of(combined["spectrum_id"], judged.spectrum_id.to_numpy(), "--combined", "spectrum")
    columns = {name: values[rows] for name, values in combined.items()}
    found = {
        "simulated": job.settings["simulated"],
        "reference": "truth" if truths else "label",
        **assess(judged, columns, settings, job.settings["seed"]),
    }
    for name, measured in found["estimators"].items():
        within = measured["quasars"]["within"]["6000"]
        job.log.event("assessed", estimator=name, within_6000=f"{within['share']:.4f}", of=found["judged"]["quasar"])
    write_text(job.out["out"], json.dumps(found, indent=1, sort_keys=True, allow_nan=False) + "\n")
    write_ecsv(Table.from_pandas(velocity_table(judged, columns)), job.out["velocity"])
    job.rows_in, job.rows_out = len(combined["spectrum_id"]), len(judged)


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "assess_redshifts",
        run,
        argv,
        inputs=("combined+", "catalogue+", "sample", "truth*"),
        outputs=("out", "velocity"),
    )


if __name__ == "__main__":
    raise SystemExit(main())
