"""Conditions as text of the filter language: for saved views, and to say what a source was asked."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final

from tui_runs.analysis.grammar import RESERVED, quoted
from tui_runs.conditions import All, Compare, Condition, Either, Has, Not, OneOf, Operand, Word

_PLAIN_KEY: Final = re.compile(r"[\w.]+")
_PLAIN_WORD: Final = re.compile(r"[\w-]+")
_LOOSE, _OR, _AND, _TIGHT = range(4)
"""How closely a text holds together. A part in one that holds closer stands in parentheses."""


def to_text(condition: Condition) -> str:
    """Text that `parse` makes the same condition of, and "" for every run.

    An All or Either of one part comes back as that part, and an Either of none as `not ()`.
    """
    return "" if condition == All(()) else _text(condition, _LOOSE)


def column_text(column: str) -> str:
    """A column's name as it is written in a filter: with quotes where the key needs them."""
    entity, dot, key = column.partition(".")
    if not dot:
        return column if _PLAIN_KEY.fullmatch(column) and column not in RESERVED else quoted(column, "`")
    return column if _PLAIN_KEY.fullmatch(key) else f"{entity}.{quoted(key, '`')}"


def value_text(value: Operand) -> str:
    """A value as it is written in a filter: texts and times in quotes, numbers bare."""
    if isinstance(value, datetime):
        return f"'{value.astimezone(UTC).isoformat(timespec='microseconds')}'"
    if isinstance(value, str):
        return quoted(value)
    return str(int(value)) if math.isfinite(value) and value == int(value) and abs(value) < 1e15 else repr(value)


def _text(condition: Condition, closeness: int) -> str:
    text, own = _written(condition)
    return f"({text})" if own < closeness else text


def _written(condition: Condition) -> tuple[str, int]:
    """The text and how closely it holds together."""
    match condition:
        case Compare(column, operator, value):
            return f"{column_text(column)} {operator} {value_text(value)}", _TIGHT
        case OneOf(column, values):
            return f"{column_text(column)} in ({', '.join(map(value_text, values))})", _TIGHT
        case Has(column):
            return f"{column_text(column)} is not null", _TIGHT
        case Word(text):
            bare = _PLAIN_WORD.fullmatch(text) and text.lower() not in RESERVED
            return (text if bare else quoted(text)), _TIGHT
        case Not(Has(column)):
            return f"{column_text(column)} is null", _TIGHT
        case Not(part):
            return f"not {_text(part, _TIGHT)}", _TIGHT
        case All(parts):
            joined, own = " and ", _AND
        case Either(parts):
            joined, own = " or ", _OR
    if not parts:
        return ("()", _TIGHT) if isinstance(condition, All) else ("not ()", _TIGHT)
    if len(parts) == 1:
        return _written(parts[0])
    return joined.join(_text(part, own + 1) for part in parts), own
