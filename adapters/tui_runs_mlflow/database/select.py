"""Which runs are wanted, found by the database itself: conditions and orders as SQL.

What SQL says exactly as Polars does, it says: texts compare by their code points (so no collation is asked), NaN is
nowhere, what is missing is false, and last when sorted. Numbers in params, regular expressions and letters in any
case are not like that. Such a part of a condition stands for two: what surely holds and what may hold, and the wanted
runs lie between. More runs than wanted is fine where there is no limit; where there is one nothing is found here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from tui_runs.conditions import (
    All,
    Compare,
    Condition,
    Either,
    Has,
    Not,
    OneOf,
    Operand,
    Operator,
    Order,
    Wanted,
    Word,
)
from tui_runs.schema import STATUSES
from tui_runs_mlflow.database.connection import Database
from tui_runs_mlflow.database.queries import FROM, NEWEST_FIRST, RUN_IDS, Queries
from tui_runs_mlflow.run_frame import STATUSES as MLFLOW_STATUSES

_TRUE: Final = "1 = 1"
_FALSE: Final = "1 = 0"
_LARGEST_CONDITION: Final = 200
"""Parts of a condition that are made into SQL; databases limit how deep and how long an expression may be."""
_LONGEST_PATTERN: Final = 10_000
_BY_TAG: Final = {
    "parent_id": "mlflow.parentRunId",
    "git_commit": "mlflow.source.git.commit",
    "notes": "mlflow.note.content",
}
"""Columns of RUNS that are a tag, and nothing else."""
_NOT_MLFLOWS: Final = frozenset({"host", "group", "job_type"})
"""Columns of RUNS that no run of MLflow's has."""
_TIMES: Final = {"started": "r.start_time", "ended": "r.end_time"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_RANGE: Final = "-62135596800000 AND 253402300799999"
"""Milliseconds of the dates that Python knows; a time beyond them shows as missing."""
_NOT_STORED: Final = re.compile("[\0\ud800-\udfff]")
"""What no database's text holds, or can be asked for: NUL and halves of characters."""
_LARGEST: Final = 1.7976931348623157e308
"""What MLflow stores for infinity."""
_PLAIN: Final[dict[Operator, str]] = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_GLOB: Final = str.maketrans({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"})
_LEFT_OPEN: Final = frozenset("ki%_\\")
"""Signs of a word that a pattern leaves open, as all that are not ASCII: k and i in small letters may have been the
Kelvin sign and the dotted I, which not every database knows; the others mean something in a pattern."""
_DOT_ABOVE: Final = "\u0307"


def find_runs(database: Database, queries: Queries, wanted: Wanted) -> list[str] | None:
    """Ids of the runs that are wanted, in the wanted order; without a limit perhaps more, and the newest first.

    Args:
        database: where they are.
        queries: for it; says which runs are shown at all.
        wanted: conditions, order, limit.

    Returns:
        None where the database cannot tell, or would only tell that all of them are.

    Raises:
        SourceLostError: the database cannot be read.
    """
    if "latest_metrics" not in queries.columns or sum(1 for _ in _parts(wanted.where)) > _LARGEST_CONDITION:
        return None
    search = _Search(queries)
    try:
        may_hold = search.condition(wanted.where).may
        joins, order = search.order(wanted.order) if wanted.limit is not None else ("", NEWEST_FIRST)
    except _InexpressibleError:
        return None
    if wanted.limit is None and may_hold == _TRUE:
        return None
    if wanted.limit is not None and not search.exact:
        return None
    sql = f"SELECT r.run_uuid FROM {FROM}{joins} WHERE {queries.shown} AND ({may_hold}) ORDER BY {order}"
    if wanted.limit is not None:
        sql += f" LIMIT {search.parameter(min(max(0, wanted.limit), 1 << 31))}"
    return database.frame(sql, search.parameters, RUN_IDS)["run_id"].to_list()


def _parts(condition: Condition) -> Iterator[object]:
    """Every part of a condition, itself too."""
    todo: list[object] = [condition]
    while todo:
        part = todo.pop()
        yield part
        match part:
            case All(parts) | Either(parts):
                todo += parts
            case Not(inner):
                todo.append(inner)
            case OneOf(_, values):
                todo += values
            case _:
                pass


class _InexpressibleError(Exception):
    """No SQL says this, not even nearly."""


class _Sql(NamedTuple):
    """A condition on a run `r`, never NULL: where `surely` holds it does, and only where `may` holds can it."""

    surely: str
    may: str


class _Search:
    """Makes SQL out of one question, and collects its parameters.

    Args:
        queries: for the database.
    """

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._dialect = queries.dialect
        self.parameters: dict[str, object] = {}
        self.exact = True
        """Nothing yet had to be said only nearly."""

    def parameter(self, value: str | float) -> str:
        """A parameter's name for a value, as it stands in the SQL."""
        if isinstance(value, str) and _NOT_STORED.search(value):
            raise _InexpressibleError
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"

    # --- conditions -------------------------------------------------------------------------------------------------

    def condition(self, condition: Condition) -> _Sql:
        """A condition as SQL."""
        match condition:
            case Compare(column, operator, value):
                return self._compare(column, operator, value)
            case OneOf(column, values):
                return _any([self._compare(column, "=", value) for value in values])
            case Has(column):
                return self._has(column)
            case Word(text):
                return self._nearly(self._contains(text))
            case All(parts):
                sides = [self.condition(part) for part in parts]
                return _Sql(_join("AND", [one.surely for one in sides]), _join("AND", [one.may for one in sides]))
            case Either(parts):
                return _any([self.condition(part) for part in parts])
            case Not(part):
                inner = self.condition(part)
                return _Sql(_not(inner.may), _not(inner.surely))

    def _nearly(self, may: str) -> _Sql:
        self.exact = False
        return _Sql(_FALSE, may)

    def _compare(self, column: str, operator: Operator, value: Operand) -> _Sql:
        kind, dot, key = column.partition(".")
        if dot and kind == "metrics":
            return _both(_FALSE) if isinstance(value, str | datetime) else self._metric(key, operator, value)
        if dot and kind in ("params", "tags"):
            inside = self._text("COALESCE(t.value, '')", operator, value)
            return _Sql(*(self._there(kind, key, side) for side in inside))
        if column in _TIMES:
            return _both(self._time(column, operator, value) if isinstance(value, datetime) else _FALSE)
        if (text := self._run_text(column)) is not None:
            return _Sql(*(f"COALESCE({side}, {_FALSE})" for side in self._text(text, operator, value)))
        return _both(_FALSE) if column in _NOT_MLFLOWS else self._nearly(_TRUE)

    def _has(self, column: str) -> _Sql:
        kind, dot, key = column.partition(".")
        if dot and kind in ("metrics", "params", "tags"):
            return _both(self._there("latest_metrics" if kind == "metrics" else kind, key))
        expression = self._time_column(column) if column in _TIMES else self._run_text(column)
        if expression is not None:
            return _both(f"({expression}) IS NOT NULL")
        return _both(_FALSE) if column in _NOT_MLFLOWS else self._nearly(_TRUE)

    def _there(self, table: str, key: str, inside: str = _TRUE) -> str:
        """The run has a row of this key in a table `t`, for which a condition holds."""
        if inside == _FALSE:
            return _FALSE
        return (
            f"EXISTS (SELECT 1 FROM {table} t WHERE t.run_uuid = r.run_uuid AND {self._is_key('t.key', key)} "
            f"AND {inside})"
        )

    def _is_key(self, column: str, key: str) -> str:
        name = self.parameter(key)
        plain = f"{column} = {name}"  # with which the index is used, also where the next one is needed
        return f"{plain} AND {self._exactly(column, '=', name)}" if self._dialect == "mysql" else plain

    def _exactly(self, text: str, relation: str, name: str) -> str:
        """A relation of a text to a parameter, by code points: not as a collation says."""
        if self._dialect == "mysql":
            return f"CAST(CONVERT({text} USING utf8mb4) AS BINARY) {relation} CAST({name} AS BINARY)"
        collation = ' COLLATE "C"' if self._dialect == "postgresql" else ""
        return f"({text}){collation} {relation} {name}"

    def _text(self, text: str, operator: Operator, value: Operand) -> _Sql:
        """A relation of a text, which may be NULL, to a value; NULL at most where the text is."""
        if isinstance(value, datetime):
            return _both(_FALSE)
        if operator == "like" and isinstance(value, str) and len(value) <= _LONGEST_PATTERN:
            return _both(self._like(text, value))
        if operator in _PLAIN and isinstance(value, str):
            return _both(self._exactly(text, _PLAIN[operator], self.parameter(value)))
        return self._nearly(f"({text}) IS NOT NULL")

    def _like(self, text: str, pattern: str) -> str:
        if self._dialect == "sqlite":  # where LIKE means any case
            return f"({text}) GLOB {self.parameter(pattern.translate(_GLOB))}"
        if self._dialect == "mysql":  # of bytes _ would be one, of these one character
            return f"CONVERT({text} USING utf8mb4) COLLATE utf8mb4_bin LIKE {self.parameter(pattern)} ESCAPE ''"
        return f"{self._exactly(text, 'LIKE', self.parameter(pattern))} ESCAPE ''"

    def _contains(self, word: str) -> str:
        """All runs in which a word may occur, in any case of letters."""
        word = word.lower()
        if _DOT_ABOVE in word or len(word) > _LONGEST_PATTERN:  # the dotted I becomes two characters
            raise _InexpressibleError
        pattern = "".join("_" if sign in _LEFT_OPEN or not sign.isascii() else sign for sign in word)
        name = self.parameter(f"%{pattern}%")

        def like(text: str) -> str:
            if self._dialect == "mysql":
                return f"CONVERT({text} USING utf8mb4) COLLATE utf8mb4_general_ci LIKE {name} ESCAPE ''"
            return f"({text}) ILIKE {name} ESCAPE ''" if self._dialect == "postgresql" else f"({text}) LIKE {name}"

        columns = self._queries.column
        texts = [
            "r.run_uuid",
            columns("runs", "r.name"),
            columns("runs", "r.user_id"),
            columns("runs", "r.source_name"),
        ]
        texts += ["e.name", self._status()]
        own = [f"COALESCE({like(text)}, {_FALSE})" for text in texts if text != "NULL"]
        inside = [
            f"EXISTS (SELECT 1 FROM {table} t WHERE t.run_uuid = r.run_uuid AND {like('t.value')})"
            for table in ("params", "tags")
        ]
        return _join("OR", own + inside)

    def _metric(self, key: str, operator: Operator, value: float) -> _Sql:
        if operator not in _PLAIN:
            return _both(_FALSE)
        try:
            value = float(value)
        except OverflowError:  # a whole number beyond them
            raise _InexpressibleError from None
        is_nan = "t.value IS NULL"
        if "is_nan" in self._queries.columns["latest_metrics"]:
            is_nan = f"(t.is_nan OR {is_nan})"
        if math.isnan(value):  # Polars and IEEE 754 do not agree on what differs from it
            return self._nearly(self._there("latest_metrics", key)) if operator == "!=" else _both(_FALSE)
        relation = self._to_infinity(operator, value) or f"t.value {_PLAIN[operator]} {self.parameter(value)}"
        if operator == "!=":
            return _both(self._there("latest_metrics", key, f"({is_nan} OR {relation})"))
        return _both(self._there("latest_metrics", key, _join("AND", [f"NOT {is_nan}", relation])))

    def _to_infinity(self, operator: Operator, value: float) -> str | None:
        """The relation of `t.value` to a value at the end of the numbers, where infinity is stored as the last one."""
        if abs(value) < _LARGEST:
            return None
        end = self.parameter(math.copysign(_LARGEST, value))
        at_end = f"t.value {'>=' if value > 0 else '<='} {end}"
        if math.isinf(value) and operator in ("=", "!="):
            return at_end if operator == "=" else _not(at_end)
        if operator in ("=", "!="):
            return _FALSE if operator == "=" else _TRUE
        inward = operator in (("<", "<=") if value > 0 else (">", ">="))
        if math.isinf(value) and "=" in operator:
            return _TRUE if inward else at_end
        if math.isinf(value) and not inward:
            return _FALSE
        return _not(at_end) if inward else at_end

    # --- columns of the run itself ----------------------------------------------------------------------------------

    def _run_text(self, column: str) -> str | None:
        """A text column of RUNS as `run_frame.runs_frame` makes it, NULL where missing; None for what is no such."""
        if column in _BY_TAG:
            return self._tag(_BY_TAG[column])
        match column:
            case "run_id":
                return "r.run_uuid"
            case "name":
                return f"COALESCE({self._known('r.name')}, {self._tag('mlflow.runName')})"
            case "user":
                return f"COALESCE({self._tag('mlflow.user')}, {self._known('r.user_id')})"
            case "command":
                return f"COALESCE({self._tag('mlflow.source.name')}, {self._known('r.source_name')})"
            case "experiment":
                return "e.name"
            case "status":
                return self._status()
            case "uri":
                return self._queries.column("runs", "r.artifact_uri")
        return None

    def _known(self, column: str) -> str:
        """A column of runs, NULL where it is empty. A blank is not: = '' would say so, where collations pad."""
        name = self._queries.column("runs", column)
        return f"CASE WHEN LENGTH({name}) > 0 THEN {name} END"

    def _tag(self, key: str) -> str:
        return (
            f"(SELECT COALESCE(t.value, '') FROM tags t WHERE t.run_uuid = r.run_uuid AND {self._is_key('t.key', key)})"
        )

    def _status(self, words: dict[str, str] | None = None) -> str:
        """What a run's status is called, in our words or others for these."""
        called = words or {status: f"'{status}'" for status in STATUSES}
        cases = " ".join(f"WHEN r.status = '{theirs}' THEN {called[ours]}" for theirs, ours in MLFLOW_STATUSES.items())
        return f"CASE WHEN {self._queries.deleted} THEN {called['deleted']} {cases} ELSE {called['unknown']} END"

    def _time_column(self, column: str) -> str:
        return f"CASE WHEN {_TIMES[column]} BETWEEN {_TIME_RANGE} THEN {_TIMES[column]} END"

    def _time(self, column: str, operator: Operator, value: datetime) -> str:
        """A time is stored in whole milliseconds; what it is compared with may lie between two."""
        microseconds = (value - _EPOCH) // timedelta(microseconds=1)
        below, rest = divmod(microseconds, 1000)
        if rest and operator in ("=", "!="):
            return _FALSE if operator == "=" else f"({self._time_column(column)}) IS NOT NULL"
        if rest and operator in ("<", ">="):  # below the next one, at least the next one
            below += 1
        if operator not in _PLAIN:
            return _FALSE
        return f"COALESCE(({self._time_column(column)}) {_PLAIN[operator]} {self.parameter(below)}, {_FALSE})"

    # --- order ------------------------------------------------------------------------------------------------------

    def order(self, orders: Sequence[Order]) -> tuple[str, str]:
        """What to join to FROM, and what to order by: as `sort_runs` does, and the newest first where all is equal.

        Texts are not here: a column of them sorts by numbers where all of it are numbers.
        """
        joins, keys = "", list[str]()
        for number, order in enumerate(orders):
            kind, dot, name = order.column.partition(".")
            if dot and kind == "metrics":
                metric = f"o{number}"
                joins += f" LEFT JOIN latest_metrics {metric} ON {metric}.run_uuid = r.run_uuid"
                joins += f" AND {self._is_key(f'{metric}.key', name)}"
                key = f"{metric}.value"
                if "is_nan" in self._queries.columns["latest_metrics"]:
                    key = f"CASE WHEN {metric}.is_nan THEN NULL ELSE {key} END"
            elif order.column in _TIMES:
                key = self._time_column(order.column)
            elif order.column == "status":
                key = self._status({status: str(number) for number, status in enumerate(STATUSES)})
            else:
                raise _InexpressibleError
            keys += [f"({key}) IS NULL", f"{key} DESC" if order.descending else key]
        return joins, ", ".join([*keys, NEWEST_FIRST])


def _both(sql: str) -> _Sql:
    return _Sql(sql, sql)


def _any(sides: list[_Sql]) -> _Sql:
    return _Sql(_join("OR", [one.surely for one in sides]), _join("OR", [one.may for one in sides]))


def _not(sql: str) -> str:
    return {_TRUE: _FALSE, _FALSE: _TRUE}.get(sql, f"NOT ({sql})")


def _join(word: str, parts: list[str]) -> str:
    """Conditions joined by AND or OR; those that decide or say nothing are left out."""
    nothing, all_of_it = (_TRUE, _FALSE) if word == "AND" else (_FALSE, _TRUE)
    if all_of_it in parts:
        return all_of_it
    return f" {word} ".join(f"({part})" for part in parts if part != nothing) or nothing
