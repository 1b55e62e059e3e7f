"""The contract, kept by the directories adapter on runs that a `tui-runs.toml` describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.adapters import contract
from tests.adapters.contract import LOSS, AdapterContract, Points, StoreWriter
from tests.adapters.dirs_stores import LayoutWriter
from tests.adapters.metric_truth import Truth, truth_of
from tui_runs_dirs import DirsAdapter, histories


class TestDirsContract(AdapterContract):
    adapter_class = DirsAdapter

    @pytest.fixture(autouse=True)
    def _last_as_written(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of points with the same step files tell which one was written last; MLflow goes by time and value."""

        def truth(points: Points) -> Truth:
            last = max(reversed(points), key=lambda point: point.step)
            return truth_of(points)._replace(last=last.value, last_ms=last.ms)

        monkeypatch.setattr(contract, "truth_of", truth)

    @pytest.fixture
    def empty(self, tmp_path: Path) -> StoreWriter:
        return LayoutWriter(tmp_path / "store")

    @pytest.fixture
    def many(self, tmp_path: Path) -> StoreWriter:
        writer = LayoutWriter(tmp_path / "store")
        for number in range(90):
            metrics = {"loss": LOSS[:3]} if number % 3 else {}
            name = "newest" if number == 89 else f"run {number}"
            writer.add_run(name, params={"number": str(number)}, metrics=metrics, status="finished")
        return writer

    @pytest.fixture
    def small_budget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(histories, "HISTORY_POINTS", 150)
        monkeypatch.setattr(histories, "HISTORY_BYTES", 2_000)

    def test_match_recognises_its_empty_store(self, adapter: Any, empty: StoreWriter) -> None:
        match = adapter.match(empty.location)
        assert match is not None
        assert "tui-runs.toml" in match.reason
