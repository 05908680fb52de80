"""What the raw catalogues hold at a position, and which cut removed it: for known lenses that no source matches."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.data import sky
from pipeline.settings.ingest import Ingest
from pipeline.surveys.columns import complete
from pipeline.surveys.doubts import Doubts
from pipeline.surveys.legacy import survey_root
from pipeline.surveys.releases import sweep_name, sweep_path
from pipeline.surveys.selection import select
from pipeline.surveys.shards import SIMULATED_RELEASE, parse_sources
from pipeline.surveys.sweeps import read_sweep

_AREA = re.compile(r"sweep-(\d{3})([pm])(\d{3})-(\d{3})([pm])(\d{3})")


def _sweeps(rows: list[dict], survey: dict, root: str) -> Iterator[tuple[str, Path, list[str] | None]]:
    """Yield region, path and bricks of the sweep of each shard."""
    for row in rows:
        parts = parse_sources(survey["kind"], row["sources"])
        if survey["kind"] == "simulated":
            name = sweep_path(row["region"], SIMULATED_RELEASE, sweep_name(int(parts["ra"]), int(parts["dec"])))
            yield row["region"], Path(root) / f"tranche-{row['tranche']}" / name, None
        else:
            yield row["region"], survey_root(survey["root"]) / parts["sweep"], parts["bricks"].split(",")


def _may_hold(path: Path, ra: np.ndarray, dec: np.ndarray, radius_arcsec: float) -> np.ndarray:
    """Return which positions (N,) the area in a sweep's name holds; all for a file with another name."""
    found = _AREA.search(path.name)
    if not found:
        return np.ones(len(ra), dtype=bool)
    ra1, dec1, ra2, dec2 = (
        float(found[1]),
        float(found[3]) * (-1 if found[2] == "m" else 1),
        float(found[4]),
        float(found[6]) * (-1 if found[5] == "m" else 1),
    )
    margin = radius_arcsec / 3600
    wide = margin / np.maximum(np.cos(np.radians(dec)), 0.01)
    return (dec >= dec1 - margin) & (dec <= dec2 + margin) & ((ra - ra1 + wide) % 360 <= ra2 - ra1 + 2 * wide)


def cuts_at(
    systems: pd.DataFrame, rows: list[dict], survey: dict, ingest: Ingest, root: str, radius_arcsec: float
) -> dict[int, str]:
    """Return for known systems the cut that removed the nearest raw source; systems without any source are left out.

    Parameters
    ----------
    systems : DataFrame
        `system_id`, `known_ra`, `known_dec` of the systems that match no source of the catalogue.
    rows : list of dict
        Rows of the list of shards.
    survey : dict
        Section `survey`; kinds without sweeps give nothing.
    root : str
        Folder of the raw files of a simulated survey.
    """
    if survey["kind"] not in ("simulated", "legacy") or ingest.selection is None or not len(systems):
        return {}
    ra, dec = systems["known_ra"].to_numpy(), systems["known_dec"].to_numpy()
    nearest: dict[int, tuple[float, str]] = {}
    for region, path, bricks in _sweeps(rows, survey, root):
        here = np.flatnonzero(_may_hold(path, ra, dec, radius_arcsec))
        if not len(here):
            continue
        columns, _ = read_sweep(path, Doubts("flag"), bricks)
        columns.pop("row")
        columns["region"] = np.full(len(columns["ra"]), region, dtype=object)
        source, separation = sky.nearest(ra[here], dec[here], columns["ra"], columns["dec"], radius_arcsec)
        for place, row, distance in zip(here.tolist(), source.tolist(), separation.tolist(), strict=True):
            if row >= 0:
                one = complete({name: values[[row]] for name, values in columns.items()}, 1)
                removed = select(one, ingest.selection)[1]
                cut = next((name for name, number in removed.items() if number), "its source belongs to another system")
                system = int(systems["system_id"].iloc[place])
                nearest[system] = min(nearest.get(system, (np.inf, "")), (distance, cut))
    return {system: cut for system, (_, cut) in nearest.items()}
