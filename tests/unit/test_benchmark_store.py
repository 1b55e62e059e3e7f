"""The store that the benchmarks generate is one that MLflow itself could have written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.make_store import (
    EXPERIMENT,
    FAILED,
    FINISHED,
    RUNNING,
    Run,
    Shape,
    make_run,
    write_run,
    write_store,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

SHAPE = Shape(runs=0, params=23, metrics=13, points=7)
RUNS = [
    replace(make_run(10, SHAPE), status=FINISHED),
    replace(make_run(11, SHAPE), status=FAILED),
    replace(make_run(12, SHAPE), status=RUNNING),
]
STATUS_NAMES = {RUNNING: "RUNNING", FINISHED: "FINISHED", FAILED: "FAILED"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("generated") / "mlruns"
    write_store(where, SHAPE)
    for run in RUNS:
        write_run(where, run)
    return where


def as_texts(numbers: dict[str, float]) -> dict[str, str]:
    """NaN equals itself as text."""
    return {key: repr(number) for key, number in numbers.items()}


def test_mlflow_reads_the_runs_back(root: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(str(root))
    found = {run.info.run_id: run for run in client.search_runs([EXPERIMENT])}
    assert set(found) == {run.run_id for run in RUNS}
    for run in RUNS:
        read = found[run.run_id]
        assert read.data.params == run.params
        assert read.data.tags == run.tags
        assert as_texts(read.data.metrics) == as_texts({key: points[-1].value for key, points in run.metrics.items()})
        assert (read.info.run_name, read.info.status) == (run.name, STATUS_NAMES[run.status])
        assert (read.info.start_time, read.info.end_time) == (run.start, run.end)


def test_mlflow_reads_the_points_back(root: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(str(root))
    for run in RUNS:
        assert len(run.metrics) == SHAPE.metrics
        for key, points in run.metrics.items():
            read = [(one.timestamp, repr(one.value), one.step) for one in client.get_metric_history(run.run_id, key)]
            assert read == [(point.ms, repr(point.value), point.step) for point in points]
            assert len(points) == SHAPE.points


def test_some_values_are_not_finite() -> None:
    assert "nan" in as_texts({"loss": RUNS[1].metrics["train/loss"][-1].value}).values()


def test_bytes_are_those_of_mlflow(root: Path, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    theirs = tmp_path / "theirs"
    client = MlflowClient(theirs.as_uri())
    written = {log_with_mlflow(client, run): run.run_id for run in RUNS}
    assert snapshot(theirs, written) == snapshot(root, {})


def log_with_mlflow(client: MlflowClient, run: Run) -> str:
    from mlflow.entities import Metric, Param

    created = client.create_run(EXPERIMENT, start_time=run.start, tags=run.tags)
    run_id = str(created.info.run_id)
    client.log_batch(run_id, params=[Param(key, value) for key, value in run.params.items()])
    for key, points in run.metrics.items():
        client.log_batch(run_id, metrics=[Metric(key, point.value, point.ms, point.step) for point in points])
    if run.end is not None:
        client.set_terminated(run_id, STATUS_NAMES[run.status], run.end)
    return run_id


def snapshot(root: Path, renamed: dict[str, str]) -> dict[str, bytes | None]:
    """Every directory and the bytes of every file, with the run ids, the path and the times of creation put aside."""
    found: dict[str, bytes | None] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        data = None if path.is_dir() else path.read_bytes().replace(root.as_uri().encode(), b"file:///ROOT")
        for theirs, ours in renamed.items():
            name = name.replace(theirs, ours)
            data = data and data.replace(theirs.encode(), ours.encode())
        if name == f"{EXPERIMENT}/meta.yaml" and data is not None:
            data = b"".join(line for line in data.splitlines(keepends=True) if b"_time: " not in line)
        found[name] = data
    return found
