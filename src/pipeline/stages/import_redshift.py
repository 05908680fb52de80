"""Take published weights of QuasarNET into a run.

Input: a HDF5 file of Keras. Output: weights as the stage `train_redshift` writes them.
"""

from pipeline.data.atomic import atomic
from pipeline.learn.checkpoints import save_weights
from pipeline.learn.estimators.quasarnet import published
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Read, check and write."""
    state, about = published(job.paths["published"])
    job.log.event("weights", input=about["input"]["grid"], **about["size"])
    with atomic(job.out["weights"]) as temporary:
        save_weights(temporary, state, about)
    job.rows_in = job.rows_out = len(state)


def main(argv=None) -> int:
    """Run the stage."""
    return door("import_redshift", run, argv, inputs=("published",), outputs=("weights",))


if __name__ == "__main__":
    raise SystemExit(main())
