"""Fit the distributions that augmentations are drawn from. Catalogue and splits in; parameters and a figure out."""

import json

import numpy as np

from pipeline.data import random
from pipeline.data.atomic import atomic, write_text
from pipeline.data.datasets import read_tables
from pipeline.data.tables import read_parquet
from pipeline.errors import PipelineError
from pipeline.images.distributions import (
    PAPER_EXTINCTION,
    PAPER_NOISE,
    PAPER_PIXEL_SCALE,
    PAPER_PSF,
    Distributions,
)
from pipeline.images.lognormal_fit import draw_fits, fit_lognormal
from pipeline.images.own import COLUMNS, Own
from pipeline.images.photometry import magnitudes
from pipeline.labels.splits import assign_as_dealt
from pipeline.settings.augmentation import Augmentation
from pipeline.stages._door import Job, door

PAPER = {"noise": PAPER_NOISE, "psf": PAPER_PSF, "extinction": PAPER_EXTINCTION}


def run(job: Job) -> None:
    """Fit what the settings ask for, on objects of the chosen sets up to the magnitude limit."""
    setting = Augmentation.parse(job.settings["augmentation"], where="augmentation")
    measured = _measure(job, setting)
    used = {}
    for name, values in measured.items():
        source = getattr(setting, name)
        if source == "paper":
            _check_paper(setting)
            used[name] = PAPER[name]
        elif values.ndim == 1:
            used[name] = fit_lognormal(values, name)
        else:
            bands = zip("grz", values.T, strict=True)
            used[name] = tuple(fit_lognormal(column, f"{name} in {band}") for band, column in bands)
    distributions = Distributions(used.get("noise"), used.get("psf"), used.get("extinction"), setting.pixel_scale)
    counts = {
        name: int(np.isfinite(values.reshape(len(values), -1)).all(axis=1).sum()) for name, values in measured.items()
    }
    content = {"settings": setting.plain(), "distributions": distributions.plain(), "objects": counts}
    job.rows_out = len(next(iter(measured.values()), ()))
    figure = draw_fits(measured, distributions, "SIMULATED" if job.settings.get("simulated") else "")
    with atomic(job.out["figure"]) as temporary:
        figure.savefig(temporary, format="png", dpi=100, metadata={"Software": None})
    write_text(job.out["out"], json.dumps(content, indent=1, sort_keys=True) + "\n")


def _measure(job: Job, setting: Augmentation) -> dict[str, np.ndarray]:
    """Return noise (N, 3), PSF sigma (N, 3), E(B-V) (N,) of the chosen objects, where the augmentation is on."""
    flux = f"flux_{setting.fit.band}"
    catalogue = read_tables(job.paths["catalogue"], ["ra", "dec", flux, *COLUMNS])
    job.rows_in = len(catalogue)
    sets = assign_as_dealt(catalogue["ra"].to_numpy(), catalogue["dec"].to_numpy(), read_parquet(job.paths["splits"]))
    bright = magnitudes(catalogue[flux].to_numpy()) < setting.fit.limit
    chosen = catalogue[bright & np.isin(sets.astype(str), setting.fit.sets)]
    ranks = random.ranks(job.settings["seed"], "fit_augmentation", 0, chosen["object_id"].to_numpy())
    chosen = chosen.iloc[np.argsort(ranks, kind="stable")[: setting.fit.n]].sort_values("object_id")
    own = Own.of({name: chosen[name].to_numpy() for name in COLUMNS}, setting.pixel_scale)
    job.log.event("fitting", objects=len(chosen))
    values = {"noise": own.noise, "psf": own.psf, "extinction": own.ebv}
    return {name: value for name, value in values.items() if getattr(setting, name) != "off"}


def _check_paper(setting: Augmentation) -> None:
    if abs(setting.pixel_scale - PAPER_PIXEL_SCALE) > 1e-3:
        raise PipelineError(
            "Table 2 of the paper holds for the pixels of the Legacy Surveys",
            where="augmentation.pixel_scale",
            value=f"{setting.pixel_scale} arcsec",
            allowed=f"{PAPER_PIXEL_SCALE} arcsec; or the source `fit`",
        )


def main(argv=None) -> int:
    """Run the stage."""
    return door("fit_augmentation", run, argv, inputs=("catalogue+", "splits"), outputs=("out", "figure"))


if __name__ == "__main__":
    raise SystemExit(main())
