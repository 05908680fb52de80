"""The published redshifts.

Inputs: combined redshifts, catalogue, sample. Outputs: the table in four formats, the counts as JSON.
"""

import json

from pipeline.data.atomic import write_text
from pipeline.data.catalogue import write_catalogue
from pipeline.data.redshift_bits import REDSHIFT_BITS
from pipeline.data.redshift_columns import registry
from pipeline.release import redshift_table
from pipeline.release.redshift_counts import counts
from pipeline.settings.spectra.release import RedshiftRelease
from pipeline.stages._door import Job, door
from pipeline.stages._redshifts import read_catalogue, read_combined, read_sample


def run(job: Job) -> None:
    """Join redshifts, catalogue and sample, write."""
    settings = RedshiftRelease.parse(job.settings["release"])
    combined = read_combined(job.paths["combined"])
    catalogue = read_catalogue(job.paths["catalogue"], redshift_table.CATALOGUE)
    sample = read_sample(job.paths["sample"])
    columns = redshift_table.columns(catalogue, combined, sample, job.settings["object_arcsec"])
    names = redshift_table.estimators(combined)
    header = {
        "CATNAME": settings.name,
        "RADESYS": "ICRS",
        "RUN": job.values["run"],
        "SURVEY": job.values["survey"],
        "SIMULATE": bool(job.settings["simulated"] or columns["SIMULATED"].any()),
        "SETTINGS": job.values["digest"],
        "CODE": job.values["code"],
        "MODELS": ",".join(names),
        "FLAGBITS": ", ".join(f"{one.bit} {one.name}" for one in REDSHIFT_BITS),
    }
    paths = [job.out[name] for name in ("fits", "ecsv", "vot", "parquet")]
    write_catalogue(columns, paths, name="REDSHIFTS", header=header, registry=registry())
    content = {"simulated": header["SIMULATE"], "run": header["RUN"], **counts(columns, names)}
    write_text(job.out["counts"], json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n")
    job.rows_in = job.rows_out = content["spectra"]
    job.log.event("released", spectra=content["spectra"], confident=content["confident"])


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "release_redshifts",
        run,
        argv,
        inputs=("combined+", "catalogue+", "sample"),
        outputs=("fits", "ecsv", "vot", "parquet", "counts"),
        values=("run", "survey", "digest", "code"),
    )


if __name__ == "__main__":
    raise SystemExit(main())
