"""What the cloud knows of runs beyond params, tags and metrics: what their charts are to show, as on a disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import polars as pl

from tui_runs.display import encodable
from tui_runs.schema import DETAILS
from tui_runs_wandb.metric_axes import axes_by_pattern
from tui_runs_wandb.records import MetricDefinition

_NAME, _PATTERN, _AXIS, _AXIS_NUMBER, _OPTIONS = "1", "2", "4", "5", "6"
_HIDDEN: Final = 2


def details_of(runs: Iterable[Any]) -> pl.DataFrame:
    """Rows of group "metric", as `tui_runs_wandb.run_details` has them. Schema DETAILS.

    Args:
        runs: `wandb.apis.public.Run`s with their configs.
    """
    rows = [(encodable(str(said.id)), "metric", *map(encodable, row)) for said in runs for row in _rows(said)]
    return pl.DataFrame(rows, schema=dict(DETAILS), orient="row")


def _rows(said: Any) -> Iterator[tuple[str, str, str]]:
    definitions = definitions_in(said.rawconfig)
    for name, definition in definitions.items():
        if definition.step_metric:
            yield name, "step_metric", definition.step_metric
        if definition.hidden:
            yield name, "hidden", "true"
    known = said.history_keys
    keys = known.get("keys") if isinstance(known, dict) else None
    for name, axis in axes_by_pattern(definitions, keys if isinstance(keys, dict) else {}):
        yield name, "step_metric", axis


def definitions_in(config: object) -> dict[str, MetricDefinition]:
    """What `define_metric` said, by name or pattern, from a run's whole config.

    `_wandb.m` lists the `MetricRecord`s of `wandb_internal.proto`, field numbers for names, flags as lists of those
    that are set; an x axis is mostly given by its place in this list, from 1 on. What is not like that is left out.
    """
    own = config.get("_wandb") if isinstance(config, Mapping) else None
    listed = own.get("m") if isinstance(own, Mapping) else None
    records = [one if isinstance(one, Mapping) else {} for one in listed] if isinstance(listed, list) else []
    found: dict[str, MetricDefinition] = {}
    for record in records:
        name, axis, number = record.get(_NAME) or record.get(_PATTERN), record.get(_AXIS), record.get(_AXIS_NUMBER)
        if not isinstance(axis, str) and isinstance(number, int) and 0 < number <= len(records):
            axis = records[number - 1].get(_NAME)
        options = record.get(_OPTIONS)
        hidden = isinstance(options, list) and _HIDDEN in options
        if isinstance(name, str) and name:
            found[name] = MetricDefinition(name, axis if isinstance(axis, str) else "", hidden)
    return found
