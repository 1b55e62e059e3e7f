"""What is measured in a process of its own: each job is a function here that returns plain data, printed as JSON.

`run_job` starts one from the benchmark's own process, which imports neither polars nor mlflow.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from tui_runs.adapter import Source
    from tui_runs.frames.workspace import Workspace

_ROOT: Final = Path(__file__).parents[2]
_START: Final = "import time; up = time.monotonic(); from tests.benchmarks import jobs; jobs.main(up)"
_MLFLOW: Final = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
_ALL: Final = 50_000
"""Runs of the largest page that search_runs gives."""
_PAGES_READ: Final = 2
"""Pages that are read in any case; the others are taken to cost the same where they would take too long."""
_CHUNK: Final = 400
"""Runs whose points are asked for at once."""
_BATCH: Final = 512


class JobFailedError(Exception):
    """A job ended with an error; the message is the last line that it wrote."""


def run_job(job: Callable[..., Any], *arguments: str | int | float) -> dict[str, Any]:
    """Run a job in a Python of its own.

    Returns:
        What the job returned; and `spawned`, the moment just before the process was made, by time.monotonic(), which
        is the same clock in all processes.

    Raises:
        JobFailedError: it ended with an error.
    """
    spawned = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _START, job.__name__, *map(str, arguments)],
        cwd=_ROOT, env={**os.environ, **_MLFLOW}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise JobFailedError(done.stderr.strip().rpartition("\n")[2])
    return {**json.loads(done.stdout.splitlines()[-1]), "spawned": spawned}


def main(up: float) -> None:
    """Run the job that the command line names.

    Args:
        up: when the interpreter was up, by time.monotonic().
    """
    name, *arguments = sys.argv[1:]
    result = globals()[name](*(int(text) if text.isdigit() else text for text in arguments))
    sys.stdout.write(f"{json.dumps({**result, 'up': up})}\n")


@contextmanager
def _clocked(into: dict[str, Any], name: str) -> Iterator[None]:
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    into[name] = time.perf_counter() - wall, time.process_time() - cpu


# --- the files themselves ---------------------------------------------------------------------------------------------


def list_files(directory: str) -> list[str]:
    """Every file below a directory."""
    files: list[str] = []
    todo = [directory]
    while todo:
        with os.scandir(todo.pop()) as entries:
            for entry in entries:
                (todo if entry.is_dir(follow_symlinks=False) else files).append(entry.path)
    return files


def read_files(files: list[str]) -> int:
    """Open and read every file, in one thread; returns how many bytes they hold."""
    size = 0
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        while data := os.read(descriptor, 1 << 16):
            size += len(data)
            if len(data) < 1 << 16:
                break
        os.close(descriptor)
    return size


def warm(directory: str) -> None:
    """Read every file, so that its pages are in memory, and not only said to be."""
    read_files(list_files(directory))


# --- tui-runs ---------------------------------------------------------------------------------------------------------


def _open(store: str) -> Source:
    from tui_runs.sources.discover import find

    (found,) = find([store])
    return found.adapter.open(found.location, {"cache": False})


def _workspace(store: str, cache: str | None = None) -> Workspace:
    """A workspace in which a store is open.

    Args:
        store: its path.
        cache: what is to be the user's cache directory; without it no snapshot is kept or used.
    """
    from tui_runs.frames.workspace import Workspace
    from tui_runs.sources.discover import find

    if cache is not None:
        os.environ["XDG_CACHE_HOME"] = cache
    workspace = Workspace()
    workspace.open(find([store]), {"mlflow": {"cache": cache is not None}})
    return workspace


def first_rows(store: str) -> dict[str, Any]:
    """Open the store and read its first batch of runs, with nothing imported before."""
    batches = _open(store).scan()
    batch = next(batches)
    first = time.monotonic()
    return {"first": first, "cpu": time.process_time(), "rows": batch.runs.height}


def whole_table(store: str) -> dict[str, Any]:
    """The floor, which is to list and read every file; and a scan to its end."""
    import polars as pl

    source = _open(store)
    pl.DataFrame({"a": [1]}).lazy().select(pl.col("a").sum()).collect()  # its threads are up, as mlflow's modules are
    result: dict[str, Any] = {}
    warm(store)
    with _clocked(result, "listing"):
        files = list_files(store)
    with _clocked(result, "reading"):
        size = read_files(files)
    with _clocked(result, "scan"):
        batches = list(source.scan())
    return {
        **result,
        "files": len(files),
        "bytes": size,
        "runs": sum(batch.runs.height for batch in batches),
        "metrics": sum(batch.metrics.height for batch in batches),
        "problems": sum(len(batch.problems) for batch in batches),
    }


def with_cache(store: str, cache: str) -> dict[str, Any]:
    """A store into a workspace, with a cache: the whole `table`, then the `end` of the scan, which has checked it.

    The first time in a process of its own; `saved` is how long the snapshot takes after that.
    """
    import polars as pl

    workspace = _workspace(store, cache)
    (opened,) = workspace.sources.values()
    pl.DataFrame({"a": [1]}).lazy().select(pl.col("a").sum()).collect()
    result: dict[str, Any] = {}
    warm(store)
    with _clocked(result, "end"):
        batches = opened.batches()
        with _clocked(result, "table"):
            for batch in batches:
                workspace.apply_batch(opened.name, batch)
                if len(workspace.catalog) == batch.total:
                    break
        for batch in batches:
            workspace.apply_batch(opened.name, batch)
    with _clocked(result, "saved"):
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
    return {**result, "runs": len(workspace.catalog), "problems": len(workspace.problems)}


def scan_stages(store: str) -> dict[str, Any]:
    """The stages of a scan one after the other, in one thread; `scan` itself overlaps the last two."""
    from tui_runs.frames.catalog import Catalog
    from tui_runs_mlflow.run_batches import make_batch, metrics_of, read_run
    from tui_runs_mlflow.store_layout import find_experiments, find_runs

    result: dict[str, Any] = {}
    warm(store)
    with _clocked(result, "list_runs"):
        todo = [
            (path, experiment)
            for experiment in find_experiments(store, [])
            for _, path in find_runs(experiment.directory)
        ]
    with _clocked(result, "read_runs"):
        read = [read_run(path, experiment, with_deleted=False) for path, experiment in todo]
    runs = [run for run in read if run is not None]
    chunks = [runs[i : i + _BATCH] for i in range(0, len(runs), _BATCH)]
    with _clocked(result, "metric_frames"):
        metrics = [metrics_of(chunk, []) for chunk in chunks]
    with _clocked(result, "other_frames"):
        batches = [make_batch(chunk, None, frame) for chunk, frame in zip(chunks, metrics, strict=True)]
    catalog = Catalog()
    with _clocked(result, "catalog"):
        for batch in batches:
            catalog.apply("store", batch)
    return result


def all_points(store: str) -> dict[str, Any]:
    """Every point of every run, as fast as the source gives them; the frames are counted and let go."""
    source = _open(store)
    run_ids = [run_id for batch in source.scan() for run_id in batch.runs["run_id"].to_list()]
    result: dict[str, Any] = {}
    points = calls = 0
    warm(store)
    with _clocked(result, "points"):
        for i in range(0, len(run_ids), _CHUNK):
            cursor, complete = None, False
            while not complete:
                history = source.history(run_ids[i : i + _CHUNK], None, cursor)
                cursor, complete = history.cursor, history.complete
                points += history.frame.height
                calls += 1
    return {**result, "count": points, "calls": calls}


def memory(store: str) -> dict[str, Any]:
    """Read the store into a workspace."""
    workspace = _workspace(store)
    workspace.read_all()
    gc.collect()
    return {**memory_of("self"), "runs": len(workspace.catalog)}


def memory_of(process: int | str) -> dict[str, int]:
    """Resident bytes of a process, now and at most so far. (ru_maxrss would begin at what the parent had.)"""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    values = {
        line.partition(":")[0]: int(line.split()[1]) << 10 for line in lines if line.startswith(("VmHWM", "VmRSS"))
    }
    return {"peak": values["VmHWM"], "now": values["VmRSS"]}


# --- MlflowClient, with mlflow imported before the clock starts ------------------------------------------------------


def _client(store: str) -> MlflowClient:
    from mlflow import MlflowClient

    client = MlflowClient(store)
    client.search_experiments()
    return client


def search_one_page(store: str) -> dict[str, Any]:
    """All runs by one call of search_runs."""
    client = _client(store)
    result: dict[str, Any] = {}
    warm(store)
    with _clocked(result, "search"):
        runs = client.search_runs(["0"], max_results=_ALL)
    return {**result, "runs": len(runs), "imported": time.monotonic(), **memory_of("self")}


def search_pages(store: str, runs: int, most_seconds: int) -> dict[str, Any]:
    """All runs by search_runs in pages of its default size; `pages` are those read, `needed` those that there are.

    Args:
        store: its path.
        runs: how many it holds.
        most_seconds: above this only the first two pages are read.
    """
    client = _client(store)
    pages: list[tuple[float, float]] = []
    first = 0.0
    token, size = None, 0
    while True:
        clock: dict[str, Any] = {}
        warm(store)
        with _clocked(clock, "page"):
            page = client.search_runs(["0"], page_token=token)
        first = first or time.monotonic()
        pages.append(clock["page"])
        token, size = page.token, size or len(page)
        needed = -(-runs // size)
        spent = sum(wall for wall, _ in pages)
        if not token or (len(pages) == _PAGES_READ and spent / _PAGES_READ * needed > most_seconds):
            return {"pages": pages, "needed": needed, "page_size": size, "first": first}


def metric_histories(store: str, calls: int) -> dict[str, Any]:
    """The points of so many metrics, one call of get_metric_history each, of runs from all over the store."""
    client = _client(store)
    result: dict[str, Any] = {}
    experiment = os.path.join(store, "0")
    run_ids = sorted(name for name in os.listdir(experiment) if len(name) == 32)
    metrics = os.path.join(experiment, run_ids[0], "metrics")
    keys = [os.path.relpath(path, metrics) for path in list_files(metrics)]
    some = run_ids[:: max(1, len(run_ids) * len(keys) // calls)]
    asked = [(run_id, key) for run_id in some for key in keys][:calls]
    for run_id in some:
        warm(os.path.join(experiment, run_id))
    with _clocked(result, "histories"):
        points = sum(len(client.get_metric_history(run_id, key)) for run_id, key in asked)
    return {**result, "calls": len(asked), "count": points}
