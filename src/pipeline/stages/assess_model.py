"""How well one model ranks the judged objects.

Inputs: scores, catalogue, splits, labels, calibration, truth (simulated surveys). Output: the assessment as JSON.
"""

import json

from pipeline.assess import judged as judging
from pipeline.assess.model_report import measures
from pipeline.data.atomic import write_text
from pipeline.data.datasets import read_results
from pipeline.learn.calibration import probability
from pipeline.settings.assess import Judged, Ranking
from pipeline.stages._door import Job, door
from pipeline.stages._judged import read_judged


def run(job: Job) -> None:
    """Measure and write."""
    settings = Judged.parse(job.settings["judged"])
    ranking = Ranking.parse(job.settings["ranking"])
    judged = read_judged(job, settings, [])
    scores = judging.scores_of(judged.table, read_results(job.paths["scores"], ["score"]), model=job.values["name"])
    probabilities = None
    for path in job.paths["calibration"]:
        calibration = json.loads(path.read_text(encoding="utf-8"))
        # Probabilities hold at a share of lenses; to be checked they are moved to that of the judged objects.
        share = float(judged.table["is_lens"].mean())
        probabilities = probability({**calibration, "survey_share": share}, scores)
    found = {
        "model": job.values["name"],
        "simulated": job.settings["simulated"],
        "judged": judged.summary,
        "confidence": settings.confidence,
        **measures(judged.table, scores, probabilities, settings, ranking, job.settings["seed"]),
    }
    write_text(job.out["out"], json.dumps(found, indent=1, sort_keys=True, allow_nan=False) + "\n")


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "assess_model",
        run,
        argv,
        inputs=("scores+", "catalogue+", "splits", "labels", "calibration*", "truth*"),
        outputs=("out",),
        values=("name",),
    )


if __name__ == "__main__":
    raise SystemExit(main())
