"""Fit a linear probe on the sample.

Inputs: embeddings of the encoders that the features name, catalogue, sample. Outputs: weights, history of the fit.
"""

import torch

from pipeline.data.atomic import atomic, write_text
from pipeline.learn import probe
from pipeline.learn.checkpoints import save_weights
from pipeline.learn.curves import history_text
from pipeline.settings.models import Probe
from pipeline.stages._door import Job, door
from pipeline.stages._features import embeddings_by_encoder, read_features
from pipeline.stages._sample import held_out_rows, read_sample, training_rows


def run(job: Job) -> None:
    """Read the features of the sample, fit, write."""
    settings = Probe.parse(job.settings["model"])
    torch.set_num_threads(settings.threads)
    sample = read_sample(job.paths["sample"])
    train, select = training_rows(sample, settings.tier), held_out_rows(sample, "select")
    embeddings = embeddings_by_encoder(job.paths["embeddings"], settings.features)
    (names, train_features), (_, select_features) = (
        read_features(
            settings.features,
            embeddings,
            job.paths["catalogue"],
            rows["object_id"].to_numpy(),
            settings.normalize,
        )
        for rows in (train, select)
    )
    job.rows_in = len(train) + len(select)
    job.log.event("fit", train=len(train), lenses=int(train["label"].sum()), select=len(select), features=len(names))
    fitted = probe.fit(
        train_features,
        train["label"].to_numpy(),
        select_features,
        select["label"].to_numpy(),
        l2=settings.l2,
        max_iterations=settings.max_iterations,
        history_size=settings.history_size,
        gradient_tolerance=settings.gradient_tolerance,
        inspect=settings.top_n.inspect,
        search_size=settings.top_n.of,
    )
    chosen = next(row for row in fitted.history if row["chosen"])
    job.log.event("chosen", top_n=fitted.top_n, **{key: chosen[key] for key in ("l2", "iteration", "loss")})
    job.log.event("on the select set", **{key: value for key, value in chosen.items() if key.startswith("select_")})
    about = {
        "kind": "probe",
        "features": settings.features,
        "normalize": settings.normalize,
        "names": names,
        "l2": fitted.l2,
        "iteration": fitted.iteration,
        "top_n": fitted.top_n,
    }
    with atomic(job.out["weights"]) as temporary:
        save_weights(temporary, fitted.network.state_dict(), about)
    write_text(job.out["history"], history_text(probe.HISTORY, fitted.history))
    job.rows_out = len(names)


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "train_probe",
        run,
        argv,
        inputs=("embeddings*", "catalogue+", "sample"),
        outputs=("weights", "history"),
        values=("name",),
    )


if __name__ == "__main__":
    raise SystemExit(main())
