"""A team's tracking database on PostgreSQL: how soon the first rows come, and what is asked for, beside MlflowClient.

    uv run python -m tests.benchmarks.mlflow_postgres [--runs 100000]

A real PostgreSQL on loopback, filled by itself: 10 params, 5 metrics of 3 points a run. "First rows" is a process of
its own, so imports are in it. The table goes to stdout, what is being done to stderr.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.adapters.postgres import Postgres, made_by_mlflow, shared_server
from tests.benchmarks.table import Row, Took, faster, markdown, middle, seconds
from tui_runs.conditions import Compare, Order, Wanted
from tui_runs_mlflow import MlflowAdapter
from tui_runs_mlflow.database.store import DatabaseStore

DATABASE: Final = "team"
PARAMS, METRICS, POINTS = 10, 5, 3
_FIRST: Final = """
import sys
from tui_runs_mlflow import MlflowAdapter
scan = MlflowAdapter().open(sys.argv[1], {}).scan()
assert next(scan).runs.height
"""
_RUN: Final = "lpad(to_hex(n), 32, '0')"
_FILL: Final = (
    "INSERT INTO runs (run_uuid, name, status, start_time, end_time, lifecycle_stage, artifact_uri, experiment_id, "
    "user_id, source_type, source_name, entry_point_name, source_version) "
    f"SELECT {_RUN}, 'run-' || n, CASE n % 10 WHEN 0 THEN 'FAILED' ELSE 'FINISHED' END, 1700000000000 + n * 60000, "
    f"1700000030000 + n * 60000, 'active', '/a/' || {_RUN} || '/artifacts', 0, "
    "'ada', 'LOCAL', 'train.py', '', '' FROM generate_series(1::bigint, {runs}) n",
    f"INSERT INTO params (key, value, run_uuid) SELECT 'param_' || k, ((n * (k + 7)) % 97)::text, {_RUN} "
    f"FROM generate_series(1::bigint, {{runs}}) n, generate_series(1, {PARAMS}) k",
    f"INSERT INTO tags (key, value, run_uuid) SELECT 'mlflow.user', 'ada', {_RUN} "
    "FROM generate_series(1::bigint, {runs}) n",
    "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
    "SELECT 'metric_' || k, ((n * 7919 + k) % 10007) / 10007.0, 1700000020000 + n * 60000, "
    f"{POINTS - 1}, false, {_RUN} "
    f"FROM generate_series(1::bigint, {{runs}}) n, generate_series(1, {METRICS}) k",
    "INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid) "
    f"SELECT key, value + ({POINTS - 1} - s), timestamp - ({POINTS - 1} - s), s, false, run_uuid "
    f"FROM latest_metrics, generate_series(0, {POINTS - 1}) s",
    "ANALYZE",
)


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def fill(server: Postgres, runs: int) -> None:
    """Make the runs, by SQL alone."""
    server.create(DATABASE, made_by_mlflow())
    for statement in _FILL:
        server.run(statement.replace("{runs}", str(runs)), database=DATABASE)


def timed(what: Callable[[], Any]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    what()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def in_turn(repeats: int, *jobs: Callable[[], Any]) -> list[Took]:
    """The medians of some jobs, done one after the other again and again, so that a slow minute is nobody's alone."""
    taken = [[timed(job) for job in jobs] for _ in range(repeats)]
    return [middle(one) for one in zip(*taken, strict=True)]


def measure(server: Postgres, runs: int, repeats: int) -> list[Row]:
    from mlflow import MlflowClient

    location = server.url(DATABASE)
    client = MlflowClient(server.url(DATABASE, scheme="postgresql+psycopg"))
    best = Wanted(Compare("metrics.metric_1", "<", 0.01), [Order("metrics.metric_1")], 20)

    def opened() -> DatabaseStore:
        source = MlflowAdapter().open(location, {})
        assert isinstance(source, DatabaseStore)
        return source

    def first_rows() -> None:
        subprocess.run([sys.executable, "-c", _FIRST, location], check=True, cwd=Path(__file__).parent.parent.parent)

    def first_rows_of_a_new_source() -> None:
        source = opened()
        assert next(source.scan()).runs.height
        source.close()

    def page_of_client() -> None:
        assert len(client.search_runs(["0"], max_results=64)) == 64

    def whole_table() -> None:
        source, read = opened(), 0
        for batch in source.scan():
            read += batch.runs.height
            if read == runs:
                break
        source.close()

    chooser = opened()

    def select() -> None:
        batches = chooser.select(best)
        assert batches is not None
        assert sum(batch.runs.height for batch in batches) == 20

    def select_of_client() -> None:
        found = client.search_runs(["0"], "metrics.metric_1 < 0.01", max_results=20, order_by=["metrics.metric_1 ASC"])
        assert len(found) == 20

    page_of_client()
    select()
    first, again, page = in_turn(repeats, first_rows, first_rows_of_a_new_source, page_of_client)
    ours, theirs = in_turn(repeats, select, select_of_client)
    say("reading the whole table")
    (table,) = in_turn(1, whole_table)
    return [
        Row(
            f"first rows of {runs:,} runs, from the interpreter's start",
            seconds(first.wall),
            wanted="< 1 s",
            reached=first.wall < 1,
        ),
        Row("first rows, imports done, connecting included", str(again), f"first page of search_runs {page}"),
        Row("filter, sort and limit 20, by the database", str(ours), f"search_runs {theirs}", faster(ours, theirs)),
        Row(f"whole table: {runs * PARAMS:,} params, {runs * METRICS:,} metrics", str(table)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", GIT_PYTHON_REFRESH="quiet")
    server = shared_server()
    say(f"making {given.runs:,} runs")
    fill(server, given.runs)
    say("measuring")
    print(markdown(measure(server, given.runs, given.repeats)))


if __name__ == "__main__":
    main()
