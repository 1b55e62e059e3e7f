"""Follows the runs of a tree: reads only what was appended to their files.

Runs that are running or on the screen are watched closely, by events of the directories of their files; so are the
directories in which runs lie, for new ones. At the others' files is looked now and then, and the tree is walked again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Final

from tui_runs.adapter import Change, Focus, Problem
from tui_runs.errors import SourceLostError
from tui_runs.follow.follower import FileFollower
from tui_runs_dirs.known_collection import KnownCollection
from tui_runs_dirs.known_run import KnownRun
from tui_runs_dirs.known_tree import KnownTree, Said, lost
from tui_runs_dirs.run_batches import RunView, Viewpoint, make_batch

_CLOSE_LIMIT: Final = 200
"""Running runs that are watched closely: those written last."""
_PLACES_LIMIT: Final = 500
"""Directories that are watched for new runs."""
_WALK_SHARE: Final = 1 / 10
"""Share of one core that walking may take because something appeared."""
_FRESH_SECONDS, _FRESH_LIMIT = 600.0, 200
"""A directory that appeared is watched for so long, though there is no run in it yet; so many at once."""
_SECONDS: Final = 0.3
"""What is found is said after so long, though there is more."""
_MAYBE_METRICS: Final = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".yaml", ".toml", ".db")
"""What is written into such a file, though no layout knew it before, may make it known."""


class RunFollower(FileFollower):
    """Yields what changes. What is to be read are run ids, and the files that are collections.

    Args:
        tree: what is known and was said.
        viewpoint: how runs are shown.
    """

    def __init__(self, tree: KnownTree, viewpoint: Viewpoint) -> None:
        super().__init__()
        self._tree, self._viewpoint = tree, viewpoint
        self._next_walk = 0.0
        self._walk_wanted = False
        self._places: frozenset[str] = frozenset()
        self._places_of: object = None
        self._restless: set[str] = set()
        self._fresh: dict[str, float] = {}
        self._walk_problems: dict[str, Problem] = {problem.uri: problem for problem in tree.problems}

    def changes(self, focus: Focus) -> Iterator[Change]:
        """See `FileFollower`; meanwhile nobody else walks."""
        self._tree.is_followed = True
        try:
            yield from super().changes(focus)
        finally:
            self._tree.is_followed = False

    def _lost(self) -> SourceLostError | None:
        return None if os.path.exists(self._tree.root) else lost(self._tree.root)

    @property
    def _soon(self) -> bool:
        return bool(self._restless) or self._walk_wanted

    # --- what is to be looked at --------------------------------------------------------------------------------------

    def _walk(self) -> set[str]:
        """Walk again; the runs and collections to be read for it: the new ones, those that are gone or changed."""
        began = time.monotonic()
        before = self._tree.names
        for _ in self._tree.list_again():
            if self._closed.is_set():
                return set()
        now = time.monotonic()
        self._next_walk = now + (now - began) / _WALK_SHARE
        self._walk_wanted = False
        names = self._tree.names
        appeared = [path for path in names if path not in before][:_FRESH_LIMIT] if before else []
        fresh = {path: until for path, until in self._fresh.items() if until > now and path in names}
        self._fresh = {**fresh, **dict.fromkeys(appeared, now + _FRESH_SECONDS)}
        runs, said = self._tree.runs, dict(self._tree.said)
        dirty = {run_id for run_id, run in runs.items() if run_id not in said or said[run_id].version != run.version}
        dirty |= said.keys() - runs.keys()
        collections = self._tree.collections
        dirty |= {path for path in collections if path not in self._tree.said_of_collections}
        return dirty | (self._tree.said_of_collections.keys() - collections.keys())

    def _walk_change(self) -> Change | None:
        """What the last walk could not look into, where that is different."""
        now = {problem.uri: problem for problem in self._tree.problems}
        before, self._walk_problems = self._walk_problems, now
        new = [problem for uri, problem in now.items() if before.get(uri) != problem]
        mended = [uri for uri in before if uri not in now]
        return Change(make_batch([], problems=new), mended=mended) if new or mended else None

    def _cover(self, looked_at: frozenset[str]) -> set[str]:
        close = self._close_runs(looked_at)
        if self._places_of is not self._tree.names:
            self._places, self._places_of = self._find_places(), self._tree.names
        new = self._watch_only(self._places | {directory for run in close for directory in run.places})
        dirty = {run.run_id for run in close if not new.isdisjoint(run.places)}
        dirty |= {path for path in self._tree.collections if os.path.dirname(path) in new}
        missed = self._tree.has_new_entries(new)
        return dirty | self._walk() if missed or self._may_walk else dirty

    @property
    def _may_walk(self) -> bool:
        """Something appeared, and the last walk is long enough ago."""
        return self._walk_wanted and time.monotonic() > self._next_walk

    def _find_places(self) -> frozenset[str]:
        """The directories in which runs appear: the root, those above runs written last, and new ones."""
        runs = sorted(self._tree.runs.values(), key=lambda run: max(run.writes, default=0), reverse=True)
        places = dict.fromkeys([self._tree.base, *map(os.path.dirname, self._tree.collections), *self._fresh])
        for run in runs:
            above = os.path.dirname(run.found.directory)
            while above not in places and above.startswith(self._tree.base) and len(places) < _PLACES_LIMIT:
                places[above] = None
                above = os.path.dirname(above)
        return frozenset(places)

    def _close_runs(self, looked_at: frozenset[str]) -> list[KnownRun]:
        said = dict(self._tree.said)  # a scan may be adding to it
        running = self._tree.find([run_id for run_id, one in said.items() if one.status == "running"])
        if len(running) > _CLOSE_LIMIT:
            running = sorted(running, key=lambda run: max(run.writes, default=0), reverse=True)[:_CLOSE_LIMIT]
        return running + self._tree.find([*looked_at])

    def _touched(self, paths: frozenset[str]) -> set[str]:
        """The runs and collections that changed paths belong to, and those that were half written."""
        readers = self._tree.readers
        dirty = set(self._restless)
        for path in paths:
            directory, name = os.path.split(path)
            near = [*readers.get(path, ()), *readers.get(directory, ())]  # a chain of files is known by its directory
            dirty.update(near)
            dirty |= {one for one in self._tree.collections if path.startswith(one)}
            is_new = name not in self._tree.names.get(directory, ())
            is_gone = not is_new and not os.path.lexists(path)
            may_be_metrics = not near and name.endswith(_MAYBE_METRICS)
            if is_new or is_gone or may_be_metrics or path in self._covered:
                self._walk_wanted = True
        return dirty | self._walk() if paths and self._may_walk else dirty

    def _look(self) -> set[str]:
        """Runs whose files were written unseen, or that have not been written for long."""
        dirty = self._walk()
        now = time.time()
        for run_id, run in self._tree.runs.items():
            said = self._tree.said.get(run_id)
            slept = now - max(run.writes, default=0) / 1e9
            if run.has_news or (said is not None and said.status == "running" and slept > self._viewpoint.stale_after):
                dirty.add(run_id)
        dirty |= {path for path, one in self._tree.collections.items() if one.has_news}
        return dirty

    # --- what is said -------------------------------------------------------------------------------------------------

    def _read(self, dirty: set[str]) -> Iterator[Change]:
        """Read these runs and collections on; what is different now, in changes of a moment's work each."""
        change = self._walk_change()
        if change is not None:
            yield change
        views: list[RunView] = []
        removed: list[str] = []
        mended: list[str] = []
        until = time.monotonic() + _SECONDS
        for name in sorted(dirty):
            if self._closed.is_set():
                return
            if name in self._tree.collections or name in self._tree.said_of_collections:
                change = self._read_collection(name, self._tree.collections.get(name))
                if change is not None:
                    yield change
                continue
            run, before = self._tree.runs.get(name), self._tree.said.get(name)
            self._restless.discard(name)
            if run is None:
                if self._tree.said.pop(name, None) is not None and before is not None:
                    removed.append(name)
                    mended += [problem.uri for problem in before.problems]
            elif (view := self._read_run(run, before)) is not None:
                views.append(view)
                uris = {problem.uri for problem in view.problems}
                mended += [problem.uri for problem in before.problems if problem.uri not in uris] if before else []
            if time.monotonic() > until:
                yield Change(make_batch(views), removed, mended)
                views, removed, mended, until = [], [], [], time.monotonic() + _SECONDS
        if views or removed or mended:
            yield Change(make_batch(views), removed, mended)

    def _read_run(self, run: KnownRun, before: Said | None) -> RunView | None:
        """The run, if there is something to be said of it."""
        while run.advance() and not self._closed.is_set():
            pass
        if run.restless:
            self._restless.add(run.run_id)
        view = self._viewpoint.view(run)
        now = Said.of(view)
        self._tree.said[run.run_id] = now
        return None if now == before else view

    def _read_collection(self, path: str, known: KnownCollection | None) -> Change | None:
        """What is different in a collection that may have been written."""
        said = self._tree.said_of_collections.get(path)
        before = {} if said is None else dict.fromkeys(said[0].runs["run_id"])
        uris = [] if said is None else [problem.uri for problem in said[1]]
        if known is None:
            self._tree.said_of_collections.pop(path, None)
            return Change(removed=list(before), mended=uris)
        known.refresh()
        batch, problems = known.batch, tuple(known.problems)
        if said is not None and said[0] is batch and said[1] == problems:
            return None
        self._tree.said_of_collections[path] = batch, problems
        now = set(batch.runs["run_id"])
        still = {problem.uri for problem in problems}
        return Change(
            batch=type(batch)(batch.runs, batch.params, batch.tags, batch.metrics, problems),
            removed=[run_id for run_id in before if run_id not in now],
            mended=[uri for uri in uris if uri not in still],
        )
