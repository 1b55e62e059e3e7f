"""The SELECTs on single points, and on the ends of tables: how far something was read, and what came after that.

SQLite numbers the rows of a table, and a new row has a greater number than all that are there. Elsewhere a point has
only its place in the order of its series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from tui_runs.schema import Schema
from tui_runs_mlflow.database.queries import Queries, Statement, one_of

POINTS: Final[Schema] = {
    "rowid": pl.Int64,  # null where rows have none
    "run_id": pl.String,
    "key": pl.String,
    "step": pl.Int64,
    "ms": pl.Int64,
    "value": pl.Float64,  # as stored, see `run_reader.number_of`
}
SIZES: Final[Schema] = {"run_id": pl.String, "count": pl.Int64}
ROWS: Final[Schema] = {"rowid": pl.Int64, "run_id": pl.String}
FOLLOWED: Final = ("runs", "params", "tags", "metrics")
"""The tables whose new rows tell what happened."""
ENDS: Final[Schema] = {"table": pl.String, "rowid": pl.Int64, "row": pl.String, "row_before": pl.String}

_ORDER: Final = "m.timestamp, m.step, m.value"
"""A database that does not number its rows keeps no order of writing (PostgreSQL puts a row where there is room), so
its series go by time."""


# --- SQLite -----------------------------------------------------------------------------------------------------------


def sizes(run_ids: Sequence[str]) -> Statement:
    """How many points each of these runs has."""
    which, parameters = one_of("m.run_uuid", run_ids)
    return Statement(f"SELECT m.run_uuid, COUNT(*) FROM metrics m WHERE {which} GROUP BY m.run_uuid", parameters, SIZES)


def row_beyond(run_id: str | None, after: int, count: int) -> Statement:
    """The rowid of the point (of this run, or of any) that comes so many points after a rowid."""
    which = "1 = 1" if run_id is None else "m.run_uuid = :run"
    sql = f"SELECT m.rowid FROM metrics m WHERE {which} AND m.rowid > :after ORDER BY m.rowid LIMIT 1 OFFSET :skip"
    return Statement(sql, {"run": run_id, "after": after, "skip": count - 1}, {"rowid": pl.Int64})


def runs_at(rowids: Sequence[int]) -> Statement:
    """Whose points have these rowids."""
    among = ", ".join(map(str, rowids)) or "NULL"
    return Statement(f"SELECT m.rowid, m.run_uuid FROM metrics m WHERE m.rowid IN ({among})", {}, ROWS)


def points_after(queries: Queries, run_id: str, keys: Sequence[str], after: int, limit: int) -> Statement:
    """Points of a run in the order of writing, from behind a rowid."""
    which, parameters = queries.points_of([run_id], keys)
    sql = (
        f"SELECT m.rowid, m.run_uuid, m.key, {queries.step}, m.timestamp, {queries.number} FROM metrics m "
        f"WHERE {which} AND m.rowid > :after ORDER BY m.rowid LIMIT :limit"
    )
    return Statement(sql, {**parameters, "after": after, "limit": limit}, POINTS)


def ends(before: Mapping[str, int]) -> Statement:
    """Of each table that is followed: its last row, and the one that was the last before, to know it again."""
    sql = " UNION ALL ".join(
        f"SELECT '{table}', (SELECT MAX(rowid) FROM {table}), "
        f"(SELECT {_name_of(table)} FROM {table} ORDER BY rowid DESC LIMIT 1), "
        f"(SELECT {_name_of(table)} FROM {table} WHERE rowid = :{table})"
        for table in FOLLOWED
    )
    return Statement(sql, {table: before.get(table, 0) for table in FOLLOWED}, ENDS)


def _name_of(table: str) -> str:
    more = {"runs": "", "metrics": " || '/' || key || '/' || timestamp"}.get(table, " || '/' || key")
    return f"run_uuid{more}"


def touched_runs(after: Mapping[str, int], until: Mapping[str, int]) -> Statement:
    """The runs that are new, or have new params or tags."""
    tables = [table for table in FOLLOWED if table != "metrics"]
    sql = " UNION ".join(
        f"SELECT t.run_uuid FROM {table} t WHERE t.rowid > :{table}_after AND t.rowid <= :{table}_until"
        for table in tables
    )
    bounds = {f"{table}_after": after[table] for table in tables} | {f"{table}_until": until[table] for table in tables}
    return Statement(sql, bounds, {"run_id": pl.String})


# --- elsewhere --------------------------------------------------------------------------------------------------------


def points_of_run(queries: Queries, run_id: str, keys: Sequence[str]) -> Statement:
    """All points of a run, each series in its order."""
    which, parameters = queries.points_of([run_id], keys)
    sql = (
        f"SELECT NULL, m.run_uuid, m.key, {queries.step}, m.timestamp, {queries.number} FROM metrics m "
        f"WHERE {which} ORDER BY {_ORDER}"
    )
    return Statement(sql, parameters, POINTS)


def points_of_series(queries: Queries, run_id: str, key: str, offset: int, limit: int) -> Statement:
    """Points of a series from the one with this number on, counted from 0."""
    sql = (
        f"SELECT NULL, m.run_uuid, m.key, {queries.step}, m.timestamp, {queries.number} FROM metrics m "
        f"WHERE m.run_uuid = :run AND m.key = :key ORDER BY {_ORDER} LIMIT :limit OFFSET :offset"
    )
    return Statement(sql, {"run": run_id, "key": key, "offset": offset, "limit": limit}, POINTS)
