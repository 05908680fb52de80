"""All figures of a release by name: which function draws each, from which inputs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.images.photometry import magnitudes
from pipeline.release.figures import curves, galleries, samples, selection, training


@dataclass(frozen=True)
class Inputs:
    """What figures are drawn from.

    Attributes
    ----------
    table : DataFrame
        Published columns of the release.
    catalogue : DataFrame
        Everything searched: object_id, ra, dec, type, flux_g, flux_r, flux_z, z_phot_median.
    models : dict
        name -> assessment.
    comparison, ratios, survey : dict or None
    audit, counts : dict
    histories : dict
        name -> history of a training.
    searches : list of dict
        See `galleries.searches`.
    source_counts : dict
        `counts` of candidates.ecsv.
    images : dict
        object_id -> (3, H, W), nanomaggies.
    pixel_scale : float
        Arcsec.
    gallery : settings.release.Gallery
    """

    table: pd.DataFrame
    catalogue: pd.DataFrame
    models: dict[str, dict]
    comparison: dict | None
    ratios: dict | None
    survey: dict | None
    audit: dict
    counts: dict
    histories: dict[str, pd.DataFrame]
    searches: list[dict]
    source_counts: dict
    images: dict[int, np.ndarray]
    pixel_scale: float
    gallery: object


def _grade(inputs: Inputs, letter: str) -> tuple[Figure, str]:
    gallery = inputs.gallery
    options = {"columns": gallery.columns, "most": gallery.most, "crop": gallery.crop, "scale": inputs.pixel_scale}
    return galleries.grade(inputs.table, inputs.images, letter, **options)


def _distributions(inputs: Inputs) -> tuple[Figure, str]:
    mags = {band: magnitudes(inputs.catalogue[f"flux_{band}"].to_numpy()) for band in "grz"}
    return samples.distributions(inputs.table, inputs.catalogue, mags)


def _searches(inputs: Inputs) -> tuple[Figure, str]:
    gallery = inputs.gallery
    options = {"crop": gallery.crop, "scale": inputs.pixel_scale, "neighbours": gallery.neighbours}
    return galleries.searches(inputs.searches, inputs.images, inputs.source_counts, **options)


FIGURES: dict[str, Callable[[Inputs], tuple[Figure, str]]] = {
    "sky": lambda inputs: samples.sky(inputs.table, inputs.catalogue),
    "distributions": _distributions,
    "depth": lambda inputs: samples.depth(inputs.counts),
    "gallery_a": lambda inputs: _grade(inputs, "A"),
    "gallery_b": lambda inputs: _grade(inputs, "B"),
    "gallery_c": lambda inputs: _grade(inputs, "C"),
    "searches": _searches,
    "overlap": lambda inputs: galleries.overlap(inputs.source_counts),
    "known": lambda inputs: selection.known(inputs.audit),
    "roc": lambda inputs: curves.roc(inputs.models),
    "precision_recall": lambda inputs: curves.precision_recall(inputs.models),
    "inspected": lambda inputs: curves.inspected(inputs.models),
    "scores": lambda inputs: curves.scores(inputs.models),
    "completeness": lambda inputs: selection.completeness(inputs.models),
    "reliability": lambda inputs: curves.reliability(inputs.models),
    "comparison": lambda inputs: selection.comparison(inputs.comparison),
    "training_ratios": lambda inputs: selection.training_ratios(inputs.ratios),
    "training": lambda inputs: training.training(inputs.histories),
    "survey": lambda inputs: selection.survey(inputs.survey, inputs.models),
}
