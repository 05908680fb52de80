"""Take over embeddings computed elsewhere. Image shards and two .npy files in; embeddings of a batch out."""

from pipeline.data.manifests import shard_paths
from pipeline.data.shards import ImageShard, write_result_shard
from pipeline.stages._door import Job, door
from pipeline.surveys.published import PublishedEmbeddings


def run(job: Job) -> None:
    """Give each object of each shard its embedding."""
    published = PublishedEmbeddings(job.paths["embeddings"], job.paths["ids"])
    paths = dict(shard_paths(job.paths["images"], ".h5"))

    def make(name: str, temporary: dict) -> int:
        with ImageShard(paths[name]) as shard:
            object_id = shard.object_id
        embedding, norm = published.of(object_id)
        write_result_shard(temporary["out"], object_id=object_id, embedding=embedding, norm=norm)
        return len(object_id)

    given = [job.paths["embeddings"], job.paths["ids"]]
    entries = [(name, [path, *given]) for name, path in paths.items()]
    job.dataset(outputs={"out": (job.out["out"], ".h5")}, entries=entries, make=make)


def main(argv=None) -> int:
    """Run the stage."""
    inputs = ("images", "embeddings", "ids")
    return door("import_embeddings", run, argv, inputs=inputs, outputs=("out",), values=("name",))


if __name__ == "__main__":
    raise SystemExit(main())
