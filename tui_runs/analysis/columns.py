"""The columns that a filter may name, what they are called elsewhere, and what can be said of each."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Final, Literal, TypeAlias

from tui_runs.display import printable
from tui_runs.errors import QueryError
from tui_runs.schema import RUNS, STATUS, TIME

Kind: TypeAlias = Literal["number", "seconds", "time", "status", "text", "open"]
"""What a column holds. "open": text, that counts as a number where it reads as one (params, tags)."""

ENTITIES: Final = {
    **dict.fromkeys(("metric", "metrics"), "metrics"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "params"),
    **dict.fromkeys(("tag", "tags"), "tags"),
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), "run"),
    **dict.fromkeys(("dataset", "datasets"), "dataset"),
}
"""What may stand before the first dot of a column, as MLflow has it, and how the wide frame calls it."""

_DERIVED: Final[dict[str, Kind]] = {
    "duration_s": "seconds", "age_s": "seconds", "adapter": "text",
    "progress": "number", "steps_per_s": "number", "expected_end": "time", "left_s": "seconds",
}  # fmt: skip
_ALIASES: Final = {
    **dict.fromkeys(("start_time", "created", "Created"), "started"),
    "end_time": "ended",
    **dict.fromkeys(("run_name", "run name", "Run name", "Run Name"), "name"),
    "user_id": "user",
    "id": "run_id",
    **dict.fromkeys(("duration", "took"), "duration_s"),
    "age": "age_s",
}
_OUT_OF_REACH: Final = {
    "dataset": "runs cannot be filtered by their datasets yet.",
    "artifact_uri": "runs cannot be filtered by artifact_uri; uri is where a run itself is kept.",
}
RUN_COLUMNS: Final = (*RUNS, *_DERIVED)
"""Columns that every run may have, those worked out of others too."""


AGGREGATES: Final = ("last", "min", "max", "min_step", "max_step", "last_step", "count")
"""What can be shown of a metric's history beside its last value, each under its name in METRICS: `min(metrics.loss)`
is the least value, `min_step(metrics.loss)` the step that had it."""


def split_aggregate(name: str) -> tuple[str, str]:
    """A column's name taken apart: `min(metrics.loss)` is ("min", "metrics.loss"), a plain name is ("last", name)."""
    aggregate, bracket, rest = name.partition("(metrics.")
    if bracket and rest.endswith(")") and aggregate in AGGREGATES:
        return aggregate, f"metrics.{rest[:-1]}"
    return "last", name


def with_aggregate(aggregate: str, column: str) -> str:
    """The other way round: the name of a column of a metric's history."""
    return column if aggregate == "last" else f"{aggregate}({column})"


def kind_of(column: str) -> Kind:
    """What a column of the wide frame holds."""
    if column.startswith("metrics.") or split_aggregate(column)[0] != "last":
        return "number"
    if column in RUNS:
        dtype = RUNS[column]
        return "status" if dtype == STATUS else "time" if dtype == TIME else "text"
    return _DERIVED.get(column, "open")


def split(text: str) -> tuple[str, str]:
    """A name taken apart at its first dot: what it is of, as in the wide frame, and the key; ("", text) otherwise."""
    entity, dot, key = text.partition(".")
    known = ENTITIES.get(entity.lower(), "") if dot and key else ""
    return (known, key) if known else ("", text)


def column_named(text: str, columns: Collection[str], position: int = 0) -> str:
    """The name in the wide frame of the column that a text means.

    Args:
        text: with its entity (`metric.loss`) or without; a key alone stands for the one column that has it.
        columns: those that exist, beside the runs' own; of none, every name with an entity is taken as it is.
        position: where the text stands in its filter.

    Raises:
        QueryError: there is none such, or several, or it cannot be asked for.
    """
    entity, key = split(text)
    if entity == "dataset" or (entity in ("", "run") and key == "artifact_uri"):
        raise QueryError(_OUT_OF_REACH[entity if entity == "dataset" else key], position=position)
    if entity in ("metrics", "params", "tags"):
        name = f"{entity}.{key}"
        if not columns or name in columns:
            return name
        raise _unknown(text, columns, position)
    if key in RUN_COLUMNS or key in _ALIASES:
        return _ALIASES.get(key, key)
    fits = [name for name in (f"{kind}.{text}" for kind in ("metrics", "params", "tags")) if name in columns]
    if len(fits) > 1:
        both = " and ".join(map(printable, fits))
        raise QueryError(f"{printable(text)!r} is both {both}.", "Write it in full.", position=position)
    if fits or text in columns:
        return fits[0] if fits else text
    raise _unknown(text, columns, position)


def _nearest(text: str, known: Iterable[str]) -> list[str]:
    """The one that is most like a text, if any is: looked for among the few that share the most pairs of letters.

    That is 20 ms for 3,000 keys in place of 350.
    """
    pairs = {text[at : at + 2] for at in range(len(text) - 1)}

    def likeness(name: str) -> float:
        return sum([pair in name for pair in pairs]) - 0.1 * abs(len(name) - len(text))

    return get_close_matches(text, heapq.nlargest(20, known, key=likeness), 1)


def _unknown(text: str, columns: Collection[str], position: int) -> QueryError:
    entity, key = split(text)
    name = f"{entity}.{key}" if entity not in ("", "run") else key
    bare = {split(column)[1]: column for column in columns}
    known = dict.fromkeys([*RUN_COLUMNS, *_ALIASES, *columns])
    near = _nearest(name, known) or [bare[key] for key in _nearest(key, bare)]
    if near:
        remedy = f"Did you mean {printable(near[0])!r}?"
    elif columns:
        remedy = "A run's own columns are name, status, started, experiment and others; keys are written metrics.loss."
    else:
        remedy = f"A key is written with what it is of: metrics.{printable(key)} or params.{printable(key)}."
    return QueryError(f"there is no column {printable(text)!r}.", remedy, position=position)
