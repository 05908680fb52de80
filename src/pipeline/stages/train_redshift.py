"""Train a network that gives redshifts.

Inputs: shards of spectra, sample. Outputs: weights and the training's curves.
"""

import dataclasses
import importlib

from pipeline.data import random
from pipeline.data.atomic import atomic, write_text
from pipeline.errors import Stopped
from pipeline.learn.checkpoints import save_weights
from pipeline.learn.curves import history_text
from pipeline.learn.device import generator, set_up
from pipeline.learn.redshift.folds import WHOLE, Validation
from pipeline.learn.redshift.labels import Labels, reweighted
from pipeline.learn.redshift.training import HISTORY, Spectra, Training, outputs
from pipeline.settings.spectra.estimators import Trained
from pipeline.spectra.inputs import make_input
from pipeline.stages._door import Job, door
from pipeline.stages._redshift_training import checkpoints_of
from pipeline.stages._spectra import read_spectra, sample_rows
from pipeline.stages._training import ranks_of


def run(job: Job) -> None:
    """Read the sample's spectra into memory, train from the start or a checkpoint, write the best epoch."""
    settings = Trained.parse({"network": job.settings["estimator"]}).network
    plan, seed, name = settings.training, int(job.settings["seed"]), job.values["name"]
    device = set_up(plan.threads, job.device)
    estimator = importlib.import_module(f"pipeline.learn.estimators.{settings.kind}")
    size = settings.size.plain()

    def read(which: str):
        rows = sample_rows(job.paths["sample"], (which,))
        job.rows_in += len(rows)
        found, usable = read_spectra(job.paths["shards"], rows, lambda *block: make_input(*block, settings.input))
        if len(usable) < len(rows):
            job.log.event("spectra without usable pixels", set=which, left_out=len(rows) - len(usable))
        return found, rows.iloc[usable]

    (spectra, rows), (held_out, _) = read("train"), read("select")
    labels = dataclasses.replace(spectra.labels, weight=reweighted(spectra.labels, plan.reweight))
    ranks = ranks_of(job)

    def start(labels: Labels, fold: int) -> Training:
        stage = f"train_redshift/{name}" if fold == WHOLE else f"train_redshift/{name}/{fold}"
        task = estimator.begin(settings, labels)
        network = estimator.network(size, spectra.inputs.shape[1], task, generator(random.stream(seed, stage)))
        return Training(network, task, plan, device, seed, stage, ranks)

    work = Validation(start, Spectra(spectra.inputs, labels), held_out, rows["fold"].to_numpy(), plan.folds)
    checkpoints = checkpoints_of(job, plan.checkpoint_seconds, ranks)
    saved = checkpoints.load()
    if saved is not None:
        work.restore(saved)
        job.log.event("resume", fold=work.fold, epoch=work.training.epoch + 1, step=work.training.step)
    job.log.event(
        "train", train=len(labels), quasars=int(labels.quasar.sum()), select=len(held_out), device=device
    )

    def after_step() -> None:
        ended = work.fold == WHOLE and work.training.epoch == plan.epochs
        stopped = ranks.any(job.allocation.ending(), device) and not ended
        checkpoints.offer(work.state, now=stopped)
        if stopped:
            raise Stopped(f"step {work.training.step} of epoch {work.training.epoch + 1}")

    work.run(
        batch=settings.scoring.batch,
        progress=lambda steps, epoch: job.log.progress(
            steps, total=len(steps), unit="steps", desc=f"epoch {epoch + 1} of {plan.epochs}"
        ),
        after_step=after_step,
        after_epoch=lambda fold, row: job.log.event(
            f"epoch {row['epoch']} of {plan.epochs}",
            **({} if fold == WHOLE else {"fold": fold}),
            loss=f"{row['loss']:.4f}",
            select_loss=f"{row['select_loss']:.4f}",
            select_accuracy_6000=f"{row['select_accuracy_6000']:.4f}",
        ),
    )
    training = work.training
    ranks.check_equal(training.network, device)
    if ranks.rank:
        return
    best = training.best
    job.log.event("chosen", epoch=best["epoch"])
    training.network.load_state_dict(best["weights"])
    training.task.measure(
        outputs(training.network, held_out.inputs, settings.scoring.batch, device), held_out.labels
    )
    about = {
        "kind": settings.kind,
        "size": size,
        "input": settings.input.plain(),
        "task": training.task.about(),
        "epoch": best["epoch"],
    }
    with atomic(job.out["weights"]) as temporary:
        save_weights(temporary, best["weights"], about)
    history = work.history()
    write_text(job.out["history"], history_text(HISTORY, history))
    checkpoints.clear()
    job.rows_out = len(history)


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "train_redshift",
        run,
        argv,
        inputs=("shards+", "sample"),
        outputs=("weights", "history"),
        values=("name",),
        network=True,
        resumes=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
