"""The thread that watches the health of runs: it is told what the sources say, and posts what is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from tui_runs.adapter import Source
from tui_runs.analysis.health_rules import HealthRules
from tui_runs.tui.health.watch import Findings, HealthWatch
from tui_runs.tui.messages import HealthRead
from tui_runs.tui.worker import Post, Work, Worker

Tell = Callable[[HealthWatch], object]

_PAUSE_SECONDS: Final = 1.0
_MOMENT_SECONDS: Final = 0.1
_MOST_AT_ONCE: Final = 100
"""Findings in one message: the screen takes them in within a few milliseconds."""
_SHARE: Final = 0.1
"""Of the time, at most, that is spent reading points while many runs write."""


class HealthReader(Worker):
    """Hands what it is told to a `HealthWatch`, and reads for it what has changed.

    Args:
        sources: the open sources by name, with the rules for each.
        now: the clock on the wall.
        post: where messages go; must be safe to call from a thread.
    """

    def __init__(
        self, sources: Mapping[str, tuple[Source, HealthRules]], now: Callable[[], datetime], post: Post
    ) -> None:
        super().__init__("health", "watching the health of runs", post)
        self._watch = HealthWatch(sources, now)
        self._told: list[Tell] = []
        self._next_read = 0.0

    def tell(self, what: Tell) -> None:
        """Have this done with the watch, in the thread."""
        with self._wake:
            self._told.append(what)
            self._wake.notify()

    def close(self) -> None:
        """End the thread after the read it is in."""
        self._watch.closed = True
        super().close()

    @property
    def _waits(self) -> bool:
        return bool(self._told)

    def _next(self) -> Work:
        told, self._told = self._told, []
        return partial(self._go_on, told)

    def _nothing_came(self) -> None:
        self._go_on(())

    def _patience(self) -> float:
        """What it waits with on purpose does not wait longer than this."""
        if not self._watch.due:
            return self._watch.pause
        return max(min(self._next_read - time.monotonic(), self._watch.pause), 0.0)

    def _go_on(self, told: Sequence[Tell]) -> None:
        """Take in what was told, and look and read where it is time to; what fails keeps nothing else from it."""
        for tell in told:
            self._try(partial(tell, self._watch))
        self._try(lambda: self._say(self._watch.look()))
        if self._watch.due and time.monotonic() >= self._next_read:
            self._try(self._read)

    def _read(self) -> None:
        begin = time.monotonic()
        try:
            self._say(self._watch.read())
        finally:
            cost = time.monotonic() - begin
            self._next_read = begin + max(_PAUSE_SECONDS, cost / _SHARE)

    def _say(self, found: Iterator[Findings | None]) -> None:
        """Post what is found: together what comes within a moment, and nothing waits for a read.

        Args:
            found: None where a read comes next.
        """
        waiting: list[Findings] = []
        begin = time.monotonic()
        try:
            for findings in found:
                if findings is not None:
                    waiting.append(findings)
                is_time = len(waiting) >= _MOST_AT_ONCE or time.monotonic() - begin > _MOMENT_SECONDS
                if waiting and (is_time or findings is None):
                    self._send(HealthRead(tuple(waiting)))
                    waiting, begin = [], time.monotonic()
        finally:
            if waiting:
                self._send(HealthRead(tuple(waiting)))
