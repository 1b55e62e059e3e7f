"""MLflow stores that are written once a session: importing mlflow alone takes seconds."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.metric_truth import Point
from tests.adapters.mlflow_stores import START, MlflowWriter, truth_of_client, write_rich_store


@pytest.fixture(scope="session")
def made_many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 90 runs by mlflow; do not write into it."""
    root = tmp_path_factory.mktemp("mlflow") / "mlruns"
    writer = MlflowWriter(root)
    for number in range(90):
        metrics = {"loss": [Point(0, START + number, number / 7)]} if number % 3 else {}
        name = "newest" if number == 89 else f"run {number}"
        writer.add_run(name, params={"number": str(number)}, metrics=metrics, status="finished")
    return root


@pytest.fixture
def copied_many(made_many: Path, tmp_path: Path) -> Path:
    """A copy of it, times included, to be written into."""
    copy = tmp_path / "store" / "mlruns"
    shutil.copytree(made_many, copy)
    return copy


@pytest.fixture(scope="session")
def made_rich(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A store by mlflow with one of everything, and what mlflow's client says of it; do not write into it."""
    root = tmp_path_factory.mktemp("mlflow") / "mlruns"
    write_rich_store(root)
    return root, truth_of_client(root)


@pytest.fixture
def rich(made_rich: tuple[Path, dict[str, Any]], tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A copy of it, to be written into."""
    copy = tmp_path / "store" / "mlruns"
    shutil.copytree(made_rich[0], copy)
    return copy, made_rich[1]
