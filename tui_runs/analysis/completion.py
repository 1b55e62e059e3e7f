"""What could come next in a filter that is being typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tui_runs.analysis.columns import ENTITIES, RUN_COLUMNS, Kind, column_named, kind_of, split
from tui_runs.analysis.grammar import IN_WORD, name_of, read_so_far, unfinished
from tui_runs.analysis.literals import number
from tui_runs.analysis.query_text import column_text, value_text
from tui_runs.errors import QueryError
from tui_runs.schema import STATUSES

if TYPE_CHECKING:
    from lark import Token

Piece: TypeAlias = Literal["column", "operator", "value", "word"]

_NULLS: Final = ("is null", "is not null")
_ORDERED: Final = ("=", "!=", "<", "<=", ">", ">=", "between", "in", "not in")
_OPERATORS: Final[Mapping[Kind, Sequence[str]]] = {
    "number": ("<", "<=", ">", ">=", "=", "!=", "between", "in", "is nan", *_NULLS),
    "seconds": ("<", "<=", ">", ">=", "between", *_NULLS),
    "time": (">", ">=", "<", "<=", "=", "between", *_NULLS),
    "status": ("=", "!=", "in", "not in", "like", *_NULLS),
    "text": ("=", "!=", "like", "ilike", "~", "in", "not in", "not like", "!~", *_NULLS),
    "open": (*_ORDERED, "like", "ilike", "~", "not like", "!~", *_NULLS),
}
_EXAMPLES: Final[Mapping[Kind, Sequence[str]]] = {
    "time": ("-1h", "-1d", "-1w"),
    "seconds": ("10m", "1h", "1d"),
    "status": STATUSES,
}
_WORDS: Final = {
    "_AND": "and",
    "_OR": "or",
    "_NOT": "not",
    "_HAS": "has",
    "NULL": "null",
    "NAN": "nan",
    "LPAR": "(",
    "COMMA": ",",
    "RPAR": ")",
}
"""What the kinds of tokens are that can be written in one way only."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something that could be typed here.

    Args:
        text: to be put in place of the text from `start` to `end`.
        start: in characters from the filter's start.
        end: just behind the last character to be replaced.
        kind: what it is.
    """

    text: str
    start: int
    end: int
    kind: Piece


def complete(
    text: str,
    cursor: int,
    columns: Sequence[str],
    values: Callable[[str], Sequence[str]],
    *,
    uses: Mapping[str, int] | None = None,
    limit: int = 50,
) -> list[Suggestion]:
    """What could be typed at a place in a filter, the likeliest first.

    Args:
        text: the filter so far, finished or not.
        cursor: where in it, in characters from its start.
        columns: the columns that exist beside the runs' own, in the order to show them.
        values: the values that a column has, the likeliest first; asked for only where one could stand.
        uses: how often columns are used; those used more come earlier.
        limit: suggestions at most.

    Returns:
        Nothing where the text before the cursor is wrong already.
    """
    from lark.exceptions import UnexpectedInput  # noqa: PLC0415  see grammar.py

    start = unfinished(text[:cursor])
    typed = text[start:cursor]
    rest = re.match(f"{IN_WORD}*", text[cursor:])
    end = cursor + (rest.end() if rest else 0)
    try:
        tokens, accepted = read_so_far(text[:start])
    except UnexpectedInput:
        return []
    found = islice(_next(tokens, accepted, typed, columns, values, uses or {}), limit)
    space = " " if start and not text[start - 1].isspace() and text[start - 1] != "(" else ""
    return [Suggestion(space + said, start, end, kind) for said, kind in dict.fromkeys(found)]


def _next(
    tokens: Sequence[Token],
    accepted: Collection[str],
    typed: str,
    columns: Sequence[str],
    values: Callable[[str], Sequence[str]],
    uses: Mapping[str, int],
) -> Iterator[tuple[str, Piece]]:
    """Everything that could stand for what is typed, by what the grammar accepts there."""
    if "MOMENT" in accepted:
        column = _column(_compared(tokens), columns)
        if column:
            kind = kind_of(column)
            known = [*values(column), *_EXAMPLES.get(kind, ())]
            yield from ((_written(value, kind), "value") for value in _fitting(typed.lstrip("'\"`"), known))
        return
    after = _column(tokens[-1], columns) if "OPERATOR" in accepted else ""
    if after:
        yield from ((one, "operator") for one in _OPERATORS[kind_of(after)] if one.startswith(typed.lower()))
        if split(name_of(tokens[-1]))[0]:  # it can be no word to look for
            return
    begins = "COLUMN" in accepted
    between = begins and "_AND" in accepted
    ways_on = ("_AND", "_OR", "RPAR") if between else _WORDS
    if not begins or between:
        yield from _words(ways_on, accepted, typed)
    if begins and (typed or not between):  # after a condition, a list of all columns would say nothing
        ordered = sorted(dict.fromkeys([*columns, *RUN_COLUMNS]), key=lambda name: -uses.get(name, 0))
        yield from ((column_text(name), "column") for name in _fitting(_canonical(typed), ordered))
        yield from _words(("_NOT", "_HAS", "LPAR"), accepted, typed)


def _words(terminals: Iterable[str], accepted: Collection[str], typed: str) -> Iterator[tuple[str, Piece]]:
    words = [_WORDS[terminal] for terminal in terminals if terminal in accepted]
    return ((word, "word") for word in words if word.startswith(typed.lower()))


def _compared(tokens: Sequence[Token]) -> Token:
    """The column whose value comes next."""
    return next(left for left, token in reversed(list(pairwise(tokens))) if token.type in ("OPERATOR", "IN", "BETWEEN"))


def _column(token: Token, columns: Sequence[str]) -> str:
    """The name of the column that a token means; "" if none."""
    try:
        return column_named(name_of(token), frozenset(columns))
    except QueryError:
        return ""


def _canonical(typed: str) -> str:
    """The beginning of a column's name as the wide frame has it, where it is typed in another manner."""
    entity, dot, key = typed.partition(".")
    entity, key = entity.strip("'\"`"), key.lstrip("'\"`")
    return f"{ENTITIES.get(entity.lower(), entity)}.{key}".removeprefix("run.") if dot else entity


def _fitting(typed: str, known: Iterable[str]) -> Iterator[str]:
    """Those that begin with what is typed, or whose key does; and then those that have it inside."""
    wanted = typed.lower()
    inside = []
    for name in known:
        lower = name.lower()
        if wanted not in lower:
            continue
        if lower.startswith(wanted) or split(lower)[1].startswith(wanted):
            yield name
        else:
            inside.append(name)
    yield from inside


def _written(value: str, kind: Kind) -> str:
    """A value as it is best compared: bare where that is a number, a time or a status."""
    bare = kind in ("number", "seconds", "status") or (kind == "open" and number(value) is not None)
    return value if bare or (kind == "time" and value in _EXAMPLES["time"]) else value_text(value)
