"""Stand-ins of what the graph of the settings of Stein et al. reads, so that it resolves without any data."""

from pathlib import Path

import yaml

from pipeline.graph import into_batches, shards_text

CONFIG = "config/legacy-dr9-stein2021.yaml"


def write(folder: Path, number: int, shards_per_job: int | None = None) -> dict[str, str]:
    """Write a list of shards, lists of lenses and sheets of people; return the variables that the settings name.

    The graph then resolves down to the release; there are no data behind it.

    Parameters
    ----------
    folder : Path
        A copy of the project.
    number : int
        Shards, one in four of them north.
    shards_per_job : int or None
        Written into the copy's settings; None keeps what stands there.
    """
    path = folder / CONFIG
    settings = yaml.safe_load(path.read_text())
    if shards_per_job:
        settings["ingest"]["shards_per_job"] = shards_per_job
        path.write_text(yaml.safe_dump(settings, sort_keys=False))
    bricks = ",".join(f"{brick:04d}p{brick % 600:03d}" for brick in range(settings["survey"]["bricks_per_shard"]))
    shards = []
    for index in range(number):
        region = ("south", "north")[index % 4 == 3]
        sources = f"sweep={region}/sweep/9.0/sweep-{index % 360:03d}p000-{index % 360:03d}p005.fits;bricks={bricks}"
        shards.append((f"{region}-{index:05d}", "images", 1, sources, region))
    run, labels = settings["run"], settings["labels"]
    rows = into_batches(shards, settings["ingest"]["shards_per_job"])
    files = {f"results/{run}/shards.tsv": shards_text(rows), labels["visibility"]: ""}
    files |= {known["path"]: "ra,dec,name\n" for known in labels["lists"]}
    for place, round_ in enumerate(settings["grading"]["rounds"], 1):
        files |= {f"grades/{run}/round-{place}/{grader['name']}.csv": "" for grader in round_["graders"]}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return {"LEGACYSURVEY_DIR": str(folder / "dr9"), "SLURM_ACCOUNT": "lab"}
