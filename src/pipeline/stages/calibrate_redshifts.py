"""Fit how far each estimator is believed, and the rule that combines them, on the sets select and calibrate.

Inputs: candidates of all estimators, catalogue, sample. Output: redshift_calibration.json.
"""

import json

from pipeline.data.atomic import write_text
from pipeline.data.lookup import rows_of
from pipeline.learn.redshift_calibration import Labelled
from pipeline.learn.redshift_combination import fit
from pipeline.learn.redshift_estimates import read_estimates
from pipeline.settings.spectra.calibrate import CalibrateRedshifts
from pipeline.stages._door import Job, door
from pipeline.stages._redshifts import COLUMNS, by_estimator, read_catalogue, read_sample, spectra_of


def run(job: Job) -> None:
    """Read the labelled spectra of both sets, fit, write; say what the rule is and what it reaches."""
    settings = CalibrateRedshifts.parse(job.settings["calibrate"])
    sample = read_sample(job.paths["sample"])
    sample = sample[sample["set"].isin(("select", "calibrate")) & (sample.label_class != "")].reset_index(drop=True)
    wanted = sample.spectrum_id.to_numpy()
    catalogue = read_catalogue(job.paths["catalogue"], COLUMNS)
    catalogue = catalogue.iloc[rows_of(catalogue.spectrum_id.to_numpy(), wanted, "--catalogue", "spectrum")]
    estimates = []
    for name, manifests in by_estimator(job.paths["redshifts"], job.values["names"].split(",")).items():
        found = read_estimates(name, manifests)
        estimates.append(found.take(rows_of(found.spectrum_id, wanted, f"--redshifts: {name}", "spectrum")))
    labelled = Labelled(
        sample.label_class.to_numpy(dtype=object), sample.label_z.to_numpy(dtype=float), sample.fold.to_numpy()
    )
    select, calibrate = ((sample["set"] == name).to_numpy() for name in ("select", "calibrate"))
    content = fit(estimates, spectra_of(catalogue), labelled, select, calibrate, settings)
    _log(job, content, settings)
    write_text(job.out["out"], json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n")
    job.rows_in = job.rows_out = len(sample)


def _log(job: Job, content: dict, settings: CalibrateRedshifts) -> None:
    combination = content["combination"]
    slopes = {name: value for name, value in combination["ranking"]["slopes"].items() if value}
    job.log.event("ranks clusters", intercept=combination["ranking"]["intercept"], **slopes)
    job.log.event("takes the redshift", by=combination["redshift"], **combination["select"])
    for name, model in [*content["estimators"].items(), ("combined", combination)]:
        quasar = model["reached"]["quasar"]
        sky = model["reached"]["sky"]
        job.log.event(
            "calibrated",
            estimator=name,
            limit=f"{model['limit']:.4g}",
            unflagged=f"{quasar['unflagged']} of {quasar['spectra']} quasars",
            right=quasar["unflagged_right"],
            skies=f"{sky['unflagged']} of {sky['spectra']}",
            brier=f"{model['brier']:.4g}",
        )
    quasar = combination["reached"]["quasar"]
    if quasar["unflagged"] < (1 - settings.goals.flagged) * quasar["spectra"]:
        job.log.warning("more quasars are flagged than the goal allows", **quasar, goal=settings.goals.flagged)


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "calibrate_redshifts",
        run,
        argv,
        inputs=("redshifts+", "catalogue+", "sample"),
        outputs=("out",),
        values=("names",),
    )


if __name__ == "__main__":
    raise SystemExit(main())
