"""The points of running runs, as the rules of health need them: read on from where they ended, and never too many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import polars as pl

from tui_runs.adapter import Source
from tui_runs.schema import HISTORY, empty

_COLUMNS: Final = ("step", "time", "value")
_EMPTY: Final = {"place": pl.Int64, **{name: HISTORY[name] for name in _COLUMNS}}
MOST_POINTS: Final = 5_000
"""Rows that are held of a curve; see `_thinned`."""
_FIRST: Final = 25
"""Points at the beginning of a curve that are kept as they are: what the curve gained is counted from there."""


class RunCurves:
    """Curves of one run.

    Args:
        source: where the run is.
        run_id: which.
    """

    def __init__(self, source: Source, run_id: str) -> None:
        self._source, self._run_id = source, run_id
        self._cursors: dict[str, int] = {}
        self._curves: dict[str, pl.DataFrame] = {}

    def read(self, metrics: Sequence[str], is_over: Callable[[], bool]) -> dict[str, pl.DataFrame]:
        """Read on; what is not asked for any more is forgotten.

        Args:
            metrics: which, the one that counts most first.
            is_over: asked between two reads, none of which takes long; then what there is is given.

        Returns:
            Columns place, step, time and value by metric, as `judge_points` takes them, in the order asked for; those
            without points are left out.

        Raises:
            SourceLostError: the store is gone.
        """
        self._cursors = {key: place for key, place in self._cursors.items() if key in metrics}
        self._curves = {key: curve for key, curve in self._curves.items() if key in metrics}
        while metrics and not is_over():
            cursor = {(self._run_id, key): place for key, place in self._cursors.items()}
            history = self._source.history([self._run_id], metrics, cursor)
            for _, key in history.restarted:
                self._curves.pop(key, None)
            for (key,), points in history.frame.partition_by(["key"], as_dict=True, maintain_order=True).items():
                self._append(str(key), points.select(_COLUMNS))
            self._cursors |= {key: place for (_, key), place in history.cursor.items() if key in metrics}
            if history.complete:
                break
        return {key: self._curves[key] for key in metrics if key in self._curves}

    def _append(self, key: str, points: pl.DataFrame) -> None:
        held = self._curves.get(key)
        if held is None:
            held = empty(_EMPTY)
        following = held["place"][-1] + 1 if held.height else 0
        places = pl.int_range(following, following + points.height, eager=True, dtype=pl.Int64)
        held = pl.concat([held, points.select(places.alias("place"), *_COLUMNS)], rechunk=True)
        self._curves[key] = _thinned(held) if held.height > MOST_POINTS else held


def _thinned(curve: pl.DataFrame) -> pl.DataFrame:
    """A long curve in at most MOST_POINTS rows: its newest half as it is, and before that means of neighbours.

    All of these are of as many points, so that every part of the curve has its share however long it becomes. What is
    not finite is kept apart from what is, with the place at which it began.
    """
    newer = curve.tail(MOST_POINTS // 2 - _FIRST)
    first, older = curve.head(_FIRST), curve.slice(_FIRST, curve.height - newer.height - _FIRST)
    end = newer["place"][0]
    points = 1
    while end > points * (MOST_POINTS // 4):  # half of the rest: each mean may have what is not finite beside it
        points *= 2
    # A row may be a mean already, of as many points as lie between it and the next one.
    weight = pl.col("place").shift(-1, fill_value=end) - pl.col("place")
    means = older.with_columns(weight=weight).group_by(
        pl.col("place") // points, pl.col("value").is_finite(), maintain_order=True
    )
    value = (pl.col("value") * (pl.col("weight") / pl.col("weight").sum())).sum()
    thinned = means.agg(pl.first("place", "step", "time").name.prefix("first_"), value.alias("mean"))
    columns = [pl.col(f"first_{name}").alias(name) for name in ("place", "step", "time")]
    return pl.concat([first, thinned.select(*columns, pl.col("mean").alias("value")), newer], rechunk=True)
