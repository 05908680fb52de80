"""Estimate the redshifts of a batch's spectra with one estimator.

Inputs: spectra of the batch, the estimator's weights. Output: a manifest and a shard of candidates for each of spectra.
"""

import importlib

from pipeline.data.manifests import shard_paths
from pipeline.data.shards import write_result_shard
from pipeline.data.spectrum_shards import SpectrumShard
from pipeline.learn.checkpoints import load_weights
from pipeline.learn.device import set_up
from pipeline.learn.redshift.ahead import estimate_shard
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Estimate shard by shard, in pieces of the estimator's batch."""
    settings = job.settings["estimator"]
    device = set_up(int(settings["threads"]), job.device)
    weights = job.paths["weights"]
    kind = load_weights(weights)[1]["kind"]
    estimator = importlib.import_module(f"pipeline.learn.estimators.{kind}").load(weights, settings, device)
    paths = dict(shard_paths(job.paths["shards"], ".h5"))

    def make(shard, targets):
        with SpectrumShard(paths[shard]) as spectra:
            rows, identity = len(spectra), spectra.spectrum_id
            results = estimate_shard(estimator, spectra)
        write_result_shard(targets["out"], object_id=identity, spectrum_id=identity, **results)
        job.rows_in += rows
        return rows

    entries = [(shard, [weights, path]) for shard, path in paths.items()]
    job.dataset(outputs={"out": (job.out["out"], ".h5")}, entries=entries, make=make)


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "redshift",
        run,
        argv,
        inputs=("shards", "weights"),
        outputs=("out",),
        values=("name",),
        network=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
