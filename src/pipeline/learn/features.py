"""Features for a probe: embeddings of an encoder and columns of the catalogue, joined into one matrix by name."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import PipelineError
from pipeline.images.extinction import transmission
from pipeline.images.photometry import magnitudes

if TYPE_CHECKING:
    import pandas as pd

BANDS = ("g", "r", "z")
# COMP was replaced by SER between DR8 and DR9.
TYPES = ("PSF", "REX", "EXP", "DEV", "COMP", "SER")
CATALOGUE_COLUMNS = (*(f"flux_{band}" for band in BANDS), "ebv", "type", "shape_r", "shape_e1", "shape_e2", "sersic")
SMALLEST_SIZE = 0.01  # arcsec; the radius of a point source is 0


def encoder_of(feature: str) -> str | None:
    """Return the encoder that a feature source `embedding.<encoder>` names, None for the other sources."""
    return feature.removeprefix("embedding.") if feature.startswith("embedding.") else None


def _magnitudes(frame: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Magnitudes free of Galactic extinction; NaN where the flux is not positive. A missing E(B-V) counts as 0."""
    dust = transmission(np.nan_to_num(frame["ebv"].to_numpy(dtype=np.float64)), BANDS)
    return {
        f"mag_{band}": magnitudes(frame[f"flux_{band}"].to_numpy(dtype=np.float64) / dust[:, number])
        for number, band in enumerate(BANDS)
    }


def _colours(mags: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"colour_g_r": mags["mag_g"] - mags["mag_r"], "colour_r_z": mags["mag_r"] - mags["mag_z"]}


def _shapes(frame: "pd.DataFrame") -> dict[str, np.ndarray]:
    size = frame["shape_r"].to_numpy(dtype=np.float64)
    e1, e2 = (frame[name].to_numpy(dtype=np.float64) for name in ("shape_e1", "shape_e2"))
    return {
        "log_size": np.log10(np.maximum(size, SMALLEST_SIZE)),
        "ellipticity": np.hypot(e1, e2),
        "sersic": frame["sersic"].to_numpy(dtype=np.float64),
    }


def _known(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Whether each value is known, as a feature: a missing one is set to the mean, and this says so."""
    return {f"known_{name}": np.isfinite(values).astype(np.float64) for name, values in columns.items()}


def catalogue_features(frame: "pd.DataFrame", *, colours_only: bool = False) -> dict[str, np.ndarray]:
    """Return named features (N,) of catalogue rows, NaN where a value is missing.

    Magnitudes in g, r, z and the colours g-r and r-z (AB, corrected for Galactic extinction), log10 of the half-light
    radius in arcsec, ellipticity, Sersic index, the morphological type as one column a class, and for each value that
    can be missing a column that tells whether it is known.

    Parameters
    ----------
    frame : DataFrame
        With `CATALOGUE_COLUMNS`.
    colours_only : bool
        The two colours alone, with their `known` columns.
    """
    mags = _magnitudes(frame)
    if colours_only:
        colours = _colours(mags)
        return {**colours, **_known(colours)}
    shapes = _shapes(frame)
    kind = frame["type"].astype(str).str.strip().to_numpy()
    types = {f"type_{name}": (kind == name).astype(np.float64) for name in TYPES}
    return {**mags, **_colours(mags), **shapes, **types, **_known(mags), **_known(shapes)}


def unit_length(embedding: np.ndarray) -> np.ndarray:
    """Return embeddings (N, D) float32 divided by their length; a zero embedding stays zero."""
    length = np.sqrt(np.sum(embedding * embedding, axis=1, dtype=np.float32, keepdims=True))
    return embedding / np.where(length > 0, length, np.float32(1))


def assemble(
    sources: list[str], frame: "pd.DataFrame | None", embeddings: Mapping[str, np.ndarray], *, normalize: bool
) -> tuple[list[str], np.ndarray]:
    """Join feature sources into one matrix.

    Parameters
    ----------
    sources : list of str
        `embedding.<encoder>`, `catalogue` or `colours`, in the order of the columns.
    frame : DataFrame or None
        Catalogue rows (N); needed for `catalogue` and `colours`.
    embeddings : mapping
        Encoder -> (N, D) float16 or float32, rows as in `frame`.
    normalize : bool
        Divide each embedding by its length.

    Returns
    -------
    names : list of str
        Of the F columns, e.g. `embedding.moco.17`, `catalogue.mag_r`.
    features : (N, F) float32
        In their own units; NaN is a missing value of the catalogue.

    Raises
    ------
    PipelineError
        An unknown source, or an encoder without embeddings.
    """
    names, parts = [], []
    for source in sources:
        encoder = encoder_of(source)
        if encoder is not None:
            if encoder not in embeddings:
                raise PipelineError(
                    "no embeddings of the encoder that a feature names",
                    value=source,
                    allowed=", ".join(f"embedding.{name}" for name in embeddings) or None,
                )
            values = embeddings[encoder].astype(np.float32)
            parts.append(unit_length(values) if normalize else values)
            names += [f"{source}.{column}" for column in range(values.shape[1])]
        elif source in ("catalogue", "colours"):
            columns = catalogue_features(frame, colours_only=source == "colours")
            parts.append(np.stack(list(columns.values()), axis=1).astype(np.float32))
            names += [f"{source}.{name}" for name in columns]
        else:
            raise PipelineError(
                "unknown feature source", value=source, allowed="embedding.<encoder>, catalogue, colours"
            )
    return names, np.ascontiguousarray(np.concatenate(parts, axis=1))
