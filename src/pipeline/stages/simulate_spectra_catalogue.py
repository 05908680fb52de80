"""Simulate the quasar catalogue of a tranche, and write down the truth about its spectra.

INPUTS   none
OUTPUTS  truth (Parquet, a row a spectrum), catalogue (FITS, in the columns of DR16Q)
"""

import json

import numpy as np
import pandas as pd

from pipeline.data.tables import write_parquet
from pipeline.settings.spectra.simulation import SimulatedSpectra
from pipeline.simulate.spectra import catalogue, fits_bytes, pipeline_fit, shard
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Regenerate the spectra of the tranche, because the catalogue holds their signal-to-noise ratios."""
    settings, seed = SimulatedSpectra.parse(job.settings["survey"]), int(job.settings["seed"])
    tranche, rows = int(job.values["tranche"]), json.loads(job.values["rows"])
    truths, entries = [], [np.zeros(0, dtype=catalogue.DTYPE)]
    for row in job.log.progress(rows, total=len(rows), unit="shards"):
        for spectrum in shard.spectra(settings, seed, row):
            result = pipeline_fit.fit(settings.catalogue, seed, row, spectrum)
            truths.append(catalogue.truth(row, spectrum))
            entry = catalogue.entry(settings.catalogue, seed, row, spectrum, result)
            if entry is not None:
                entries.append(entry)
    table = np.concatenate(entries)
    order = np.lexsort((table["TARGETID"], table["FIBERID"], table["MJD"], table["PLATE"]))
    job.rows_out = len(truths)
    job.log.event("made", rows=len(truths), listed=len(table))
    head = fits_bytes.primary({"TRANCHE": tranche})
    fits_bytes.write(
        job.out["catalogue"], head, fits_bytes.table("CATALOG", table[order], (("RA", "deg"), ("DEC", "deg")))
    )
    frame = pd.DataFrame(truths)
    frame["tranche"] = np.int16(tranche)
    frame = frame.sort_values(["plate", "fiber", "targetid"], kind="stable", ignore_index=True)
    write_parquet(frame, job.out["truth"], metadata={"SIMUL": "true"})


def main(argv=None) -> int:
    """Run the stage."""
    return door("simulate_spectra_catalogue", run, argv, outputs=("truth", "catalogue"), values=("tranche", "rows"))


if __name__ == "__main__":
    raise SystemExit(main())
