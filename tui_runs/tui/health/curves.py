"""The points of running runs, as the rules of health need them: read on from where they ended, and never too many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import polars as pl

from tui_runs.adapter import Source
from tui_runs.schema import HISTORY, empty

_COLUMNS: Final = ("step", "time", "value")
MOST_POINTS: Final = 20_000
"""Points that are held of a curve; of a longer one every two of the older half become one."""


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
            Columns step, time and value by metric, in the order asked for; those without points are left out.

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
        held = self._curves.get(key, empty({name: HISTORY[name] for name in _COLUMNS}))
        held = pl.concat([held, points], rechunk=True)
        while held.height > MOST_POINTS:
            held = _thinned(held)
        self._curves[key] = held


def _thinned(curve: pl.DataFrame) -> pl.DataFrame:
    """A curve whose older half has one point in place of two: their mean, NaN where one of them is."""
    pairs = curve.height // 4
    older, newer = curve.head(2 * pairs), curve.slice(2 * pairs)
    second = older["value"].gather_every(2, 1)
    return pl.concat([older.gather_every(2).with_columns(value=(pl.col("value") + second) / 2), newer])
