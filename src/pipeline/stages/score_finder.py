"""Score every object of a batch with a supervised lens finder.

Inputs: images of the batch, the finder's weights. Output: a manifest and one shard of logits for each of images.
"""

import importlib

import numpy as np
import torch

from pipeline.data.manifests import shard_paths
from pipeline.data.shards import ImageShard, write_result_shard
from pipeline.errors import PipelineError
from pipeline.learn import supervised
from pipeline.learn.checkpoints import load_weights
from pipeline.learn.device import generator, set_up
from pipeline.settings.models import FinderInput, FinderScoring
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Score shard by shard, batches of one shape."""
    settings = FinderScoring.parse(job.settings["model"])
    device = set_up(settings.score_threads, job.device)
    state, about = load_weights(job.paths["weights"])
    rule, weights = supervised.rule_of(state, FinderInput.parse(about["input"]))
    build = importlib.import_module(f"pipeline.models.{about['network']}").build
    network = build(len(about["bands"]), generator(np.random.default_rng(0)))
    network.load_state_dict(weights)
    network.to(device)
    paths = dict(shard_paths(job.paths["images"], ".h5"))

    def make(shard, targets):
        with ImageShard(paths[shard]) as images:
            if images.attrs["bands"] != about["bands"]:
                raise PipelineError(
                    "the images have other bands than the finder was trained on",
                    where=images.path,
                    value=images.attrs["bands"],
                    allowed=about["bands"],
                )
            logits = np.empty(len(images), dtype=np.float32)
            for start in range(0, len(images), settings.score_batch):
                rows = slice(start, min(start + settings.score_batch, len(images)))
                part = rule.standardise(rule.crop(torch.from_numpy(images.read(rows))))
                logits[rows] = supervised.score(network, part, settings.score_batch, device)
            write_result_shard(targets["out"], object_id=images.object_id, score=logits)
            job.rows_in += len(images)
            return len(images)

    entries = [(shard, [job.paths["weights"], path]) for shard, path in paths.items()]
    job.dataset(outputs={"out": (job.out["out"], ".h5")}, entries=entries, make=make)


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "score_finder",
        run,
        argv,
        inputs=("images", "weights"),
        outputs=("out",),
        values=("name",),
        network=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
