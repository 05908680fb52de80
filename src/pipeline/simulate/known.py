"""Lists of known lenses with the faults that real lists have, and a first grading of their entries."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.data.random import normal, ranks, uniform
from pipeline.settings.simulation import Simulated

_CONFUSED = ("ring", "merger", "companion", "spiral")  # classes that people have taken for lenses
_BOUNDARY = 32.375  # declination north of which the northern release counts (in the northern Galactic sky)
_SEEN_NEARBY = 12.0  # arcsec: a grader who looks at a wrong position still sees a lens that near
_CLEAR = 1.2  # times the limit of visibility


@dataclass(frozen=True)
class Known:
    """Both lists, the first grading, and the systems that stand in a list."""

    list_a: pd.DataFrame
    list_b: pd.DataFrame
    visibility: pd.DataFrame
    systems: np.ndarray


def resolve(truth: pd.DataFrame) -> pd.DataFrame:
    """Return one row a system: where both regions hold it, that of the region which counts at its declination."""
    primary = truth[~truth.catalogued_arc]
    counts = np.where(primary.dec > _BOUNDARY, "north", "south")
    order = primary.assign(other=primary.region.to_numpy() != counts).sort_values(["system", "other"], kind="stable")
    return order.drop_duplicates("system").drop(columns="other").reset_index(drop=True)


def known(truth: pd.DataFrame, corners: list[tuple[int, int]], settings: Simulated, seed: int, tranche: int) -> Known:
    """Return the lists of known lenses of a tranche.

    Parameters
    ----------
    truth : DataFrame
        Truth of all areas of the tranche.
    corners : list of (ra0, dec0)
        Its areas.
    """
    shares = settings.known
    rows = resolve(truth)
    lenses = rows[rows.is_lens]
    draw = uniform(seed, "simulate.listed", 0, lenses.system.to_numpy(), 1)[:, 0]
    listed = lenses[draw < np.where(lenses.visible, shares.listed_visible, shares.listed_hidden)]
    mistaken = _mistaken(rows, round(shares.mistaken * len(listed)), settings, seed)
    entries = pd.concat([listed, mistaken], ignore_index=True)
    entries["state"] = _states(entries, settings)
    system = entries.system.to_numpy()
    entries["ra"], entries["dec"], offset = _positions(entries, settings, seed)
    # Somebody who looks at a place without a lens sees none.
    entries.loc[offset > _SEEN_NEARBY, "state"] = "not_visible"
    entries = pd.concat([entries, _absent(corners, round(shares.absent * len(listed)), seed, tranche)])
    entries = entries.reset_index(drop=True)
    entries["state"] = _graded(entries, shares.grading_error, seed)
    flat = uniform(seed, "simulate.lists", 1, entries.system.to_numpy(), 3)
    in_both = flat[:, 0] < shares.both
    in_a = in_both | (flat[:, 1] < 0.5)
    tables = []
    for k, chosen in enumerate((in_a, in_both | ~in_a)):
        part = entries[chosen].reset_index(drop=True)
        twice = uniform(seed, "simulate.doubled", k, part.system.to_numpy(), 1)[:, 0] < shares.doubled
        part = _moved(pd.concat([part, part[twice]], ignore_index=True), np.arange(len(part) + twice.sum()), k, seed)
        tables.append(part.iloc[np.lexsort((part.dec, part.ra))].reset_index(drop=True))
    grading = pd.concat(tables, ignore_index=True)
    grading = grading.drop_duplicates(["ra", "dec"]).sort_values(["ra", "dec"], kind="stable")
    visibility = pd.DataFrame({"ra": grading.ra, "dec": grading.dec, "visibility": grading.state, "simulated": True})
    return Known(_list_a(tables[0]), _list_b(tables[1]), visibility, system)


def _states(entries: pd.DataFrame, settings: Simulated) -> np.ndarray:
    clear = entries.visible & (entries.arc_snr >= _CLEAR * settings.lenses.visible_snr)
    lens = np.select([clear, entries.visible], ["clear", "unclear"], "not_visible")
    return np.where(entries.is_lens, lens, "unclear")


def _mistaken(rows: pd.DataFrame, number: int, settings: Simulated, seed: int) -> pd.DataFrame:
    pool = rows[rows.kind.isin(_CONFUSED)]
    order = np.lexsort((pool.system, ranks(seed, "simulate.mistaken", 0, pool.system.to_numpy())))
    return pool.iloc[order[:number]]


def _positions(entries: pd.DataFrame, settings: Simulated, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ra, dec in degrees, and how far they are off, arcsec: some by 3 arcsec to 2 arcmin."""
    flat = uniform(seed, "simulate.wrong_positions", 0, entries.system.to_numpy(), 3)
    wrong = flat[:, 0] < settings.known.wrong_position
    offset = np.where(wrong, 3.0 * 40.0 ** flat[:, 1], 0.0)
    angle = 2 * np.pi * flat[:, 2]
    dec = entries.dec.to_numpy() + offset * np.sin(angle) / 3600
    ra = entries.ra.to_numpy() + offset * np.cos(angle) / 3600 / np.cos(np.radians(dec))
    return ra % 360, dec, offset


def _absent(corners, number: int, seed: int, tranche: int) -> pd.DataFrame:
    """Return entries where no brick lies: at the edges of the areas, away from the cells that hold bricks."""
    key = -(np.arange(number) + 1 + 1_000_000 * tranche)
    flat = uniform(seed, "simulate.absent", 0, key, 3)
    place = np.array(corners, dtype=float).reshape(-1, 2)[(flat[:, 0] * len(corners)).astype(int)]
    return pd.DataFrame({
        "system": key, "ra": place[:, 0] + 10 * flat[:, 1], "dec": place[:, 1] + 0.1 + 0.15 * flat[:, 2],
        "state": "not_visible", "arc_snr": 0.0, "visible": False, "z_lens": np.nan, "configuration": "",
    })  # fmt: skip


def _graded(entries: pd.DataFrame, error: float, seed: int) -> np.ndarray:
    """Return the states with errors by one step."""
    states = np.array(["not_visible", "unclear", "clear"])
    place = np.select([entries.state == state for state in states], [0, 1, 2])
    flat = uniform(seed, "simulate.grading", 0, entries.system.to_numpy(), 2)
    step = np.where(place == 1, np.where(flat[:, 1] < 0.5, -1, 1), 1 - place)
    return states[np.where(flat[:, 0] < error, place + step, place)]


def _moved(table: pd.DataFrame, order: np.ndarray, which: int, seed: int) -> pd.DataFrame:
    """Return the table with positions as a list prints them: a few tenths of an arcsec off, doubled ones an arcsec."""
    key = np.where(table.system.duplicated(), -1, 1) * (np.abs(table.system.to_numpy()) * 2 + which + 1)
    scale = np.where(table.system.duplicated(), 1.2, 0.15)
    shift = normal(seed, "simulate.printed", 0, key, 2) * scale[:, None] / 3600
    dec = (table.dec + shift[:, 1]).round(5)
    ra = ((table.ra + shift[:, 0] / np.cos(np.radians(table.dec))) % 360).round(5)
    return table.assign(ra=ra, dec=dec, second=table.system.duplicated())


def _words(ra: pd.Series, dec: pd.Series, prefix: str, form: str) -> list[str]:
    return [prefix + form.format(a, d) for a, d in zip(ra, dec, strict=True)]


def _list_a(table: pd.DataFrame) -> pd.DataFrame:
    """Return list A: name, ra, dec, grade (A, B, C as a search publishes them), simulated."""
    snr = np.nan_to_num(table.arc_snr.to_numpy(dtype=float))
    grade = np.select([table.state == "clear", (table.state == "unclear") | (snr > 10)], ["A", "B"], "C")
    name = _words(table.ra, table.dec, "SIMA-", "{:08.4f}{:+08.4f}")
    return pd.DataFrame({"name": name, "ra": table.ra, "dec": table.dec, "grade": grade, "simulated": True})


def _list_b(table: pd.DataFrame) -> pd.DataFrame:
    """Return list B, a compilation: SYSTEM, RAJ2000, DEJ2000, TYPE, Z_LENS, REFERENCE, SIMULATED."""
    return pd.DataFrame({
        "SYSTEM": _words(table.ra / 15, table.dec, "SIMB J", "{:06.3f}{:+07.3f}"), "RAJ2000": table.ra,
        "DEJ2000": table.dec, "TYPE": np.where(table.configuration == "group", "GROUP", "GAL-GAL"),
        "Z_LENS": table.z_lens.round(4), "REFERENCE": np.where(table.second, "SIM2", "SIM1"), "SIMULATED": True,
    })  # fmt: skip
