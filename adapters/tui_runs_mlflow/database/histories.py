"""Reads points of a tracking database on from a cursor.

MLflow only ever adds points, so a cursor says how many were read. In SQLite that is the rowid of the last one, and a
new point of any run has a greater one. Elsewhere it is their number, together with a checksum of the last of them:
where another point stands in its place (a late one, as series go by time there), the series is read anew.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping, Sequence
from threading import Event
from typing import Final

import polars as pl

from tui_runs.adapter import Cursor, History, SeriesId
from tui_runs.schema import empty
from tui_runs_mlflow.database.points import POINTS, points_after, points_of_run, points_of_series, runs_at
from tui_runs_mlflow.database.queries import KEYS_NAMED
from tui_runs_mlflow.database.run_reader import RunReader, number_of
from tui_runs_mlflow.metric_lines import time_of

_POINTS: Final = 400_000
_SECONDS: Final = 0.1
"""Budget of one call."""
_PAGE: Final = 10_000
"""Points of one statement in SQLite: 50 ms, during which nobody can write."""
_RUNS: Final = 500
"""Runs that one statement names."""
_CHECKSUM_BITS: Final = 20


def read_history(
    reader: RunReader, run_ids: Sequence[str], metrics: Sequence[str] | None, cursor: Cursor | None, closed: Event
) -> History:
    """Points after the cursor, a budget's worth. See `tui_runs.adapter.Source`."""
    run_ids = list(dict.fromkeys(run_ids))
    kind = _ByRowid if reader.queries.dialect == "sqlite" else _ByCount
    return kind(reader, cursor or {}, closed).read(run_ids, metrics)


class _Reading:
    """One call of `read_history`."""

    def __init__(self, reader: RunReader, cursor: Cursor, closed: Event) -> None:
        self._reader, self._closed = reader, closed
        self._cursor = dict(cursor)
        self._frames: list[pl.DataFrame] = []
        self._restarted: set[SeriesId] = set()
        self._left = _POINTS
        self._until = time.monotonic() + _SECONDS

    @property
    def _spent(self) -> bool:
        """The budget is used up; what is there is read once at least, however long that takes."""
        late = bool(self._frames) and time.monotonic() > self._until
        return self._left <= 0 or late or self._closed.is_set()

    def _read_runs(self, run_ids: Sequence[str], metrics: Sequence[str] | None) -> bool:
        """Read these series on; False where there is more."""
        raise NotImplementedError

    def _take(self, points: pl.DataFrame) -> None:
        self._left -= points.height
        self._frames.append(points)

    def read(self, run_ids: Sequence[str], metrics: Sequence[str] | None) -> History:
        """Read on, some hundred runs after the other."""
        blocks = (run_ids[start : start + _RUNS] for start in range(0, len(run_ids), _RUNS))
        wanted = None if metrics is None else list(dict.fromkeys(metrics))
        complete = all(self._read_runs(block, wanted) for block in blocks)
        points = self._frames[0] if len(self._frames) == 1 else pl.concat([empty(POINTS), *self._frames])
        frame = points.select("run_id", "key", "step", time_of(pl.col("ms")).alias("time"), number_of("value"))
        return History(frame, self._cursor, complete, frozenset(self._restarted))


class _ByRowid(_Reading):
    def _read_runs(self, run_ids: Sequence[str], metrics: Sequence[str] | None) -> bool:
        there = _keys_by_run(self._reader.ask(self._reader.queries.keys(run_ids, metrics)), metrics)
        self._check(there)
        for run_id in run_ids:
            new, begun = list[str](), list[str]()
            for key in there.get(run_id, ()):
                (begun if self._cursor.get((run_id, key), 0) else new).append(key)
            for part in (new, begun):
                if part and not self._read_on(run_id, part):
                    return False
        return True

    def _check(self, keys_by_run: Mapping[str, Sequence[str]]) -> None:
        """Start anew where a cursor leads to no point of its run: the table was written anew, or is another one."""
        asked = [(run_id, key) for run_id, keys in keys_by_run.items() for key in keys]
        rowids = sorted({self._cursor.get(series, 0) for series in asked} - {0})
        owners = dict(self._reader.ask(runs_at(rowids)).iter_rows()) if rowids else {}
        for run_id, key in asked:
            at = self._cursor.get((run_id, key), 0)
            if at and owners.get(at) != run_id:
                self._cursor[run_id, key] = 0
                self._restarted.add((run_id, key))

    def _read_on(self, run_id: str, keys: Sequence[str]) -> bool:
        """Read these series of one run; False where there is more."""
        starts = {key: self._cursor.get((run_id, key), 0) for key in keys}
        after = min(starts.values())
        while not self._spent:
            limit = min(_PAGE, self._left)
            points = self._reader.ask(points_after(self._reader.queries, run_id, keys, after, limit))
            if points.is_empty():
                return True
            after = points["rowid"][-1]
            self._cursor.update(((run_id, key), max(after, start)) for key, start in starts.items())
            last_page = points.height < limit
            if len(set(starts.values())) > 1 or len(keys) > KEYS_NAMED:
                start = pl.col("key").replace_strict(starts, default=None, return_dtype=pl.Int64)
                points = points.filter(pl.col("rowid") > start)
            self._take(points)
            if last_page:
                return True
        return False


class _ByCount(_Reading):
    def _read_runs(self, run_ids: Sequence[str], metrics: Sequence[str] | None) -> bool:
        counts = self._reader.ask(self._reader.queries.counts(run_ids, metrics))
        wanted = None if metrics is None else frozenset(metrics)
        grown: dict[str, list[tuple[str, int]]] = {}
        for run_id, key, count in counts.iter_rows():
            if (wanted is None or key in wanted) and self._cursor.get((run_id, key), 0) >> _CHECKSUM_BITS != count:
                grown.setdefault(run_id, []).append((key, count))
        return all(self._read_run(run_id, grown.get(run_id, [])) for run_id in run_ids)

    def _read_run(self, run_id: str, grown: Sequence[tuple[str, int]]) -> bool:
        """Read the series of one run that have grown, each with the number of its points; False where there is more."""
        if not grown or self._spent:
            return not grown
        new = all(self._cursor.get((run_id, key), 0) == 0 for key, _ in grown)
        if new and sum(count for _, count in grown) <= self._left:
            keys = [key for key, _ in grown]
            points = self._reader.ask(points_of_run(self._reader.queries, run_id, keys))
            for (key,), part in points.filter(pl.col("key").is_in(keys)).group_by("key", maintain_order=True):
                self._note(run_id, str(key), 0, part)
            return True
        return all(self._read_on(run_id, key) for key, _ in grown)

    def _read_on(self, run_id: str, key: str) -> bool:
        queries, series = self._reader.queries, (run_id, key)
        while not self._spent:
            at, checksum = divmod(self._cursor.get(series, 0), 1 << _CHECKSUM_BITS)
            begin, limit = max(at - 1, 0), self._left + 1
            points = self._reader.ask(points_of_series(queries, run_id, key, begin, limit))
            if at and (points.is_empty() or _checksum(points.row(0)) != checksum):
                self._cursor[series] = 0
                self._restarted.add(series)
                continue
            new = points.slice(at - begin, self._left)
            if new.height:
                self._note(run_id, key, at, new)
            return points.height < limit
        return False

    def _note(self, run_id: str, key: str, at: int, points: pl.DataFrame) -> None:
        self._take(points)
        count = at + points.height
        self._cursor[run_id, key] = (count << _CHECKSUM_BITS) + _checksum(points.row(-1))


def _checksum(point: tuple[object, ...]) -> int:
    return zlib.crc32(repr(point).encode()) & ((1 << _CHECKSUM_BITS) - 1)


def _keys_by_run(series: pl.DataFrame, metrics: Sequence[str] | None) -> dict[str, list[str]]:
    wanted = None if metrics is None else frozenset(metrics)
    found: dict[str, list[str]] = {}
    for run_id, key in series.iter_rows():
        if run_id is not None and key is not None and (wanted is None or key in wanted):
            found.setdefault(run_id, []).append(key)
    return found
