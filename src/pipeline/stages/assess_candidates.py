"""What became of the known lenses and of the planted ones that stand in no list.

Inputs: candidates and grades of all rounds so far, labels, sample, scores, catalogue, the raw survey, the list of
shards, truth (simulated surveys). Output: fates of the known lenses, enrichment and purity, as JSON.
"""

import json

from pipeline import graph
from pipeline.assess import enrichment, missed
from pipeline.assess.rounds import combine
from pipeline.data.atomic import write_text
from pipeline.data.datasets import read_results, read_tables
from pipeline.data.tables import read_parquet
from pipeline.settings.assess import Judged
from pipeline.settings.ingest import Ingest
from pipeline.stages._door import Job, door
from pipeline.stages._frames import read_frame
from pipeline.stages._judged import read_truth
from pipeline.stages._raw_sources import cuts_at


def run(job: Job) -> None:
    """Follow each known lens through the pipeline, then compare with the truth."""
    settings, ingest = Judged.parse(job.settings["judged"]), Ingest.parse(job.settings["ingest"])
    rounds = [[read_frame(path) for path in job.paths[name]] for name in ("candidates", "grades")]
    told = combine(*rounds, job.settings["system_arcsec"])
    ids = read_tables(job.paths["catalogue"], ["object_id"])["object_id"].to_numpy()
    job.rows_in, job.rows_out = len(ids), len(told)

    known = missed.systems(read_frame(job.paths["labels"]))
    places = {}
    for model in sorted({path.parent.name for path in job.paths["scores"]}):
        scores = read_results([path for path in job.paths["scores"] if path.parent.name == model], ["score"])
        places[model] = missed.ranks_of(scores["object_id"], scores["score"])
    rows = [vars(row) for row in graph.read_shards(job.paths["shards"], "CONFIG")]
    radius = job.settings["system_arcsec"]
    unmatched = known[known["object_id"] == 0]
    cuts = cuts_at(unmatched, rows, job.settings["survey"], ingest, job.values["root"], radius)
    sample = read_parquet(job.paths["sample"], ["object_id", "label", "set"])
    training = set(sample["object_id"][(sample["label"] == 1) & (sample["set"] == "train")].tolist())
    fates = missed.fates(known, told, places, cuts, training)

    counts = fates["fate"].value_counts()
    found = {
        "simulated": job.settings["simulated"],
        "confidence": settings.confidence,
        "objects": len(ids),
        "candidates": len(told),
        "graded": int(told["graded"].sum()),
        "known": {
            "systems": len(fates),
            "fates": {name: int(counts.get(name, 0)) for name in missed.FATES},
            "by_visibility": {
                str(seen): {str(fate): int(n) for fate, n in part["fate"].value_counts().sort_index().items()}
                for seen, part in fates.groupby("visibility", sort=True)
            },
            "rows": [
                {
                    **{name: row[name] for name in ("known_name", "lists", "visibility", "fate", "detail", "model")},
                    "ra": round(float(row["known_ra"]), 6),
                    "dec": round(float(row["known_dec"]), 6),
                    "object_id": str(row["object_id"]),
                    "rank": int(row["rank"]),
                    "training": bool(row["training"]),
                }
                for row in fates.to_dict("records")
            ],
        },
    }
    job.log.event("known lenses", **{name.replace(" ", "_"): number for name, number in counts.items()})
    if (truth := read_truth(job.paths["truth"])) is not None:
        planted = enrichment.unlisted_in_catalogue(ids, truth)
        true = enrichment.with_truth(told, truth, settings.exclusion_arcsec)
        found["unlisted"] = {
            "planted": len(planted),
            "rows": enrichment.enrichment(true, planted, len(ids), settings.confidence),
        }
        found["purity"] = enrichment.purity(true, settings.confidence)
    write_text(job.out["out"], json.dumps(found, indent=1, sort_keys=True, allow_nan=False) + "\n")


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "assess_candidates",
        run,
        argv,
        inputs=("candidates+", "grades*", "labels", "sample", "scores*", "catalogue+", "survey*", "truth*", "shards"),
        outputs=("out",),
        values=("root",),
    )


if __name__ == "__main__":
    raise SystemExit(main())
