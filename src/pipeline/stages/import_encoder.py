"""Take over an encoder trained elsewhere. A file of torch weights in; weights as the other encoders have them out."""

import torch

from pipeline.data.atomic import atomic
from pipeline.learn import encoder
from pipeline.settings.encoders import PublishedWeights
from pipeline.stages._door import Job, door
from pipeline.surveys.published_weights import read_weights


def run(job: Job) -> None:
    """Check the weights against the network of the settings and write them."""
    setting = PublishedWeights.parse(job.settings["encoder"], where="encoders." + job.values["name"])
    network = encoder.build(setting.network, 0)
    state = read_weights(job.paths["published"], setting.prefix, network.state_dict())
    count = sum(value.numel() for value in state.values() if torch.is_floating_point(value))
    job.log.event("read", file=job.paths["published"], tensors=len(state), numbers=count)
    with atomic(job.out["weights"]) as temporary:
        encoder.save(temporary, state, setting.network, setting.view)


def main(argv=None) -> int:
    """Run the stage."""
    return door("import_encoder", run, argv, inputs=("published",), outputs=("weights",), values=("name",))


if __name__ == "__main__":
    raise SystemExit(main())
