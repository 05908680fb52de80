"""Is the simulated survey honest, and how easy is it?

Inputs: images, catalogue, splits, labels, truth. Output: AUC of lenses against controls, and of aperture colours, JSON.
"""

import json
from functools import partial

import numpy as np
import pandas as pd

from pipeline.assess import crossvalidation, survey_honesty
from pipeline.assess.classifiers import classifier
from pipeline.assess.judged import Judged as JudgedObjects
from pipeline.data.atomic import write_text
from pipeline.data.datasets import read_tables
from pipeline.data.manifests import shard_paths
from pipeline.data.shards import ImageShard
from pipeline.data.sky import cells
from pipeline.errors import PipelineError
from pipeline.settings.assess import Honesty, Judged
from pipeline.stages._door import Job, door
from pipeline.stages._judged import read_judged, read_truth

# Cutouts in memory at a time.
BLOCK = 256


def run(job: Job) -> None:
    """Measure every object that takes part, classify in folds by sky cell, write."""
    judged_settings, settings = Judged.parse(job.settings["judged"]), Honesty.parse(job.settings["honesty"])
    columns = [*survey_honesty.OBSERVATION, *survey_honesty.OBJECT, "type"]
    judged = read_judged(job, judged_settings, columns)
    truth = read_truth(job.paths["truth"])
    catalogue = read_tables(job.paths["catalogue"], columns)
    told = truth[~truth["catalogued_arc"].astype(bool)]
    kinds = pd.Series("", index=told["object_id"])
    kinds[told["control"].to_numpy() != ""] = told["control"][told["control"] != ""].to_numpy()
    kinds[told["is_lens"].astype(bool).to_numpy()] = "lens"
    kind = kinds.reindex(catalogue["object_id"]).fillna("").to_numpy()
    compared = catalogue[kind != ""].assign(kind=kind[kind != ""]).reset_index(drop=True)
    parts = _measure(job, compared, judged, settings)
    compared = compared.set_index("object_id").loc[parts["outside"]["object_id"]].reset_index()
    cell = cells(compared["ra"], compared["dec"], job.settings["nside"])
    outside = {name: values for name, values in parts["outside"].items() if name not in ("object_id", "row", "rows")}
    inside = {name: values for name, values in parts["inside"].items() if name != "object_id"}
    place = survey_honesty.place_features(
        compared["object_id"].to_numpy(), parts["outside"]["row"], parts["outside"]["rows"], compared
    )
    told_apart = partial(
        crossvalidation.told_apart,
        scorer=classifier(settings.classifier, settings.trees, job.settings["seed"]),
        folds=settings.folds,
        bootstrap=judged_settings.bootstrap,
        confidence=judged_settings.confidence,
        seed=job.settings["seed"],
    )
    everything = (outside, place, inside, survey_honesty.object_features(compared))
    tests = {
        "lens_or_zero_flux": ("lens", "zero_flux", survey_honesty.matrix(outside, place)),
        "zero_flux_or_never_lensed": ("zero_flux", "never_lensed", survey_honesty.matrix(*everything)),
    }
    found: dict = {
        "simulated": True,
        "judged": judged.summary,
        "confidence": judged_settings.confidence,
        "classifier": settings.classifier,
        "inner_radius": settings.inner_radius,
    }
    for name, (first, second, (names, features)) in tests.items():
        rows = compared["kind"].isin([first, second]).to_numpy()
        is_first = (compared["kind"] == first).to_numpy()
        measured = told_apart(is_first[rows], features[rows], cell[rows])
        honest = None if measured["auc"] is None else measured["low"] <= 0.5 <= measured["high"]
        found[name] = {**measured, "features": len(names), "honest": honest}
        job.log.event(name, **{key: found[name][key] for key in ("auc", "low", "high", "honest")})
    table = judged.table.set_index("object_id").loc[parts["colours"].pop("object_id")]
    names, features = survey_honesty.matrix(parts["colours"])
    cell = cells(table["ra"], table["dec"], job.settings["nside"])
    measured = told_apart(table["is_lens"].to_numpy(), features, cell)
    easy = None if measured["auc"] is None else measured["auc"] > settings.too_easy
    found["colours"] = {**measured, "features": len(names), "too_easy": easy, "limit": settings.too_easy}
    job.log.event("aperture colours", **{key: found["colours"][key] for key in ("auc", "low", "high", "too_easy")})
    write_text(job.out["out"], json.dumps(found, indent=1, sort_keys=True, allow_nan=False) + "\n")


def _measure(job: Job, compared: pd.DataFrame, judged: JudgedObjects, settings: Honesty) -> dict:
    """Read the images once; return the features of the compared objects and the colours of the judged ones."""
    wanted, coloured = compared["object_id"].to_numpy(), judged.table["object_id"].to_numpy()
    parts: dict[str, list] = {"outside": [], "inside": [], "colours": []}
    shards = [path for manifest in job.paths["images"] for _, path in shard_paths(manifest, ".h5")]
    for path in job.log.progress(shards, unit="shards"):
        with ImageShard(path) as shard:
            ids, scale = shard.object_id, float(shard.attrs["pixel_scale"])
            here = np.flatnonzero(np.isin(ids, wanted) | np.isin(ids, coloured))
            for start in range(0, len(here), BLOCK):
                rows = here[start : start + BLOCK]
                images = np.nan_to_num(shard.read(rows))
                one, two = np.isin(ids[rows], wanted), np.isin(ids[rows], coloured)
                place = {"object_id": ids[rows][one], "row": rows[one], "rows": np.full(one.sum(), len(ids))}
                span = (settings.inner_radius, settings.annulus_width)
                parts["outside"].append({**place, **survey_honesty.outside_features(images[one], scale, *span)})
                inner = survey_honesty.inside_features(images[one], scale, *span)
                parts["inside"].append({"object_id": ids[rows][one], **inner})
                colours = survey_honesty.aperture_colours(images[two], scale, settings.apertures)
                parts["colours"].append({"object_id": ids[rows][two], **colours})
    if not parts["outside"]:
        raise PipelineError("no image of a lens, a control or a judged object", next="run snakemake again")
    return {name: {key: np.concatenate([one[key] for one in part]) for key in part[0]} for name, part in parts.items()}


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "assess_survey",
        run,
        argv,
        inputs=("images+", "catalogue+", "splits", "labels", "truth+"),
        outputs=("out",),
    )


if __name__ == "__main__":
    raise SystemExit(main())
