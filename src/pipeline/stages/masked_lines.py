"""Train on quasars whose strong lines are removed, and on the same ones with them (FNet paper, §4).

Inputs: shards of spectra, sample. Output: errors beside those of a constant, as JSON.
"""

import importlib
import json

import numpy as np

from pipeline.data.atomic import write_text
from pipeline.learn.device import set_up
from pipeline.learn.redshift.experiments import drawn, masked_lines
from pipeline.settings.spectra.experiments import MaskedLines
from pipeline.spectra.inputs import input_grid, make_input
from pipeline.stages._door import Job, door
from pipeline.stages._redshift_training import checkpoints_of, series_of
from pipeline.stages._spectra import read_spectra, sample_rows


def run(job: Job) -> None:
    """Train each network twice on quasars of the train and select sets; the judge set judges at most."""
    settings = MaskedLines.parse(job.settings["masked_lines"])
    rows = sample_rows(job.paths["sample"], ("train", "select", *(("judge",) if settings.test is None else ())))
    inside = rows["label_z"].between(*settings.z) & (rows["label_class"] == "quasar")
    rows = rows[inside]
    rows = rows.iloc[drawn(rows["spectrum_id"].to_numpy(), settings.spectra, int(job.settings["seed"]), "masked_lines")]
    rows = rows.reset_index(drop=True)
    threads = {network.training.threads for network in settings.networks.values()}
    device = set_up(max(threads), job.device)

    def read(network):
        spectra, usable = read_spectra(job.paths["shards"], rows, lambda *block: make_input(*block, network.input))
        kept = rows.iloc[usable]
        judges = (kept["set"] == "judge").to_numpy()
        return spectra, kept["group"].to_numpy(np.int64), judges, input_grid(network.input).wavelength

    results = []
    job.rows_in = len(rows)
    seconds = min(network.training.checkpoint_seconds for network in settings.networks.values())
    checkpoints = checkpoints_of(job, seconds)
    found = masked_lines(
        settings,
        read,
        lambda kind: importlib.import_module(f"pipeline.learn.estimators.{kind}"),
        series_of(job, checkpoints),
        device,
        int(job.settings["seed"]),
    )
    for result in found:
        results.append(result)
        rms, skill = f"{result['network']['rms']:.0f}", f"{result['skill']:.3f}"
        job.log.event("trained", name=result["name"], masked=result["masked"], rms=rms, skill=skill)
    lines = [line.plain() for line in settings.lines]
    content = {"z": settings.z, "lines": lines, "half_width": settings.half_width, "results": results}
    write_text(job.out["out"], json.dumps(content, indent=1, sort_keys=True) + "\n")
    checkpoints.clear()
    job.rows_out = len(results)


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "masked_lines", run, argv, inputs=("shards+", "sample"), outputs=("out",), network=True, resumes=True
    )


if __name__ == "__main__":
    raise SystemExit(main())
