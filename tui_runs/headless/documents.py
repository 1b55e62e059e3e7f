"""Tables as documents: Markdown, LaTeX and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tui_runs.export.html import HtmlTable, Part, html_page
from tui_runs.export.latex import latex_lines
from tui_runs.export.markdown import markdown_lines
from tui_runs.export.text_table import TextColumn
from tui_runs.headless.output import Output

_LINES: Final = {"markdown": markdown_lines, "latex": latex_lines}


def write_document(
    output: Output, format_name: str, table: HtmlTable, title: str, subtitle: str, parts: Sequence[Part] = ()
) -> None:
    """Write a table as a document.

    Args:
        output: where to.
        format_name: one of `DOCUMENT_FORMATS`.
        table: what all of them show.
        title: of the page of HTML.
        subtitle: below it.
        parts: of the page, if it is to show more than the table.
    """
    if format_name == "html":
        output.write(html_page(title, subtitle, parts or [table]))
    else:
        output.write(line + "\n" for line in _LINES[format_name](folded(table), table.headings))


def folded(table: HtmlTable) -> list[TextColumn]:
    """The columns with their notes in the cells."""
    columns = list(table.columns)
    for place, notes in table.notes.items():
        cells = [f"{cell}  {note}" if note else cell for cell, note in zip(columns[place].cells, notes, strict=True)]
        columns[place] = replace(columns[place], cells=cells)
    return columns
