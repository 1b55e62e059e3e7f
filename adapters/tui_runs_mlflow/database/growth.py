"""Finds what was added to a tracking database: points, params, tags, runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import polars as pl

from tui_runs.adapter import SeriesId
from tui_runs.errors import SourceLostError
from tui_runs.schema import METRICS, empty
from tui_runs_mlflow.database.extremes import Extremes, by_series, frame_of
from tui_runs_mlflow.database.points import FOLLOWED, ends, row_beyond, touched_runs
from tui_runs_mlflow.database.run_reader import RunReader

_ROWS: Final = 15_000
"""Points that one statement goes through: 50 ms, during which nobody can write."""
_REMEMBERED: Final = 50_000
"""Metrics whose extremes are remembered, so that only new points have to be looked at."""
_NOTHING: Final = empty(METRICS)
_RECENT: Final = 64
"""Runs among which new ones are looked for: those that started last."""


class Added(NamedTuple):
    """What was added since the last look.

    Args:
        touched: runs that are new, or have new params or tags, as far as that can be told.
        metrics: schema METRICS, those that have grown, of runs that are known.
    """

    touched: Sequence[str] = ()
    metrics: pl.DataFrame = _NOTHING


class Growth(Protocol):
    """Remembers how far a database was looked at."""

    def look(self, known: Collection[str], close: Collection[str]) -> Added | None:
        """Find what was added since the last look.

        Args:
            known: the runs that are shown.
            close: those of them that are to be looked at closely; the others as far as it costs nothing.

        Returns:
            None where the tables are not those that were looked at before, and everything has to be read again.

        Raises:
            SourceLostError: the database cannot be read.
        """
        ...


def growth_of(reader: RunReader) -> Growth:
    """Begin to look.

    Raises:
        SourceLostError: the database cannot be read.
    """
    return _NewRows(reader) if reader.queries.dialect == "sqlite" else _NewestPoints(reader)


class _NewRows:
    """SQLite's: a new row has a greater rowid than every other, so it costs nothing to look at all runs.

    Numbers are used again where the last rows were deleted (`mlflow gc`), and given anew where a table was rewritten
    (`mlflow db upgrade`): then at the last rowid stands another row than before, or none.
    """

    def __init__(self, reader: RunReader) -> None:
        self._reader = reader
        self._extremes: dict[SeriesId, Extremes] = {}  # of metrics that have grown, up to the last row
        self._last, self._rows, _ = self._ends(dict.fromkeys(FOLLOWED, 0))

    def look(self, known: Collection[str], close: Collection[str]) -> Added | None:
        begin = self._last
        last, rows, there = self._ends(begin)
        if there != self._rows:
            return None
        touched: list[str] = []
        if any(last[table] != begin[table] for table in FOLLOWED if table != "metrics"):
            touched = self._reader.ask(touched_runs(begin, last))["run_id"].to_list()
        try:
            metrics = self._grown_metrics(known, begin["metrics"], last["metrics"])
        except SourceLostError:
            self._extremes.clear()  # they have points that will be read again
            raise
        self._last, self._rows = last, rows
        return Added(touched, metrics)

    def _grown_metrics(self, known: Collection[str], after: int, last: int) -> pl.DataFrame:
        grown: set[SeriesId] = set()
        while after < last:
            end = self._reader.ask(row_beyond(None, after, _ROWS))["rowid"].to_list()
            until = min(end[0], last) if end else last
            grown |= self._grown(known, after, until)
            after = until
        if not grown:
            return _NOTHING
        extremes = {series: self._extremes[series] for series in grown}
        if len(self._extremes) > _REMEMBERED:
            self._extremes = extremes
        return self._reader.exact_metrics(_runs_of(grown), frame_of(extremes))

    def _ends(self, before: Mapping[str, int]) -> tuple[dict[str, int], list[str | None], list[str | None]]:
        """The last rowid of each table, what stands there, and what stands at the rowids that were the last before."""
        tables, rowids, rows, rows_before = self._reader.ask(ends(before)).to_dict(as_series=False).values()
        return {table: rowid or 0 for table, rowid in zip(tables, rowids, strict=True)}, rows, rows_before

    def _grown(self, known: Collection[str], after: int, until: int) -> set[SeriesId]:
        """Add points to the extremes that are remembered; the series of runs that are known which have such points."""
        added = by_series(self._reader.ask(self._reader.queries.extremes(None, after=after, until=until)))
        added = {series: extremes for series, extremes in added.items() if series[0] in known}
        others = added.keys() - self._extremes.keys()
        if others:
            before = by_series(self._reader.extremes(_runs_of(others), list({key for _, key in others}), until=after))
            self._extremes.update((series, before[series]) for series in others & before.keys())
        for series, extremes in added.items():
            first = self._extremes.get(series)
            self._extremes[series] = first.merge(extremes) if first else extremes
        return set(added)


def _runs_of(series: Iterable[SeriesId]) -> list[str]:
    return list({run_id for run_id, _ in series})


class _NewestPoints:
    """Elsewhere: the newest point of each metric stands in a table of its own, and changes there.

    A point that is not the newest of its metric is found only where it was read before, with a later one.
    """

    def __init__(self, reader: RunReader) -> None:
        self._reader = reader
        self._newest = _NOTHING

    def look(self, known: Collection[str], close: Collection[str]) -> Added | None:
        recent = self._reader.ask(self._reader.queries.newest(_RECENT))["run_id"]
        touched = [run_id for run_id in recent if run_id not in known]
        newest = self._reader.metrics(list(close))
        columns = ["run_id", "key", "last", "last_step", "last_time"]
        changed = newest.join(self._newest, on=columns, how="anti", nulls_equal=True)
        if changed.is_empty():
            return Added(touched)
        run_ids, keys = changed["run_id"].unique().to_list(), changed["key"].unique().to_list()
        extremes = self._reader.extremes(run_ids, keys).join(changed, on=["run_id", "key"], how="semi")
        metrics = self._reader.exact_metrics(run_ids, extremes)
        self._newest = newest
        return Added(touched, metrics)
