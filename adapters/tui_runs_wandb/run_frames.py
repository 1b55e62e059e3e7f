"""Makes the frames of a `RunBatch` of what was read of runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from tui_runs.adapter import Problem, RunBatch
from tui_runs.display import encodable
from tui_runs.schema import METRICS, PARAMS, RUNS, TAGS, TIME, empty
from tui_runs_wandb.keys import Keys
from tui_runs_wandb.points import NO_TIME, YEAR_10000, Totals
from tui_runs_wandb.run_dir import RunDir
from tui_runs_wandb.run_log import RunLog
from tui_runs_wandb.run_state import RunState
from tui_runs_wandb.values import Number, dotted, float_of, text_of

_METRIC_COLUMNS: Final = (
    "key", "last", "last_step", "last_time", "min", "min_step", "max", "max_step", "count",
)  # fmt: skip


@dataclass(slots=True)
class RunView:
    """A run as it is shown.

    Args:
        facts: its row of RUNS, by column; times in microseconds.
        params: key and text.
        tags: key and text.
        metrics: rows of METRICS from `key` to `count`.
        whole: the metrics are of the whole history.
        shown: False where nothing can be said of the run but its problem.
        version: of the log that it was made of.
        problem: what is wrong with the log.
    """

    facts: dict[str, object]
    params: list[tuple[str, str]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: list[tuple[object, ...]] = field(default_factory=list)
    whole: bool = True
    shown: bool = True
    version: int = 0
    problem: Problem | None = None

    @property
    def run_id(self) -> str:
        """Unique in the store."""
        return str(self.facts["run_id"])

    @property
    def status(self) -> str:
        """One of the schema's."""
        return str(self.facts["status"])


def view_of(log: RunLog, stale_after: float) -> RunView:
    """What is to be shown of a run now.

    Args:
        log: of the run.
        stale_after: seconds without a write after which a run that has not ended is stale.
    """
    with log.lock:
        view = view_of_state(log.run, log.state, log.updated, stale_after)
        view.metrics = _metrics(log.progress.keys, log.totals, log.state)
        view.shown, view.version, view.problem = log.shown, log.version, log.problem()
        return view


def view_of_state(run: RunDir, state: RunState, updated: float | None, stale_after: float) -> RunView:
    """What the records say of a run but for its metrics; see `view_of`."""
    facts, place = state.facts, state.environment.facts
    started = facts.started or state.environment.started or run.started
    status, ended = "running", None
    if state.ended is not None:
        status = "failed" if state.ended.code else "finished"
        last = state.last_time or 0
        ended = max(started or 0, (started or 0) + state.ended.runtime * 1_000_000, last) or None
    elif updated is None:
        status = "unknown"
    elif time.time() - updated > stale_after:
        status = "stale"
    view = RunView({
        "run_id": run.run_id,
        "name": encodable(facts.name or run.wandb_id),
        "experiment": _known(facts.project),
        "status": status,
        "started": _in_range(started),
        "ended": _in_range(ended),
        "updated": None if updated is None else _in_range(int(updated * 1e6)),
        "user": _known(place.get("username")),
        "host": _known(facts.host or place.get("host")),
        "group": _known(facts.group),
        "job_type": _known(facts.job_type),
        "git_commit": _known(facts.commit or place.get("git commit")),
        "command": _known(state.command),
        "notes": _known(facts.notes),
        "uri": encodable(run.directory),
    })  # fmt: skip
    view.params = [(key, text_of(leaf)) for key, leaf in state.config().items()]
    view.tags = {encodable(tag): encodable(tag) for tag in facts.tags}
    for path, leaf, _ in state.summary():
        if leaf is not None and not isinstance(leaf, bool | Number):
            view.tags[dotted(path)] = text_of(leaf)
    own = {"wandb.id": run.wandb_id, "wandb.entity": facts.entity, "wandb.sweep": facts.sweep_id}
    view.tags |= {key: encodable(value) for key, value in own.items() if value}
    return view


def _metrics(keys: Keys, totals: Totals, state: RunState) -> list[tuple[object, ...]]:
    """What the histories add up to; a value that was put into the summary later is the last one."""
    numbers = [number for number in totals.count.nonzero()[0].tolist() if keys.is_metric(number)]
    columns = (
        totals.last, totals.last_step, totals.last_time, totals.low, totals.low_step, totals.high, totals.high_step,
        totals.count, totals.last_end,
    )  # fmt: skip
    rows = {
        keys.names[number]: row
        for number, *row in zip(numbers, *(column[numbers].tolist() for column in columns), strict=True)
    }
    for path, leaf, at in state.summary():
        value = float_of(leaf)
        if value is None:
            continue
        row = rows.setdefault(dotted(path), [value, None, None, None, None, None, None, 0, at])
        if at > row[-1]:
            row[0] = value
    return [(name, *row[:2], _in_range(row[2]), *row[3:-1]) for name, row in rows.items()]


def quick_metrics(state: RunState) -> list[tuple[object, ...]]:
    """The metrics that the summary holds; how many points they have is not known."""
    values = {dotted(path): float_of(leaf) for path, leaf, _ in state.summary()}
    return [(key, value, *(None,) * 7) for key, value in values.items() if value is not None]


def make_batch(views: Sequence[RunView], total: int | None = None) -> RunBatch:
    """The batch of these runs, with the problems of their logs."""
    problems = [view.problem for view in views if view.problem is not None]
    views = [view for view in views if view.shown]
    if not views:
        return RunBatch(empty(RUNS), empty(PARAMS), empty(TAGS), empty(METRICS), problems, total)
    facts = {name: [view.facts.get(name) for view in views] for name in RUNS}
    metrics = [(view.run_id, *row, view.whole) for view in views for row in view.metrics]
    return RunBatch(
        pl.DataFrame(facts, schema={name: _stored(dtype) for name, dtype in RUNS.items()}).select(
            pl.col(name).cast(dtype) for name, dtype in RUNS.items()
        ),
        _texts([(view.run_id, key, text) for view in views for key, text in view.params]),
        _texts([(view.run_id, key, text) for view in views for key, text in view.tags.items()]),
        _columns(metrics),
        problems,
        total,
    )


def _stored(dtype: object) -> pl.DataType | type[pl.DataType]:
    return pl.Int64 if dtype == TIME else pl.String


def _columns(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    schema = {name: pl.Int64 if dtype == TIME else dtype for name, dtype in METRICS.items()}
    columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
    frame = pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema)
    return frame.with_columns(pl.col("last_time").cast(TIME))


def _texts(rows: list[tuple[str, str, str]]) -> pl.DataFrame:
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    return pl.DataFrame(dict(zip(PARAMS, columns, strict=True)), schema=dict(PARAMS))


def _known(text: str | None) -> str | None:
    return encodable(text) if text else None


def _in_range(moment: int | None) -> int | None:
    """A time in microseconds that Python's datetime can hold too."""
    return moment if moment is not None and moment != NO_TIME and 0 <= moment < YEAR_10000 * 1e6 else None
