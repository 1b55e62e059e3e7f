"""The artifacts of a run that lie in a directory of this machine: where that is, what is in it, the files' bytes.

Where a run's artifacts are stands in the store, so it is a stranger's word. The rule:

- In a file store, `<run>/artifacts` is the run's own directory, whatever `artifact_uri` says: a store that was moved
  or copied still has it. Only where nothing is in it does `artifact_uri` count.
- A directory that `artifact_uri` names is looked at only if its name is the one that MLflow gives to artifacts,
  `…/<run id>/artifacts`, with this run's id of 32 hexadecimal digits. Nobody's keys lie in a directory of that name,
  while artifacts on a shared disk (`mlflow server --artifacts-destination /data`) are found. Anything else, such as
  /etc, is a Problem: nothing of it is opened, nor is it asked whether it is there.
- A relative path, one that a server stands before (`mlflow-artifacts:`), or an absolute one that is not there, is
  looked for beside the store, under the names that MLflow uses: `./`, `./mlruns`, `./mlartifacts`.
- From the run's directory downwards no symbolic link is followed: every name is opened relative to the directory
  before it, so that nothing which is exchanged meanwhile leads out either.

What is on another machine (s3, …) is a Problem that says where.
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
from urllib.parse import unquote, urlsplit

import polars as pl

from tui_runs.adapter import Problem
from tui_runs.capabilities import Artifacts
from tui_runs.display import address, printable
from tui_runs.errors import ArtifactError
from tui_runs.schema import ARTIFACTS, empty
from tui_runs_mlflow.meta_yaml import MetaError, parse_meta
from tui_runs_mlflow.run_files import clean, problem_with, read_file

ENTRY_LIMIT: Final = 10_000
"""Entries of one directory that are listed."""
_PROBLEM_LIMIT: Final = 20
_RUN_ID: Final = re.compile(r"[0-9a-f]{32}")
_UNDECODABLE: Final = re.compile(r"\\udc([89a-f][0-9a-f])")
"""A byte of a file name that is no text, as `run_files.clean` writes it."""
_BESIDE: Final = ("", "mlruns", "mlartifacts")
"""Where MLflow puts artifacts, from the directory it is started in."""

_READ: Final = sum(getattr(os, flag, 0) for flag in ("O_RDONLY", "O_NONBLOCK", "O_CLOEXEC", "O_NOFOLLOW"))
_DIRECTORY: Final = getattr(os, "O_DIRECTORY", 0)

_OUTSIDE_REMEDY: Final = "If that is yours, open the files with another tool; tui-runs opens nothing there."
_ELSEWHERE_REMEDY: Final = "Fetch them with `mlflow artifacts download`, or open the tracking server in place of this."
_MISSING_REMEDY: Final = "Nothing was logged there, or it was moved or deleted; copy it back to see it."
_LINK_REMEDY: Final = "Links inside a run are not followed; put the file itself there."


@dataclass(frozen=True, slots=True)
class LocalArtifacts:
    """The artifact directory of one run.

    Args:
        start: a directory that is opened as it is; None where the artifacts are out of reach.
        names: the directories from there to the artifacts, none of which may be a link.
        problem: what is wrong with the run's `artifact_uri`.
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
                problems.append(problem_with(self._path(directory), what, _MISSING_REMEDY))
            return Artifacts(empty(ARTIFACTS), problems)
        except OSError as error:
            problems.append(problem_with(self._path(directory), f"It is not listed: {_why(error)}.", _remedy(error)))
            return Artifacts(empty(ARTIFACTS), problems)
        entries.sort(key=lambda entry: (not entry[1], entry[0]))
        return Artifacts(pl.DataFrame(entries, schema=dict(ARTIFACTS), orient="row"), problems, complete)

    def read_file(self, path: str, limit: int) -> bytes:
        """The first `limit` bytes of a file.

        Args:
            path: as listed.
            limit: bytes at most.

        Raises:
            ArtifactError: it is not there, not a regular file inside the run's artifacts, or cannot be read.
        """
        if self.start is None and self.problem is not None:
            raise ArtifactError(printable(f"{self.problem.uri}: {self.problem.what}"), self.problem.remedy)
        try:
            with self._opened(_parts(path), 0) as descriptor:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise OSError("it is not a regular file")
                chunks: list[bytes] = []
                while limit > 0 and (data := os.read(descriptor, min(limit, 1 << 20))):
                    chunks.append(data)
                    limit -= len(data)
                return b"".join(chunks)
        except OSError as error:
            what = f"{printable(self._path(path))} cannot be read: {_why(error)}."
            raise ArtifactError(what, _remedy(error)) from None

    def _path(self, path: str) -> str:
        return clean(os.path.join(self.start or "", *self.names, *path.split("/"))).rstrip("/")

    @contextmanager
    def _opened(self, parts: Sequence[str], kind: int) -> Iterator[int]:
        """Open what lies below the artifact directory, one name after the other.

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


def artifacts_in_file_store(root: str, directory: str) -> LocalArtifacts:
    """Where the artifacts of a file store's run are.

    Args:
        root: the store's directory.
        directory: the run's directory.
    """
    own = LocalArtifacts(directory, ("artifacts",))
    try:
        meta = parse_meta(read_file(os.path.join(directory, "meta.yaml")))
    except (OSError, MetaError):  # the scan has reported it
        return own
    uri, run_id = meta.get("artifact_uri"), str(meta.get("run_id") or meta.get("run_uuid"))
    path = _local_path(uri) if isinstance(uri, str) else None
    if path == os.path.join(directory, "artifacts"):
        return own
    if not isinstance(uri, str):
        return own
    if path is not None and not _is_named_as_artifacts(path, run_id):
        return LocalArtifacts(directory, ("artifacts",), _refusal(uri, run_id))
    if _has_entries(own):
        return own
    named = local_artifacts(run_id, uri, [os.path.dirname(root), root])
    return named if path is None or _has_entries(named) else own


def local_artifacts(run_id: str, artifact_uri: str | None, beside: Sequence[str]) -> LocalArtifacts:
    """Where the artifacts of a run are that a database knows.

    Args:
        run_id: whose.
        artifact_uri: what the store says.
        beside: directories in which MLflow may have been started, the likeliest first: that of the database's file.
    """
    if not artifact_uri:
        return LocalArtifacts(None)
    path = _local_path(artifact_uri)
    if path is None:
        what = "The artifacts are kept on another machine, and tui-runs does not fetch them from there."
        return LocalArtifacts(None, problem=problem_with(address(artifact_uri), what, _ELSEWHERE_REMEDY))
    if not _is_named_as_artifacts(path, run_id):
        return LocalArtifacts(None, problem=_refusal(artifact_uri, run_id))
    places = _places(path, beside)
    for place in places:
        if os.path.isdir(os.path.join(place, run_id, "artifacts")):
            return LocalArtifacts(place, (run_id, "artifacts"))
    # A run that logged nothing has no directory. All are elsewhere where none of those is there that would have it.
    homes = [os.path.join(where, name) for where in beside for name in _BESIDE if name]
    if path.startswith("/"):
        homes.append(os.path.dirname(os.path.dirname(places[0])))
    elif not artifact_uri.startswith("mlflow-artifacts:"):
        homes += beside
    if any(map(os.path.isdir, homes)):
        return LocalArtifacts(None)
    what = "The run's artifacts are said to be in a directory that is not on this machine."
    return LocalArtifacts(None, problem=problem_with(address(artifact_uri), what, _ELSEWHERE_REMEDY))


def _is_named_as_artifacts(path: str, run_id: str) -> bool:
    """Whether a path is one that MLflow gives to the artifacts of this run."""
    parts = path.split("/")
    return _RUN_ID.fullmatch(run_id) is not None and parts[-2:] == [run_id, "artifacts"] and ".." not in parts


def _refusal(uri: str, run_id: str) -> Problem:
    what = f"The run's artifacts are said to be there, and its name does not end in {run_id}/artifacts."
    return problem_with(uri, what, _OUTSIDE_REMEDY)


def _places(path: str, beside: Sequence[str]) -> list[str]:
    """Directories that may hold the run's: as said, and beside the store with the experiment's name or without."""
    above = path.split("/")[:-2]
    absolute = ["/".join(above) or "/"] if path.startswith("/") else []
    tails = {above[-1] if above else "": None, "": None}
    if not absolute:
        tails = {"/".join(above): None} | tails
    return absolute + [os.path.join(where, name, tail) for where in beside for name in _BESIDE for tail in tails]


def _local_path(uri: str) -> str | None:
    """The path that an artifact uri stands for, relative if a server proxies it; None if it is on another machine.

    Source: mlflow.store.artifact.artifact_repository_registry, `local_file_uri_to_path` of mlflow.utils.file_utils.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:  # half an IPv6 address: no URL, so a path
        return uri
    if len(parts.scheme) < 2:  # a path, perhaps one that begins with a drive letter
        return None if uri.startswith(("//", "\\\\")) else uri.rstrip("/")  # those begin with the name of a machine
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return unquote(parts.path).rstrip("/")
    return unquote(parts.path).strip("/") if parts.scheme == "mlflow-artifacts" else None


def _has_entries(artifacts: LocalArtifacts) -> bool:
    if artifacts.start is None:
        return False
    try:
        with artifacts._opened((), 0) as descriptor, os.scandir(descriptor) as entries:
            return any(True for _ in entries)
    except OSError:
        return False


def _entries(
    descriptor: int, directory: str, where: str, problems: list[Problem]
) -> tuple[list[tuple[str, bool, int | None, datetime | None]], bool]:
    """The files and directories in an open directory, and whether these are all of them.

    Args:
        descriptor: of the directory.
        directory: its path in the artifacts, "" for the topmost.
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
                strange.append(problem_with(os.path.join(where, entry.name), what, remedy))
                continue
            path = clean(f"{directory}/{entry.name}" if directory else entry.name)
            found.append((path, is_directory, None if is_directory else status.st_size, _time(status.st_mtime)))
    problems += strange[:_PROBLEM_LIMIT]
    if len(strange) > _PROBLEM_LIMIT:
        what = f"{len(strange) - _PROBLEM_LIMIT} more of its entries are links, pipes, sockets or devices."
        problems.append(problem_with(where, what, _LINK_REMEDY))
    return found, complete


def _open_in(descriptor: int, name: str, flags: int) -> int:
    r"""Open a name in an open directory; or as it was listed, with `\udcff` for a byte that is no text."""
    try:
        return _open_checked(descriptor, name, flags)
    except FileNotFoundError:
        raw = _UNDECODABLE.sub(lambda match: chr(0xDC00 + int(match[1], 16)), name)
        if raw == name:
            raise
        return _open_checked(descriptor, raw, flags)


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
        raise OSError("it is not a path inside the run's artifacts")
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
