"""Deal the sky to train, select, calibrate and judge, from the seed and the settings alone. Output: splits.parquet."""

from pipeline.data.tables import write_parquet
from pipeline.labels.splits import PAPERS_LABEL, deal, is_papers
from pipeline.settings.splits import Splits
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Write the table of cells and sets."""
    splits = Splits.parse(job.settings["splits"])
    table = deal(splits, job.settings["seed"])
    metadata = {"mode": splits.mode, "nside": splits.nside, "margin_arcsec": splits.margin_arcsec}
    if is_papers(table):
        metadata["label"] = PAPERS_LABEL
        job.log.warning(PAPERS_LABEL)
    write_parquet(table, job.out["out"], metadata)
    job.rows_out = len(table)


def main(argv=None) -> int:
    """Run the stage."""
    return door("splits", run, argv, outputs=("out",))


if __name__ == "__main__":
    raise SystemExit(main())
