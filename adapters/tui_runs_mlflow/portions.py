"""In which order the runs of a file store are shown: which are read, and which come from the snapshot of the last time.

A run can be shown from the snapshot when its meta.yaml is as it was. That is nearly always enough for a run that
has ended, which mlflow says in that file; but only a look at all of its files can tell, and takes a third of the time
of reading them. So this is the order:

1. the newest runs, looked at, and read where anything differs;
2. the snapshot's other runs that have ended, without a look: their metrics are said not to be exact;
3. the running ones, looked at, and all that are new or changed;
4. a look at those of 2: their metrics again, as exact, or the whole run where anything differs.

What is said to be exact is therefore never older than the scan; and at its end all of it is what a scan without a
snapshot says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Final, Literal, TypeAlias

from tui_runs_mlflow.run_batches import RunRead, read_run
from tui_runs_mlflow.seen import KnownRun, known_run
from tui_runs_mlflow.snapshot import Snapshot
from tui_runs_mlflow.store_layout import ExperimentDir

_FIRST_BATCH: Final = 32
_LARGEST_BATCH: Final = 256
"""Runs a batch; the first is small so that the table has rows at once."""
_BATCH_BYTES: Final = 16 << 20
_SNAPSHOT_BATCH: Final = 1024
"""Runs a batch that come from the snapshot: the receiver's work is a third less than with 256."""

RunDir: TypeAlias = tuple[str, ExperimentDir]
"""A run's directory, and the experiment that it is in."""


@dataclass(slots=True)
class Portion:
    """What makes one batch.

    Args:
        runs: read from their files.
        rows: of the snapshot.
        state: of the rows: all of their files are as they were; that is not known yet; it is known now, and they
            have been shown before.
    """

    runs: list[RunRead] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    state: Literal["current", "unchecked", "confirmed"] = "current"


class Portions:
    """Goes through the runs of a store once, and keeps the books on what is shown.

    Args:
        snapshot: of the last time; perhaps empty.
        known: gets what is said of each run, by directory.
        directories: gets where each run lies, by run id.
        closed: ends it.
        with_deleted: deleted runs are shown.
        with_stamps: the files' stamps are wanted.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        known: dict[str, KnownRun],
        directories: dict[str, str],
        closed: Event,
        *,
        with_deleted: bool,
        with_stamps: bool,
    ) -> None:
        self._snapshot = snapshot
        self._known, self._directories = known, directories
        self._closed = closed
        self._with_deleted, self._with_stamps = with_deleted, with_stamps
        self._unchecked: list[tuple[int, RunDir]] = []

    def shown(self, todo: Sequence[RunDir]) -> Iterator[Portion]:
        """Every run of these, which are sorted, newest first: steps 1 to 3."""
        yield from self._look_or_read(todo[:_FIRST_BATCH], _FIRST_BATCH)
        others: list[RunDir] = []
        for run in todo[_FIRST_BATCH:]:
            if self._closed.is_set():
                return
            row = self._row(*run)
            if row is None or self._snapshot.known(row).running:
                others.append(run)
            else:
                self._show(row, run[0])
                self._unchecked.append((row, run))
        for chunk in self._chunks():
            yield Portion(rows=[row for row, _ in chunk], state="unchecked")
        yield from self._look_or_read(others, _FIRST_BATCH * 4)

    def checked(self) -> Iterator[Portion]:
        """The runs that were shown without a look: step 4."""
        for chunk in self._chunks():
            confirmed: list[int] = []
            changed: list[RunDir] = []
            for row, run in chunk:
                if self._closed.is_set():
                    return
                if self._snapshot.is_current(row):
                    confirmed.append(row)
                else:
                    changed.append(run)
            if confirmed:
                yield Portion(rows=confirmed, state="confirmed")
            yield from self._look_or_read(changed, _LARGEST_BATCH)

    def _chunks(self) -> Iterator[list[tuple[int, RunDir]]]:
        for i in range(0, len(self._unchecked), _SNAPSHOT_BATCH):
            yield self._unchecked[i : i + _SNAPSHOT_BATCH]

    def _look_or_read(self, todo: Sequence[RunDir], limit: int) -> Iterator[Portion]:
        """Look at these runs, and read those of which the snapshot does not have everything as it is.

        Args:
            todo: which.
            limit: runs of the first portion; those after it grow to _LARGEST_BATCH.
        """
        portion, size = Portion(), 0
        for directory, experiment in todo:
            if self._closed.is_set():
                return
            row = self._row(directory, experiment)
            if row is not None and self._snapshot.is_current(row):
                self._show(row, directory)
                portion.rows.append(row)
            else:
                run = read_run(directory, experiment, with_deleted=self._with_deleted, with_stamps=self._with_stamps)
                if run is None or not self._remember(run):
                    continue
                portion.runs.append(run)
                size += run.size
            if len(portion.runs) + len(portion.rows) >= limit or size > _BATCH_BYTES:
                yield portion
                portion, size, limit = Portion(), 0, min(limit * 4, _LARGEST_BATCH)
        if portion.runs or portion.rows:
            yield portion

    def _row(self, directory: str, experiment: ExperimentDir) -> int | None:
        """The snapshot's row of a run that can be shown from it."""
        row = self._snapshot.row(directory, experiment)
        if row is None:
            return None
        shown = self._directories.get(self._snapshot.run_id(row), directory)
        return row if shown == directory else None  # another has its id: reading it tells which of the two counts

    def _show(self, row: int, directory: str) -> None:
        """Note that a run is shown from the snapshot."""
        self._known[directory] = self._snapshot.known(row)
        self._directories[self._snapshot.run_id(row)] = directory

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
