"""The curve of a training as a table of text, one row an epoch; no times, so that its bytes can be compared."""

from collections.abc import Iterable


def history_text(columns: Iterable[str], rows: Iterable[dict]) -> str:
    """Return rows as CSV; floats with 9 digits, which tell any two float32 apart."""
    lines = [list(columns)]
    for row in rows:
        values = [row[column] for column in lines[0]]
        lines.append([f"{value:.9g}" if isinstance(value, float) else str(value) for value in values])
    return "".join(",".join(line) + "\n" for line in lines)
