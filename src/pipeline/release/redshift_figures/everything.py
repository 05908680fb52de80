"""All figures of the redshifts by name: which function draws each, from which inputs."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from pipeline.learn.redshift_estimates import Estimates
from pipeline.release.redshift_figures import (
    accuracy,
    confidence,
    distributions,
    experiments,
    failures,
    galleries,
    training,
)
from pipeline.release.redshift_figures.galleries import Spectrum
from pipeline.release.redshift_figures.training import Eigenspectra
from pipeline.settings.spectra.release import SpectrumGallery


@dataclass(frozen=True)
class Inputs:
    """What figures are drawn from.

    Attributes
    ----------
    counts, assessment : dict
    velocity : DataFrame
        A row a judged spectrum, as the assessment writes it.
    spectra : dict
        spectrum_id -> what the galleries show.
    estimates : list of Estimates
        Candidates of every estimator.
    histories : dict
        name -> history of a training.
    eigenspectra : list of Eigenspectra
    masked, sweeps : dict or None
        What the experiments measured.
    gallery : SpectrumGallery
    """

    counts: dict
    assessment: dict
    velocity: pd.DataFrame
    spectra: dict[int, Spectrum]
    estimates: list[Estimates]
    histories: dict[str, pd.DataFrame]
    eigenspectra: list[Eigenspectra]
    masked: dict | None
    sweeps: dict | None
    gallery: SpectrumGallery


def wanted_spectra(velocity: pd.DataFrame, assessment: dict, masked: dict | None, gallery: SpectrumGallery) -> set[int]:
    """Return the spectra (spectrum_id) that figures show."""
    failed = galleries.failures(velocity, assessment, gallery.failures)
    example = None if masked is None else experiments.example(velocity, masked)
    return {*failed, *galleries.outliers(assessment)} | ({example} - {None})


def _failed(inputs: Inputs) -> tuple[Figure, str]:
    gallery = inputs.gallery
    return galleries.failed_spectra(
        inputs.velocity, inputs.assessment, inputs.spectra, gallery.failures, gallery.smoothing
    )


def _worst(inputs: Inputs) -> tuple[Figure, str]:
    return galleries.worst(inputs.assessment, inputs.spectra, inputs.estimates, inputs.gallery.smoothing)


def _masked_spectrum(inputs: Inputs) -> tuple[Figure, str]:
    return experiments.masked_spectrum(inputs.velocity, inputs.masked, inputs.spectra, inputs.gallery.smoothing)


FIGURES: dict[str, Callable[[Inputs], tuple[Figure, str]]] = {
    "redshifts": lambda inputs: distributions.redshifts(inputs.counts),
    "against_reference": lambda inputs: accuracy.against_reference(inputs.velocity, inputs.assessment),
    "velocity_curve": lambda inputs: accuracy.velocity_curve(inputs.assessment),
    "accuracy": lambda inputs: accuracy.accuracy(inputs.assessment),
    "line_finder_fails": lambda inputs: accuracy.line_finder_fails(inputs.velocity, inputs.assessment),
    "failed_spectra": _failed,
    "wrong_redshifts": lambda inputs: failures.wrong_redshifts(inputs.velocity, inputs.assessment),
    "line_confusions": lambda inputs: failures.line_confusions(inputs.assessment),
    "outliers": _worst,
    "flagged": lambda inputs: distributions.flagged(inputs.assessment),
    "failure_probability": lambda inputs: confidence.failure_probability(inputs.assessment),
    "pulls": lambda inputs: confidence.pulls(inputs.assessment),
    "masked_spectrum": _masked_spectrum,
    "masked_velocity": lambda inputs: experiments.masked_velocity(inputs.masked),
    "optimisers": lambda inputs: experiments.optimisers(inputs.sweeps),
    "choices": lambda inputs: experiments.choices(inputs.sweeps),
    "network_training": lambda inputs: training.training(inputs.histories),
    "eigenspectra": lambda inputs: training.eigenspectra(inputs.eigenspectra),
}
