"""Candidates of all models and searches, merged by system and ranked; known ones are marked.

Inputs: scores and calibrations of the models, neighbours of the searched encoders, catalogue, labels, sample, lists of
known objects. Output: candidates.ecsv.
"""

import json

import numpy as np

from pipeline.assess import ranking
from pipeline.assess.candidate_table import as_table
from pipeline.data.datasets import read_results, read_tables
from pipeline.data.tables import read_parquet, write_ecsv
from pipeline.errors import PipelineError
from pipeline.learn.calibration import probability
from pipeline.search import index, queries
from pipeline.settings.labels import Labels
from pipeline.settings.rank import Rank
from pipeline.settings.searches import Search
from pipeline.stages._door import Job, door
from pipeline.stages._frames import read_frame
from pipeline.stages._known_lists import read_entries


def run(job: Job) -> None:
    """Gather, merge, mark, write."""
    settings, labels = Rank.parse(job.settings["rank"]), Labels.parse(job.settings["labels"])
    bands = sorted({"r", "z", settings.magnitude_band})
    columns = ["ra", "dec", "region", "type", "flags", *(f"flux_{band}" for band in bands)]
    catalogue = read_tables(job.paths["catalogue"], columns)
    sample = read_parquet(job.paths["sample"], ["object_id", "label", "set"])
    models = [_scores(job, name, catalogue["object_id"].to_numpy()) for name in _models(job, settings)]
    searches = [_found(job, Search.parse(value), catalogue, sample) for value in job.settings["searches"]]

    everything = ranking.candidates(catalogue, models, searches, settings)
    table = ranking.merge_systems(everything, settings.system_arcsec)
    known = read_entries(job.paths["lists"], labels)
    known = known[known.ra.notna()].reset_index(drop=True)
    table = ranking.mark_known(table, everything[["object_id", "ra", "dec"]], known, labels.radius_arcsec)
    table = ranking.mark_labels(table, read_frame(job.paths["labels"]), queries.training_lenses(sample))
    table["in_batch"] = ranking.choose_batch(table, settings)

    written = as_table(table, settings.models)
    counts = ranking.counts(table, settings)
    written.meta = {"searches": _queries(searches, catalogue), "counts": counts}
    write_ecsv(written, job.out["out"])
    job.rows_in, job.rows_out = len(catalogue), len(written)
    job.log.event(
        "candidates",
        systems=len(written),
        known=int(table["known"].sum()),
        in_batch=int(table["in_batch"].sum()),
        **{name: source["candidates"] for name, source in counts["sources"].items()},
    )


def _models(job: Job, settings: Rank) -> list[str]:
    """Return the models that put candidates forward. Raises PipelineError when one has no scores."""
    scored = json.loads(job.values["models"])["names"]
    unknown = [name for name in settings.models if name not in scored]
    if unknown:
        raise PipelineError(
            "rank.models names what is no model", where="rank.models", value=unknown, allowed=", ".join(scored)
        )
    return settings.models


def _scores(job: Job, name: str, object_id: np.ndarray) -> ranking.Scores:
    """Return logits and probabilities of a model, NaN for objects that it does not score."""
    manifests = [path for path in job.paths["scores"] if path.parent.name == name]
    curves = [path for path in job.paths["calibrations"] if path.parent.name == name]
    if not manifests or len(curves) != 1:
        raise PipelineError("a model lacks scores or calibration", where="--scores, --calibrations", value=name)
    found = read_results(manifests, ["score"])
    score = np.full(len(object_id), np.nan)
    place = np.searchsorted(object_id, found["object_id"]).clip(max=len(object_id) - 1)
    there = object_id[place] == found["object_id"]
    score[place[there]] = found["score"][there]
    return ranking.Scores(name, score, probability(json.loads(curves[0].read_text(encoding="utf-8")), score))


def _found(job: Job, search: Search, catalogue, sample) -> queries.Found:
    """Run one named search: look its query up in the lists of neighbours."""
    manifests = [path for path in job.paths["neighbours"] if path.parent.name == search.encoder]
    if not manifests:
        raise PipelineError(
            "a search names an encoder without neighbours", where=f"searches: {search.name}", value=search.encoder
        )
    query = queries.query_object(search, catalogue, sample)
    return queries.take(search, query, index.read_lists(manifests[0], query))


def _queries(searches: list[queries.Found], catalogue) -> dict:
    """Return the provenance of the searches, JSON-ready; ids are text."""
    at = catalogue.set_index("object_id")
    return {
        found.name: {
            "encoder": found.encoder,
            "query": str(found.query_id),
            "ra": round(float(at.at[found.query_id, "ra"]), 6),
            "dec": round(float(at.at[found.query_id, "dec"]), 6),
            "found": len(found.object_id),
        }
        for found in searches
    }


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "rank",
        run,
        argv,
        inputs=("scores*", "calibrations*", "neighbours*", "catalogue+", "labels", "sample", "lists*"),
        outputs=("out",),
        values=("models",),
    )


if __name__ == "__main__":
    raise SystemExit(main())
