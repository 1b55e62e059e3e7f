"""The same runs, written by mlflow's client to each of its backends, are the same to `tui-runs ls`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.adapters import postgres, tracking_server
from tests.conftest import ROOT

START = 1_750_000_000_000
BACKENDS = ("files", "sqlite", "postgresql", "server")


def write(client: Any, artifacts: str | None) -> None:
    """One of everything that every backend can keep, the same each time but for the ids."""
    from mlflow.entities import Metric, Param, RunTag

    def run(name: str, number: int, status: str, tags: dict[str, str], metrics: list[Metric]) -> str:
        fixed = {"mlflow.runName": name, "mlflow.user": "ada", "mlflow.source.name": "train.py"}
        made = client.create_run(experiment, start_time=START + number * 60_000, tags={**fixed, **tags})
        run_id = str(made.info.run_id)
        params = [Param("lr", f"{number}e-3"), Param("empty", ""), Param("deep/key", "ü\nline two")]
        client.log_batch(
            run_id, metrics, params, [RunTag("team", "vision"), RunTag("mlflow.note.content", f"# {name}")]
        )
        if status != "RUNNING":
            client.set_terminated(run_id, status, START + number * 60_000 + 30_000)
        return run_id

    experiment = client.create_experiment("agree", artifact_location=artifacts)
    curve = [Metric("val/loss", 1 / (step + 1), START + step, step) for step in range(20)]
    # mlflow's file store accepts values in any order; the latest is the one of the greatest step everywhere.
    odd = [
        Metric("odd", 5.0, START, 3),
        Metric("odd", float("nan"), START + 1, 1),
        Metric("odd", -2.0, START + 2, 2),
        Metric("nan", float("nan"), START, 0),
        Metric("up", float("inf"), START, 0),
        Metric("down", float("-inf"), START, 0),
        Metric("system/cpu", 12.5, START + 9, 7),
    ]
    parent = run("sweep", 1, "FINISHED", {}, curve)
    run("trial", 2, "FAILED", {"mlflow.parentRunId": parent, "mlflow.source.git.commit": "abc123"}, odd)
    run("live", 3, "RUNNING", {}, curve[:5])
    run("killed", 4, "KILLED", {}, [])
    client.delete_run(run("gone", 5, "FINISHED", {}, curve[:1]))
    client.delete_experiment(client.create_experiment("empty and gone", artifact_location=artifacts))


@pytest.fixture(scope="module")
def listed(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Callable[[str], list[dict[str, Any]]]:
    """What `ls` prints of a backend, ids replaced by names; each backend is written when it is first asked for."""
    from mlflow import MlflowClient

    known: dict[str, list[dict[str, Any]]] = {}
    root = tmp_path_factory.mktemp("agree")

    def locate(backend: str) -> tuple[str, str]:
        """What mlflow's client opens, and what tui-runs does."""
        match backend:
            case "files":
                return (root / "mlruns").as_uri(), str(root / "mlruns")
            case "sqlite":
                return f"sqlite:///{root}/mlflow.db", str(root / "mlflow.db")
            case "postgresql":
                server = postgres.shared_server()
                server.create("agree", postgres.made_by_mlflow())
                return server.url("agree", scheme="postgresql+psycopg"), server.url("agree")
            case _:
                url = tracking_server.shared_server(pytestconfig, tmp_path_factory).url
                return url, url

    def of(backend: str) -> list[dict[str, Any]]:
        if backend not in known:
            uri, location = locate(backend)
            write(MlflowClient(uri), None if backend == "server" else (root / "artifacts").as_uri())
            command = [
                sys.executable,
                "-m",
                "tui_runs",
                "ls",
                location,
                "--mlflow-deleted",
                "--mlflow-experiment",
                "agree",
            ]
            printed = subprocess.run(
                [*command, "--format", "json", "--sort", "started", "--no-cache"],
                cwd=ROOT, capture_output=True, check=True, timeout=120,
            ).stdout  # fmt: skip
            runs = json.loads(printed)
            names = {run["run_id"]: run["name"] for run in runs}
            known[backend] = [
                {**run, "run_id": "", "parent_id": names.get(run["parent_id"]), "source": "", "uri": ""} for run in runs
            ]
            for run in known[backend]:
                run["tags"] = {key: names.get(value, value) for key, value in run["tags"].items()}
                if run["status"] == "running":
                    run["duration_s"] = 0
        return known[backend]

    return of


@pytest.fixture(autouse=True)
def _file_store_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")


def test_the_file_store_has_what_was_written(listed: Callable[[str], list[dict[str, Any]]]) -> None:
    runs = {run["name"]: run for run in listed("files")}
    assert list(runs) == ["sweep", "trial", "live", "killed", "gone"]
    assert [run["status"] for run in runs.values()] == ["finished", "failed", "running", "killed", "deleted"]
    assert runs["trial"]["parent_id"] == "sweep"
    assert runs["trial"]["params"] == {"lr": "2e-3", "empty": "", "deep/key": "ü\nline two"}
    assert runs["trial"]["metrics"] == {
        "odd": 5.0, "nan": "NaN", "up": "Infinity", "down": "-Infinity", "system/cpu": 12.5,
    }  # fmt: skip
    assert runs["sweep"]["metrics"] == {"val/loss": 0.05}


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_another_backend_says_the_same(listed: Callable[[str], list[dict[str, Any]]], backend: str) -> None:
    assert listed(backend) == listed("files")
