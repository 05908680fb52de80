"""Train FNet with other optimisers, kernels, depths and penalties (FNet paper, §3.2, Fig. 3).

Inputs: shards of spectra, sample. Output: a curve for each, as JSON.
"""

import json

import numpy as np

from pipeline.data.atomic import write_text
from pipeline.learn.device import set_up
from pipeline.learn.estimators import fnet
from pipeline.learn.redshift.experiments import drawn, sweep
from pipeline.settings.spectra.experiments import Sweeps
from pipeline.spectra.inputs import make_input
from pipeline.stages._door import Job, door
from pipeline.stages._redshift_training import checkpoints_of, series_of
from pipeline.stages._spectra import read_spectra, sample_rows


def run(job: Job) -> None:
    """Train on quasars of the train and select sets; the judge set stays unseen."""
    settings, seed = Sweeps.parse(job.settings["sweeps"]), int(job.settings["seed"])
    rows = sample_rows(job.paths["sample"], ("train", "select"))
    rows = rows[(rows["label_class"] == "quasar") & rows["label_z"].notna()]
    # Drawn before they are read: a survey's quasars do not fit into memory.
    rows = rows.iloc[drawn(rows["spectrum_id"].to_numpy(), settings.spectra, seed, "redshift_sweeps")]
    rows = rows.reset_index(drop=True)
    device = set_up(settings.network.training.threads, job.device)
    prepared = settings.network.input
    spectra, usable = read_spectra(job.paths["shards"], rows, lambda *block: make_input(*block, prepared))
    groups = rows["group"].to_numpy(np.int64)[usable]
    results, checkpoints = [], checkpoints_of(job, settings.network.training.checkpoint_seconds)
    series = series_of(job, checkpoints)
    for result in sweep(settings, spectra, groups, fnet, series, device, seed):
        results.append(result)
        right = f"{result['test']['within']['6000']:.4f}"
        job.log.event("trained", varied=result["varied"], value=result["value"], accuracy_6000=right)
    content = {"rebin": prepared.rebin, "results": results}
    write_text(job.out["out"], json.dumps(content, indent=1, sort_keys=True) + "\n")
    checkpoints.clear()
    job.rows_in, job.rows_out = len(rows), len(results)


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "redshift_sweeps", run, argv, inputs=("shards+", "sample"), outputs=("out",), network=True, resumes=True
    )


if __name__ == "__main__":
    raise SystemExit(main())
