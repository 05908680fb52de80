"""Embed every image of a batch of shards. Image shards and an encoder in; embeddings and their lengths out."""

from pipeline.data.manifests import shard_paths
from pipeline.data.shards import ImageShard, write_result_shard
from pipeline.learn import encoder
from pipeline.learn.device import set_up
from pipeline.learn.embedding import embed
from pipeline.settings.embed import Embed
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Embed the shards that are not finished yet."""
    setting = Embed.parse(job.settings["embed"], where="embed")
    device = set_up(setting.threads, job.device)
    network, view = encoder.load(job.paths["weights"], device)
    paths = dict(shard_paths(job.paths["images"], ".h5"))

    def make(name: str, temporary: dict) -> int:
        with ImageShard(paths[name]) as shard:
            embedding, norm = embed(shard, network, view, setting.batch, device)
            write_result_shard(temporary["out"], object_id=shard.object_id, embedding=embedding, norm=norm)
        return len(norm)

    job.log.event("embedding", device=device.type, threads=setting.threads, shards=len(paths))
    job.dataset(
        outputs={"out": (job.out["out"], ".h5")},
        entries=[(name, [path, job.paths["weights"]]) for name, path in paths.items()],
        make=make,
    )


def main(argv=None) -> int:
    """Run the stage."""
    return door("embed", run, argv, inputs=("images", "weights"), outputs=("out",), values=("name",), network=True)


if __name__ == "__main__":
    raise SystemExit(main())
