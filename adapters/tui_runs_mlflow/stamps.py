"""Tells whether the files of a run are as they were when they were read: by name, size, and times of change.

A file's stamp is taken after it was opened and before it is read, so that what is written in between makes the stamp
too old, never too new. The time of the inode's change is in it because a program can set the other one back. The
inode's number is not: file systems over a network may give another one at every mount.
"""

from __future__ import annotations

import os
from array import array
from hashlib import blake2b
from typing import Final

from tui_runs.adapter import Problem
from tui_runs_mlflow.run_files import TEXT_LIMIT, parts_of, read_file, walk_files

PARTS: Final = ("params", "tags", "metrics")
"""The directories of a run that are read, in this order."""

_OPEN: Final = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
_READ_SIZE: Final = 1 << 16

MetaStamp = tuple[int, int, int]
"""Size, time of change and time of the inode's change (ns) of a meta.yaml."""


def meta_stamp(directory: str) -> MetaStamp:
    """The stamp of a run's meta.yaml; zeros where there is none."""
    try:
        status = os.stat(os.path.join(directory, "meta.yaml"))
    except OSError:
        return 0, 0, 0
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


class FileStamps:
    """The stamps of all files of one run.

    Args:
        meta: that of its meta.yaml.
    """

    __slots__ = ("_names", "_numbers")

    def __init__(self, meta: MetaStamp) -> None:
        self._names: list[str] = []
        self._numbers: list[int] = [*meta]

    def __len__(self) -> int:
        """How many files, and parts, there are."""
        return len(self._names)

    def enter(self, part: str) -> None:
        """Say that the files which follow are those of one of PARTS."""
        self._names.append("/" + part)  # no file's name within a part begins so

    def add(self, name: str, status: os.stat_result) -> None:
        """Note a file, in the order in which the directory lists it: one that did not change keeps its order."""
        self._names.append(name)
        self._numbers += (status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def settled(self, before: int) -> bool:
        """Whether no file changed at or after a moment (ns since 1970). No size is as large as a time."""
        return max(self._numbers) < before

    def digest(self) -> bytes | None:
        """16 bytes that differ when any stamp does; None where a time is beyond the year 2262."""
        try:
            numbers = array("q", self._numbers)
        except OverflowError:
            return None
        names = "\0".join(self._names).encode(errors="surrogateescape")
        return blake2b(b"%d\0%b%b" % (len(self._names), names, numbers.tobytes()), digest_size=16).digest()


def read_stamped(path: str, name: str, stamps: FileStamps | None, limit: int = TEXT_LIMIT) -> bytes:
    """Read a regular file's first `limit` bytes, as `read_file` does, and note its stamp if that is wanted.

    Raises:
        OSError: it cannot be opened or read, or is a directory or a link.
    """
    descriptor = os.open(path, _OPEN)
    try:
        if stamps is not None:
            stamps.add(name, os.fstat(descriptor))
        data = os.read(descriptor, _READ_SIZE)
    finally:
        os.close(descriptor)
    return data if len(data) < _READ_SIZE else read_file(path, limit)


def digest_now(directory: str) -> bytes | None:
    """The digest of a run's files as they are, without opening one; None where one cannot be looked at."""
    stamps = FileStamps(meta_stamp(directory))
    odd: list[Problem] = []
    try:
        parts = parts_of(directory, odd)
        for part in PARTS:
            if part in parts:
                stamps.enter(part)
                for key, path in walk_files(parts[part], odd):
                    stamps.add(key, os.stat(path, follow_symlinks=False))
    except OSError:
        return None
    return None if odd else stamps.digest()
