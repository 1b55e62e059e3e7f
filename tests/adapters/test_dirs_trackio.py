"""Trackio's databases: configs, points and alerts as they were logged."""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.adapters.dirs_seen import Seen, fingerprint, found, run_program, see, texts_of
from tests.adapters.dirs_told import Told
from tui_runs_dirs.collections.trackio import LAYOUT

SAMPLE = Path(__file__).parents[1] / "data" / "dirs_trackio"
RUNS = {"run-a": (0.1, "g1"), "run-b": (0.5, "g1"), "run-c": (1.0, None)}

PROGRAM = """
    import math, trackio
    for name, lr in (("run-a", .1), ("run-b", .5), ("run-c", 1.)):
        group = {"group": "g1"} if name != "run-c" else {}
        trackio.init(project="toy", name=name, config={"lr": lr, "model": {"hidden": 16}, "layers": [1, 2]}, **group)
        for i in range(10):
            trackio.log({"train/loss": math.exp(-lr * i), "acc": 1 - math.exp(-lr * i)})
        trackio.log({"bad": float("nan"), "inf": float("inf")}, step=20)
        trackio.alert("title", "text")
        trackio.finish()
"""


def check(seen: Seen) -> None:
    """What the program logged, which wrote the sample too."""
    ids = seen.by_name
    assert ids.keys() == RUNS.keys()
    for name, (lr, group) in RUNS.items():
        run_id = ids[name]
        row = seen.runs[run_id]
        assert (row["experiment"], row["group"]) == ("toy", group)
        assert row["started"] <= row["updated"]
        assert seen.params[run_id] == {"lr": str(lr), "model.hidden": "16", "layers": "[1, 2]"}
        series = seen.series[run_id]
        assert series["train/loss"] == [(i, math.exp(-lr * i)) for i in range(10)]
        assert series["acc"] == [(i, 1 - math.exp(-lr * i)) for i in range(10)]
        assert repr(series["bad"]) == "[(20, nan)]"
        assert series["inf"] == [(20, math.inf)]
        (alert,) = (said for said in seen.details[run_id].items() if said[0][0] == "alert")
        assert (alert[0][1], alert[1]) == ("title", "text")
    assert seen.problems == []


def test_shows_what_was_logged(tmp_path: Path) -> None:
    pytest.importorskip("trackio")
    environment = {"TRACKIO_DIR": str(tmp_path / "store"), "HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False"}
    run_program(PROGRAM, tmp_path, **environment)
    before = fingerprint(tmp_path / "store")
    seen = see(LAYOUT, tmp_path / "store")
    check(seen)
    assert {row["status"] for row in seen.runs.values()} == {"running"}  # no end is ever written
    after = fingerprint(tmp_path / "store")
    assert {name: after[name] for name in before if not name.endswith("-shm")} == {
        name: before[name] for name in before if not name.endswith("-shm")
    }
    assert after.keys() == before.keys()


class TestSample:
    @pytest.fixture
    def copy(self, tmp_path: Path) -> Path:
        return Path(shutil.copy(SAMPLE / "trackio" / "toy.db", tmp_path))

    def test_sample(self, copy: Path) -> None:
        before = fingerprint(copy.parent)
        seen = see(LAYOUT, copy)
        check(seen)
        run = seen.runs[seen.by_name["run-a"]]
        assert run["started"] == datetime(2026, 11, 20, 22, 16, 11, 155625, UTC)
        assert Told(copy.parent).runs["toy.db"]["status"] == "finished"  # by the age of the last write
        assert fingerprint(copy.parent) == before

    def test_sample_with_the_files_that_it_was_copied_with(self) -> None:
        check(see(LAYOUT, SAMPLE))

    def test_older_schema_has_names_for_keys(self, copy: Path) -> None:
        with closing(sqlite3.connect(copy)) as connection:
            for table in ("metrics", "configs"):
                columns = "run_name, step, metrics, timestamp" if table == "metrics" else "run_name, config, created_at"
                connection.execute(f"CREATE TABLE old AS SELECT {columns} FROM {table}")
                connection.execute(f"DROP TABLE {table}")
                connection.execute(f"ALTER TABLE old RENAME TO {table}")
            connection.execute("DROP TABLE alerts")
            connection.execute("DROP TABLE system_metrics")
            connection.commit()
        seen = see(LAYOUT, copy)
        assert list(seen.runs) == ["run-c", "run-b", "run-a"]
        assert seen.params["run-a"]["lr"] == "0.1"
        assert len(seen.series["run-a"]["acc"]) == 10

    def test_odd_rows(self, copy: Path) -> None:
        with closing(sqlite3.connect(copy)) as connection:
            run_id = connection.execute("SELECT run_id FROM metrics WHERE run_name = 'run-a'").fetchone()[0]
            insert = "INSERT INTO metrics (run_id, run_name, timestamp, step, metrics) VALUES (?, 'run-a', ?, ?, ?)"
            for stamp, text in (
                ("2026-11-20T22:16:12+00:00", '{"nested": {"a": 1, "flag": true}, "note": "hello", "big": 1e999}'),
                ("never", '{"picture": {"_type": "trackio.image", "file_path": "a.png"}, "acc": null}'),
                ("", "[1, 2]"),
                ("", b"\xff\xfe"),
            ):
                connection.execute(insert, (run_id, stamp, 30, text))
            system = "INSERT INTO system_metrics (run_id, run_name, timestamp, metrics) VALUES (?, 'run-a', '', ?)"
            connection.executemany(system, [(run_id, '{"gpu": 0.5}'), (run_id, '{"gpu": 0.75}')])
            connection.execute("UPDATE configs SET config = '[' WHERE run_name = 'run-c'")
            connection.commit()
        seen = see(LAYOUT, copy)
        series = seen.series[run_id]
        assert series["nested.a"] == [(30, 1.0)]
        assert series["big"] == [(30, math.inf)]
        assert series["system/gpu"] == [(0, 0.5), (1, 0.75)]
        assert seen.tags[run_id] == {"note": "hello", "picture.file_path": "a.png"}
        assert len(series["acc"]) == 10
        assert "2 of its rows are not JSON objects." in texts_of(seen.problems)
        assert seen.runs[seen.by_name["run-c"]]["group"] is None

    def test_other_databases_are_not_claimed(self, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
            connection.execute("CREATE TABLE metrics (key, value, run_uuid)")
            connection.execute("CREATE TABLE configs (key, value)")
        assert found(LAYOUT, tmp_path) == []
        assert os.listdir(tmp_path) == ["mlflow.db"]
