"""The receiver's side of the contract, as plainly as it can be written: what batches and changes add up to."""

from __future__ import annotations

import hashlib
import os
import queue
import stat
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import polars as pl

from tui_runs.adapter import Change, Cursor, Focus, History, Problem, RunBatch, SeriesId, Source
from tui_runs.schema import HISTORY, METRICS, PARAMS, RUNS, TAGS

DEADLINE = 15.0
"""Seconds after which something that should happen is said not to; what works takes milliseconds."""

Texts = dict[tuple[str, str], str]


class Ledger:
    """Every run that a source spoke of. Checks each batch that it takes in."""

    def __init__(self, batches: Iterable[RunBatch] = ()) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.params: Texts = {}
        self.tags: Texts = {}
        self.metrics: dict[tuple[str, str], dict[str, Any]] = {}
        self.problems: dict[str, Problem] = {}
        for batch in batches:
            self.apply(batch)

    def apply(self, batch: RunBatch) -> None:
        check_batch(batch)
        said = set(batch.runs["run_id"])
        for kind in (self.params, self.tags, self.metrics):
            for key in [key for key in kind if key[0] in said]:
                del kind[key]
        for row in batch.runs.iter_rows(named=True):
            self.runs[row["run_id"]] = row
        self.params.update(_texts(batch.params))
        self.tags.update(_texts(batch.tags))
        for row in batch.metrics.iter_rows(named=True):
            if row["run_id"] in self.runs:
                self.metrics[row["run_id"], row["key"]] = row
        self.problems.update((problem.uri, problem) for problem in batch.problems)

    def apply_change(self, change: Change) -> None:
        for run_id in change.removed:
            self.runs.pop(run_id, None)
            for kind in (self.params, self.tags, self.metrics):
                for key in [key for key in kind if key[0] == run_id]:
                    del kind[key]
        for uri in change.mended:
            check_text(uri)
            self.problems.pop(uri, None)
        if change.batch is not None:
            self.apply(change.batch)

    def named(self, name: str) -> list[dict[str, Any]]:
        return [run for run in self.runs.values() if run["name"] == name]

    def params_of(self, run_id: str) -> dict[str, str]:
        return {key: value for (run, key), value in self.params.items() if run == run_id}

    def tags_of(self, run_id: str) -> dict[str, str]:
        return {key: value for (run, key), value in self.tags.items() if run == run_id}

    def count(self, run_id: str, key: str) -> int:
        return int(self.metrics[run_id, key]["count"]) if (run_id, key) in self.metrics else 0

    def state(self) -> dict[str, Any]:
        """All that is shown, to be compared: not when a run last changed, nor who tells of it."""
        return {
            **{("run", key): _plain(row, {"source", "updated"}) for key, row in self.runs.items()},
            **{("param", *key): value for key, value in self.params.items()},
            **{("tag", *key): value for key, value in self.tags.items()},
            **{("metric", *key): _plain(row, set()) for key, row in self.metrics.items()},
        }


def _texts(frame: pl.DataFrame) -> Texts:
    return {(run_id, key): value for run_id, key, value in frame.iter_rows()}


def _plain(row: dict[str, Any], without: set[str]) -> dict[str, Any]:
    """A row whose NaN equal each other."""
    return {key: "NaN" if value != value else value for key, value in row.items() if key not in without}


def check_batch(batch: RunBatch) -> None:
    """What holds of every batch: exact schemas, keys that are unique, nothing that Arrow could not carry."""
    for frame, schema in ((batch.runs, RUNS), (batch.params, PARAMS), (batch.tags, TAGS), (batch.metrics, METRICS)):
        assert dict(frame.schema) == dict(schema)
    assert batch.runs["run_id"].null_count() == 0
    assert batch.runs["run_id"].is_unique().all()
    assert batch.runs["status"].null_count() == 0
    for frame in (batch.params, batch.tags, batch.metrics):
        assert frame.null_count().select("run_id", "key").row(0) == (0, 0)
        assert frame.select("run_id", "key").is_unique().all()
    for frame in (batch.params, batch.tags):
        assert frame["value"].null_count() == 0
        if batch.runs.height:
            assert set(frame["run_id"]) <= set(batch.runs["run_id"])
    for problem in batch.problems:
        for text in (problem.uri, problem.what, problem.remedy):
            check_text(text)
            assert text.strip()
    assert batch.total is None or batch.total >= 0


def check_text(text: str) -> None:
    """Plain text that UTF-8 can hold: a file name's stray bytes must not get this far."""
    assert isinstance(text, str)
    text.encode()


def read_all(source: Source) -> Ledger:
    """Scan a source to its end."""
    return Ledger(source.scan())


def read_history(
    source: Source, run_ids: list[str], metrics: list[str] | None = None, cursor: Cursor | None = None
) -> tuple[dict[SeriesId, list[tuple[int, int, float]]], Cursor, list[History]]:
    """Ask for points until they are complete.

    Returns:
        The points (step, time in ms, value) of each series; the last cursor; the answers.
    """
    points: dict[SeriesId, list[tuple[int, int, float]]] = {}
    answers: list[History] = []
    deadline = time.monotonic() + DEADLINE
    while not answers or not answers[-1].complete:
        assert time.monotonic() < deadline, "the history never gets complete"
        given = dict(cursor) if cursor is not None else None
        history = source.history(run_ids, metrics, cursor)
        assert cursor is None or dict(cursor) == given, "the caller's cursor was written into"
        assert dict(history.frame.schema) == dict(HISTORY)
        for series in history.restarted:
            points[series] = []
        for run_id, key, step, at, value in history.frame.iter_rows():
            points.setdefault((run_id, key), []).append((step, round(at.timestamp() * 1000), value))
        cursor = history.cursor
        answers.append(history)
    return points, cursor or {}, answers


class Following:
    """Follows a source in a thread of its own, and adds up what it says."""

    def __init__(self, source: Source, ledger: Ledger, focus: Focus) -> None:
        self.ledger = ledger
        self.changes: list[Change] = []
        self._said: queue.SimpleQueue[Change | BaseException | None] = queue.SimpleQueue()
        self._source, self._focus = source, focus
        self._thread = threading.Thread(target=self._run, name="test-follow", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for change in self._source.follow(self._focus):
                self._said.put(change)
        except BaseException as error:
            self._said.put(error)
        self._said.put(None)

    def until(self, holds: Callable[[Ledger], object], what: str) -> None:
        """Wait until something holds of what was said."""
        deadline = time.monotonic() + DEADLINE
        while not holds(self.ledger):
            try:
                said = self._said.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"never said: {what}") from None
            if isinstance(said, BaseException):
                raise said
            assert said is not None, f"follow ended before it said: {what}"
            self.changes.append(said)
            self.ledger.apply_change(said)

    def until_like(self, other: Source) -> None:
        """Wait until all that was said adds up to what a source that is opened now reads."""
        fresh = read_all(other).state()
        try:
            self.until(lambda ledger: ledger.state() == fresh, "the state that a fresh scan reads")
        except AssertionError as error:
            state = self.ledger.state()
            differing = {key: (state.get(key), fresh.get(key)) for key in state.keys() | fresh.keys()}
            differing = {key: pair for key, pair in differing.items() if pair[0] != pair[1]}
            raise AssertionError(f"{error}; (said, fresh): {differing}") from None

    def raises(self, kind: type[BaseException]) -> BaseException:
        """Wait for the error that ends it."""
        try:
            self.until(lambda ledger: False, kind.__name__)
        except kind as error:
            return error
        raise AssertionError("unreachable")

    def ends(self, within: float = DEADLINE) -> None:
        self._thread.join(within)
        assert not self._thread.is_alive(), "follow does not end"


def snapshot(root: str | os.PathLike[str]) -> dict[str, tuple[object, ...]]:
    """Every file and directory at and below `root`: mode, size, mtime_ns, inode, content. Links are not followed."""
    found: dict[str, tuple[object, ...]] = {}
    todo = [os.fspath(root)]
    while todo:
        path = todo.pop()
        status = os.lstat(path)
        content: object = None
        if stat.S_ISDIR(status.st_mode):
            todo += [entry.path for entry in os.scandir(path)]
        elif stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            with open(path, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()
        found[path] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino, content)
    return found
