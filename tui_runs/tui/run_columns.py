"""The columns of the runs table: which there are, in which order, and how their cells look."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final

import polars as pl

from tui_runs.analysis.columns import split_aggregate
from tui_runs.analysis.groups import COUNT, mean_and_deviation, several, statistic
from tui_runs.analysis.nesting import BRANCH
from tui_runs.analysis.ordering import are_numbers
from tui_runs.analysis.ranking import by_interest, is_system
from tui_runs.display import (
    MISSING,
    STATUS_GLYPHS,
    age,
    duration,
    moment,
    number,
    percent,
    printable,
    speed,
)
from tui_runs.frames.catalog import Catalog, Column, RunKey
from tui_runs.frames.progress import GOING_ON, some_progress
from tui_runs.strokes import bar, strokes_for
from tui_runs.tui.widgets.columns import Cell, TableColumn

MOST_COLUMNS: Final = 80
"""Columns shown unless others are asked for: a store may have thousands of keys."""

_STATUS_LOOKS: Final = {"running": "good", "failed": "bad", "killed": "warn", "stale": "warn"}
STATUS_SIGNS: Final = {
    status: Cell(f"{glyph} {status}", _STATUS_LOOKS.get(status, "muted")) for status, glyph in STATUS_GLYPHS.items()
}
TICKING: Final = ("updated", "took", "left")
"""Columns whose cells change by themselves."""
_WEIGHED: Final = 24
"""Metrics of most interest of which it is looked at how many runs have them."""
_DIGITS: Final = 4
"""Significant digits of a metric."""
_LONGEST_NUMBER: Final = 8
"""Characters of a numeric param that are shown as they are stored."""
_BAR: Final = 7
"""Cells of a bar of progress."""
_NOTHING: Final = Cell(MISSING, "muted")
_EMPTY: Final = Cell('""', "warn")
_SEVERAL: Final = Cell("several", "muted")

_SAID: Final = {
    "last": "", "min": "min", "max": "max", "min_step": "min at", "max_step": "max at", "last_step": "step",
    "count": "points",
}  # fmt: skip
"""What the title of a column says of the history that its numbers are of."""

Clock = Callable[[], datetime]
Trend = Callable[[pl.DataFrame], Sequence[Cell]]


def _text_cell(value: str | None) -> Cell:
    if value is None:
        return _NOTHING
    return Cell(printable(value)) if value else _EMPTY


def _in_groups(name: str, cells: list[Cell], window: pl.DataFrame) -> list[Cell]:
    """The cells of a column in which a group's runs may differ: then there is no value to show."""
    if several(name) not in window.columns:
        return cells
    return [_SEVERAL if differ else cell for cell, differ in zip(cells, window[several(name)], strict=True)]


def _texts(name: str, window: pl.DataFrame) -> list[Cell]:
    return _in_groups(name, [_text_cell(value) for value in window[name]], window)


def _numeric_texts(name: str, window: pl.DataFrame) -> list[Cell]:
    """Numbers that are stored as text: as written, unless that is longer than anyone reads."""
    cells = [
        Cell(number(float(value), 5)) if value and len(value) > _LONGEST_NUMBER else _text_cell(value)
        for value in window[name]
    ]
    return _in_groups(name, cells, window)


def _numbers(name: str, best: Mapping[str, float], window: pl.DataFrame) -> list[Cell]:
    top = best.get(name)
    cells = _mean_cells(name, window) if COUNT in window.columns else [_number_cell(value) for value in window[name]]
    return [
        Cell(cell.text, "best", cell.more) if value is not None and value == top else cell
        for cell, value in zip(cells, window[name], strict=True)
    ]


def _mean_cells(name: str, window: pl.DataFrame) -> list[Cell]:
    """Means and deviations of groups, and numbers of the runs below them."""
    cells = []
    count = statistic(name, "n")
    for row in window.select(name, statistic(name, "std"), count, COUNT).iter_rows(named=True):
        if row[COUNT] is None:
            cells.append(_number_cell(row[name]))
        else:
            fewer = ((f" of {row[count]}", "warn"),) if row[count] and row[count] < row[COUNT] else ()
            cells.append(Cell(mean_and_deviation(row, name), "" if row[count] else "muted", fewer))
    return cells


def _whole_numbers(name: str, window: pl.DataFrame) -> list[Cell]:
    return [_NOTHING if value is None else Cell(f"{value:,.15g}", "muted") for value in window[name]]


def _number_cell(value: float | None) -> Cell:
    if value is None:
        return _NOTHING
    if not math.isfinite(value):
        return Cell(number(value), "bad")
    text = number(value)
    if "." in text and "e" not in text:
        # 1.04 among 1.505 and 0.973: as many digits as those, so that the eye compares lengths rightly.
        shown = len(text.lstrip("-0.").replace(".", ""))
        text += "0" * (_DIGITS - shown)
    return Cell(text)


def _names(window: pl.DataFrame) -> list[Cell]:
    counts = window[COUNT] if COUNT in window.columns else [None] * window.height
    cells = []
    for branch, name, count in zip(window[BRANCH], window["name"], counts, strict=True):
        cell = _text_cell(name)
        if count is not None:
            cell = Cell(
                branch, "accent", ((cell.text, "strong"), (f"  {count:,} run{'s' if count > 1 else ''}", "muted"))
            )
        elif branch:
            cell = Cell(branch, "muted", ((cell.text, cell.style),))
        cells.append(cell)
    return cells


def _statuses(troubles: Mapping[RunKey, Cell], window: pl.DataFrame) -> list[Cell]:
    """Of runs that are running, what is wrong with them, if anything is."""
    signs = [
        (status == "running" and troubles.get(RunKey(source, run_id))) or STATUS_SIGNS[status or "unknown"]
        for source, run_id, status in window.select("source", "run_id", "status").iter_rows()
    ]
    return _in_groups("status", signs, window)


def _ages(name: str, now: Clock, window: pl.DataFrame) -> list[Cell]:
    present = now()
    return [_NOTHING if value is None else Cell(age(value, present), "muted") for value in window[name]]


def _durations(now: Clock, window: pl.DataFrame) -> list[Cell]:
    present = now()
    if COUNT in window.columns:
        return [_NOTHING if seconds is None else Cell(duration(seconds), "muted") for seconds in window["duration_s"]]
    cells = []
    for started, ended, status in window.select("started", "ended", "status").iter_rows():
        until = ended or (present if status == "running" else None)
        cells.append(_NOTHING if started is None or until is None else Cell(_took(started, until), "muted"))
    return cells


def _took(started: datetime, until: datetime) -> str:
    return duration((until - started).total_seconds())


def _progress(window: pl.DataFrame) -> list[Cell]:
    """A bar and its percentage; of runs that have ended nothing."""
    strokes = strokes_for(os.environ)
    cells = []
    for fraction, status in window.select("progress", "status").iter_rows():
        if fraction is None:
            cells.append(_NOTHING if status in GOING_ON else Cell(""))
        else:
            filled, rest = bar(fraction, _BAR, strokes)
            cells.append(Cell(filled, "good", ((rest, "faint"), (f"{percent(fraction):>5}", ""))))
    return cells


def _speeds(window: pl.DataFrame) -> list[Cell]:
    """Steps a second of late, of running runs."""
    return [
        Cell(speed(value), "muted") if value is not None else _unknown(status)
        for value, status in window.select("steps_per_s", "status").iter_rows()
    ]


def _unknown(status: str | None) -> Cell:
    return _NOTHING if status == "running" else Cell("")


def _left(now: Clock, window: pl.DataFrame) -> list[Cell]:
    """Until the end that is expected; of a run that is later than that nobody knows."""
    present = now()
    return [
        _unknown(status) if end is None or end < present else Cell(_took(present, end), "muted")
        for end, status in window.select("expected_end", "status").iter_rows()
    ]


def _times(name: str, window: pl.DataFrame) -> list[Cell]:
    """Month, day, hour and minute: what `moment` says without year and seconds."""
    return [_NOTHING if value is None else Cell(moment(value)[5:16], "muted") for value in window[name]]


def default_columns(catalog: Catalog) -> list[str]:
    """The names of the columns to show: what tells runs apart first, then everything else, in reading order."""
    runs = catalog.runs
    keys = by_interest(catalog.keys("metrics"))
    metrics = [f"metrics.{key}" for key in keys if not is_system(key)]
    # Metrics that most runs do not have say little about the others: of those of most interest they come last.
    lacking = {one.name: one.null_count() for one in catalog.wide(metrics[:_WEIGHED])}
    metrics[:_WEIGHED] = sorted(metrics[:_WEIGHED], key=lambda name: max(lacking[name] - runs.height // 2, 0))
    of_the_machine = [f"metrics.{key}" for key in keys if is_system(key)]
    params = [f"params.{key}" for key in catalog.keys("params")]
    values = catalog.wide(params[:MOST_COLUMNS])
    differing = [name for name in params[:MOST_COLUMNS] if values[name].n_unique() > 1]
    # Params that most runs do not have say little about the others.
    differing.sort(key=lambda name: values[name].null_count() > runs.height / 2)
    alike = [name for name in params if name not in differing]
    tags = [f"tags.{key}" for key in catalog.keys("tags") if not key.startswith("mlflow.")]
    several = [name for name in ("source", "experiment") if runs[name].n_unique() > 1]
    far = ["progress"] if some_progress(catalog) else []
    # Narrow terminals have no room for all of these: what is compared stands before how far runs are.
    names = ["name", *several, "status", "updated", *metrics[:2], *far, *metrics[2:4], "trend", *differing, "took"]
    names += [*metrics[4:], *alike, *tags, "user", "started", "run_id", *of_the_machine]
    return names[:MOST_COLUMNS]


@dataclass(frozen=True, slots=True)
class Looks:
    """What decides, beside a column's own values, how its cells look.

    Args:
        now: the clock that ages go by.
        trend: draws the trend cells of a window.
        trended: the metric that the trend is of.
        best: the best value in each column that has one; read when cells are made.
        widths: of columns whose width the user chose, in terminal cells.
        name_width: cells of a run's or a group's name at the most.
        troubles: what is wrong with runs that are running; read when cells are made.
    """

    now: Clock
    trend: Trend
    trended: str = ""
    best: Mapping[str, float] = field(default_factory=dict)
    widths: Mapping[str, int] = field(default_factory=dict)
    name_width: int = 30
    troubles: Mapping[RunKey, Cell] = field(default_factory=dict)


def make_columns(names: Sequence[str], frame: pl.DataFrame, looks: Looks) -> list[TableColumn]:
    """Table columns for these names.

    Args:
        names: RUNS columns, `params.…`, `metrics.…`, `tags.…`, `min(metrics.…)`, and those of
            `tui_runs.tui.runs_view.NOT_IN_CATALOG`.
        frame: all rows, with those columns; tells which params are numbers.
        looks: how their cells look.
    """
    titles = column_titles(names)
    columns = [_make_column(name, titles[name], frame, looks) for name in names]
    return [replace(one, width=looks.widths[one.name]) if one.name in looks.widths else one for one in columns]


def _make_column(name: str, title: str, frame: pl.DataFrame, looks: Looks) -> TableColumn:
    aggregate, column = split_aggregate(name)
    kind, _ = Column.of(column)
    now, trended = looks.now, looks.trended
    if kind == "metrics" and aggregate in ("last", "min", "max"):
        return TableColumn(name, title, partial(_numbers, name, looks.best), "right", min_width=6, max_width=20)
    if kind == "metrics":
        return TableColumn(name, title, partial(_whole_numbers, name), "right", max_width=16)
    if kind in ("params", "tags"):
        numeric = kind == "params" and are_numbers(frame[name])
        if numeric:
            return TableColumn(name, title, partial(_numeric_texts, name), "right", max_width=16)
        return TableColumn(name, title, partial(_texts, name), max_width=20)
    if name == "trend":
        return TableColumn(
            name, f"{printable(trended)} trend" if trended else "trend", looks.trend, width=18, glows=False
        )
    if name == "status":
        return TableColumn(name, title, partial(_statuses, looks.troubles), width=11)
    if name == "took":
        return TableColumn(name, title, partial(_durations, now), "right", width=7, glows=False)
    if name == "progress":
        return TableColumn(name, title, _progress, width=_BAR + 5, glows=False)
    if name == "rate":
        return TableColumn(name, title, _speeds, "right", width=8, glows=False)
    if name == "left":
        return TableColumn(name, title, partial(_left, now), "right", width=7, glows=False)
    if name == "updated":
        return TableColumn(name, "age", partial(_ages, name, now), "right", width=4, glows=False)
    if name in ("started", "ended"):
        return TableColumn(name, title, partial(_times, name), width=11)
    if name == "git_commit":
        return TableColumn(name, "commit", partial(_texts, name), width=8)
    if name == "name":
        return TableColumn(name, title, _names, max_width=looks.name_width)
    return TableColumn(name, title, partial(_texts, name), max_width=24)


def column_titles(names: Sequence[str]) -> dict[str, str]:
    """Keys without their kind where that names one column only; with it where a param and a metric share a key."""
    places = {name: Column.of(split_aggregate(name)[1]) for name in names}
    kinds: dict[str, set[str]] = {}
    for kind, key in places.values():
        kinds.setdefault(key, set()).add(kind)
    titles = {}
    for name, (kind, key) in places.items():
        title = key if len(kinds[key]) == 1 else f"{kind[:-1]} {key}"
        said = _SAID[split_aggregate(name)[0]]
        titles[name] = printable(f"{title} {said}" if said else title)
    return titles
