"""What is remembered of a tracking database once its runs were read, to tell later what changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from tui_runs_mlflow.database.connection import Database, StampedFile
from tui_runs_mlflow.database.growth import Growth, growth_of
from tui_runs_mlflow.database.run_reader import Look, RunReader

_RUNS_AT_ONCE: Final = 20
"""Runs whose whole histories are read before anything else gets its turn."""


@dataclass(slots=True)
class Seen:
    """What was told of a database; belongs to the thread that scans, later to the one that follows.

    Args:
        stamp: of the database before anything was read, see `stamp_of`.
        growth: finds the points and runs that were added since.
        looks: how each run looked that is shown.
        running: those of them that are running, the newest first.
        todo: runs that are to be told anew, and were not yet.
        swept: the stamp when all runs were last compared with how they looked.
        inexact: runs whose whole histories were not read yet, in the order in which that is to happen.
    """

    stamp: object
    growth: Growth
    looks: dict[str, Look] = field(default_factory=dict)
    running: dict[str, None] = field(default_factory=dict)
    inexact: dict[str, None] = field(default_factory=dict)
    todo: set[str] = field(default_factory=set)
    swept: object = None

    def note(self, looks: Mapping[str, Look], *, exact: bool) -> None:
        """Remember how these runs look, which are told of now: by the scan, or exact as they are new or changed."""
        new = [run_id for run_id, look in looks.items() if look.running and run_id not in self.running]
        for run_id, look in looks.items():
            if not look.running:
                self.running.pop(run_id, None)
        self.looks.update(looks)
        if exact:
            self.running = {**dict.fromkeys(new), **self.running}
            for run_id in looks:
                self.inexact.pop(run_id, None)
        else:
            self.running.update(dict.fromkeys(new))
            self.inexact.update(dict.fromkeys(looks))

    def forget(self, run_id: str) -> bool:
        """Remember no longer that a run is shown; whether it was."""
        self.inexact.pop(run_id, None)
        self.running.pop(run_id, None)
        return self.looks.pop(run_id, None) is not None

    def next_inexact(self, first: Collection[str] = ()) -> list[str]:
        """Take some runs whose whole histories are to be read, those named first."""
        some = [run_id for run_id in first if run_id in self.inexact][:_RUNS_AT_ONCE]
        some = some or [run_id for run_id, _ in zip(self.inexact, range(_RUNS_AT_ONCE), strict=False)]
        for run_id in some:
            del self.inexact[run_id]
        return some


def begin(database: Database, reader: RunReader) -> Seen:
    """Begin to remember: what is written from now on counts as a change.

    Raises:
        SourceLostError: the database cannot be read.
    """
    stamp = stamp_of(database, reader)
    return Seen(stamp, growth_of(reader), swept=stamp)


def stamp_of(database: Database, reader: RunReader) -> object:
    """Something that is equal to an earlier stamp only where nobody has written in between; costs next to nothing.

    In PostgreSQL it is which transactions are running or done: those that only read do not count. MySQL has nothing
    of the kind, so that each stamp differs from all others.

    Raises:
        SourceLostError: the database cannot be read.
    """
    if isinstance(database, StampedFile):
        return database.stamp()
    if database.dialect == "postgresql":
        return reader.ask(reader.queries.running_transactions()).item()
    return object()
