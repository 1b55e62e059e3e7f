"""W&B runs on a disk, read from their transaction logs and never through wandb."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from tui_runs.adapter import Change, Cursor, Focus, History, RunBatch, SeriesId
from tui_runs.display import encodable, printable
from tui_runs.errors import ArtifactError, LocationError
from tui_runs.schema import HISTORY, TIME, empty
from tui_runs_wandb.known_runs import KnownRuns, Said, lost, size_of
from tui_runs_wandb.points import NO_TIME
from tui_runs_wandb.quick_look import quick_view
from tui_runs_wandb.run_dir import (
    RunDir,
    find_runs,
    is_store,
    open_log,
    run_at,
    run_of_log,
    store_in,
    unreadable,
)
from tui_runs_wandb.run_frames import RunView, make_batch, view_of
from tui_runs_wandb.run_log import RunLog, Series
from tui_runs_wandb.transaction_log import HEADER, NotALogError, check_header

if TYPE_CHECKING:
    from tui_runs.capabilities import Artifacts, Details, LogFile, LogPart
    from tui_runs.local_files import LocalFiles
    from tui_runs_wandb.changes import RunFollower
    from tui_runs_wandb.console_logs import ConsoleLogs

_FIRST_BATCH, _FIRST_SECONDS = 24, 0.04
_LARGEST_BATCH, _BATCH_SECONDS = 256, 0.3
"""Runs a batch, and the time that a batch may take; the first is small so that the table has rows at once."""
_WHOLE_FILE: Final = 256 << 10
"""Bytes up to which a log is read whole at once; of a longer one the beginning and the end come first."""
_HISTORY_POINTS: Final = 500_000
_HISTORY_BYTES: Final = 16 << 20
"""Budget of one `history` call: 0.1 to 0.2 s."""
_REMEDY: Final = "Give a directory, such as ./wandb, one run's directory in it, or a .wandb file."
_HELD_BYTES: Final = 64 << 20
"""Points that are kept of all runs together."""


class LocalStore:
    """Runs in one place.

    Args:
        uri: the location in full.
        list_runs: lists them.
        stale_after: seconds without a write after which a run that has not ended is stale.
        watched: the directory in which runs appear; None where there is only one run.
    """

    kind = "W&B runs"

    def __init__(
        self, uri: str, list_runs: Callable[[], list[RunDir]], stale_after: float, watched: str | None
    ) -> None:
        self.uri = uri
        self._stale_after = stale_after
        self._watched = watched
        self._closed = threading.Event()
        self._runs = KnownRuns(list_runs)
        self._held: OrderedDict[str, int] = OrderedDict()
        self._consoles: dict[RunDir, ConsoleLogs] = {}
        self._lock = threading.Lock()
        self._follower: RunFollower | None = None

    # --- scan ---------------------------------------------------------------------------------------------------------

    def scan(self) -> Iterator[RunBatch]:
        """Read every run, those written last first. See `tui_runs.adapter.Source`."""
        try:
            logs = self._runs.list_again()
        except OSError:
            raise lost(self.uri) from None
        long: list[RunLog] = []
        for views in self._in_batches(logs, lambda log: self._first_view(log, long)):
            yield make_batch(views, len(logs))
        for views in self._in_batches(long, self._whole_view):
            yield make_batch(views, len(logs))
        if not logs:
            yield make_batch([], 0)

    def _in_batches(self, logs: Sequence[RunLog], read: Callable[[RunLog], RunView | None]) -> Iterator[list[RunView]]:
        views: list[RunView] = []
        limit, until = _FIRST_BATCH, time.monotonic() + _FIRST_SECONDS
        for log in logs:
            view = None if self._closed.is_set() else read(log)
            if view is None:
                return
            views.append(view)
            if len(views) >= limit or time.monotonic() > until:
                yield views
                views, limit, until = [], min(limit * 4, _LARGEST_BATCH), time.monotonic() + _BATCH_SECONDS
        if views:
            yield views

    def _first_view(self, log: RunLog, long: list[RunLog]) -> RunView | None:
        """The run as far as it can be told at once; what takes longer is left for later."""
        if not log.whole and size_of(log) > _WHOLE_FILE and (view := quick_view(log.run, self._stale_after)):
            long.append(log)
            return view
        return self._whole_view(log)

    def _whole_view(self, log: RunLog) -> RunView | None:
        """The run by all of its log; None once this source is closed."""
        more = True
        while more:
            if self._closed.is_set():
                return None
            more = log.advance(keep=self._room() > log.size_held)
        self._hold(log)
        view = view_of(log, self._stale_after)
        self._runs.said[view.run_id] = Said.of(view)
        return view

    # --- history ------------------------------------------------------------------------------------------------------

    def history(
        self, run_ids: Sequence[str], metrics: Sequence[str] | None = None, cursor: Cursor | None = None
    ) -> History:
        """Read points after the cursor, about half a million at most. See `tui_runs.adapter.Source`."""
        if not os.path.exists(self.uri):
            raise lost(self.uri)
        wanted = None if metrics is None else frozenset(metrics)
        places: dict[SeriesId, int] = dict(cursor or {})
        by_run: dict[str, dict[str, int]] = {}
        for (run_id, name), place in places.items():
            by_run.setdefault(run_id, {})[name] = place
        budget = _HISTORY_POINTS
        complete = True
        restarted: set[SeriesId] = set()
        series: list[tuple[RunLog, Series]] = []
        for log in self._runs.find(run_ids):
            run_id = log.run.run_id
            if log.run.log is None or not os.path.exists(log.run.log):
                continue
            if budget <= 0 or self._closed.is_set():
                complete = False
                break
            try:
                answer = log.points_after(wanted, by_run.get(run_id, {}), budget=budget, limit=_HISTORY_BYTES)
            except OSError:
                continue  # gone, or unreadable, which the scan has reported
            self._hold(log, latest=True)
            places.update({(run_id, name): place for name, place in answer.cursor.items()})
            restarted |= {(run_id, name) for name in answer.restarted}
            series += [(log, one) for one in answer.series]
            budget -= answer.size
            complete = complete and answer.complete
        return History(_history_frame(series), places, complete, frozenset(restarted))

    def _room(self) -> int:
        """Bytes of points that can still be kept."""
        with self._lock:
            return _HELD_BYTES - sum(self._held.values())

    def _hold(self, log: RunLog, *, latest: bool = False) -> None:
        """Note how much is kept of a log; if it is too much, forget others that were asked for longest ago."""
        if log.size_held > _HELD_BYTES:
            log.forget_points()
        with self._lock:
            self._held[log.run.run_id] = log.size_held
            if latest:
                self._held.move_to_end(log.run.run_id)
            forget = []
            while sum(self._held.values()) > _HELD_BYTES and len(self._held) > 1:
                run_id, _ = self._held.popitem(last=False)
                forget.append(run_id)
        for other in self._runs.find(forget):
            other.forget_points()

    # --- the rest -----------------------------------------------------------------------------------------------------

    def details(self, run_ids: Sequence[str]) -> Details:
        """Where runs ran, what their metrics' x axes are to be, and which media they logged."""
        from tui_runs.capabilities import Details  # noqa: PLC0415  the first rows do not wait for it
        from tui_runs_wandb.run_details import details_frame  # noqa: PLC0415

        logs = self._runs.find(run_ids)
        for log in logs:
            while not log.whole and not self._closed.is_set() and log.advance(keep=self._room() > log.size_held):
                pass
            self._hold(log)
        return Details(details_frame(logs))

    def artifacts(self, run_id: str, directory: str = "") -> Artifacts:
        """List a directory of the files that W&B keeps with a run. See `tui_runs.capabilities.WithArtifacts`."""
        return self._files_of(run_id).list_directory(directory)

    def read_artifact(self, run_id: str, path: str, limit: int) -> bytes:
        """Read the beginning of one of them. See `tui_runs.capabilities.WithArtifacts`."""
        return self._files_of(run_id).read_file(path, limit)

    def artifact_path(self, run_id: str, path: str) -> str:
        """Where one of them is. See `tui_runs.capabilities.LocalArtifacts`."""
        return self._files_of(run_id).local_path(path)

    def _files_of(self, run_id: str) -> LocalFiles:
        from tui_runs.local_files import LocalFiles  # noqa: PLC0415  the first rows do not wait for it

        found = self._runs.find([run_id])
        return LocalFiles(found[0].run.directory, ("files",)) if found else LocalFiles(None)

    def logs(self, run_id: str) -> Sequence[LogFile]:
        """List the logs of a run. See `tui_runs.capabilities.WithLogs`."""
        console = self._console_of(run_id)
        return console.listed() if console is not None else []

    def read_log(self, run_id: str, name: str, start: int, limit: int) -> LogPart:
        """Read a stretch of one of them. See `tui_runs.capabilities.WithLogs`."""
        console = self._console_of(run_id)
        if console is None:
            what = f"There is no run {printable(run_id)} in {printable(encodable(self.uri))}."
            raise ArtifactError(what, "It was moved or deleted; copy it back to see it.")
        return console.read(name, start, limit)

    def _console_of(self, run_id: str) -> ConsoleLogs | None:
        from tui_runs_wandb.console_logs import ConsoleLogs  # noqa: PLC0415  the first rows do not wait for it

        found = self._runs.find([run_id])
        if not found:
            return None
        with self._lock:
            return self._consoles.setdefault(found[0].run, ConsoleLogs(found[0].run, self._closed))

    def follow(self, focus: Focus) -> Iterator[Change]:
        """Watch running and looked-at runs closely, the others now and then. See `tui_runs.adapter.Source`."""
        from tui_runs_wandb.changes import RunFollower  # noqa: PLC0415  the first rows do not wait for it

        follower = RunFollower(self.uri, self._watched, self._runs, self._stale_after)
        self._follower = follower
        if self._closed.is_set():
            follower.close()
        yield from follower.changes(focus)

    def close(self) -> None:
        """End every generator. See `tui_runs.adapter.Source`."""
        self._closed.set()
        if self._follower is not None:
            self._follower.close()


def _history_frame(series: Sequence[tuple[RunLog, Series]]) -> pl.DataFrame:
    if not series:
        return empty(HISTORY)
    sizes = [len(one.value) for _, one in series]
    index = pl.Series(np.repeat(np.arange(len(series)), sizes))
    time_of = np.concatenate([one.time for _, one in series])
    run_ids = pl.Series("run_id", [log.run.run_id for log, _ in series], dtype=pl.String)
    keys = pl.Series("key", [log.progress.keys.names[one.key] for log, one in series], dtype=pl.String)
    return pl.DataFrame({
        "run_id": run_ids.gather(index),
        "key": keys.gather(index),
        "step": np.concatenate([one.step for _, one in series]),
        "time": time_of,
        "value": np.concatenate([one.value for _, one in series]),
    }).with_columns(pl.when(pl.col("time") != NO_TIME).then("time").cast(TIME).alias("time"))  # fmt: skip


def open_local(path: str, stale_after: float) -> LocalStore:
    """Open what lies at a path: a directory of runs, a project that has one, one run, or its log.

    Raises:
        LocationError: there is nothing of W&B's, or it cannot be read.
    """
    try:
        return _open(path, stale_after)
    except OSError as error:
        why = unreadable(path, error)
        raise LocationError(f"{why.uri}: {why.what}", why.remedy) from None


def _open(path: str, stale_after: float) -> LocalStore:
    if not os.path.isdir(path):
        os.stat(path)
        if not path.endswith(".wandb") or not os.path.isfile(path):
            raise LocationError(f"{path!r} is neither a directory nor a .wandb file.", _REMEDY)
        real = os.path.realpath(path)
        _check_log(real)
        return LocalStore(path, lambda: _only(real, run_of_log(real)), stale_after, None)
    os.scandir(path).close()
    real = os.path.realpath(path)
    run = run_at(real)
    if run is not None and run.log is not None:
        return LocalStore(path, lambda: _only(real, run_at(real)), stale_after, None)
    if is_store(path) is None:
        path = store_in(path) or path
        if is_store(path) is None and not find_runs(path):
            raise LocationError(f"There are no runs of W&B in {encodable(path)}.", _REMEDY)
    return LocalStore(path, lambda: find_runs(path), stale_after, path)


def _only(path: str, run: RunDir | None) -> list[RunDir]:
    """The one run of a place.

    Raises:
        OSError: it is gone.
    """
    os.stat(path)
    return [] if run is None else [run]


def _check_log(path: str) -> None:
    """See that a file that is named itself is a log, or may become one.

    Raises:
        OSError: it cannot be read.
        LocationError: it is something else.
    """
    descriptor = open_log(path)
    try:
        check_header(os.pread(descriptor, len(HEADER), 0))
    except NotALogError as error:
        raise LocationError(f"{encodable(path)} cannot be shown: {error}.", _REMEDY) from None
    finally:
        os.close(descriptor)
