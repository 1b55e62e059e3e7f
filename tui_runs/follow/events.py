"""File events from watchfiles for a changing set of directories. Use `tui_runs.follow`, which is built on it.

What decided the design, measured on 2 slow virtual cores, Linux 6.18, watchfiles 1.3:

- `RustNotify` cannot add a path to a running instance. Starting one costs 0.1 ms and 20-40 us a directory,
  whatever is in it: a round trip to a thread of Rust's each, while the GIL is held (100 directories: 4 ms,
  and up to 30 with 4 busy processes on the 2 cores). So additions get a small notifier of their own, a few of
  those are merged into one, and all of them when the set has been quiet for a moment.
- `RustNotify.watch` wakes every `step` and returns 1 to 2 steps after a change. The wakes are all that idling
  costs: 0.43 % of a core at 5 ms, 0.31 at 10, 0.15 at 20. Hence a short step while things change and a long
  one afterwards.
- It is called by the thread that waits: no thread of ours that has to be ended, and what happens while nobody
  waits piles up in Rust, once a path.
- It drops what came in since its last look when it times out or is stopped, so it is ended by an exception
  (`_Turn`). It says nothing when the kernel's queue (16,384 events) overflows: something above must look at
  the directories now and then.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

LIVELY_STEP, QUIET_STEP = 10, 25
"""Milliseconds between two looks of watchfiles: a change is known after 15 and 38 (median), idling costs 0.45
and 0.2 % of a core, the safety net included."""
LIVELY_SECONDS = 30.0
"""How long after a change the short step is kept."""
SETTLE_SECONDS = 2.0
"""The set was not changed for so long: one notifier for all of it."""
RETIRE_SECONDS = 0.1
"""A replaced notifier is kept so long: on a busy machine its thread may be late with what happened before."""
CLOSE_SECONDS = 0.05
"""Rust gives a closed inotify instance back from a thread of its own."""
FEW_GROUPS, FEW_PATHS = 3, 64
"""So many small groups, and so many paths in them, before they become one."""
RECOVER_SECONDS = 60.0
"""A limit that was reached is tried again after so long: whoever has all the watches may have ended."""
BREAKS_ALLOWED = 20
"""A notifier that breaks is made again so often, in all."""
_NETWORK_KINDS = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "fakeowner", "gfs2", "gpfs", "lustre", "nfs", "nfs4", "ocfs2",
    "orangefs", "panfs", "prl_fs", "pvfs2", "smb3", "smbfs", "vboxsf", "virtiofs", "wekafs",
})  # fmt: skip
"""File systems of which other machines, or the host of a virtual one, write files unseen; and all that is FUSE."""
_NOUNS = {"max_user_watches": "watches", "max_user_instances": "instances"}
DELETED = 3
"""watchfiles.Change.deleted, which cannot be imported cheaply."""


@dataclass(slots=True, eq=False)
class _Group:
    """Directories that share a RustNotify."""

    notifier: RustNotify
    paths: frozenset[str]
    retired_at: float = inf


class _TurnOver(Exception):  # noqa: N818  (not an error)
    """Nothing happened in the time given."""


class _Turn:
    """Ends `RustNotify.watch` by an exception: its own timeout drops what came in since it last looked.

    Not before the third look: changes seen at the first are returned at the second.
    """

    __slots__ = ("_looks", "_stop", "_until")

    def __init__(self, stop: threading.Event, until: float) -> None:
        self._looks, self._stop, self._until = 0, stop, until

    def is_set(self) -> bool:
        self._looks += 1
        if self._stop.is_set() or (self._looks > 2 and time.monotonic() >= self._until):
            raise _TurnOver
        return False


class FileEvents:
    """Tells what happens directly inside some directories. One thread uses it.

    Args:
        stop: ends `take` early.

    Attributes:
        covered: the directories that have events.
        failure: why there are none at all; empty while they work.
        limit: the limit of inotify that is the reason, max_user_watches or max_user_instances; or empty.
        doubtful: events may have been lost: look at all the directories. The reader resets it.
    """

    def __init__(self, stop: threading.Event) -> None:
        self.covered: set[str] = set()
        self.failure = self.limit = ""
        self.doubtful = False
        self._stop = stop
        self._groups: list[_Group] = []  # the first is the big one
        self._retired: list[_Group] = []  # replaced, but perhaps with changes not taken yet
        self._breaks = 0
        self._settle_at = inf
        self._lively_until = 0.0
        self._recover_at = inf

    @property
    def may_recover(self) -> bool:
        """Whether a limit was reached so long ago that `cover` tries again."""
        return time.monotonic() >= self._recover_at

    def cover(self, paths: Collection[str]) -> set[str]:
        """Have events for exactly these directories; for those that had them none is lost.

        Args:
            paths: existing directories, absolute, without symbolic links, UTF-8.

        Returns:
            Those that have events from now on and had none.
        """
        wanted = set(paths)
        new = wanted - self.covered
        if wanted != self.covered:
            self._settle_at = time.monotonic() + SETTLE_SECONDS
        self.covered &= wanted
        if self.may_recover:
            self.failure, self.limit, self._recover_at = "", "", inf
        if new and not self.failure and not self._stop.is_set():
            self._lively_until = time.monotonic() + LIVELY_SECONDS
            self._start(new)
        return new & self.covered

    def forget(self, path: str) -> None:
        """A directory was removed or moved, and its watch with it: cover it anew if it is wanted again."""
        self.covered.discard(path)

    def take(self, seconds: float) -> set[tuple[int, str]]:
        """Wait for events so long, or until there are some.

        Returns:
            (kind, path) each; the path of an entry, or of a directory itself. Directories that are no longer
            covered may be among them.
        """
        found: set[tuple[int, str]] = set()
        now = time.monotonic()
        if now >= self._settle_at:
            self._settle()
        self._read_retired(found, now - RETIRE_SECONDS)
        due = min(self._settle_at, *(group.retired_at + RETIRE_SECONDS for group in self._retired), now + 1.0)
        seconds = 0.0 if found else max(0.0, min(seconds, due - now))
        if not self._groups:
            self._stop.wait(seconds)
            return found
        step = min(int(seconds * 1000), LIVELY_STEP if now < self._lively_until else QUIET_STEP)
        many, *few = self._groups
        self._read(many, step, now if few else now + seconds, found)  # few: one turn after the other
        for group in few:
            self._read(group, 0, now, found)
        if found:
            self._lively_until = time.monotonic() + LIVELY_SECONDS
        return found

    def close(self) -> None:
        """End the events."""
        groups, self._groups, self._retired = [*self._groups, *self._retired], [], []
        self.covered, self._settle_at = set(), inf
        for group in groups:
            group.notifier.close()

    def _read(self, group: _Group, step: int, until: float, found: set[tuple[int, str]]) -> None:
        try:
            changes = group.notifier.watch(0, step, 0, _Turn(self._stop, until))
        except _TurnOver:
            return
        except (OSError, RuntimeError) as error:
            # A name that is not UTF-8 does this, and the notifier then fails for ever: what it had is lost.
            if group in self._retired or group in self._groups:
                self._breaks += 1
                if self._breaks > BREAKS_ALLOWED:
                    self._fail(error)
                self.doubtful = True
                self.close()
            return
        if changes == "signal":  # watchfiles swallows the exception of Ctrl-C
            raise KeyboardInterrupt
        if isinstance(changes, set):
            found |= changes

    def _read_retired(self, found: set[tuple[int, str]], before: float) -> None:
        """Take what replaced notifiers had not told yet; those replaced before this moment end."""
        for group in tuple(self._retired):
            self._read(group, 0, before, found)
            if group.retired_at <= before:
                group.notifier.close()
                self._retired = [other for other in self._retired if other is not group]

    def _settle(self) -> None:
        self._settle_at = inf
        if len(self._groups) > 1 or (self._groups and len(self._groups[0].paths) > 2 * len(self.covered)):
            # No room for both the old and the new at once: several groups do as well.
            with suppress(OSError, RuntimeError):
                self._replace(self._groups, self.covered)

    def _start(self, new: set[str]) -> None:
        replaced: list[_Group] = []
        if len(self._groups) > FEW_GROUPS:
            many, *replaced = self._groups
            new = new.union(*(group.paths & self.covered for group in replaced))
            if len(new) > max(FEW_PATHS, len(many.paths) // 2):
                new = new | self.covered
                replaced = self._groups
        try:
            self._replace(replaced, new)
        except FileNotFoundError:
            left = {path for path in new if os.path.isdir(path)}
            self.covered -= new - left  # or they would be asked for again, and again
            if left and left != new:  # one was removed this moment
                self._start(left)
        except (OSError, RuntimeError, ImportError) as error:
            if not self._groups:
                self._fail(error)
                return
            # The old ones and the new one were perhaps too many watches together.
            new = new | self.covered
            self.close()
            self.doubtful = True
            self._stop.wait(CLOSE_SECONDS)
            self._start(new)

    def _fail(self, error: Exception) -> None:
        self.limit = _limit_reached(error)
        self.failure = f"no inotify {_NOUNS[self.limit]} left" if self.limit else f"no file events: {error}"
        self._recover_at = time.monotonic() + RECOVER_SECONDS if self.limit else inf

    def _replace(self, groups: list[_Group], paths: set[str]) -> None:
        """Start a notifier, and only then give up those whose place it takes."""
        new = _Group(make_notifier(sorted(paths)), frozenset(paths))
        for group in groups:
            group.retired_at = time.monotonic()
        self._retired += groups
        self._groups = [group for group in self._groups if group not in groups] + [new]
        self.covered |= paths


def make_notifier(paths: list[str]) -> RustNotify:
    """Start watchfiles on some directories."""
    from watchfiles._rust_notify import RustNotify  # noqa: PLC0415  (10 to 90 ms, and not every command follows)

    # ignore_permission_denied would ignore every error, running out of watches among them.
    return RustNotify(paths, False, False, 0, False, False)


def network_devices(table: str = "/proc/self/mountinfo") -> dict[int, str]:
    """The mounted file systems that others write to unseen: device number to kind ("nfs4"); Linux only.

    Args:
        table: the mount table, in the form of proc_pid_mountinfo(5).
    """
    devices = {}
    with suppress(OSError), open(table, encoding="utf-8", errors="replace") as mounts:  # else: events are tried
        for line in mounts:
            fields, _, rest = line.partition(" - ")
            kind = rest.split(" ", 1)[0].rstrip("\n")
            if kind in _NETWORK_KINDS or kind == "fuse" or kind.startswith("fuse."):
                with suppress(ValueError, IndexError):
                    major, minor = fields.split(" ")[2].split(":")
                    devices[os.makedev(int(major), int(minor))] = kind
    return devices


def _limit_reached(error: Exception) -> str:
    """Which limit of inotify an error tells of, or ""; watchfiles gives most errors as text, without an errno."""
    text, code = str(error), getattr(error, "errno", None)
    if code == errno.ENOSPC or "watch limit" in text or "MaxFilesWatch" in text:
        return "max_user_watches"
    if code == errno.EMFILE or "os error 24" in text:
        return "max_user_instances"
    return ""
