"""The store of the demo: an MLflow file store, as MLflow 3 writes one, and the training that goes on in it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path
from typing import Final

from tui_runs.demo.curves import CIFAR, GPT, DemoRun, Fate, Point, Task, points
from tui_runs.demo.plan import next_run, plan

PAUSE_S: Final = 300.0
"""A clock that jumps by more than this was a machine asleep: the trainings slept too, and do not catch up."""

_STATUS: Final[dict[Fate, int]] = {"finished": 3, "failed": 4, "killed": 5}
_RUNNING: Final = 1


def write_store(root: str, *, now: float, seed: int, runs: int) -> None:
    """Write the store as it is at one moment: most runs over, three of them in the middle.

    The same arguments give the same bytes; of `root` only the artifact addresses in the meta.yaml files depend.

    Args:
        root: the store's directory, absent or empty; its parents are made.
        now: the present, seconds since 1970.
        seed: the same seed and time give the same runs.
        runs: how many runs, three at least.

    Raises:
        UsageError: `runs` is too small.
        OSError: the disk says no.
    """
    planned, now_ms = plan(now=now, seed=seed, runs=runs), int(now * 1000)
    os.makedirs(os.path.join(root, ".trash"))
    made_ms = planned[0].started_ms - 60_000
    for task in (None, CIFAR, GPT):
        _write_experiment(root, task, made_ms)
    for run in planned:
        _create(root, run, *((_RUNNING, None) if run.running else (_STATUS[run.fate], run.ended_ms)))
        _append(root, run, takewhile(lambda point: point.time_ms <= now_ms, points(run)))


class Training:
    """The runs of a demo store that are still training; a clock drives them.

    Args:
        root: the store, as `write_store` wrote it with the same `now`, `seed` and `runs`.
        now: the moment that the store shows, seconds since 1970.
        seed: the store's seed.
        runs: how many runs it began with.
    """

    def __init__(self, root: str, *, now: float, seed: int, runs: int) -> None:
        self._root, self._seed, self._count = root, seed, runs
        self._now_ms = int(now * 1000)
        self._live = [_Live(run) for run in plan(now=now, seed=seed, runs=runs) if run.running]
        for live in self._live:
            live.due(self._now_ms)  # they are in the store already

    def advance(self, now: float) -> None:
        """Write all that has happened up to a moment: points, runs that ended, and those that started instead.

        Every write ends at the end of a line.

        Args:
            now: seconds since 1970; when it is more than `PAUSE_S` after the last one, the time between is left out.

        Raises:
            OSError: the store is gone, or cannot be written.
        """
        now_ms = int(now * 1000)
        if now_ms - self._now_ms > PAUSE_S * 1000:
            for live in self._live:
                live.delay_ms += now_ms - self._now_ms
        self._now_ms = now_ms
        self._live = [self._brought_up(live, now_ms) for live in self._live]

    def stop(self, now: float) -> None:
        """Mark what still trains as killed, because nothing trains it any more.

        Args:
            now: seconds since 1970.

        Raises:
            OSError: the store is gone, or cannot be written.
        """
        for live in self._live:
            _end(self._root, live.run, _STATUS["killed"], int(now * 1000))

    def _brought_up(self, live: _Live, now_ms: int) -> _Live:
        """Write what is due of a run; when that was its end, start the next, and return the one that trains now."""
        while True:
            _append(self._root, live.run, live.due(now_ms))
            if not live.is_over:
                return live
            _end(self._root, live.run, _STATUS[live.run.fate], live.last_ms)
            self._count += 1
            live = _Live(next_run(seed=self._seed, number=self._count, started_ms=live.last_ms))
            _create(self._root, live.run, _RUNNING, None)


class _Live:
    """A run, and how far it has got."""

    def __init__(self, run: DemoRun) -> None:
        self.run = run
        self.delay_ms = 0
        self.last_ms = run.started_ms
        self._rest = points(run)
        self._next = next(self._rest, None)

    @property
    def is_over(self) -> bool:
        return self._next is None

    def due(self, now_ms: int) -> list[Point]:
        """The points since the last call, late by what the machine has slept."""
        found: list[Point] = []
        while self._next is not None and self._next.time_ms + self.delay_ms <= now_ms:
            self.last_ms = self._next.time_ms + self.delay_ms
            found.append(self._next._replace(time_ms=self.last_ms))
            self._next = next(self._rest, None)
        return found


def _path(root: str, run: DemoRun) -> str:
    return os.path.join(root, run.setup.task.experiment_id, run.run_id)


def _create(root: str, run: DemoRun, status: int, ended_ms: int | None) -> None:
    """Make a run without points. The store itself is not made again, should it be gone."""
    path = _path(root, run)
    os.mkdir(path)
    for name in ("metrics", "params", "artifacts", "tags"):
        os.mkdir(os.path.join(path, name))
    _write(os.path.join(path, "meta.yaml"), _meta(path, run, status, ended_ms))
    params = run.params()
    for folder, texts in (("params", params), ("tags", run.tags())):
        for key, value in texts.items():
            _write(os.path.join(path, folder, key), value)
    config = "".join(f"{key}: {value!r}\n" for key, value in params.items())
    _write(os.path.join(path, "artifacts", "config.yaml"), config)


def _append(root: str, run: DemoRun, new: Iterable[Point]) -> None:
    """Append points to the metric files, one write a file."""
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for time_ms, step, values in new:
        before, after = f"{time_ms} ", f" {step}\n"
        for key, value in values.items():
            lines[key].append(before + repr(value) + after)
    for key, some in lines.items():
        _write(os.path.join(_path(root, run), "metrics", key), "".join(some), os.O_APPEND)


def _write_experiment(root: str, task: Task | None, made_ms: int) -> None:
    """An experiment without runs; None is the one that MLflow makes for itself."""
    experiment_id = task.experiment_id if task else "0"
    path = os.path.join(root, experiment_id)
    os.mkdir(path)
    meta: dict[str, str | int] = {
        "artifact_location": _address(path),
        "creation_time": made_ms,
        "effective_trace_archival_retention": "null",
        "experiment_id": f"'{experiment_id}'",
        "last_update_time": made_ms,
        "lifecycle_stage": "active",
        "name": task.name if task else "Default",
        "trace_location": "null",
        "workspace": "default",
    }
    _write(os.path.join(path, "meta.yaml"), _yaml(meta))
    if task:
        _write(os.path.join(path, "tags", "mlflow.note.content"), task.note)


def _end(root: str, run: DemoRun, status: int, ended_ms: int) -> None:
    """Replace a run's meta.yaml whole, as MLflow does it when a run ends."""
    path = _path(root, run)
    new = os.path.join(path, ".meta.yaml.new")
    _write(new, _meta(path, run, status, ended_ms))
    os.replace(new, os.path.join(path, "meta.yaml"))


def _meta(path: str, run: DemoRun, status: int, ended_ms: int | None) -> str:
    meta: dict[str, str | int] = {
        "artifact_uri": _address(os.path.join(path, "artifacts")),
        "end_time": "null" if ended_ms is None else ended_ms,
        "entry_point_name": "''",
        "experiment_id": f"'{run.setup.task.experiment_id}'",
        "lifecycle_stage": "active",
        "run_id": run.run_id,
        "run_name": run.name,
        "source_name": "''",
        "source_type": 4,
        "source_version": "''",
        "start_time": run.started_ms,
        "status": status,
        "tags": "[]",
        "user_id": run.user,
    }
    return _yaml(meta)


def _yaml(values: dict[str, str | int]) -> str:
    """The flat YAML that MLflow writes; the values are plain scalars, or quoted already."""
    return "".join(f"{key}: {value}\n" for key, value in values.items())


def _address(path: str) -> str:
    return Path(path).absolute().as_uri()


def _write(path: str, text: str, extra: int = os.O_TRUNC) -> None:
    """Write a text with one system call, so that a reader never sees a part of a line; make its folder if need be."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | extra
    try:
        descriptor = os.open(path, flags, 0o666)
    except FileNotFoundError:
        os.mkdir(os.path.dirname(path))
        descriptor = os.open(path, flags, 0o666)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
