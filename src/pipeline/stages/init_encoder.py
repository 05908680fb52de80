"""Make an untrained encoder: random weights, statistics of one pass. Images, catalogue, splits in; weights out."""

import torch

from pipeline.data.atomic import atomic, write_text
from pipeline.errors import PipelineError
from pipeline.images.network_input import plain_view
from pipeline.learn import encoder
from pipeline.learn.batchnorm import set_statistics
from pipeline.learn.curves import history_text
from pipeline.learn.device import set_up
from pipeline.learn.image_loader import groups
from pipeline.learn.pretraining import HISTORY
from pipeline.settings.encoders import UntrainedEncoder
from pipeline.stages._door import Job, door
from pipeline.stages._pretraining_sample import pretraining_sample


def run(job: Job) -> None:
    """Pass once over the pre-training sample, in the order of object_id."""
    setting = UntrainedEncoder.parse(job.settings["encoder"], where="encoders." + job.values["name"])
    sample, _ = pretraining_sample(job)
    n = len(sample.places) // setting.batch
    if not n:
        raise PipelineError(
            "the batch exceeds the pre-training sample",
            where=f"encoders.{job.values['name']}.batch",
            value=setting.batch,
            allowed=f"at most {len(sample.places)}",
        )
    device = set_up(setting.threads, job.device)
    network = encoder.build(setting.network, job.settings["seed"]).to(device, memory_format=torch.channels_last)
    order = torch.arange(n * setting.batch).numpy().reshape(n, setting.batch)
    loaded = groups(sample.paths, sample.places, ((0, positions) for positions in order), workers=0)
    batches = (
        plain_view(images.to(device), setting.view).contiguous(memory_format=torch.channels_last)
        for _, _, images, _ in loaded
    )
    set_statistics(network, job.log.progress(batches, total=n, unit="batches"))
    job.rows_out = n * setting.batch
    write_text(job.out["history"], history_text(HISTORY, []))
    with atomic(job.out["weights"]) as temporary:
        encoder.save(temporary, network.state_dict(), setting.network, setting.view)


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "init_encoder",
        run,
        argv,
        inputs=("images+", "catalogue+", "splits"),
        outputs=("weights", "history"),
        values=("name",),
        network=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
