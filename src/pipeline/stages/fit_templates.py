"""Learn the eigenspectra of the estimator `pca` from the training set, or take published ones.

Inputs: spectrum shards, the sample, files of published eigenspectra in the order of the settings. Outputs: weights, and
how the iterations went.
"""

from pathlib import Path

import numpy as np
import torch

from pipeline.data.atomic import atomic, write_text
from pipeline.data.manifests import shard_paths
from pipeline.data.spectrum_shards import SpectrumShard
from pipeline.data.tables import read_parquet
from pipeline.errors import PipelineError
from pipeline.learn.checkpoints import save_weights
from pipeline.learn.curves import history_text
from pipeline.learn.device import set_up
from pipeline.learn.eigenspectra import HISTORY, Blocks, assemble, extended, learn, normalised
from pipeline.learn.estimators.pca import state_of
from pipeline.models.pca import Templates
from pipeline.settings.spectra.pca import FileTemplates, LearnedTemplates, Pca
from pipeline.spectra.grids import grid_of
from pipeline.spectra.log_bins import Rebinning, bins_of
from pipeline.stages._door import Job, door

_KINDS = ("quasar", "galaxy", "star")


def _read(paths: list[Path], wanted: dict[int, float], largest_sn: float) -> Blocks | None:
    """Return the spectra whose ids are the keys of `wanted`, at the redshifts that are its values; None without any."""
    weights, fluxes, redshifts, used = [], [], [], {}
    for path in paths:
        with SpectrumShard(path) as shard:
            ids = shard.spectrum_id
            rows = np.array([row for row, one in enumerate(ids.tolist()) if one in wanted], dtype=np.int64)
            if not len(rows):
                continue
            grid = grid_of(shard.attrs)
            used[grid] = path
            if len(used) > 1:
                raise PipelineError(
                    "shards on different grids", where=path, value=grid.name, allowed=next(iter(used)).name
                )
            bins = bins_of(grid, 1)
            weight, flux = normalised(*Rebinning(np.log10(grid.edges), bins)(*shard.read(rows)), largest_sn)
            weights.append(weight)
            fluxes.append(flux)
            redshifts.append(np.array([wanted[one] for one in ids[rows].tolist()]))
    if not weights:
        return None
    return assemble(np.concatenate(weights), np.concatenate(fluxes), bins.first, np.concatenate(redshifts))


def _learned(job: Job, settings: LearnedTemplates) -> tuple[list[Templates], list[dict]]:
    """Learn the eigenspectra of all ranges from the training spectra."""
    sample = read_parquet(job.paths["sample"])
    train = sample[sample["set"] == "train"]
    if not settings.use_bal:
        train = train[train["bal"] != 1]
    paths = [path for manifest in job.paths["shards"] for _, path in shard_paths(manifest, ".h5")]
    found, history = [], []
    for kind in _KINDS:
        of = train[train["label_class"] == kind]
        redshift = of["label_z"].to_numpy(dtype=np.float64)
        if kind == "star":
            redshift = np.nan_to_num(redshift)  # a star without a measured velocity
        for number, one in enumerate(getattr(settings, kind)):
            inside = (redshift >= one.train_z[0]) & (redshift <= one.train_z[1])
            wanted = dict(zip(of["spectrum_id"].to_numpy()[inside].tolist(), redshift[inside].tolist(), strict=True))
            data = _read(paths, wanted, settings.largest_sn)
            if data is None:
                raise PipelineError(
                    "no training spectra for these eigenspectra",
                    where=f"templates.{kind}, range {number + 1}",
                    value=f"train_z {one.train_z}",
                    next="take the range out of the settings, or a larger sample",
                )
            job.rows_in += data.spectra
            templates, rows = learn(data, settings, one.components, kind, tuple(one.z), number)
            last = rows[-1]
            job.log.event(
                f"eigenspectra of {kind}, range {number + 1}",
                spectra=data.spectra,
                explained_variance=f"{last['explained_variance']:.5f}",
                clipped_pixels=last["clipped_pixels"],
                clipped_spectra=last["clipped_spectra"],
            )
            found.append(templates)
            history.extend(rows)
    return found, history


def _from_files(job: Job, settings: FileTemplates) -> list[Templates]:
    """Read published eigenspectra."""
    ranges = [(kind, one) for kind in _KINDS for one in getattr(settings, kind)]
    if len(ranges) != len(job.paths["templates"]):
        raise PipelineError(
            "the files of eigenspectra are not those of the settings",
            where="--templates",
            value=f"{len(job.paths['templates'])} files",
            allowed=[one.path for _, one in ranges],
        )
    from pipeline.surveys.templates import read_eigenspectra  # astropy, which learned templates do not need

    found = []
    for (kind, one), path in zip(ranges, job.paths["templates"], strict=True):
        read = read_eigenspectra(path)
        if read.kind != kind:
            raise PipelineError("eigenspectra of another class", where=path, value=read.kind, allowed=kind)
        vectors = extended(read.vectors, read.covered)
        vectors *= np.where(vectors.sum(-1, keepdims=True) < 0, -1.0, 1.0)
        found.append(Templates(kind, read.first, vectors, read.covered, tuple(one.z)))
    return found


def run(job: Job) -> None:
    """Make the templates and write them."""
    settings = Pca.parse(job.settings["estimator"])
    set_up(settings.threads, torch.device("cpu"))
    history = []
    if isinstance(settings.templates, FileTemplates):
        templates = _from_files(job, settings.templates)
    else:
        templates, history = _learned(job, settings.templates)
    with atomic(job.out["weights"]) as temporary:
        save_weights(temporary, *state_of(templates))
    write_text(job.out["history"], history_text(HISTORY, history))
    job.rows_out = sum(len(one.vectors) for one in templates)


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "fit_templates",
        run,
        argv,
        inputs=("shards+", "sample", "templates*"),
        outputs=("weights", "history"),
        values=("name",),
    )


if __name__ == "__main__":
    raise SystemExit(main())
