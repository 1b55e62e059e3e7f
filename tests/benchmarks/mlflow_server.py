"""An MLflow tracking server: how long tui-runs takes to read its runs and points, beside MlflowClient.

    uv run python -m tests.benchmarks.mlflow_server [--runs 1000] [--points 20000]

A `mlflow server` on loopback with SQLite, one client at a time, mlflow imported before: most of the time is the
server's own. The table goes to stdout, what is being done to stderr.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tests.adapters.tracking_server import MlflowServer
from tests.benchmarks.make_database import fill, make_tables
from tests.benchmarks.make_store import Run, Shape, make_run
from tests.benchmarks.table import Row, Took, faster, markdown, middle, seconds
from tui_runs.adapter import Focus
from tui_runs_mlflow.tracking_server.store import ServerStore

LONG: Final = "f" * 32
"""Id of the run with one long metric."""


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def timed(what: Callable[[], Any]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    what()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def in_turn(repeats: int, *jobs: Callable[[], Any]) -> list[Took]:
    """The medians of some jobs, done one after the other again and again, so that a slow minute is nobody's alone."""
    taken = [[timed(job) for job in jobs] for _ in range(repeats)]
    return [middle(one) for one in zip(*taken, strict=True)]


def long_run(points: int) -> Run:
    """A run with one long metric."""
    return replace(make_run(0, Shape(1, params=1, metrics=1, points=points)), run_id=LONG)


def measure(server: MlflowServer, repeats: int) -> list[Row]:
    from mlflow import MlflowClient

    client, ours = MlflowClient(server.url), ServerStore(server.url)
    key = next(iter(client.get_run(LONG).data.metrics))

    def first_rows() -> None:
        scan = ServerStore(server.url).scan()
        assert next(scan).runs.height
        scan.close()

    def whole_table() -> None:
        assert sum(batch.runs.height for batch in ours.scan())

    def pages_of_client() -> None:
        token = None
        while True:
            page = client.search_runs(["0"], page_token=token)
            token = page.token
            if not token:
                return

    def history() -> None:
        cursor, complete = None, False
        while not complete:
            part = ours.history([LONG], [key], cursor)
            cursor, complete = part.cursor, part.complete

    first_rows()
    first, table, theirs = in_turn(repeats, first_rows, whole_table, pages_of_client)
    points, their_points = in_turn(repeats, history, lambda: client.get_metric_history(LONG, key))
    changes = ours.follow(Focus())
    asked = ours._client.seconds_asking
    look = timed(lambda: next(changes))
    waited = ours._client.seconds_asking - asked
    changes.close()
    ours.close()
    return [
        Row("first rows", str(first)),
        Row("whole table", str(table), f"search_runs {theirs}", faster(table, theirs)),
        Row("one history", str(points), f"get_metric_history {their_points}", faster(points, their_points)),
        Row("one look while following", str(look), note=f"{seconds(waited)} of it spent waiting for the server."),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", GIT_PYTHON_REFRESH="quiet")
    with tempfile.TemporaryDirectory(prefix="tui-runs-server-") as directory:
        server = MlflowServer(Path(directory))
        say(f"making {given.runs:,} runs of 20 params and 10 metrics, and one of {given.points:,} points")
        make_tables(server.database)
        shape = Shape(given.runs, params=20, metrics=10, points=10)
        fill(server.database, (make_run(number, shape) for number in range(given.runs)))
        fill(server.database, iter([long_run(given.points)]))
        say("starting the server")
        server.start()
        try:
            say("measuring")
            print(markdown(measure(server, given.repeats)))
        finally:
            server.kill()


if __name__ == "__main__":
    main()
