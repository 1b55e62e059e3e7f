"""The thread that reads the machine, and what it is told of the runs."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from textual.message import Message

from tests.machines import snapshot
from tui_runs.machine.owners import RunClaim
from tui_runs.machine.paths import local_path
from tui_runs.machine.watch import Snapshot
from tui_runs.schema import RUNS, conform
from tui_runs.tui.machine import sampler
from tui_runs.tui.machine.sampler import MachineSampler, run_claims
from tui_runs.tui.messages import MachineRead, ReaderFailed


class Watch:
    """Stands in for the machine."""

    made: list[Watch]
    read_now: Callable[[], Snapshot]

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths, self.runs, self.closed = paths, list[Sequence[RunClaim]](), False
        self.made.append(self)

    def read(self, runs: Sequence[RunClaim]) -> Snapshot:
        self.runs.append(runs)
        return type(self).read_now()

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def watches(monkeypatch: pytest.MonkeyPatch) -> list[Watch]:
    Watch.made, Watch.read_now = [], staticmethod(snapshot)
    monkeypatch.setattr(sampler, "MachineWatch", Watch)
    monkeypatch.setattr(sampler, "_FIRST_SECONDS", 0.0)
    return Watch.made


@pytest.fixture
def posted() -> queue.Queue[Message]:
    return queue.Queue()


@pytest.fixture
def thread(posted: queue.Queue[Message]) -> Iterator[MachineSampler]:
    thread = MachineSampler(posted.put)
    thread.start()
    yield thread
    thread.close()
    thread.join(30)
    assert not thread.is_alive()


def test_one_reading_for_each_request(
    thread: MachineSampler, posted: queue.Queue[Message], watches: list[Watch]
) -> None:
    runs = (RunClaim(("s", "r")),)
    for _ in range(3):
        thread.ask(["/data"], runs)
        message = posted.get(timeout=30)
        assert isinstance(message, MachineRead)
        assert message.snapshot == snapshot()
    assert [(watch.paths, watch.runs) for watch in watches] == [(("/data",), [runs, runs, runs])]
    assert posted.empty()
    thread.ask(["/data", "/more"], runs)
    posted.get(timeout=30)
    assert [(watch.paths, watch.closed) for watch in watches] == [(("/data",), True), (("/data", "/more"), False)]


def test_the_gpus_are_let_go_while_nobody_asks(
    thread: MachineSampler, posted: queue.Queue[Message], watches: list[Watch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler, "_IDLE_SECONDS", 0.01)
    let_go: queue.Queue[None] = queue.Queue()
    monkeypatch.setattr(Watch, "close", lambda self: let_go.put(None))
    for number in range(1, 3):
        thread.ask([], ())
        posted.get(timeout=30)
        let_go.get(timeout=30)
        assert len(watches) == number


def test_an_error_is_said_once_and_the_next_request_is_answered(
    thread: MachineSampler, posted: queue.Queue[Message], watches: list[Watch]
) -> None:
    failures = iter([RuntimeError("odd driver"), RuntimeError("odd driver")])

    def fail() -> Snapshot:
        for error in failures:
            raise error
        return snapshot()

    Watch.read_now = staticmethod(fail)
    thread.ask([], ())
    message = posted.get(timeout=30)
    assert isinstance(message, ReaderFailed)
    assert "odd driver" in message.details
    thread.ask([], ())
    until_read(watches, 2)
    thread.ask([], ())
    assert isinstance(posted.get(timeout=30), MachineRead)
    assert [watch.closed for watch in watches] == [True, True, False]


def until_read(watches: list[Watch], count: int) -> None:
    deadline = time.monotonic() + 30
    while len(watches) < count or not watches[-1].runs:
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def test_claims_are_of_runs_that_go_on() -> None:
    started = datetime(2026, 11, 20, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {"run_id": status, "status": status, "started": started, "uri": f"/runs/{status}", "host": "box"}
        for status in ("running", "finished", "failed", "stale", "unknown", "scheduled", "killed", "deleted")
    ]
    rows.append({"run_id": "bare", "status": "running"})
    rows.append({"run_id": "far", "status": "running", "uri": "https://wandb.example/a/b", "command": "train.py"})
    rows.append({"run_id": "nowhere", "status": "running", "uri": "file:///a%00b"})
    runs = conform(pl.DataFrame([{"source": "s", **row} for row in rows]), RUNS)
    claims = {claim.run[1]: claim for claim in run_claims(runs)}
    assert set(claims) == {"running", "stale", "unknown", "bare", "far", "nowhere"}
    assert claims["running"] == RunClaim(("s", "running"), "/runs/running", "box", "", "", 1795132800.0)
    assert claims["nowhere"].place == ""
    assert claims["bare"] == RunClaim(("s", "bare"))
    assert claims["far"] == RunClaim(("s", "far"), "", "", "", "train.py")


def test_claims_are_of_the_newest_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "_MOST_RUNS", 3)
    rows = [
        {"source": "s", "run_id": str(day), "status": "running", "started": datetime(2026, 11, day, tzinfo=UTC)}
        for day in (4, 9, 1, 7, 8)
    ]
    assert [claim.run[1] for claim in run_claims(conform(pl.DataFrame(rows), RUNS))] == ["9", "8", "7"]


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/data/mlruns", "/data/mlruns"),
        ("file:///data/ml%20runs", "/data/ml runs"),
        ("file://localhost/data", "/data"),
        ("file:/data", "/data"),
        ("relative/x", "relative/x"),
        ("file://elsewhere/data", None),
        ("file:///a%00b", None),
        ("/a\0b", None),
        ("file://[/x", None),
        ("https://wandb.example/a", None),
        ("postgresql://user@box/db", None),
        ("", None),
    ],
)
def test_local_paths(uri: str, path: str | None) -> None:
    assert local_path(uri) == path
