"""The kinds of figures of many runs: which one is drawn of what was measured, and what is to be said of it.

A metric stands against a column (scatter), is spread by its categories (box), or is counted by its own values
(histogram). For parallel coordinates see parallel.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import polars as pl

from tui_runs.analysis.columns import kind_of
from tui_runs.analysis.distributions import Measured, box_of, by_category, histogram_of
from tui_runs.display import printable
from tui_runs.drawing.figures import (
    Figure,
    Look,
    Standout,
    draw_boxes,
    draw_histogram,
    draw_scatter,
    most_bins,
    most_categories,
)
from tui_runs.drawing.readings import texts_apart
from tui_runs.drawing.ticks import Kind as AxisKind
from tui_runs.errors import UsageError

Kind = Literal["scatter", "box", "histogram"]
RunId = tuple[str, str]
"""The source and the id of a run."""

_AXIS_KINDS: Final[dict[str, AxisKind]] = {"time": "time", "seconds": "duration"}


class Drawn(NamedTuple):
    """A figure, and what belongs to it."""

    figure: Figure | None
    """None where no run can be drawn."""
    remark: str
    """What a title should say of categories that there is no room for."""
    frame: pl.DataFrame
    """The runs that are drawn: those of `Measured`; a row is a row of the figure's `spots` where it has any."""


class Sign(NamedTuple):
    """How a run stands out: a character of one cell, and the number of an ink above 0."""

    character: str
    ink: int


def axis_kind(column: str) -> AxisKind:
    """What the numbers of a column are on an axis."""
    return _AXIS_KINDS.get(kind_of(column), "number")


def draw_kind(
    kind: Kind, measured: Measured, against: str | None, look: Look, signs: Mapping[RunId, Sign] | None = None
) -> Drawn:
    """A figure of runs.

    Args:
        kind: which.
        measured: the metric, and the column that it is held against; a scatter needs one, a histogram has none.
        against: what that column is called.
        look: how.
        signs: the runs that are to be seen among the others, the last on top; where some are, `measured` has sources.

    Raises:
        UsageError: the column does not fit the axis: words on a logarithmic one, or more numbers than there is room for
            boxes.
    """
    frame = measured.frame
    if not frame.height:
        return Drawn(None, "", frame)
    values = frame["value"].to_numpy()
    if kind == "histogram":
        bins = histogram_of(values, most_bins(look.width), log=look.log_x)
        return Drawn(draw_histogram(bins, look, _standouts(frame, "value", signs)), "", frame)
    words = frame.schema.get("x") == pl.String
    if kind == "scatter" and not words:
        figure = draw_scatter(frame["x"].to_numpy(), values, look, standouts=_standouts(frame, "x", signs))
        return Drawn(figure, "", frame)
    if words and look.log_x:
        raise UsageError(f"{printable(against or '')} is words, and has no logarithm.", "Leave log x out.")
    most = most_categories(look.width)
    if kind == "box" and against is not None and not words and (different := frame["x"].n_unique()) > most:
        raise UsageError(
            f"{printable(against)} has {different:,} different numbers; there is room for {most} boxes.",
            "A scatter shows them all.",
        )
    categories, frame, remark = _categories(frame, most)
    labels, standouts = _labels(categories), _standouts(frame, "place", signs)
    if kind == "scatter":
        figure = draw_scatter(
            frame["place"].cast(pl.Float64).to_numpy(), frame["value"].to_numpy(), look, labels, standouts
        )
    else:
        figure = draw_boxes([box_of(group.to_numpy()) for group in groups_of(frame)], labels, look, standouts)
    return Drawn(figure, remark, frame)


def _categories(frame: pl.DataFrame, most: int) -> tuple[Sequence[float | str | None], pl.DataFrame, str]:
    """The values of x, one for all where there is no x; the runs with the place of theirs; what is said of others."""
    if "x" not in frame.columns:
        return [None], frame.with_columns(place=pl.lit(0, pl.UInt32)), ""
    found = by_category(frame, most)
    return found.values, found.frame, _others(found.others, found.runs)


def groups_of(frame: pl.DataFrame) -> list[pl.Series]:
    """The values of a metric by the place of the category, growing."""
    return [group["value"] for (_,), group in frame.sort("place").group_by("place", maintain_order=True)]


def _others(others: int, runs: int) -> str:
    return f"{others:,} rarer value{'s' * (others > 1)} of {count_of(runs)} not shown" if others else ""


def count_of(runs: int) -> str:
    """A number of runs in words."""
    return f"{runs:,} run{'' if runs == 1 else 's'}"


def note_of(
    kind: str,
    against: str | None,
    left_out: Mapping[str, int],
    remark: str,
    runs: int,
    *,
    log_x: bool = False,
    log_y: bool = False,
) -> str:
    """What a figure's title says beside the metric: what it is held against, what is not seen, and of how many runs."""
    said = [
        {"scatter": f"against {against}", "box": f"by {against}"}.get(kind, "") if against else "",
        *(f"{count:,} {reason}" for reason, count in left_out.items()),
        remark,
        count_of(runs),
        "log x" * log_x,
        "log y" * log_y,
    ]
    return printable(" · ".join(part for part in said if part))


def _labels(values: Sequence[float | str | None]) -> list[str]:
    numbers = [value for value in values if isinstance(value, float)]
    return texts_apart(numbers) if numbers else ["all" if value is None else str(value) for value in values]


def _standouts(frame: pl.DataFrame, x: str, signs: Mapping[RunId, Sign] | None) -> list[Standout]:
    if not signs:
        return []
    wanted = pl.DataFrame(list(signs), schema={"source": pl.String, "run_id": pl.String}, orient="row")
    columns = [pl.col("source"), pl.col("run_id"), pl.col(x).cast(pl.Float64).alias("at"), pl.col("value")]
    found = wanted.join(frame.select(columns), on=["source", "run_id"], maintain_order="left")
    return [Standout(at, value, *signs[source, run_id]) for source, run_id, at, value in found.iter_rows()]
