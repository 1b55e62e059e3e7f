"""What is wanted of the runs, as far as MLflow's `search_runs` can say it: a filter string and an order.

Source: mlflow.org/docs/latest/search-runs, and mlflow.utils.search_utils, which parses both. A filter is a row of
comparisons joined by AND. Servers differ in what they make of one, by version and by what they keep the runs in, so
each comparison is said in a way that none of them takes for less than is wanted; whether one may take it for more
decides if the server may cut at a limit.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from tui_runs.conditions import All, Compare, Condition, OneOf, Operand, Operator, Order, Wanted
from tui_runs_mlflow.run_frame import STATUSES
from tui_runs_mlflow.tracking_server.listing import NEWEST_FIRST

_MLFLOWS: Final = {ours: theirs for theirs, ours in STATUSES.items()}
_TIMES: Final = {"started": "attributes.start_time", "ended": "attributes.end_time"}
_TEXTS: Final = {
    "run_id": "attributes.run_id",
    "name": "attributes.run_name",
    "parent_id": "tags.`mlflow.parentRunId`",
    "git_commit": "tags.`mlflow.source.git.commit`",
    "notes": "tags.`mlflow.note.content`",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_IDS: Final = 200
_PLAIN: Final = re.compile(r"[\w./ -]+", re.ASCII)
"""Keys that need no care in an order, where quotes and backslashes have meanings of their own."""


@dataclass(frozen=True, slots=True)
class Search:
    """What to ask a server for.

    Args:
        where: MLflow's filter string; "" for all.
        order: MLflow's order_by clauses.
        limit: how many at most; None where the server may find some that are not wanted, or orders otherwise.
        experiments: names of the only ones that are wanted; None for all.
    """

    where: str
    order: Sequence[str]
    limit: int | None
    experiments: frozenset[str] | None = None


class _Said(NamedTuple):
    """A comparison in MLflow's words, and whether every server takes it for just what is meant."""

    text: str
    exact: bool


def search_of(wanted: Wanted, *, with_deleted: bool) -> Search | None:
    """Say what is wanted in MLflow's words, as far as they go.

    Args:
        wanted: see `tui_runs.capabilities.Selective`.
        with_deleted: runs that are deleted are wanted too, which MLflow's statuses do not tell.

    Returns:
        None where nothing of it narrows the search down.
    """
    said: list[_Said] = []
    experiments: frozenset[str] | None = None
    exact = True
    for part in _parts(wanted.where):
        names = _experiments(part)
        if names is not None:
            experiments = names if experiments is None else experiments & names
            continue
        one = _comparison(part, with_deleted=with_deleted)
        exact = exact and one is not None and one.exact
        if one is not None:
            said.append(one)
    order = [_order(one) for one in wanted.order]
    known = [one for one in order if one is not None]
    limit = wanted.limit if exact and len(known) == len(order) else None
    if not said and experiments is None and limit is None:
        return None
    where = " AND ".join(dict.fromkeys(one.text for one in said))
    return Search(where, known if known and limit is not None else NEWEST_FIRST, limit, experiments)


def _parts(condition: Condition) -> Iterator[Condition]:
    """The conditions that must hold, each."""
    if isinstance(condition, All):
        for part in condition.parts:
            yield from _parts(part)
    else:
        yield condition


def _experiments(condition: Condition) -> frozenset[str] | None:
    """The names that a condition allows an experiment to have."""
    if isinstance(condition, Compare) and (condition.column, condition.operator) == ("experiment", "="):
        return frozenset([condition.value]) if isinstance(condition.value, str) else None
    if isinstance(condition, OneOf) and condition.column == "experiment":
        return frozenset(value for value in condition.values if isinstance(value, str))
    return None


def _comparison(condition: Condition, *, with_deleted: bool) -> _Said | None:
    if isinstance(condition, OneOf):
        if len(condition.values) == 1:
            condition = Compare(condition.column, "=", condition.values[0])
        elif condition.column == "run_id" and 0 < len(condition.values) <= _MOST_IDS:
            quoted = [_quoted(value) for value in condition.values]
            return _Said(f"attributes.run_id IN ({', '.join(filter(None, quoted))})", True) if all(quoted) else None
    if not isinstance(condition, Compare):
        return None
    column, operator, value = condition.column, condition.operator, condition.value
    if column in _TIMES:
        return _time(_TIMES[column], operator, value) if isinstance(value, datetime) else None
    if column == "status":
        return None if with_deleted else _status(operator, value)
    if column in _TEXTS:
        return _text(_TEXTS[column], operator, value)
    kind, _, key = column.partition(".")
    if not key or "`" in key or not key.isprintable():
        return None
    if kind in ("params", "tags"):
        return _text(f"{kind}.`{key}`", operator, value)
    if kind == "metrics":
        return _number(f"metrics.`{key}`", operator, value)
    return None


def _status(operator: Operator, value: Operand) -> _Said | None:
    if operator not in ("=", "!=") or not isinstance(value, str) or value not in _MLFLOWS:
        return None
    return _Said(f"attributes.status {operator} '{_MLFLOWS[value]}'", True)


def _time(name: str, operator: Operator, value: datetime) -> _Said | None:
    """Servers keep whole milliseconds: a moment between two is rounded so that the same runs are found."""
    down, between = divmod((value - _EPOCH) // timedelta(microseconds=1), 1000)
    if operator in ("<=", ">"):
        return _Said(f"{name} {operator} {down}", True)
    if operator in ("<", ">="):
        return _Said(f"{name} {operator} {down + bool(between)}", True)
    if operator in ("=", "!=") and not between:
        return _Said(f"{name} {operator} {down}", True)
    return None


def _text(name: str, operator: Operator, value: Operand) -> _Said | None:
    """Params and tags are texts to MLflow: that one reads as a number is unknown to it."""
    if not isinstance(value, str):
        return None
    if operator in ("=", "!="):
        quoted = _quoted(value)
        return _Said(f"{name} {operator} {quoted}", True) if quoted else None
    if operator in ("like", "ilike"):
        quoted = _quoted(_beginning(value, any_case=operator == "ilike"))
        return _Said(f"{name} {operator.upper()} {quoted}", False) if quoted and quoted != "'%'" else None
    return None


def _beginning(pattern: str, *, any_case: bool) -> str:
    """A pattern for whatever begins as another one does.

    What follows the first % is left out, because servers that keep runs in files find no match across lines, and so
    is what follows a backslash, which is one to us and escapes to some databases. SQLite ignores the case of ASCII
    letters and of no others, so that in any case of letters only those are named that have no other partners.
    """
    letters: list[str] = []
    for letter in pattern:
        if letter in "%\\\n" or (any_case and not letter.isascii()):
            break
        letters.append("_" if any_case and letter in "kKsS" else letter)  # the Kelvin sign, the long s
    return "".join(letters).rstrip("_") + "%"


def _number(name: str, operator: Operator, value: Operand) -> _Said | None:
    """Older servers take NaN for 0: where that makes a difference they find too many, or must not be asked."""
    if not isinstance(value, int | float) or not abs(value) < sys.float_info.max:  # which is infinity to databases
        return None
    text = repr(float(value)).replace("e+", "e")
    if operator == "!=":
        return _Said(f"{name} != {text}", True) if value else None
    holds_of_nan = {"<": value > 0, "<=": value >= 0, ">": value < 0, ">=": value <= 0, "=": value == 0}.get(operator)
    return None if holds_of_nan is None else _Said(f"{name} {operator} {text}", not holds_of_nan)


def _quoted(value: Operand) -> str | None:
    """A text in quotes; None for one that MLflow's parser would not give back as it is."""
    if not isinstance(value, str) or "\\" in value or not value.isprintable():
        return None
    quote = next((quote for quote in "'\"" if quote not in value), None)
    return None if quote is None else f"{quote}{value}{quote}"


def _order(order: Order) -> str | None:
    """An order that every server has in common: of numbers, for databases sort texts in orders of their own."""
    name = _TIMES.get(order.column)
    if name is None:
        kind, _, key = order.column.partition(".")
        if kind != "metrics" or not _PLAIN.fullmatch(key):
            return None
        name = f"metrics.`{key}`"
    return f"{name} {'DESC' if order.descending else 'ASC'}"
