"""Follows a tracking database.

A look has three parts. What was added is found by itself (`growth`). Runs that are running or on the screen are
compared with how they looked before, at each look. All others are compared a page at a time, as often as the share of
a core allows: a tag or a name is changed in place, which leaves no trace but the value itself.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Final

from tui_runs.adapter import Change, Focus
from tui_runs.follow import FileWatch
from tui_runs.follow.follower import HowWatched
from tui_runs_mlflow.database.connection import Database, StampedFile
from tui_runs_mlflow.database.growth import growth_of
from tui_runs_mlflow.database.run_reader import RunReader, metrics_only
from tui_runs_mlflow.database.seen import Seen, stamp_of

_POLL_SECONDS: Final = 1.0
"""Pause between two looks at a database that has no events."""
_WAIT: Final = 0.5
"""Seconds after which a changed focus is seen at the latest."""
_PAUSE: Final = 0.01
_LOOK_SHARE: Final = 0.15
"""Share of one core that looking may take while somebody writes without a pause."""
_SWEEP_SHARE: Final = 0.01
"""The same, for comparing all runs; and for reading whole histories that the scan has left, which ends."""
_EXACT_SHARE: Final = 0.3
_LONGEST_PAUSE: Final = 20.0
_CLOSE_LIMIT: Final = 200
"""Running runs that are compared at each look. A database of crashed runs may have thousands."""
_PAGE: Final = 500
"""Runs compared at once."""
_BATCH: Final = 64


class DatabaseFollower:
    """Yields what changes in one database; owned by the thread that iterates it, but for `close`.

    Args:
        database: where it happens.
        reader: reads runs.
        seen: what has been told already; it is kept up to date.
    """

    def __init__(self, database: Database, reader: RunReader, seen: Seen) -> None:
        self._database, self._reader, self._seen = database, reader, seen
        self._closed = threading.Event()
        self._watch: FileWatch | None = None
        self._how = HowWatched()
        self._sweep: Iterator[set[str]] | None = None
        self._sweep_stamp: object = None
        self._sweep_due = self._exact_due = 0.0

    def close(self) -> None:
        """End `changes`, from any thread."""
        self._closed.set()
        if self._watch is not None:
            self._watch.close()

    def changes(self, focus: Focus) -> Iterator[Change]:
        """Block, and yield every change until closed.

        Raises:
            SourceLostError: the database cannot be read; calling again goes on from here.
        """
        watch = self._watch = self._begin_watch(focus)
        try:
            yield from self._catch_up(focus)
            yield Change()
            looked_at: frozenset[str] | None = None
            while not self._closed.is_set():
                stamp, begun = stamp_of(self._database, self._reader), time.monotonic()
                if stamp != self._seen.stamp or focus.run_ids != looked_at:
                    looked_at = focus.run_ids
                    yield from self._look(stamp, looked_at)
                yield from self._compare_some()
                yield from self._make_exact(looked_at)
                if watch is not None:
                    yield from self._how.changes(watch)
                self._closed.wait(max(_PAUSE, _pause_after(begun, _LOOK_SHARE)))
                self._wait(watch, focus, looked_at)
        finally:
            if watch is not None:
                watch.close()

    # --- waiting ----------------------------------------------------------------------------------------------------

    def _begin_watch(self, focus: Focus) -> FileWatch | None:
        """Watch the directory of the database's file; None where it is no file."""
        if not isinstance(self._database, StampedFile):
            return None
        watch = FileWatch(focus.poll_seconds)
        watch.watch([os.path.dirname(os.path.realpath(self._database.path))])
        return watch

    def _wait(self, watch: FileWatch | None, focus: Focus, looked_at: frozenset[str]) -> None:
        """Wait until something may have been written, another focus is set, or there is work that is due."""
        due = self._sweep_due if self._seen.swept != self._seen.stamp else float("inf")
        if self._seen.inexact:
            due = min(due, self._exact_due)
        until = time.monotonic() + (focus.poll_seconds or _POLL_SECONDS)
        while not self._closed.is_set() and focus.run_ids == looked_at:
            seconds = min(until, due, time.monotonic() + _WAIT) - time.monotonic()
            if seconds <= 0:
                return
            if watch is None:
                self._closed.wait(seconds)
            elif self._wrote(watch.wait(seconds)):
                return

    def _wrote(self, paths: Iterable[str]) -> bool:
        """Whether the database, or a file that SQLite keeps beside it, is among these."""
        name = os.path.basename(os.path.realpath(getattr(self._database, "path", "")))
        return any(os.path.basename(path).startswith(name) for path in paths)

    # --- looking ----------------------------------------------------------------------------------------------------

    def _catch_up(self, focus: Focus) -> Iterator[Change]:
        """Tell all that happened since the scan began."""
        stamp = stamp_of(self._database, self._reader)
        if stamp == self._seen.stamp:
            return
        yield from self._look(stamp, focus.run_ids)
        for page in self._pages_to_compare():
            yield from self._tell(page)
        self._seen.swept = stamp

    def _look(self, stamp: object, looked_at: frozenset[str]) -> Iterator[Change]:
        """Tell what was added, and what has changed of the runs that are looked at closely."""
        seen, close = self._seen, self._close_runs(looked_at)
        seen.todo |= self._differing(close)
        added = seen.growth.look(seen.looks.keys(), close)
        if added is None:
            # Another file has its place, or its tables were rewritten: every run is told anew.
            seen.growth = growth_of(self._reader)
            seen.looks = {run_id: look._replace(digest=-1) for run_id, look in seen.looks.items()}
            for page in self._pages_to_compare():
                yield from self._tell(page)
        else:
            seen.todo.update(added.touched)
            if added.metrics.height:
                yield Change(metrics_only(added.metrics))
            yield from self._tell(())
        seen.stamp = stamp

    def _close_runs(self, looked_at: frozenset[str]) -> list[str]:
        running = islice(self._seen.running, _CLOSE_LIMIT)
        return list(dict.fromkeys([*(run_id for run_id in looked_at if run_id in self._seen.looks), *running]))

    def _differing(self, run_ids: Collection[str]) -> set[str]:
        """Those of these runs that look otherwise than before, or are not shown any more; but for their metrics."""
        known, looks = self._seen.looks, self._reader.looks(list(run_ids))
        same = {run_id: now for run_id, now in looks.items() if now.digest == known[run_id].digest}
        known.update(same)  # their newest points have been told
        return set(run_ids) - same.keys()

    def _compare_some(self) -> Iterator[Change]:
        """Compare a page of all runs, if it is time to."""
        begun = time.monotonic()
        if begun < self._sweep_due:
            return
        if self._sweep is None:
            if self._seen.swept == self._seen.stamp:
                return
            self._sweep, self._sweep_stamp = self._pages_to_compare(), self._seen.stamp
        page = next(self._sweep, None)
        if page is None:
            self._sweep, self._seen.swept = None, self._sweep_stamp
        else:
            yield from self._tell(page)
        self._sweep_due = time.monotonic() + _pause_after(begun, _SWEEP_SHARE)

    def _pages_to_compare(self) -> Iterator[set[str]]:
        """Go through all runs; those of each page that are new, look otherwise or have grown, at last those gone."""
        left = set(self._seen.looks)
        after = ""
        while True:
            page = self._reader.ask(self._reader.queries.run_starts(after, _PAGE))["run_id"].to_list()
            looks = self._reader.looks(page)
            yield {run_id for run_id, look in looks.items() if look != self._seen.looks.get(run_id)}
            left.difference_update(page)
            if len(page) < _PAGE:
                break
            after = page[-1]
        yield left & self._seen.looks.keys()

    def _tell(self, run_ids: Collection[str]) -> Iterator[Change]:
        """Read these runs anew, and those still to be told; tell them, or that they are gone."""
        todo = self._seen.todo
        todo.update(run_ids)
        while todo:
            some = list(islice(todo, _BATCH))
            batch, looks = self._reader.read(some, exact=True)
            self._seen.note(looks, exact=True)
            removed = [run_id for run_id in some if run_id not in looks and self._seen.forget(run_id)]
            todo.difference_update(some)
            if looks or removed:
                yield Change(batch if looks else None, removed)

    def _make_exact(self, looked_at: Collection[str]) -> Iterator[Change]:
        """Read some whole histories that the scan has left, if it is time to."""
        begun = time.monotonic()
        if not self._seen.inexact or begun < self._exact_due:
            return
        metrics = self._reader.exact_metrics(self._seen.next_inexact(looked_at))
        if metrics.height:
            yield Change(metrics_only(metrics))
        self._exact_due = time.monotonic() + _pause_after(begun, _EXACT_SHARE)


def _pause_after(begun: float, share: float) -> float:
    """How long to do nothing after what began then, so that it takes this share of a core.

    The time includes that in which whoever is told of changes was busy with them, or held them back: so not for ever.
    """
    return min((time.monotonic() - begun) * (1 / share - 1), _LONGEST_PAUSE)
