"""A tracking database of MLflow's as a source, read with SQL and never through mlflow."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Final

from tui_runs.adapter import Change, Cursor, Focus, History, RunBatch
from tui_runs.capabilities import Artifacts, Details
from tui_runs.conditions import Wanted
from tui_runs.display import printable
from tui_runs.errors import LocationError, SourceLostError
from tui_runs_mlflow.database.changes import DatabaseFollower
from tui_runs_mlflow.database.connection import Database
from tui_runs_mlflow.database.details import find_artifacts, read_details
from tui_runs_mlflow.database.histories import read_history
from tui_runs_mlflow.database.queries import Queries
from tui_runs_mlflow.database.run_reader import RunReader, metrics_only
from tui_runs_mlflow.database.seen import Seen, begin

_FIRST_BATCH: Final = 64
_BATCH: Final = 900
"""Runs a batch; the first is small so that the table has rows at once. SQLite before 3.32 has 999 parameters."""
_STARTS: Final = 5_000
"""Runs whose start one statement asks for."""
_EXACT_SECONDS: Final = 0.3
"""How long a scan goes on to read whole histories, for which `ls` waits in vain; `follow` does the rest, in between."""


class DatabaseStore:
    """The runs of a tracking database.

    Args:
        database: where they are; it is closed with the source.
        experiment: name or id of the one experiment wanted; None for all.
        with_deleted: show deleted runs and experiments too, with the status "deleted".

    Raises:
        LocationError: there is no such experiment.
    """

    def __init__(self, database: Database, *, experiment: str | None = None, with_deleted: bool = False) -> None:
        self._database = database
        self.uri, self.kind = database.uri, database.kind
        self._closed = threading.Event()
        columns = database.columns()
        self._queries = Queries(columns, database.dialect, with_deleted=with_deleted)
        if experiment is not None:
            self._queries = Queries(columns, database.dialect, self._experiment_ids(experiment), with_deleted)
        self._reader = RunReader(database, self._queries)
        self._seen: Seen | None = None
        self._follower: DatabaseFollower | None = None

    def _experiment_ids(self, experiment: str) -> list[int]:
        try:
            found = self._database.frame(*self._queries.experiments_called(experiment))
        except SourceLostError as error:
            self._database.close()
            raise LocationError(error.message, error.remedy) from None
        named = [number for number, name in found.iter_rows() if name == experiment]
        ids = named or found["experiment_id"].to_list()
        if not ids:
            self._database.close()
            message = f"{self.uri} has no experiment {printable(experiment)!r}."
            raise LocationError(message, "Give the name or the id of one, or leave the option out to see all.")
        return ids

    def scan(self) -> Iterator[RunBatch]:
        """Read every run, those that started last first, then whole histories. See `tui_runs.adapter.Source`."""
        return self._until_closed(self._scan())

    def _scan(self) -> Iterator[RunBatch]:
        seen = self._seen = begin(self._database, self._reader)
        run_ids = self._reader.ask(self._queries.newest(_FIRST_BATCH))["run_id"].to_list()
        whole = len(run_ids) < _FIRST_BATCH
        yield self._read(run_ids, seen, len(run_ids) if whole else None)
        if not whole:
            others = self._others(run_ids)
            total = len(run_ids) + len(others)
            for start in range(0, len(others), _BATCH):
                yield self._read(others[start : start + _BATCH], seen, total)
        until = time.monotonic() + _EXACT_SECONDS
        while seen.inexact and time.monotonic() < until:
            yield metrics_only(self._reader.exact_metrics(seen.next_inexact()))

    def _read(self, run_ids: Sequence[str], seen: Seen, total: int | None) -> RunBatch:
        batch, looks = self._reader.read(run_ids, total=total)
        seen.note(looks, exact=False)
        return batch

    def _others(self, first: Sequence[str]) -> list[str]:
        """The ids of all runs but these, the newest first."""
        starts: list[tuple[int, str]] = []
        after, known = "", frozenset(first)
        while True:
            page = self._reader.ask(self._queries.run_starts(after, _STARTS)).rows()
            starts += [(-1 if ms is None else ms, run_id) for run_id, ms in page if run_id not in known]
            if len(page) < _STARTS:
                break
            after = page[-1][0]
        starts.sort(key=lambda run: (-run[0], run[1]))
        return [run_id for _, run_id in starts]

    def select(self, wanted: Wanted) -> Iterator[RunBatch] | None:
        """Read the runs wanted, found by the database itself. See `tui_runs.capabilities.Selective`."""
        from tui_runs_mlflow.database.select import find_runs  # noqa: PLC0415

        run_ids = find_runs(self._database, self._queries, wanted)
        return None if run_ids is None else self._until_closed(self._select(run_ids))

    def _select(self, run_ids: Sequence[str]) -> Iterator[RunBatch]:
        for start in range(0, len(run_ids), _BATCH):
            yield self._reader.read(run_ids[start : start + _BATCH], total=len(run_ids))[0]

    def _until_closed(self, batches: Iterator[RunBatch]) -> Iterator[RunBatch]:
        try:
            while not self._closed.is_set() and (batch := next(batches, None)) is not None:
                yield batch
        except SourceLostError:
            if not self._closed.is_set():  # a statement that was ended by closing is no loss
                raise

    def history(
        self, run_ids: Sequence[str], metrics: Sequence[str] | None = None, cursor: Cursor | None = None
    ) -> History:
        """Read points after the cursor, for about a tenth of a second. See `tui_runs.adapter.Source`."""
        return read_history(self._reader, run_ids, metrics, cursor, self._closed)

    def follow(self, focus: Focus) -> Iterator[Change]:
        """Watch the database. See `tui_runs.adapter.Source`."""
        if self._closed.is_set():
            return
        try:
            self._seen = self._seen or begin(self._database, self._reader)
            follower = self._follower = DatabaseFollower(self._database, self._reader, self._seen)
            if self._closed.is_set():
                follower.close()
            yield from follower.changes(focus)
        except SourceLostError:
            if not self._closed.is_set():
                raise

    def details(self, run_ids: Sequence[str]) -> Details:
        """Read datasets, models and their versions, the experiment. See `tui_runs.capabilities.Detailed`."""
        return read_details(self._database, run_ids)

    def artifacts(self, run_id: str, directory: str = "") -> Artifacts:
        """List a directory of a run's artifacts. See `tui_runs.capabilities.WithArtifacts`."""
        return find_artifacts(self._database, run_id).list_directory(directory)

    def read_artifact(self, run_id: str, path: str, limit: int) -> bytes:
        """Read the beginning of a run's file. See `tui_runs.capabilities.WithArtifacts`."""
        return find_artifacts(self._database, run_id).read_file(path, limit)

    def artifact_path(self, run_id: str, path: str) -> str:
        """Where one of them is. See `tui_runs.capabilities.LocalArtifacts`."""
        return find_artifacts(self._database, run_id).local_path(path)

    def close(self) -> None:
        """End every generator, and the statement that is running. See `tui_runs.adapter.Source`."""
        self._closed.set()
        if self._follower is not None:
            self._follower.close()
        self._database.close()
