"""MLflow file stores for tests: written by mlflow itself, and by hand where mlflow would not write such a thing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.contract import INF, NAN, NewRun, Points, StoreWriter
from tests.adapters.metric_truth import Point

START = 1_700_000_000_000
RUN_META = """artifact_uri: {uri}/artifacts
end_time: {end}
entry_point_name: ''
experiment_id: '{experiment}'
lifecycle_stage: {stage}
run_id: {run_id}
run_name: {name}
source_name: ''
source_type: 4
source_version: ''
start_time: {start}
status: {status}
tags: []
user_id: alice
"""
EXPERIMENT_META = """artifact_location: {uri}
creation_time: 1700000000000
experiment_id: '{experiment}'
last_update_time: 1700000000000
lifecycle_stage: active
name: {name}
"""


class MlflowWriter(StoreWriter):
    """Writes through `mlflow.MlflowClient`."""

    def __init__(self, root: Path, experiment: str = "trials") -> None:
        from mlflow import MlflowClient

        self.root = root
        self.location = str(root)
        self.client = MlflowClient(str(root))
        self._clock = START
        found = self.client.get_experiment_by_name(experiment)
        self.experiment = found.experiment_id if found else self.client.create_experiment(experiment)

    def write_run(self, run: NewRun) -> str:
        from mlflow.entities import Param

        self._clock += 60_000
        made = self.client.create_run(self.experiment, start_time=self._clock, tags=dict(run.tags), run_name=run.name)
        run_id = str(made.info.run_id)
        if run.params:
            self.client.log_batch(run_id, params=[Param(key, value) for key, value in run.params.items()])
        for key, points in run.metrics.items():
            self.append(run_id, key, points)
        if run.status != "running":
            self.set_status(run_id, run.status)
        return run_id

    def append(self, run_id: str, key: str, points: Points) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(key, point.value, point.ms, point.step) for point in points]
        self.client.log_batch(run_id, metrics=metrics, synchronous=True)

    def append_half(self, run_id: str, key: str, point: Point) -> Callable[[], None]:
        line = f"{point.ms} {point.value!r} {point.step}\n".encode()
        path = self.metric_file(run_id, key)
        cut = line.rindex(b" ") + 1 if point.step < 10 else len(line) - 2  # in the middle of the step: "1" of "10"
        _append(path, line[:cut])
        return lambda: _append(path, line[cut:])

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self.client.set_tag(run_id, key, value)

    def set_status(self, run_id: str, status: str) -> None:
        if status == "running":
            self.client.update_run(run_id, status="RUNNING")
        else:
            self.client.set_terminated(run_id, status.upper(), end_time=self._clock + 30_000)

    def remove_run(self, run_id: str) -> None:
        shutil.rmtree(self.run_dir(run_id))

    def rewrite(self, run_id: str, key: str, points: Points) -> None:
        lines = "".join(f"{point.ms} {point.value!r} {point.step}\n" for point in points)
        self.metric_file(run_id, key).write_text(lines)

    def break_run(self, run_id: str) -> Callable[[], None]:
        meta = self.run_dir(run_id) / "meta.yaml"
        good = meta.read_bytes()
        meta.write_bytes(good[: good.index(b"run_id")])
        return lambda: _replace(meta, good)

    def hide_part(self, run_id: str) -> Path:
        path = self.metric_file(run_id, "loss")
        path.chmod(0)
        return path

    def run_dir(self, run_id: str) -> Path:
        return next(path for path in self.root.glob(f"*/{run_id}") if path.is_dir())

    def metric_file(self, run_id: str, key: str) -> Path:
        return self.run_dir(run_id) / "metrics" / key


def _append(path: Path, data: bytes) -> None:
    with open(path, "ab", buffering=0) as file:
        file.write(data)


def _replace(path: Path, data: bytes) -> None:
    """As mlflow rewrites a meta.yaml: beside it, and moved over it."""
    beside = path.with_name("beside")
    beside.write_bytes(data)
    os.replace(beside, path)


class HandMadeStore(StoreWriter):
    """Writes files directly, byte for byte what a test says. Run ids are 32 times one letter."""

    def __init__(self, root: Path, experiment: str = "0") -> None:
        self.root = root
        self.location = str(root)
        self.experiment = experiment
        self.add_experiment(experiment)

    def add_experiment(self, experiment: str, name: str = "by hand", under: str = "") -> Path:
        where = self.root / under / experiment
        where.mkdir(parents=True, exist_ok=True)
        (where / "meta.yaml").write_text(EXPERIMENT_META.format(uri=where, experiment=experiment, name=name))
        return where

    def write_run(self, run: NewRun) -> str:
        lines = {
            key: "".join(f"{point.ms} {point.value!r} {point.step}\n" for point in points).encode()
            for key, points in run.metrics.items()
        }
        code = ("running", "scheduled", "finished", "failed", "killed").index(run.status) + 1
        return self.put_run(run.name * 32, metrics=lines, params=dict(run.params), tags=dict(run.tags), status=code)

    def append(self, run_id: str, key: str, points: Points) -> None:
        path = self.run_dir(run_id) / "metrics" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        _append(path, "".join(f"{point.ms} {point.value!r} {point.step}\n" for point in points).encode())

    def put_run(
        self,
        run_id: str,
        *,
        meta: bytes | None = None,
        metrics: Mapping[str, bytes] | None = None,
        params: Mapping[str, bytes | str] | None = None,
        tags: Mapping[str, bytes | str] | None = None,
        experiment: str | None = None,
        **values: Any,
    ) -> str:
        """Write a run whose meta.yaml is as mlflow's, but for the values named; or is `meta`."""
        where = self.root / (experiment or self.experiment) / run_id
        where.mkdir(parents=True)
        for folder, texts in (("metrics", metrics), ("params", params), ("tags", tags)):
            (where / folder).mkdir()
            for key, text in (texts or {}).items():
                path = os.path.join(os.fsencode(where / folder), os.fsencode(key))
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(text.encode() if isinstance(text, str) else text)
        (where / "meta.yaml").write_bytes(run_meta(where, run_id, **values) if meta is None else meta)
        return run_id

    def run_dir(self, run_id: str) -> Path:
        return next(self.root.glob(f"*/{run_id}"))

    def remove_run(self, run_id: str) -> None:
        shutil.rmtree(self.run_dir(run_id))


def exchange_when_opened(monkeypatch: pytest.MonkeyPatch, path: Path, by: Path, times: int = 1) -> None:
    """Put a link to another file in a file's place at the moment at which it has been opened so many times."""
    opened: list[str] = []
    really_open = os.open

    def open_and_exchange(name: Any, *arguments: Any, **more: Any) -> int:
        descriptor = really_open(name, *arguments, **more)
        if name == str(path):
            opened.append(name)
            if len(opened) == times:
                path.unlink()
                path.symlink_to(by)
        return descriptor

    monkeypatch.setattr(os, "open", open_and_exchange)


def run_meta(where: Path, run_id: str, **values: Any) -> bytes:
    """A run's meta.yaml as mlflow writes it."""
    known = {"end": START + 60_000, "stage": "active", "name": run_id[:4], "start": START, "status": 3}
    text = RUN_META.format(uri=where, run_id=run_id, experiment=where.parent.name, **{**known, **values})
    return text.encode()


def write_rich_store(root: Path) -> None:
    """One of everything that mlflow can write. Experiments "vision: λ" (renamed), "Default" and "old" (deleted)."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric

    writer = MlflowWriter(root, "to be renamed")
    client = writer.client
    client.rename_experiment(writer.experiment, "vision: λ")
    client.set_experiment_tag(writer.experiment, "team", "vision")
    t = START

    steps = {
        "rising": [Point(i, t + i, i / 3) for i in range(130)],
        "out of order": [Point(0, t, 1.0), Point(5, t + 1, 5.0), Point(2, t + 2, 2.0), Point(3, t + 3, 3.0)],
        "time goes back": [Point(1, t + 9, 0.9), Point(1, t + 5, 0.5), Point(1, t + 7, 0.7)],
        "one moment": [Point(1, t, 0.1), Point(1, t, 0.9), Point(1, t, 0.5)],
        "no step": [Point(0, t + 2, 2.0), Point(0, t + 3, 3.0), Point(0, t + 1, 1.0)],
        "negative": [Point(-1, t, 0.5), Point(-2, t, 0.25)],
        "far": [Point(2**40, t, 0.5), Point(1, t + 1, 0.25)],
    }
    numbers = {
        "odd": [Point(0, t, 1e22), Point(1, t, INF), Point(2, t, -INF), Point(3, t, NAN)],
        "all nan": [Point(0, t, NAN), Point(1, t, NAN)],
        "nan first": [Point(4, t, NAN), Point(4, t, 1.0)],
        "nan last": [Point(4, t, 1.0), Point(4, t, NAN)],
        "nan between": [Point(4, t, 1.0), Point(4, t, NAN), Point(4, t, 2.0)],
        "nan then number": [Point(0, t, NAN), Point(1, t, 0.25)],
        "extremes": [Point(0, t, 5e-324), Point(1, t, -0.0), Point(2, t, 1.7976931348623157e308), Point(3, t, 3)],
    }
    keys = ["a/b/c.d-e_f", "学習/損失 λ", "gpu 0/mem used", "lr.group.0", "system/cpu", ".dot", "a:b"]
    writer.add_run("steps", metrics=steps, status="finished")
    writer.add_run("007", metrics=numbers, status="failed")
    odd = writer.add_run(
        "yes: 'no' # \"λ\" " + "long " * 30,
        params={**dict.fromkeys(keys, "1"), "lines": "a:\n  b\n\n", "empty": "", "spaces": "  x  ", "CR": "a\r\nb\rc"},
        tags={**dict.fromkeys(keys, "1"), "lines": "a\nb\n", "empty": "", "changed": "old", "gone": "x"},
        metrics={key: [Point(0, t, 1.0)] for key in keys},
    )
    client.set_tag(odd, "changed", "new")
    client.delete_tag(odd, "gone")
    parent = writer.add_run("parent", tags={"mlflow.note.content": "# Notes\n\nλ\n", "mlflow.user": "bob"})
    tags = {"mlflow.parentRunId": parent, "mlflow.source.git.commit": "abc123", "mlflow.source.name": "train.py"}
    writer.add_run("child", tags=tags, status="killed")
    renamed = writer.add_run("before", status="finished")
    client.update_run(renamed, name="after")
    bare = str(client.create_run("0", start_time=t).info.run_id)
    client.update_run(bare, status="SCHEDULED")
    client.delete_run(writer.add_run("deleted", params={"lr": "1"}, metrics={"loss": [Point(0, t, 1.0)]}))

    trained = writer.add_run("with data and a model", status="finished")
    dataset = Dataset("mnist-train", "d1gest", "local", "{}")
    client.log_inputs(trained, datasets=[DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])])
    model = client.create_logged_model(writer.experiment, name="model", source_run_id=trained, params={"depth": "3"})
    data = {"dataset_name": "mnist-train", "dataset_digest": "d1gest"}
    client.log_batch(
        trained,
        metrics=[
            *(Metric("on data", value, t + step, step, **data) for step, value in ((0, 0.5), (7, 0.25), (3, 0.75))),
            Metric("of model", 0.9, t, 4, model_id=model.model_id),
        ],
    )

    old = MlflowWriter(root, "old")
    old.add_run("in old", params={"lr": "1"}, metrics={"loss": [Point(0, t, 1.0)]})
    client.delete_experiment(old.experiment)


def truth_of_client(root: Path) -> dict[str, Any]:
    """What mlflow's own client says of a store, in the form of tests/data/*/truth.json."""
    from mlflow import MlflowClient
    from mlflow.entities import ViewType

    client = MlflowClient(str(root))
    history = client.get_metric_history
    experiments = list(client.search_experiments(view_type=ViewType.ALL))
    names = {one.experiment_id: one.name for one in experiments}
    found = client.search_runs(list(names), run_view_type=ViewType.ALL, max_results=1000)
    return {
        "experiments": [
            {"experiment_id": one.experiment_id, "name": one.name, "lifecycle_stage": one.lifecycle_stage}
            for one in experiments
        ],
        "runs": [
            {
                **{name: getattr(run.info, name) for name in _INFO},
                "experiment_name": names[run.info.experiment_id],
                "params": run.data.params,
                "tags": run.data.tags,
                "metrics": run.data.metrics,
                "history": {
                    key: [(point.timestamp, point.step, point.value) for point in history(run.info.run_id, key)]
                    for key in run.data.metrics
                },
            }
            for run in found
        ],
    }


_INFO = ("run_id", "experiment_id", "run_name", "status", "start_time", "end_time", "lifecycle_stage", "user_id")
