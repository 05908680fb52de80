"""Simulate what a tranche is known for: its truth, its lists of known lenses, its redshifts, its table of bricks.

INPUTS   none
OUTPUTS  truth (Parquet), list_a (CSV), list_b (TSV), visibility (CSV), specz (FITS), bricks (FITS): the table
         survey-bricks; beside it <region>/survey-bricks-dr9-<region>.fits.gz
"""

import json

import numpy as np
import pandas as pd

from pipeline.data.atomic import write_text
from pipeline.data.tables import write_parquet
from pipeline.settings.simulation import Simulated
from pipeline.simulate import dr9, layout, observe, summary, writers
from pipeline.simulate.known import known
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Regenerate the scenes and catalogues of the tranche, without images."""
    settings, seed = Simulated.parse(job.settings["survey"]), int(job.settings["seed"])
    tranche = int(job.values["tranche"])
    rows = json.loads(job.values["rows"])
    truths, bricks, regions, spectra = [], {}, {}, []
    for row in job.log.progress(rows, total=len(rows), unit="areas"):
        for seen in observe.observations(settings, seed, tranche, row["region"], *layout.corner(row["sources"])):
            truths.append(seen.catalogue.truth)
            bricks[seen.brick.number] = seen.brick
            regions.setdefault(row["region"], []).append(summary.brick_row(seen))
            spectra.append(summary.spectra(seen))
    truth = pd.concat(truths, ignore_index=True)
    lists = known(truth, sorted({layout.corner(row["sources"]) for row in rows}), settings, seed, tranche)
    truth["listed"] = np.isin(truth.system, lists.systems) & ~truth.catalogued_arc
    job.rows_out = len(truth)
    job.log.event("made", rows=len(truth), lenses=int(truth.is_lens.sum()), listed=len(lists.systems))

    for region, parts in sorted(regions.items()):
        path = job.out["bricks"].parent / region / f"survey-bricks-dr9-{region}.fits.gz"
        table = dr9.concatenate(dr9.REGION_BRICKS, parts)
        writers.write_table(path, dr9.REGION_BRICKS, table, f"BRICKS-{region.upper()}")
    writers.write_table(job.out["bricks"], dr9.BRICKS, writers.brick_columns(list(bricks.values())), "BRICKS")
    writers.write_table(job.out["specz"], dr9.SPEC_Z, summary.distinct_spectra(spectra), "SPECZ")
    write_text(job.out["list_a"], lists.list_a.to_csv(index=False))
    write_text(job.out["list_b"], lists.list_b.to_csv(index=False, sep="\t"))
    write_text(job.out["visibility"], lists.visibility.to_csv(index=False))
    truth = truth.sort_values("object_id", kind="stable", ignore_index=True)
    write_parquet(truth, job.out["truth"], metadata={"SIMUL": "true"})


def main(argv=None) -> int:
    """Run the stage."""
    outputs = ("truth", "list_a", "list_b", "visibility", "specz", "bricks")
    return door("simulate_catalogues", run, argv, outputs=outputs, values=("tranche", "rows"))


if __name__ == "__main__":
    raise SystemExit(main())
