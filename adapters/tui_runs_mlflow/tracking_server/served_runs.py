"""From a run as a server says it, JSON of MLflow's `Run`, to the frames of a `RunBatch`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import polars as pl

from tui_runs.adapter import Problem, RunBatch
from tui_runs.schema import METRICS, PARAMS, RUNS, conform, empty
from tui_runs_mlflow.metric_lines import time_of
from tui_runs_mlflow.run_frame import FACTS, STATUSES, runs_frame
from tui_runs_mlflow.tracking_server.client import Experiment

_GREATEST: Final = 1.7976931348623157e308
"""What MLflow's databases hold in place of infinity."""
_LIMIT: Final = 1 << 63
_RUN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,255}")
"""MLflow's own rule. Ids are put into filters, where a quote would end them."""


class Point(NamedTuple):
    """One value of a metric; compares as MLflow tells the latest: by step, then by time, then by value."""

    step: int
    ms: int
    value: float

    def same_place(self, other: Point) -> bool:
        """Whether both are of the same step and time; NaN equals nothing, so values tell less."""
        return (self.step, self.ms) == (other.step, other.ms)


@dataclass(frozen=True, slots=True)
class ServedRun:
    """One run as a server says it. Times are milliseconds since 1970, or None.

    Args:
        status: MLflow's word.
        deleted: the run itself is; see `Experiment.deleted` too.
        metrics: the latest point of each.
    """

    run_id: str
    experiment_id: str
    name: str
    status: str
    start_ms: int | None
    end_ms: int | None
    user: str
    source_name: str
    deleted: bool
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, Point]

    @property
    def running(self) -> bool:
        """It may log more at any moment."""
        return self.status == "RUNNING" and not self.deleted

    def fingerprint(self, experiment: Experiment | None) -> int:
        """Differs when anything that is shown of the run differs, but for its metrics."""
        record = (self.name, self.status, self.start_ms, self.end_ms, self.user, self.source_name, self.deleted)
        return hash((record, experiment, frozenset(self.params.items()), frozenset(self.tags.items())))

    def metrics_fingerprint(self) -> int:
        """Differs when a latest point differs."""
        return hash(frozenset((key, repr(point)) for key, point in self.metrics.items()))


def served_run(said: object) -> ServedRun:
    """Read one run.

    Raises:
        ValueError: it is not as MLflow says a run.
    """
    try:
        info, data = said["info"], said.get("data", {})  # type: ignore[index, attr-defined]
        run_id = info.get("run_id") or info["run_uuid"]
        if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id):
            raise ValueError("no run id")
        return ServedRun(
            run_id=run_id,
            experiment_id=str(info.get("experiment_id", "")),
            name=str(info.get("run_name") or ""),
            status=str(info.get("status", "")),
            start_ms=_time(info.get("start_time")),
            end_ms=_time(info.get("end_time")),
            user=str(info.get("user_id") or ""),
            source_name=str(info.get("source_name") or ""),
            deleted=info.get("lifecycle_stage") == "deleted",
            params=_texts(data.get("params", ())),
            tags=_texts(data.get("tags", ())),
            metrics={str(one["key"]): point_of(one) for one in data.get("metrics", ())},
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(str(error)) from None


def _texts(said: Iterable[Mapping[str, object]]) -> dict[str, str]:
    return {str(one["key"]): str(one.get("value", "")) for one in said}


def _time(said: object) -> int | None:
    """A time; databases and servers say 0 where there is none."""
    return _int64(said) or None if said is not None else None


def point_of(said: object) -> Point:
    """Read one point.

    Raises:
        ValueError: it is not as MLflow says one.
    """
    if not isinstance(said, Mapping):
        raise ValueError("no point")
    try:
        value = float(said["value"])  # NaN and the infinities come as texts, or as themselves
        step, ms = _int64(said.get("step", 0)), _int64(said.get("timestamp", 0))
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(str(error)) from None
    return Point(step, ms, math.copysign(math.inf, value) if abs(value) == _GREATEST else value)


def _int64(said: object) -> int:
    if not isinstance(said, int | float | str):
        raise ValueError("no number")
    number = int(said)
    if not -_LIMIT <= number < _LIMIT:
        raise ValueError("out of range")
    return number


class MetricRow(NamedTuple):
    """One row of METRICS, where `points` is its count; times are milliseconds."""

    run_id: str
    key: str
    last: float
    last_step: int
    last_ms: int
    min: float | None
    min_step: int | None
    max: float | None
    max_step: int | None
    points: int | None
    exact: bool


MetricRows = Callable[[str, Mapping[str, Point]], Iterable[MetricRow]]
"""Makes the rows of a run's metrics of its latest points."""


def run_batch(
    runs: Sequence[ServedRun],
    experiments: Mapping[str, Experiment],
    page_of: Callable[[str, str], str],
    metric_rows: MetricRows,
    problems: Sequence[Problem] = (),
) -> RunBatch:
    """The frames of some runs.

    Args:
        runs: as read.
        experiments: by id.
        page_of: the address of a run's page, of an experiment's and a run's id.
        metric_rows: see `MetricRows`.
        problems: what could not be read on the way.
    """
    facts = [_facts(run, experiments.get(run.experiment_id), page_of) for run in runs]
    tags = _texts_frame((run.run_id, run.tags) for run in runs)
    metrics = metrics_frame(row for run in runs for row in metric_rows(run.run_id, run.metrics))
    return RunBatch(
        runs=runs_frame(pl.DataFrame(facts, schema=FACTS, orient="row"), tags, metrics),
        params=_texts_frame((run.run_id, run.params) for run in runs),
        tags=tags,
        metrics=metrics,
        problems=problems,
    )


def metrics_batch(rows: Iterable[MetricRow]) -> RunBatch:
    """A batch of these metrics alone, of runs sent earlier."""
    return RunBatch(empty(RUNS), empty(PARAMS), empty(PARAMS), metrics_frame(rows))


def metrics_frame(rows: Iterable[MetricRow]) -> pl.DataFrame:
    """Schema METRICS."""
    schema = {name: METRICS.get(name, pl.Int64) for name in MetricRow._fields}
    frame = pl.DataFrame(list(rows), schema=schema, orient="row")
    columns = (pl.col("points").alias("count"), time_of(pl.col("last_ms")).alias("last_time"))
    return conform(frame.with_columns(*columns), METRICS)


def _facts(run: ServedRun, experiment: Experiment | None, page_of: Callable[[str, str], str]) -> tuple[object, ...]:
    deleted = run.deleted or (experiment is not None and experiment.deleted)
    return (
        run.run_id,
        run.name,
        experiment.name if experiment else None,
        "deleted" if deleted else STATUSES.get(run.status, "unknown"),
        run.start_ms,
        run.end_ms,
        run.user,
        run.source_name,
        page_of(run.experiment_id, run.run_id),
    )


def _texts_frame(texts: Iterable[tuple[str, Mapping[str, str]]]) -> pl.DataFrame:
    rows = [(run_id, key, value) for run_id, pairs in texts for key, value in pairs.items()]
    run_ids, keys, values = zip(*rows, strict=True) if rows else ((), (), ())
    return pl.DataFrame({"run_id": run_ids, "key": keys, "value": values}, schema=dict(PARAMS))
