"""Stand-ins of what the graphs of real surveys read, so that they resolve without any data."""

from pathlib import Path

import yaml

from pipeline.graph import into_batches, shards_text
from pipeline.surveys.spectra_sources import join_names

CONFIG = "config/legacy-dr9-stein2021.yaml"
FNET, RNET = "config/boss-dr16q-fnet2022.yaml", "config/boss-rnet-slides.yaml"
# Spectra that are wanted of a plate, if 326,535 quasars of the paper and 11,227 of the slides stand on 4000 plates.
OF_A_PLATE = {FNET: 82, RNET: 3}


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
    _write(folder, files)
    return {"LEGACYSURVEY_DIR": str(folder / "dr9"), "SLURM_ACCOUNT": "lab"}


def write_spectra(folder: Path, config: str, number: int) -> dict[str, str]:
    """Write a list of shards of spectra of BOSS and the table of quasars; return the variables that the settings name.

    Parameters
    ----------
    folder : Path
        A copy of the project.
    config : str
        FNET or RNET.
    number : int
        Shards, of as many spectra as the settings say.
    """
    settings = yaml.safe_load((folder / config).read_text())
    ingest, of_a_plate = settings["spectra"]["ingest"], OF_A_PLATE[config]
    shards = []
    for index in range(number):
        names = []
        for place in range(ingest["spectra_per_shard"]):
            plate = 3600 + index * -(-ingest["spectra_per_shard"] // of_a_plate) + place // of_a_plate
            fiber = 1 + place % of_a_plate * 12
            lite = f"eboss/spectro/redux/v5_13_0/spectra/lite/{plate:04d}"
            names.append(f"{lite}/spec-{plate:04d}-{51608 + plate:05d}-{fiber:04d}.fits")
        shards.append((f"t1-sdss-{index:05d}", "spectra", 1, join_names(names), ""))
    rows = into_batches(shards, ingest["shards_per_job"])
    table = settings["spectra"]["survey"]["quasars"]
    files = {f"results/{settings['run']}/spectra/shards.tsv": shards_text(rows)}
    _write(folder, files | ({table.replace("${SAS_BASE_DIR}", "sas"): ""} if table else {}))
    return {"SAS_BASE_DIR": str(folder / "sas"), "SLURM_ACCOUNT": "lab"}


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
