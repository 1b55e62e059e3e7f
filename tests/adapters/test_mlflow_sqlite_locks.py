"""A training that logs at full speed into the database that is read never sees "database is locked"."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.contract import LOSS
from tests.adapters.database_writer import DatabaseWriter, many_database
from tests.adapters.ledger import DEADLINE, Following, read_all, read_history
from tests.conftest import ROOT
from tui_runs.adapter import Focus
from tui_runs_mlflow.database.sqlite import SqliteDatabase
from tui_runs_mlflow.database.store import DatabaseStore

CALLS = 150


class Training:
    """See `mlflow_logger`."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.adapters.mlflow_logger", str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def log(self, run_id: str, key: str, first: int, count: int, busy_ms: int = 20_000) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"log {run_id} {key} {first} {count} {busy_ms}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def end(self) -> None:
        self._process.communicate(timeout=DEADLINE)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("locks") / "mlflow.db"
    writer = DatabaseWriter(path, many_database(tmp_path_factory.getbasetemp()))
    run_id = writer.add_run("training", metrics={"loss": LOSS})
    writer.client._tracking_client.store.engine.dispose()
    return path, run_id


@pytest.fixture(scope="module")
def training(place: tuple[Path, str]) -> Iterator[Training]:
    process = Training(place[0])
    yield process
    process.end()


def test_a_reader_that_holds_its_lock_makes_the_training_fail(place: tuple[Path, str], training: Training) -> None:
    """That is what is to be avoided; mlflow waits for 20 s, here for less."""
    path, run_id = place
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM runs").fetchall()
        answer = training.log(run_id, "held", 0, 3, busy_ms=200)
    assert answer["taken"] == []
    assert "database is locked" in answer["error"]


def test_our_reading_does_not(place: tuple[Path, str], training: Training) -> None:
    path, run_id = place
    source = DatabaseStore(SqliteDatabase(str(path)))
    following = Following(source, read_all(source), Focus())
    done = threading.Event()
    loops, failures = [0], list[BaseException]()

    def read_again_and_again() -> None:
        try:
            while not done.is_set():
                ledger = read_all(source)
                read_history(source, list(ledger.runs))
                loops[0] += 1
        except BaseException as error:  # told by the test
            failures.append(error)

    readers = [threading.Thread(target=read_again_and_again, daemon=True) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        # Without our locks a call takes some 10 ms. One that waits for more than 4 s fails.
        answer = training.log(run_id, "logged", 0, CALLS, busy_ms=4000)
        following.until(lambda said: said.count(run_id, "logged") == CALLS, "every point")
    finally:
        done.set()
        for reader in readers:
            reader.join(DEADLINE)
    assert answer["error"] is None
    assert len(answer["taken"]) == CALLS
    assert failures == []
    assert loops[0] > 0
    told, _, _ = read_history(source, [run_id], ["logged"])
    assert [step for step, _, _ in told[run_id, "logged"]] == list(range(CALLS))
    assert [value for _, _, value in told[run_id, "logged"]] == [step / 7 for step in range(CALLS)]
    source.close()
    following.ends()
