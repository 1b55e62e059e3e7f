"""From a run as `wandb.Api` gives it to the frames of a `RunBatch`, in the same words as a run on a disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from tui_runs.adapter import Problem, RunBatch
from tui_runs.display import encodable
from tui_runs.schema import METRICS, PARAMS, RUNS, TIME, conform, empty
from tui_runs_wandb.keys import INTERNAL, SYSTEM, TYPE
from tui_runs_wandb.records import Path
from tui_runs_wandb.run_frames import RunView, make_batch
from tui_runs_wandb.values import Leaf, Number, dotted, float_of, leaves, text_of

STATES: Final = {
    "pending": "scheduled",
    "running": "running",
    "preempting": "running",
    "finished": "finished",
    "failed": "failed",
    "killed": "killed",
    "preempted": "killed",
    "crashed": "stale",  # has not been heard of for minutes, which is what a run on a disk is then
}
"""W&B's states, source: docs.wandb.ai, "Run states"; and `Run.state` of wandb's public API."""
SPELLED: Final = frozenset({"NaN", "Infinity", "-Infinity"})
"""How W&B spells in JSON what JSON has not."""
_PYTHONS: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_OWN: Final = (*INTERNAL, "_wandb")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

MetricRow = tuple[object, ...]
"""A row of METRICS after the run's id, times in microseconds."""


@dataclass(frozen=True, slots=True)
class CloudRun:
    """A run as the cloud tells of it. Times are microseconds since 1970.

    Args:
        run_id: unique in its project.
        facts: its row of RUNS, by column.
        params: key and text.
        tags: key and text.
        summary: last value of each metric.
        last_step: the highest step of its history; -1 for none.
        lines: how many calls of `log` there were.
        running: it may log more at any moment.
        outline: see `outline_of`.
    """

    run_id: str
    facts: Mapping[str, object]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    summary: Mapping[str, float]
    last_step: int
    lines: int
    running: bool
    outline: int

    def fingerprint(self) -> int:
        """Differs when anything differs that is shown."""
        pairs = (self.facts, self.params, self.tags, {key: repr(value) for key, value in self.summary.items()})
        return hash((self.last_step, *(frozenset(one.items()) for one in pairs)))


def cloud_run(said: Any) -> CloudRun:
    """Read a run.

    Args:
        said: a `wandb.apis.public.Run` with its config and summary.

    Raises:
        ValueError: it is not as W&B describes runs.
    """
    try:
        return _read(said)
    except (AttributeError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None


def _read(said: Any) -> CloudRun:
    run_id, state = encodable(str(said.id)), str(said.state)
    status = STATES.get(state, "unknown")
    summary = list(leaves((), _parsed(said.summary_metrics)))
    media = {path[:-1] for path, _ in summary if len(path) > 1 and path[-1] == TYPE}
    started, beat = _moment(said.created_at), _moment(said.heartbeat_at)
    ended = None
    if status in ("finished", "failed", "killed"):
        ended = _last_moment(summary, started) or beat
    tags = {encodable(tag): encodable(tag) for tag in map(str, said.tags or ())}
    metrics: dict[str, float] = {}
    for path, leaf in summary:
        if path[:1] and path[0] not in _OWN and not any(path[:end] in media for end in range(1, len(path))):
            value = value_of(leaf)
            if value is not None:
                metrics[dotted(path)] = value
            elif leaf is not None:
                tags[dotted(path)] = text_of(leaf)
    for path, leaf in leaves((), _parsed(said.system_metrics)):
        value = value_of(leaf)
        if value is not None and path:
            metrics[SYSTEM + dotted(path).removeprefix("system.")] = value
    entity, sweep = str(said.entity), said.sweep_name
    tags |= {"wandb.id": run_id, "wandb.entity": encodable(entity)}
    if sweep:
        tags["wandb.sweep"] = encodable(str(sweep))
    history_keys = said.history_keys
    facts = {
        "run_id": run_id,
        "name": _known(said.name) or run_id,
        "experiment": encodable(str(said.project)),
        "status": status,
        "started": started,
        "ended": ended,
        "updated": beat,
        "user": _known(getattr(getattr(said, "user", None), "username", None)),
        "group": _known(said.group),
        "job_type": _known(said.job_type),
        "git_commit": _known(said.commit),
        "notes": _known(said.notes),
        "uri": encodable(str(said.url)),
    }
    return CloudRun(
        run_id=run_id,
        facts=facts,
        params={dotted(path): text_of(leaf) for path, leaf in leaves((), _parsed(said.config)) if path},
        tags=tags,
        summary=metrics,
        last_step=int(history_keys.get("lastStep", -1)) if isinstance(history_keys, dict) else -1,
        lines=int(said.history_line_count or 0),
        running=status == "running",
        outline=outline_of(said),
    )


def outline_of(said: Any) -> int:
    """Differs when anything differs that W&B tells of a run without its config and summary."""
    facts = (said.name, said.state, said.group, said.job_type, said.commit, said.notes, said.heartbeat_at)
    return hash((*map(str, facts), *map(str, said.tags or ())))


def _parsed(said: object) -> object:
    """What came as JSON, with numbers as texts."""
    return _written(said) if isinstance(said, dict) else {}


def _written(value: object) -> object:
    """A value as the files of runs have it, so that a run reads the same from there.

    But for one thing: 1.0 is 1 here, as wandb-core makes no difference.
    """
    match value:
        case dict():
            return {key: _written(inner) for key, inner in value.items()}
        case list():
            return [_written(inner) for inner in value]
        case float():
            return Number(_spelled(value))
        case int() if not isinstance(value, bool):
            return Number(value)
    return value


def _spelled(value: float) -> str:
    """A number as wandb writes it since 0.31: 0.00001 and 1e-6, where Python has 1e-05 and 1e-06."""
    mantissa, exponential, exponent = repr(value).partition("e")
    if not exponential:
        return _PYTHONS.get(mantissa, mantissa)
    power = int(exponent)
    if power == -5:
        return f"{value:.{5 + len(mantissa.partition('.')[2])}f}"
    return f"{mantissa}e{power:+}"


def value_of(leaf: Leaf) -> float | None:
    """A leaf as a number: what W&B spells as text is one too."""
    return float_of(Number(leaf) if isinstance(leaf, str) and leaf in SPELLED else leaf)


def _last_moment(summary: Sequence[tuple[Path, Leaf]], started: int | None) -> int | None:
    """When a run ended, by what its summary says: when it logged last, or how long it ran."""
    said = {path: float_of(leaf) for path, leaf in summary}
    logged, ran = said.get((INTERNAL[2],)), said.get(("_wandb", "runtime"))
    moments = [logged] if logged is not None else []
    if ran is not None and started is not None:
        moments.append(started / 1e6 + ran)
    return round(max(moments) * 1e6) if moments and abs(max(moments)) < 2.0**42 else None


def _known(text: object) -> str | None:
    return encodable(str(text)) if text else None


def _moment(text: object) -> int | None:
    """A time of W&B's, which is in UTC whether it says so or not."""
    if not isinstance(text, str):
        return None
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return None
    since = (then if then.tzinfo else then.replace(tzinfo=UTC)) - _EPOCH
    return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds


def runs_batch(
    runs: Sequence[tuple[CloudRun, Sequence[MetricRow]]], problems: Sequence[Problem] = (), total: int | None = None
) -> RunBatch:
    """The frames of some runs, each with the rows of its metrics."""
    views = [RunView(dict(run.facts), params=list(run.params.items()), tags=dict(run.tags)) for run, _ in runs]
    metrics = metrics_frame((run.run_id, rows) for run, rows in runs)
    return replace(make_batch(views, total), metrics=metrics, problems=problems)


def metrics_batch(run_id: str, rows: Sequence[MetricRow]) -> RunBatch:
    """A batch of the metrics of a run that was sent earlier."""
    return RunBatch(empty(RUNS), empty(PARAMS), empty(PARAMS), metrics_frame([(run_id, rows)]))


def metrics_frame(rows: Iterable[tuple[str, Sequence[MetricRow]]]) -> pl.DataFrame:
    """Schema METRICS, of the rows of some runs."""
    listed = [(run_id, *row) for run_id, of_run in rows for row in of_run]
    schema = {name: pl.Int64 if dtype == TIME or name == "count" else dtype for name, dtype in METRICS.items()}
    return conform(pl.DataFrame(listed, schema=schema, orient="row"), METRICS)
