"""What the stages that train share: the ranks of a training, connected."""

from pipeline.learn import launch
from pipeline.learn.ranks import ALONE, Ranks
from pipeline.stages._door import Job


def ranks_of(job: Job) -> Ranks:
    """Return the ranks that train together, connected through GPUs or CPUs."""
    if job.world.size == 1:
        return ALONE
    launch.join(job.world, "nccl" if job.device.type == "cuda" else "gloo")
    return Ranks(job.world.rank, job.world.size)
