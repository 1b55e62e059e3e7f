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

_OPEN: Final = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
_READ_SIZE: Final = 1 << 16
TEXT_LIMIT: Final = 1 << 20
"""Bytes of a param or tag that are shown; mlflow itself writes at most 6,000 characters of a param."""
DEPTH_LIMIT: Final = 32
"""Levels of directories below params/, tags/ or metrics/."""

META_REMEDY: Final = "Restore the file from a backup, or delete its directory; the other runs are not affected."
_LINK_REMEDY: Final = "Links inside a run are not followed; put the file itself there."
_SPECIAL_REMEDY: Final = "Only regular files are read; delete it if it is of no use."


class MetaError(Exception):
    """A meta.yaml that says nothing usable; the message completes the sentence "meta.yaml …"."""


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


def walk_files(directory: str, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    """Every file below a directory as (key, path): the key is the path from `directory`, with / between parts.

    A directory that is not there is empty: git does not keep empty ones. What cannot be listed becomes a Problem.
    """
    todo = [("", directory, 0)]
    while todo:
        prefix, where, depth = todo.pop()
        try:
            with os.scandir(where) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if depth < DEPTH_LIMIT:
                            todo.append((f"{prefix}{entry.name}/", entry.path, depth + 1))
                    elif not (entry.is_file(follow_symlinks=False) or entry.is_symlink()):
                        # Reading a named pipe would take from it what was meant for another.
                        problems.append(problem_with(entry.path, "It is a pipe, socket or device.", _SPECIAL_REMEDY))
                    elif entry.name != ".DS_Store":
                        yield prefix + entry.name, entry.path
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
        try:
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
        texts.append((clean(key), value))
    return texts


def clean(name: str) -> str:
    r"""A file name as text that UTF-8, and so a frame, can hold: a byte that is no text becomes `\udcff` or so."""
    return name if name.isascii() else name.encode(errors="backslashreplace").decode()


def problem_with(path: str, what: str, remedy: str) -> Problem:
    """A Problem with a file, whatever bytes are in its name."""
    return Problem(clean(path), clean(what), remedy)


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


def parse_meta(data: bytes) -> dict[str, str | int | None]:
    """The scalars of a meta.yaml: text, whole numbers, None.

    MLflow writes these files flat, one plain `key: value` a line, and a reader of just that is nine times faster
    than the YAML library's in C; anything else in the file (quotes with escapes, folded lines) goes to that library.

    Raises:
        MetaError: the bytes are empty, not text, or not a YAML mapping.
    """
    if not data.strip(b"\0 \t\r\n"):
        raise MetaError("is empty")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise MetaError("is not UTF-8 text") from None
    values: dict[str, str | int | None] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(": ")
        if not colon or not key.isidentifier():
            if line.endswith(":") and line[:-1].isidentifier():
                values[line[:-1]] = None
                continue
            return _parse_yaml(text)
        if value.isdigit() and (value == "0" or value[0] != "0") and value.isascii() and len(value) < 19:
            values[key] = int(value)
        elif value in ("null", "~", "[]", "{}"):
            values[key] = None
        elif value[:1] == "'" and value[-1:] == "'" and len(value) > 1 and "'" not in value[1:-1]:
            values[key] = value[1:-1]
        elif (value[:1].isalpha() and " #" not in value and ": " not in value) or _is_hex_id(value):
            values[key] = value
        else:
            return _parse_yaml(text)
    return values


def _is_hex_id(value: str) -> bool:
    """A run id that begins with a digit; YAML's own numbers of letters and digits begin with 0x or 0b."""
    return value.isalnum() and value.isascii() and value[:2] not in ("0x", "0b") and not value.isdigit()


def _parse_yaml(text: str) -> dict[str, str | int | None]:
    import yaml  # noqa: PLC0415  rare, and 15 ms of start-up

    # Only the scalars are made, one by one: building the rest is what a file of nested merges blows up with.
    values: dict[str, str | int | None] = {}
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise MetaError("is not a YAML mapping")
        for key, node in root.value:
            if isinstance(key, yaml.ScalarNode) and isinstance(node, yaml.ScalarNode):
                values[key.value] = _scalar(loader.construct_object(node), node.value)
    except MetaError:
        raise
    except Exception as error:  # for `!!int x` and the like it raises what int() and its like raise
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise MetaError(f"is not valid YAML{where}") from None
    return values


def _scalar(value: object, text: str) -> str | int | None:
    """A YAML scalar as MLflow means it: dates, numbers with a point, `yes` and the like are the text that they were."""
    if value is None or isinstance(value, str):
        return value
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63 else text


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
    if not isinstance(run_id, str | int):
        raise MetaError("has no run_id")
    return RunMeta(
        run_id=clean(str(run_id)),
        name=_text(values.get("run_name")) or _text(values.get("name")),
        status=_whole(values.get("status")),
        start_time=_whole(values.get("start_time")),
        end_time=_whole(values.get("end_time")),
        user=_text(values.get("user_id")),
        deleted=values.get("lifecycle_stage") == "deleted",
        source_name=_text(values.get("source_name")),
    )


def _text(value: str | int | None) -> str | None:
    return None if value is None or value == "" else clean(str(value))


def _whole(value: str | int | None) -> int | None:
    return value if isinstance(value, int) and abs(value) < 1 << 53 else None
