"""What the user chose of the charts as plain values, for a file; and back."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from tui_runs.analysis.chart_choices import Smoothing, Spread, XAxis, parse_smoothing
from tui_runs.errors import UsageError
from tui_runs.tui.charts.state import MOST_CHARTS, ChartSize, ChartState, Span, YScale, Zoom

_Choice = TypeVar("_Choice", bound=Enum)


def to_settings(state: ChartState) -> dict[str, Any]:
    """The settings that are not as they are at the beginning. The cursor is not kept: it is of a moment."""
    usual = _settings(ChartState())
    return {key: value for key, value in _settings(state).items() if value != usual[key]}


def _settings(state: ChartState) -> dict[str, Any]:
    smoothing = state.smoothing
    return {
        "x": state.x.name.lower(),
        "x_metric": state.x_metric,
        "log_x": state.log_x,
        "y": state.y.name.lower(),
        "smoothing": f"{smoothing.kind.value}:{smoothing.strength:.10g}" if smoothing else "none",
        "zoom": [state.zoom.low, state.zoom.high] if state.zoom else [],
        "zoom_at_end": state.zoom is not None and state.zoom.at_end,
        "name": state.name,
        "prefix": state.prefix,
        "single": state.single,
        "size": state.size.name.lower(),
        "grid": list(state.grid),
        "pinned": list(state.pinned),
        "y_limits": {metric: list(span) for metric, span in state.y_limits},
        "ignore_outliers": state.ignore_outliers,
        "bands": state.bands.name.lower() if state.bands else "",
    }


def from_settings(settings: Mapping[str, Any]) -> ChartState:
    """The state that such settings mean; one that is not understood is as it is at the beginning.

    Args:
        settings: from a file that anybody may have written.
    """
    ends = _span(settings.get("zoom"))
    bands, pinned, grid, limits = (settings.get(key) for key in ("bands", "pinned", "grid", "y_limits"))
    spans = {str(key): _span(one) for key, one in limits.items()} if isinstance(limits, Mapping) else {}
    return ChartState(
        x=_choice(XAxis, settings.get("x"), XAxis.STEP),
        x_metric=str(settings.get("x_metric", "")),
        log_x=settings.get("log_x") is True,
        y=_choice(YScale, settings.get("y"), YScale.LINEAR),
        smoothing=_smoothing(settings.get("smoothing")),
        zoom=Zoom(*ends, settings.get("zoom_at_end") is True) if ends else None,
        name=str(settings.get("name", "")),
        prefix=str(settings.get("prefix", "")),
        single=settings.get("single") is True,
        size=_choice(ChartSize, settings.get("size"), ChartSize.NORMAL),
        grid=_grid(grid),
        pinned=tuple(dict.fromkeys(map(str, pinned))) if isinstance(pinned, list) else (),
        y_limits=tuple((metric, span) for metric, span in spans.items() if span),
        ignore_outliers=settings.get("ignore_outliers") is True,
        bands=_choice(Spread, bands, Spread.RANGE) if bands else None,
    )


def _span(ends: object) -> Span | None:
    """Two numbers, the lower one first; either may be infinite, which leaves that end open."""
    if not isinstance(ends, list) or [type(end) in (int, float) for end in ends] != [True, True]:
        return None
    try:
        low, high = map(float, ends)
    except OverflowError:  # a whole number may have any length in a file
        return None
    return (low, high) if low < high else None


def _grid(grid: object) -> tuple[int, int]:
    """Rows and columns of at most 36 charts, or 0 and how many."""
    if not isinstance(grid, list) or [type(one) for one in grid] != [int, int]:
        return 0, 0
    rows, columns = grid
    return (rows, columns) if rows >= 0 and columns > 0 and max(rows, 1) * columns <= MOST_CHARTS else (0, 0)


def _choice(kind: type[_Choice], name: object, usual: _Choice) -> _Choice:
    return next((one for one in kind if one.name.lower() == name), usual)


def _smoothing(text: object) -> Smoothing:
    try:
        return parse_smoothing(text) if isinstance(text, str) else Smoothing()
    except UsageError:
        return Smoothing()
