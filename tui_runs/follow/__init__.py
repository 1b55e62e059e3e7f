"""Follows files: says which entries of some directories changed, and reads what was appended to a file.

For the adapters' `follow` threads. Events come from watchfiles (`tui_runs.follow.events`); where they do not
work (network file systems, inotify limits, `--poll`), and as a safety net below them, directories are listed
and compared. Importing this module is cheap: watchfiles is imported with the first directory watched.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from tui_runs.follow.directory import Directory
from tui_runs.follow.events import DELETED, FileEvents, network_devices

POLL_SECONDS = 1.0
"""Pause between two looks at directories that have no events, if it was not given."""
SLICE_SECONDS = 0.003
"""CPU time of one piece of the safety net: it must not hold up the thread that draws."""
NET_SECONDS = 2.0
"""Pause between two pieces, at least."""
NET_SHARE, POLL_SHARE, ASKED_SHARE = 0.001, 0.01, 0.1
"""Of a core, at most: the safety net; polling for want of events; polling because it was asked for."""
LONGEST_HOLD = 30.0
"""Pause at most because a look took long without working: a file server that hung once is looked at again soon."""
LONGEST_LINE = 1 << 24
"""Bytes that are read in search of the end of a line: no point is so long, and a file without an end has no points."""
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Appended:
    r"""What `read_appended` found.

    Args:
        data: whole lines; empty, or ending with `\n`.
        offset: where the next call goes on: the byte after `data`.
        restarted: the file is shorter than before, and `data` is from its start.
        more: the limit ended the read; call again at once.
    """

    data: bytes
    offset: int
    restarted: bool = False
    more: bool = False


def read_appended(path: str | os.PathLike[str], offset: int, limit: int = 1 << 24) -> Appended:
    r"""Read the whole lines that follow an offset; a line still being written waits for its `\n`.

    A file that was rewritten and is as long as before cannot be told from an appended one here.

    Args:
        path: a file; a link is not followed, even if it took the file's place this moment.
        offset: in bytes, as an earlier call returned it; 0 is the start.
        limit: read about so many bytes; a line longer than this is read whole all the same, up to `LONGEST_LINE`.

    Raises:
        OSError: it cannot be read, or is a link; FileNotFoundError if it is gone; with EFBIG where the line is
            longer than `LONGEST_LINE`.
    """
    # O_NONBLOCK: opening a named pipe that someone left in a store would wait for its writer for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags)
    try:
        size = os.fstat(descriptor).st_size
        restarted = size < offset
        start = 0 if restarted else offset
        if size == start:
            return Appended(b"", start, restarted)
        os.lseek(descriptor, start, os.SEEK_SET)
        # Never more than is there: asking for the limit costs that much fresh memory, ten times what reading does.
        data = os.read(descriptor, min(max(limit, 1), size - start))
        end = data.rfind(b"\n") + 1
        pieces = [data]
        length = len(data)
        while not end:
            # The first line is longer than the limit: go on to its end, not to the last one that is found.
            if length > LONGEST_LINE:
                raise OSError(errno.EFBIG, f"one of its lines is longer than {LONGEST_LINE >> 20} MiB", os.fspath(path))
            piece = os.read(descriptor, min(max(limit, _PIECE), size - start - length))
            if not piece:
                break
            pieces.append(piece)
            end = length + piece.find(b"\n") + 1 if b"\n" in piece else 0
            length += len(piece)
    finally:
        os.close(descriptor)
    data = (data if len(pieces) == 1 else b"".join(pieces))[:end]
    return Appended(data, start + end, restarted, more=end > 0 and (len(pieces) > 1 or start + length < size))


class FileWatch:
    """Says which entries of a changing set of directories were created, modified or removed.

    An entry that is a directory counts as created or removed only; watch it to learn what happens inside. A
    change may be reported twice, and one that was undone at once may be reported too: look at the file.

    `watch` and `wait` belong to one thread; `close`, `polling`, `reason` and `limit` to any.

    Args:
        poll_seconds: look this often and use no events; None uses events wherever they work.
    """

    def __init__(self, poll_seconds: float | None = None) -> None:
        self._asked = poll_seconds
        self._directories: dict[str, Directory] = {}
        self._by_real: dict[str, list[Directory]] = {}
        self._network: dict[int, str] = {}
        self._devices: set[int] = set()  # those that the mount table was asked about
        self._kinds: set[str] = set()
        self._strange = False
        self._pending: set[str] = set()
        self._net: list[Directory] = []  # what is left of the safety net's round
        self._net_due = self._poll_due = 0.0
        self._closed = threading.Event()
        self._busy = False
        self._events = FileEvents(self._closed)

    @property
    def polling(self) -> bool:
        """Whether some directories are only looked at now and then, because there are no events for them."""
        return self.reason != "events"

    @property
    def reason(self) -> str:
        """Why it polls, or "events"."""
        if self._asked is not None:
            return f"asked for --poll {self._asked:g}"
        if self._kinds and not self._events.failure:
            return f"{', '.join(sorted(self._kinds))}: no events for what other machines write"
        if self._strange and not self._events.failure:
            return "a file name is not UTF-8: no events there"
        return self._events.failure or "events"

    @property
    def limit(self) -> str:
        """The limit of inotify that is reached, as its file in /proc/sys/fs/inotify is called; or ""."""
        return self._events.limit if self._asked is None else ""

    def watch(self, directories: Iterable[str | os.PathLike[str]]) -> None:
        """Replace the set of directories; those already watched lose nothing.

        A directory counts from this moment on: read a new one after this call. One that does not exist yet is
        reported when it appears. The entries directly inside count, not what lies deeper.
        """
        wanted = dict.fromkeys(os.fspath(directory) for directory in directories)
        if wanted.keys() == self._directories.keys() or self._closed.is_set():
            return
        self._busy = True
        known = self._directories
        self._directories = {path: known.get(path) or Directory(path) for path in wanted}
        self._attach()
        self._leave()

    def wait(self, timeout: float | None) -> frozenset[str]:
        """Block until something changes; changes a few milliseconds apart come together.

        Args:
            timeout: seconds; None waits for ever.

        Returns:
            The paths that changed: a watched directory as it was given, joined with the name of the entry; or
            the directory itself, if it came, went or was replaced. Empty on timeout and once closed.
        """
        deadline = inf if timeout is None else time.monotonic() + timeout
        self._busy = True
        try:
            while not self._closed.is_set():
                due = min(deadline, self._poll_due, self._net_due)
                self._take(0.0 if self._pending else max(0.0, due - time.monotonic()))
                self._keep_up()
                if self._pending:
                    changed, self._pending = frozenset(self._pending), set()
                    return changed
                if time.monotonic() >= deadline:
                    break
        finally:
            self._leave()
        return frozenset()

    def close(self) -> None:
        """End a blocked `wait` and all later ones. From any thread; may be called twice."""
        self._closed.set()
        if not self._busy:  # else the other thread does it as it leaves
            self._leave()

    def _leave(self) -> None:
        self._busy = False
        if self._closed.is_set():
            self._events.close()

    def _take(self, seconds: float) -> None:
        """Wait for events, at most so long, and note them."""
        touched: dict[str, bool] = {}
        for kind, path in self._events.take(seconds):
            head, name = os.path.split(path)
            for directory in self._by_real.get(head, ()):
                directory.note(name)
                self._pending.add(os.path.join(directory.path, name))
            if path in self._by_real:
                touched[path] = touched.get(path, False) or kind == DELETED
        for real, lost in touched.items():
            for directory in self._by_real.get(real, ()):
                if lost and directory.identity:
                    # An inode is soon used again: a directory made anew may look like the old one.
                    directory.identity = None
                    self._pending.add(directory.path)
                    self._events.forget(real)
            self._look(self._by_real[real])
        if touched or self._events.doubtful:
            self._attach(again=True)

    def _attach(self, again: bool = False) -> None:
        """Have events for all directories that can have them.

        Args:
            again: the caller is not about to read those that are new here: look at them after that.
        """
        devices = {directory.identity[0] for directory in self._directories.values() if directory.identity}
        if not devices <= self._devices:  # something may have been mounted since
            self._devices |= devices
            self._network = network_devices()
        if self._events.doubtful:
            self._events.doubtful = False
            self._look(self._directories.values())
        by_real: dict[str, list[Directory]] = {}
        kinds: set[str] = set()
        strange = False
        for directory in self._directories.values():
            if directory.identity is None:
                continue
            if kind := self._network.get(directory.identity[0]):
                kinds.add(kind)
            elif directory.is_plain:
                by_real.setdefault(directory.real, []).append(directory)
            else:
                strange = True
        self._by_real, self._kinds, self._strange = by_real, kinds, strange
        if self._asked is None:
            new = self._events.cover(self._by_real)
            if again:
                self._look(directory for real in new for directory in self._by_real[real])

    def _look(self, directories: Iterable[Directory]) -> bool:
        """Compare directories with what they were; returns whether one may need events now that had none before.

        That is where one came, went or was replaced, or where its names are UTF-8 now.
        """
        moved = False
        for directory in directories:
            was_plain = directory.is_plain
            changed = directory.look()
            self._pending |= changed
            moved = moved or directory.is_plain != was_plain
            if directory.path in changed:
                self._events.forget(directory.real)
                moved = True
        return moved

    def _keep_up(self) -> None:
        """Look at what is due: at directories without events all together, at the others a few at a time."""
        if self._events.may_recover:
            self._attach(again=True)
        now, covered = time.monotonic(), self._events.covered
        moved = False
        if now >= self._poll_due:
            started = time.thread_time()
            moved = self._look(each for each in self._directories.values() if each.real not in covered)
            cost, pause = time.thread_time() - started, self._asked or POLL_SECONDS
            share = POLL_SHARE if self._asked is None else ASKED_SHARE
            ended = time.monotonic()
            self._poll_due = ended + max(pause, cost / share, min(2 * (ended - now), LONGEST_HOLD))
        if now >= self._net_due:
            started, cost = time.thread_time(), 0.0
            while self._net and cost < SLICE_SECONDS:
                directory = self._net.pop()
                if directory.real in covered and self._directories.get(directory.path) is directory:
                    moved = self._look((directory,)) or moved
                cost = time.thread_time() - started
            if not self._net:
                self._net = list(self._directories.values())
            self._net_due = time.monotonic() + max(NET_SECONDS, cost / NET_SHARE)
        if moved or self._events.doubtful:
            self._attach(again=True)
