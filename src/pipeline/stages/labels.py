"""Merge the lists of known objects and match them with the catalogue.

Inputs: manifests of the catalogue, the lists, the first grading of the known objects. Output: labels.ecsv.
"""

import pandas as pd
from astropy.table import Table

from pipeline.data.datasets import read_tables
from pipeline.data.tables import write_ecsv
from pipeline.data.user_tables import read_user_table
from pipeline.labels import known
from pipeline.labels.match import match_known
from pipeline.settings.labels import Labels
from pipeline.stages._door import Job, door
from pipeline.stages._known_lists import read_entries


def run(job: Job) -> None:
    """Write the labels and log what became of the entries."""
    labels = Labels.parse(job.settings["labels"])
    catalogue = read_tables(job.paths["catalogue"], ["ra", "dec"])
    found = read_entries(job.paths["lists"], labels)
    nowhere = found[found.ra.isna()]
    if len(nowhere):
        job.log.warning("entries without a position are left out", rows=len(nowhere), first=nowhere.name.iloc[0])
    merged = known.merge(found, labels.radius_arcsec)
    seen = [known.visibilities(read_user_table(path), path) for path in job.paths["visibility"]]
    visibility = pd.concat(seen, ignore_index=True) if seen else pd.DataFrame({"ra": [], "dec": [], "visibility": []})
    table = match_known(merged, catalogue, visibility, labels.radius_arcsec, labels.ungraded)
    job.rows_in, job.rows_out = len(catalogue), len(table)
    counts = table.label.value_counts().to_dict()
    job.log.event("matched", entries=len(found), systems=merged.system_id.nunique(), **dict(sorted(counts.items())))
    columns = {name: table[name].to_numpy() for name in table}
    for name in ("label", "lists", "known_name", "visibility"):
        columns[name] = columns[name].astype(str)
    written = Table(columns, meta={"radius_arcsec": labels.radius_arcsec})
    for name, unit in (("separation_arcsec", "arcsec"), ("known_ra", "deg"), ("known_dec", "deg")):
        written[name].unit = unit
    write_ecsv(written, job.out["out"])


def main(argv=None) -> int:
    """Run the stage."""
    return door("labels", run, argv, inputs=("catalogue+", "lists*", "visibility*"), outputs=("out",))


if __name__ == "__main__":
    raise SystemExit(main())
