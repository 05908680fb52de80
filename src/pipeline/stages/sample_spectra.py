"""Choose the spectra that train, select, calibrate and judge, with their labels.

Inputs: manifests of the catalogue of spectra, the split. Output: sample.parquet.
"""

from pipeline.data.datasets import read_tables
from pipeline.data.tables import read_parquet, write_parquet
from pipeline.labels.spectra_sample import CATALOGUE_COLUMNS, draw
from pipeline.settings.spectra.sample import SpectraSample
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Write the sample and log the counts of each set."""
    sample = SpectraSample.parse(job.settings["sample"])
    catalogue = read_tables(job.paths["catalogue"], list(CATALOGUE_COLUMNS))
    drawn, counts = draw(catalogue, read_parquet(job.paths["splits"]), sample, job.settings["seed"])
    for name, count in counts.items():
        job.log.event("drawn", set=name, **count)
    job.log.event("in no set", spectra=int((drawn.set == "").sum()), of=len(drawn))
    write_parquet(drawn, job.out["out"], {"label": sample.label, "mode": sample.deal.mode})
    job.rows_in, job.rows_out = len(catalogue), len(drawn)


def main(argv=None) -> int:
    """Run the stage."""
    return door("sample_spectra", run, argv, inputs=("catalogue+", "splits"), outputs=("out",))


if __name__ == "__main__":
    raise SystemExit(main())
