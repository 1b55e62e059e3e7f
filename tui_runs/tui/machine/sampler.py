"""The thread that reads the machine, each time it is asked to; and what of the runs it needs to know for that."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import unquote, urlsplit

import polars as pl
from textual.message import Message

from tui_runs.machine.owners import RunClaim
from tui_runs.machine.watch import MachineWatch
from tui_runs.tui.messages import MachineRead, ReaderFailed

_FIRST_SECONDS: Final = 0.25
"""Rates need a time to be counted over; the first reading waits for it."""
_IDLE_SECONDS: Final = 5.0
"""Not asked for so long, the thread lets go of the GPUs' driver."""
_MOST_RUNS: Final = 500
"""Runs that a process is looked for among; the newest, if there are more."""
_GOING_ON: Final = ("running", "stale", "unknown")


class MachineSampler(threading.Thread):
    """Reads the machine once for every request; one that comes while it reads is answered by the next reading.

    Args:
        post: where messages go; must be safe to call from a thread.
    """

    def __init__(self, post: Callable[[Message], object]) -> None:
        super().__init__(name="tui-runs-machine", daemon=True)
        self._post = post
        self._asked: tuple[Sequence[str], Sequence[RunClaim]] | None = None
        self._wake = threading.Condition()
        self._closed = threading.Event()

    def ask(self, paths: Sequence[str], runs: Sequence[RunClaim]) -> None:
        """Have the machine read.

        Args:
            paths: what lies on the file systems that are of interest.
            runs: those that a process may be of; the same object while they are the same.
        """
        with self._wake:
            self._asked = tuple(paths), runs
            self._wake.notify()

    def close(self) -> None:
        """End the thread after the reading it is in."""
        self._closed.set()
        with self._wake:
            self._wake.notify()

    def run(self) -> None:
        """Wait for requests and answer them."""
        watch: MachineWatch | None = None
        watched: Sequence[str] = ()
        try:
            while not self._closed.is_set():
                asked = self._next(_IDLE_SECONDS if watch is not None else None)
                if watch is not None and (asked is None or asked[0] != watched):
                    watch.close()
                    watch = None
                if asked is None:
                    continue
                watched, runs = asked
                if watch is None:
                    watch = MachineWatch(watched)
                    self._closed.wait(_FIRST_SECONDS)
                snapshot = watch.read(runs)
                if not self._closed.is_set():
                    self._post(MachineRead(snapshot))
        except Exception:  # a driver may answer with anything; the app says so and goes on
            if not self._closed.is_set():
                self._post(ReaderFailed("reading the machine", traceback.format_exc()))
        finally:
            if watch is not None:
                watch.close()

    def _next(self, seconds: float | None) -> tuple[Sequence[str], Sequence[RunClaim]] | None:
        with self._wake:
            if self._asked is None and not self._closed.is_set():
                self._wake.wait(seconds)
            asked, self._asked = self._asked, None
            return asked


def run_claims(runs: pl.DataFrame) -> tuple[RunClaim, ...]:
    """What shows whose a process is, of the runs that go on.

    Args:
        runs: schema RUNS.
    """
    going_on = runs.filter(pl.col("status").is_in(_GOING_ON)).sort("started", descending=True, nulls_last=True)
    columns = ("source", "run_id", "uri", "host", "user", "command", "started")
    return tuple(
        RunClaim((source, run_id), local_path(uri or ""), host or "", user or "", command or "", _seconds(started))
        for source, run_id, uri, host, user, command, started in going_on.head(_MOST_RUNS).select(columns).iter_rows()
    )


def _seconds(started: datetime | None) -> float | None:
    return None if started is None else started.timestamp()


def local_path(uri: str) -> str:
    """Where a store or a run lies on this machine; "" where it is elsewhere."""
    if os.path.isabs(uri):
        return uri
    parts = urlsplit(uri)
    return unquote(parts.path) if parts.scheme == "file" and parts.netloc in ("", "localhost") else ""
