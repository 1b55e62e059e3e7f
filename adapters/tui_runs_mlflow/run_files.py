"""The files of one MLflow run: meta.yaml, and the trees of params, tags and metrics, where a file's path is its key.

Written for many small files: names are listed and opened, and only what turns out to be a directory is descended
into. Files are opened without following links and without blocking, so that neither a link out of the run nor a
named pipe can be read by accident.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tui_runs.adapter import Problem
from tui_runs.display import encodable
from tui_runs_mlflow.meta_yaml import MetaError, parse_meta

_OPEN: Final = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
_READ_SIZE: Final = 1 << 16
TEXT_LIMIT: Final = 1 << 20
"""Bytes of a param or tag that are shown; mlflow itself writes at most 6,000 characters of a param."""
DEPTH_LIMIT: Final = 32
"""Levels of directories below params/, tags/ or metrics/."""

META_REMEDY: Final = "Restore the file from a backup, or delete its directory; the other runs are not affected."
_LINK_REMEDY: Final = "Links inside a run are not followed; put the file itself there."
_SPECIAL_REMEDY: Final = "Only regular files are read; delete it if it is of no use."


@dataclass(frozen=True, slots=True)
class RunMeta:
    """What a run's meta.yaml says. Times are milliseconds since 1970, or None."""

    run_id: str
    name: str | None
    status: int | None
    start_time: int | None
    end_time: int | None
    user: str | None
    deleted: bool
    source_name: str | None


def read_file(path: str, limit: int = TEXT_LIMIT) -> bytes:
    """Read a regular file's first `limit` bytes.

    Raises:
        OSError: it cannot be opened or read, or is a directory or a link.
    """
    descriptor = os.open(path, _OPEN)
    try:
        data = os.read(descriptor, _READ_SIZE)
        if len(data) < _READ_SIZE:
            return data
        parts = [data]
        size = len(data)
        while size < limit and (data := os.read(descriptor, min(limit - size, 1 << 22))):
            parts.append(data)
            size += len(data)
        return b"".join(parts)[:limit]
    finally:
        os.close(descriptor)


def read_end(path: str, limit: int) -> tuple[bytes, int]:
    """Read a regular file's last `limit` bytes, or all of a shorter one; also gives where in the file they begin.

    Raises:
        OSError: it cannot be opened or read, or is a directory, a link or a pipe.
    """
    descriptor = os.open(path, _OPEN)
    try:
        start = os.lseek(descriptor, max(0, os.fstat(descriptor).st_size - limit), os.SEEK_SET)
        return os.read(descriptor, limit), start
    finally:
        os.close(descriptor)


def walk_files(directory: str, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    """Every file below a directory as (key, path): the key is the path from `directory`, with / between parts.

    A directory that is not there is empty: git does not keep empty ones. What cannot be listed becomes a Problem, and
    so does what is neither file nor directory; it is left out.
    """
    todo = [("", directory, 0)]
    while todo:
        prefix, where, depth = todo.pop()
        try:
            with os.scandir(where) as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        if entry.name != ".DS_Store":
                            yield prefix + entry.name, entry.path
                    elif entry.is_dir(follow_symlinks=False):
                        if depth < DEPTH_LIMIT:
                            todo.append((f"{prefix}{entry.name}/", entry.path, depth + 1))
                    elif entry.is_symlink():
                        problems.append(problem_with(entry.path, "It is a symbolic link.", _LINK_REMEDY))
                    else:
                        # Reading a named pipe would take from it what was meant for another.
                        problems.append(problem_with(entry.path, "It is a pipe, socket or device.", _SPECIAL_REMEDY))
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(unreadable(where, error))


def parts_of(directory: str, problems: list[Problem]) -> dict[str, str]:
    """The real directories of a run by name (params, tags, metrics, …); one that is a link is reported, not followed.

    Raises:
        OSError: the run's directory cannot be listed.
    """
    parts: dict[str, str] = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                parts[entry.name] = entry.path
            elif entry.name in ("params", "tags", "metrics") and entry.is_symlink():
                problems.append(problem_with(entry.path, "It is a symbolic link.", _LINK_REMEDY))
            elif entry.name in ("params", "tags", "metrics"):
                problems.append(problem_with(entry.path, "It is a file where a directory should be.", META_REMEDY))
    return parts


def read_texts(directory: str, problems: list[Problem]) -> list[tuple[str, str]]:
    """Every (key, value) below params/ or tags/; the values are exactly what the files hold."""
    texts: list[tuple[str, str]] = []
    for key, path in walk_files(directory, problems):
        # `read_file`, written out: this runs once for each of a hundred thousand files.
        try:
            descriptor = os.open(path, _OPEN)
            try:
                data = os.read(descriptor, _READ_SIZE)
            finally:
                os.close(descriptor)
            if len(data) == _READ_SIZE:
                data = read_file(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(unreadable(path, error))
            continue
        try:
            value = data.decode()
        except UnicodeDecodeError:
            value = data.decode(errors="replace")
            problems.append(
                problem_with(path, "The value is not UTF-8 text.", "It is shown with � for each unreadable byte.")
            )
        if len(data) >= TEXT_LIMIT:
            problems.append(problem_with(path, "The value is longer than 1 MiB.", "Only its beginning is shown."))
        texts.append((key if key.isascii() else encodable(key), value))
    return texts


def problem_with(path: str, what: str, remedy: str) -> Problem:
    """A Problem with a file, whatever bytes are in its name."""
    return Problem(encodable(path), encodable(what), remedy)


def unreadable(path: str, error: OSError) -> Problem:
    """A Problem that says why a file or directory could not be read."""
    if isinstance(error, PermissionError):
        return problem_with(path, "Permission denied.", "Make it readable for your user: chmod u+r, or ask its owner.")
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            return problem_with(path, "It is a symbolic link.", _LINK_REMEDY)
    except OSError:
        pass  # it went away meanwhile: the first error says enough
    reason = error.strerror or type(error).__name__
    return problem_with(path, f"It cannot be read: {reason}.", "Check the file and its disk.")


def read_run_meta(directory: str) -> RunMeta:
    """Read and check a run's meta.yaml.

    Raises:
        OSError: it cannot be read.
        MetaError: it does not describe a run.
    """
    data = read_file(os.path.join(directory, "meta.yaml"))
    if len(data) >= TEXT_LIMIT:
        raise MetaError("is longer than 1 MiB")
    values = parse_meta(data)
    run_id = values.get("run_id") or values.get("run_uuid")
    if not isinstance(run_id, str | int) or run_id == "":
        raise MetaError("has no run_id")
    return RunMeta(
        run_id=encodable(str(run_id)),
        name=_text(values.get("run_name")) or _text(values.get("name")),
        status=_whole(values.get("status")),
        start_time=_whole(values.get("start_time")),
        end_time=_whole(values.get("end_time")),
        user=_text(values.get("user_id")),
        deleted=values.get("lifecycle_stage") == "deleted",
        source_name=_text(values.get("source_name")),
    )


def _text(value: str | int | None) -> str | None:
    return None if value is None or value == "" else encodable(str(value))


def _whole(value: str | int | None) -> int | None:
    return value if isinstance(value, int) and abs(value) < 1 << 53 else None
