"""A toy store that is open. It looks at everything every 20 ms, which only a toy may do."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from tui_runs.adapter import Change, Cursor, Focus, History, Problem, RunBatch, SeriesId
from tui_runs.errors import SourceLostError
from tui_runs.follow import read_appended
from tui_runs.schema import HISTORY, METRICS, PARAMS, RUNS, TAGS

Point = tuple[int, int, float]


class ToyStore:
    """See the package."""

    kind = "toy store"

    def __init__(self, root: str, *, shout: bool) -> None:
        self.uri = self.root = os.path.abspath(root)
        self._shout = shout
        self._closed = threading.Event()
        self._seen: dict[str, Any] = {}
        self._problems: dict[str, set[str]] = {}

    def scan(self) -> Iterator[RunBatch]:
        run_ids = self._run_ids()
        for start in range(0, max(1, len(run_ids)), 20):
            if self._closed.is_set():
                return
            yield self._batch(run_ids[start : start + 20])

    def _run_ids(self) -> list[str]:
        """The runs, the newest first."""
        try:
            with os.scandir(self.root) as entries:
                found = [(_size_and_time(entry.path)[1], entry.name) for entry in entries if entry.is_dir()]
        except OSError:
            raise SourceLostError(f"{self.root} is gone.", "Bring it back.") from None
        return [name for _, name in sorted(found, reverse=True)]

    def _batch(self, run_ids: Sequence[str]) -> RunBatch:
        runs, params, tags, metrics = [], [], [], []
        problems: list[Problem] = []
        for run_id in run_ids:
            self._seen[run_id] = self._stamp(run_id)
            before = len(problems)
            run = self._run(run_id, problems)
            if run is not None:
                name = run["name"].upper() if self._shout else run["name"]
                times = {name: _time(run[name]) for name in ("started", "ended")}
                runs.append({"run_id": run_id, "name": name, "status": run["status"], **times})
                params += [{"run_id": run_id, "key": key, "value": value} for key, value in run["params"].items()]
                tags += [{"run_id": run_id, "key": key, "value": value} for key, value in run["tags"].items()]
                metrics += [
                    {"run_id": run_id, "key": key, **_summary(points)}
                    for key in self._keys(run_id)
                    if (points := self._points(run_id, key, problems))
                ]
            self._problems[run_id] = {problem.uri for problem in problems[before:]}
        return RunBatch(
            pl.DataFrame(runs, schema=dict(RUNS)),
            pl.DataFrame(params, schema=dict(PARAMS)),
            pl.DataFrame(tags, schema=dict(TAGS)),
            pl.DataFrame(metrics, schema=dict(METRICS)),
            problems,
        )

    def _run(self, run_id: str, problems: list[Problem]) -> dict[str, Any] | None:
        path = os.path.join(self.root, run_id, "run.json")
        try:
            with open(path, encoding="utf-8") as file:
                loaded: dict[str, Any] = json.load(file)
                return loaded
        except OSError as error:
            problems.append(Problem(path, f"Permission denied or gone: {error.strerror}.", "Restore it."))
        except ValueError:
            problems.append(Problem(path, "It is not JSON.", "Restore it."))
        return None

    def _keys(self, run_id: str) -> list[str]:
        top = os.path.join(self.root, run_id, "points")
        return [os.path.relpath(os.path.join(where, name), top) for where, _, names in os.walk(top) for name in names]

    def _points(self, run_id: str, key: str, problems: list[Problem]) -> list[Point]:
        path = os.path.join(self.root, run_id, "points", key)
        try:
            return _parse(read_appended(path, 0).data)
        except OSError as error:
            problems.append(Problem(path, f"Permission denied or gone: {error.strerror}.", "Make it readable."))
            return []

    def history(
        self, run_ids: Sequence[str], metrics: Sequence[str] | None = None, cursor: Cursor | None = None
    ) -> History:
        if not os.path.isdir(self.root):
            raise SourceLostError(f"{self.root} is gone.", "Bring it back.")
        offsets: dict[SeriesId, int] = dict(cursor or {})
        rows, restarted, complete = [], set(), True
        for run_id in run_ids:
            for key in self._keys(run_id) if run_id in self._seen else []:
                if metrics is not None and key not in metrics:
                    continue
                series = (run_id, key)
                try:
                    read = read_appended(os.path.join(self.root, run_id, "points", key), offsets.get(series, 0), 600)
                except OSError:
                    continue
                offsets[series] = read.offset
                complete = complete and not read.more
                if read.restarted:
                    restarted.add(series)
                rows += [(run_id, key, step, _time(ms), value) for step, ms, value in _parse(read.data)]
        frame = pl.DataFrame(rows, schema=dict(HISTORY), orient="row")
        return History(frame, offsets, complete, frozenset(restarted))

    def follow(self, focus: Focus) -> Iterator[Change]:
        while not self._closed.is_set():
            present = self._run_ids()
            changed = [run_id for run_id in present if self._seen.get(run_id) != self._stamp(run_id)]
            removed = [run_id for run_id in self._seen if run_id not in present]
            told = {uri for run_id in (*changed, *removed) for uri in self._problems.get(run_id, ())}
            for run_id in removed:
                del self._seen[run_id]
            batch = self._batch(changed)
            if changed or removed:
                yield Change(batch, removed, sorted(told - {problem.uri for problem in batch.problems}))
            self._closed.wait(0.02)

    def _stamp(self, run_id: str) -> object:
        """Differs when anything of a run has changed."""
        top = os.path.join(self.root, run_id)
        paths = [os.path.join(where, name) for where, _, names in os.walk(top) for name in names]
        return sorted((path, _size_and_time(path)) for path in paths)

    def close(self) -> None:
        self._closed.set()


def _size_and_time(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _parse(data: bytes) -> list[Point]:
    lines = [line.split() for line in data.decode().splitlines()]
    return [(int(step), int(ms), float(value)) for ms, value, step in lines]


def _summary(points: Sequence[Point]) -> dict[str, Any]:
    last = max(points)
    numbers = [point for point in points if point[2] == point[2]] or points
    low, high = min(numbers, key=lambda point: point[2]), max(numbers, key=lambda point: point[2])
    return {
        "last": last[2], "last_step": last[0], "last_time": _time(last[1]), "min": low[2], "min_step": low[0],
        "max": high[2], "max_step": high[0], "count": len(points), "exact": True,
    }  # fmt: skip


def _time(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)
