"""A diff as a table for people: keys down and runs across, or the other way round."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from tui_runs.analysis.diff import Delta, DiffRow, Value, deltas, sections
from tui_runs.analysis.direction import best_places, direction_of
from tui_runs.display import MISSING, duration, number, printable
from tui_runs.export.html import HtmlTable
from tui_runs.export.text_table import Style, TextColumn

_TITLES: Final = {"param": "params", "metric": "metrics", "tag": "tags", "dataset": "datasets"}
_COMMIT: Final = 10
"""Characters of a commit's hash, as git itself abbreviates it in a large repository."""

Marks = Literal["change", "best"]
"""What stands out among metrics: what is better or worse than the baseline, or what is the best."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Runs and what was found to be different.

    Args:
        names: of the runs, told apart.
        rows: what is shown of them.
        baseline: which run the others are held against; None holds each against the one before.
        distances: how far the runs' commits are from those they are held against, in words, where that is known.
    """

    names: Sequence[str]
    rows: Sequence[DiffRow]
    baseline: int | None = 0
    distances: Mapping[int, str] = field(default_factory=dict)


def diff_table(compared: Compared, marks: Marks) -> HtmlTable:
    """Keys down and runs across, each kind of keys below a heading."""
    headings: dict[int, str] = {}
    keys: list[str] = []
    ordered: list[DiffRow] = []
    for section in sections(compared.rows):
        kind = _TITLES.get(section.kind, section.kind)
        headings[len(ordered)] = printable(f"{kind} · {section.parent}" if section.parent else kind)
        keys += [printable(section.leaf(row)) for row in section.rows]
        ordered += section.rows
    lines = [_Line(row, compared, marks) for row in ordered]
    columns = [TextColumn("", keys, cap=34, least=10)]
    notes: dict[int, list[str]] = {}
    for place, name in enumerate(compared.names):
        column = TextColumn(
            name,
            [line.cell(place) for line in lines],
            right=True,
            styles=[line.style(place) for line in lines],
            rank=place,
            cap=36,
            least=9,
        )
        columns.append(column)
        notes[place + 1] = [line.note(place) for line in lines]
    against = "each run is held against the one before"
    if compared.baseline is not None:
        against = f"against {compared.names[compared.baseline]}"
    return HtmlTable("What differs", columns, headings, notes, note=f"Changes are {against}." if lines else "")


def transposed(compared: Compared, marks: Marks) -> list[TextColumn]:
    """Runs down and keys across: for many runs and few keys."""
    columns = [TextColumn("", list(compared.names), cap=30, least=8)]
    for rank, row in enumerate(compared.rows, 1):
        line = _Line(row, compared, marks)
        places = range(len(compared.names))
        cells = [f"{line.cell(place)}  {line.note(place)}".rstrip() for place in places]
        styles = [line.style(place) for place in places]
        columns.append(TextColumn(printable(row.key), cells, right=True, styles=styles, rank=rank, cap=30, least=8))
    return columns


class _Line:
    """How the values of one row look."""

    def __init__(self, row: DiffRow, compared: Compared, marks: Marks) -> None:
        self._row, self._distances = row, compared.distances
        direction = direction_of(row.key) if row.kind == "metric" else None
        self._deltas = deltas(row, compared.baseline, direction)
        numbers = [value if isinstance(value, float) else None for value in row.values]
        self._best = best_places(numbers, direction) if marks == "best" else frozenset()
        self._marks = marks

    def cell(self, place: int) -> str:
        value = self._row.values[place]
        if self._row.name == "duration_s" and isinstance(value, float):
            return duration(value)
        if self._row.name == "git_commit" and isinstance(value, str):
            return printable(value[:_COMMIT])
        return cell_text(value)

    def note(self, place: int) -> str:
        if self._row.name == "git_commit":
            return self._distances.get(place, "")
        return change_text(self._deltas[place], self._row.kind)

    def style(self, place: int) -> Style:
        value, change = self._row.values[place], self._deltas[place]
        if value is None or not self._row.differs:
            return "muted"
        if place in self._best:
            return "strong"
        if isinstance(value, float) and not math.isfinite(value):
            return "bad"
        if self._marks == "best" or change is None or change.better is None:
            return ""
        return "good" if change.better else "bad"


def cell_text(value: Value) -> str:
    """A value in few characters; missing, empty and NaN look different."""
    if value is None:
        return MISSING
    if isinstance(value, str):
        return printable(value) if value else '""'
    return number(value)


def change_text(change: Delta | None, kind: str) -> str:
    """How a number differs from the baseline: +2.8% for metrics, ×3.3 for params and for what is many times as much."""
    if change is None or change.difference == 0 or change.share is None or change.ratio is None:
        return ""
    if change.ratio > 0 and (kind == "param" or change.ratio >= 9.995):
        return f"×{number(change.ratio, 3)}"
    size = abs(change.share)
    return f"{change.share:+.1%}" if 0.001 <= size < 100 else f"{change.share:+.2%}" if size < 0.001 else ""
