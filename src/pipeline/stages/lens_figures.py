"""The figures of a release.

Inputs: the published table and counts, assessments, comparison, training ratios, check of the survey, audit of the
candidates, candidates, neighbours, catalogue, images, histories of training. Outputs: the figures that are asked for by
name (`--roc PATH`, ...), and their captions as JSON.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.data.atomic import write_text
from pipeline.data.datasets import read_tables
from pipeline.data.manifests import shard_paths
from pipeline.data.tables import read_ecsv, read_parquet
from pipeline.release.figures import style
from pipeline.release.figures.everything import FIGURES, Inputs
from pipeline.release.images import read_images
from pipeline.search.index import read_lists
from pipeline.settings.release import Gallery
from pipeline.stages._door import Job, door

COLUMNS = ["ra", "dec", "type", "flux_g", "flux_r", "flux_z", "z_phot_median"]


def run(job: Job) -> None:
    """Read, draw, write."""
    inputs = _inputs(job)
    first = next(iter(inputs.models.values()))["judged"]
    marks = style.Marks(
        run=inputs.counts["run"],
        simulated=inputs.counts["simulated"],
        share=f"judged: {first['share_text']}",
        label=first["label"],
    )
    captions = {}
    with style.look():
        for name in job.out:
            if name != "captions":
                figure, captions[name] = FIGURES[name](inputs)
                style.save(figure, marks, job.out[name])
    write_text(job.out["captions"], json.dumps(captions, indent=1, sort_keys=True) + "\n")
    job.rows_out = len(captions)


def _json(path: Path | list[Path]) -> dict | None:
    """Return the content of a JSON file; None for an input that this run does not have (an empty list)."""
    if isinstance(path, list):
        return _json(path[0]) if path else None
    return json.loads(path.read_text(encoding="utf-8"))


def _inputs(job: Job) -> Inputs:
    gallery = Gallery.parse(job.settings["gallery"])
    table = read_parquet(job.paths["table"])
    candidates = read_ecsv(job.paths["candidates"])
    searches = _searches(job, candidates.meta["searches"], table, gallery.neighbours)
    shown = {identity for search in searches for identity in [search["query"], *search["object_id"]]}
    shards = [path for manifest in job.paths["images"] for _, path in shard_paths(manifest, ".h5")]
    images, scale = read_images(shards, shown | set(table["OBJECT_ID"].tolist()))
    models = {path.stem: _json(path) for path in job.paths["assessments"]}
    return Inputs(
        table=table,
        catalogue=read_tables(job.paths["catalogue"], COLUMNS),
        models={name: models[name] for name in job.settings["models"]},
        comparison=_json(job.paths["differences"]),
        ratios=_json(job.paths["ratios"]),
        survey=_json(job.paths["survey_check"]),
        audit=_json(job.paths["audit"]),
        counts=_json(job.paths["counts"]),
        histories={path.parent.name: pd.read_csv(path) for path in job.paths["histories"] if path.stat().st_size},
        searches=searches,
        source_counts=candidates.meta["counts"],
        images=images,
        pixel_scale=scale,
        gallery=gallery,
    )


def _searches(job: Job, described: dict, table: pd.DataFrame, neighbours: int) -> list[dict]:
    """Return what each search found first, with the grades that it got."""
    grades = dict(zip(table["OBJECT_ID"].tolist(), table["GRADE"].tolist(), strict=True))
    found = []
    for name, search in described.items():
        manifests = [path for path in job.paths["neighbours"] if path.parent.name == search["encoder"]]
        ids, similarity = read_lists(manifests[0], int(search["query"]))
        there = np.flatnonzero(ids >= 0)[:neighbours]
        found.append(
            {
                "name": name,
                "query": int(search["query"]),
                "object_id": ids[there].tolist(),
                "similarity": similarity[there].tolist(),
                "grade": [grades.get(identity, "") for identity in ids[there].tolist()],
            }
        )
    return found


def main(argv=None) -> int:
    """Run the stage; the figures that the arguments name are its outputs."""
    given = sys.argv[1:] if argv is None else argv
    asked = tuple(name for name in FIGURES if f"--{name.replace('_', '-')}" in given)
    return door(
        "lens_figures",
        run,
        argv,
        inputs=(
            "table",
            "counts",
            "assessments+",
            "differences*",
            "ratios*",
            "survey_check*",
            "audit",
            "candidates",
            "neighbours*",
            "catalogue+",
            "images+",
            "histories*",
        ),
        outputs=("captions", *asked),
    )


if __name__ == "__main__":
    raise SystemExit(main())
