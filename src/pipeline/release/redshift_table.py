"""The published columns of the redshifts."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.data import sky
from pipeline.data.catalogue import column_of_model
from pipeline.data.redshift_bits import bit
from pipeline.data.redshift_columns import registry
from pipeline.errors import PipelineError

CATALOGUE = (
    "object_id", "ra", "dec", "survey", "plate", "mjd", "fiber", "targetid", "sn_median", "class_vi", "z_vi",
    "class_pipe", "z_pipe", "zwarn_pipe", "bal_flag", "flags", "simulated",
)  # fmt: skip
ANSWER = ("z", "z_err", "p_wrong", "z_second", "zwarn")
LINES = ("LYA", "CIV", "CIII", "MGII", "HBETA", "HALPHA", "BAL")  # the heads of a line finder, in their order
_FLAG = bit("LOW_CONFIDENCE")


def designation(ra, dec) -> np.ndarray:
    """Return names JHHMMSS.ss+DDMMSS.s (N,) of positions in degrees, truncated as the IAU asks."""
    # What a decimal number of degrees loses in binary must not change its last digit.
    time = np.floor(np.asarray(ra, dtype=np.float64) % 360 / 15 * 360_000 + 1e-5).astype(np.int64)
    angle = np.floor(np.abs(np.asarray(dec, dtype=np.float64)) * 36_000 + 1e-5).astype(np.int64)
    names = []
    for t, a, south in zip(time.tolist(), angle.tolist(), np.signbit(dec).tolist(), strict=True):
        hours, degrees = f"{t // 360_000:02d}{t // 6000 % 60:02d}", f"{a // 36_000:02d}{a // 600 % 60:02d}"
        seconds = f"{t // 100 % 60:02d}.{t % 100:02d}", f"{a // 10 % 60:02d}.{a % 10}"
        names.append(f"J{hours}{seconds[0]}{'-' if south else '+'}{degrees}{seconds[1]}")
    return np.array(names, dtype=object)


def estimators(combined: Mapping[str, np.ndarray]) -> list[str]:
    """Return the estimators of combined redshifts."""
    return sorted(name.removeprefix("p_wrong_") for name in combined if name.startswith("p_wrong_"))


def confident(zwarn: np.ndarray) -> np.ndarray:
    """Return which redshifts (N,) are those of confident quasars."""
    return (np.asarray(zwarn) & _FLAG) == 0


def columns(
    catalogue: pd.DataFrame, combined: Mapping[str, np.ndarray], sample: pd.DataFrame, object_arcsec: float
) -> dict[str, np.ndarray]:
    """Return the published columns (N,) in their order, by right ascension.

    Parameters
    ----------
    catalogue : DataFrame
        `spectrum_id` and the columns of `CATALOGUE`, sorted by spectrum_id.
    combined : mapping
        Combined redshifts (N, ...) of the same spectra in the same order.
    sample : DataFrame
        `spectrum_id`, `set`; spectra of later tranches are not in it.
    object_arcsec : float
        Spectra this near to each other are of one object.

    Raises
    ------
    PipelineError
        Redshifts and catalogue are not of the same spectra, or names of estimators make two columns the same.
    """
    if not np.array_equal(combined["spectrum_id"], catalogue["spectrum_id"]):
        raise PipelineError(
            "redshifts and catalogue are not of the same spectra",
            value=f"{len(combined['spectrum_id'])} and {len(catalogue)}",
            next="skysieve check RUN, then run snakemake again",
        )
    found = {"DESIGNATION": designation(catalogue["ra"], catalogue["dec"])}
    taken = {name: catalogue[name].to_numpy() for name in ("spectrum_id", *CATALOGUE)}
    ids, number = taken.pop("spectrum_id"), sky.groups(taken["ra"], taken["dec"], object_arcsec)
    found["SPECTRUM_ID"], found["OBJECT_ID"] = ids, taken.pop("object_id")
    found["GROUP_ID"] = ids[np.unique(number, return_index=True)[1]][number] if len(ids) else ids
    first = ("ra", "dec", "survey", "plate", "mjd", "fiber", "targetid", "sn_median")
    found |= {name.upper(): taken.pop(name) for name in first}
    found |= {name.upper(): combined[name] for name in (*ANSWER, "class")}
    found["CONFIDENT"] = confident(combined["zwarn"])
    for model in estimators(combined):
        given = [key for key in (*ANSWER, "class") if f"{key}_{model}" in combined]
        own = {column_of_model(key.upper(), model, registry()): combined[f"{key}_{model}"] for key in given}
        if f"line_z_{model}" in combined:
            for number, line in enumerate(LINES):
                for key, dataset in (("CONFIDENCE", "line_confidence"), ("Z", "line_z")):
                    name = column_of_model(f"{key}_{line}", model, registry())
                    own[name] = combined[f"{dataset}_{model}"][:, number]
        if both := sorted(set(own) & set(found)):
            raise PipelineError("two estimators have names that make one column", value=model, where=", ".join(both))
        found |= own
    sets = sample.set_index("spectrum_id")["set"].reindex(found["SPECTRUM_ID"])
    found["SAMPLE"] = sets.fillna("").to_numpy(dtype=object)
    found |= {name.upper(): values for name, values in taken.items()}
    order = np.lexsort((found["SPECTRUM_ID"], found["DEC"], found["RA"]))
    return {name: np.asarray(values)[order] for name, values in found.items()}
