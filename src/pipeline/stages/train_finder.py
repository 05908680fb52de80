"""Train a supervised lens finder on the sample.

Inputs: images, sample, the fitted distributions of the augmentations. Outputs: weights and the training's curves.
"""

import importlib
import json
from pathlib import Path

import numpy as np
import torch

from pipeline.data import random
from pipeline.data.atomic import atomic, write_text
from pipeline.data.manifests import sha256, shard_paths
from pipeline.data.shards import ImageShard
from pipeline.errors import Stopped
from pipeline.images.distributions import Distributions
from pipeline.images.own import COLUMNS, Own, check_known
from pipeline.learn import supervised
from pipeline.learn.checkpoints import Checkpoints, save_weights
from pipeline.learn.curves import history_text
from pipeline.learn.device import generator, set_up
from pipeline.learn.image_loader import find
from pipeline.settings.augmentation import Augmentation
from pipeline.settings.models import Finder
from pipeline.stages._door import Job, door
from pipeline.stages._sample import held_out_rows, read_sample, training_rows
from pipeline.stages._training import ranks_of


def _read(paths: list[Path], object_id: np.ndarray, take) -> tuple[np.ndarray, Own, list[str]]:
    """Return take(images) of the objects (N,), what they have of noise, PSF and dust, and the bands."""
    places, pixel_scale = find(paths, object_id)
    images, columns, bands = None, {name: np.empty(len(object_id)) for name in COLUMNS}, []
    for index in np.unique(places.shard):
        of = np.flatnonzero(places.shard == index)
        with ImageShard(paths[index]) as shard:
            bands = shard.attrs["bands"]
            for name in COLUMNS:
                columns[name][of] = shard.column(name)[places.row[of]]
            for start in range(0, len(of), 256):  # a few at a time: a cutout is larger than what is kept of it
                rows = of[start : start + 256]
                part = take(torch.from_numpy(shard.read(places.row[rows]))).numpy()
                if images is None:
                    images = np.empty((len(object_id), *part.shape[1:]), dtype=np.float32)
                images[rows] = part
    return images, Own.of(columns, pixel_scale), bands


def run(job: Job) -> None:
    """Read the sample's cutouts into memory, train from the start or a checkpoint, write the best epoch."""
    settings = Finder.parse(job.settings["model"])
    plan, seed, name = settings.training, int(job.settings["seed"]), job.values["name"]
    device = set_up(plan.threads, job.device)
    augmentation = Augmentation.parse(job.settings["augmentation"])
    fitted = json.loads(job.paths["augmentation"].read_text(encoding="utf-8"))
    distributions = Distributions.parse(fitted["distributions"], where=job.paths["augmentation"])
    sample = read_sample(job.paths["sample"])
    train, select = training_rows(sample, plan.tier), held_out_rows(sample, "select")
    for which, rows in (("train", train), ("select", select)):
        supervised.check_labels(which, rows["label"].to_numpy())
    paths = [path for manifest in job.paths["images"] for _, path in shard_paths(manifest, ".h5")]
    largest_blur = 0.0
    if plan.augmentation.conditions and augmentation.psf != "off":
        largest_blur = max((band.high**2 - band.low**2) ** 0.5 for band in distributions.psf)
    side = supervised.margin(settings.input.crop, plan.augmentation, largest_blur)
    images, own, bands = _read(
        paths,
        train["object_id"].to_numpy(),
        lambda part: supervised.centre_crop(part, min(side, *part.shape[-2:])),
    )
    if plan.augmentation.conditions:
        job.log.event("objects without a value to start from", **check_known(own, augmentation))
    cutouts = supervised.Cutouts(images, own, train["object_id"].to_numpy(), train["label"].to_numpy())
    rule = supervised.measure_rule(images, settings.input)
    inputs, _, _ = _read(paths, select["object_id"].to_numpy(), lambda part: rule.standardise(rule.crop(part)))
    job.rows_in = len(train) + len(select)
    network = importlib.import_module(f"pipeline.models.{settings.network}").build(
        len(bands), generator(random.stream(seed, "train_finder", name))
    )
    ranks = ranks_of(job)
    training = supervised.Training(network.to(device), plan, device, ranks)
    identity = {
        "settings": job.settings,
        "code": job.fingerprint,
        "inputs": [sha256(path) for path in (*job.paths["images"], job.paths["sample"], job.paths["augmentation"])],
    }
    folder = job.work / "checkpoints" / job.key
    checkpoints = Checkpoints(folder, identity, plan.checkpoint_seconds, writes=ranks.rank == 0)
    saved = checkpoints.load()
    if saved is not None:
        training.restore(saved)
        job.log.event("resume", epoch=training.epoch + 1, step=training.step)
    job.log.event("train", train=len(train), lenses=int(train["label"].sum()), select=len(select), device=device)

    def after_step() -> None:
        stopped = ranks.any(job.allocation.ending(), device) and training.epoch < plan.epochs
        checkpoints.offer(training.state, now=stopped)
        if stopped:
            raise Stopped(f"step {training.step} of epoch {training.epoch + 1}")

    supervised.train(
        training,
        cutouts,
        (select["label"].to_numpy(), torch.from_numpy(inputs)),
        rule,
        supervised.Views(plan.augmentation, augmentation, distributions, seed, f"train_finder/{name}"),
        score_batch=settings.score_batch,
        progress=lambda steps, epoch: job.log.progress(
            steps, total=len(steps), unit="steps", desc=f"epoch {epoch + 1} of {plan.epochs}"
        ),
        after_step=after_step,
        after_epoch=lambda row: job.log.event(
            f"epoch {row['epoch']} of {plan.epochs}",
            loss=f"{row['loss']:.4f}",
            select_average_precision=f"{row['select_average_precision']:.4f}",
        ),
    )
    ranks.check_equal(training.network, device)
    if ranks.rank:
        return
    best = training.best
    job.log.event("chosen", epoch=best["epoch"], select_average_precision=f"{best['average_precision']:.4f}")
    about = {
        "kind": "finder",
        "network": settings.network,
        "input": settings.input.plain(),
        "bands": bands,
        "epoch": best["epoch"],
    }
    with atomic(job.out["weights"]) as temporary:
        save_weights(temporary, {**best["weights"], **supervised.rule_state(rule)}, about)
    history = [{**row, "chosen": int(row["epoch"] == best["epoch"])} for row in training.history]
    write_text(job.out["history"], history_text(supervised.HISTORY, history))
    checkpoints.clear()
    job.rows_out = len(training.history)


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "train_finder",
        run,
        argv,
        inputs=("images+", "sample", "augmentation"),
        outputs=("weights", "history"),
        values=("name",),
        network=True,
        resumes=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
