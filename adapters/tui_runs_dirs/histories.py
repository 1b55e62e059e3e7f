"""Reads points of runs, stretch by stretch."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from tui_runs.adapter import Cursor, History, SeriesId
from tui_runs.schema import HISTORY, empty
from tui_runs_dirs.known_collection import KnownCollection
from tui_runs_dirs.known_run import KnownRun, KnownSeries
from tui_runs_dirs.known_tree import KnownTree, lost

HISTORY_POINTS: Final = 500_000
HISTORY_BYTES: Final = 16 << 20
"""Budget of one call: 0.1 to 0.3 s."""
_GENERATION: Final = 1 << 48
"""A cursor is a file's own number, and above it the file's generation: one of an older generation does not hold."""


@dataclass(slots=True)
class _Answer:
    """What one call has so far."""

    cursor: dict[SeriesId, int]
    frames: list[pl.DataFrame] = field(default_factory=list)
    restarted: set[SeriesId] = field(default_factory=set)
    complete: bool = True
    budget: int = 0

    def add(self, run_id: str, frame: pl.DataFrame) -> None:
        self.frames.append(frame.with_columns(pl.lit(run_id).alias("run_id")).select(list(HISTORY)))
        self.budget -= frame.height


class HistoryReader:
    """Answers `history` for a tree.

    Args:
        tree: whose runs.
        closed: set when the source is closed.
    """

    def __init__(self, tree: KnownTree, closed: threading.Event) -> None:
        self._tree, self._closed = tree, closed

    def read(self, run_ids: Sequence[str], metrics: Sequence[str] | None, cursor: Cursor | None) -> History:
        """See `tui_runs.adapter.Source.history`."""
        if not os.path.exists(self._tree.root):
            raise lost(self._tree.root)
        self._tree.ensure_listed()
        answer = _Answer(dict(cursor or {}), budget=HISTORY_POINTS)
        wanted = None if metrics is None else frozenset(metrics)
        for run_id in dict.fromkeys(run_ids):
            if answer.budget <= 0 or self._closed.is_set():
                answer.complete = False
                break
            run = self._tree.runs.get(run_id)
            collection = self._tree.collection_of(run_id) if run is None else None
            if run is not None:
                self._read_run(run, wanted, answer)
            elif collection is not None:
                _read_collection(collection, run_id, wanted, answer)
        frame = pl.concat(answer.frames) if answer.frames else empty(HISTORY)
        return History(frame, answer.cursor, answer.complete, frozenset(answer.restarted))

    def _read_run(self, run: KnownRun, wanted: frozenset[str] | None, answer: _Answer) -> None:
        self._tree.look_for_new_files(run)
        with run.lock:
            while run.advance():
                if self._closed.is_set():
                    answer.complete = False
                    return
            keys = [key for key in run.keys if wanted is None or key in wanted]
            readings: dict[tuple[int, int], tuple[KnownSeries, dict[str, str]]] = {}
            for key in keys:
                owner = run.owner(key)
                assert owner is not None
                series, raw = owner
                place = _place(answer, (run.run_id, key), series.generation)
                readings.setdefault((id(series), place), (series, {}))[1][raw] = key
            for (_, place), (series, names) in readings.items():
                if answer.budget <= 0:
                    answer.complete = False
                    return
                self._read_file(run, series, place, names, answer)

    def _read_file(
        self, run: KnownRun, series: KnownSeries, place: int, names: dict[str, str], answer: _Answer
    ) -> None:
        """Read some metrics of one file on.

        Args:
            run: that it is of.
            series: the file.
            place: where to go on.
            names: what the metrics are called in the run, by what they are called in the file.
            answer: gets them.
        """
        if place and place == series.end and series.complete and series.stamp == series.file.stamp():
            return
        try:
            stretch = series.file.read(place, HISTORY_BYTES)
        except OSError:  # gone, or unreadable, which the scan reports
            return
        if stretch.restarted:
            series.renew()
            answer.restarted |= {(run.run_id, key) for key in names.values()}
        frame = stretch.frame
        if names.keys() != series.totals.keys():
            frame = frame.filter(pl.col("key").is_in(list(names)))
        if any(raw != key for raw, key in names.items()):
            frame = frame.with_columns((pl.lit(series.prefix) + pl.col("key")).alias("key"))
        answer.add(run.run_id, frame)
        here = series.generation * _GENERATION + stretch.end
        answer.cursor.update({(run.run_id, key): here for key in names.values()})
        answer.complete = answer.complete and stretch.complete


def _read_collection(collection: KnownCollection, run_id: str, wanted: frozenset[str] | None, answer: _Answer) -> None:
    collection.refresh()
    with collection.lock:
        generation = collection.generations.get(run_id, 0)
        points = collection.history.filter(pl.col("run_id") == run_id)
        for (key,), frame in points.partition_by("key", as_dict=True, maintain_order=True).items():
            if wanted is None or key in wanted:
                place = _place(answer, (run_id, str(key)), generation)
                answer.add(run_id, frame[place:])
                answer.cursor[run_id, str(key)] = generation * _GENERATION + frame.height


def _place(answer: _Answer, series: SeriesId, generation: int) -> int:
    """Where to go on with a series; its start where what was read of it does not hold any more."""
    known, place = divmod(answer.cursor.get(series, 0), _GENERATION)
    if place == 0 and known == 0:
        return 0
    if known != generation:
        answer.restarted.add(series)
        return 0
    return place
