"""Take over scores computed elsewhere. Catalogue of a batch and a list of scores in; logits of its objects out."""

from pipeline.data.manifests import shard_paths
from pipeline.data.shards import write_result_shard
from pipeline.data.tables import read_parquet
from pipeline.settings.models import PublishedScores
from pipeline.stages._door import Job, door
from pipeline.surveys.published import ScoreList


def run(job: Job) -> None:
    """Give each object of each shard its score."""
    setting = PublishedScores.parse(job.settings["model"], where="models." + job.values["name"])
    published = ScoreList(job.paths["published"], setting)
    paths = dict(shard_paths(job.paths["catalogue"], ".parquet"))

    def make(name: str, temporary: dict) -> int:
        table = read_parquet(paths[name], ["object_id", "ra", "dec"])
        object_id = table["object_id"].to_numpy()
        score, named = published.of(object_id, table["ra"].to_numpy(), table["dec"].to_numpy())
        job.log.event("scored", shard=name, listed=named, unlisted=len(table) - named)
        write_result_shard(temporary["out"], object_id=object_id, score=score)
        return len(table)

    entries = [(name, [path, job.paths["published"]]) for name, path in paths.items()]
    job.dataset(outputs={"out": (job.out["out"], ".h5")}, entries=entries, make=make)


def main(argv=None) -> int:
    """Run the stage."""
    return door("import_scores", run, argv, inputs=("catalogue", "published"), outputs=("out",), values=("name",))


if __name__ == "__main__":
    raise SystemExit(main())
