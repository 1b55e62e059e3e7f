"""MLflow's SQLite databases: the contract that every adapter keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.contract import AdapterContract
from tests.adapters.database_writer import DatabaseWriter, empty_database, many_database
from tui_runs_mlflow import MlflowAdapter


class TestContract(AdapterContract):
    adapter_class = MlflowAdapter

    @pytest.fixture
    def base(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.getbasetemp()

    @pytest.fixture
    def empty(self, tmp_path: Path, base: Path) -> DatabaseWriter:
        return DatabaseWriter(tmp_path / "store" / "mlflow.db", empty_database(base))

    @pytest.fixture
    def many(self, tmp_path: Path, base: Path) -> DatabaseWriter:
        return DatabaseWriter(tmp_path / "store" / "mlflow.db", many_database(base))

    @pytest.fixture
    def small_budget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tui_runs_mlflow.database.histories._POINTS", 150)
        monkeypatch.setattr("tui_runs_mlflow.database.histories._PAGE", 60)
