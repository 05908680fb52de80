"""Rates that a finished run shows: its records of seconds and rows, beside its settings."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml

from pipeline.cluster.networks import (
    CONTRASTIVE_PASSES,
    TRAINING_PASSES,
    encoder_cost,
    encoder_key,
    finder_cost,
)
from pipeline.data.datasets import read_tables
from pipeline.data.manifests import read_manifest
from pipeline.errors import PipelineError
from pipeline.images.photometry import magnitudes
from pipeline.settings.run import RunSettings

# Stages that make one batch a job, so that a job's work does not grow with the survey.
BATCHED = ("score_probe", "import_scores", "import_embeddings")


@dataclass(frozen=True)
class Measured:
    """What one run shows.

    Attributes
    ----------
    run : str
    objects : int
    host : str
    rates : dict
        name -> value, in the units of `rates.yaml`.
    points : dict
        stage -> (objects a job, mean seconds a job): all objects of the run, or those of a batch.
    by_stage : dict
        stage -> (jobs, seconds of all of them together).
    """

    run: str
    objects: int
    host: str
    rates: dict[str, float] = field(default_factory=dict)
    points: dict[str, tuple[float, float]] = field(default_factory=dict)
    by_stage: dict[str, tuple[int, float]] = field(default_factory=dict)


def catalogued(results: Path) -> int | None:
    """Return the number of objects in the catalogue of a run; None before its ingest is finished."""
    try:
        listed = [read_manifest(path) for path in sorted((results / "images" / "catalogue").glob("*.json"))]
    except PipelineError:
        return None
    return sum(manifest.rows for manifest in listed) if listed else None


def finished_runs(project: Path) -> list[str]:
    """Return the names of the runs in work/ whose settings and catalogue are there as well."""
    found = []
    for folder in sorted((project / "work").glob("*/provenance")):
        results = project / "results" / folder.parent.name
        if (results / "settings.yaml").is_file() and catalogued(results):
            found.append(folder.parent.name)
    return found


def of_run(project: Path, run: str) -> Measured:
    """Read the records of a finished run below a project's folder.

    Raises
    ------
    PipelineError
        The run has no records, no settings or no catalogue.
    """
    results, records = project / "results" / run, sorted((project / "work" / run / "provenance").glob("*.json"))
    objects = catalogued(results)
    if not records or not objects or not (results / "settings.yaml").is_file():
        known = ", ".join(finished_runs(project))
        raise PipelineError(
            "no records of a finished run", where=project / "work" / run, value=run, allowed=known or "(none yet)"
        )
    settings = RunSettings.parse(yaml.safe_load((results / "settings.yaml").read_text()), where=results)
    jobs: dict[str, list[dict]] = {}
    for path in records:
        record = json.loads(path.read_text())
        if _of_spectra(record):
            continue
        jobs.setdefault(record["stage"], []).append(record)
    by_stage = {stage: (len(found), sum(job["seconds"] for job in found)) for stage, found in jobs.items()}
    rates: dict[str, float] = {}
    for stage in ("ingest", "simulate_survey"):
        if stage in jobs:
            rates[f"{stage}/{settings.survey.kind}"] = _image_seconds(jobs[stage], objects)
    for stage, found in jobs.items():
        for name, value in _of_networks(stage, found, settings).items():
            rates.setdefault(name, value)
    if "similarity" in jobs and settings.similarity:
        rates |= _of_similarity(jobs["similarity"], settings, objects, results)
    points = {}
    for stage, (number, total) in by_stage.items():
        rows = sum(job["rows"] for job in jobs[stage]) / number if stage in BATCHED else objects
        points[stage] = (rows, total / number)
    return Measured(run, objects, jobs["ingest"][0]["host"] if "ingest" in jobs else "", rates, points, by_stage)


def _of_spectra(record: dict) -> bool:
    """Whether a job belongs to the spectra half, which estimates leave out: all that it makes lies below such names."""
    parts = {part for path in record["outputs"].values() for part in Path(path).parts}
    named = any(part == "redshifts" or part.startswith("spectra") for part in parts)
    return named or record["stage"].endswith("_spectra")


def _image_seconds(jobs: list[dict], objects: int) -> float:
    return sum(job["seconds"] * job.get("ranks", 1) for job in jobs) / objects


def _name_of(job: dict, key: str) -> str:
    """Return the encoder or model of a job, which its output names: …/<key>/<name>/…"""
    parts = Path(next(iter(job["outputs"].values()))).parts
    return parts[parts.index(key) + 1] if key in parts else ""


def _of_networks(stage: str, jobs: list[dict], settings: RunSettings) -> dict[str, float]:
    """Return multiply-adds a second of networks, a core or a GPU: `forward/…` and `train/…`."""
    amounts: dict[str, list[float]] = {}
    for job in jobs:
        on_gpu = str(job.get("device", "cpu")).startswith("cuda")
        if stage in ("embed", "pretrain"):
            encoder = settings.encoders.get(_name_of(job, "embeddings" if stage == "embed" else "encoders"))
            if encoder is None or not hasattr(encoder, "network"):
                continue
            key, cost = encoder_key(encoder.network), encoder_cost(encoder.network, encoder.view.pixels)[0]
            if stage == "embed":
                kind, work, threads = "forward", cost * job["rows"], settings.embed.threads
            else:
                steps = job["rows"] // encoder.training.batch * encoder.training.epochs
                work = cost * CONTRASTIVE_PASSES * steps * encoder.training.batch
                kind, threads = "train", encoder.training.threads
        elif stage in ("score_finder", "train_finder"):
            model = settings.models.get(_name_of(job, "scores" if stage == "score_finder" else "models"))
            if model is None or model.kind != "finder":
                continue
            key, cost = model.network, finder_cost(model.network, model.input.pixels)
            if stage == "score_finder":
                kind, work, threads = "forward", cost * job["rows"], model.score_threads
            elif model.training.non_lenses_per_epoch is None:
                continue  # its records do not tell how many images an epoch had
            else:
                images = model.training.non_lenses_per_epoch / (1 - model.training.lens_fraction)
                kind, work = "train", cost * TRAINING_PASSES * images * model.training.epochs
                threads = model.training.threads
        else:
            continue
        total = amounts.setdefault(f"{kind}{'_gpu' if on_gpu else ''}/{key}", [0.0, 0.0])
        total[0] += work
        total[1] += job["seconds"] * job.get("ranks", 1) * (1 if on_gpu else threads)
    return {name: work / seconds for name, (work, seconds) in amounts.items() if seconds > 0}


def window_share(results: Path, settings: RunSettings) -> float:
    """Return the share of all pairs of a run's objects whose magnitudes lie in each other's window."""
    band, width = settings.similarity.magnitude_band, settings.similarity.delta_mag
    manifests = sorted((results / "images" / "catalogue").glob("*.json"))
    brightness = magnitudes(read_tables(manifests, ["object_id", f"flux_{band}"])[f"flux_{band}"].to_numpy())
    brightness = np.sort(brightness[np.isfinite(brightness)])
    ends = np.searchsorted(brightness, [brightness - width, brightness + width])
    return float((ends[1] - ends[0]).mean() / len(brightness))


def _of_similarity(jobs: list[dict], settings: RunSettings, objects: int, results: Path) -> dict[str, float]:
    """Return multiply-adds a second and core of the pairs that are compared, by the dimension of the embeddings."""
    share, rates = window_share(results, settings), {}
    for job in jobs:
        encoder = settings.encoders.get(_name_of(job, "neighbours"))
        if hasattr(encoder, "network"):
            dimension = encoder_cost(encoder.network, encoder.view.pixels)[1]
            spent = job["seconds"] * job.get("ranks", 1) * settings.similarity.threads
            rates[f"similarity/{dimension}"] = objects**2 * share * dimension / spent
    return rates
