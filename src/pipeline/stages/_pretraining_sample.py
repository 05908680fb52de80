"""What the stages that look at the pre-training sample share: its objects, their places and what their images have."""

import hashlib
from pathlib import Path

from pipeline.data.datasets import read_tables
from pipeline.data.manifests import shard_paths
from pipeline.data.tables import read_parquet
from pipeline.errors import PipelineError
from pipeline.images.own import COLUMNS, Own
from pipeline.labels.pretraining import pretraining_ids
from pipeline.learn.image_loader import find
from pipeline.learn.pretraining import Sample
from pipeline.settings.pretraining import Pretraining
from pipeline.stages._door import Job

PLACE_COLUMNS = ("ra", "dec", "region", "tranche", "flags")


def pretraining_sample(job: Job) -> tuple[Sample, float]:
    """Return the sample that the settings choose, sorted by object_id, and the pixel scale in arcsec.

    Raises
    ------
    PipelineError
        The sample is empty.
    """
    setting = Pretraining.parse(job.settings["pretraining"])
    columns = [*PLACE_COLUMNS, *COLUMNS, *(f"flux_{band}" for band in "grz")]
    catalogue = read_tables(job.paths["catalogue"], columns)
    ids = pretraining_ids(catalogue, read_parquet(job.paths["splits"]), setting, seed=job.settings["seed"])
    if not len(ids):
        raise PipelineError(
            "no object of the catalogue belongs to the pre-training sample",
            where="pretraining",
            value=job.settings["pretraining"],
            next="widen `limit` or `sets`",
        )
    chosen = catalogue[catalogue["object_id"].isin(ids)].sort_values("object_id")
    paths = [path for manifest in job.paths["images"] for _, path in shard_paths(manifest, ".h5")]
    places, pixel_scale = find(paths, chosen["object_id"].to_numpy())
    own = Own.of({name: chosen[name].to_numpy() for name in COLUMNS}, pixel_scale)
    job.rows_in = len(places)
    job.log.event("sample", objects=len(places), shards=len(paths), transductive=setting.transductive)
    return Sample(paths, places, own), pixel_scale


def digests(job: Job, *names: str) -> dict[str, list[str]]:
    """Return the sha256 of the input files of these names; a manifest holds those of its shards."""
    found = {}
    for name in names:
        value = job.paths[name]
        paths: list[Path] = value if isinstance(value, list) else [value]
        found[name] = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    return found
