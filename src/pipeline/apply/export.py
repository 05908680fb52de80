"""The command `skysieve export-spectra`: the spectra of a run as the files of the FNet paper or of the RNet slides."""

from pathlib import Path

import yaml

from pipeline.data.manifests import shard_paths
from pipeline.errors import PipelineError
from pipeline.settings.run import RunSettings
from pipeline.settings.spectra.sample import SpectraSample
from pipeline.surveys.spectra_export import write_fnet, write_slides

LABELS = ("z_pipe", "z_vi")


def export_command(
    results: Path, *, fnet: Path | None, slides: Path | None, z: tuple[float, float] | None, label: str | None
) -> list[str]:
    """Write the files that are asked for, and return a line for each.

    Parameters
    ----------
    results : Path
        results/<run>; its shards of spectra must be there.
    fnet : Path or None
        HDF5 file to write.
    slides : Path or None
        Folder for the two CSV files.
    z : (low, high) or None
        Quasars of the slides' files, low <= z <= high; None: the range of the run's sample.
    label : {"z_pipe", "z_vi"} or None
        Their redshifts; None: those with which the run's sample is labelled.

    Raises
    ------
    PipelineError
        Nothing is asked for, the run has no spectra, or it does not say which redshifts the slides' files have.
    """
    if fnet is None and slides is None:
        raise PipelineError("which files?", where="--fnet, --slides", allowed="--fnet FILE.h5, --slides FOLDER")
    sample, shards = _sample(results), _shards(results)
    lines = []
    if fnet is not None:
        lines.append(f"{fnet}: {write_fnet(shards, fnet)} spectra")
    if slides is not None:
        low, high = z or _range(sample)
        rows = write_slides(shards, slides, low, high, label or _label(sample))
        lines.append(f"{slides}: quasars with {low:g} <= z <= {high:g}: {rows}")
    return lines


def _sample(results: Path) -> SpectraSample:
    saved = results / "settings.yaml"
    settings = RunSettings.parse(yaml.safe_load(saved.read_text(encoding="utf-8")), where=str(saved))
    if settings.spectra is None:
        raise PipelineError("the run has no spectra", where=saved, next="name a run with a section `spectra`")
    return settings.spectra.sample


def _shards(results: Path) -> list[Path]:
    """Return the shards of spectra in the order of batches and shards."""
    manifests = sorted((results / "spectra" / "shards").glob("*.json"))
    if not manifests:
        raise PipelineError(
            "the run has no shards of spectra yet",
            where=results / "spectra" / "shards",
            next="snakemake --cores all redshifts",
        )
    return [path for manifest in manifests for _, path in shard_paths(manifest, ".h5")]


def _range(sample: SpectraSample) -> tuple[float, float]:
    if sample.redshift is None:
        raise PipelineError(
            "which redshifts? The sample of this run has no range",
            where="--z",
            allowed="two numbers; the slides: --z 2.8 3",
        )
    return sample.redshift.lower, sample.redshift.upper


def _label(sample: SpectraSample) -> str:
    if sample.label not in LABELS:
        raise PipelineError(
            "whose redshifts? The sample of this run takes the one or the other",
            where="--label",
            value=sample.label,
            allowed=LABELS,
        )
    return sample.label
