"""A batch for graders: a page that needs no network, an empty sheet, and what they refer to.

Inputs: candidates, image shards. Outputs: batch.html, batch.csv, manifest.json.
"""

import numpy as np

from pipeline.data.atomic import write_text
from pipeline.data.manifests import shard_paths
from pipeline.data.shards import ImageShard
from pipeline.data.tables import read_ecsv
from pipeline.grading.batch import make_batch, page
from pipeline.grading.pictures import cutouts
from pipeline.settings.grading import Grading
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Write page, sheet and manifest."""
    settings = Grading.parse(job.settings["grading"])
    candidates = read_ecsv(job.paths["candidates"])
    batch = make_batch(
        candidates,
        run=job.values["run"],
        number=int(job.values["round"]),
        seed=job.settings["seed"],
        rule=settings.rule,
    )
    job.rows_in, job.rows_out = len(candidates), len(batch.objects)
    shards = [ImageShard(path) for manifest in job.paths["images"] for _, path in shard_paths(manifest, ".h5")]
    found = cutouts(shards, np.array([int(one["object_id"]) for one in batch.objects]))
    write_text(job.out["html"], page(batch, found, settings))
    write_text(job.out["csv"], batch.sheet_text())
    write_text(job.out["manifest"], batch.manifest_text())
    job.log.event("batch", digest=batch.digest, objects=len(batch.objects), strata=batch.content["strata"])


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "grading_batch",
        run,
        argv,
        inputs=("candidates", "images+"),
        outputs=("html", "csv", "manifest"),
        values=("run", "round"),
    )


if __name__ == "__main__":
    raise SystemExit(main())
