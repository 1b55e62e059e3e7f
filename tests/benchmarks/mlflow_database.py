"""MLflow's SQLite database: how long tui-runs takes, beside MlflowClient, and what a training notices of it.

    uv run python -m tests.benchmarks.mlflow_database [--runs 5000] [--directory DIR]

Run it by hand, on a machine that does nothing else. The table goes to stdout, what is being done to stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.jobs import JobFailedError
from tests.benchmarks.make_database import stored_database
from tests.benchmarks.make_store import Shape, add_shape_options
from tests.benchmarks.table import Row, Took, faster, markdown, middle, seconds, spread

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from tui_runs.adapter import Source

_ROOT: Final = Path(__file__).parents[2]
_LIVE: Final = "f" * 32
"""Id of the run that is written to; it is made first and removed last."""
_HISTORIES: Final = 20
_POINTS: Final = 40
_PAUSE: Final = 0.25
_SETTLE_SECONDS: Final = 45.0
"""After the last write all runs are compared once more, at a percent of a core."""
_IDLE_SECONDS: Final = 30.0
_CALLS: Final = 300


def tell(text: str) -> None:
    """Say on stderr what is being done."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


# --- jobs, each in a process of its own -------------------------------------------------------------------------------


def _run(job: Callable[..., dict[str, Any]], *arguments: str | float) -> dict[str, Any]:
    """Run a job in a Python of its own.

    Raises:
        JobFailedError: it ended with an error.
    """
    command = [sys.executable, "-m", "tests.benchmarks.mlflow_database", "--job", job.__name__, *map(str, arguments)]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    done = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise JobFailedError(done.stderr.strip().rpartition("\n")[2])
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _open(path: str) -> Source:
    import polars as pl

    from tui_runs.sources.discover import find

    pl.DataFrame({"a": [1]}).lazy().select(pl.col("a").sum()).collect()  # its threads are up, as mlflow's modules are
    (found,) = find([path])
    return found.adapter.open(found.location, {})


def _client(path: str) -> MlflowClient:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{path}")
    client.search_experiments()
    return client


class _Clock:
    """Seconds since it was made, by the clock and of CPU."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def now(self) -> tuple[float, float]:
        return time.perf_counter() - self._wall, time.process_time() - self._cpu


def whole_table(path: str) -> dict[str, Any]:
    """A scan until every run is there, params, tags and newest metrics; and until every metric is exact."""
    from tui_runs_mlflow.database import store

    store._EXACT_SECONDS = float("inf")
    source = _open(path)
    clock, runs, exact = _Clock(), 0, 0
    first = table = (0.0, 0.0)
    for batch in source.scan():
        first = first if runs else clock.now()
        if batch.runs.height:
            runs, table = runs + batch.runs.height, clock.now()
        exact += int(batch.metrics["exact"].sum())
    return {"first": first, "table": table, "exact": clock.now(), "runs": runs, "metrics": exact}


def search_one_page(path: str) -> dict[str, Any]:
    """All runs by one call of search_runs."""
    client, clock = _client(path), _Clock()
    runs = client.search_runs(["0"], max_results=50_000)
    return {"search": clock.now(), "runs": len(runs)}


def search_pages(path: str) -> dict[str, Any]:
    """All runs by search_runs in pages of its default size."""
    client, clock = _client(path), _Clock()
    runs, token = 0, None
    while True:
        page = client.search_runs(["0"], page_token=token)
        runs, token = runs + len(page), page.token
        if not token:
            return {"search": clock.now(), "runs": runs}


def _some_runs(path: str) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT run_uuid FROM runs ORDER BY run_uuid LIMIT ?", (_HISTORIES,)).fetchall()
    return [row[0] for row in rows]


def our_histories(path: str, metric: str) -> dict[str, Any]:
    """The points of one metric of some runs, one call each."""
    source, run_ids = _open(path), _some_runs(path)
    source.history(run_ids[:1], [metric])  # the connection and the code are warm, as the client's are
    clock = _Clock()
    points = sum(source.history([run_id], [metric]).frame.height for run_id in run_ids)
    return {"histories": clock.now(), "points": points}


def their_histories(path: str, metric: str) -> dict[str, Any]:
    """The same by get_metric_history."""
    client, run_ids = _client(path), _some_runs(path)
    client.get_metric_history(run_ids[0], metric)
    clock = _Clock()
    points = sum(len(client.get_metric_history(run_id, metric)) for run_id in run_ids)
    return {"histories": clock.now(), "points": points}


def follow(path: str, poll: float) -> dict[str, Any]:
    """Follow while another process appends a point now and then; then while nothing happens.

    Args:
        path: the database.
        poll: seconds between two looks; 0 for events.
    """
    from tui_runs.adapter import Focus

    source = _open(path)
    for _ in source.scan():
        pass
    while source._seen.inexact:  # type: ignore[attr-defined]  # what a scan leaves would count as idle otherwise
        source._seen.next_inexact()  # type: ignore[attr-defined]
    ready, done, seen = threading.Event(), threading.Event(), dict[int, float]()

    def run() -> None:
        for change in source.follow(Focus(poll_seconds=poll or None)):
            now = time.monotonic()
            if change.batch is None:
                ready.set()
                continue
            for count in change.batch.metrics["count"].to_list():
                seen[count] = now
            if _POINTS in seen:
                done.set()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    clock = _Clock()
    written = _run_writer(path)
    done.wait(30)
    busy = clock.now()
    time.sleep(_SETTLE_SECONDS)
    clock = _Clock()
    time.sleep(_IDLE_SECONDS)
    idle = clock.now()
    source.close()
    thread.join()
    told = sorted(seen.items())
    lags = [min(at for count, at in told if count >= number) - when for number, when in enumerate(written, 1)]
    return {"lags": lags, "busy": busy, "idle": idle}


def _run_writer(path: str) -> list[float]:
    return list(_run(append_points, path)["written"])


def append_points(path: str) -> dict[str, Any]:
    """Append points to the live run as mlflow does; when each was there, by time.monotonic(), one clock for all."""
    written = []
    with closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as connection:
        for step in range(_POINTS):
            time.sleep(_PAUSE * (0.5 + step % 7 / 7))  # not in step with whoever looks once a second
            values = {"run": _LIVE, "ms": 1_790_000_000_000 + step, "step": step, "value": step / 7}
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
                               "VALUES ('loss', :value, :ms, :run, :step, 0)", values)  # fmt: skip
            connection.execute("INSERT OR REPLACE INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) "
                               "VALUES ('loss', :value, :ms, :run, :step, 0)", values)  # fmt: skip
            connection.execute("COMMIT")
            written.append(time.monotonic())
    return {"written": written}


def log_fast(path: str) -> dict[str, Any]:
    """Log with mlflow's client as fast as it can; how long each call took."""
    client = _client(path)
    taken = []
    for step in range(_CALLS):
        begun = time.perf_counter()
        client.log_metric(_LIVE, "fast", step / 7, step=step)
        taken.append(time.perf_counter() - begun)
    return {"taken": taken}


_JOBS: Final = {
    job.__name__: job
    for job in (
        whole_table, search_one_page, search_pages, our_histories, their_histories, follow, append_points, log_fast,
    )
}  # fmt: skip


# --- the parts --------------------------------------------------------------------------------------------------------


def measure_table(path: str, runs: int, repeats: int) -> Iterator[Row]:
    """The whole table, and whole histories."""
    ours, theirs, paged = [], [], []
    for _ in range(repeats):
        tell("whole table")
        ours.append(_run(whole_table, path))
        tell("search_runs in one page")
        theirs.append(_run(search_one_page, path))
        tell("search_runs in pages of the default size")
        paged.append(_run(search_pages, path))
    if any(one["runs"] != runs for one in (*ours, *theirs, *paged)):
        raise JobFailedError("not every run was read")
    table, exact = (middle([Took(*one[name]) for one in ours]) for name in ("table", "exact"))
    first = middle([Took(*one["first"]) for one in ours])
    yield Row(f"first rows of {runs:,} runs, once it is open", str(first))
    for title, some in (("one page", theirs), ("default pages", paged)):
        peer = middle([Took(*one["search"]) for one in some])
        yield Row(f"whole table of {runs:,} runs, beside search_runs, {title}", str(table), str(peer),
                  faster(table, peer), "10x", peer.wall / table.wall >= 10)  # fmt: skip
    yield Row(f"… until {ours[0]['metrics']:,} metrics are exact", str(exact))


def measure_histories(path: str, repeats: int) -> Iterator[Row]:
    """One history."""
    metric = "val_loss"
    ours, theirs = [], []
    for _ in range(repeats):
        tell("histories")
        ours.append(_run(our_histories, path, metric))
        theirs.append(_run(their_histories, path, metric))
    if {one["points"] for one in (*ours, *theirs)} != {ours[0]["points"]}:
        raise JobFailedError("not the same points were read")
    mine, peer = (middle([Took(*one["histories"]).times(1 / _HISTORIES) for one in some]) for some in (ours, theirs))
    yield Row("one history of 100 points, beside get_metric_history", str(mine), str(peer), faster(mine, peer), "50x",
              peer.wall / mine.wall >= 50)  # fmt: skip


def measure_follow(path: str) -> Iterator[Row]:
    """From a commit in another process to the change that tells of it; and what waiting costs."""
    for title, poll in (("events", 0.0), ("a poll each second", 1.0)):
        tell(f"following by {title}")
        one = _run(follow, path, poll)
        lag, idle = median(one["lags"]), one["idle"][1] / one["idle"][0]
        note = f"{spread(one['lags'])}; CPU meanwhile {one['busy'][1] / one['busy'][0]:.1%}."
        wanted, reached = ("", None) if poll else ("< 100 ms", lag < 0.1)
        yield Row(f"follow lag by {title}, median of {_POINTS}", seconds(lag), "", "", wanted, reached, note)
        yield Row("… idle", f"{idle:.2%} of a core", wanted="< 1 %", reached=idle < 0.01)


def measure_writer(path: str) -> Iterator[Row]:
    """What a training notices that logs with mlflow at full speed."""
    tell("logging alone")
    alone = _run(log_fast, path)["taken"]
    _clear(path)
    tell("logging while it is read")
    source, done = _open(path), threading.Event()

    def read() -> None:
        while not done.is_set():
            run_ids = [run_id for batch in source.scan() for run_id in batch.runs["run_id"][:5]]
            source.history(run_ids)

    reader = threading.Thread(target=read)
    reader.start()
    watched = _run(log_fast, path)["taken"]
    done.set()
    reader.join()
    source.close()
    yield Row(f"log_metric, median of {_CALLS}, while all is read in a loop", seconds(median(watched)),
              f"{seconds(median(alone))} alone")  # fmt: skip
    yield Row("… the slowest", seconds(max(watched)), f"{seconds(max(alone))} alone", wanted="no error")


def _add_live_run(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT OR IGNORE INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, "
            "start_time, source_version, lifecycle_stage, artifact_uri, experiment_id) "
            "VALUES (?, 'live', 'LOCAL', '', '', 'alice', 'RUNNING', 1790000000000, '', 'active', '', 0)", (_LIVE,),
        )  # fmt: skip


def _clear(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in ("metrics", "latest_metrics"):
            connection.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (_LIVE,))


@contextmanager
def _live_run(path: str) -> Iterator[None]:
    _clear(path)
    _add_live_run(path)
    try:
        yield
    finally:
        _clear(path)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DELETE FROM runs WHERE run_uuid = ?", (_LIVE,))


def measure(path: str, runs: int, repeats: int, parts: list[str]) -> Iterator[Row]:
    """All rows."""
    if "table" in parts:
        yield from measure_table(path, runs, repeats)
    if "history" in parts:
        yield from measure_histories(path, repeats)
    if "follow" in parts:
        with _live_run(path):
            for row in measure_follow(path):
                yield row
                _clear(path)
    if "writer" in parts:
        with _live_run(path):
            yield from measure_writer(path)


def main() -> None:
    """Measure, and print the table."""
    if sys.argv[1:2] == ["--job"]:
        name, *arguments = sys.argv[2:]
        values = [float(text) if text.replace(".", "", 1).isdigit() else text for text in arguments]
        sys.stdout.write(f"\n{json.dumps(_JOBS[name](*values))}\n")
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_shape_options(parser)
    parser.add_argument("--directory", type=Path, help="make the database here, keep it, use the one that is there")
    parser.add_argument("--repeats", type=int, default=3, help="medians are reported (default 3)")
    every = ["table", "history", "follow", "writer"]
    parser.add_argument("--only", nargs="+", choices=every, default=every, help="these parts (default: all)")
    given = parser.parse_args()
    shape = Shape(given.runs, given.params, given.metrics, given.points)
    directory = given.directory or Path(tempfile.mkdtemp(prefix="tui-runs-"))
    try:
        tell(f"writing the database into {directory}")
        path = str(stored_database(directory, shape))
        load = os.getloadavg()[0]
        rows = list(measure(path, shape.runs, given.repeats, given.only))
        size = os.stat(path).st_size
    finally:
        if given.directory is None:
            shutil.rmtree(directory, ignore_errors=True)
    sys.stdout.write(
        f"{os.cpu_count()} cores; {shape.runs:,} runs x {shape.params} params x {shape.metrics} metrics x "
        f"{shape.points} points in {size / 1e6:,.0f} MB; medians of {given.repeats}\n"
        f"load average {load:.1f} before, {os.getloadavg()[0]:.1f} after\n\n{markdown(rows)}\n"
    )


if __name__ == "__main__":
    main()
