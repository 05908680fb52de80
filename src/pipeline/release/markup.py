"""Pieces of the web pages: tables, figures with their pixels inside, sections. All text is escaped."""

import base64
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources


def text(value) -> str:
    """Return a value as text for a cell: "–" for what is missing, numbers with few digits."""
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def table(rows: Iterable[Mapping], columns: Mapping[str, str], *, caption: str = "") -> str:
    """Return a table: `columns` maps keys of the rows to headings; numbers are set to the right."""
    rows = list(rows)
    numeric = {key for key in columns if any(_is_number(row.get(key)) for row in rows)}
    head = "".join(
        f"<th{' class=number' if key in numeric else ''}>{html.escape(name)}</th>" for key, name in columns.items()
    )
    lines = []
    for row in rows:
        cells = []
        for key in columns:
            value = row.get(key)
            cells.append(f"<td{' class=number' if key in numeric else ''}>{html.escape(text(value))}</td>")
        last = ' class="total"' if str(next((row.get(key) for key in columns), "")) == "all" else ""
        lines.append(f"<tr{last}>{''.join(cells)}</tr>")
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table>{title}<thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def figure(name: str, png: bytes, caption: str) -> str:
    """Return a figure with its pixels inside the page."""
    coded = base64.b64encode(png).decode("ascii")
    words = html.escape(caption)
    label = html.escape(name.replace("_", " "))
    return (
        f'<figure id="{html.escape(name)}"><img alt="{label}" src="data:image/png;base64,{coded}">'
        f"<figcaption>{words}</figcaption></figure>"
    )


def paragraph(words: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{html.escape(words)}</p>"


def cards(entries: Sequence[tuple[str, str]]) -> str:
    """Return a row of (number, what it is)."""
    parts = [
        f'<div class="card"><b>{html.escape(number)}</b><span>{html.escape(label)}</span></div>'
        for number, label in entries
    ]
    return f'<div class="cards">{"".join(parts)}</div>'


def section(identity: str, title: str, *parts: str) -> str:
    """Return a section with its heading."""
    return f'<section id="{identity}"><h2>{html.escape(title)}</h2>{"".join(parts)}</section>'


def links(sections: Sequence[tuple[str, str]]) -> str:
    """Return the list of (identity, title) as links within the page."""
    return "".join(f'<a href="#{identity}">{html.escape(title)}</a>' for identity, title in sections)


def page(title: str, body: str, *, navigation: str, simulated: bool, subtitle: str) -> str:
    """Return a whole page that needs no network."""
    template = resources.files("pipeline.release").joinpath("page.html").read_text(encoding="utf-8")
    mark = '<span class="simulated">SIMULATED</span>' if simulated else ""
    values = {
        "TITLE": html.escape(title),
        "SUBTITLE": html.escape(subtitle),
        "MARK": mark,
        "NAVIGATION": navigation,
        "BODY": body,
    }
    return re.sub("@([A-Z]+)@", lambda found: values[found[1]], template)
