"""What the user chose of the figure of all runs, and the same as plain values for a file. It needs no numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui_runs.analysis.chart_choices import Circle
from tui_runs.analysis.columns import split_aggregate


class FigureKind(Circle):
    """The kinds of figures; the value is what a file says."""

    SCATTER = "scatter"
    PARALLEL = "parallel"
    BOX = "box"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class FigureState:
    """Everything that can be chosen of the figure.

    Args:
        kind: which one.
        metric: the column that is shown; when empty the metric under the table's column cursor, or the main one.
        against: the column that it is held against; when empty the param that has most to do with it.
        log_x: the x axis is logarithmic; when None, that of a scatter is where the numbers span powers of ten.
        log_y: the y axis is, or the axis of the metric in parallel coordinates.
        axes: columns that come first in parallel coordinates.
        skipped: how many of the other columns are passed over there.
    """

    kind: FigureKind = FigureKind.SCATTER
    metric: str = ""
    against: str = ""
    log_x: bool | None = None
    log_y: bool = False
    axes: tuple[str, ...] = ()
    skipped: int = 0


def to_settings(state: FigureState) -> dict[str, Any]:
    """The settings that are not as they are at the beginning."""
    usual = _settings(FigureState())
    return {key: value for key, value in _settings(state).items() if value != usual[key]}


def _settings(state: FigureState) -> dict[str, Any]:
    return {
        "kind": state.kind.value,
        "metric": state.metric,
        "against": state.against,
        "log_x": "" if state.log_x is None else state.log_x,
        "log_y": state.log_y,
        "axes": list(state.axes),
        "skipped": state.skipped,
    }


def from_settings(settings: object) -> FigureState:
    """The state that such settings mean; one that is not understood is as it is at the beginning.

    Args:
        settings: from a file that anybody may have written.
    """
    known: Mapping[str, Any] = settings if isinstance(settings, Mapping) else {}
    metric = str(known.get("metric", ""))
    axes, skipped, log_x = known.get("axes"), known.get("skipped"), known.get("log_x")
    return FigureState(
        kind=next((kind for kind in FigureKind if kind.value == known.get("kind")), FigureKind.SCATTER),
        metric=metric if split_aggregate(metric)[1].startswith("metrics.") else "",
        against=str(known.get("against", "")),
        log_x=log_x if isinstance(log_x, bool) else None,
        log_y=known.get("log_y") is True,
        axes=tuple(map(str, axes)) if isinstance(axes, list) else (),
        skipped=skipped if isinstance(skipped, int) and 0 <= skipped < 10_000 else 0,
    )
