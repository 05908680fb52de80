"""The figures of the redshifts.

Inputs: counts of the release, assessment, velocity errors, spectra, candidates of every estimator, histories of
trainings, weights of template fits, masked lines, sweeps. Outputs: the figures that are asked for by name
(`--redshifts PATH`, ...), and their captions as JSON.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.data.atomic import write_text
from pipeline.data.manifests import shard_paths
from pipeline.data.shards import read_result_shard
from pipeline.data.spectrum_shards import SpectrumShard
from pipeline.data.tables import read_ecsv
from pipeline.errors import PipelineError
from pipeline.learn.redshift_estimates import Estimates, from_results
from pipeline.release.figures import style
from pipeline.release.redshift_figures.everything import FIGURES, Inputs, wanted_spectra
from pipeline.release.redshift_figures.galleries import Spectrum, joined, outliers
from pipeline.release.redshift_figures.training import Eigenspectra
from pipeline.settings.spectra.release import SpectrumGallery
from pipeline.spectra.grids import grid_of
from pipeline.spectra.log_bins import FINE
from pipeline.stages._door import Job, door
from pipeline.stages._redshifts import by_estimator


def run(job: Job) -> None:
    """Read, draw, write."""
    inputs = _inputs(job)
    judged = inputs.assessment["judged"]
    marks = style.Marks(
        run=inputs.counts["run"],
        simulated=inputs.counts["simulated"],
        share=f"judged: {judged['quasar']} quasars, {sum(judged.values()) - judged['quasar']} others",
        label="",
    )
    captions = {}
    with style.look():
        for name in job.out:
            if name != "captions":
                figure, captions[name] = FIGURES[name](inputs)
                style.save(figure, marks, job.out[name])
    write_text(job.out["captions"], json.dumps(captions, indent=1, sort_keys=True) + "\n")
    job.rows_out = len(captions)


def _inputs(job: Job) -> Inputs:
    gallery = SpectrumGallery.parse(job.settings["gallery"])

    def content(name: str) -> dict | None:
        paths = job.paths[name] if isinstance(job.paths[name], list) else [job.paths[name]]
        return json.loads(paths[0].read_text(encoding="utf-8")) if paths else None

    counts, assessment, masked = (content(name) for name in ("counts", "assessment", "masked"))
    velocity = read_ecsv(job.paths["velocity"]).to_pandas()
    manifests = by_estimator(job.paths["candidates"], job.settings["names"])
    return Inputs(
        counts=counts,
        assessment=assessment,
        velocity=velocity,
        spectra=_spectra(job, wanted_spectra(velocity, assessment, masked, gallery)),
        estimates=_estimates(manifests, outliers(assessment)),
        histories={path.parent.name: pd.read_csv(path) for path in job.paths["histories"] if path.stat().st_size},
        eigenspectra=[one for path in job.paths["templates"] for one in _eigenspectra(path)],
        masked=masked,
        sweeps=content("sweeps"),
        gallery=gallery,
    )


def _spectra(job: Job, wanted: set[int]) -> dict[int, Spectrum]:
    """Return some spectra by their identity.

    Raises
    ------
    PipelineError
        A spectrum is in none of the shards.
    """
    ids, found = np.array(sorted(wanted), dtype=np.int64), {}
    for path in (path for manifest in job.paths["shards"] for _, path in shard_paths(manifest, ".h5")):
        with SpectrumShard(path) as shard:
            here, rows, _ = np.intersect1d(shard.spectrum_id, ids, return_indices=True)
            if len(here):
                wavelength = grid_of(shard.attrs).wavelength
                for identity, *spectrum in zip(here.tolist(), *shard.read(rows), strict=True):
                    found[identity] = Spectrum(wavelength, *spectrum)
    if missing := sorted(wanted - set(found)):
        raise PipelineError(
            f"{len(missing)} of {len(wanted)} judged spectra are in no shard",
            where="--shards",
            value=f"spectrum {missing[0]}",
            next="skysieve check RUN, then snakemake",
        )
    return found


def _estimates(manifests: dict[str, list[Path]], wanted: list[int]) -> list[Estimates]:
    """Return the candidates of every estimator for some spectra alone: those of a survey are many."""
    found = []
    for name, paths in manifests.items() if wanted else ():
        parts = []
        for path in (path for manifest in paths for _, path in shard_paths(manifest, ".h5")):
            part = from_results(name, read_result_shard(path), path)
            parts.append(part.take(np.flatnonzero(np.isin(part.spectrum_id, wanted))))
        found.append(joined(parts))
    return found


def _eigenspectra(path: Path) -> list[Eigenspectra]:
    """Return the eigenspectra of a template fit with their rest wavelengths."""
    # With torch, which a run without templates does not need.
    from pipeline.learn.checkpoints import load_weights
    from pipeline.learn.estimators.pca import templates_of

    found = []
    for one in templates_of(*load_weights(path), path):
        wavelength = 10 ** (FINE * (one.first + np.arange(one.vectors.shape[1])))
        found.append(Eigenspectra(one.kind, wavelength, one.vectors, one.covered, one.z))
    return found


def main(argv=None) -> int:
    """Run the stage; the figures that the arguments name are its outputs."""
    given = sys.argv[1:] if argv is None else argv
    asked = tuple(name for name in FIGURES if f"--{name.replace('_', '-')}" in given)
    return door(
        "redshift_figures",
        run,
        argv,
        inputs=(
            "counts",
            "assessment",
            "velocity",
            "shards+",
            "candidates+",
            "histories*",
            "templates*",
            "masked*",
            "sweeps*",
        ),
        outputs=("captions", *asked),
    )


if __name__ == "__main__":
    raise SystemExit(main())
