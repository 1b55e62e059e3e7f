"""What whole histories say: how many points, the least and the greatest number, and where they were reached first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from tui_runs.adapter import SeriesId
from tui_runs_mlflow.database.queries import EXTREMES


class Extremes(NamedTuple):
    """Of a metric, or of a part of its history; the columns of `queries.EXTREMES` but the first two.

    NaN counts as a point and is never least or greatest, so that `min` and `max` are None where there is nothing else.
    """

    points: int
    min: float | None
    max: float | None
    min_step: int | None
    max_step: int | None

    def merge(self, later: Extremes) -> Extremes:
        """Those of both parts of a history; on equal terms the earlier one's step stays."""
        lower = later.min is not None and (self.min is None or later.min < self.min)
        higher = later.max is not None and (self.max is None or later.max > self.max)
        low, high = later if lower else self, later if higher else self
        return Extremes(self.points + later.points, low.min, high.max, low.min_step, high.max_step)


def by_series(frame: pl.DataFrame) -> dict[SeriesId, Extremes]:
    """The rows of a frame of schema EXTREMES."""
    return {(row[0], row[1]): Extremes(*row[2:]) for row in frame.iter_rows()}


def merge_into(known: dict[SeriesId, Extremes], later: pl.DataFrame) -> None:
    """Add what later parts of some histories say (schema EXTREMES)."""
    for series, extremes in by_series(later).items():
        known[series] = known[series].merge(extremes) if series in known else extremes


def frame_of(extremes: Mapping[SeriesId, Extremes]) -> pl.DataFrame:
    """The opposite of `by_series`."""
    return pl.DataFrame([(*series, *one) for series, one in extremes.items()], schema=dict(EXTREMES), orient="row")
