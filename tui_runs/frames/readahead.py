"""Runs an iterator ahead of its reader, in a thread: files are read while the screen is still being made."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Queue
from typing import Final, Generic, TypeVar

T = TypeVar("T")
_LONGEST_PAUSE: Final = 1.0
"""Seconds that reading pauses after the first item at most."""


class _End:
    """Stands behind the last item."""

    error: BaseException | None = None


class ReadAhead(Generic[T]):
    """Starts at once, and stays at most a few items ahead.

    After the first item it pauses until it is told to go on: what the first screen shows is there then, and making
    that screen (importing it, mostly) would have to share the interpreter with the rest of the reading.

    Args:
        items: what to run; it is iterated in the thread, and what it raises is raised again by `__iter__`.
        ahead: items that may wait.
    """

    def __init__(self, items: Iterator[T], ahead: int = 4) -> None:
        self._items = items
        self._queue: Queue[T | _End] = Queue(ahead)
        self._go_on = threading.Event()
        threading.Thread(target=self._run, name="tui-runs-read-ahead", daemon=True).start()

    def _run(self) -> None:
        end = _End()
        try:
            for item in self._items:
                self._queue.put(item)
                self._go_on.wait(_LONGEST_PAUSE)
                self._go_on.set()
        except BaseException as error:  # handed to the reader, whoever that is
            end.error = error
        self._queue.put(end)

    def go_on(self) -> None:
        """The first item has been shown."""
        self._go_on.set()

    def __iter__(self) -> Iterator[T]:
        """Every item, once; waits for those that are not there yet."""
        while not isinstance(item := self._queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
