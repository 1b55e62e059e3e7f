"""The thread that watches the health of runs: it is told what the sources say, and posts what is wrong."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final

from textual.message import Message

from tui_runs.adapter import Source
from tui_runs.analysis.health_rules import HealthRules
from tui_runs.tui.health.watch import Findings, HealthWatch
from tui_runs.tui.messages import HealthRead, ReaderFailed

Tell = Callable[[HealthWatch], None]

_PAUSE_SECONDS: Final = 1.0
_MOMENT_SECONDS: Final = 0.1
_MOST_AT_ONCE: Final = 100
"""Findings in one message: the screen takes them in within a few milliseconds."""
_SHARE: Final = 0.1
"""Of the time, at most, that is spent reading points while many runs write."""


class HealthReader(threading.Thread):
    """Hands what it is told to a `HealthWatch`, and reads for it what has changed.

    Args:
        sources: the open sources by name, with the rules for each.
        now: the clock on the wall.
        post: where messages go; must be safe to call from a thread.
    """

    def __init__(
        self,
        sources: Mapping[str, tuple[Source, HealthRules]],
        now: Callable[[], datetime],
        post: Callable[[Message], object],
    ) -> None:
        super().__init__(name="tui-runs-health", daemon=True)
        self._watch = HealthWatch(sources, now)
        self._post = post
        self._told: list[Tell] = []
        self._wake = threading.Condition()
        self._busy = False
        self._next_read = 0.0
        self._has_failed = False

    @property
    def idle(self) -> bool:
        """Whether everything that it was told has been looked at; what it waits with on purpose aside."""
        with self._wake:
            return not self._told and not self._busy

    def tell(self, what: Tell) -> None:
        """Have this done with the watch, in the thread."""
        with self._wake:
            self._told.append(what)
            self._wake.notify()

    def close(self) -> None:
        """End the thread after the read it is in."""
        with self._wake:
            self._watch.closed = True
            self._wake.notify()

    def run(self) -> None:
        """Wait until something is told, or until it is time to look, and look."""
        while True:
            with self._wake:
                self._busy = False
                if not self._told and not self._watch.closed:
                    self._wake.wait(self._patience())
                if self._watch.closed:
                    return
                told, self._told = self._told, []
                self._busy = True
            try:
                for tell in told:
                    tell(self._watch)
                self._say(self._watch.look())
                if self._watch.due and time.monotonic() >= self._next_read:
                    self._read()
            except Exception:  # an adapter may fail in any way; the app says so, once, and goes on
                if not self._watch.closed and not self._has_failed:
                    self._has_failed = True
                    self._post(ReaderFailed("watching the health of runs", traceback.format_exc()))

    def _patience(self) -> float:
        """Seconds to wait for something to be told."""
        if not self._watch.due:
            return self._watch.pause
        return max(min(self._next_read - time.monotonic(), self._watch.pause), 0.0)

    def _read(self) -> None:
        begin = time.monotonic()
        try:
            self._say(self._watch.read())
        finally:
            cost = time.monotonic() - begin
            self._next_read = begin + max(_PAUSE_SECONDS, cost / _SHARE)

    def _say(self, found: Iterator[Findings]) -> None:
        """Post what is found: together what comes at once, and what has to wait for a read no longer than a moment."""
        waiting: list[Findings] = []
        begin = time.monotonic()
        try:
            for findings in found:
                waiting.append(findings)
                if len(waiting) >= _MOST_AT_ONCE or time.monotonic() - begin > _MOMENT_SECONDS:
                    self._post(HealthRead(tuple(waiting)))
                    waiting, begin = [], time.monotonic()
        finally:
            if waiting and not self._watch.closed:
                self._post(HealthRead(tuple(waiting)))
