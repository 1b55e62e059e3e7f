"""Limits of axes and the number of charts as people type them: read, and written as they would be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, NamedTuple

from tui_runs.analysis import literals
from tui_runs.errors import UsageError
from tui_runs.tui.charts.state import MOST_CHARTS, ChartState, Span, YScale, Zoom

Kind = Literal["number", "duration", "time"]

_EXAMPLES: Final[dict[Kind, str]] = {
    "number": "Write a number such as 0.25, -3 or 1e-4, or nothing.",
    "duration": "Write seconds or a length of time such as 90, 45m or 1h30m, or nothing.",
    "time": "Write a date such as 2026-11-20 or 2026-11-20 13:45, or -2h for two hours ago, or nothing.",
}


class LimitsAsked(NamedTuple):
    """What is known of the charts when somebody sets limits.

    Args:
        state: of the charts.
        metric: of the first chart on the page.
        metrics: all that there are.
        kind: what x counts.
        whole: from where to where the curves reach.
        most_shape: so many rows and columns of charts there is room for.
    """

    state: ChartState
    metric: str
    metrics: Sequence[str]
    kind: Kind
    whole: Span | None
    most_shape: tuple[int, int]


class FieldError(UsageError):
    """Something that was typed makes no sense.

    Args:
        field: where it stands.
        message: what is wrong.
        remedy: what to do about it.
    """

    def __init__(self, field: str, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.field = field


@dataclass(frozen=True, slots=True)
class LimitsForm:
    """What stands in the fields; an empty one leaves that end to the curves."""

    metric: str = ""
    y_from: str = ""
    y_to: str = ""
    x_from: str = ""
    x_to: str = ""
    charts: str = ""


def written(asked: LimitsAsked, metric: str) -> LimitsForm:
    """The fields as they are to begin with.

    Args:
        asked: the charts.
        metric: whose y limits; "" for those of all metrics that have none of their own.
    """
    span = dict(asked.state.y_limits).get(metric) or (-math.inf, math.inf)
    y_from, y_to = (_end_text(end, "number") for end in span)
    zoom = asked.state.limits(asked.whole) if asked.state.zoom else None
    x_from, x_to = (_end_text(end, asked.kind) for end in zoom) if zoom else ("", "")
    if asked.state.zoom and math.isinf(asked.state.zoom.low):
        x_from = ""
    if asked.state.zoom and (asked.state.zoom.at_end or math.isinf(asked.state.zoom.high)):
        x_to = ""
    rows, columns = asked.state.grid
    charts = f"{rows}x{columns}" if rows else str(columns or "")
    return LimitsForm(metric, y_from, y_to, x_from, x_to, charts)


def read(form: LimitsForm, asked: LimitsAsked, now: datetime) -> ChartState:
    """The charts with what stands in the fields; fields that were left as they were change nothing.

    Args:
        form: the fields.
        asked: the charts.
        now: what "-2h" counts from.

    Raises:
        FieldError: something in a field makes no sense.
    """
    state, metric = asked.state, form.metric
    if metric and metric not in asked.metrics:
        raise FieldError("metric", f"There is no chart of “{metric}”.", "Leave the field empty for all charts.")
    before = written(asked, metric)
    if (form.y_from, form.y_to) != (before.y_from, before.y_to):
        span = _read_span(form.y_from, form.y_to, "y", "number", now, log=state.y is YScale.LOG)
        state = state.with_y_span(metric, span)
    if (form.x_from, form.x_to) != (before.x_from, before.x_to):
        state = replace(state, zoom=_read_zoom(form, asked, now))
    if form.charts != before.charts:
        state = replace(state, grid=_read_grid(form.charts, asked.most_shape), single=False)
    return state


def _read_zoom(form: LimitsForm, asked: LimitsAsked, now: datetime) -> Zoom | None:
    span = _read_span(form.x_from, form.x_to, "x", asked.kind, now, log=asked.state.log_x)
    if span is None or asked.whole is None:
        return Zoom(*span) if span else None
    if span[0] >= asked.whole[1]:
        raise FieldError("x_from", f"No curve reaches beyond x = {_end_text(asked.whole[1], asked.kind)}.")
    if span[1] <= asked.whole[0]:
        raise FieldError("x_to", f"All curves begin at x = {_end_text(asked.whole[0], asked.kind)} or later.")
    return Zoom(*span)


def _read_span(first: str, second: str, axis: str, kind: Kind, now: datetime, *, log: bool) -> Span | None:
    """Both ends of an axis; None when both are left to the curves."""
    low = _read_end(first, f"{axis}_from", kind, now, -math.inf)
    high = _read_end(second, f"{axis}_to", kind, now, math.inf)
    for end, field in ((low, f"{axis}_from"), (high, f"{axis}_to")):
        if log and math.isfinite(end) and end <= 0:
            raise FieldError(field, f"A logarithmic {axis} axis has no place for {end:g}.", "Write a number above 0.")
    if low >= high:
        raise FieldError(f"{axis}_to", f"{axis} would end at {second.strip()}, and begin at {first.strip()} only.")
    return None if math.isinf(low) and math.isinf(high) else (low, high)


def _read_end(text: str, field: str, kind: Kind, now: datetime, open_end: float) -> float:
    text = text.strip()
    if not text:
        return open_end
    value: float | None
    if kind == "time":
        span = literals.span(text, now)
        value = None if span is None else span[field.endswith("_to")].timestamp()
    else:
        value = literals.seconds(text) if kind == "duration" else literals.number(text)
    if value is None or not math.isfinite(value):
        what = {"number": "number", "duration": "length of time", "time": "date"}[kind]
        raise FieldError(field, f"“{text}” is no {what}.", _EXAMPLES[kind])
    return value


def _read_grid(text: str, most_shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns: of "3x4" these, of "12" (0, 12), of nothing (0, 0)."""
    parts = [part.strip() for part in text.strip().lower().replace("×", "x").split("x")]
    if parts == [""]:
        return 0, 0
    if len(parts) > 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise FieldError(
            "charts", f"“{text.strip()}” is no number of charts.", "Write 12, or 3x4 for three rows of four."
        )
    rows, columns = (int(part[:6]) for part in (["0", *parts])[-2:])
    if not 1 <= (rows or len(parts) < 2) * columns <= MOST_CHARTS:
        raise FieldError("charts", f"A page has 1 to {MOST_CHARTS} charts.")
    most_rows, most_columns = most_shape
    if rows > most_rows or columns > (most_columns if rows else most_rows * most_columns):
        what = f"There is room for {most_rows} rows of {most_columns} charts here."
        raise FieldError("charts", what, "Write less, or give the charts the whole screen first: z.")
    return rows, columns


def _end_text(end: float, kind: Kind) -> str:
    if not math.isfinite(end):
        return ""
    if kind == "time":
        with suppress(OverflowError, OSError, ValueError):  # beyond the calendar
            return f"{datetime.fromtimestamp(round(end)):%Y-%m-%d %H:%M:%S}"
    return f"{end:.10g}"
