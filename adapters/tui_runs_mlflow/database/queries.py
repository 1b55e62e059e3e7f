"""The SELECTs that MLflow's tables allow, whichever version of MLflow made them, in SQL that every dialect knows.

Columns stand with their table's alias (`m.key`), for then MySQL takes its reserved word `key` for a name. A column
that an old schema lacks is NULL or what it would have been; what a later one has beyond these is not asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import polars as pl

from tui_runs.schema import PARAMS, Schema
from tui_runs_mlflow.database.connection import Dialect

FROM: Final = "runs r LEFT JOIN experiments e ON e.experiment_id = r.experiment_id"
"""Where the columns of a run and of its experiment come from; an experiment may be missing."""

NEWEST_FIRST: Final = "COALESCE(r.start_time, -1) DESC, r.run_uuid"

RUN_IDS: Final[Schema] = {"run_id": pl.String}
RUN_STARTS: Final[Schema] = {"run_id": pl.String, "start_ms": pl.Int64}
RECORDS: Final[Schema] = {
    "run_id": pl.String,
    "name": pl.String,
    "experiment": pl.String,
    "status": pl.String,  # MLflow's word, and "DELETED"
    "start_ms": pl.Int64,
    "end_ms": pl.Int64,
    "user": pl.String,
    "command": pl.String,
    "uri": pl.String,
}
LATEST: Final[Schema] = {
    "run_id": pl.String,
    "key": pl.String,
    "last": pl.Float64,  # as stored, see `run_reader.number_of`
    "last_step": pl.Int64,
    "last_ms": pl.Int64,
}
EXTREMES: Final[Schema] = {
    "run_id": pl.String,
    "key": pl.String,
    "count": pl.UInt32,
    "min": pl.Float64,
    "max": pl.Float64,
    "min_step": pl.Int64,
    "max_step": pl.Int64,
}
SERIES: Final[Schema] = {"run_id": pl.String, "key": pl.String}
COUNTS: Final[Schema] = {"run_id": pl.String, "key": pl.String, "count": pl.Int64}
EXPERIMENTS: Final[Schema] = {"experiment_id": pl.Int64, "name": pl.String}

KEYS_NAMED: Final = 90
"""Metrics that a statement names; where more are asked for it gives all of them, and they are picked from those."""
_SAME: Final = {"postgresql": "IS NOT DISTINCT FROM", "mysql": "<=>"}
"""Equal, or both NULL."""


class Statement(NamedTuple):
    """One SELECT, in the order of the arguments of `Database.frame`."""

    sql: str
    parameters: Mapping[str, object]
    schema: Schema


@dataclass(frozen=True)
class Queries:
    """The statements for one database.

    Args:
        columns: names of the columns of every table, see `Database.columns`.
        dialect: which SQL it speaks.
        experiment_ids: the experiments whose runs are wanted; None for all.
        with_deleted: deleted runs, and those of deleted experiments, are wanted too.
    """

    columns: Mapping[str, frozenset[str]]
    dialect: Dialect
    experiment_ids: Sequence[int] | None = None
    with_deleted: bool = False
    number: str = field(init=False)
    """The value of a point `m`, NULL for NaN; the infinities are the largest numbers that there are."""
    step: str = field(init=False)
    """The step of a point `m`."""

    def __post_init__(self) -> None:
        is_nan = self.column("metrics", "m.is_nan", "")
        number = f"CASE WHEN {is_nan} THEN NULL ELSE m.value END" if is_nan else "m.value"
        object.__setattr__(self, "number", number)
        object.__setattr__(self, "step", self.column("metrics", "m.step", "0"))

    def column(self, table: str, name: str, missing: str = "NULL") -> str:
        """A column with its alias ("r.name"), or what stands for it where the table has none of that name."""
        return name if name.partition(".")[2] in self.columns.get(table, ()) else missing

    # --- which runs -------------------------------------------------------------------------------------------------

    @property
    def deleted(self) -> str:
        """Condition on FROM: the run or its experiment is deleted; never NULL."""
        stages = self.column("runs", "r.lifecycle_stage"), self.column("experiments", "e.lifecycle_stage")
        return " OR ".join(f"COALESCE({stage}, 'active') = 'deleted'" for stage in stages)

    @property
    def shown(self) -> str:
        """Condition on FROM: the run is one that this source shows.

        Deleted experiments are a set of their own, and not a condition on the joined one: with only one experiment
        PostgreSQL would expect no run at all to be left, and look each of 100,000 up by itself.
        """
        parts = [] if self.with_deleted else self._not_deleted()
        if self.experiment_ids is not None:
            ids = ", ".join(str(int(one)) for one in self.experiment_ids) or "NULL"
            parts.append(f"r.experiment_id IN ({ids})")
        return " AND ".join(parts) or "1 = 1"

    def _not_deleted(self) -> list[str]:
        """That neither the run nor its experiment is deleted, in two conditions."""
        parts = []
        if stage := self.column("runs", "r.lifecycle_stage", ""):
            parts.append(f"COALESCE({stage}, 'active') <> 'deleted'")
        if stage := self.column("experiments", "d.lifecycle_stage", ""):
            deleted = f"SELECT d.experiment_id FROM experiments d WHERE {stage} = 'deleted'"
            parts.append(f"(r.experiment_id IS NULL OR r.experiment_id NOT IN ({deleted}))")
        return parts

    def experiments_called(self, name_or_id: str) -> Statement:
        """The experiments of this name or id."""
        sql = "SELECT e.experiment_id, e.name FROM experiments e WHERE e.name = :name OR e.experiment_id = :id"
        number = int(name_or_id) if name_or_id.isdecimal() and len(name_or_id) < 19 else -1
        return Statement(sql, {"name": name_or_id, "id": number}, EXPERIMENTS)

    def newest(self, limit: int) -> Statement:
        """Ids of the runs that started last, the newest first, those without a start last."""
        sql = f"SELECT r.run_uuid FROM {FROM} WHERE {self.shown} ORDER BY {NEWEST_FIRST} LIMIT :limit"
        return Statement(sql, {"limit": limit}, RUN_IDS)

    def run_starts(self, after: str, limit: int) -> Statement:
        """Ids of the runs shown and when each started, a page of them in the order of their ids."""
        sql = (
            f"SELECT r.run_uuid, r.start_time FROM {FROM} WHERE {self.shown} AND r.run_uuid > :after "
            "ORDER BY r.run_uuid LIMIT :limit"
        )
        return Statement(sql, {"after": after, "limit": limit}, RUN_STARTS)

    def running_transactions(self) -> Statement:
        """Which transactions are running or done (PostgreSQL only)."""
        return Statement("SELECT CAST(txid_current_snapshot() AS text)", {}, {"transactions": pl.String})

    # --- all of some runs -------------------------------------------------------------------------------------------

    def records(self, run_ids: Sequence[str]) -> Statement:
        """The own records of these runs, as far as they are shown."""
        columns = ", ".join((
            "r.run_uuid",
            self.column("runs", "r.name"),
            "e.name",
            f"CASE WHEN {self.deleted} THEN 'DELETED' ELSE r.status END",
            "r.start_time",
            "r.end_time",
            self.column("runs", "r.user_id"),
            self.column("runs", "r.source_name"),
            self.column("runs", "r.artifact_uri"),
        ))  # fmt: skip
        which, parameters = one_of("r.run_uuid", run_ids)
        return Statement(f"SELECT {columns} FROM {FROM} WHERE {self.shown} AND {which}", parameters, RECORDS)

    def params(self, run_ids: Sequence[str]) -> Statement:
        """The params of these runs; in SQLite as one row a run, key and value being JSON arrays of all of its."""
        return self._texts("params", run_ids)

    def tags(self, run_ids: Sequence[str]) -> Statement:
        """The tags of these runs; as `params`."""
        return self._texts("tags", run_ids)

    def _texts(self, table: str, run_ids: Sequence[str]) -> Statement:
        which, parameters = one_of("t.run_uuid", run_ids)
        if self.dialect == "sqlite":
            # Python makes each row that SQLite gives, and that is most of the time: so one row a run.
            columns = ", ".join(f"json_group_array(CAST({column} AS TEXT))" for column in ("t.key", "t.value"))
            sql = f"SELECT t.run_uuid, {columns} FROM {table} t WHERE {which} GROUP BY t.run_uuid"
        else:
            sql = f"SELECT t.run_uuid, t.key, t.value FROM {table} t WHERE {which}"
        return Statement(sql, parameters, PARAMS)

    def param_counts(self, run_ids: Sequence[str]) -> Statement:
        """How many params each of these runs has."""
        which, parameters = one_of("p.run_uuid", run_ids)
        sql = f"SELECT p.run_uuid, COUNT(*) FROM params p WHERE {which} GROUP BY p.run_uuid"
        return Statement(sql, parameters, {"run_id": pl.String, "count": pl.Int64})

    def latest(self, run_ids: Sequence[str]) -> Statement:
        """The newest point of each metric of these runs: the greatest by (step, timestamp, value)."""
        which, parameters = one_of("m.run_uuid", run_ids)
        if "latest_metrics" in self.columns:
            columns = f"m.run_uuid, m.key, {self.number}, m.step, m.timestamp"
            return Statement(f"SELECT {columns} FROM latest_metrics m WHERE {which}", parameters, LATEST)
        # Before MLflow 1.4 there is no such table: all points, the newest of each series last.
        sql = (
            f"SELECT m.run_uuid, m.key, {self.number}, {self.step}, m.timestamp FROM metrics m WHERE {which} "
            f"ORDER BY m.run_uuid, m.key, {self.step}, m.timestamp, m.value"
        )
        return Statement(sql, parameters, LATEST)

    # --- their whole histories --------------------------------------------------------------------------------------

    def extremes(self, run_ids: Sequence[str] | None, keys: Sequence[str] | None = None, *, after: int | None = None,
                 until: int | None = None) -> Statement:  # fmt: skip
        """Of each metric: how many points, the least and greatest number, and the least step at which it has them.

        NaN counts as a point and is never least or greatest unless there is nothing else; then both are null.

        Args:
            run_ids: of these runs; None for all.
            keys: of these metrics, where they can be named (see KEYS_NAMED); None for all.
            after: points whose rowid is greater (SQLite only).
            until: points whose rowid is not greater (SQLite only).
        """
        which, parameters = self.points_of(run_ids, keys)
        if after is not None:
            which, parameters["after"] = f"{which} AND m.rowid > :after", after
        if until is not None:
            which, parameters["until"] = f"{which} AND m.rowid <= :until", until
        if self.dialect == "sqlite":
            return Statement(self._extremes_in_sqlite(which), parameters, EXTREMES)

        def step_of(extreme: str) -> str:
            return (
                f"(SELECT MIN({self.step}) FROM metrics m WHERE m.run_uuid = s.run_uuid AND m.key = s.metric "
                f"AND {self.number} {_SAME[self.dialect]} s.{extreme})"
            )

        sql = (
            f"SELECT s.run_uuid, s.metric, s.points, s.low, s.high, {step_of('low')}, {step_of('high')} FROM ("
            f"SELECT m.run_uuid, m.key AS metric, COUNT(*) AS points, MIN({self.number}) AS low, "
            f"MAX({self.number}) AS high FROM metrics m WHERE {which} GROUP BY m.run_uuid, m.key) s"
        )
        return Statement(sql, parameters, EXTREMES)

    def _extremes_in_sqlite(self, which: str) -> str:
        """In SQLite a column beside a lone MIN is of the row that has the minimum; half the time of looking it up.

        An infinity stands for NaN here, for MLflow stores none: with NULL the row would be any.
        """

        def half(extreme: str, nan: str) -> str:
            return (
                f"SELECT m.run_uuid AS run, m.key AS metric, COUNT(*) AS points, {self.step} AS step, "
                f"{extreme}(COALESCE({self.number}, {nan})) AS number FROM metrics m WHERE {which} "
                "GROUP BY m.run_uuid, m.key"
            )

        low, high = half("MIN", "9e999"), half("MAX", "-9e999")
        return (
            "SELECT a.run, a.metric, a.points, NULLIF(a.number, 9e999), NULLIF(b.number, -9e999), a.step, b.step "
            f"FROM ({low}) a JOIN ({high}) b ON b.run = a.run AND b.metric = a.metric"
        )

    def counts(self, run_ids: Sequence[str], keys: Sequence[str] | None = None) -> Statement:
        """How many points each metric of these runs has."""
        which, parameters = self.points_of(run_ids, keys)
        sql = f"SELECT m.run_uuid, m.key, COUNT(*) FROM metrics m WHERE {which} GROUP BY m.run_uuid, m.key"
        return Statement(sql, parameters, COUNTS)

    def keys(self, run_ids: Sequence[str], keys: Sequence[str] | None) -> Statement:
        """The names of the metrics of these runs, of those asked for."""
        table = "latest_metrics" if "latest_metrics" in self.columns else "metrics"
        which, parameters = self.points_of(run_ids, keys)
        return Statement(f"SELECT DISTINCT m.run_uuid, m.key FROM {table} m WHERE {which}", parameters, SERIES)

    def points_of(self, run_ids: Sequence[str] | None, keys: Sequence[str] | None) -> tuple[str, dict[str, object]]:
        """Condition on `metrics m`, and its parameters. So many keys that they cannot be named are all of them."""
        which, parameters = ("1 = 1", dict[str, object]()) if run_ids is None else one_of("m.run_uuid", run_ids)
        if keys is not None and len(keys) <= KEYS_NAMED:
            among, more = one_of("m.key", keys, "key")
            which, parameters = f"{which} AND {among}", parameters | more
        return which, parameters


def one_of(column: str, values: Sequence[str], prefix: str = "run") -> tuple[str, dict[str, object]]:
    """Condition that a column has one of these values, and its parameters, named by the prefix and a number."""
    names = [f"{prefix}{number}" for number in range(len(values))]
    among = ", ".join(f":{name}" for name in names) or "NULL"
    return f"{column} IN ({among})", dict(zip(names, values, strict=True))
