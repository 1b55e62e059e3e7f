"""Which runs are wanted, worked out slowly in plain Python: what databases' answers are compared with.

The meaning of conditions and orders is that of `tui_runs.conditions`, `tui_runs.analysis.evaluation` and
`tui_runs.analysis.ordering`, written a second time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tui_runs.conditions import All, Compare, Condition, Either, Has, Not, OneOf, Wanted, Word
from tui_runs.schema import STATUSES

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class StoredRun:
    """A run as MLflow's tables have it; times in ms."""

    run_id: str
    name: str | None
    user: str | None
    source: str | None
    status: str
    deleted: bool
    started: int | None
    ended: int | None
    experiment: str
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)

    def value(self, column: str) -> Any:
        """What the wide frame has in a column."""
        kind, dot, key = column.partition(".")
        if dot and kind in ("params", "tags", "metrics"):
            return getattr(self, kind).get(key)
        match column:
            case "run_id" | "experiment":
                return getattr(self, column)
            case "name":
                return self.name or self.tags.get("mlflow.runName")
            case "user":
                return self.tags.get("mlflow.user", self.user or None)
            case "command":
                return self.tags.get("mlflow.source.name", self.source or None)
            case "notes":
                return self.tags.get("mlflow.note.content")
            case "status":
                return "deleted" if self.deleted else self.status.lower()
            case "started" | "ended":
                ms = getattr(self, column)
                return None if ms is None else EPOCH + timedelta(milliseconds=ms)
        return None


def holds(condition: Condition, run: StoredRun) -> bool:
    match condition:
        case Compare(column, operator, value):
            return _compare(run.value(column), operator, value)
        case OneOf(column, values):
            return any(_compare(run.value(column), "=", value) for value in values)
        case Has(column):
            return run.value(column) is not None
        case Word(text):
            shown = [run.value(column) for column in ("name", "run_id", "experiment", "user", "command", "status")]
            texts = [*shown, *run.params.values(), *run.tags.values()]
            return any(text.lower() in one.lower() for one in texts if one is not None)
        case All(parts):
            return all(holds(part, run) for part in parts)
        case Either(parts):
            return any(holds(part, run) for part in parts)
        case Not(part):
            return not holds(part, run)


def _compare(stored: Any, operator: str, value: Any) -> bool:
    if isinstance(stored, str) and isinstance(value, int | float):
        stored = _number(stored)
    if stored is None or isinstance(stored, str) != isinstance(value, str):
        return False
    if isinstance(stored, datetime) != isinstance(value, datetime):
        return False
    if operator in ("like", "ilike"):
        pattern = re.escape(value).replace("%", ".*").replace("_", ".")
        flags = re.DOTALL | (re.IGNORECASE if operator == "ilike" else re.NOFLAG)
        return isinstance(stored, str) and re.fullmatch(pattern, stored, flags) is not None
    if operator == "~":
        return isinstance(stored, str) and re.search(value, stored) is not None
    if operator in ("=", "!="):
        return (stored == value) == (operator == "=")
    if isinstance(stored, str):
        stored, value = stored.encode(), value.encode()
    return {"<": stored < value, "<=": stored <= value, ">": stored > value, ">=": stored >= value}[operator]


def _number(text: str) -> float | None:
    try:
        return float(text.strip())
    except ValueError:
        return None


def asked_for(wanted: Wanted, runs: Sequence[StoredRun]) -> list[str]:
    """The ids of the runs that are wanted, in order; by columns of texts they are not sorted."""
    found = sorted(runs, key=lambda run: (-(-1 if run.started is None else run.started), run.run_id))
    found = [run for run in found if holds(wanted.where, run)]
    for order in reversed(wanted.order):
        keys = {run.run_id: _key(run.value(order.column)) for run in found}
        present = [run for run in found if keys[run.run_id] is not None]
        present.sort(key=lambda run, keys=keys: keys[run.run_id], reverse=order.descending)  # type: ignore[misc]
        found = present + [run for run in found if keys[run.run_id] is None]
    return [run.run_id for run in found][: wanted.limit]


def _key(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    return STATUSES.index(value) if isinstance(value, str) and value in STATUSES else value
