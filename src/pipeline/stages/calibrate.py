"""Fit the curve from a model's scores to probabilities, on the calibrate set.

Inputs: scores, sample. Output: the curve with its reliability, JSON.
"""

import json

from pipeline.data.atomic import write_text
from pipeline.data.datasets import read_results
from pipeline.data.lookup import rows_of
from pipeline.learn.calibration import calibrate
from pipeline.settings.calibrate import Calibrate
from pipeline.stages._door import Job, door
from pipeline.stages._sample import held_out_rows, read_sample


def run(job: Job) -> None:
    """Read the scores of the calibrate set, fit, write."""
    settings = Calibrate.parse(job.settings["calibrate"])
    rows = held_out_rows(read_sample(job.paths["sample"]), "calibrate")
    scores = read_results(job.paths["scores"], ["score"])
    at = rows_of(scores["object_id"], rows["object_id"].to_numpy(), "--scores", "object")
    result = calibrate(
        scores["object_id"][at],
        scores["score"][at],
        rows["label"].to_numpy(),
        seed=job.settings["seed"],
        **settings.plain(),
    )
    job.rows_in, job.rows_out = len(scores["object_id"]), len(rows)
    job.log.event(
        "fitted",
        lenses=result["lenses"],
        objects=result["objects"],
        brier=result["brier"],
        brier_of_constant=result["brier_of_constant"],
    )
    content = {"model": job.values["name"], **result}
    write_text(job.out["out"], json.dumps(content, indent=1, sort_keys=True) + "\n")


def main(argv=None) -> int:
    """Run the stage."""
    return door("calibrate", run, argv, inputs=("scores+", "sample"), outputs=("out",), values=("name",))


if __name__ == "__main__":
    raise SystemExit(main())
