"""What the stages that train on spectra share: checkpoints, several trainings one after another."""

from pipeline.data.manifests import sha256
from pipeline.errors import Stopped
from pipeline.learn.checkpoints import Checkpoints
from pipeline.learn.ranks import ALONE, Ranks
from pipeline.learn.redshift.series import Series
from pipeline.stages._door import Job


def checkpoints_of(job: Job, seconds: float, ranks: Ranks = ALONE) -> Checkpoints:
    """Return the checkpoints of a stage that trains on shards of spectra and a sample."""
    identity = {
        "settings": job.settings,
        "code": job.fingerprint,
        "inputs": [sha256(path) for path in (*job.paths["shards"], job.paths["sample"])],
    }
    return Checkpoints(job.work / "checkpoints" / job.key, identity, seconds, writes=ranks.rank == 0)


def series_of(job: Job, checkpoints: Checkpoints) -> Series:
    """Return the series of trainings of a stage, fresh or from its checkpoint."""
    saved = checkpoints.load()
    if saved is not None:
        job.log.event("resume", ended=len(saved["finished"]))

    def after_step(series: Series) -> None:
        stopped = job.allocation.ending()
        checkpoints.offer(series.state, now=stopped)
        if stopped:
            raise Stopped(f"training {len(series.finished) + 1}")

    return Series(
        saved,
        lambda steps, number, epoch: job.log.progress(
            steps, total=len(steps), unit="steps", desc=f"training {number}, epoch {epoch + 1}"
        ),
        after_step,
    )
