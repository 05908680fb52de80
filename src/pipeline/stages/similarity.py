"""The most similar objects of every object.

Inputs: embeddings of one encoder, catalogue. Output: a manifest and one shard of neighbours for each of embeddings.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from pipeline import graph
from pipeline.data.atomic import atomic, remove_stale_temporaries
from pipeline.data.datasets import read_tables
from pipeline.data.manifests import Entry, Manifest, sha256, write_manifest
from pipeline.data.shards import read_result_shard, write_result_shard
from pipeline.errors import Stopped
from pipeline.search import index, neighbours
from pipeline.search.objects import Objects
from pipeline.settings.similarity import Similarity
from pipeline.stages._door import Job, door

if TYPE_CHECKING:
    import pandas as pd


def run(job: Job) -> None:
    """Compare, or compare what is new; write one shard of neighbours for each shard of embeddings."""
    settings = Similarity.parse(job.settings["similarity"])
    torch.set_num_threads(settings.threads)
    found = index.sources(job.paths["embeddings"])
    made_from = {
        "embeddings": sorted(source.sha256 for source in found),
        "catalogue": index.table_digests(job.paths["catalogue"]),
        "settings": settings.plain(),
        "fingerprint": job.fingerprint,
    }
    state = index.State(job.work / "checkpoints" / "similarity" / job.values["name"], made_from)
    catalogue = read_tables(job.paths["catalogue"], ["object_id", "ra", "dec", f"flux_{settings.magnitude_band}"])
    objects, left_out = _open(job, found, catalogue, settings, state.checkpoints)
    job.rows_in = len(objects) + left_out
    job.log.event("compare", objects=len(objects), left_out=left_out, append=state.previous is not None)
    work = neighbours.tasks(objects, settings, state.previous, catalogue)
    own = job.world.share(list(enumerate(work)))
    lists = []
    for number, task in job.log.progress(own, total=len(own), unit="blocks"):
        if job.allocation.ending():
            break
        lists.append(state.block(number, lambda task=task: neighbours.run(objects, task, settings)))
    if job.world.any(len(lists) < len(own)):
        raise Stopped(f"{len(lists)} of {len(own)} blocks")
    lists = job.world.gather(lists)
    if job.world.rank:
        return
    result = neighbours.collect(objects, work, lists, settings.neighbours)
    graph.check_code(graph.fingerprint_now(job.fingerprint))
    entries = []
    for source in found:
        path = job.out["out"].parent / f"{source.shard}.h5"
        ids = read_result_shard(source.path, [])["object_id"]
        remove_stale_temporaries(path)
        neighbour_id, similarity = neighbours.of_objects(result, ids)
        with atomic(path) as temporary:
            write_result_shard(temporary, object_id=ids, neighbour_id=neighbour_id, similarity=similarity)
        entries.append(Entry(source.shard, len(ids), {path.name: sha256(path)}))
        job.rows_out += len(ids)
    write_manifest(Manifest(job.out["out"].parent.name, "manifest", entries), job.out["out"])
    state.keep(result)


def _open(job: Job, found: list[index.Source], catalogue: "pd.DataFrame", settings: Similarity, folder: Path):
    """Return the objects to compare, and how many are left out; rank 0 gathers the vectors, the others map them."""
    parts = None
    if job.world.rank == 0:
        objects, left_out = index.open_objects(found, catalogue, settings, folder)
        if job.world.size == 1:
            return objects, left_out
        parts = objects.object_id, objects.magnitude, objects.group, objects.norm, left_out
    object_id, magnitude, group, norm, left_out = job.world.broadcast(parts)
    return Objects(object_id, magnitude, group, index.map_vectors(folder), norm), left_out


def main(argv=None) -> int:
    """Run the stage."""
    return door("similarity", run, argv, inputs=("embeddings+", "catalogue+"), outputs=("out",), values=("name",))


if __name__ == "__main__":
    raise SystemExit(main())
