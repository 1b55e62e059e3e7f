"""Tables in GitHub's Markdown, aligned so that they can be read as they are.

Source: GitHub Flavored Markdown Spec 0.29, 4.10 (tables), 6.1 (backslash escapes), 6.9 (autolinks).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from tui_runs.export.text_table import TextColumn, cells_of

_MARKUP: Final = re.compile(
    r"[\\`*\[\]<>&|~$]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # inside of a word it is no markup, and val_loss stays readable
    r"|:(?=//)|(?<=www)\.|@(?=\w)|#(?=\d)",  # or GitHub makes links, mentions and references of them
    re.IGNORECASE,
)


def markdown_text(text: str) -> str:
    """Printable text so that Markdown shows it as it is."""
    return _MARKUP.sub(r"\\\g<0>", text)


def markdown_lines(columns: Sequence[TextColumn], headings: Mapping[int, str] = MappingProxyType({})) -> Iterator[str]:
    """The lines of a table, without newlines.

    Args:
        columns: their cells of the style "strong" are set in bold.
        headings: titles that stand above rows, by the row's number.
    """
    titles = [markdown_text(column.title) for column in columns]
    rows: list[list[str]] = []
    for at, row in enumerate(zip(*(_cells(column) for column in columns), strict=True)):
        if at in headings:
            rows.append([_bold(markdown_text(headings[at])), *[""] * (len(columns) - 1)])
        rows.append(list(row))
    lines = [titles, *rows]
    widths = [max(3, *(cells_of(line[place]) for line in lines)) for place in range(len(columns))]
    rules = [
        "-" * (width - 1) + ":" if column.right else "-" * width for column, width in zip(columns, widths, strict=True)
    ]
    for line in (titles, rules, *rows):
        padded = [
            " " * (width - cells_of(text)) + text if column.right else text + " " * (width - cells_of(text))
            for text, width, column in zip(line, widths, columns, strict=True)
        ]
        yield f"| {' | '.join(padded)} |"


def _cells(column: TextColumn) -> list[str]:
    texts = [markdown_text(cell.strip()) for cell in column.cells]
    styles = column.styles or [""] * len(texts)
    return [_bold(text) if style == "strong" else text for text, style in zip(texts, styles, strict=True)]


def _bold(text: str) -> str:
    return f"**{text}**" if text else ""
