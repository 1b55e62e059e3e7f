"""Where the snapshot of a file store is kept between two openings: one file a store, in the user's cache directory.

The file is a checksum, a line that says what it is of, one with the frames' sizes, and the frames as Arrow IPC. One
that is damaged, of another store or of another version is as good as none. It is read and not mapped into memory: a
mapped file that another machine replaces, in a home directory on a network, ends the process.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
import time
from contextlib import suppress
from hashlib import blake2b
from io import BytesIO
from typing import Final

import polars as pl

from tui_runs_mlflow.snapshot import NOTHING, SCHEMAS, Snapshot

FORMAT: Final = 1
"""Of a snapshot; another number, or another major version of Polars, makes it void."""
_SUFFIX: Final = ".mlflow-snapshot"
_CHECKSUM: Final = 16
_MOST_BYTES: Final = 500_000_000
"""Of all snapshots; the one that was not used for longest goes first."""
_MOST_SECONDS: Final = 90 * 86_400
"""After which a snapshot that nobody used goes; and a file that a writer left half done after an hour."""
_HALF_DONE_SECONDS: Final = 3600


class SnapshotFile:
    """The place of one store's snapshot. Whatever goes wrong with it, it is only not there.

    Args:
        directory: where snapshots may be kept; made when the first one is.
        root: the store's directory, absolute.
        only: directory name of the one experiment that is shown; None for all.
        with_deleted: deleted runs are shown.
    """

    def __init__(self, directory: str, root: str, only: str | None, *, with_deleted: bool) -> None:
        self._directory = directory
        of = json.dumps([root, only, with_deleted]).encode()
        self._head = b"tui-runs %d, polars %b: %b\n" % (FORMAT, pl.__version__.partition(".")[0].encode(), of)
        name = blake2b(of, digest_size=16).hexdigest()
        self.path = os.path.join(directory, name + _SUFFIX)
        inside = os.path.join(os.path.realpath(root), "")
        self._usable = not os.path.join(os.path.realpath(directory), "").startswith(inside)  # never write into a store

    def load(self) -> Snapshot:
        """The snapshot as it was saved last; an empty one where that is not there, or cannot be used."""
        if not self._usable:
            return NOTHING
        try:
            data = _read(self.path)
            if _checksum(memoryview(data)[_CHECKSUM:]) != data[:_CHECKSUM]:
                return NOTHING
            begin = _CHECKSUM + len(self._head)
            if data[_CHECKSUM:begin] != self._head:
                return NOTHING
            end = data.index(b"\n", begin) + 1
            sizes: list[int] = json.loads(data[begin:end])
            frames, begin = [], end
            for size, schema in zip(sizes, SCHEMAS, strict=True):
                frame = pl.read_ipc(data[begin : begin + size])
                if dict(frame.schema) != dict(schema):
                    return NOTHING
                frames.append(frame)
                begin += size
            return Snapshot(*frames)
        except (OSError, ValueError, pl.exceptions.PolarsError):
            return NOTHING

    def save(self, snapshot: Snapshot) -> None:
        """Put a snapshot in the place of the last one, at once and whole; and let go of those that nobody uses."""
        if not self._usable:
            return
        parts = [_encoded(frame) for frame in snapshot.frames]
        sizes = json.dumps([len(part) for part in parts]).encode() + b"\n"
        body = b"".join([self._head, sizes, *parts])
        if len(body) > _MOST_BYTES:
            return
        with suppress(OSError):
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            descriptor, beside = tempfile.mkstemp(_SUFFIX + ".new", dir=self._directory)  # readable by nobody else
            try:
                with open(descriptor, "wb") as file:
                    file.write(_checksum(body))
                    file.write(body)
                os.replace(beside, self.path)
            except BaseException:
                os.unlink(beside)
                raise
            _prune(self._directory, self.path)


def _checksum(body: bytes | memoryview) -> bytes:
    return blake2b(body, digest_size=_CHECKSUM).digest()


def _encoded(frame: pl.DataFrame) -> bytes:
    """As Arrow IPC. Packed it is a sixth of the size, is checked in a tenth of the time and read about as fast."""
    into = BytesIO()
    frame.write_ipc(into, compression="zstd")
    return into.getvalue()


def _read(path: str) -> bytes:
    """The bytes of a snapshot, which count as used from now on.

    Raises:
        OSError: it cannot be read.
    """
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("not a file")
        data = file.read(_MOST_BYTES + _CHECKSUM)
    with suppress(OSError):
        os.utime(path)
    return data


def _prune(directory: str, newest: str) -> None:
    """Delete snapshots by age, and the oldest while they are too large together.

    Raises:
        OSError: the directory cannot be listed or changed.
    """
    now = time.time()
    snapshots: list[tuple[float, int, str]] = []
    with os.scandir(directory) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                age = now - status.st_mtime
                if entry.name.endswith(_SUFFIX):
                    snapshots.append((age, status.st_size, entry.path))
                elif entry.name.endswith(_SUFFIX + ".new") and age > _HALF_DONE_SECONDS:
                    os.unlink(entry.path)
    total = 0
    for age, size, path in sorted(snapshots):
        total += size
        if path != newest and (age > _MOST_SECONDS or total > _MOST_BYTES):
            with suppress(FileNotFoundError):
                os.unlink(path)
