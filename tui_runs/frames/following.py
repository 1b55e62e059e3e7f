"""Reading from a source that may be lost for a while: it is tried until it is back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from tui_runs.errors import TuiRunsError

RETRY_SECONDS: Final = (1.0, 2.0, 5.0, 10.0)
"""Pauses before a lost source is tried again; the last one repeats."""

T = TypeVar("T")


def again_when_lost(
    read: Callable[[], Iterable[T]], closed: threading.Event, lost: Callable[[TuiRunsError], object]
) -> Iterator[T]:
    """What a source says, up to the end of it; where the source is lost meanwhile it is read again from the start.

    Args:
        read: begins to read: a scan, or to follow.
        closed: ends it, pauses too.
        lost: told why, once for each time that the source is lost after it has said something.

    Raises:
        Exception: whatever else `read` raises; an adapter may fail in any way.
    """
    tries = 0
    while not closed.is_set():
        try:
            for said in read():
                tries = 0
                yield said
            return
        except TuiRunsError as error:
            if closed.is_set():
                return  # a closed source may say that it is lost
            if tries == 0:
                lost(error)
            closed.wait(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
            tries += 1
