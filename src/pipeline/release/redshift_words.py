"""Measures of redshifts in words, for figures and pages."""

from pipeline.release.words import interval


def percent(row: dict | None, digits: int = 1) -> str:
    """Return "97.1 (95.0 to 98.4) %" for a row with share, low and high; "not measurable" without a share."""
    if row is None or row["share"] is None:
        return "not measurable"
    return f"{interval({key: 100 * row[name] for key, name in _KEYS.items()}, digits)} %"


def counted(row: dict) -> str:
    """Return "3 of 120 = 2.5 (0.9 to 7.1) %" for a share with its count."""
    return f"{row['count']} of {row['of']}" + (f" = {percent(row)}" if row["of"] else "")


_KEYS = {"value": "share", "low": "low", "high": "high"}
