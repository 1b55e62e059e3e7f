"""How PostgreSQL goes about what it is asked: the runs that are wanted are found without looking at each of all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from tests.adapters.postgres import made_by_mlflow, shared_server
from tui_runs.conditions import All, Compare, Condition, Order, Wanted
from tui_runs_mlflow import MlflowAdapter
from tui_runs_mlflow.database.select import find_runs

RUNS = 2000
_RUN = "lpad(to_hex(n), 32, '0')"
_FILL = (
    "INSERT INTO runs (run_uuid, name, status, start_time, lifecycle_stage, experiment_id) "
    f"SELECT {_RUN}, 'run-' || n, 'FINISHED', 1700000000000 + n, 'active', 0 FROM generate_series(1, {RUNS}) n",
    "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
    f"SELECT 'metric_' || k, n, 1700000000000, 1, false, {_RUN} "
    f"FROM generate_series(1, {RUNS}) n, generate_series(1, 5) k",
    "INSERT INTO params (key, value, run_uuid) "
    f"SELECT 'param_' || k, n::text, {_RUN} FROM generate_series(1, {RUNS}) n, generate_series(1, 5) k",
    "ANALYZE",
)


@pytest.fixture(scope="module")
def store() -> Iterator[Any]:
    """A store of 2,000 runs in one experiment."""
    server = shared_server()
    server.create("plans", made_by_mlflow())
    for statement in _FILL:
        server.run(statement, database="plans")
    source = MlflowAdapter().open(server.url("plans"), {})
    yield source
    source.close()
    server.run("DROP DATABASE plans WITH (FORCE)")


class Listener:
    """Takes down the statement that a database would have been asked."""

    sql = ""
    parameters: Any = None

    def frame(self, sql: str, parameters: Any, schema: Any) -> pl.DataFrame:
        self.sql, self.parameters = sql, parameters
        return pl.DataFrame(schema=dict(schema))


BEST = Compare("metrics.metric_1", "<", 20.0)


@pytest.mark.parametrize(
    ("where", "order"),
    [
        (BEST, [Order("metrics.metric_1")]),
        (BEST, [Order("metrics.metric_2", descending=True)]),
        (BEST, []),
        (All((BEST, Compare("params.param_1", "=", "7"))), [Order("metrics.metric_1")]),
        (Compare("params.param_1", "=", "7"), []),
    ],
)
def test_few_rows_are_looked_up_one_by_one(store: Any, where: Condition, order: list[Order]) -> None:
    asked: Any = Listener()
    find_runs(asked, store._queries, Wanted(where, order, 20))
    plan = store._database.frame(f"EXPLAIN (ANALYZE) {asked.sql}", asked.parameters, {"line": pl.String})["line"]
    loops = [int(count) for line in plan for count in re.findall(r"loops=(\d+)", line)]
    assert loops
    assert max(loops) < RUNS / 4, "\n".join(plan)
