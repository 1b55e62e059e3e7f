"""Opens what lies in experiment directories: regular files only, no links, never waiting, never without a bound."""

from __future__ import annotations

import os
import stat
from typing import Final, NamedTuple

from tui_runs.adapter import Problem
from tui_runs.display import encodable

READABLE_BYTES: Final = 16 << 20
"""A file that is read whole (YAML, JSON, TOML) is not longer than this."""
BOM: Final = b"\xef\xbb\xbf"
"""Some programs begin a text with it."""
_FLAGS: Final = sum(getattr(os, flag, 0) for flag in ("O_RDONLY", "O_NONBLOCK", "O_CLOEXEC", "O_NOFOLLOW", "O_BINARY"))


class FileStamp(NamedTuple):
    """A file as it was at one moment: two equal stamps mean that nothing was written in between."""

    size: int
    mtime_ns: int
    inode: int


class NotReadError(OSError):
    """A file is not read, though it could be opened.

    Args:
        what: why, one sentence.
        remedy: what the user can do, one sentence.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy


def stamp_of(*paths: str) -> tuple[FileStamp, ...]:
    """The stamps of those of these files that are there. One stat a file."""
    found = []
    for path in paths:
        try:
            state = os.stat(path, follow_symlinks=False)
        except (OSError, ValueError):
            continue
        found.append(FileStamp(state.st_size, state.st_mtime_ns, state.st_ino))
    return tuple(found)


def open_regular(path: str) -> int:
    """Open a file for reading and return its descriptor; the caller closes it.

    Raises:
        OSError: it is not there or not readable; or a link, pipe, socket, device or directory. Opening a pipe does not
            wait for its writer.
    """
    descriptor = os.open(path, _FLAGS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotReadError("It is a pipe, socket, device or directory.", "Only regular files are read.")
    return descriptor


def read_whole(path: str, limit: int = READABLE_BYTES) -> bytes:
    """All of a file.

    Raises:
        OSError: it cannot be opened (see `open_regular`); NotReadError, which says so, if it is longer than `limit`.
    """
    descriptor = open_regular(path)
    try:
        size = os.fstat(descriptor).st_size
        if size > limit:
            what = f"It has {size:,} bytes; files of its kind are read up to {limit:,}."
            raise NotReadError(what, "Make it smaller, or leave it: the rest of the run is shown.")
        pieces = []
        left = limit
        while left > 0 and (data := os.read(descriptor, min(left, 1 << 20))):
            pieces.append(data)
            left -= len(data)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    finally:
        os.close(descriptor)


def problem_with(path: str, what: str, remedy: str) -> Problem:
    """A Problem whose texts can be shown and sent on, whatever bytes the store had in them."""
    return Problem(encodable(path), encodable(what), encodable(remedy))


def unreadable(path: str, error: OSError) -> Problem:
    """The Problem for a file or directory that the system does not let us read."""
    if isinstance(error, NotReadError):
        return problem_with(path, error.what, error.remedy)
    if isinstance(error, PermissionError):
        remedy = "Make it readable for your user: chmod u+r, or ask its owner."
        return problem_with(path, "It cannot be read: permission denied.", remedy)
    why = (error.strerror or str(error)).lower()
    return problem_with(path, f"It cannot be read: {why}.", "Check the file and the disk; the rest is shown.")
