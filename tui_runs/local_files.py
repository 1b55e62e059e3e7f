"""The files below one directory that belongs to a run: listed and read without ever leaving it.

No symbolic link is followed from that directory downwards: every name is opened relative to the directory before it,
so that nothing which is exchanged meanwhile leads out either. Pipes, sockets and devices are not opened.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import polars as pl

from tui_runs.adapter import Problem
from tui_runs.capabilities import Artifacts, LogPart
from tui_runs.display import encodable, printable
from tui_runs.errors import ArtifactError
from tui_runs.schema import ARTIFACTS, empty

ENTRY_LIMIT: Final = 10_000
"""Entries of one directory that are listed."""
_PROBLEM_LIMIT: Final = 20
_UNDECODABLE: Final = re.compile(r"\\udc([89a-f][0-9a-f])")
"""A byte of a file name that is no text, as `encodable` writes it."""

_READ: Final = sum(getattr(os, flag, 0) for flag in ("O_RDONLY", "O_NONBLOCK", "O_CLOEXEC", "O_NOFOLLOW"))
_DIRECTORY: Final = getattr(os, "O_DIRECTORY", 0)

_MISSING_REMEDY: Final = "Nothing was logged there, or it was moved or deleted; copy it back to see it."
_LINK_REMEDY: Final = "Links inside a run are not followed; put the file itself there."


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """A directory of one run.

    Args:
        start: a directory that is opened as it is; None where the files are out of reach.
        names: the directories from there to the files, none of which may be a link.
        problem: why they are out of reach, or not where the store says.
    """

    start: str | None
    names: tuple[str, ...] = ()
    problem: Problem | None = None

    def list_directory(self, directory: str = "") -> Artifacts:
        """List a directory, ENTRY_LIMIT entries at most. What cannot be listed is a Problem, and so is a link.

        Args:
            directory: a path from an earlier listing, "" for the topmost.
        """
        problems = [self.problem] if self.problem else []
        try:
            with self._opened(_parts(directory), _DIRECTORY) as descriptor:
                entries, complete = _entries(descriptor, directory, self._path(directory), problems)
        except FileNotFoundError:
            if directory:  # the topmost is not there before something is logged, and in what was cloned by git
                what = "The directory is not there any more."
                problems.append(_problem(self._path(directory), what, _MISSING_REMEDY))
            return Artifacts(empty(ARTIFACTS), problems)
        except OSError as error:
            problems.append(_problem(self._path(directory), f"It is not listed: {_why(error)}.", _remedy(error)))
            return Artifacts(empty(ARTIFACTS), problems)
        entries.sort(key=lambda entry: (not entry[1], entry[0]))
        return Artifacts(pl.DataFrame(entries, schema=dict(ARTIFACTS), orient="row"), problems, complete)

    def read_file(self, path: str, limit: int) -> bytes:
        """The first `limit` bytes of a file.

        Args:
            path: as listed.
            limit: bytes at most.

        Raises:
            ArtifactError: it is not there, not a regular file inside the run's directory, or cannot be read.
        """
        return self.read_range(path, 0, limit).data

    def read_range(self, path: str, start: int, limit: int) -> LogPart:
        """A stretch of a file; nothing before it is read.

        Args:
            path: as listed.
            start: the first byte; a negative one counts from the end, and one behind the end is the end.
            limit: bytes at most.

        Raises:
            ArtifactError: it is not there, not a regular file inside the run's directory, or cannot be read.
        """
        self._refuse_unreachable()
        try:
            with self._opened(_parts(path), 0) as descriptor:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise OSError("it is not a regular file")
                size = status.st_size
                start = max(0, size + start) if start < 0 else min(start, size)
                os.lseek(descriptor, start, os.SEEK_SET)
                left = min(limit, size - start)
                chunks: list[bytes] = []
                while left > 0 and (data := os.read(descriptor, min(left, 1 << 20))):
                    chunks.append(data)
                    left -= len(data)
                return LogPart(b"".join(chunks), start, size)
        except OSError as error:
            what = f"{printable(self._path(path))} cannot be read: {_why(error)}."
            raise ArtifactError(what, _remedy(error)) from None

    def local_path(self, path: str) -> str:
        """Where a file or directory is, an absolute path; no link leads to it at the time of asking.

        Args:
            path: as listed.

        Raises:
            ArtifactError: it is not there, or not inside the run's directory.
        """
        self._refuse_unreachable()
        try:
            with self._opened(_parts(path), 0):
                names = [_UNDECODABLE.sub(_undecoded, name) for name in path.split("/")]
                where = os.path.join(self.start or "", *self.names, *path.split("/"))
                raw = os.path.join(self.start or "", *self.names, *names)
                return os.path.abspath(where if os.path.lexists(where) else raw)
        except OSError as error:
            what = f"{printable(self._path(path))} cannot be opened: {_why(error)}."
            raise ArtifactError(what, _remedy(error)) from None

    @property
    def has_entries(self) -> bool:
        """Whether the directory is there and something is in it."""
        try:
            with self._opened((), 0) as descriptor, os.scandir(descriptor) as entries:
                return any(True for _ in entries)
        except OSError:
            return False

    def _refuse_unreachable(self) -> None:
        """Say why the files are out of reach, where that is known.

        Raises:
            ArtifactError: they are.
        """
        if self.start is None and self.problem is not None:
            raise ArtifactError(printable(f"{self.problem.uri}: {self.problem.what}"), self.problem.remedy)

    def _path(self, path: str) -> str:
        return encodable(os.path.join(self.start or "", *self.names, *path.split("/"))).rstrip("/")

    @contextmanager
    def _opened(self, parts: Sequence[str], kind: int) -> Iterator[int]:
        """Open what lies below the directory, one name after the other.

        Args:
            parts: names as they were listed.
            kind: flags for the last of them.

        Raises:
            OSError: something on the way is not there, a link, or not what it should be.
        """
        if self.start is None:
            raise FileNotFoundError("the run has none")
        if os.open not in os.supports_dir_fd:
            raise OSError("on this system it cannot be opened without following links")
        names = (*self.names, *parts)
        descriptor = os.open(self.start, os.O_RDONLY | _DIRECTORY | getattr(os, "O_CLOEXEC", 0))
        try:
            for number, name in enumerate(names, 1):
                flags = _READ | (_DIRECTORY if number < len(names) else kind)
                inner = _open_in(descriptor, name, flags)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)


def _entries(
    descriptor: int, directory: str, where: str, problems: list[Problem]
) -> tuple[list[tuple[str, bool, int | None, datetime | None]], bool]:
    """The files and directories in an open directory, and whether these are all of them.

    Args:
        descriptor: of the directory.
        directory: its path from the run's directory, "" for the topmost.
        where: its path, for problems.
        problems: gets links and special files, which are left out.
    """
    found: list[tuple[str, bool, int | None, datetime | None]] = []
    strange: list[Problem] = []
    complete = True
    with os.scandir(descriptor) as entries:
        for number, entry in enumerate(entries):
            if number >= ENTRY_LIMIT:
                complete = False
                break
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # removed this moment
                continue
            is_directory = stat.S_ISDIR(status.st_mode)
            if not is_directory and not stat.S_ISREG(status.st_mode):
                is_link = stat.S_ISLNK(status.st_mode)
                what = "It is a symbolic link." if is_link else "It is a pipe, socket or device."
                remedy = _LINK_REMEDY if is_link else "Only regular files are read."
                strange.append(_problem(os.path.join(where, entry.name), what, remedy))
                continue
            path = encodable(f"{directory}/{entry.name}" if directory else entry.name)
            found.append((path, is_directory, None if is_directory else status.st_size, _time(status.st_mtime)))
    problems += strange[:_PROBLEM_LIMIT]
    if len(strange) > _PROBLEM_LIMIT:
        what = f"{len(strange) - _PROBLEM_LIMIT} more of its entries are links, pipes, sockets or devices."
        problems.append(_problem(where, what, _LINK_REMEDY))
    return found, complete


def _open_in(descriptor: int, name: str, flags: int) -> int:
    r"""Open a name in an open directory; or as it was listed, with `\udcff` for a byte that is no text."""
    try:
        return _open_checked(descriptor, name, flags)
    except FileNotFoundError:
        raw = _UNDECODABLE.sub(_undecoded, name)
        if raw == name:
            raise
        return _open_checked(descriptor, raw, flags)


def _undecoded(match: re.Match[str]) -> str:
    return chr(0xDC00 + int(match[1], 16))


def _open_checked(descriptor: int, name: str, flags: int) -> int:
    mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        raise OSError("it is a symbolic link")
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # opening some devices does something already
        raise OSError("it is a pipe, socket or device")
    return os.open(name, flags, dir_fd=descriptor)


def _parts(path: str) -> list[str]:
    """The names in a path of a listing.

    Raises:
        OSError: it is none that a listing gives.
    """
    parts = path.split("/") if path else []
    if any(part in ("", ".", "..") or "\0" in part or os.sep in part for part in parts):
        raise OSError("it is not a path inside the run's directory")
    return parts


def _why(error: OSError) -> str:
    """What an error says, to stand at the end of a sentence."""
    return (error.strerror or str(error)).lower()


def _remedy(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "Make it readable for your user: chmod u+r, or ask its owner."
    return _MISSING_REMEDY if isinstance(error, FileNotFoundError) else "Only regular files inside of a run are read."


def _time(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _problem(path: str, what: str, remedy: str) -> Problem:
    return Problem(encodable(path), encodable(what), remedy)
