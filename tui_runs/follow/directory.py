"""A directory as it was when last looked at, to be compared with how it is now; part of `tui_runs.follow`.

Listing costs about 1.5 us an entry, stat of a file 5 us more (measured on a slow virtual core).
Subdirectories are therefore told apart by their inode only, as file events do too: what happens inside one is
the business of whoever watches it.
"""

from __future__ import annotations

import os
import stat
from typing import TypeAlias

Stamp: TypeAlias = tuple[int, int, int]
"""Size, mtime_ns and inode of an entry; a subdirectory has its inode only."""


class Directory:
    """A watched directory, compared with itself at each look.

    Args:
        path: as the caller spells it.

    Attributes:
        real: without symbolic links: two spellings share one inotify watch, and macOS reports resolved paths.
        identity: device and inode; None while it is gone or cannot be read.
        entries: by name; kept while it is gone, to be compared with when it is back.
        is_plain: all names are UTF-8; one event for another name would end a RustNotify for good.
    """

    __slots__ = ("entries", "identity", "is_plain", "path", "real")

    def __init__(self, path: str) -> None:
        self.path = path
        self.identity, self.entries = _list(path)
        self._settle_names()

    def look(self) -> set[str]:
        """List it; what changed since the last time, its own path too if it came, went or was replaced."""
        before, was = self.entries, self.identity
        self.identity, entries = _list(self.path)
        if self.identity is not None:
            self.entries = entries
        changed: set[str] = set()
        if self.entries != before:
            names = {name for name, stamp in entries.items() if before.get(name) != stamp}
            names.update(before.keys() - entries.keys())
            changed = {os.path.join(self.path, name) for name in names}
        if self.identity != was:
            changed.add(self.path)
        if changed:
            self._settle_names()
        return changed

    def note(self, name: str) -> None:
        """Remember an entry as it is now, so that the next look does not report the same change again."""
        path = os.path.join(self.path, name)
        try:
            state = os.stat(path)
            if stat.S_ISDIR(state.st_mode):
                self.entries[name] = (-1, 0, os.lstat(path).st_ino)
            else:
                self.entries[name] = (state.st_size, state.st_mtime_ns, state.st_ino)
        except OSError:
            self.entries.pop(name, None)

    def _settle_names(self) -> None:
        self.real = os.path.realpath(self.path)
        try:
            "".join((self.path, self.real, *self.entries)).encode()
            self.is_plain = True
        except UnicodeEncodeError:
            self.is_plain = False


def _list(path: str) -> tuple[tuple[int, int] | None, dict[str, Stamp]]:
    try:
        state = os.stat(path)
        with os.scandir(path) as listing:
            return (state.st_dev, state.st_ino), {entry.name: _stamp(entry) for entry in listing}
    except OSError:  # gone, or not readable: for us the same
        return None, {}


def _stamp(entry: os.DirEntry[str]) -> Stamp:
    try:
        if entry.is_dir():
            return (-1, 0, entry.inode())
        state = entry.stat()
    except OSError:  # a link to nothing, or gone since it was listed
        return (-1, -1, entry.inode())
    return (state.st_size, state.st_mtime_ns, state.st_ino)
