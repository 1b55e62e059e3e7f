"""How often the screen is painted anew while data pours in, or while a key is held."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import Final

from textual.screen import Screen
from textual.timer import Timer

FOR_USER: Final = 1.0
"""Rest for what the user does, in times of what painting takes: a held key takes half a core at most."""
FOR_DATA: Final = 4.0
"""The same for what the stores say: a fifth of a core, and keys find the thread free."""
_LEAST_SECONDS: Final = 0.03
_MOST_SECONDS: Final = 0.5


class Pace:
    """Calls for one painting after the other, each when there was a rest after the one before.

    Args:
        screen: whose thread paints; what is painted after it is told to is counted too.
        paint: brings the screen up to date.
    """

    def __init__(self, screen: Screen[None], paint: Callable[[], None]) -> None:
        self._screen, self._paint = screen, paint
        self._due_at = inf
        self._timer: Timer | None = None
        self._began = self._cost = 0.0
        self._painted_at = -inf

    def ask(self, rest: float) -> None:
        """Have it painted: at once when nothing was lately, else soon; with what was asked for before.

        Args:
            rest: since the last painting, in times of what that took: `FOR_USER` or `FOR_DATA`.
        """
        now = time.monotonic()
        due = max(self._painted_at + min(max(_LEAST_SECONDS, rest * self._cost), _MOST_SECONDS), now)
        if due >= self._due_at:
            return
        self._due_at = due
        if self._timer is not None:
            self._timer.stop()
        if due <= now:
            self._screen.call_next(self._go)
        else:
            self._timer = self._screen.set_timer(due - now, self._go)

    def _go(self) -> None:
        self._due_at, self._timer = inf, None
        self._began = time.thread_time()
        self._paint()
        self._painted_at = time.monotonic()
        # Widgets draw themselves later; below the table they are told to when that has been drawn.
        self._screen.call_after_refresh(self._screen.call_after_refresh, self._count)

    def _count(self) -> None:
        self._cost = time.thread_time() - self._began
        self._painted_at = time.monotonic()
