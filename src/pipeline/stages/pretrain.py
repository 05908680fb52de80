"""Pre-train an encoder by momentum contrast. Images, catalogue, splits, fitted augmentations in; weights, curve out."""

import json

from pipeline.data.atomic import atomic, write_text
from pipeline.errors import PipelineError
from pipeline.images.distributions import Distributions
from pipeline.images.own import check_known
from pipeline.learn import encoder
from pipeline.learn.checkpoints import Checkpoints
from pipeline.learn.curves import history_text
from pipeline.learn.device import set_up
from pipeline.learn.pretraining import HISTORY, check_size, pretrain
from pipeline.settings.augmentation import Augmentation
from pipeline.settings.encoders import MocoEncoder
from pipeline.stages._door import Job, door
from pipeline.stages._pretraining_sample import digests, pretraining_sample
from pipeline.stages._training import ranks_of


def run(job: Job) -> None:
    """Train, from a checkpoint of this very training where there is one."""
    setting = MocoEncoder.parse(job.settings["encoder"], where="encoders." + job.values["name"])
    fitted = json.loads(job.paths["augmentation"].read_text())
    augmentation = Augmentation.parse(fitted["settings"], where=job.paths["augmentation"])
    distributions = Distributions.parse(fitted["distributions"], where=job.paths["augmentation"])
    sample, pixel_scale = pretraining_sample(job)
    if abs(pixel_scale - augmentation.pixel_scale) > 1e-3 * pixel_scale:
        raise PipelineError(
            "the augmentations were fitted for other pixels than those of the images",
            where="augmentation.pixel_scale",
            value=f"{augmentation.pixel_scale} arcsec",
            allowed=f"{pixel_scale:.4g} arcsec",
        )
    check_size(len(sample.places), setting.training)
    for name, missing in check_known(sample.own, augmentation).items():
        if missing:
            job.log.warning("objects without a value of their own go without this augmentation", op=name, n=missing)
    inputs = digests(job, "images", "catalogue", "splits", "augmentation")
    identity = [inputs, job.settings, job.fingerprint, job.values["name"]]
    ranks = ranks_of(job)
    checkpoints = Checkpoints(job.work / "checkpoints" / job.key, identity, writes=ranks.rank == 0)
    device = set_up(setting.training.threads, job.device)
    job.log.event("training", device=device.type, threads=setting.training.threads, epochs=setting.training.epochs)
    state, history = pretrain(
        sample,
        setting,
        augmentation,
        distributions,
        seed=job.settings["seed"],
        device=device,
        checkpoints=checkpoints,
        log=job.log,
        ranks=ranks,
        stop=job.allocation.ending,
    )
    if ranks.rank:
        return
    job.rows_out = len(sample.places)
    write_text(job.out["history"], history_text(HISTORY, history))
    with atomic(job.out["weights"]) as temporary:
        encoder.save(temporary, state, setting.network, setting.view)
    checkpoints.clear()


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "pretrain",
        run,
        argv,
        inputs=("images+", "catalogue+", "splits", "augmentation"),
        outputs=("weights", "history"),
        values=("name",),
        network=True,
        resumes=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
