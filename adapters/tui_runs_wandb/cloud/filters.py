"""What is wanted of the runs, as far as W&B's API can say it: a filter in MongoDB's language, and an order.

Source: docs.wandb.ai, `wandb.Api.runs`; mongodb.com/docs/manual/reference/operator/query. W&B compares numbers with
numbers and texts with texts, spells NaN and the infinities as texts, and does not say how it sorts what is missing or
no number, nor what a dot in a key means to it: nothing is asked for that depends on it.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from tui_runs.conditions import All, Compare, Condition, Either, Has, Not, OneOf, Operand, Wanted
from tui_runs_wandb.cloud.client import NEWEST_FIRST
from tui_runs_wandb.cloud.cloud_run import STATES
from tui_runs_wandb.keys import SYSTEM

Filter = Mapping[str, object]
_RELATIONS: Final = {"=": "$eq", "!=": "$ne", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}
_TESTS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_TEXTS: Final = {"run_id": "name", "group": "group", "job_type": "jobType", "user": "username"}
_UNUSUAL: Final[Mapping[object, float]] = {
    "NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, True: 1.0, False: 0.0,
}  # fmt: skip
"""Values of metrics that are no numbers to W&B."""
_ANY_NUMBER: Final = {"$gte": -1e308}
_MOST: Final = 200
"""Alternatives of one condition."""


class _Said(NamedTuple):
    """A condition in W&B's words, and whether it holds of just the runs that are meant, or of more."""

    filter: Filter
    exact: bool


class Question(NamedTuple):
    """One list to ask W&B for.

    Args:
        filter: which runs.
        order: in its words.
        limit: how many at most; a list that is as long makes further ones needless.
    """

    filter: Filter
    order: str = NEWEST_FIRST
    limit: int | None = None


def questions_of(wanted: Wanted) -> Sequence[Question] | None:
    """Say what is wanted in W&B's words, as far as they go.

    Returns:
        The lists that have all that is wanted together; None where nothing narrows them down.
    """
    parts = list(_parts(wanted.where))
    known = [said for said in map(_said, parts) if said is not None]
    where = _all([one.filter for one in known])
    exact = len(known) == len(parts) and all(one.exact for one in known)
    if exact and wanted.limit is not None and len(wanted.order) <= 1:
        order = wanted.order[0] if wanted.order else None
        if order is None or order.column == "started":
            oldest_first = order is not None and not order.descending
            return [Question(where, "+created_at" if oldest_first else NEWEST_FIRST, wanted.limit)]
        path = _path(order.column, "metrics", "summary_metrics")
        if path is not None:
            return [
                Question(_all([where, {path: {"$in": list(_UNUSUAL)}}])),
                Question(_all([where, {path: _ANY_NUMBER}]), f"{'-' if order.descending else '+'}{path}", wanted.limit),
                Question(where),  # what has no number comes last
            ]
    return [Question(where)] if known else None


def _parts(condition: Condition) -> Iterator[Condition]:
    """The conditions that must hold, each."""
    if isinstance(condition, All):
        for part in condition.parts:
            yield from _parts(part)
    else:
        yield condition


def _said(condition: Condition) -> _Said | None:
    match condition:
        case Compare():
            return _comparison(condition)
        case OneOf(column, values):
            return _either([Compare(column, "=", value) for value in values])
        case Either(parts):
            return _either(parts)
        case All(parts):
            said = [_said(part) for part in parts]
            known = [one for one in said if one is not None]
            if not known:
                return None
            return _Said(_all([one.filter for one in known]), len(known) == len(said) and all(o.exact for o in known))
        case Not(part):
            one = _said(part)
            return _Said({"$nor": [one.filter]}, True) if one is not None and one.exact else None
        case Has(column):
            return _has(column)
    return None


def _either(parts: Sequence[Condition]) -> _Said | None:
    said = [_said(part) for part in parts]
    known = [one for one in said if one is not None]
    if not known or len(known) < len(said) or len(known) > _MOST:
        return None
    return _Said({"$or": [one.filter for one in known]}, all(one.exact for one in known))


def _all(filters: Sequence[Filter]) -> Filter:
    filters = [one for one in filters if one]
    return {"$and": filters} if len(filters) > 1 else filters[0] if filters else {}


def _path(column: str, kind: str, place: str) -> str | None:
    """Where W&B has a param or a metric; None where its key may mean something else to it."""
    key = column.removeprefix(f"{kind}.")
    plain = key != column and key.isprintable() and not set(key) & set('.$"`\\') and not key.startswith("_")
    return f"{place}.{key}" if plain and not key.startswith(SYSTEM) else None


def _has(column: str) -> _Said | None:
    """A param or a metric is there: at least, something stands at its key."""
    for kind, place in (("params", "config"), ("metrics", "summary_metrics")):
        if path := _path(column, kind, place):
            return _Said({path: {"$exists": True}}, False)
    return _tag(column, None)


def _comparison(condition: Compare) -> _Said | None:
    column, relation, value = condition.column, condition.operator, condition.value
    if relation not in _RELATIONS:
        return None
    if column == "status":
        return _status(relation, value)
    if column == "started":
        return _started(relation, value) if isinstance(value, datetime) else None
    if column == "name" and relation == "=" and isinstance(value, str):
        return _Said({"$or": [{"displayName": value}, {"name": value}]}, False)  # a run without one goes by its id
    if column in _TEXTS:
        return _Said({_TEXTS[column]: value}, True) if relation == "=" and isinstance(value, str) and value else None
    if path := _path(column, "params", "config"):
        return _param(path, relation, value)
    if (path := _path(column, "metrics", "summary_metrics")) and isinstance(value, int | float):
        return _metric(path, relation, value)
    return _tag(column, value) if relation == "=" and isinstance(value, str) else None


def _status(relation: str, value: Operand) -> _Said | None:
    states = [theirs for theirs, ours in STATES.items() if ours == value]
    if relation not in ("=", "!=") or not states:
        return None
    return _Said({"state": {"$in" if relation == "=" else "$nin": states}}, True)


def _started(relation: str, value: datetime) -> _Said | None:
    """W&B says whole seconds and may keep parts of them: a second more on either side is asked for."""
    bounds = {}
    if relation in ("<", "<=", "="):
        bounds["$lte"] = _iso(value + timedelta(seconds=2))
    if relation in (">", ">=", "="):
        bounds["$gte"] = _iso(value - timedelta(seconds=2))
    return _Said({"createdAt": bounds}, False) if bounds else None


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _param(path: str, relation: str, value: Operand) -> _Said | None:
    """A text; or a number, which a text that reads as one may be too."""
    if isinstance(value, str):
        return _Said({path: value}, True) if relation == "=" and value and not _is_json(value) else None
    if isinstance(value, datetime) or relation == "!=" or not math.isfinite(value):
        return None
    return _Said({"$or": [{path: {_RELATIONS[relation]: value}}, {path: {"$regex": "."}}]}, False)


def _is_json(text: str) -> bool:
    """Whether a text may be shown of something that is stored as no text."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _metric(path: str, relation: str, value: float) -> _Said | None:
    if not math.isfinite(value):
        return None
    unusual = [spelled for spelled, number in _UNUSUAL.items() if _TESTS[relation](number, value)]
    plain: Filter = {path: {_RELATIONS[relation]: value}}
    if relation == "!=":  # or what has no such metric would be found
        plain = {"$and": [plain, {path: _ANY_NUMBER}]}
    return _Said({"$or": [plain, {path: {"$in": unusual}}]} if unusual else plain, True)


def _tag(column: str, value: str | None) -> _Said | None:
    """A tag, which has itself as its value; or a text of the summary, which is shown as one."""
    path, key = _path(column, "tags", "summary_metrics"), column.removeprefix("tags.")
    if path is None or (value is not None and _is_json(value)):
        return None
    if value is None:
        return _Said({"$or": [{"tags": {"$in": [key]}}, {path: {"$exists": True}}]}, False)
    return _Said({"$or": [{"tags": {"$in": [key]}}, {path: value}]} if value == key else {path: value}, False)
