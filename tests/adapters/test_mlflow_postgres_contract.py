"""MLflow's databases on PostgreSQL: the contract that every adapter keeps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.adapters.contract import LOSS, AdapterContract
from tests.adapters.ledger import Following, read_all, read_history
from tests.adapters.metric_truth import Point
from tests.adapters.postgres import PostgresWriter
from tui_runs.adapter import Adapter, Focus
from tui_runs_mlflow import MlflowAdapter


class TestContract(AdapterContract):
    adapter_class = MlflowAdapter
    sorts_by_time = True

    @pytest.fixture
    def empty(self) -> PostgresWriter:
        return PostgresWriter()

    @pytest.fixture
    def many(self) -> PostgresWriter:
        return PostgresWriter(many=True)

    @pytest.fixture(autouse=True)
    def look_often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """PostgreSQL tells nothing by itself: most of a test's time would be the pause between two looks."""
        monkeypatch.setattr("tui_runs_mlflow.database.changes._POLL_SECONDS", 0.1)

    @pytest.fixture
    def small_budget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tui_runs_mlflow.database.histories._POINTS", 150)
        monkeypatch.setattr("tui_runs_mlflow.database.histories._PAGE", 60)

    def test_store_is_left_as_it_was(  # type: ignore[override]
        self, many: PostgresWriter, adapter: Adapter, opened: Any, follow: Any
    ) -> None:
        """It has no files of its own, so its tables are looked at; and nothing may hold a transaction open."""
        running = many.add_run("running", metrics={"loss": LOSS})
        before = many.server.contents(many.database)
        adapter.match(many.location)
        source = opened(many)
        ledger = read_all(source)
        read_history(source, list(ledger.runs))
        following: Following = follow(source, ledger, Focus(run_ids=frozenset(ledger.runs)))
        assert many.server.contents(many.database) == before
        newer = Point(LOSS[-1].step + 1, LOSS[-1].ms + 1, 0.5)
        many.append(running, "loss", [newer])  # so that it certainly has begun to follow
        during = many.server.contents(many.database)
        assert during != before
        following.until(lambda said: said.count(running, "loss") > len(LOSS), "that it follows")
        states = many.sql("SELECT state FROM pg_stat_activity WHERE usename = 'reader'")
        assert {state for (state,) in states} <= {"idle", "active"}
        source.close()
        following.ends()
        assert many.server.contents(many.database) == during
