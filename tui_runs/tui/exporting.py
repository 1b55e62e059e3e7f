"""What is on the screen as a file: the runs table as it is filtered, sorted and grouped, and the comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from tui_runs.display import printable
from tui_runs.errors import UsageError
from tui_runs.export.csv_rows import csv_text
from tui_runs.export.html import HtmlCharts, HtmlTable, Part, html_page
from tui_runs.export.json_rows import rows_as_json
from tui_runs.export.latex import latex_lines
from tui_runs.export.markdown import markdown_lines
from tui_runs.export.parquet import parquet_bytes
from tui_runs.export.text_table import Style, TextColumn
from tui_runs.tui.whole_file import write_whole
from tui_runs.tui.widgets.columns import Cell, TableColumn

FORMATS: Final = {
    ".csv": "csv", ".json": "json", ".jsonl": "jsonl", ".parquet": "parquet",
    ".md": "markdown", ".tex": "latex", ".html": "html", ".htm": "html",
}  # fmt: skip
"""The format that each ending of a file's name means."""
_STYLES: Final[dict[str, Style]] = {"best": "strong", "strong": "strong", "good": "good", "bad": "bad", "warn": "warn"}


@dataclass(frozen=True, slots=True)
class Exported:
    """A table that is to be written.

    Args:
        title: what it is of.
        frame: its values, for formats that programs read: as they are stored.
        columns: the same as it is on the screen, for people, made by `text_columns`; or what makes them when they are
            wanted, in a thread.
        headings: titles that stand above rows, by the row's number.
        colours: `#rrggbb` of columns that are runs, by their number.
        charts: what else a page of HTML shows.
        subtitle: where the runs are from.
    """

    title: str
    frame: pl.DataFrame
    columns: Sequence[TextColumn] | Callable[[], Sequence[TextColumn]]
    headings: dict[int, str] = field(default_factory=dict)
    colours: dict[int, str] = field(default_factory=dict)
    charts: HtmlCharts | None = None
    subtitle: str = ""


def text_columns(frame: pl.DataFrame, columns: Iterable[TableColumn]) -> list[TextColumn]:
    """The cells of a table of the screen as text; all rows, and nothing is cut.

    Args:
        frame: the rows.
        columns: how they look.
    """
    found = []
    for column in columns:
        cells = column.cells(frame)
        texts = ["".join(printable(text) for text, _ in cell.pieces) for cell in cells]
        styles = [_style_of(cell) for cell in cells]
        title = printable(column.title) or printable(column.name)
        found.append(TextColumn(title, texts, right=column.align == "right", styles=styles))
    return found


def _style_of(cell: Cell) -> Style:
    return _STYLES.get(cell.style, "")


def render(exported: Exported, format_name: str) -> bytes:
    """The bytes of a file; in a thread, for many rows take seconds.

    Args:
        exported: what to write.
        format_name: one of the values of FORMATS.
    """
    frame = exported.frame
    match format_name:
        case "csv":
            text = csv_text(frame)
        case "json":
            text = "[" + ",\n ".join(rows_as_json(frame)) + "]\n"
        case "jsonl":
            text = "".join(f"{row}\n" for row in rows_as_json(frame))
        case "parquet":
            return parquet_bytes(frame)
        case "html":
            columns = _columns_of(exported)
            table = HtmlTable(exported.title, columns, headings=exported.headings, column_colours=exported.colours)
            parts: list[Part] = [table, exported.charts] if exported.charts else [table]
            text = "".join(html_page(exported.title, exported.subtitle, parts))
        case _:
            lines = latex_lines if format_name == "latex" else markdown_lines
            text = "".join(f"{line}\n" for line in lines(_columns_of(exported), exported.headings))
    return text.encode("utf-8", "replace")


def _columns_of(exported: Exported) -> Sequence[TextColumn]:
    return exported.columns() if callable(exported.columns) else exported.columns


def format_of(path: Path) -> str:
    """The format that a file's name asks for.

    Raises:
        UsageError: none is known by that ending.
    """
    known = FORMATS.get(path.suffix.lower())
    if known is None:
        endings = ", ".join(ending for ending in FORMATS if ending != ".htm")
        raise UsageError(f"{printable(path.name)!r} does not say which format it is to be.", f"End it in {endings}.")
    return known


def write(data: bytes, path: Path) -> None:
    """Write a file whole, or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        write_whole(path, data)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"{printable(str(path))} cannot be written: {why}.", "Give another directory.") from None
