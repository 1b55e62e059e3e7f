"""The walk through a directory tree: bounded, and without the places in which no run lies.

Listing costs about 1.5 us an entry; no file is opened or looked at closer until a layout asks for it.
"""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from tui_runs.adapter import Problem
from tui_runs_dirs.files import FileStamp, open_regular, problem_with, stamp_of, unreadable

DEPTH: Final = 12
"""Levels below the root that are entered, unless asked otherwise."""
ENTRIES: Final = 1_000_000
"""Entries that are listed, unless asked otherwise."""
_OTHERS: Final = frozenset({"mlruns", "mlartifacts", "wandb"})
"""Stores that other adapters read; they are found by their own names."""
_WITHOUT_RUNS: Final = frozenset({
    "node_modules", "__pycache__", "site-packages", "dist-packages", "__pypackages__", "venv", "env", "virtualenv",
    "conda-meta", "lost+found",
    "data", "dataset", "datasets", "checkpoint", "checkpoints", "ckpt", "ckpts", "weights", "trained_model",
})  # fmt: skip
_CHECKPOINT: Final = re.compile(r"(checkpoint|ckpt|step|epoch)[-_]\d+", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(\d+)")


class Directory:
    """A directory and the names in it, for layouts to look at.

    Links are in neither list: what they lead to lies elsewhere, or is met there.

    Args:
        path: of the directory.
        relative: its path from the walk's root, joined by "/"; "" for the root.
        parent: the directory above, where the walk came from; None for the root. (Nothing above the root is read.)
        only: the names of files that count; None for all.

    Attributes:
        files: names of the regular files; no links.
        directories: names of the directories, hidden ones and those that the walk does not enter included (`.hydra`,
            `checkpoint-500`): look at one with `child`. Sorted so that the newest comes first, by the numbers in names.
        error: why it could not be listed; None where it was.
        closed: set by whoever iterates the walk: nothing below is entered.
        is_run: a layout that looked before this one claims it as a run's directory.
        taken: paths of files that the layouts which looked before this one read or cover.
    """

    __slots__ = (
        "_by_suffix", "_children", "_heads", "_names", "closed", "directories", "error", "files", "is_run", "parent",
        "path", "relative", "taken",
    )  # fmt: skip

    def __init__(
        self, path: str, relative: str = "", parent: Directory | None = None, only: frozenset[str] | None = None
    ) -> None:
        self.path, self.relative, self.parent = path, relative, parent
        self.closed = self.is_run = False
        self.taken: set[str] = set()
        self._heads: dict[str, tuple[bytes, int]] = {}
        self.error: OSError | None = None
        self._children: dict[str, Directory] = {}
        self._names: frozenset[str] | None = None
        self._by_suffix: dict[str, list[str]] | None = None
        files: list[str] = []
        directories: list[str] = []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        directories.append(entry.name)
                    elif entry.is_file(follow_symlinks=False) and (only is None or entry.name in only):
                        files.append(entry.name)
        except OSError as error:
            self.error = error
        self.files = frozenset(files)
        self.directories: Sequence[str] = () if only is not None else sorted(directories, key=_by_number, reverse=True)

    @property
    def name(self) -> str:
        """The last part of its path; of the root too."""
        return os.path.basename(self.path)

    def named(self, *suffixes: str) -> list[str]:
        """The names of files that end so, in any case of letters, sorted.

        Args:
            suffixes: from the last point on: ".csv".
        """
        if self._by_suffix is None:
            self._by_suffix = {}
            for name in self.files:
                place = name.rfind(".")
                if place >= 0:
                    self._by_suffix.setdefault(name[place:].lower(), []).append(name)
        found = [name for suffix in suffixes for name in self._by_suffix.get(suffix, ())]
        found.sort()
        return found

    @property
    def is_all_taken(self) -> bool:
        """Every file in here is some tool's already; true where there is none, as in most directories."""
        return all(self.join(name) in self.taken for name in self.files)

    def join(self, name: str) -> str:
        """The path of an entry."""
        return f"{self.path}/{name}" if self.path != "/" else f"/{name}"

    def child(self, name: str) -> Directory | None:
        """A directory in this one, entered by the walk or not; None where there is none. Listed once."""
        if self._names is None:
            self._names = frozenset(self.directories)
        return self.enter(name) if name in self._names else None

    def enter(self, name: str) -> Directory:
        """As `child`, for a name out of `directories`."""
        found = self._children.get(name)
        if found is None:
            relative = f"{self.relative}/{name}" if self.relative else name
            found = self._children[name] = Directory(self.join(name), relative, self)
        return found

    def stat(self, name: str) -> FileStamp | None:
        """Size, time of the last write and inode of a file in here; None where it is gone. One stat."""
        stamps = stamp_of(self.join(name))
        return stamps[0] if stamps else None

    def head(self, name: str, limit: int = 4096) -> bytes:
        """The first bytes of a file in here, to tell what it is; empty where it cannot be read. Read once, in 20 us."""
        head, asked = self._heads.get(name, (b"", 0))
        if asked < limit:
            head = self._read_head(name, limit)
            self._heads[name] = head, limit
        return head[:limit]

    def _read_head(self, name: str, limit: int) -> bytes:
        try:
            descriptor = open_regular(self.join(name))
        except OSError:
            return b""
        try:
            return os.read(descriptor, limit)
        except OSError:
            return b""
        finally:
            os.close(descriptor)


class Walk:
    """Goes through a tree once, parents before their children, those first that look newest by their names.

    Args:
        root: a directory, or a file that is looked at alone.
        depth: levels below the root that are entered.
        entries: names that are listed, at most about.
        breadth_first: look everywhere a little before going deeper: what is looked for is found sooner.

    Attributes:
        problems: what was not entered for a limit, or could not be.
        listed: names so far.
        complete: no limit was hit.
    """

    def __init__(self, root: str, depth: int = DEPTH, entries: int = ENTRIES, *, breadth_first: bool = False) -> None:
        self._root, self._depth, self._entries, self._breadth_first = root, depth, entries, breadth_first
        self.problems: list[Problem] = []
        self.listed = 0
        self.complete = True

    def __iter__(self) -> Iterator[Directory]:
        """Give the directories; one that is then `closed` is not entered further.

        Raises:
            OSError: the root cannot be listed.
        """
        root = self._first()
        if root.error is not None:
            raise root.error
        too_deep = 0
        here = root
        level = 0
        waiting: deque[tuple[Directory, str, int]] = deque()
        while True:
            self.listed += len(here.files) + len(here.directories)
            if here.error is not None and not isinstance(here.error, FileNotFoundError):
                self.problems.append(unreadable(here.path, here.error))
            if here is root or not _is_others(here):
                yield here
                inner = [] if here.closed else [name for name in here.directories if may_hold_runs(name)]
                if level >= self._depth:
                    too_deep += len(inner)
                elif self._breadth_first:
                    waiting.extend((here, name, level + 1) for name in inner)
                else:
                    waiting.extend((here, name, level + 1) for name in reversed(inner))
            if not waiting:
                break
            if self.listed > self._entries:
                self._stop(len(waiting))
                return
            parent, name, level = waiting.popleft() if self._breadth_first else waiting.pop()
            here = parent.enter(name)
        if too_deep:
            self.complete = False
            what = f"{too_deep:,} directories lie deeper than {self._depth} levels and were not looked into."
            remedy = "Open a directory further down, or go deeper with --dirs-depth."
            self.problems.append(problem_with(self._root, what, remedy))

    def _first(self) -> Directory:
        if stat.S_ISDIR(os.stat(self._root).st_mode):
            return Directory(self._root)
        directory, name = os.path.split(self._root)
        return Directory(directory, only=frozenset({name}))

    def _stop(self, left: int) -> None:
        self.complete = False
        what = f"The search for runs ended after {self.listed:,} files; {left:,} directories were not looked into."
        remedy = "Open a directory further down, or raise the limit with --dirs-files."
        self.problems.append(problem_with(self._root, what, remedy))


def may_hold_runs(name: str) -> bool:
    """Whether the walk enters a directory of this name below its root."""
    return not (name.startswith(".") or name in _OTHERS or name.lower() in _WITHOUT_RUNS or _CHECKPOINT.fullmatch(name))


def _is_others(directory: Directory) -> bool:
    """A virtual environment by any name, an MLflow run or experiment, a W&B run: nothing of ours is in there."""
    files = directory.files
    return (
        "pyvenv.cfg" in files
        or "meta.yaml" in files
        or any(name.endswith(".wandb") for name in files if name.startswith("run-"))
    )


def _by_number(name: str) -> list[str | tuple[int, str]]:
    """Sorts version_10 after version_9."""
    parts: list[str | tuple[int, str]] = list(_NUMBER.split(name))
    parts[1::2] = [(len(str(part).lstrip("0")), str(part)) for part in parts[1::2]]
    return parts
