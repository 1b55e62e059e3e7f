"""The runs and collections of a tree as they were found last; shared by all that reads them."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from tui_runs.adapter import Problem, RunBatch
from tui_runs.display import encodable
from tui_runs.errors import SourceLostError
from tui_runs_dirs.joining import FoundRun
from tui_runs_dirs.known_collection import KnownCollection
from tui_runs_dirs.known_run import KnownRun
from tui_runs_dirs.layout import Layout
from tui_runs_dirs.recognise import Findings, search
from tui_runs_dirs.run_batches import RunView
from tui_runs_dirs.walk import Walk

_EARLY_SECONDS: Final = 0.03
_TICK: Final = 20_000_000
"""Nanoseconds by which the clock of a file system may be behind."""


class Said(NamedTuple):
    """What was last told of a run.

    Args:
        version: of the run.
        status: its status.
        problems: what was wrong with its files.
    """

    version: int
    status: str
    problems: tuple[Problem, ...]

    @classmethod
    def of(cls, view: RunView) -> Said:
        """What telling this view says."""
        return cls(view.version, view.status, tuple(view.problems))


class KnownTree:
    """What lies in a tree.

    Args:
        root: a directory, or one file.
        layouts: that look at every directory.
        depth: levels below the root that are entered.
        entries: names that are listed, at most.
        stale_after: seconds without a write after which a run does not run any more.

    Attributes:
        runs: by run id.
        collections: by path.
        base: what run ids are paths from: the root, or the directory of the file that it is.
        said: by run id.
        said_of_collections: by path: the batch and the problems.
        is_followed: a follower walks whenever something changes.
        readers: the runs that read a file, or a directory as a chain of files, by its path.
        names: of the entries of each directory that was entered.
        problems: of the walk.
    """

    def __init__(self, root: str, layouts: Sequence[Layout], depth: int, entries: int, stale_after: float) -> None:
        self.root, self._layouts, self._depth, self._entries = root, layouts, depth, entries
        self.stale_after = stale_after
        self.base = root if os.path.isdir(root) else os.path.dirname(root)
        self._lock = threading.Lock()
        self._listed = self.is_followed = False
        self._walked_at = 0
        self.runs: dict[str, KnownRun] = {}
        self.collections: dict[str, KnownCollection] = {}
        self.said: dict[str, Said] = {}
        self.said_of_collections: dict[str, tuple[RunBatch, tuple[Problem, ...]]] = {}
        self.readers: dict[str, list[str]] = {}
        self.names: dict[str, frozenset[str]] = {}
        self.problems: Sequence[Problem] = ()
        self.titles: Mapping[str, str] = {layout.name: layout.title for layout in layouts}

    def list_again(self) -> Iterator[tuple[list[KnownRun], bool]]:
        """Walk, and say which runs there are: perhaps some of them early, and at the end all (True).

        Raises:
            SourceLostError: the root is gone.
        """
        walked_at = time.time_ns() - _TICK
        walk = Walk(self.root, self._depth, self._entries)
        findings = Findings()
        names: dict[str, frozenset[str]] = {}
        early_at = time.monotonic() + _EARLY_SECONDS
        is_early = not self.runs
        try:
            for directory, findings in search(walk, self._layouts):
                names[directory.path] = directory.files.union(directory.directories)
                if is_early and time.monotonic() > early_at and (found := findings.runs(without_below=directory.path)):
                    is_early = False
                    with self._lock:
                        self.runs = self._known(found)
                    yield list(self.runs.values()), False
        except OSError as error:
            raise lost(self.root, error) from None
        self._adopt(findings, names, walk.problems)
        self._listed, self._walked_at = True, walked_at
        yield list(self.runs.values()), True

    def _adopt(self, findings: Findings, names: dict[str, frozenset[str]], problems: Sequence[Problem]) -> None:
        with self._lock:
            runs = self._known(findings.runs())
            collections = {}
            for one in findings.collections:
                held = self.collections.get(one.path)
                if held is None or held.collection != one:
                    tool = self.titles.get(one.layout, one.layout)
                    held = KnownCollection(one, self._relative(one.path), encodable(tool), self.stale_after)
                collections[one.path] = held
            readers: dict[str, list[str]] = {}
            for run_id, known in runs.items():
                for path in known.paths:
                    readers.setdefault(path, []).append(run_id)
            self.runs, self.collections, self.names, self.problems = runs, collections, names, problems
            self.readers = readers

    def _known(self, runs: Sequence[FoundRun]) -> dict[str, KnownRun]:
        """By run id; those that are known already stay, and are told what is new."""
        found: dict[str, KnownRun] = {}
        for run in runs:
            run_id = self._relative(run.directory)
            parent_id = self._relative(run.parent) if run.parent is not None else None
            known = self.runs.get(run_id)
            if known is None:
                known = KnownRun(run, run_id, parent_id)
            elif known.found != run:
                known.adopt(run, run_id, parent_id)
            found[run_id] = known
        return found

    def ensure_listed(self) -> None:
        """Walk once, if nobody has yet.

        Raises:
            SourceLostError: the root is gone.
        """
        if not self._listed:
            for _ in self.list_again():
                pass

    def has_new_entries(self, places: Iterable[str]) -> bool:
        """Whether entries of some directories came or went since the last walk began. A stat each."""
        return any(_written(place) >= self._walked_at for place in places)

    def look_for_new_files(self, run: KnownRun) -> None:
        """Walk again if entries of a run's directories came or went since; where somebody follows, he does that.

        Raises:
            SourceLostError: the root is gone.
        """
        if not self.is_followed and self.has_new_entries(run.places):
            for _ in self.list_again():
                pass

    def find(self, run_ids: Sequence[str]) -> list[KnownRun]:
        """Those of these runs that lie in directories of their own, and are there."""
        runs = self.runs
        return [runs[run_id] for run_id in dict.fromkeys(run_ids) if run_id in runs]

    def collection_of(self, run_id: str) -> KnownCollection | None:
        """The collection that holds a run."""
        return next((one for one in self.collections.values() if run_id.startswith(f"{one.place}/")), None)

    @property
    def tools(self) -> str:
        """What was found, for a person: "Lightning, Ray Tune"; empty where nothing was."""
        counted = Counter(
            claim.tool or self.titles.get(claim.layout, claim.layout)
            for run in self.runs.values()
            for claim in run.found.claims
            if claim.facts or claim.series
        )
        counted.update(one.tool for one in self.collections.values())
        return encodable(", ".join(tool for tool, _ in counted.most_common()))

    def _relative(self, path: str) -> str:
        return encodable(os.path.relpath(path, self.base))


def _written(directory: str) -> int:
    try:
        return os.stat(directory).st_mtime_ns
    except OSError:
        return 0


def lost(root: str, error: OSError | None = None) -> SourceLostError:
    """The error for a place that is gone, or that cannot be read any more."""
    why = "may not be read any more" if isinstance(error, PermissionError) else "is gone"
    remedy = "The last state of its runs is shown; it goes on when it is back."
    return SourceLostError(f"The directory {why}: {encodable(root)}", remedy)
