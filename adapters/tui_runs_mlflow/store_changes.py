"""Follows an MLflow file store.

Runs that are running or on the screen are watched closely: their directories by events, their metric files read from
where the last read ended. Of all others only the meta.yaml is looked at now and then, which mlflow rewrites when a
run is resumed or deleted. Watching 5,000 runs closely would take 40,000 watches, more than many machines allow.
"""

from __future__ import annotations

import functools
import math
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import polars as pl

from tui_runs.adapter import Change, Problem
from tui_runs.display import encodable
from tui_runs.errors import SourceLostError
from tui_runs.follow.follower import FileFollower
from tui_runs_mlflow.metric_series import MetricSeries, advance, series_batch
from tui_runs_mlflow.run_batches import RunRead, make_batch, metrics_of, read_run
from tui_runs_mlflow.run_files import walk_files
from tui_runs_mlflow.seen import Seen, known_run
from tui_runs_mlflow.stamps import meta_stamp
from tui_runs_mlflow.store_layout import (
    TRASH,
    directories_besides,
    find_experiments,
    folders_of,
    last_activity,
    looks_like_run,
    may_be_run,
    metrics_size,
)

_CLOSE_LIMIT: Final = 200
"""Running runs watched closely: the most recently active ones. A store of crashed runs may have thousands."""
_TRIES: Final = 5
"""mlflow rewrites meta.yaml in place: an unreadable one is tried again before it is called a problem."""
_UNBORN_SECONDS: Final = 10.0
"""A directory that appeared in the store is watched for so long: it may become an experiment."""
_FRESH_SECONDS: Final = 30.0
"""A run that appeared or changed is watched closely for so long, running or not: it may still be being copied."""


class StoreFollower(FileFollower):
    """Yields what changes in one store. What is to be read are directories of runs.

    Args:
        root: the store's directory.
        only: directory name of the one experiment wanted; None for all.
        with_deleted: deleted runs are shown.
        seen: what has been said already; it is kept up to date.
    """

    def __init__(self, root: str, only: str | None, with_deleted: bool, seen: Seen) -> None:
        super().__init__()
        self._root, self._only, self._with_deleted, self._seen = root, only, with_deleted, seen
        self._directories, self._known = seen.directories, seen.known
        self._experiments, self._troubles = seen.experiments, seen.troubles
        self._strangers: dict[str, float] | None = None  # directories that are no experiments yet: when they came
        self._no_runs: set[str] = set()  # directories in experiments that stayed without a run
        self._close: set[str] = set()
        self._appended: list[MetricSeries] = []
        self._news: list[Problem] = []
        self._mended: set[str] = set()
        self._revisit: set[str] = set()
        self._fresh: dict[str, float] = {}
        self._running: list[str] | None = None
        """Where runs are running; None where that is to be looked up: among thousands it takes milliseconds."""
        self._series: dict[str, dict[str, MetricSeries]] = {}
        self._folders: dict[str, list[str]] = {}
        self._tries: dict[str, int] = {}

    def _lost(self) -> SourceLostError | None:
        return None if os.path.isdir(self._root) else store_lost(self._root)

    @property
    def _soon(self) -> bool:
        return bool(self._tries)

    def _cover(self, looked_at: frozenset[str]) -> set[str]:
        close = self._close = self._close_runs(looked_at)
        for directory in self._folders.keys() - close:
            del self._folders[directory]
            self._series.pop(directory, None)
        self._folders.update((directory, folders_of(directory)) for directory in close - self._folders.keys())
        dirty, self._revisit = self._revisit, set()
        while new := self._watch_only(set(self._watched())):
            runs = {path: self._run_of(path) for path in new}
            dirty.update(run for run in runs.values() if run)
            if None in runs.values():
                dirty |= self._list_experiments() | self._appeared_or_gone()
        return dirty

    def _touched(self, paths: frozenset[str]) -> set[str]:
        """Which runs are to be read again for these changed paths; and notes which metric files are to be read on."""
        dirty = set(self._tries)
        relist = False
        run_of = functools.cache(self._run_of)  # for now: of a burst many lie in the same directory
        for path in paths:
            run = path if path in self._folders else run_of(os.path.dirname(path))
            if run is None:
                relist = True
                if path in self._known:
                    dirty.add(path)
            elif (series := self._series.get(run, {}).get(path)) is None:
                dirty.add(run)
            elif os.path.lexists(path):
                self._appended.append(series)
            else:
                dirty.add(self._to_say_anew(run))
        return dirty | self._list_experiments() | self._appeared_or_gone() if relist else dirty

    def _advance(self, series: list[MetricSeries]) -> Iterator[Change]:
        """Read on in these files. A value is sent when it is the newest, not on the way there."""
        problems: list[Problem] = []
        grown: list[MetricSeries] = []
        more = bool(series)
        while more and not self._closed.is_set():
            read, more = advance(series, problems)
            grown += read
        for one in grown:
            if one.summary is None and (run := self._run_of(one.path)):  # empty now: it says nothing of itself
                self._revisit.add(self._to_say_anew(run))
        if grown or problems:
            yield Change(series_batch(list({one.path: one for one in grown}.values()), problems))

    def _list_experiments(self) -> set[str]:
        """Look which experiments there are; the runs of those that are called otherwise than before."""
        problems: list[Problem] = []
        before, troubles = self._experiments, self._troubles
        try:
            found = find_experiments(self._root, problems, self._only)
            others = directories_besides(self._root, {one.directory for one in found})
        except OSError:
            return set()  # the caller sees that the root is gone
        # By our own clock: that of a file server may be wrong, and rsync gives old times to what is new.
        since, came = (-math.inf, {}) if self._strangers is None else (time.monotonic(), self._strangers)
        self._strangers = {path: came.get(path, since) for path in others}
        self._troubles = {problem.uri: problem for problem in problems}
        self._news += [problem for uri, problem in self._troubles.items() if uri not in troubles]
        for uri in troubles.keys() - self._troubles.keys():  # the scan may have named its directory instead
            self._mended |= {uri, os.path.dirname(uri)}
        self._experiments = {one.directory: one for one in found if self._with_deleted or not one.deleted}
        for path in self._experiments.keys() & before.keys():
            if encodable(os.path.join(path, "meta.yaml")) in self._troubles:  # being rewritten, perhaps: keep the name
                self._experiments[path] = before[path]
        changed = {path for path, one in before.items() if self._experiments.get(path) != one}
        return {run for run in list(self._known) if os.path.dirname(run) in changed} if changed else set()

    def _appeared_or_gone(self) -> set[str]:
        """Run directories that are new in the experiments, or no longer there."""
        present: set[str] = set()
        for experiment in self._experiments:
            try:
                with os.scandir(experiment) as entries:
                    present.update(entry.path for entry in entries if may_be_run(entry))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:  # not readable at the moment: that is not to say that its runs are gone
                present.update(run for run in list(self._known) if os.path.dirname(run) == experiment)
        known = set(self._known)
        # One that is still being made has no meta.yaml yet: it is tried again a few times.
        self._no_runs &= present
        new = {path for path in present - known if path not in self._no_runs or looks_like_run(path)}
        return new | (known - present)

    def _to_say_anew(self, run: str) -> str:
        """A run that is to be said whole when it is read next, even if it then looks the same."""
        if run in self._known:
            self._known[run].metrics_size = -1
        return run

    def _close_runs(self, looked_at: frozenset[str]) -> set[str]:
        close = {path for run_id in looked_at if (path := self._directories.get(run_id))}
        if self._running is None:
            self._running = [path for path, known in list(self._known.items()) if known.running and known.run_id]
        running = self._running
        if len(running) > _CLOSE_LIMIT:
            running.sort(key=last_activity, reverse=True)
        now = time.monotonic()
        self._fresh = {path: until for path, until in self._fresh.items() if until > now and path in self._known}
        return close | set(running[:_CLOSE_LIMIT]) | set(list(self._fresh)[-_CLOSE_LIMIT:])

    def _watched(self) -> list[str]:
        folders = [folder for listed in self._folders.values() for folder in listed]
        trash = os.path.join(self._root, TRASH)
        tops = [self._root, trash] if os.path.isdir(trash) else [self._root]
        young = time.monotonic() - _UNBORN_SECONDS
        unborn = [path for path, came in (self._strangers or {}).items() if came > young]
        return [*tops, *self._experiments, *unborn, *folders]

    def _run_of(self, path: str) -> str | None:
        """The closely watched run that a path lies in."""
        while len(path) > len(self._root):
            if path in self._folders:
                return path
            path = os.path.dirname(path)
        return None

    def _look(self) -> set[str]:
        """Runs not watched closely whose meta.yaml changed, and those that came or went unseen."""
        appeared = self._list_experiments() | self._appeared_or_gone()
        return appeared | {
            path
            for path, known in list(self._known.items())
            if path not in self._folders
            and (meta_stamp(path) != known.stamp or (known.running and metrics_size(path) != known.metrics_size))
        }

    def _read(self, dirty: set[str]) -> Iterator[Change]:
        """Read metric files on, and these run directories again."""
        appended, self._appended = self._appended, []
        yield from self._advance(appended)
        while dirty or self._revisit or self._news or self._mended:
            dirty, self._revisit = dirty | self._revisit, set()
            yield from self._refresh(dirty, self._close)
            dirty = set()
        self._seen.experiments, self._seen.troubles = self._experiments, self._troubles  # now that it is said

    def _refresh(self, dirty: set[str], close: set[str]) -> Iterator[Change]:
        """Read these run directories again, and yield one change with all that differs."""
        runs: list[RunRead] = []
        series: list[MetricSeries] = []
        removed: list[str] = []
        (problems, mended), (self._news, self._mended) = (self._news, self._mended), ([], set())
        for directory in sorted(dirty):
            before = self._known.get(directory)
            run = self._read_run(directory, with_metrics=directory not in close)
            if run is not None and run.meta is None and self._again(directory):
                continue
            self._tries.pop(directory, None)
            if run is None or (run.deleted and not self._with_deleted) or not looks_like_run(directory):
                self._no_runs.add(directory)
                removed += self._forget(directory, run)
                mended |= before.problem_uris if before else frozenset()
                continue
            own: list[MetricSeries] = []
            if run.meta is not None and (first := self._claim(run.meta.run_id, directory)) != directory:
                run.give_way(first)
            elif run.meta is not None and directory in close:
                own = self._own_series(run, run.meta.run_id)
                _advance_to_end(own, problems)
            now = known_run(run)
            if run.meta is None and before is not None and self._directories.get(before.run_id or "") == directory:
                now.run_id, now.running = before.run_id, before.running  # broken, but still shown as it was
            now.metrics_size += sum(one.offset for one in own)
            if before is None or (before.running, before.run_id) != (now.running, now.run_id):
                self._running = None
            self._known[directory] = now
            mended |= before.problem_uris - now.problem_uris if before else frozenset()
            if before is None or not now.shows_as(before):
                self._fresh[directory] = time.monotonic() + _FRESH_SECONDS
                runs.append(run)
                series += own
        if removed:  # a copy that could not be shown because of one of these can be shown now
            self._revisit.update(path for path, known in list(self._known.items()) if known.run_id is None)
        runs = [run for run in runs if run.meta is not None or run.problems]
        if runs or removed or mended or problems:
            far = [run for run in runs if run.directory not in close]
            metrics = pl.concat([series_batch(series).metrics, metrics_of(far, problems)])
            batch = make_batch(runs, metrics=metrics)
            yield Change(replace(batch, problems=[*batch.problems, *problems]), removed, sorted(mended))

    def _read_run(self, directory: str, *, with_metrics: bool) -> RunRead | None:
        experiment = self._experiments.get(os.path.dirname(directory))
        if experiment is None:
            return None
        return read_run(directory, experiment, with_deleted=self._with_deleted, with_metrics=with_metrics)

    def _again(self, directory: str) -> bool:
        """Whether a directory that cannot be read now is to be tried again, having just been written perhaps."""
        tries = self._tries.get(directory, 0)
        if tries >= _TRIES or not os.path.isdir(directory):
            return False
        self._tries[directory] = tries + 1
        return True

    def _forget(self, directory: str, run: RunRead | None) -> list[str]:
        """Take a run off the books; its id, if it was shown there."""
        known, self._running = self._known.pop(directory, None), None
        if run is not None and run.meta is not None:  # deleted in the store: its meta.yaml may bring it back
            self._known[directory] = known_run(run)
            self._known[directory].run_id = None
        if known is None or known.run_id is None or self._directories.get(known.run_id) != directory:
            return []
        del self._directories[known.run_id]
        return [known.run_id]

    def _claim(self, run_id: str, directory: str) -> str:
        """The directory in which the run is shown: this one, unless it is a link to that or a copy of it."""
        first = self._directories.get(run_id)
        if first is None or not os.path.isdir(first):
            self._directories[run_id] = directory
        return self._directories[run_id]

    def _own_series(self, run: RunRead, run_id: str) -> list[MetricSeries]:
        """The metric files of a closely watched run, those that are new among them."""
        self._folders[run.directory] = folders_of(run.directory)
        known = self._series.get(run.directory, {})
        self._series[run.directory] = {
            path: known.get(path) or MetricSeries(run_id, encodable(key), path)
            for key, path in walk_files(os.path.join(run.directory, "metrics"), run.problems)
        }
        return list(self._series[run.directory].values())


def store_lost(root: str) -> SourceLostError:
    """The error for a store whose directory is gone."""
    remedy = "Its last state is shown; it goes on when the directory is back."
    return SourceLostError(f"The store is gone: {encodable(root)}", remedy)


def _advance_to_end(series: list[MetricSeries], problems: list[Problem]) -> None:
    more = True
    while more:
        _, more = advance(series, problems)
