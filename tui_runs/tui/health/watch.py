"""Watches over the runs that are running: what is told of them comes in, what is wrong with them comes out.

It belongs to one thread, which may read stores; `tui_runs.tui.health.reader` is that thread.

Silence is not measured by the clock on the wall. How old the last write of a run is when it is first heard of, that
clock says; from then on only time counts in which this program was awake and followed the run's source, and every
write that is seen ends the silence. So a clock that is set forwards or backwards, a laptop that slept, a program that
was stopped, or a store that could not be reached for an hour makes no run stale.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import polars as pl

from tui_runs.adapter import Change, RunBatch, Source
from tui_runs.analysis.direction import Direction, direction_of
from tui_runs.analysis.health import Event, crash_sentence, judge_points, stale_sentence
from tui_runs.analysis.health_rules import OF_POINTS, HealthRules, Kind
from tui_runs.analysis.ranking import by_interest, counts, is_system
from tui_runs.errors import SourceLostError
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.progress import GOING_ON
from tui_runs.machine.paths import local_path
from tui_runs.tui.health.curves import RunCurves
from tui_runs.tui.health.disks import DiskWatch
from tui_runs.tui.health.logs import read_last_words

MOST_RUNS: Final = 20
"""Running runs of a source whose points are read: those that wrote last, and they stay so."""
MOST_METRICS: Final = 4
"""Metrics of a run whose points are read, those that count most."""
_MOST_CRASHES: Final = 20
"""Runs that had failed before whose logs are read, the latest."""
LOOK_SECONDS: Final = 5.0
"""How often it is looked whether a run has become stale."""
_DISK_SECONDS: Final = 60.0
_LONGEST_STEP: Final = 3 * LOOK_SECONDS
"""More time than this between two looks was not spent awake."""
_RECENT: Final = timedelta(days=1)
"""Runs that failed, or fell silent, before that are history and no news."""


class Findings(NamedTuple):
    """What is now known of some kinds of trouble of a run, or of a source; it replaces what was known of them.

    Args:
        run: which; its id is empty where it is the source itself.
        kinds: all that were looked for.
        events: those that were found.
        news: it was looked for before, or the run is new: what is found now has turned while it was watched.
    """

    run: RunKey
    kinds: tuple[Kind, ...]
    events: tuple[Event, ...]
    news: bool


@dataclass(slots=True)
class _Run:
    """A run that is running, or that fell silent.

    Args:
        status: as its source says.
        updated: when it last wrote.
        silent_from: the same on the clock of its source's watch.
        news: it was not there at the start.
        told: what was found in its points; None before they were judged.
    """

    status: str
    updated: datetime | None
    silent_from: float
    news: bool
    metrics: set[str] = field(default_factory=set)
    not_numbers: set[str] = field(default_factory=set)
    curves: RunCurves | None = None
    dirty: bool = True
    ended: bool = False
    told: tuple[Event, ...] | None = None
    stale: bool | None = None


@dataclass(slots=True)
class _Watched:
    """A source.

    Args:
        clock: seconds that it was followed.
    """

    source: Source
    rules: HealthRules
    clock: float = 0.0
    scanned: bool = False
    reachable: bool = True
    runs: dict[str, _Run] = field(default_factory=dict)
    crashed: set[str] = field(default_factory=set)
    crashes: list[tuple[str, str, datetime | None, bool]] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)


class HealthWatch:
    """Knows the runs that are running.

    Args:
        sources: the open sources by name, with the rules for each.
        now: the clock on the wall.
        monotonic: seconds that only ever rise.
    """

    def __init__(
        self,
        sources: Mapping[str, tuple[Source, HealthRules]],
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watched = {name: _Watched(source, rules) for name, (source, rules) in sources.items()}
        self._now, self._monotonic = now, monotonic
        self._looked = monotonic()
        self._disk_due = -1.0
        places = {name: (local_path(source.uri), rules) for name, (source, rules) in sources.items() if rules.disk}
        self._disks = DiskWatch({name: (path, rules) for name, (path, rules) in places.items() if path is not None})
        self.following = True
        self.closed = False
        self._better: Mapping[str, Direction | None] = {}

    @property
    def pause(self) -> float:
        """Seconds after which to look again even if nothing is told."""
        return LOOK_SECONDS if any(watched.runs for watched in self._watched.values()) else _DISK_SECONDS

    @property
    def due(self) -> bool:
        """Whether points are to be read, or logs of runs that failed."""
        return any(
            watched.scanned and (watched.crashes or any(run.dirty for run in watched.runs.values()))
            for watched in self._watched.values()
        )

    def judge_by(self, better: Mapping[str, Direction | None]) -> None:
        """Which way metrics are better, where the user says so: every run is judged anew."""
        self._better = better
        for watched in self._watched.values():
            for run in watched.runs.values():
                run.dirty = True

    # --- what is told ---------------------------------------------------------------------------------------------

    def take(self, name: str, batch: RunBatch) -> None:
        """Runs of a source that were read, or that changed."""
        watched = self._watched[name]
        self._pass_time()  # before that: it was not followed while it could not be reached
        watched.reachable = True
        if batch.runs.height:
            self._take_runs(watched, batch.runs)
        if watched.runs and batch.metrics.height:
            self._take_metrics(watched, batch)

    def take_change(self, name: str, change: Change) -> None:
        """What happened in a source that is followed."""
        watched = self._watched[name]
        self._pass_time()
        watched.reachable = True
        for run_id in change.removed:
            watched.runs.pop(run_id, None)
            watched.crashed.discard(run_id)
        if change.removed:
            gone = frozenset(change.removed)
            watched.crashes = [crash for crash in watched.crashes if crash[0] not in gone]
            watched.resumed = [run_id for run_id in watched.resumed if run_id not in gone]
        if change.batch is not None:
            self.take(name, change.batch)

    def scanned(self, name: str) -> None:
        """A source was read whole."""
        self._watched[name].scanned = True

    def lost(self, name: str) -> None:
        """A source cannot be reached: its runs may write, and nobody sees it."""
        self._pass_time()
        self._watched[name].reachable = False

    def follow(self, on: bool) -> None:
        """Changes come in, or are held back."""
        self._pass_time()
        self.following = on

    def _pass_time(self) -> None:
        moment = self._monotonic()
        passed = min(max(moment - self._looked, 0.0), _LONGEST_STEP)
        self._looked = moment
        for watched in self._watched.values():
            if self.following and watched.reachable and watched.scanned:
                watched.clock += passed

    def _take_runs(self, watched: _Watched, runs: pl.DataFrame) -> None:
        columns = runs.select("run_id", pl.col("status").cast(pl.String), "started", "ended", "updated")
        known = pl.Series([*watched.runs, *watched.crashed], dtype=pl.String)
        told = pl.col("status").is_in([*GOING_ON, "failed", "killed"]) | pl.col("run_id").is_in(known.implode())
        for run_id, status, started, ended, updated in columns.filter(told).iter_rows():
            if status in GOING_ON:
                if run_id in watched.crashed:
                    watched.crashed.remove(run_id)
                    watched.resumed.append(run_id)  # it may fail again
                self._take_active(watched, run_id, status, updated or started)
                continue
            run = watched.runs.get(run_id)
            if run is not None:
                run.ended = run.dirty = True
            if status in ("failed", "killed") and run_id not in watched.crashed:
                when = ended or updated or started
                watched.crashed.add(run_id)
                is_recent = watched.scanned if when is None else self._now() - when < _RECENT
                if is_recent or run is not None:
                    watched.crashes.append((run_id, status, when, watched.scanned))

    def _take_active(self, watched: _Watched, run_id: str, status: str, updated: datetime | None) -> None:
        run = watched.runs.get(run_id)
        if run is None or run.ended:
            age = 0.0 if watched.scanned or updated is None else (self._now() - updated).total_seconds()
            if status == "stale" and updated is not None:
                age = (self._now() - updated).total_seconds()
            begun = _Run(status, updated, watched.clock - max(age, 0.0), watched.scanned)
            if run is not None:
                begun.curves, begun.metrics = run.curves, run.metrics
            watched.runs[run_id] = begun
            return
        if updated != run.updated and status == "running":
            run.silent_from = self._silent_from(watched, updated)
        run.dirty = run.dirty or updated != run.updated
        run.status, run.updated = status, updated

    def _silent_from(self, watched: _Watched, updated: datetime | None) -> float:
        """When a write was that is seen now: now, where the source is followed."""
        if watched.scanned or updated is None:
            return watched.clock
        return watched.clock - max((self._now() - updated).total_seconds(), 0.0)

    def _take_metrics(self, watched: _Watched, batch: RunBatch) -> None:
        running = pl.Series(list(watched.runs), dtype=pl.String)
        rows = batch.metrics.filter(pl.col("run_id").is_in(running.implode()))
        for run_id, key, last, written in rows.select("run_id", "key", "last", "last_time").iter_rows():
            run = watched.runs[run_id]
            run.dirty = True
            run.metrics.add(key)
            (run.not_numbers.add if last is not None and math.isnan(last) else run.not_numbers.discard)(key)
            if written is not None and (run.updated is None or written > run.updated):
                run.updated = written
                run.silent_from = self._silent_from(watched, written)

    # --- what is wrong --------------------------------------------------------------------------------------------

    def look(self) -> Iterator[Findings]:
        """What can be said without reading a store: which runs have become stale, or write again; and disks."""
        self._pass_time()
        for name, watched in self._watched.items():
            while watched.resumed:
                yield Findings(RunKey(name, watched.resumed.pop()), ("crashed",), (), news=True)
            if watched.scanned and watched.rules.stale:
                yield from self._look_for_silence(name, watched)
        if (moment := self._monotonic()) >= self._disk_due:
            self._disk_due = moment + _DISK_SECONDS
            for name, event, news in self._disks.look(moment, self._now()):
                yield Findings(RunKey(name, ""), ("disk",), () if event is None else (event,), news)

    def _look_for_silence(self, name: str, watched: _Watched) -> Iterator[Findings]:
        for run_id, run in watched.runs.items():
            silence = watched.clock - run.silent_from
            stale = not run.ended and silence > watched.rules.stale_after
            known, run.stale = run.stale, stale
            gone = run.status == "stale"  # an adapter goes by the clock on the wall, so that alone does not count
            if stale == bool(known) or (gone and known is None and silence > _RECENT.total_seconds()):
                continue
            sentence = stale_sentence(watched.rules.stale_after, gone=gone)
            events = (Event("stale", name, run_id, sentence, run.updated),) if stale else ()
            yield Findings(RunKey(name, run_id), ("stale",), events, known is not None or run.news)

    def read(self) -> Iterator[Findings | None]:
        """What can be said after reading a store: the points of runs that wrote something, the logs of those that fell.

        None comes before a read, which may take long: what was found is not to wait for it.
        Of a store that is lost nothing is said; its runs are looked at when they write again.
        """
        for name, watched in self._watched.items():
            if watched.scanned:
                yield from self._read_crashes(name, watched)
                yield from self._read_points(name, watched)

    def _read_points(self, name: str, watched: _Watched) -> Iterator[Findings | None]:
        # All runs are ranked and not those that wrote something, and one whose curves are held keeps its place until it
        # falls silent: runs must not take turns in being watched, since each would be read from its start each time.
        ranked = sorted(watched.runs.items(), key=lambda item: _rank(item[1]), reverse=True)
        for place, (run_id, run) in enumerate(ranked):
            if self.closed:
                return
            dirty, run.dirty = run.dirty, False
            if place >= MOST_RUNS and not run.ended:
                run.curves = None
            elif dirty:
                yield None
                with suppress(SourceLostError):
                    yield from self._judge(name, watched, run_id, run)
            if run.ended:
                yield Findings(RunKey(name, run_id), ("stale", "plateau"), (), news=True)
                watched.runs.pop(run_id, None)

    def _judge(self, name: str, watched: _Watched, run_id: str, run: _Run) -> Iterator[Findings]:
        rules = watched.rules
        if not (rules.nan or rules.diverging or rules.plateau):
            return
        if run.curves is None:
            run.curves = RunCurves(watched.source, run_id)
        chosen = by_interest(key for key in run.metrics if counts(key))[:MOST_METRICS]
        curves = run.curves.read(chosen, lambda: self.closed)
        directions = {key: direction_of(key, self._better) for key in chosen}
        others = sorted(key for key in run.not_numbers if key not in curves and not is_system(key))
        found = judge_points(curves, directions, rules, others)
        events = tuple(finding.of(name, run_id) for finding in found)
        if events != run.told:
            yield Findings(RunKey(name, run_id), OF_POINTS, events, run.told is not None or run.news)
        run.told = events

    def _read_crashes(self, name: str, watched: _Watched) -> Iterator[Findings | None]:
        crashes, watched.crashes = watched.crashes, []
        if not watched.rules.crashed:
            return
        crashes.sort(key=lambda crash: _moment(crash[2]), reverse=True)
        for place, (run_id, status, when, news) in enumerate(crashes):
            if self.closed:
                return
            code, lines = "", tuple[str, ...]()
            if place < _MOST_CRASHES:
                yield None
                code, lines = read_last_words(watched.source, run_id)
            event = Event("crashed", name, run_id, crash_sentence(status, code, lines), when, lines=lines)
            yield Findings(RunKey(name, run_id), ("crashed",), (event,), news)


def _rank(run: _Run) -> tuple[bool, float]:
    return run.curves is not None and not run.stale, _moment(run.updated)


def _moment(when: datetime | None) -> float:
    return when.timestamp() if when is not None else 0.0
