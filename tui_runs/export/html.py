"""One page of HTML that needs nothing else: tables and charts, in the light and the dark, on paper too.

There is no script in it, and its own policy forbids any, should something of a store ever get through as markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final, TypeAlias

from tui_runs.display import printable
from tui_runs.export.text_table import TextColumn

_SHORT: Final = 24
"""A cell of so few characters is never folded."""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
:root { color-scheme: light dark; --back: #fbfcfd; --panel: #fff; --line: #e2e7eb; --text: #1c2429; --muted: #66727d;
  --accent: #0b7285; --good: #1f7a33; --bad: #c02b2b; --warn: #9a5b00; --shade: #f1f4f7; }
@media (prefers-color-scheme: dark) { :root { --back: #0f1318; --panel: #151b21; --line: #28313a; --text: #d6dde3;
  --muted: #8a96a1; --accent: #5cc8dc; --good: #7ee081; --bad: #f47067; --warn: #f0b429; --shade: #1b232b; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2.5rem clamp(1rem, 4vw, 3.5rem) 4rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
header { margin-bottom: 2.25rem; }
h1 { margin: 0 0 .3rem; font-size: 1.65rem; font-weight: 650; letter-spacing: -.015em; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .8rem; font-size: 1.05rem; font-weight: 650; }
header p, .note { margin: 0; color: var(--muted); overflow-wrap: anywhere; }
.note { margin-top: .6rem; font-size: .87rem; }
.frame { width: fit-content; max-width: 100%; overflow: auto; max-height: 85vh; background: var(--panel);
  border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: separate; border-spacing: 0; font-size: .88rem; }
th, td { padding: .42rem .95rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
td { font-family: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace; font-size: .82rem;
  max-width: 34rem; overflow-wrap: break-word; white-space: pre-wrap; font-variant-numeric: tabular-nums; }
thead th { position: sticky; top: 0; z-index: 2; background: var(--shade); font-weight: 600; white-space: nowrap; }
tbody th { position: sticky; left: 0; z-index: 1; background: var(--panel); font-weight: 500;
  max-width: 22rem; overflow-wrap: break-word; }
thead th:first-child { left: 0; z-index: 3; }
tbody tr:last-child > * { border-bottom: 0; }
tbody tr:hover > * { background: var(--shade); }
tr.heading th { padding-top: 1rem; color: var(--accent); font-size: .78rem; font-weight: 650; letter-spacing: .05em;
  text-transform: uppercase; }
.short { white-space: pre; }
.right { text-align: right; }
.strong { font-weight: 700; }
.muted { color: var(--muted); }
.good { color: var(--good); }
.bad { color: var(--bad); }
.warn { color: var(--warn); }
small { margin-left: .6em; font-size: .92em; opacity: .85; white-space: nowrap; }
.dot { display: inline-block; width: .7em; height: .7em; margin-right: .5em; border-radius: 50%; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin-bottom: .9rem; font-size: .88rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
.chart { width: 100%; height: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 10px; }
.chart text { font-family: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace; }
.chart-title { fill: var(--text); font-size: 13px; font-weight: 600; }
.tick { fill: var(--muted); font-size: 10.5px; }
.grid { stroke: var(--line); }
.curve { fill: none; stroke-width: 1.7; stroke-linejoin: round; stroke-linecap: round; }
footer { margin-top: 3rem; color: var(--muted); font-size: .82rem; }
@media print { body { padding: 0; } .frame { max-height: none; overflow: visible; } .chart { break-inside: avoid; } }
"""


@dataclass(frozen=True, slots=True)
class HtmlTable:
    """A table of the page.

    Args:
        title: stands above it.
        columns: the first of them names the rows, and stays in view.
        headings: titles that stand above rows, by the row's number.
        notes: what stands beside cells, smaller: by column, one a row.
        column_colours: `#rrggbb` of columns that are runs, by their number.
        row_colours: `#rrggbb` of rows that are runs; none where empty.
        note: what there is to say below it.
    """

    title: str
    columns: Sequence[TextColumn]
    headings: Mapping[int, str] = field(default_factory=dict)
    notes: Mapping[int, Sequence[str]] = field(default_factory=dict)
    column_colours: Mapping[int, str] = field(default_factory=dict)
    row_colours: Sequence[str] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class HtmlCharts:
    """The charts of the page.

    Args:
        title: stands above them.
        legend: names of the runs, and their colours.
        charts: as `tui_runs.export.svg.curves_svg` makes them: put into the page as they are.
    """

    title: str
    legend: Sequence[tuple[str, str]]
    charts: Sequence[str]


Part: TypeAlias = HtmlTable | HtmlCharts


def html_page(title: str, subtitle: str, parts: Sequence[Part]) -> Iterator[str]:
    """A page, in pieces.

    Args:
        title: its heading, and what a browser's tab shows.
        subtitle: a line below it: where the runs are from, and when.
        parts: from top to bottom.
    """
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
    yield f"<header><h1>{_text(title)}</h1><p>{_text(subtitle)}</p></header>\n"
    for part in parts:
        yield f"<section>\n<h2>{_text(part.title)}</h2>\n"
        yield from _table(part) if isinstance(part, HtmlTable) else _charts(part)
        yield "</section>\n"
    yield "<footer>Made by tui-runs</footer>\n</body>\n</html>\n"


def _charts(part: HtmlCharts) -> Iterator[str]:
    entries = "".join(f"<span>{_dot(colour)}{_text(name)}</span>" for name, colour in part.legend)
    yield f'<div class="legend">{entries}</div>\n<div class="charts">\n'
    for chart in part.charts:
        yield f"{chart}\n"
    yield "</div>\n"


def _table(part: HtmlTable) -> Iterator[str]:
    yield '<div class="frame"><table>\n<thead><tr>'
    for place, column in enumerate(part.columns):
        dot = _dot(part.column_colours[place]) if place in part.column_colours else ""
        yield f'<th scope="col"{_class("right" if column.right else "")}>{dot}{_text(column.title)}</th>'
    yield "</tr></thead>\n<tbody>\n"
    cells = [_cells(part, place) for place in range(len(part.columns))]
    for at, row in enumerate(zip(*cells, strict=True)):
        if at in part.headings:
            heading = _text(part.headings[at])
            yield f'<tr class="heading"><th scope="rowgroup" colspan="{len(cells)}">{heading}</th></tr>\n'
        yield f"<tr>{''.join(row)}</tr>\n"
    yield "</tbody>\n</table></div>\n"
    if part.note:
        yield f'<p class="note">{_text(part.note)}</p>\n'


def _cells(part: HtmlTable, place: int) -> Iterator[str]:
    column = part.columns[place]
    count = len(column.cells)
    styles, notes = column.styles or [""] * count, part.notes.get(place) or [""] * count
    for at, (cell, style, note) in enumerate(zip(column.cells, styles, notes, strict=True)):
        short = "short" if len(cell) + len(note) <= _SHORT else ""
        names = _class(short, "right" if column.right else "", style)
        beside = f"<small>{_text(note)}</small>" if note else ""
        if place == 0:
            dot = _dot(part.row_colours[at]) if part.row_colours else ""
            yield f'<th scope="row"{names}>{dot}{_text(cell)}</th>'
        else:
            yield f"<td{names}>{_text(cell)}{beside}</td>"


def _class(*names: str) -> str:
    given = " ".join(name for name in names if name)
    return f' class="{given}"' if given else ""


def _dot(colour: str) -> str:
    return f'<span class="dot" style="background:{_text(colour)}"></span>'


def _text(text: str) -> str:
    return escape(printable(text))
