"""What the published redshifts hold, in numbers."""

from collections.abc import Mapping

import numpy as np

from pipeline.data.redshift_bits import REDSHIFT_BITS, bit
from pipeline.release.redshift_table import confident

QUASARS_VI = (3, 30)  # CLASS_PERSON of quasars, with and without broad absorption
EDGES = tuple(round(0.25 * number, 2) for number in range(29))


def counts(table: Mapping[str, np.ndarray], estimators: list[str]) -> dict:
    """Return the numbers, JSON-ready.

    table : published columns (N,).
    estimators : their names.
    """
    trusted = np.asarray(table["CONFIDENT"], dtype=bool)
    zwarn, flags = (np.asarray(table[name]).astype(np.int64) for name in ("ZWARN", "FLAGS"))
    sky = (np.asarray(table["CLASS_PIPE"]) == "SKY") | ((flags & bit("SKY")) != 0)

    def by(name: str) -> list[dict]:
        values = np.asarray(table[name]).astype(str)
        return [_row(values == value, trusted, value=str(value)) for value in sorted(set(values.tolist()))]

    return {
        "spectra": len(trusted),
        "objects": len(np.unique(table["GROUP_ID"])),
        "confident": int(trusted.sum()),
        "confident_objects": len(np.unique(np.asarray(table["GROUP_ID"])[trusted])),
        "flagged": int((~trusted).sum()),
        "without_redshift": int((~np.isfinite(np.asarray(table["Z"], dtype=np.float64))).sum()),
        "sky_fibres": _row(sky, trusted),
        "by_class": by("CLASS"),
        "by_survey": by("SURVEY"),
        "by_sample": by("SAMPLE"),
        "bits": [
            {"bit": one.bit, "name": one.name, "meaning": one.meaning, "spectra": int((zwarn >> one.bit & 1).sum())}
            for one in REDSHIFT_BITS
            if (zwarn >> one.bit & 1).any()
        ],
        "estimators": {
            name: int(confident(np.asarray(table[f"ZWARN_{name.upper()}"]).astype(np.int64)).sum())
            for name in estimators
        },
        "redshifts": _histograms(table, trusted),
    }


def _row(chosen: np.ndarray, trusted: np.ndarray, **named) -> dict:
    return {**named, "spectra": int(chosen.sum()), "confident": int((chosen & trusted).sum())}


def _histograms(table: Mapping[str, np.ndarray], trusted: np.ndarray) -> dict:
    """Count redshifts of confident quasars, of the pipeline's and of inspected ones; the outermost bins are open."""
    edges = np.array([-np.inf, *EDGES[1:-1], np.inf])
    chosen = {
        "confident": ("Z", trusted),
        "pipeline": ("Z_PIPE", np.asarray(table["CLASS_PIPE"]) == "QSO"),
        "inspected": ("Z_VI", np.isin(np.asarray(table["CLASS_VI"]), QUASARS_VI)),
    }
    found: dict = {"edges": list(EDGES)}
    for name, (column, rows) in chosen.items():
        z = np.asarray(table[column], dtype=np.float64)[rows]
        found[name] = np.histogram(z[np.isfinite(z)], edges)[0].tolist()
    return found
