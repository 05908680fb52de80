"""Numbers and measures in words, for figures and pages."""


def interval(row: dict, digits: int = 3) -> str:
    """Return "0.82 (0.75 to 0.88)" for a row with value, low and high; "not measurable" without a value."""
    if row["value"] is None:
        return "not measurable"
    return f"{row['value']:.{digits}f} ({row['low']:.{digits}f} to {row['high']:.{digits}f})"


def in_order(pair: dict) -> list[str]:
    """Return the measures of a comparison: average precision, then recovery from the highest rate down."""
    names = [name for name in pair if name not in ("first", "second")]
    return sorted(names, key=lambda name: -float(name.split(" ")[-1]) if " " in name else -2.0)
