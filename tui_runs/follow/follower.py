"""What the `follow` threads of adapters that read files have in common: the turns of waiting, reading and saying."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Set
from typing import Final

from tui_runs.adapter import Change, Focus, Problem, RunBatch
from tui_runs.errors import SourceLostError
from tui_runs.follow import FileWatch

FOCUS_SECONDS: Final = 0.5
"""After so long a changed focus is seen, or that the source is gone, at the latest."""
LOOK_SECONDS: Final = 2.0
"""After so long everything is looked at again, though nothing happened; at least."""
LOOK_SHARE, LOOK_TIME_SHARE = 1 / 800, 1 / 10
"""Of one core, and of the time, that looking at everything may take; slow files take much time and little of a core."""
LONGEST_HOLD: Final = 120.0
"""Pause at most because a look took long without working: a file server that hung once is looked at again soon."""
RETRY_SECONDS: Final = 0.2
"""After so long what was in the writing is looked at again."""
REST: Final = 24.0
"""Times what reading took: while all logs without a pause, reading takes 4 % of a core, and bursts collapse."""
LONGEST_REST: Final = 1.0


class FileFollower(ABC):
    """Yields what changes in a source's files; owned by the thread that iterates it, but for `close`.

    Each turn covers what is to be watched, reads what is to be read, and waits. What is to be read are names that mean
    something to the subclass alone: run ids, directories.
    """

    def __init__(self) -> None:
        self._closed = threading.Event()
        self._watch: FileWatch | None = None
        self._covered: Set[str] = frozenset()
        self._look_due = 0.0
        self._how = HowWatched()

    def close(self) -> None:
        """End `changes`, from any thread."""
        self._closed.set()
        if self._watch is not None:
            self._watch.close()

    def changes(self, focus: Focus) -> Iterator[Change]:
        """Block, and yield every change until closed.

        Raises:
            SourceLostError: the source is gone; another follower goes on from here.
        """
        watch = self._watch = FileWatch(focus.poll_seconds)
        begun = False
        try:
            dirty = self._look_if_due()
            while not self._closed.is_set():
                if (lost := self._lost()) is not None:
                    raise lost
                looked_at = focus.run_ids
                dirty |= self._cover(looked_at)
                began = time.thread_time()
                yield from self._read(dirty)
                self._closed.wait(min(LONGEST_REST, REST * (time.thread_time() - began)))
                if dirty:
                    dirty = set()
                    continue  # what was found may have to be watched from now on: before waiting
                yield from self._how.changes(watch)
                if not begun:
                    begun = True
                    yield Change()
                paths = self._wait(watch, focus, looked_at)
                if not self._closed.is_set() and self._lost() is None:
                    dirty = self._touched(paths) | self._look_if_due()
        finally:
            watch.close()

    # --- what an adapter knows ----------------------------------------------------------------------------------------

    @abstractmethod
    def _lost(self) -> SourceLostError | None:
        """The error that ends it where the source is gone; else None."""

    @abstractmethod
    def _cover(self, looked_at: frozenset[str]) -> set[str]:
        """Have watched what is to be watched, by `_watch_only`; what is to be read as it was not watched before.

        A directory is watched first and read after, so that nothing falls between the two.

        Args:
            looked_at: the runs on the screen.
        """

    @abstractmethod
    def _touched(self, paths: frozenset[str]) -> set[str]:
        """What is to be read because these paths changed, or because it was in the writing when it was read last."""

    @abstractmethod
    def _look(self) -> set[str]:
        """Look at everything; what is to be read as it was written unseen. Called as often as its cost allows."""

    @abstractmethod
    def _read(self, dirty: set[str]) -> Iterator[Change]:
        """Read these on, and say what is different now; said too is what there is to say besides."""

    @property
    def _soon(self) -> bool:
        """Whether `_touched` is to be asked again soon, though nothing may have happened."""
        return False

    # --- what is the same for all -------------------------------------------------------------------------------------

    def _watch_only(self, directories: Set[str]) -> set[str]:
        """Watch these directories and no others; those that were not watched before."""
        new, self._covered = set(directories - self._covered), directories
        if self._watch is not None:
            self._watch.watch(directories)
        return new

    def _wait(self, watch: FileWatch, focus: Focus, looked_at: frozenset[str]) -> frozenset[str]:
        """Wait for paths that changed, for another focus, or until it is time to look at something again."""
        until = time.monotonic() + LOOK_SECONDS
        paths: frozenset[str] = frozenset()
        while not paths and not self._closed.is_set() and focus.run_ids == looked_at and time.monotonic() < until:
            soon = self._soon
            paths = watch.wait(RETRY_SECONDS if soon else FOCUS_SECONDS)
            if soon or self._lost() is not None:
                break
        return paths

    def _look_if_due(self) -> set[str]:
        began, worked = time.monotonic(), time.thread_time()
        if began < self._look_due:
            return set()
        dirty = self._look()
        ended, worked = time.monotonic(), time.thread_time() - worked
        hold = min((ended - began) / LOOK_TIME_SHARE, LONGEST_HOLD)
        self._look_due = ended + max(LOOK_SECONDS, worked / LOOK_SHARE, hold)
        return dirty


class HowWatched:
    """Says how the files of a source are watched: that they are only looked at now and then, and that this is over.

    What a follower says first takes back what one before it said, which ended when the source was lost.
    """

    def __init__(self) -> None:
        self._said: tuple[str, str] | None = None

    def changes(self, watch: FileWatch) -> Iterator[Change]:
        """What is to be said of the watch, if it is otherwise than was said before."""
        polling, limit = watch.reason if watch.polling else "", watch.limit
        if (polling, limit) == self._said:
            return
        self._said = polling, limit
        mended = [_limit_uri(one) for one in _LIMITS if one != limit]
        yield Change(_limit_batch(limit) if limit else None, mended=mended, polling=polling)


_LIMITS: Final = {"max_user_watches": ("watches", 1_048_576), "max_user_instances": ("instances", 1_024)}
"""What inotify limits, and how many of them are enough."""


def _limit_uri(limit: str) -> str:
    return f"/proc/sys/fs/inotify/{limit}"


def _limit_batch(limit: str) -> RunBatch:
    """A batch with nothing but the problem that a limit of inotify is reached."""
    from tui_runs.schema import METRICS, PARAMS, RUNS, empty  # noqa: PLC0415  importing this must not import polars

    what, enough = _LIMITS[limit]
    problem = Problem(
        _limit_uri(limit),
        f"All inotify {what} of this user are taken: files are looked at once a second or less often.",
        f"As root: sysctl fs.inotify.{limit}={enough}. Or close programs that watch many files; it is tried again.",
    )
    return RunBatch(empty(RUNS), empty(PARAMS), empty(PARAMS), empty(METRICS), [problem])
