"""What the assessing stages read in common: the judged objects of a run."""

from typing import TYPE_CHECKING

from pipeline.assess import judged
from pipeline.data.datasets import read_tables
from pipeline.data.tables import read_parquet
from pipeline.settings.assess import Judged
from pipeline.stages._door import Job
from pipeline.stages._frames import read_frame

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["ra", "dec", "flags", "flux_r"]


def read_truth(paths: list) -> "pd.DataFrame | None":
    """Return the truth of all tranches, or None where the survey is real."""
    import pandas as pd  # half a second: here and in other modules that a stage with torch imports, only where made

    return pd.concat([read_parquet(path) for path in paths], ignore_index=True) if paths else None


def read_judged(job: Job, settings: Judged, columns: list[str]) -> judged.Judged:
    """Return the judged objects from the inputs `catalogue`, `splits`, `labels` and `truth` of a stage."""
    catalogue = read_tables(job.paths["catalogue"], list(dict.fromkeys([*COLUMNS, *columns])))
    found = judged.select(
        catalogue,
        read_parquet(job.paths["splits"]),
        read_frame(job.paths["labels"]),
        read_truth(job.paths["truth"]),
        which=settings.set,
        exclusion_arcsec=settings.exclusion_arcsec,
        duplicate_arcsec=settings.duplicate_arcsec,
    )
    job.rows_in = len(catalogue)
    job.rows_out = len(found.table)
    job.log.event("judged", **{key: value for key, value in found.summary.items() if key != "excluded"})
    for reason, number in found.excluded.items():
        job.log.event("not judged", reason=f"'{reason}'", objects=number)
    return found
