"""Everything about one run: where it came from, its params, its metrics with their extremes, its tags."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import polars as pl
from rich.cells import cell_len, chop_cells
from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from tui_runs.analysis.health import Event
from tui_runs.analysis.progress import Best, Progress, progress_parts
from tui_runs.analysis.ranking import is_system
from tui_runs.display import MISSING, clip, duration, how_long_ago, moment, number, percent, printable
from tui_runs.frames.catalog import RunKey
from tui_runs.strokes import bar, strokes_for
from tui_runs.tui.widgets.text_pane import TextPane

if TYPE_CHECKING:
    from tui_runs.tui.app import TuiRunsApp

_LONGEST: Final = 2000
"""Characters of one value that are shown."""
_WIDE: Final = 110
"""Cells from which on there is room for two columns."""
_LONGEST_KEY: Final = 64
"""Cells of the name of a metric, a param or the like."""
_LABEL: Final = 12
"""Cells of the names of facts."""
_BAR: Final = 10
_STEP_COLUMNS: Final = (2, 4, 6)
_DISPENSABLE: Final = (6, 4, 2, 7)
"""Columns of the metrics' table that are left out where it is too wide, the first first."""


@dataclass(frozen=True, slots=True)
class RunDetails:
    """A run, whole.

    Args:
        run: one row, schema RUNS, as a dict.
        params: columns key and value.
        tags: the same.
        metrics: the columns of METRICS without run_id.
        details: schema DETAILS; None while it is not known.
        progress: how far it is; None where that is not known.
        best: the best value so far of its metric of most interest.
    """

    run: dict[str, object]
    params: pl.DataFrame
    tags: pl.DataFrame
    metrics: pl.DataFrame
    details: pl.DataFrame | None = None
    progress: Progress | None = None
    best: Best | None = None


class RunPane(TextPane):
    """Shows one run; scrolls."""

    app: TuiRunsApp

    DEFAULT_CSS = """
    RunPane {
        layout: vertical;
        #run-values { padding: 1 0 0 0; }
        &.-wide { layout: horizontal; }
        &.-wide #run-values { padding: 0 0 0 3; }
    }
    """

    _shown: tuple[RunDetails | None, datetime] | None = None
    _facts_shown = Text()

    def compose(self) -> ComposeResult:
        """Where the run came from at the left, what it was given and gave at the right; or one below the other."""
        yield Static(id="run-facts", markup=False)
        yield Static(id="run-values", markup=False)

    def on_resize(self) -> None:
        """Side by side where there is room."""
        self.set_class(self.size.width >= _WIDE, "-wide")
        if self._shown is not None:
            self.show(*self._shown)

    def show(self, details: RunDetails | None, now: datetime) -> None:
        """Show another run, or the same one as it is now."""
        self._shown = details, now
        looks, room = self._looks(), self._room
        values = Text()
        if details is not None:
            of_the_machine = pl.Series([is_system(key) for key in details.metrics["key"]], dtype=pl.Boolean)
            _metrics(values, _metric_rows("metric", details.metrics.filter(~of_the_machine)), looks, room)
            _metrics(values, _metric_rows("system metric", details.metrics.filter(of_the_machine)), looks, room)
            _texts(values, "params", details.params, looks, room)
        self.query_one("#run-values", Static).update(values)
        self._show_facts(details, now)

    def tick(self, now: datetime) -> None:
        """Let ages and the time that is left go on."""
        if self._shown is not None:
            self._shown = self._shown[0], now
            self._show_facts(*self._shown)

    def _show_facts(self, details: RunDetails | None, now: datetime) -> None:
        """The column at the left; it is not laid out anew where it has as many lines as before."""
        looks, room, facts = self._looks(), self._room, Text()
        if details is None:
            facts.append("No run under the cursor.", looks["muted"])
        else:
            run = RunKey(str(details.run["source"]), str(details.run["run_id"]))
            _facts(facts, details, self.app.health.board.of(run), now, looks, room)
            if details.details is not None:
                _details(facts, details.details, looks, room)
            _texts(facts, "tags", details.tags, looks, room)
        if facts != self._facts_shown:
            as_long = facts.plain.count("\n") == self._facts_shown.plain.count("\n")
            self._facts_shown = facts
            self.query_one("#run-facts", Static).update(facts, layout=not as_long)

    def _looks(self) -> dict[str, str]:
        variables = self.app.theme_variables
        return {name: variables.get(name, "") for name in ("muted", "faint", "warning", "error", "success")}

    @property
    def _room(self) -> int:
        """Cells of a line."""
        width = self.size.width - 2  # its padding
        return width // 2 - 3 if width >= _WIDE else width


def _clipped(value: str, width: int) -> str:
    """A value, printable, in so many cells; of one that holds a megabyte no more is looked at than is shown."""
    return clip(printable(value[: _LONGEST + 1]), width)


def _padded(value: str, width: int) -> str:
    return value + " " * (width - cell_len(value))


def _append(text: Text, value: str, indent: int, room: int) -> None:
    """A value behind its label, folded between characters so that what follows stands below its start."""
    lines = chop_cells(_clipped(value, _LONGEST), max(room - indent, 8)) or [""]
    text.append(f"\n{' ' * indent}".join(lines) + "\n")


def _facts(
    text: Text, details: RunDetails, events: Sequence[Event], now: datetime, looks: dict[str, str], room: int
) -> None:
    run, muted = details.run, looks["muted"]
    started, ended, updated = (_when(run[name]) for name in ("started", "ended", "updated"))
    text.append(_clipped(str(run["name"] or run["run_id"]), _LONGEST), "bold")
    text.append(f"  {run['status']}\n", muted)
    _progress(text, details, now, looks, room)
    _health(text, events, now, looks, room)
    newest = _when(details.metrics["last_time"].max())
    took = duration(((ended or now) - started).total_seconds()) if started else MISSING
    facts = [
        ("id", run["run_id"]),
        ("experiment", run["experiment"]),
        ("started", f"{moment(started)}  ({how_long_ago(started, now)})" if started else None),
        ("ended", moment(ended) if ended else None),
        ("took", took if ended or run["status"] == "running" else None),
        ("last point", how_long_ago(newest, now) if newest else None),
        ("last word", how_long_ago(updated, now) if updated and not newest else None),
        ("user", run["user"]),
        ("host", run["host"]),
        ("command", run["command"]),
        ("commit", run["git_commit"]),
        ("parent", run["parent_id"]),
        ("group", run["group"]),
        ("source", run["source"]),
        ("path", run["uri"]),
    ]
    for name, value in facts:
        if value is not None:
            text.append(f"{name:<{_LABEL}}", muted)
            _append(text, str(value), _LABEL, room)
    if run["notes"]:
        text.append("notes\n", muted)
        for line in str(run["notes"])[: 40 * _LONGEST].splitlines()[:40]:
            text.append(f"  {_clipped(line, _LONGEST)}\n")
    text.append("\n")


def _progress(text: Text, details: RunDetails, now: datetime, looks: dict[str, str], room: int) -> None:
    """A bar where it is known how far the run is, and what else there is to say of that."""
    progress, running = details.progress, details.run["status"] == "running"
    parts = progress_parts(progress, details.best, now, running=running) if progress is not None else []
    if not parts:
        return
    text.append(f"{'progress':<{_LABEL}}", looks["muted"])
    used = _LABEL
    if progress is not None and progress.fraction is not None:
        filled, rest = bar(progress.fraction, _BAR, strokes_for(os.environ))
        text.append(filled, looks["success"] if running else looks["muted"]).append(rest, looks["faint"])
        text.append(f"{percent(progress.fraction):>5}  ")
        used += _BAR + 7
    for place, part in enumerate(parts):
        if place and used + 3 + len(part) > room:
            text.append(f"\n{' ' * _LABEL}")
            used = _LABEL
        elif place:
            text.append(" · ")
            used += 3
        text.append(clip(part, room - _LABEL))
        used += len(part)
    text.append("\n")


def _health(text: Text, events: Sequence[Event], now: datetime, looks: dict[str, str], room: int) -> None:
    """What is wrong with the run, and since when; then what was."""
    for event in events:
        label = "NaN" if event.kind == "nan" else event.kind
        text.append(f"{label:<{_LABEL}}", looks["muted" if event.over else "warning"])
        said = ["over" if event.over else "", how_long_ago(event.since, now) if event.since else ""]
        when = ", ".join(part for part in said if part)
        _append(text, f"{event.sentence}  ({when})" if when else event.sentence, _LABEL, room)


def _when(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _metric_rows(title: str, metrics: pl.DataFrame) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [(title, "last", "at step", "min", "at step", "max", "at step", "points")]
    for row in metrics.iter_rows(named=True):
        sign = "" if row["exact"] else "~"
        rows.append(
            (
                _clipped(row["key"], _LONGEST_KEY),
                number(row["last"], 6),
                _whole(row["last_step"]),
                _extreme(sign, row["min"]),
                _whole(row["min_step"]),
                _extreme(sign, row["max"]),
                _whole(row["max_step"]),
                MISSING if row["count"] is None else sign + str(row["count"]),
            )
        )
    return rows if len(rows) > 1 else []


def _whole(value: int | None) -> str:
    return MISSING if value is None else str(value)


def _extreme(sign: str, value: float | None) -> str:
    return MISSING if value is None else sign + number(value, 6)


def _metrics(text: Text, rows: Sequence[tuple[str, ...]], looks: dict[str, str], room: int) -> None:
    """A table of metrics; where it is wider than the room, the steps go first, then the points."""
    if not rows:
        return
    widths = [max(cell_len(row[i]) for row in rows) for i in range(len(rows[0]))]
    shown = list(range(len(widths)))
    for column in _DISPENSABLE:
        if sum(widths[i] + 2 for i in shown) > room:
            shown.remove(column)
    for number_of_row, row in enumerate(rows):
        for column in shown:
            cell, width = row[column], widths[column]
            padded = _padded(cell, width) if column == 0 else cell.rjust(width)
            look = looks["muted"] if number_of_row == 0 or column in _STEP_COLUMNS else ""
            if number_of_row and cell.lstrip("~") in ("NaN", "∞", "-∞"):
                look = looks["error"]
            text.append(padded + "  ", look)
        text.append("\n")
    text.append("\n")


def _details(text: Text, details: pl.DataFrame, looks: dict[str, str], room: int) -> None:
    """Each kind of thing under its heading, each thing with what is known of it."""
    for (group,), items in details.group_by(["group"], maintain_order=True):
        text.append(f"{_clipped(group, _LONGEST_KEY)}\n", looks["muted"])
        for (item,), rows in items.group_by(["item"], maintain_order=True):
            text.append(f"  {_clipped(item, _LONGEST)}\n")
            keys = [_clipped(key, _LONGEST_KEY) for key in rows["key"]]
            width = min(max(map(cell_len, keys)), 32)
            for key, value in zip(keys, rows["value"], strict=True):
                text.append(f"    {_padded(key, width)}  ", looks["muted"])
                _append(text, value or "", 6 + max(width, cell_len(key)), room)
        text.append("\n")


def _texts(text: Text, title: str, frame: pl.DataFrame, looks: dict[str, str], room: int) -> None:
    if frame.is_empty():
        return
    text.append(f"{title}\n", looks["muted"])
    keys = [_clipped(key, _LONGEST_KEY) for key in frame["key"]]
    width = min(max(map(cell_len, keys)), 32)
    for key, value in zip(keys, frame["value"], strict=True):
        text.append(f"{_padded(key, width)}  ", looks["muted"])
        if value == "":
            text.append('""\n', looks["warning"])
        else:
            _append(text, value, 2 + max(width, cell_len(key)), room)
    text.append("\n")
