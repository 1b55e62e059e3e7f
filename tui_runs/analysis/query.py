"""The filter language: text to conditions, and back.

    metrics.val_loss < 0.3 and params.opt = 'adam'      status in (running, failed) or started > -2h
    params.lr between 1e-4 and 1e-2                      name ~ 'bert-(base|large)' and not tags.team is null
    val_loss is nan                                      adam bert  (words that the runs show anywhere)

What MLflow's `search_runs` accepts means the same here; see https://mlflow.org/docs/latest/ml/search/search-runs/.
Beyond it: a text in quotes compares as text and a bare number as a number, with params too. A relation with what is
missing is false, those with a "not" inside (`!=`, `not in`, `!~`) as well; `not (…)` turns it round. NaN stands in no
relation but `!=`. A day as a value is the whole day: `started = 2026-11-20`, `started <= 2026-11-20`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from math import inf
from typing import TYPE_CHECKING, Final, cast

import polars as pl
from polars.exceptions import ComputeError

from tui_runs.analysis.columns import Kind, column_named, kind_of, split
from tui_runs.analysis.evaluation import regex_of_like
from tui_runs.analysis.grammar import name_of, text_of, tree_of
from tui_runs.analysis.literals import Span, number, seconds, span
from tui_runs.conditions import All, Compare, Condition, Either, Has, Not, OneOf, Operand, Operator, Word
from tui_runs.display import printable
from tui_runs.errors import QueryError
from tui_runs.schema import STATUSES

if TYPE_CHECKING:
    from lark import Token, Tree

_DEPTH: Final = 100
"""Conditions inside each other at most: whoever reads them later does so by recursion."""

_SPELT: Final = {"==": "=", "<>": "!="}
_NEGATED: Final = {"!~": "~", "not like": "like", "not ilike": "ilike"}
_TEXT_ONLY: Final = ("like", "ilike", "~")
_NO_WORDS: Final = {"&&": "and", "&": "and", "||": "or", "|": "or"}


def parse(text: str, columns: Collection[str] = (), now: datetime | None = None) -> Condition:
    """Read a filter.

    Args:
        text: as typed; of nothing but spaces, every run is meant.
        columns: the columns that exist (`params.lr`), so that mistakes are found and keys may stand alone; if there are
            none, `params.` and the like are needed, and any key is accepted.
        now: what `-2h` counts from; the clock's time by default.

    Raises:
        QueryError: it cannot be read, names an unknown column, or compares what cannot be compared.
    """
    broken = re.search("[\ud800-\udfff]", text)
    if broken:
        raise QueryError("this is not a character: half of one, or a broken byte.", position=broken.start())
    if not text.strip():
        return All(())
    known = columns if isinstance(columns, (frozenset, set, dict)) else frozenset(columns)
    return _Reading(known, now or datetime.now(UTC)).condition(tree_of(text))


class _Reading:
    """What a syntax tree means, where these columns exist and it is now."""

    def __init__(self, columns: Collection[str], now: datetime) -> None:
        self._columns = columns
        self._now = now

    def condition(self, tree: Tree[Token], depth: int = 0) -> Condition:
        if depth > _DEPTH:
            raise QueryError("too many conditions stand inside each other.", position=0)
        trees, tokens = cast("list[Tree[Token]]", tree.children), cast("list[Token]", tree.children)
        match tree.data:
            case "either" | "both":
                parts = tuple(self.condition(part, depth + 1) for part in trees)
                return Either(parts) if tree.data == "either" else All(parts)
            case "negation":
                return Not(self.condition(trees[0], depth + 1))
            case "everything":
                return All(())
            case "word":
                return _word(tokens[0])
        column = column_named(name_of(tokens[0]), self._columns, _start(tokens[0]))
        match tree.data:
            case "has":
                return Has(column)
            case "state" | "other_state":
                return _state(column, tokens[1].type == "NAN", tree.data == "other_state")
            case "comparison":
                return self._comparison(column, " ".join(tokens[1].lower().split()), tokens[2])
            case "one_of":
                return self._one_of(column, tokens[1].lower().startswith("not"), tokens[2:])
            case _:
                return self._between(column, tokens[1].lower().startswith("not"), tokens[2], tokens[3])

    def _comparison(self, column: str, operator: str, token: Token) -> Condition:
        operator = _SPELT.get(operator, operator)
        if operator in _NEGATED:
            return All((Has(column), Not(self._comparison(column, _NEGATED[operator], token))))
        kind = kind_of(column)
        if operator in _TEXT_ONLY:
            return Compare(column, cast("Operator", operator), _pattern(column, kind, operator, token))
        if kind == "time":
            return _compare_time(column, operator, self._span(column, token))
        value = self._value(column, kind, token)
        if kind == "status" and operator not in ("=", "!="):
            reason = f"the status has no order, so that {operator} says nothing of it."
            raise QueryError(reason, "It takes =, !=, in and like.", position=_start(token))
        return Compare(column, cast("Operator", operator), value)

    def _one_of(self, column: str, negated: bool, tokens: Sequence[Token]) -> Condition:
        found: Condition
        kind = kind_of(column)
        if kind == "time":
            spans = [self._span(column, token) for token in tokens]
            if all(start == end for start, end in spans):
                found = OneOf(column, tuple(start for start, _ in spans))
            else:
                parts = tuple(_compare_time(column, "=", one) for one in spans)
                found = Either(parts) if len(parts) > 1 else parts[0]
        else:
            found = OneOf(column, tuple(self._value(column, kind, token) for token in tokens))
        return All((Has(column), Not(found))) if negated else found

    def _between(self, column: str, negated: bool, low: Token, high: Token) -> Condition:
        below, above = ("<", ">") if negated else (">=", "<=")
        parts = (self._comparison(column, below, low), self._comparison(column, above, high))
        return Either(parts) if negated else All(parts)

    def _value(self, column: str, kind: Kind, token: Token) -> Operand:
        """What a token says as a value of a column; times have spans instead."""
        text = text_of(token)
        if kind in ("number", "seconds"):
            value = seconds(text) if kind == "seconds" else number(text)
            if value is None:
                example = "90, 2h or 1h30m" if kind == "seconds" else "0.3, 1e-4 or inf"
                raise _unfit(token, f"{printable(column)} is a number", f"a number such as {example}")
            return value
        if kind == "status":
            return _status(token)
        if token.type == "WORD" and split(text)[0] and text in self._columns:
            reason = f"columns cannot be compared with each other, and {printable(text)} is one."
            raise QueryError(reason, "Put it in quotes if that text is meant.", position=_start(token))
        value = number(text) if kind == "open" and token.type == "WORD" else None
        return text if value is None else value

    def _span(self, column: str, token: Token) -> Span:
        found = span(text_of(token), self._now)
        if found is None:
            raise _unfit(token, f"{column} is a time", "a time such as 2026-11-20, '2026-11-20 13:45' or -2h")
        return found


def _start(token: Token) -> int:
    return token.start_pos or 0


def _word(token: Token) -> Word:
    text = text_of(token)
    if token.type == "WORD" and split(text)[0] in ("metrics", "params", "tags"):
        end, expected = _start(token) + len(token), ("an operator such as = or <",)
        raise QueryError(f"expected {expected[0]} after {printable(text)}.", position=end, expected=expected)
    if token.type == "WORD" and text in _NO_WORDS:
        remedy = f"Write '{_NO_WORDS[text]}', or put it in quotes."
        raise QueryError(f"{text} is no word of this language.", remedy, position=_start(token))
    return Word(text)


def _state(column: str, nan: bool, negated: bool) -> Condition:
    """`is null`, `is nan` and their contraries. A NaN is what differs from a number, and is not up to infinity."""
    if not nan:
        return Has(column) if negated else Not(Has(column))
    ordinary = Compare(column, "<=", inf)
    return ordinary if negated else All((Compare(column, "!=", 0.0), Not(ordinary)))


def _compare_time(column: str, operator: str, value: Span) -> Condition:
    start, end = value
    if start == end:
        return Compare(column, cast("Operator", operator), start)
    match operator:
        case "=":
            return All((Compare(column, ">=", start), Compare(column, "<", end)))
        case "!=":
            return Either((Compare(column, "<", start), Compare(column, ">=", end)))
        case "<=":
            return Compare(column, "<", end)
        case ">":
            return Compare(column, ">=", end)
    return Compare(column, cast("Operator", operator), start)


def _status(token: Token) -> str:
    """A status in any case of letters. One that does not exist may be asked for in quotes, as MLflow allows it."""
    text = text_of(token).lower()
    if text not in STATUSES and token.type == "WORD":
        near = get_close_matches(text, STATUSES, 1)
        remedy = f"Did you mean {near[0]}?" if near else f"There are {', '.join(STATUSES)}."
        raise QueryError(f"there is no status {printable(text)!r}.", remedy, position=_start(token))
    return text


def _pattern(column: str, kind: Kind, operator: str, token: Token) -> str:
    text = text_of(token)
    if kind in ("number", "seconds", "time"):
        what = "a time" if kind == "time" else "a number"
        reason = f"{operator} is for text, and {printable(column)} is {what}."
        raise QueryError(reason, "It takes =, !=, <, <=, >, >=, in and between.", position=_start(token))
    if kind == "status" and operator != "~":
        text = text.lower()
    try:
        pl.select(pl.lit("").str.contains(text if operator == "~" else regex_of_like(text)))
    except ComputeError as error:
        said = str(error)
        if "look-around" in said:
            reason, remedy = "look-ahead and look-behind are not known to this kind of regular expression.", ""
        elif "backreferences" in said:
            reason, remedy = "this kind of regular expression cannot refer back to a group.", ""
        elif "size limit" in said:
            reason, remedy = "this pattern is too large.", "Make it shorter, or repeat less in it."
        else:
            why = next((line[7:] for line in said.splitlines() if line.startswith("error: ")), "it cannot be read")
            reason, remedy = (
                f"this is no regular expression: {why}.",
                "A sign that is meant literally stands after a \\.",
            )
        raise QueryError(reason, remedy, position=_start(token)) from None
    return text


def _unfit(token: Token, what: str, wanted: str) -> QueryError:
    text = printable(text_of(token))
    return QueryError(f"{what}, and {text!r} is none.", f"Write {wanted}.", position=_start(token), expected=(wanted,))
