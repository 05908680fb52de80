"""The published columns of the graded candidates."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.data import flags, ids, sky
from pipeline.data.catalogue import column_of_model
from pipeline.errors import PipelineError
from pipeline.images.photometry import magnitudes

CATALOGUE = (
    "ra",
    "dec",
    "region",
    "type",
    "flags",
    *(f"flux_{band}" for band in "grz"),
    *(f"nobs_{band}" for band in "grz"),
    "shape_r",
    "ebv",
    "z_phot_median",
    "z_phot_std",
    "z_spec",
)
VIEWER = "https://www.legacysurvey.org/viewer?ra={ra:.5f}&dec={dec:.5f}&layer={layer}&zoom=16"
GRADES = ("A", "B", "C")


def published(graded: pd.DataFrame) -> pd.DataFrame:
    """Return the candidates that are released, those with a grade, by grade and then by right ascension."""
    chosen = graded[graded["grade"].isin(GRADES)]
    return chosen.sort_values(["grade", "ra", "object_id"], kind="stable", ignore_index=True)


def spectroscopic(
    ra: np.ndarray, dec: np.ndarray, table: pd.DataFrame, radius_arcsec: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the redshift (N,) of the nearest entry of a table within the radius and its distance (N,) arcsec.

    `table` has `ra`, `dec` (degrees) and `z`; entries without a redshift (NaN) are passed over. NaN: none found.
    """
    table = table[np.isfinite(table["z"]) & np.isfinite(table["ra"]) & np.isfinite(table["dec"])]
    index, separation = sky.nearest(ra, dec, table["ra"], table["dec"], radius_arcsec)
    z = np.full(len(ra), np.nan)
    z[index >= 0] = table["z"].to_numpy(dtype=np.float64)[index[index >= 0]]
    return z, separation


def columns(
    released: pd.DataFrame, catalogue: pd.DataFrame, redshifts: pd.DataFrame, *, radius_arcsec: float, layer: str | None
) -> Mapping[str, np.ndarray]:
    """Return the published columns (N,) in their order.

    Parameters
    ----------
    released : DataFrame
        From `published`: columns of candidates.ecsv and grades.ecsv, and `round`.
    catalogue : DataFrame
        `object_id` and the columns of `CATALOGUE`, of at least the released objects.
    redshifts : DataFrame
        `ra`, `dec`, `z`; a spectroscopic redshift of the catalogue stands in where it has none.
    radius_arcsec : float
    layer : str or None
        Layer of the viewer for links.

    Raises
    ------
    PipelineError
        A released object is not in the catalogue.
    """
    at = catalogue.set_index("object_id").reindex(released["object_id"])
    if at["ra"].isna().any():
        raise PipelineError(
            "a released object is not in the catalogue",
            value=int(at.index[at["ra"].isna()][0]),
            next="skysieve check RUN, then run snakemake again",
        )
    ra, dec = at["ra"].to_numpy(), at["dec"].to_numpy()
    z_spec, separation = spectroscopic(ra, dec, redshifts, radius_arcsec)
    of_catalogue = at["z_spec"].to_numpy(dtype=np.float64)
    flag = released["flags"].to_numpy(dtype=np.int64)
    simulated = (flag & flags.bit("SIMULATED")) != 0
    simulated |= released["simulated"].fillna(False).to_numpy(dtype=bool)
    found = {
        "NAME": ids.name(ra, dec) if len(ra) else np.zeros(0, "U1"),
        "DESINAME": ids.desiname(ra, dec) if len(ra) else np.zeros(0, "U1"),
        "OBJECT_ID": released["object_id"].to_numpy(dtype=np.int64),
        "RA": ra,
        "DEC": dec,
        "GRADE": released["grade"].to_numpy(dtype=object),
        "SCORE_MEAN": released["score_mean"].to_numpy(dtype=np.float64),
        "SCORE_DELTA": released["score_delta"].to_numpy(dtype=np.float64),
        "N_GRADERS": released["n_graders"].to_numpy(dtype=np.float64),
        "ROUND": released["round"].to_numpy(dtype=np.int64),
        "KNOWN": released["known"].to_numpy(dtype=bool),
        "KNOWN_NAME": released["known_name"].to_numpy(dtype=object),
        "KNOWN_SEPARATION": released["known_separation"].to_numpy(dtype=np.float64),
        "FLAGS": flag,
        "REGION": at["region"].to_numpy(dtype=object),
        "TYPE": at["type"].to_numpy(dtype=object),
        **{f"MAG_{band.upper()}": magnitudes(at[f"flux_{band}"].to_numpy()) for band in "grz"},
        **{f"NOBS_{band.upper()}": at[f"nobs_{band}"].to_numpy(dtype=np.float64) for band in "grz"},
        "SHAPE_R": at["shape_r"].to_numpy(dtype=np.float64),
        "EBV": at["ebv"].to_numpy(dtype=np.float64),
        "Z_SPEC": np.where(np.isfinite(z_spec), z_spec, of_catalogue),
        "Z_SPEC_SEPARATION": separation,
        "Z_PHOT": at["z_phot_median"].to_numpy(dtype=np.float64),
        "Z_PHOT_STD": at["z_phot_std"].to_numpy(dtype=np.float64),
        "PROBABILITY": released["probability"].to_numpy(dtype=np.float64),
        "BEST_MODEL": released["best_model"].to_numpy(dtype=object),
        "RANK": released["rank"].to_numpy(dtype=np.int64),
        "STRATUM": released["stratum"].to_numpy(dtype=object),
        "PROVENANCE": released["provenance"].to_numpy(dtype=object),
        "QUERIES": released["queries"].to_numpy(dtype=object),
        "MEMBERS": released["members"].to_numpy(dtype=object),
        "SIMULATED": simulated,
    }
    models = [name.removeprefix("probability_") for name in released.columns if name.startswith("probability_")]
    for model in models:
        for prefix in ("score", "probability"):
            values = released[f"{prefix}_{model}"].to_numpy(dtype=np.float64)
            found[column_of_model(prefix.upper(), model)] = values
    if layer is not None:
        found["VIEWER_URL"] = [VIEWER.format(ra=one, dec=two, layer=layer) for one, two in zip(ra, dec, strict=True)]
    return found
