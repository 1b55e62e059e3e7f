"""Which run a process is of. It is claimed only where it is as good as certain; no guess is better than a wrong one.

A process is a run's if it writes a file of the run, itself or by a child (W&B has one for that), or works in the run's
directory; or if the run's host, user and time fit and its command line is the same as the process's. Where two runs
fit, or two programs, none is said. What the driver calls a process may be another one here, as in a container: one
that holds no GPU open is not it.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

_DEVICES: Final = ("/dev/nvidia", "/dev/dxg")
"""What a process that uses a GPU has open; the second is that of WSL."""
_SLACK_SECONDS: Final = 2.0
"""How much later than its run a process may seem to have begun: the kernel counts in hundredths since its start."""

Place = tuple[str, str]
"""Source and run id."""


class RunClaim(NamedTuple):
    """What a store tells of a run that goes on, as far as it may show whose a process is.

    Args:
        run: which.
        place: its directory or file on this machine, "" where it has none.
        host: where it runs, "" where that is not said.
        user: who runs it, likewise.
        command: its command line, as a shell takes it, likewise.
        started: seconds since 1970, or None.
    """

    run: Place
    place: str = ""
    host: str = ""
    user: str = ""
    command: str = ""
    started: float | None = None


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """What the system tells of a process.

    Args:
        pid: its number.
        user: whose it is, "" where that is not known.
        command: its command line.
        started: seconds since 1970.
        directory: where it works; "" where the user may not know.
        group: its process group: the ranks that one launcher started share it.
        files: what it and its children have open to write; None where the user may not know.
        on_gpu: it has a GPU open; None as above.
    """

    pid: int
    user: str
    command: tuple[str, ...]
    started: float
    directory: str = ""
    group: int = 0
    files: frozenset[str] | None = None
    on_gpu: bool | None = None


def read_process(pid: int, devices: tuple[str, ...] = _DEVICES) -> ProcessFacts | None:
    """What the system tells of a process; None where there is no such process here.

    Args:
        pid: its number.
        devices: how the paths of GPUs begin.
    """
    import psutil  # noqa: PLC0415  15 ms that only one pane needs

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            command, started = tuple(process.cmdline()), process.create_time()
            user, group = _told(process.username), os.getpgid(pid) if hasattr(os, "getpgid") else pid
            directory = _told(process.cwd)
    except (psutil.Error, OSError):
        return None
    own = _open_paths(pid)
    if own is None:
        return ProcessFacts(pid, user, command, started, directory, group)
    of_all = [own, *(_open_paths(child) or {} for child in _children(pid))]
    files = frozenset(path for paths in of_all for path, written in paths.items() if written)
    on_gpu = any(path.startswith(devices) for path in own)
    return ProcessFacts(pid, user, command, started, directory, group, files, on_gpu)


def _told(ask: Any) -> str:
    """What psutil says of a process, "" where it may not."""
    import psutil  # noqa: PLC0415  see above

    try:
        return str(ask())
    except (psutil.AccessDenied, KeyError):
        return ""


def _open_paths(pid: int) -> dict[str, bool] | None:
    """The paths of what a process has open, and whether to write; None where that may not be known, but on Linux."""
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            links = [entry.path for entry in entries]
    except OSError:
        return None
    paths: dict[str, bool] = {}
    for link in links:
        try:
            path = os.readlink(link)
            written = bool(os.lstat(link).st_mode & stat.S_IWUSR)  # of the link: how the file was opened
        except OSError:
            continue  # closed meanwhile
        if path.startswith("/"):
            paths[path] = paths.get(path, False) or written
    return paths


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as children:
                found += map(int, children.read().split())
    except (OSError, ValueError):
        pass  # ended meanwhile, or a kernel that does not say
    return found


def find_owners(processes: Iterable[ProcessFacts], runs: Sequence[RunClaim], host: str) -> Mapping[int, Place]:
    """The run of every process that certainly has one, by pid.

    Args:
        processes: those that use a GPU.
        runs: those that go on.
        host: the name of this machine.
    """
    told = [process for process in processes if process.on_gpu]
    found = {process.pid: run for process in told if (run := _by_place(process, runs)) is not None}
    by_command: dict[Place, list[ProcessFacts]] = {}
    for process in told:
        if process.pid not in found:
            fitting = [one for one in runs if _fits(process, one, host)]
            if len(fitting) == 1:
                by_command.setdefault(fitting[0].run, []).append(process)
    for run, claiming in by_command.items():
        if len({process.group for process in claiming}) == 1:
            found |= {process.pid: run for process in claiming}
    return found


def _by_place(process: ProcessFacts, runs: Sequence[RunClaim]) -> Place | None:
    """The run with a file that the process writes, or in whose directory it works; the innermost, if it is one."""
    paths = {*(process.files or ()), *([process.directory] if process.directory else [])}
    inner = max((len(one.place) for one in runs if one.place and _any_within(paths, one.place)), default=0)
    found = [one.run for one in runs if inner and len(one.place) == inner and _any_within(paths, one.place)]
    return found[0] if len(found) == 1 else None


def _any_within(paths: Iterable[str], place: str) -> bool:
    return any(path == place or path.startswith(place.rstrip("/") + "/") for path in paths)


def _fits(process: ProcessFacts, run: RunClaim, host: str) -> bool:
    """Whether host, user, time and command line of a run are those of a process."""
    same = _same_command(run.command, process)
    if same is None or run.started is None or run.started < process.started - _SLACK_SECONDS:
        return False
    if (run.host and _short(run.host) != _short(host)) or (run.user and process.user and run.user != process.user):
        return False
    # A script alone, or a host that is not told, is too little: the store must lie where the process works, too.
    near = bool(process.directory and run.place) and _any_within([run.place], process.directory)
    return (same == "whole" and bool(run.host)) or near


def _short(host: str) -> str:
    return host.partition(".")[0].lower()


def _same_command(command: str, process: ProcessFacts) -> str | None:
    """How much of a process's command line a run's is: "whole" from the program on, its "script", or None of it."""
    try:
        wanted = shlex.split(command)
    except ValueError:
        return None
    if wanted and wanted[0].startswith("-m "):  # W&B has these two as one
        wanted = [*wanted[0].split(), *wanted[1:]]
    if not wanted:
        return None
    given = process.command
    tail = given[-len(wanted) :]
    same_program = len(tail) == len(wanted) and _same_file(tail[0], wanted[0], process.directory)
    if same_program and list(tail[1:]) == wanted[1:] and all(map(_is_launcher, given[: -len(wanted)])):
        return "whole"
    script = next((word for word in given[1:] if not word.startswith("-")), "")
    return "script" if len(wanted) == 1 and script and _same_file(script, wanted[0], process.directory) else None


def _is_launcher(word: str) -> bool:
    """Whether a word before the program is an interpreter or an option of it."""
    return word.startswith("-") or os.path.basename(word).startswith("python")


def _same_file(one: str, other: str, directory: str) -> bool:
    """Whether two words name the same program, seen from the directory of the process."""
    return one == other or os.path.normpath(os.path.join(directory, one)) == os.path.normpath(
        os.path.join(directory, other)
    )
