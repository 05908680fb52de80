"""Non-lenses that look like lens hosts in the catalogue: nearest neighbours of the same type within calipers."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.images.photometry import ZERO_POINT, magnitudes

SMALLEST_SIZE = 0.01  # arcsec; the radius of a point source is 0
COLUMNS = ("type", "flux_g", "flux_r", "flux_z", "shape_r", "psfdepth_z")


def properties(table: pd.DataFrame) -> pd.DataFrame:
    """Return what is matched, from catalogue columns: `mag_z`, `g_r`, `r_z` (mag, as observed), `log_size` (dex of
    arcsec) and `depth` (magnitude of a point source of 5 sigma in z, from `psfdepth_z` in nanomaggy^-2).
    """
    mags = {band: magnitudes(table[f"flux_{band}"].to_numpy()) for band in "grz"}
    variance = table["psfdepth_z"].to_numpy(dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = ZERO_POINT - 2.5 * np.log10(5 / np.sqrt(np.where(variance > 0, variance, np.nan)))
    return pd.DataFrame(
        {
            "mag_z": mags["z"],
            "g_r": mags["g"] - mags["r"],
            "r_z": mags["r"] - mags["z"],
            "log_size": np.log10(np.maximum(table["shape_r"].to_numpy(dtype=np.float64), SMALLEST_SIZE)),
            "depth": depth,
        }
    )


def match(table: pd.DataFrame, calipers: Mapping[str, float], per_lens: int) -> np.ndarray:
    """Return for each object the row (N,) int64 of the lens to which it is matched; a matched lens names itself.

    Every non-lens serves one lens at most. In turns, each lens takes the nearest non-lens that is left, in units of the
    calipers; nearer pairs and then lower object_id go first. -1: not matched.

    Parameters
    ----------
    table : DataFrame
        `object_id`, `is_lens`, and the columns of `COLUMNS`.
    calipers : mapping
        Largest difference in each of `properties`.
    per_lens : int
    """
    scaled = properties(table)[list(calipers)].to_numpy() / np.array(list(calipers.values()))
    kind = table["type"].astype(str).str.strip().to_numpy()
    is_lens = table["is_lens"].to_numpy()
    ids = table["object_id"].to_numpy()
    matched = np.full(len(table), -1, dtype=np.int64)
    lens_rows, other_rows = np.flatnonzero(is_lens), np.flatnonzero(~is_lens)
    pairs = []
    for lens in lens_rows:
        difference = np.abs(scaled[other_rows] - scaled[lens])
        good = (kind[other_rows] == kind[lens]) & (difference <= 1).all(axis=1)  # NaN compares as false
        distance = np.sqrt((difference[good] ** 2).sum(axis=1))
        pairs.append((distance, np.full(good.sum(), lens), other_rows[good]))
    if not pairs:
        return matched
    distance, lens, other = (np.concatenate(part) for part in zip(*pairs, strict=True))
    order = np.lexsort((ids[other], ids[lens], distance))
    lens, other = lens[order], other[order]
    for _ in range(per_lens):
        served: set[int] = set()
        for one, two in zip(lens.tolist(), other.tolist(), strict=True):
            if one not in served and matched[two] == -1:
                matched[two], matched[one] = one, one
                served.add(one)
        left = matched[other] == -1
        lens, other = lens[left], other[left]
        if not served:
            break
    return matched


def weights(matched: np.ndarray, is_lens: np.ndarray) -> np.ndarray:
    """Return weights (N,): 1 for a matched lens; each lens's non-lenses share the mean number of non-lenses a lens.

    So the weighted non-lenses are distributed as the matched lenses are, and their weights add up to their number.
    """
    weight = np.zeros(len(matched))
    others = (matched >= 0) & ~is_lens
    weight[(matched >= 0) & is_lens] = 1.0
    if others.any():
        lens, number = np.unique(matched[others], return_counts=True)
        mean = number.sum() / len(lens)
        weight[others] = mean / number[np.searchsorted(lens, matched[others])]
    return weight


def balance(table: pd.DataFrame, weight: np.ndarray) -> list[dict]:
    """Return for each property the difference of the means, lenses less others, in standard deviations of the lenses.

    JSON-ready rows: `name`, `before` (all objects), `after` (weighted, matched objects).
    """
    is_lens = table["is_lens"].to_numpy()
    rows = []
    for name, values in properties(table).items():
        values = values.to_numpy()
        known = np.isfinite(values)
        deviation = np.std(values[known & is_lens]) or 1.0
        row = {"name": name}
        for key, weighting in (("before", np.ones(len(values))), ("after", weight)):
            lens = np.where(known & is_lens, weighting, 0.0)
            other = np.where(known & ~is_lens, weighting, 0.0)
            if lens.sum() and other.sum():
                filled = np.where(known, values, 0.0)
                gap = (lens * filled).sum() / lens.sum() - (other * filled).sum() / other.sum()
                row[key] = float(gap / deviation)
            else:
                row[key] = None
        rows.append(row)
    return rows
