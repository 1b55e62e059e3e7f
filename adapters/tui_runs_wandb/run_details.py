"""What is known of runs beyond params, tags and metrics: where they ran, what their charts are to show, their media."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import polars as pl

from tui_runs.display import encodable
from tui_runs.schema import DETAILS
from tui_runs_wandb.metric_axes import axes_by_pattern
from tui_runs_wandb.run_log import RunLog
from tui_runs_wandb.run_state import RunState
from tui_runs_wandb.values import dotted, text_of

_NOT_LISTED = ("values", "bins", "packedBins")
"""The contents of a histogram."""


def details_frame(logs: Sequence[RunLog]) -> pl.DataFrame:
    """The details of runs, schema DETAILS.

    Groups are "environment" (item ""), "metric" (item: the name or pattern that `define_metric` was given, and every
    metric that a pattern fits; keys `step_metric`, whose value is the metric on the x axis, and `hidden`) and "media"
    (item: the key under which it was logged; keys as W&B has them, `_type` and `path` among them).
    """
    rows: list[tuple[str, str, str, str, str]] = []
    for log in logs:
        with log.lock:
            for group, item, key, value in _rows(log.state, log.metric_names()):
                rows.append((log.run.run_id, group, item, encodable(key), encodable(value)))
    return pl.DataFrame(rows, schema=dict(DETAILS), orient="row")


def _rows(state: RunState, metrics: Collection[str]) -> Iterator[tuple[str, str, str, str]]:
    facts = {**state.environment.facts, "git remote": state.facts.remote or state.environment.facts.get("git remote")}
    for key, value in facts.items():
        if value:
            yield "environment", "", key, value
    if state.ended is not None:
        yield "environment", "", "exit code", str(state.ended.code)
    for name, said in state.metrics.items():
        if said.step_metric:
            yield "metric", name, "step_metric", said.step_metric
        if said.hidden:
            yield "metric", name, "hidden", "true"
    for name, axis in axes_by_pattern(state.metrics, metrics):
        yield "metric", name, "step_metric", axis
    for item, path, leaf in state.media():
        if path[-1] not in _NOT_LISTED and leaf is not None:
            yield "media", dotted(item), dotted(path), text_of(leaf)
