"""Score every object of a batch with a linear probe.

Inputs: embeddings of the batch, catalogue of the batch, the probe's weights. Output: a manifest and one shard of logits
for each shard of the catalogue.
"""

import torch

from pipeline.data.manifests import shard_paths
from pipeline.data.shards import write_result_shard
from pipeline.data.tables import read_parquet
from pipeline.errors import PipelineError
from pipeline.learn.checkpoints import load_weights
from pipeline.learn.features import CATALOGUE_COLUMNS
from pipeline.learn.probe import score
from pipeline.models.linear import Linear
from pipeline.settings.models import ProbeScoring
from pipeline.stages._door import Job, door
from pipeline.stages._features import embeddings_by_encoder, needs_catalogue, shard_features


def run(job: Job) -> None:
    """Score shard by shard."""
    settings = ProbeScoring.parse(job.settings["model"])
    torch.set_num_threads(settings.threads)
    state, about = load_weights(job.paths["weights"])
    features = about["features"]
    network = Linear(len(about["names"]))
    network.load_state_dict(state)
    groups = embeddings_by_encoder(job.paths["embeddings"], features)
    vectors = {encoder: dict(path for one in group for path in shard_paths(one)) for encoder, group in groups.items()}
    tables = dict(shard_paths(job.paths["catalogue"], ".parquet"))
    for encoder, of_shard in vectors.items():
        lacking = sorted(set(tables) - set(of_shard))
        if lacking:
            raise PipelineError("shards without embeddings", where=f"encoder {encoder}", value=", ".join(lacking))

    def make(shard, targets):
        columns = ["object_id", *(CATALOGUE_COLUMNS if needs_catalogue(features) else ())]
        frame = read_parquet(tables[shard], columns)
        of_encoder = {encoder: of_shard[shard] for encoder, of_shard in vectors.items()}
        names, matrix = shard_features(features, of_encoder, frame, about["normalize"])
        if names != about["names"]:
            raise PipelineError(
                "the features are not those that the probe was fitted on",
                where=shard,
                value=f"{len(names)} columns",
                allowed=f"{len(about['names'])} columns, {about['names'][0]} to {about['names'][-1]}",
            )
        logits = score(network, matrix, settings.score_rows)
        write_result_shard(targets["out"], object_id=frame["object_id"].to_numpy(), score=logits)
        job.rows_in += len(frame)
        return len(frame)

    entries = [
        (shard, [job.paths["weights"], table, *(of_shard[shard] for of_shard in vectors.values())])
        for shard, table in tables.items()
    ]
    job.dataset(outputs={"out": (job.out["out"], ".h5")}, entries=entries, make=make)


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "score_probe",
        run,
        argv,
        inputs=("embeddings*", "catalogue", "weights"),
        outputs=("out",),
        values=("name",),
    )


if __name__ == "__main__":
    raise SystemExit(main())
