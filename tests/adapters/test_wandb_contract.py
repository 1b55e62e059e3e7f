"""The contract, kept by the W&B adapter on runs on a disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.adapters.contract import LOSS, AdapterContract, StoreWriter
from tests.adapters.ledger import Ledger, read_all, read_history
from tests.adapters.metric_truth import Point
from tests.adapters.wandb_runs import WandbWriter
from tui_runs_wandb import WandbAdapter, local_store
from tui_runs_wandb.run_log import RunLog


class TestWandbContract(AdapterContract):
    adapter_class = WandbAdapter

    @pytest.fixture
    def empty(self, tmp_path: Path) -> StoreWriter:
        return WandbWriter(tmp_path / "store" / "wandb")

    @pytest.fixture
    def many(self, tmp_path: Path) -> StoreWriter:
        writer = WandbWriter(tmp_path / "store" / "wandb")
        for number in range(90):
            metrics = {"loss": LOSS[:3]} if number % 3 else {}
            name = "newest" if number == 89 else f"run {number}"
            writer.add_run(name, params={"number": str(number)}, metrics=metrics, status="finished")
        return writer

    @pytest.fixture
    def small_budget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(local_store, "_HISTORY_POINTS", 150)

    def test_following_waits_for_the_end_of_a_point(self, *_: Any) -> None:
        pytest.skip("nothing can be written behind half a record; see test_wandb_follow")


class TestLongLogs:
    """The beginning and the end of a long log are read first, the rest later."""

    @pytest.fixture
    def writer(self, tmp_path: Path) -> WandbWriter:
        made = WandbWriter(tmp_path / "wandb")
        points = [Point(step, 1_700_000_000_000 + step, step / 7) for step in range(4000)]
        for number in range(2):
            late = {"late": [Point(4000, 1_700_000_012_000, 1.0)]}
            params = {"lr": str(number)}
            made.add_run(f"long {number}", params=params, metrics={"loss": points, **late}, status="finished")
        made.add_run("short", metrics={"loss": points[:3]})
        return made

    def test_quick_table_first(self, writer: WandbWriter) -> None:
        batches = list(WandbAdapter().open(writer.location, {}).scan())
        quick = Ledger()
        for batch in batches:
            quick.apply(batch)
            if len(quick.runs) == 3:
                break
        whole = Ledger(batches)
        assert quick.runs == whole.runs
        assert quick.params == whole.params
        assert quick.tags == whole.tags
        assert quick.metrics.keys() == whole.metrics.keys()
        assert all(row["exact"] for row in whole.metrics.values())
        for key, row in quick.metrics.items():
            assert row["last"] == whole.metrics[key]["last"]
            assert row["exact"] == (quick.runs[key[0]]["name"] == "short")
            assert row["count"] == (whole.metrics[key]["count"] if row["exact"] else None)

    def test_history_does_not_wait_for_the_scan(self, writer: WandbWriter) -> None:
        source = WandbAdapter().open(writer.location, {})
        scan = source.scan()
        first = Ledger([next(scan)])
        run_id = next(run_id for run_id, run in first.runs.items() if run["name"] != "short")
        points, _, _ = read_history(source, [run_id], ["loss"])
        assert len(points[run_id, "loss"]) == 4000
        scan.close()

    def test_stretches_are_joined(self, writer: WandbWriter, monkeypatch: pytest.MonkeyPatch) -> None:
        """A log that is decoded in many small parts says the same as one that is decoded at once."""
        expected = read_all(WandbAdapter().open(writer.location, {})).state()
        monkeypatch.setattr(RunLog.advance, "__defaults__", (1 << 15,))
        source = WandbAdapter().open(writer.location, {})
        ledger = read_all(source)
        assert ledger.state() == expected
        points, _, _ = read_history(source, list(ledger.runs), ["loss", "late"])
        assert sorted(map(len, points.values())) == [1, 1, 3, 4000, 4000]
        assert all(
            [step for step, _, _ in series] == sorted(step for step, _, _ in series) for series in points.values()
        )
