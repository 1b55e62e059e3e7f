"""The histories of runs, read as W&B keeps them, and what they add up to.

A row holds all that one call of `log` said, so a run is read whole, whatever metrics were asked for; asking W&B for
single metrics would give only the rows that have all of them. A cursor is the step after the last one that was read:
steps only rise in W&B. A run's summary has the last values at once; how many points there are, and the best of them,
are known when its history was read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from tui_runs.adapter import Cursor, History, SeriesId
from tui_runs.schema import HISTORY, TIME, empty
from tui_runs_wandb.cloud.client import CloudClient
from tui_runs_wandb.cloud.cloud_run import CloudRun, MetricRow, cloud_run
from tui_runs_wandb.cloud.histories import Budget, Exports, Stretch, download, scan
from tui_runs_wandb.cloud.session import SESSION
from tui_runs_wandb.cloud.troubles import MissingError, RefusedError
from tui_runs_wandb.keys import SYSTEM, Keys
from tui_runs_wandb.points import NO_TIME, Totals, sort_points

_BUDGET: Final = 1_000_000
"""Points of one call of `Readings.read`, which only exports reach."""
_BUDGET_SECONDS: Final = 1.5
_WORTH_EXPORTS: Final = 2_000
"""Rows of a history from which on its exports are asked for."""


@dataclass(slots=True)
class _Reading:
    """A run's history, as far as it was read from its start.

    Args:
        end: the step after the last one that is summed up.
        keys: of all of its metrics.
        totals: what they add up to.
        whole: it was read to its end at some time.
        told: what `end` was when this was told last.
        exports: None where they were not asked for.
        lock: held while somebody reads.
        adding: held for the moment in which `totals` change, or are looked at from another thread.
    """

    end: int = 0
    keys: Keys = field(default_factory=Keys)
    totals: Totals = field(default_factory=Totals)
    whole: bool = False
    told: int = -1
    exports: Exports | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    adding: threading.Lock = field(default_factory=threading.Lock)

    def names(self) -> list[str]:
        """The metrics that have points."""
        numbers = self.totals.count.nonzero()[0].tolist()
        return [self.keys.names[number] for number in numbers if self.keys.is_metric(number)]

    def start_of(self, names: Iterable[str], places: Mapping[str, int]) -> int:
        """From which step to read on, so that nothing of these metrics is missed that lies behind their places."""
        start = self.end
        for name in names:
            number = self.keys.find(name)
            if number is not None and number < len(self.totals.count) and self.totals.count[number]:
                place = places.get(name, 0)
                if place <= self.totals.last_end[number]:
                    start = min(start, max(place, int(self.totals.first_end[number])))
        return start

    def add(self, said: Stretch) -> None:
        """Sum up what comes after `end`; a step is what `Rows.end` says here."""
        fresh = said.rows.step[said.row] >= self.end
        points = sort_points(said.rows, said.key[fresh], said.row[fresh], said.value[fresh])
        with self.adding:
            self.totals.add(points)
            self.end = max(self.end, said.next_step)

    def begin_anew(self) -> None:
        """Forget what was read."""
        with self.adding:
            self.end, self.keys, self.totals, self.exports, self.whole = 0, Keys(), Totals(), None, False


class _Part(NamedTuple):
    """What was read of one run.

    Args:
        frame: the points that were asked for; None where nothing was to be read.
        places: where each metric is to be read on.
        restarted: metrics whose earlier points no longer hold.
        complete: nothing more was there.
    """

    frame: pl.DataFrame | None
    places: Mapping[str, int]
    restarted: frozenset[str]
    complete: bool


class Readings:
    """Reads histories of one project and remembers what they add up to; may be used from several threads.

    Args:
        client: whom to ask.
        on_news: called when `news` has something to say.
    """

    def __init__(self, client: CloudClient, on_news: Callable[[], object]) -> None:
        self._client, self._on_news = client, on_news
        self._readings: dict[str, _Reading] = {}
        self._news: dict[str, list[MetricRow]] = {}
        self._lock = threading.Lock()

    # --- what is known ------------------------------------------------------------------------------------------------

    def rows(self, run: CloudRun) -> list[MetricRow]:
        """The rows of a run's metrics, exact where its history has been read."""
        with self._lock:
            self._news.pop(run.run_id, None)
            reading = self._readings.get(run.run_id)
        if reading is None:
            return _rows(run, None)
        with reading.adding:
            return _rows(run, reading)

    def news(self) -> dict[str, list[MetricRow]]:
        """The metrics of the runs whose histories have been read to their ends since they were last said."""
        with self._lock:
            told, self._news = self._news, {}
        return told

    def forget(self, run_ids: Iterable[str]) -> None:
        """Drop what is known of runs that are gone."""
        with self._lock:
            for run_id in run_ids:
                self._readings.pop(run_id, None)
                self._news.pop(run_id, None)

    # --- reading ------------------------------------------------------------------------------------------------------

    def read(self, run_ids: Sequence[str], metrics: Sequence[str] | None, cursor: Cursor) -> History:
        """Read points after a cursor. See `tui_runs.adapter.Source.history`.

        Raises:
            CloudLostError: the server cannot be read.
            RefusedError: the server does not answer such questions.
            ClosedError: the client was closed.
        """
        wanted = None if metrics is None else frozenset(metrics)
        places: dict[SeriesId, int] = dict(cursor)
        frames: list[pl.DataFrame] = []
        restarted: set[SeriesId] = set()
        complete, budget, until = True, _BUDGET, time.monotonic() + _BUDGET_SECONDS
        for said in () if wanted is not None and not wanted else self._client.runs_called(run_ids):
            if frames and (budget <= 0 or time.monotonic() > until):
                complete = False
                break
            try:
                run = cloud_run(said)
                part = self._read_run(said, run, wanted, _of_run(places, run.run_id), budget)
            except (ValueError, MissingError):
                continue  # the scan has told of a run that is strange; or it went in this moment
            places.update({(run.run_id, name): place for name, place in part.places.items()})
            restarted |= {(run.run_id, name) for name in part.restarted}
            complete = complete and part.complete
            if part.frame is not None:
                frames.append(part.frame)
                budget -= part.frame.height
        return History(pl.concat(frames) if frames else empty(HISTORY), places, complete, frozenset(restarted))

    def _read_run(
        self, said: Any, run: CloudRun, wanted: frozenset[str] | None, places: Mapping[str, int], budget: int
    ) -> _Part:
        """Read on in one run.

        Args:
            said: the run, to be asked.
            run: what it says of itself now.
            wanted: which metrics; None for all.
            places: after which step each was read.
            budget: how many points at most, roughly.
        """
        with self._lock:
            reading = self._readings.setdefault(run.run_id, _Reading())
        with reading.lock:
            restarted: Mapping[str, int] = {}
            if run.last_step + 1 < reading.end:  # it was rewound, or begun anew
                reading.begin_anew()
                places, restarted = {}, places
            start = reading.start_of(reading.names() if wanted is None else wanted, places)
            frame, end = None, start
            if start <= run.last_step:
                stretch = self._stretch(said, run, reading, start, budget)
                reading.add(stretch)
                frame, end = _frame(run.run_id, stretch, reading.keys, wanted, places), stretch.next_step
            names = {*places, *reading.names()} if wanted is None else wanted
            self._tell(run, reading)
        later = {name: max(end, places.get(name, 0)) for name in names}
        return _Part(frame, later, frozenset(restarted), end > run.last_step)

    def _stretch(self, said: Any, run: CloudRun, reading: _Reading, start: int, budget: int) -> Stretch:
        if reading.exports is None and start == 0 and run.lines >= _WORTH_EXPORTS:
            try:
                reading.exports = self._client.ask(lambda: download(said, SESSION.scratch))
            except (MissingError, RefusedError):
                reading.exports = Exports(())
        if reading.exports is not None and start < reading.exports.end:
            try:
                return reading.exports.read(start, reading.keys, budget)
            except (pl.exceptions.PolarsError, OSError):  # a damaged file: the rows can be had one by one
                reading.exports = Exports(())
        limits = Budget(budget, _BUDGET_SECONDS)
        return self._client.ask(lambda: scan(said, start, run.last_step + 1, run.lines, reading.keys, limits))

    def _tell(self, run: CloudRun, reading: _Reading) -> None:
        """Note that a history is known whole, where that is new."""
        if reading.end <= run.last_step or reading.told == reading.end:
            return
        reading.whole, reading.told = True, reading.end
        rows = _rows(run, reading)
        with self._lock:
            self._news[run.run_id] = rows
        self._on_news()


def _of_run(places: Mapping[SeriesId, int], run_id: str) -> dict[str, int]:
    return {name: place for (other, name), place in places.items() if other == run_id}


def _rows(run: CloudRun, reading: _Reading | None) -> list[MetricRow]:
    """What a history adds up to; a value that its summary says is the last one, as W&B shows it."""
    if reading is None or not reading.whole:
        return [(key, value, *(None,) * 7, False) for key, value in run.summary.items()]
    exact = reading.end > run.last_step
    totals = reading.totals
    columns = (
        totals.last, totals.last_step, totals.last_time, totals.low, totals.low_step, totals.high, totals.high_step,
        totals.count,
    )  # fmt: skip
    rows: dict[str, MetricRow] = {}
    for name in reading.names():
        number = reading.keys.find(name)
        last, step, moment, *rest = (column[number].item() for column in columns)
        said = run.summary.get(name, last)
        if exact or repr(said) == repr(last):
            rows[name] = (name, said, step, None if moment == NO_TIME else moment, *rest, exact)
        else:  # there is a later point, which has not been read
            rows[name] = (name, said, None, None, *rest, False)
    for key, value in run.summary.items():
        if key not in rows:
            whole = exact and not key.startswith(SYSTEM)
            rows[key] = (key, value, *(None,) * 6, 0 if whole else None, whole)
    return list(rows.values())


def _frame(
    run_id: str, said: Stretch, keys: Keys, wanted: frozenset[str] | None, places: Mapping[str, int]
) -> pl.DataFrame:
    """The points of a stretch that were asked for. Schema HISTORY."""
    shown = np.array([keys.is_metric(n) and (wanted is None or name in wanted) for n, name in enumerate(keys.names)])
    place = np.array([places.get(name, 0) for name in keys.names], np.int64)
    asked = shown[said.key] & (said.rows.step[said.row] >= place[said.key])
    points = sort_points(said.rows, said.key[asked], said.row[asked], said.value[asked])
    names = pl.Series("key", [keys.names[number] for number in points.keys.tolist()], dtype=pl.String)
    index = np.repeat(np.arange(len(points.keys)), np.diff(points.bounds))
    return pl.DataFrame({
        "run_id": pl.Series([run_id], dtype=pl.String).new_from_index(0, len(index)),
        "key": names.gather(index),
        "step": said.rows.step[points.row],
        "time": said.rows.time[points.row],
        "value": points.value,
    }).with_columns(pl.when(pl.col("time") != NO_TIME).then("time").cast(TIME).alias("time"))  # fmt: skip
