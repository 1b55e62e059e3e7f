"""Reads whole runs of a file store and makes the frames of a `RunBatch` of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from marshal import dumps
from operator import attrgetter
from typing import Final

import polars as pl

from tui_runs.adapter import Problem, RunBatch
from tui_runs.display import encodable
from tui_runs.schema import METRICS, PARAMS, conform, empty
from tui_runs_mlflow.meta_yaml import MetaError
from tui_runs_mlflow.metric_lines import parse_points, summarise, time_of
from tui_runs_mlflow.metric_series import bad_lines_problem
from tui_runs_mlflow.run_files import (
    META_REMEDY,
    TEXT_LIMIT,
    RunMeta,
    parts_of,
    problem_with,
    read_end,
    read_run_meta,
    unreadable,
    walk_files,
)
from tui_runs_mlflow.run_frame import FACTS, runs_frame
from tui_runs_mlflow.stamps import FileStamps, MetaStamp, meta_stamp, read_stamped
from tui_runs_mlflow.store_layout import ExperimentDir

WHOLE_FILE: Final = 4 << 20
"""Bytes up to which a metric file is read whole at once; of a longer one the end comes first."""
_TAIL: Final = 1 << 16

_TWIN_REMEDY: Final = "Delete one of the two, or give it an id of its own."
_STATUS_REMEDY: Final = "It shows as unknown."
_META: Final = attrgetter(*RunMeta.__slots__)
_EXPERIMENT: Final = attrgetter(*ExperimentDir.__slots__)
_STATUSES: Final = {1: "running", 2: "scheduled", 3: "finished", 4: "failed", 5: "killed"}


@dataclass(slots=True)
class MetricFile:
    """The bytes of one metric file, up to its last whole line.

    Args:
        key: the metric's name.
        path: the file.
        data: whole lines; where `whole` is false, only the last ones.
        end: offset in the file after those lines.
        whole: the bytes start at the file's beginning.
    """

    key: str
    path: str
    data: bytes
    end: int
    whole: bool


@dataclass(slots=True)
class RunRead:
    """One run as its files say. `meta` is None where meta.yaml cannot be used; `problems` then says why."""

    directory: str
    experiment: ExperimentDir
    meta: RunMeta | None = None
    params: list[tuple[str, str]] = field(default_factory=list)
    tags: list[tuple[str, str]] = field(default_factory=list)
    metrics: list[MetricFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    stamp: MetaStamp = (0, 0, 0)
    """Of meta.yaml just before it was read."""
    stamps: FileStamps | None = None
    """Of every file that was read, where they were asked for."""

    @property
    def size(self) -> int:
        """Bytes of metric lines held."""
        return sum(len(file.data) for file in self.metrics)

    @property
    def fingerprint(self) -> int:
        """Differs when anything that is shown of the run differs, but for its metrics."""
        uris = [problem.uri for problem in self.problems]
        meta = _META(self.meta) if self.meta is not None else None
        shown = (meta, _EXPERIMENT(self.experiment), sorted(self.params), sorted(self.tags), uris)
        # Not hash(), which is another one in the next process; and the oldest form of marshal, in which equal things
        # look the same. It takes a third of the time of JSON.
        return int.from_bytes(blake2b(dumps(shown, 0), digest_size=8).digest(), "big", signed=True)

    @property
    def metrics_size(self) -> int:
        """Bytes of metric lines in all files, the unread ones of long files too."""
        return sum(file.end for file in self.metrics)

    @property
    def deleted(self) -> bool:
        """The run or its experiment is in the trash."""
        return self.experiment.deleted or (self.meta is not None and self.meta.deleted)

    def give_way(self, first: str) -> None:
        """Do not show this run, as the directory `first` has one of its id: this is a link to that, or a copy."""
        self.meta, self.problems = None, []
        if os.path.realpath(first) != os.path.realpath(self.directory):
            what = f"It has the run id of {first}, which is shown in its place."
            self.problems = [problem_with(self.directory, what, _TWIN_REMEDY)]


def read_run(
    directory: str,
    experiment: ExperimentDir,
    *,
    with_deleted: bool,
    with_metrics: bool = True,
    with_stamps: bool = False,
) -> RunRead | None:
    """Read one run's files; None where the directory is gone. Never raises for what it finds in there.

    A deleted run that is not wanted is returned with its `meta` alone. Stamps cost a fifth of a scan's time.
    """
    run = RunRead(directory, experiment)
    path = os.path.join(directory, "meta.yaml")
    run.stamp = meta_stamp(directory)
    if with_stamps:
        run.stamps = FileStamps(run.stamp)
    try:
        run.meta = read_run_meta(directory)
    except MetaError as error:
        run.problems.append(problem_with(path, f"The run's meta.yaml {error}.", META_REMEDY))
    except FileNotFoundError:
        if not os.path.isdir(directory):
            return None
        run.problems.append(problem_with(path, "It is missing, so the run is not shown.", META_REMEDY))
    except OSError as error:
        run.problems.append(unreadable(path, error))
    if run.meta is None or (run.deleted and not with_deleted):
        return run
    if run.meta.status not in _STATUSES:
        run.problems.append(
            problem_with(path, f"Its status is {run.meta.status}, which MLflow does not define.", _STATUS_REMEDY)
        )
    try:
        parts = parts_of(directory, run.problems)
    except OSError as error:
        run.problems.append(unreadable(directory, error))
        return run
    if "params" in parts:
        run.params = _read_texts(parts["params"], "params", run)
    if "tags" in parts:
        run.tags = _read_texts(parts["tags"], "tags", run)
    if "metrics" in parts and with_metrics:
        run.metrics = _read_metrics(parts["metrics"], run)
    return run


def _read_texts(directory: str, part: str, run: RunRead) -> list[tuple[str, str]]:
    texts: list[tuple[str, str]] = []
    stamps = run.stamps
    if stamps is not None:
        stamps.enter(part)
    for key, path in walk_files(directory, run.problems):
        try:
            data = read_stamped(path, key, stamps)
        except FileNotFoundError:
            continue
        except OSError as error:
            run.problems.append(unreadable(path, error))
            continue
        try:
            value = data.decode()
        except UnicodeDecodeError:
            value = data.decode(errors="replace")
            what = "The value is not UTF-8 text."
            run.problems.append(problem_with(path, what, "It is shown with � for each unreadable byte."))
        if len(data) >= TEXT_LIMIT:
            what = "The value is longer than 1 MiB."
            run.problems.append(problem_with(path, what, "Only its beginning is shown."))
        texts.append((key if key.isascii() else encodable(key), value))
    return texts


def _read_metrics(directory: str, run: RunRead) -> list[MetricFile]:
    files: list[MetricFile] = []
    if run.stamps is not None:
        run.stamps.enter("metrics")
    for key, path in walk_files(directory, run.problems):
        try:
            file = read_metric_file(key, path, run.stamps)
        except FileNotFoundError:
            continue
        except OSError as error:
            run.problems.append(unreadable(path, error))
            continue
        if file.end == 0 and run.meta is not None and run.meta.status != 1:
            what = "The metric file is empty." if not file.data else "The metric file holds no whole line."
            run.problems.append(problem_with(path, what, "Nothing was logged there, or the writer was killed."))
        files.append(file)
    return files


def read_metric_file(key: str, path: str, stamps: FileStamps | None = None) -> MetricFile:
    """Read a metric file, or the end of a long one, up to its last newline: a half-written line waits for its end.

    Raises:
        OSError: it cannot be read.
    """
    data = read_stamped(path, key, stamps, WHOLE_FILE)
    if len(data) < WHOLE_FILE:
        end = data.rfind(b"\n") + 1
        return MetricFile(encodable(key), path, data if end == len(data) else data[:end], end, whole=True)
    tail, start = read_end(path, _TAIL)
    first, last = tail.find(b"\n") + 1 if start else 0, tail.rfind(b"\n") + 1
    return MetricFile(encodable(key), path, tail[first:last], start + last, whole=False)


def make_batch(runs: Sequence[RunRead], total: int | None = None, metrics: pl.DataFrame | None = None) -> RunBatch:
    """The frames of some runs; those without usable meta.yaml only give their problems.

    Args:
        runs: as read.
        total: how many runs the store has in all.
        metrics: their metrics (schema METRICS) where these have been read another way.
    """
    problems = [problem for run in runs for problem in run.problems]
    usable = [(run, run.meta) for run in runs if run.meta is not None]
    if metrics is None:
        metrics = metrics_of(runs, problems)
    tags = _texts_frame([(meta.run_id, run.tags) for run, meta in usable])
    return RunBatch(
        runs=runs_frame(_facts_frame(usable), tags, metrics),
        params=_texts_frame([(meta.run_id, run.params) for run, meta in usable]),
        tags=tags,
        metrics=metrics,
        problems=problems,
        total=total,
    )


def metrics_of(runs: Sequence[RunRead], problems: list[Problem]) -> pl.DataFrame:
    """The metrics (schema METRICS) in the files of these runs; lines that are no points go to `problems`."""
    files = [(run.meta.run_id, file) for run in runs if run.meta is not None for file in run.metrics]
    points, bad = parse_points([file.data for _, file in files])
    for lines in bad:
        file = files[lines.series][1]
        problems.append(bad_lines_problem(file.path, lines, from_start=file.whole))
    if points.is_empty():
        return empty(METRICS)
    columns = {
        "run_id": pl.Series([run_id for run_id, _ in files], dtype=pl.String),
        "key": pl.Series([file.key for _, file in files], dtype=pl.String),
        "exact": pl.Series([file.whole for _, file in files], dtype=pl.Boolean),
    }
    summary = summarise(points)
    index = summary["series"]
    frame = summary.with_columns(
        *(values.gather(index).alias(name) for name, values in columns.items()),
        time_of(pl.col("last_ms")).alias("last_time"),
    )
    return conform(frame, METRICS)


def _texts_frame(texts: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> pl.DataFrame:
    columns = {
        "run_id": [run_id for run_id, pairs in texts for _ in pairs],
        "key": [key for _, pairs in texts for key, _ in pairs],
        "value": [value for _, pairs in texts for _, value in pairs],
    }
    return pl.DataFrame(columns, schema=dict(PARAMS))


def _facts_frame(runs: Sequence[tuple[RunRead, RunMeta]]) -> pl.DataFrame:
    rows = [
        (
            meta.run_id,
            meta.name,
            encodable(run.experiment.name),
            "deleted" if run.deleted else _STATUSES.get(meta.status or 0, "unknown"),
            meta.start_time,
            meta.end_time,
            meta.user,
            meta.source_name,
            encodable(run.directory),
        )
        for run, meta in runs
    ]
    return pl.DataFrame(rows, schema=FACTS, orient="row")
