"""What lies where: run directories as W&B names them, and the log in each.

`wandb/{offline-run|run}-YYYYMMDD_HHMMSS-<id>/run-<id>.wandb`; beside them `latest-run` and debug logs, links on most
systems and copies on some. A run that is resumed offline gets a second directory with the same id.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from tui_runs.adapter import Problem
from tui_runs.display import encodable

_RUN_DIRECTORY: Final = re.compile(r"(?:offline-)?run-(\d{8}_\d{6})-(.+)", re.DOTALL)
_OTHER_RUN_DIRECTORY: Final = re.compile(r"(?:offline-)?run-.+", re.DOTALL)
_LOG: Final = re.compile(r"run-(.+)\.wandb", re.DOTALL)
_BESIDE_RUNS: Final = re.compile(r"debug.*\.log|latest-run|settings|sweep-.*|\.DS_Store|\.gitignore")
_STORE_NAMES: Final = ("wandb", ".wandb")
_LOOK_AT: Final = 2000
"""Directory entries looked at before a directory is said not to be W&B's."""
_OPEN: Final = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


@dataclass(frozen=True, slots=True)
class RunDir:
    """A run's directory.

    Args:
        directory: its path.
        run_id: unique in the store: the id, and behind it the time in the directory's name, for a resumed run has the
            same id in a second directory.
        wandb_id: as W&B has it.
        log: the path of its log; None where there is none.
        started: by the directory's name, microseconds since 1970; None where that says nothing.
    """

    directory: str
    run_id: str
    wandb_id: str
    log: str | None
    started: int | None


def open_log(path: str) -> int:
    """Open a file for reading, without following a link and without waiting for a pipe's other end.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    descriptor = os.open(path, _OPEN)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file")
    return descriptor


def run_at(directory: str) -> RunDir | None:
    """The run whose directory this is, if it holds a log or is named as W&B names a run's."""
    directory = directory.rstrip("/") or "/"
    name = os.path.basename(directory)
    log = _log_in(directory, name)
    named = _RUN_DIRECTORY.fullmatch(name)
    if log is None and named is None:
        return None
    return _run(directory, name, named, log)


def run_of_log(path: str) -> RunDir:
    """The run of a log that is named itself, wherever it lies."""
    directory = os.path.dirname(path)
    named = _RUN_DIRECTORY.fullmatch(os.path.basename(directory))
    return _run(directory, os.path.basename(directory) if named else os.path.basename(path), named, path)


def _run(directory: str, name: str, named: re.Match[str] | None, log: str | None) -> RunDir:
    told = _LOG.fullmatch(os.path.basename(log)) if log else None
    wandb_id = told[1] if told else named[2] if named else name
    run_id = f"{named[2]}-{named[1]}" if named else name
    return RunDir(directory, encodable(run_id), encodable(wandb_id), log, _moment(named[1]) if named else None)


def find_runs(root: str) -> list[RunDir]:
    """Every run directory in a store, in the order of their names. Links are not followed: they would count twice.

    Raises:
        OSError: the store cannot be listed.
    """
    with os.scandir(root) as entries:
        paths = sorted(entry.path for entry in entries if _may_be_run(entry))
    taken: set[str] = set()
    runs = []
    for path in paths:
        run = run_at(path)
        if run is None:
            continue
        if run.run_id in taken:  # run-… and offline-run-… of the same second and the same id
            run = RunDir(run.directory, encodable(os.path.basename(path)), run.wandb_id, run.log, run.started)
        taken.add(run.run_id)
        runs.append(run)
    return runs


def _may_be_run(entry: os.DirEntry[str]) -> bool:
    return _OTHER_RUN_DIRECTORY.fullmatch(entry.name) is not None and entry.is_dir(follow_symlinks=False)


def _log_in(directory: str, name: str) -> str | None:
    """The log in a run's directory: that of the run's own id, else the first."""
    named = _RUN_DIRECTORY.fullmatch(name)
    if named is not None:
        path = os.path.join(directory, f"run-{named[2]}.wandb")
        if os.path.lexists(path):
            return path
    try:
        with os.scandir(directory) as entries:
            return min((entry.path for entry in entries if _LOG.fullmatch(entry.name)), default=None)
    except (OSError, ValueError):
        return None


def is_store(path: str) -> str | None:
    """Why a directory is taken for one that W&B writes runs into; None where it is not."""
    others = 0
    try:
        with os.scandir(path) as entries:
            for _, entry in zip(range(_LOOK_AT), entries, strict=False):
                if _may_be_run(entry) and _log_in(entry.path, entry.name):
                    return f"{encodable(entry.name)} holds a run's transaction log"
                others += not (_may_be_run(entry) or _BESIDE_RUNS.fullmatch(entry.name))
    except (OSError, ValueError):
        return None
    if os.path.basename(os.path.abspath(path)) in _STORE_NAMES and not others:
        return "a directory as W&B makes it, without a run so far"
    return None


def store_in(project: str) -> str | None:
    """The directory of a project in which its runs lie, if it has one."""
    places = (os.path.join(project, name) for name in _STORE_NAMES)
    return next((place for place in places if os.path.isdir(place) and is_store(place)), None)


def _moment(stamp: str) -> int | None:
    """The time in a directory's name, which is local time."""
    try:
        parts = [int(stamp[begin:end]) for begin, end in pairwise((0, 4, 6, 8))]
        parts += [int(stamp[begin : begin + 2]) for begin in (9, 11, 13)]
        return int(datetime(*parts).timestamp()) * 1_000_000  # type: ignore[arg-type]
    except (ValueError, OverflowError, OSError):
        return None


def problem_with(path: str, what: str, remedy: str) -> Problem:
    """A Problem with a file, whatever bytes are in its name."""
    return Problem(encodable(path), encodable(what), remedy)


def unreadable(path: str, error: OSError) -> Problem:
    """A Problem that says why a file or directory could not be read."""
    if isinstance(error, PermissionError):
        return problem_with(path, "Permission denied.", "Make it readable for your user: chmod u+r, or ask its owner.")
    if os.path.islink(path):
        return problem_with(path, "It is a symbolic link.", "Links in a store are not followed; name the file itself.")
    reason = error.strerror or type(error).__name__
    return problem_with(path, f"It cannot be read: {reason}.", "Check the file and its disk.")
