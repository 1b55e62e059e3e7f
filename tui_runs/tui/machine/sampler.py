"""The thread that reads the machine, each time it is asked to; and what of the runs it needs to know for that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

import polars as pl

from tui_runs.frames.progress import GOING_ON
from tui_runs.machine.owners import RunClaim
from tui_runs.machine.paths import local_path
from tui_runs.machine.watch import MachineWatch
from tui_runs.tui.messages import MachineRead
from tui_runs.tui.worker import Post, Work, Worker

_FIRST_SECONDS: Final = 0.25
"""Rates need a time to be counted over; the first reading waits for it."""
_IDLE_SECONDS: Final = 5.0
"""Not asked for so long, the thread lets go of the GPUs' driver."""
_MOST_RUNS: Final = 500
"""Runs that a process is looked for among; the newest, if there are more."""
_PERHAPS_GOING_ON: Final = (*GOING_ON, "unknown")
"""A process may be of a run whose tracker does not say how it fares."""


class MachineSampler(Worker):
    """Reads the machine once for every request; one that comes while it reads is answered by the next reading.

    Args:
        post: where messages go; must be safe to call from a thread.
    """

    def __init__(self, post: Post) -> None:
        super().__init__("machine", "reading the machine", post)
        self._asked: tuple[Sequence[str], Sequence[RunClaim]] | None = None
        self._watch: MachineWatch | None = None
        self._watched: Sequence[str] = ()

    def ask(self, paths: Sequence[str], runs: Sequence[RunClaim]) -> None:
        """Have the machine read.

        Args:
            paths: what lies on the file systems that are of interest.
            runs: those that a process may be of; the same object while they are the same.
        """
        with self._wake:
            self._asked = tuple(paths), runs
            self._wake.notify()

    @property
    def _waits(self) -> bool:
        return self._asked is not None

    def _next(self) -> Work:
        asked, self._asked = self._asked, None
        assert asked is not None
        return partial(self._read, *asked)

    def _patience(self) -> float | None:
        return _IDLE_SECONDS if self._watch is not None else None

    def _nothing_came(self) -> None:
        self._let_go()

    def _end(self) -> None:
        self._try(self._let_go)

    def _read(self, paths: Sequence[str], runs: Sequence[RunClaim]) -> None:
        if paths != self._watched:
            self._let_go()
        if self._watch is None:
            self._watch, self._watched = MachineWatch(paths), paths
            self._closed.wait(_FIRST_SECONDS)
        try:
            self._send(MachineRead(self._watch.read(runs)))
        except Exception:  # a driver may answer with anything; the next request begins anew
            self._try(self._let_go)
            raise

    def _let_go(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()


def run_claims(runs: pl.DataFrame) -> tuple[RunClaim, ...]:
    """What shows whose a process is, of the runs that go on.

    Args:
        runs: schema RUNS.
    """
    going_on = runs.filter(pl.col("status").is_in(_PERHAPS_GOING_ON)).sort("started", descending=True, nulls_last=True)
    columns = ("source", "run_id", "uri", "host", "user", "command", "started")
    return tuple(
        RunClaim(
            (source, run_id), local_path(uri or "") or "", host or "", user or "", command or "", _seconds(started)
        )
        for source, run_id, uri, host, user, command, started in going_on.head(_MOST_RUNS).select(columns).iter_rows()
    )


def _seconds(started: datetime | None) -> float | None:
    return None if started is None else started.timestamp()
