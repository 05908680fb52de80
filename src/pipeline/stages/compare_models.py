"""Paired differences between models, on all judged objects and on lens hosts and non-lenses that look alike.

Inputs: scores of all models, catalogue, splits, labels, truth (simulated surveys). Output: the comparison as JSON.
"""

import json

from pipeline.assess import judged as judging
from pipeline.assess import matching
from pipeline.assess.compare import compare
from pipeline.data.atomic import write_text
from pipeline.data.datasets import read_results
from pipeline.errors import PipelineError
from pipeline.settings.assess import Comparison, Judged, Ranking
from pipeline.stages._door import Job, door
from pipeline.stages._judged import read_judged


def run(job: Job) -> None:
    """Compare and write."""
    settings, ranking = Judged.parse(job.settings["judged"]), Ranking.parse(job.settings["ranking"])
    comparison = Comparison.parse(job.settings["comparison"])
    judged = read_judged(job, settings, list(matching.COLUMNS))
    table = judged.table
    models = sorted({path.parent.name for path in job.paths["scores"]})
    scores = {}
    for name in models:
        manifests = [path for path in job.paths["scores"] if path.parent.name == name]
        scores[name] = judging.scores_of(table, read_results(manifests, ["score"]), model=name)
    unknown = {pair.first for pair in comparison.pairs} | {pair.second for pair in comparison.pairs}
    if unknown := sorted(unknown - set(models)):
        raise PipelineError(
            "a comparison names what is no model",
            where="assess.comparison.pairs",
            value=", ".join(unknown),
            allowed=", ".join(models),
        )
    calipers = comparison.matching.plain()
    per_lens = calipers.pop("per_lens")
    matched = matching.match(table, calipers, per_lens)
    weight = matching.weights(matched, table["is_lens"].to_numpy())
    options = {
        "pairs": [(pair.first, pair.second) for pair in comparison.pairs],
        "rates": ranking.false_positive_rates,
        "minimum": ranking.minimum_false_positives,
        "bootstrap": settings.bootstrap,
        "confidence": settings.confidence,
        "seed": job.settings["seed"],
    }
    labels, system = table["is_lens"].to_numpy(), table["system"].to_numpy()
    found = {
        "simulated": job.settings["simulated"],
        "judged": judged.summary,
        "all": compare(labels, scores, system, **options),
        "matched": {"lenses_of": int(labels.sum()), "calipers": calipers, "per_lens": per_lens},
    }
    try:
        found["matched"].update(compare(labels, scores, system, weights=weight, **options))
        found["matched"]["balance"] = matching.balance(table, weight)
    except PipelineError as error:  # a small run has too few objects that look alike
        job.log.warning("no comparison of matched objects", reason=f"'{error.what}'")
        found["matched"]["not_measurable"] = error.what
    write_text(job.out["out"], json.dumps(found, indent=1, sort_keys=True, allow_nan=False) + "\n")


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "compare_models",
        run,
        argv,
        inputs=("scores+", "catalogue+", "splits", "labels", "truth*"),
        outputs=("out",),
    )


if __name__ == "__main__":
    raise SystemExit(main())
