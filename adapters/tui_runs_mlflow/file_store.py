"""An MLflow file store, read from its files and never through mlflow.

A store of 5,000 runs is 180,000 small files: opening them is most of the work, and Python does it on one core, so
the frames of one batch are made on a second thread while the next batch is read.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import polars as pl

from tui_runs.adapter import Change, Cursor, Focus, History, Problem, RunBatch, SeriesId
from tui_runs.errors import LocationError
from tui_runs.follow import read_appended
from tui_runs.schema import HISTORY, empty
from tui_runs_mlflow.metric_lines import parse_points, time_of
from tui_runs_mlflow.metric_series import MetricSeries, read_whole
from tui_runs_mlflow.run_batches import RunRead, make_batch, read_run
from tui_runs_mlflow.run_files import clean, unreadable, walk_files
from tui_runs_mlflow.seen import KnownRun, Seen, known_run
from tui_runs_mlflow.store_changes import StoreFollower, store_lost
from tui_runs_mlflow.store_layout import ExperimentDir, find_experiments, find_runs

_FIRST_BATCH: Final = 32
_LARGEST_BATCH: Final = 256
"""Runs a batch; the first is small so that the table has rows at once."""
_BATCH_BYTES: Final = 16 << 20
_HISTORY_BYTES: Final = 16 << 20
"""Budget of one `history` call: about 400,000 points, 0.1 s."""


class FileStore:
    """A directory of experiments as MLflow's FileStore writes it.

    Args:
        root: the store's directory, absolute.
        only: the directory name of the one experiment wanted; None for all.
        with_deleted: show deleted runs and experiments too, with the status "deleted".

    Raises:
        LocationError: the directory cannot be listed.
    """

    kind = "MLflow file store"

    def __init__(self, root: str, *, only: str | None = None, with_deleted: bool = False) -> None:
        self.root = root
        self.uri = os.path.join(root, only) if only else root
        self._only = only
        self._with_deleted = with_deleted
        self._closed = threading.Event()
        self._directories: dict[str, str] = {}
        self._known: dict[str, KnownRun] = {}
        self._troubles: dict[str, Problem] = {}
        self._experiments: dict[str, ExperimentDir] = {}
        self._follower: StoreFollower | None = None
        try:
            os.scandir(root).close()
        except OSError as error:
            why = unreadable(root, error)
            raise LocationError(f"{why.uri}: {why.what}", why.remedy) from None
        except ValueError:  # a NUL or the like
            raise LocationError(f"{root!r} is not a path.", "Give a directory, such as ./mlruns.") from None

    def scan(self) -> Iterator[RunBatch]:
        """Read every run, those whose directories changed last first. See `tui_runs.adapter.Source`."""
        problems: list[Problem] = []
        todo = self._list_runs(problems)
        total = len(todo)
        long_files: list[MetricSeries] = []
        with ThreadPoolExecutor(1, "tui-runs-mlflow-frames") as frames:
            pending: Future[RunBatch] | None = None
            for number, runs in enumerate(self._read_in_batches(todo)):
                long_files += [
                    MetricSeries(run.meta.run_id, file.key, file.path)
                    for run in runs
                    for file in run.metrics
                    if run.meta is not None and not file.whole
                ]
                made = frames.submit(make_batch, runs, total)
                if number == 0:
                    # The first batch is what the user waits for: nothing else is read before it is out.
                    yield made.result()
                    continue
                if pending is not None:
                    yield pending.result()
                pending = made
            if pending is not None:
                yield pending.result()
        if problems or total == 0:
            yield make_batch([RunRead("", ExperimentDir("", "", deleted=False), problems=problems)], total)
        yield from read_whole(long_files, self._closed)

    def _list_runs(self, problems: list[Problem]) -> list[tuple[float, str, ExperimentDir]]:
        found: list[tuple[float, str, ExperimentDir]] = []
        try:
            experiments = find_experiments(self.root, problems, self._only)
        except OSError:
            raise store_lost(self.root) from None
        self._troubles = {problem.uri: problem for problem in problems}
        self._experiments = {experiment.directory: experiment for experiment in experiments}
        for experiment in experiments:
            if experiment.deleted and not self._with_deleted:
                continue
            try:
                found += [(when, path, experiment) for when, path in find_runs(experiment.directory)]
            except OSError as error:
                why = unreadable(experiment.directory, error)
                # That its meta.yaml cannot be read either is the same trouble.
                problems[:] = [one for one in problems if os.path.dirname(one.uri) != why.uri] + [why]
        found.sort(key=lambda run: run[0], reverse=True)
        return found

    def _read_in_batches(self, todo: Sequence[tuple[float, str, ExperimentDir]]) -> Iterator[list[RunRead]]:
        batch: list[RunRead] = []
        size, limit = 0, _FIRST_BATCH
        for _, directory, experiment in todo:
            if self._closed.is_set():
                return
            run = read_run(directory, experiment, with_deleted=self._with_deleted)
            if run is None or not self._remember(run):
                continue
            batch.append(run)
            size += run.size
            if len(batch) >= limit or size > _BATCH_BYTES:
                yield batch
                batch, size, limit = [], 0, min(limit * 4, _LARGEST_BATCH)
        if batch:
            yield batch

    def _remember(self, run: RunRead) -> bool:
        """Note what was read of a run; False where it is not to be shown."""
        self._known[run.directory] = known_run(run)
        if run.meta is None:
            return True
        if run.deleted and not self._with_deleted:
            return False
        run_id = run.meta.run_id
        first = self._directories.get(run_id, run.directory)
        if first == run.directory or not os.path.isdir(first):  # not there: it was moved since the last scan
            self._directories[run_id] = run.directory
            return True
        run.give_way(first)
        self._known[run.directory] = known_run(run)
        return bool(run.problems)

    def history(
        self, run_ids: Sequence[str], metrics: Sequence[str] | None = None, cursor: Cursor | None = None
    ) -> History:
        """Read points after the cursor, about 16 MiB of lines at most. See `tui_runs.adapter.Source`."""
        if not os.path.isdir(self.root):
            raise store_lost(self.root)
        offsets = dict(cursor or {})
        wanted = None if metrics is None else frozenset(metrics)
        budget = _HISTORY_BYTES
        chunks: list[bytes] = []
        names: list[SeriesId] = []
        restarted: set[SeriesId] = set()
        complete = True
        for series, path in self._metric_files(run_ids, wanted):
            if budget <= 0 or self._closed.is_set():
                complete = False
                break
            try:
                appended = read_appended(path, offsets.get(series, 0), budget)
            except OSError:
                continue  # gone, or unreadable, which the scan has reported
            offsets[series] = appended.offset
            if appended.restarted:
                restarted.add(series)
            if appended.data:
                budget -= len(appended.data)
                chunks.append(appended.data)
                names.append(series)
            complete = complete and not appended.more
        return History(_history_frame(chunks, names), offsets, complete, frozenset(restarted))

    def _metric_files(self, run_ids: Sequence[str], wanted: frozenset[str] | None) -> Iterator[tuple[SeriesId, str]]:
        ignored: list[Problem] = []  # the scan has reported them
        for run_id in run_ids:
            directory = self._directories.get(run_id)
            if directory is None:
                continue
            metrics = os.path.join(directory, "metrics")
            if os.path.islink(metrics):
                continue
            for key, path in walk_files(metrics, ignored):
                name = clean(key)
                if wanted is None or name in wanted:
                    yield (run_id, name), path

    def follow(self, focus: Focus) -> Iterator[Change]:
        """Watch running and looked-at runs closely, the others by their meta.yaml. See `tui_runs.adapter.Source`."""
        seen = Seen(self._directories, self._known, self._experiments, self._troubles)
        follower = StoreFollower(self.root, self._only, self._with_deleted, seen)
        self._follower = follower
        if self._closed.is_set():
            follower.close()
        yield from follower.changes(focus)

    def close(self) -> None:
        """End every generator. See `tui_runs.adapter.Source`."""
        self._closed.set()
        if self._follower is not None:
            self._follower.close()


def _history_frame(chunks: Sequence[bytes], names: Sequence[SeriesId]) -> pl.DataFrame:
    points, _ = parse_points(chunks)
    if points.is_empty():
        return empty(HISTORY)
    index = points["series"]
    run_ids = pl.Series("run_id", [name[0] for name in names], dtype=pl.String).gather(index)
    keys = pl.Series("key", [name[1] for name in names], dtype=pl.String).gather(index)
    return points.select(run_ids, keys, "step", time_of(pl.col("ms")).alias("time"), "value")
