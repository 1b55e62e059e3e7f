"""The points of the curves that somebody looks at: fetched on demand, appended to, and dropped when unused.

A point takes 24 bytes: step, time, value. Nothing is read here; `wanted` says what is missing, a reader fetches it,
and `add` takes it in. What was last asked for so is needed and stays, however much it is: were a part of it dropped
for another part, reading would never end.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product
from typing import Final, NamedTuple

import polars as pl

from tui_runs.adapter import Cursor, History, SeriesId
from tui_runs.frames.catalog import RunKey
from tui_runs.schema import HISTORY, empty

_POINTS: Final = {name: HISTORY[name] for name in ("step", "time", "value")}
_POINT_BYTES: Final = 24
BUDGET_BYTES: Final = 192 << 20
"""What is kept in all; of the 5,000-run store that is every point of 800 runs."""


class SeriesKey(NamedTuple):
    """A curve among those of all sources."""

    source: str
    run_id: str
    metric: str

    @property
    def run(self) -> RunKey:
        """The run it belongs to."""
        return RunKey(self.source, self.run_id)


class HistoryRequest(NamedTuple):
    """What to ask one source for, in one call of `Source.history`."""

    source: str
    run_ids: tuple[str, ...]
    metrics: tuple[str, ...]
    cursor: Cursor
    asked_at: int = 0
    """What `Histories` had heard of when it asked: an answer may be older than a curve's last growth."""


@dataclass(slots=True)
class _Held:
    parts: list[pl.DataFrame] = field(default_factory=list)
    cursor: int = 0
    points: int = 0
    fresh: bool = False
    grown_at: int = 0


class Histories:
    """The points held. Belongs to one thread; the frames it gives are immutable.

    Args:
        budget_bytes: above this, the curves that were looked at longest ago are dropped, but none that is needed.
    """

    def __init__(self, budget_bytes: int = BUDGET_BYTES) -> None:
        self._budget = budget_bytes
        self._held: OrderedDict[SeriesKey, _Held] = OrderedDict()
        self._needed: frozenset[SeriesKey] = frozenset()
        self._points = 0
        self._clock = 0
        self._versions: Counter[str] = Counter()

    @property
    def size_bytes(self) -> int:
        """Bytes of points held."""
        return self._points * _POINT_BYTES

    def points(self, series: SeriesKey) -> pl.DataFrame:
        """The points of a curve in the order written: step (Int64), time (TIME), value (Float64); none if not held."""
        held = self._held.get(series)
        if held is None or not held.parts:
            return empty(_POINTS)
        self._held.move_to_end(series)
        if len(held.parts) > 1:
            held.parts = [pl.concat(held.parts, rechunk=True)]
        return held.parts[0]

    def version(self, metric: str) -> int:
        """Another number whenever points of a metric have come or gone, of any run."""
        return self._versions[metric]

    def any_held(self, run: RunKey, metrics: Iterable[str]) -> pl.DataFrame | None:
        """The points of the first of a run's metrics of which some are held, as `points` gives them."""
        for metric in metrics:
            held = self._held.get(SeriesKey(*run, metric))
            if held is not None and held.parts:
                return self.points(SeriesKey(*run, metric))
        return None

    def whole(self, series: Iterable[SeriesKey]) -> bool:
        """Whether every point of these curves is held, as far as is known now."""
        return all((held := self._held.get(one)) is not None and held.fresh for one in series)

    def wanted(self, series: Iterable[SeriesKey], *, later: bool = False) -> list[HistoryRequest]:
        """What must be fetched so that these curves are whole: one request for each source and set of metrics.

        Args:
            series: the curves. They are needed from now on, and those that were needed before no longer are.
            later: they may be needed next; until then they are as any other, and what is needed stays the same.
        """
        series = list(series)
        if not later:
            self._needed = frozenset(series)
        missing: dict[tuple[str, str], list[str]] = {}
        cursors: dict[str, dict[tuple[str, str], int]] = {}
        for one in series:
            # What grew while it was not held is not known: an answer to an older request may lack it.
            held = self._held.setdefault(one, _Held(grown_at=self._clock))
            self._held.move_to_end(one)
            if held.fresh:
                continue
            if held.cursor:
                cursors.setdefault(one.source, {})[one.run_id, one.metric] = held.cursor
            missing.setdefault((one.source, one.run_id), []).append(one.metric)
        grouped: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for (source, run_id), metrics in missing.items():
            grouped.setdefault((source, tuple(sorted(metrics))), []).append(run_id)
        return [
            HistoryRequest(source, tuple(run_ids), metrics, cursors.get(source, {}), self._clock)
            for (source, metrics), run_ids in grouped.items()
        ]

    def add(self, request: HistoryRequest, history: History) -> list[SeriesKey]:
        """Take in what a source answered; returns the curves whose points changed.

        Args:
            request: what was asked, with the cursor from which this answer goes on. A curve that has been read on by
                another answer meanwhile is left as it is, so that no point is held twice; one that has been dropped
                stays so until it is wanted again.
            history: the answer.
        """
        source = request.source
        changed: dict[SeriesKey, None] = {}
        current: dict[SeriesId, _Held] = {}
        for series_id, position in history.cursor.items():
            series = SeriesKey(source, *series_id)
            held = self._held.get(series)
            if held is None or held.cursor != request.cursor.get(series_id, 0):
                continue
            current[series_id] = held
            held.cursor = position
            if series_id in history.restarted:
                self._points -= held.points
                held.parts, held.points = [], 0
                changed[series] = None
        if not history.frame.is_empty():
            parts = history.frame.partition_by("run_id", "key", as_dict=True, maintain_order=True)
            for (run_id, metric), frame in parts.items():
                held = current.get((run_id, metric))
                if held is None:
                    continue
                held.parts.append(frame.select(_POINTS.keys()))
                held.points += frame.height
                self._points += frame.height
                changed[SeriesKey(source, str(run_id), str(metric))] = None
        if history.complete:
            for series_id in product(request.run_ids, request.metrics):
                held = self._held.get(SeriesKey(source, *series_id))
                if held is not None:
                    told_otherwise = series_id in history.cursor and series_id not in current
                    held.fresh = not told_otherwise and held.grown_at <= request.asked_at
        self._versions.update(series.metric for series in changed)
        self._evict()
        return list(changed)

    def grown(self, source: str, grown: pl.DataFrame) -> None:
        """Note that curves have points which are not held yet.

        Args:
            source: the source's name.
            grown: columns run_id and key.
        """
        self._clock += 1
        for run_id, metric in grown.select("run_id", "key").iter_rows():
            held = self._held.get(SeriesKey(source, run_id, metric))
            if held is not None:
                held.fresh, held.grown_at = False, self._clock

    def forget(self, source: str, run_ids: Iterable[str]) -> None:
        """Drop the curves of runs that are gone."""
        gone = set(run_ids)
        for series in [one for one in self._held if one.source == source and one.run_id in gone]:
            self._drop(series)

    def _drop(self, series: SeriesKey) -> None:
        self._points -= self._held.pop(series).points
        self._versions[series.metric] += 1

    def _evict(self) -> None:
        if self.size_bytes <= self._budget:
            return
        for series, held in list(self._held.items()):
            if held.points and series not in self._needed:
                self._drop(series)
                if self.size_bytes <= self._budget:
                    return
