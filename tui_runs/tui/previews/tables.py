"""Previews that are tables: CSV, Parquet, and what is in an archive or a file of weights."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tui_runs.analysis.log_text import Piece
from tui_runs.display import MISSING, clip, file_size, printable
from tui_runs.export.text_table import cells_of
from tui_runs.tui.previews.page import Page, Room

MOST_ROWS: Final = 500
MOST_COLUMNS: Final = 100
_WIDEST: Final = 40
"""Cells of a column at most, but in a table of few columns."""
_LONGEST_CELL: Final = 400
"""Characters of a value that are looked at."""
_PARQUET_SECONDS: Final = 10
"""How long the first rows of a Parquet file may take."""


class TablePreview(NamedTuple):
    """A table.

    Args:
        title: what it is.
        titles: of the columns, printable.
        rows: of texts, printable, as long as the titles.
        right: which columns stand at the right: numbers.
        note: what is missing.
    """

    title: str
    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[bool]
    note: str = ""

    def page(self, room: Room) -> Page:
        """Fit the columns to what is in them; see `Preview`."""
        widest = max(_WIDEST, room.width // max(len(self.titles), 1) - 2)
        widths = [min(max(map(cells_of, column)), widest) for column in zip(self.titles, *self.rows, strict=True)]
        rows = [self._row(row, widths, "") for row in self.rows]
        if self.note:
            rows.append(((self.note, "muted"),))
        return Page([self._row(self.titles, widths, "title")], rows, sum(widths) + 2 * max(len(widths) - 1, 0))

    def _row(self, texts: Sequence[str], widths: Sequence[int], style: str) -> tuple[Piece, ...]:
        pieces = []
        for text, width, right in zip(texts, widths, self.right, strict=True):
            shown = clip(text, width)
            blank = " " * (width - cells_of(shown))
            look = style or ("muted" if text == MISSING else "")
            pieces += [(f"{blank}{shown}" if right else f"{shown}{blank}", look), ("  ", style)]
        return tuple(pieces[:-1])


def table_of(title: str, titles: Sequence[str], rows: Sequence[Sequence[str | None]], note: str = "") -> TablePreview:
    """A table of texts as they are stored; columns of numbers are found out by looking.

    Args:
        title: what it is, printable.
        titles: of the columns.
        rows: short ones are filled up, and None is missing.
        note: what is missing.
    """
    width = min(max([len(titles), *map(len, rows)]), MOST_COLUMNS)
    filled = [[*row[:width], *[None] * (width - len(row))] for row in rows]
    right = [_is_number_column([row[column] for row in filled]) for column in range(width)]
    names = [*titles[:width], *[""] * (width - len(titles))]
    shown = [[MISSING if text is None else _cell(text) for text in row] for row in filled]
    return TablePreview(title, [_cell(name) for name in names], shown, right, note)


def _cell(text: str) -> str:
    return printable(text[:_LONGEST_CELL])


def _is_number_column(texts: Sequence[str | None]) -> bool:
    present = [text for text in texts if text]
    return bool(present) and all(map(_is_number, present))


def _is_number(text: str) -> bool:
    try:
        float(text[:_LONGEST_CELL].replace(",", "_"))
    except ValueError:
        return False
    return True


def preview_csv(path: str, text: str, size: int | None, *, whole: bool) -> TablePreview | None:
    """A file of values separated by commas, tabs, semicolons or bars.

    Args:
        path: its name tells tabs.
        text: its beginning.
        size: of the whole file in bytes, where that is known.
        whole: nothing follows; else the last line may be cut.

    Returns:
        None where it is no table: it is shown as text then.
    """
    if not whole:
        text = text[: text.rfind("\n") + 1]
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = "\t" if path.lower().endswith(".tsv") else max(",;\t|", key=first.count)
    try:
        rows: list[list[str | None]] = []
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        for row in reader:
            if len(rows) > MOST_ROWS + 1:  # the titles, and one to know that there are more
                break
            if row:
                rows.append([value if value else None for value in row])
    except csv.Error:
        return None
    if not rows:
        return None
    titles = [value or "" for value in rows[0]]
    if any(map(_is_number, titles)) and all(not title or _is_number(title) for title in titles):
        titles = [f"column {number + 1}" for number in range(len(titles))]  # there is no line of titles
    else:
        rows = rows[1:]
    cut = len(rows) > MOST_ROWS or not whole
    columns = max(len(titles), *map(len, rows), 0)
    notes = [f"the first {min(len(rows), MOST_ROWS):,} rows"] if cut else []
    if columns > MOST_COLUMNS:
        notes.append(f"{MOST_COLUMNS} of {columns:,} columns")
    told = [] if cut else [f"{_count(len(rows), 'row')}, {_count(columns, 'column')}"]
    title = " · ".join(["TSV" if separator == "\t" else "CSV", *told, *([file_size(size)] if size is not None else [])])
    return table_of(title, titles, rows[:MOST_ROWS], f"… {', '.join(notes)}" if notes else "")


def preview_parquet(content: bytes) -> TablePreview | str:
    """The first rows of a Parquet file, or why there are none.

    It is decoded in another process: polars ends its own on some damaged files, and is verbose about others.

    Args:
        content: all of it.
    """
    script = str(Path(__file__).with_name("parquet_rows.py"))
    command = [sys.executable, "-P", script, str(MOST_ROWS), str(MOST_COLUMNS), str(_LONGEST_CELL)]
    environment = {**os.environ, "POLARS_MAX_THREADS": "1"}  # 500 rows; each thread has a stack of its own
    try:
        done = subprocess.run(
            command,
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=_PARQUET_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return f"This Parquet file cannot be read: that took more than {_PARQUET_SECONDS} s."
    except (OSError, subprocess.CalledProcessError):
        return "This Parquet file cannot be read."
    found = json.loads(done.stdout)
    if "error" in found:
        return f"This Parquet file cannot be read: {printable(found['error'].partition(chr(10))[0])[:200]}"
    height, names, right = found["height"], found["names"], found["right"]
    notes = [f"the first {MOST_ROWS:,} of {height:,} rows"] if height > MOST_ROWS else []
    if len(names) > MOST_COLUMNS:
        notes.append(f"{MOST_COLUMNS} of {len(names):,} columns")
    title = f"Parquet · {_count(height, 'row')}, {_count(len(names), 'column')} · {file_size(len(content))}"
    cells = [[MISSING if value is None else _cell(value) for value in row] for row in found["rows"]]
    titles = [_cell(name) for name in names[: len(right)]]
    return TablePreview(title, titles, cells, right, f"… {', '.join(notes)}" if notes else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
