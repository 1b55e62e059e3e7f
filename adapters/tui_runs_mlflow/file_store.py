"""An MLflow file store, read from its files and never through mlflow.

A store of 5,000 runs is 180,000 small files: opening them is most of the work, and Python does it on one core, so
the frames of one batch are made on a second thread while the next batch is read. Of a large store a snapshot may be
kept, from which most of it is shown the next time; see `tui_runs_mlflow.portions`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import polars as pl

from tui_runs.adapter import Change, Cursor, Focus, History, Problem, RunBatch, SeriesId
from tui_runs.capabilities import Artifacts, Details
from tui_runs.display import encodable
from tui_runs.errors import LocationError
from tui_runs.follow import read_appended
from tui_runs.local_files import LocalFiles
from tui_runs.schema import HISTORY, empty
from tui_runs_mlflow.artifacts import artifacts_in_file_store
from tui_runs_mlflow.cache import SnapshotFile
from tui_runs_mlflow.file_details import FileDetails
from tui_runs_mlflow.keeping import Keeper
from tui_runs_mlflow.metric_lines import parse_points, time_of
from tui_runs_mlflow.metric_series import MetricSeries, read_whole
from tui_runs_mlflow.portions import Portion, Portions, RunDir
from tui_runs_mlflow.run_batches import RunRead, make_batch
from tui_runs_mlflow.run_files import unreadable, walk_files
from tui_runs_mlflow.seen import Seen
from tui_runs_mlflow.snapshot import NOTHING, Snapshot
from tui_runs_mlflow.store_changes import StoreFollower, store_lost
from tui_runs_mlflow.store_layout import ExperimentDir, find_experiments, find_runs

_HISTORY_BYTES: Final = 16 << 20
"""Budget of one `history` call: about 400,000 points, 0.1 s."""


class FileStore:
    """A directory of experiments as MLflow's FileStore writes it.

    Args:
        root: the store's directory, absolute.
        only: the directory name of the one experiment wanted; None for all.
        with_deleted: show deleted runs and experiments too, with the status "deleted".
        cache: the directory where a snapshot of the store may be kept, if it is large; None keeps none.

    Raises:
        LocationError: the directory cannot be listed.
    """

    kind = "MLflow file store"

    def __init__(
        self, root: str, *, only: str | None = None, with_deleted: bool = False, cache: str | None = None
    ) -> None:
        self.root = root
        self.uri = os.path.join(root, only) if only else root
        self._only = only
        self._with_deleted = with_deleted
        self._closed = threading.Event()
        self._seen = Seen()
        self._follower: StoreFollower | None = None
        self._details = FileDetails(root)
        try:
            os.scandir(root).close()
        except OSError as error:
            why = unreadable(root, error)
            raise LocationError(f"{why.uri}: {why.what}", why.remedy) from None
        except ValueError:  # a NUL or the like
            raise LocationError(f"{root!r} is not a path.", "Give a directory, such as ./mlruns.") from None
        self._cache = SnapshotFile(cache, root, only, with_deleted=with_deleted) if cache else None

    def scan(self) -> Iterator[RunBatch]:
        """Read every run, those whose directories changed last first. See `tui_runs.adapter.Source`."""
        problems: list[Problem] = []
        todo = self._list_runs(problems)
        total = len(todo)
        snapshot = self._cache.load() if self._cache else NOTHING
        keeper = Keeper(snapshot, self._seen.known) if self._cache else None
        portions = Portions(
            snapshot,
            self._seen.known,
            self._seen.directories,
            self._closed,
            with_deleted=self._with_deleted,
            with_stamps=keeper is not None,
        )
        long_files: list[MetricSeries] = []

        def make(portion: Portion) -> RunBatch:
            return _batch_of(portion, snapshot, keeper, total)

        yield from _batches(portions.shown(todo), make, long_files)
        yield from _batches(portions.checked(), make, long_files)
        if problems or total == 0:
            yield make_batch([RunRead("", ExperimentDir("", "", deleted=False), problems=problems)], total)
        for batch in read_whole(long_files, self._closed):
            if keeper is not None:
                keeper.summarised(batch)
            yield batch
        if self._cache and keeper and not self._closed.is_set():
            # Nobody waits for it, but that the program ends only when it is written.
            threading.Thread(target=_save, args=(self._cache, keeper), name="tui-runs-mlflow-cache").start()

    def _list_runs(self, problems: list[Problem]) -> list[RunDir]:
        found: list[tuple[float, str, ExperimentDir]] = []
        try:
            experiments = find_experiments(self.root, problems, self._only)
        except OSError:
            raise store_lost(self.root) from None
        self._seen.troubles = {problem.uri: problem for problem in problems}
        shown = [experiment for experiment in experiments if self._with_deleted or not experiment.deleted]
        self._seen.experiments = {experiment.directory: experiment for experiment in shown}
        for experiment in shown:
            try:
                found += [(when, path, experiment) for when, path in find_runs(experiment.directory)]
            except OSError as error:
                why = unreadable(experiment.directory, error)
                # That its meta.yaml cannot be read either is the same trouble.
                problems[:] = [one for one in problems if os.path.dirname(one.uri) != why.uri] + [why]
        found.sort(key=lambda run: run[0], reverse=True)
        return [(directory, experiment) for _, directory, experiment in found]

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
            directory = self._seen.directories.get(run_id)
            if directory is None:
                continue
            metrics = os.path.join(directory, "metrics")
            if os.path.islink(metrics):
                continue
            for key, path in walk_files(metrics, ignored):
                name = encodable(key)
                if wanted is None or name in wanted:
                    yield (run_id, name), path

    def follow(self, focus: Focus) -> Iterator[Change]:
        """Watch running and looked-at runs closely, the others by their meta.yaml. See `tui_runs.adapter.Source`."""
        follower = StoreFollower(self.root, self._only, self._with_deleted, self._seen)
        self._follower = follower
        if self._closed.is_set():
            follower.close()
        yield from follower.changes(focus)

    def details(self, run_ids: Sequence[str]) -> Details:
        """Read datasets, models and their versions, the experiment. See `tui_runs.capabilities.Detailed`."""
        if not os.path.isdir(self.root):
            raise store_lost(self.root)
        directories = self._seen.directories
        return self._details.read({one: directories[one] for one in run_ids if one in directories})

    def artifacts(self, run_id: str, directory: str = "") -> Artifacts:
        """List a directory of a run's artifacts. See `tui_runs.capabilities.WithArtifacts`."""
        return self._artifacts_of(run_id).list_directory(directory)

    def read_artifact(self, run_id: str, path: str, limit: int) -> bytes:
        """Read the beginning of a run's file. See `tui_runs.capabilities.WithArtifacts`."""
        return self._artifacts_of(run_id).read_file(path, limit)

    def artifact_path(self, run_id: str, path: str) -> str:
        """Where one of them is. See `tui_runs.capabilities.LocalArtifacts`."""
        return self._artifacts_of(run_id).local_path(path)

    def _artifacts_of(self, run_id: str) -> LocalFiles:
        directory = self._seen.directories.get(run_id)
        return LocalFiles(None) if directory is None else artifacts_in_file_store(self.root, directory)

    def close(self) -> None:
        """End every generator. See `tui_runs.adapter.Source`."""
        self._closed.set()
        if self._follower is not None:
            self._follower.close()


def _batches(
    portions: Iterator[Portion], make: Callable[[Portion], RunBatch], long_files: list[MetricSeries]
) -> Iterator[RunBatch]:
    """Make each portion's batch while the next one is read; `long_files` gets what is still to be read whole."""
    with ThreadPoolExecutor(1, "tui-runs-mlflow-frames") as frames:
        pending: Future[RunBatch] | None = None
        for number, portion in enumerate(portions):
            long_files += [
                MetricSeries(run.meta.run_id, file.key, file.path)
                for run in portion.runs
                for file in run.metrics
                if run.meta is not None and not file.whole
            ]
            made = frames.submit(make, portion)
            if pending is not None:
                yield pending.result()
            pending = made
            if number == 0 or not portion.runs:
                # The user waits for the first batch: nothing else is read before it is out. Others of which nothing
                # had to be read are there at once, and what comes next may take long.
                yield made.result()
                pending = None
        if pending is not None:
            yield pending.result()


def _batch_of(portion: Portion, snapshot: Snapshot, keeper: Keeper | None, total: int) -> RunBatch:
    """The batch of a portion; the keeper is told what of it is sure."""
    batch = make_batch(portion.runs, total)
    if keeper is not None:
        keeper.read(portion.runs, batch)
        if portion.state != "unchecked":
            keeper.current(portion.rows)
    if not portion.rows:
        return batch
    if portion.state == "confirmed":
        kept = snapshot.metrics(portion.rows)
    else:
        kept = snapshot.batch(portion.rows, exact=portion.state == "current")
    return RunBatch(
        runs=pl.concat([batch.runs, kept.runs]),
        params=pl.concat([batch.params, kept.params]),
        tags=pl.concat([batch.tags, kept.tags]),
        metrics=pl.concat([batch.metrics, kept.metrics]),
        problems=batch.problems,
        total=total,
    )


def _save(cache: SnapshotFile, keeper: Keeper) -> None:
    snapshot = keeper.snapshot()
    if snapshot is not None:
        cache.save(snapshot)


def _history_frame(chunks: Sequence[bytes], names: Sequence[SeriesId]) -> pl.DataFrame:
    points, _ = parse_points(chunks)
    if points.is_empty():
        return empty(HISTORY)
    index = points["series"]
    run_ids = pl.Series("run_id", [name[0] for name in names], dtype=pl.String).gather(index)
    keys = pl.Series("key", [name[1] for name in names], dtype=pl.String).gather(index)
    return points.select(run_ids, keys, "step", time_of(pl.col("ms")).alias("time"), "value")
