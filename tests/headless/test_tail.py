"""Runs that go on while `tui-runs tail` follows them, in a process of its own."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.contract import Point
from tests.adapters.mlflow_stores import START, HandMadeStore, run_meta

STATUSES = ("running", "scheduled", "finished", "failed", "killed")
RUN, OTHER = "a" * 32, "b" * 32


def points(steps: range) -> list[Point]:
    return [Point(step, START + 1000 * step, step / 7) for step in steps]


def as_told(steps: range, run_id: str = RUN, metric: str = "loss") -> list[tuple[str, str, int, float]]:
    return [(run_id, metric, step, step / 7) for step in steps]


class Store(HandMadeStore):
    """With runs that end as mlflow ends them: meta.yaml is written anew, and moved to its place."""

    def end(self, run_id: str, status: str) -> None:
        where = self.run_dir(run_id)
        beside = where / "beside"
        beside.write_bytes(run_meta(where, run_id, status=STATUSES.index(status) + 1))
        os.replace(beside, where / "meta.yaml")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a run that is running and has three points."""
    made = Store(tmp_path / "mlruns")
    made.add_run("a", metrics={"loss": points(range(3))})
    return made


class Tail:
    """The command, and what it writes as it comes."""

    def __init__(self, *arguments: object, cwd: Path | None = None) -> None:
        command = [sys.executable, "-m", "tui_runs", "tail", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TZ": "UTC"}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, env=environment
        )
        self.lines: list[str] = []
        self.said: list[str] = []
        self._came: queue.SimpleQueue[tuple[list[str], str | None]] = queue.SimpleQueue()
        for stream, to in ((self.process.stdout, self.lines), (self.process.stderr, self.said)):
            threading.Thread(target=self._pump, args=(stream, to), daemon=True).start()

    def _pump(self, stream: Any, to: list[str]) -> None:
        for line in stream:
            self._came.put((to, line.rstrip("\n")))
        self._came.put((to, None))

    def until(self, holds: Callable[[], object]) -> None:
        """Take what comes until a condition holds."""
        while not holds():
            to, line = self._came.get(timeout=60)
            if line is not None:
                to.append(line)

    def end(self) -> int:
        """Wait for the end; gives the exit code."""
        ends = 0
        while ends < 2:
            to, line = self._came.get(timeout=60)
            if line is None:
                ends += 1
            else:
                to.append(line)
        return self.process.wait(30)

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def points(self) -> list[tuple[str, str, int, float]]:
        return [(one["run_id"], one["metric"], one["step"], one["value"]) for one in self.objects if "metric" in one]


@pytest.fixture
def tail() -> Iterator[Callable[..., Tail]]:
    begun: list[Tail] = []

    def begin(*arguments: object, **more: Any) -> Tail:
        begun.append(Tail(*arguments, **more))
        return begun[-1]

    yield begin
    for one in begun:
        one.process.kill()
        one.process.wait()


def test_every_point_once_until_the_run_ends(store: Store, tail: Callable[..., Tail]) -> None:
    told = tail(store.root, "--format", "jsonl", "--until-done")
    for step in range(3, 40):
        if step % 10 == 3:
            told.until(lambda step=step: len(told.lines) >= step)  # type: ignore[misc]
        store.append(RUN, "loss", points(range(step, step + 1)))
    store.append(RUN, "late", points(range(2)))
    store.end(RUN, "finished")
    assert told.end() == 0
    assert sorted(told.points) == sorted([*as_told(range(40)), *as_told(range(2), metric="late")])
    assert [point for point in told.points if point[1] == "loss"] == as_told(range(40))
    last = told.objects[-1]
    assert (last["run_id"], last["status"]) == (RUN, "finished")
    assert told.objects[0] == {
        "run_id": RUN, "metric": "loss", "step": 0, "time": "2023-11-14T22:13:20.000Z", "value": 0.0,
    }  # fmt: skip
    assert any("Following aaaa" in line for line in told.said)


@pytest.mark.parametrize("status", ["failed", "killed"])
def test_a_run_that_ends_badly(store: Store, tail: Callable[..., Tail], status: str) -> None:
    told = tail(store.root, "aaaa", "--until-done", "--format", "jsonl")
    told.until(lambda: len(told.lines) == 3)
    store.end(RUN, status)
    assert told.end() == 1
    assert told.objects[-1]["status"] == status


def test_a_run_that_is_deleted(store: Store, tail: Callable[..., Tail]) -> None:
    told = tail(store.root, "--until-done", "--format", "jsonl")
    told.until(lambda: len(told.lines) == 3)
    store.remove_run(RUN)
    assert told.end() == 1
    assert told.objects[-1]["status"] == "deleted"


def test_all_running_runs_and_those_that_begin(store: Store, tail: Callable[..., Tail]) -> None:
    store.add_run("c", metrics={"loss": points(range(1))}, status="finished")
    told = tail(store.root, "--until-done", "--format", "jsonl", "-m", "loss")
    told.until(lambda: len(told.lines) == 3)
    store.add_run("b", metrics={"loss": points(range(2)), "acc": points(range(9))})
    told.until(lambda: len(told.lines) == 5)
    store.end(RUN, "finished")
    store.append(OTHER, "loss", points(range(2, 4)))
    store.end(OTHER, "failed")
    assert told.end() == 1
    assert sorted(told.points) == [*as_told(range(3)), *as_told(range(4), OTHER)]


def test_lines_for_people(store: Store, tail: Callable[..., Tail]) -> None:
    store.append(RUN, "loss", points(range(3, 30)))
    store.append(RUN, "acc\x1b", points(range(29, 30)))
    store.end(RUN, "finished")
    told = tail("aaaa", "--until-done", cwd=store.root.parent)
    assert told.end() == 0
    assert len(told.lines) == 11
    assert told.lines[0] == "22:13:40  step 20  loss 2.857"
    assert told.lines[9] == "22:13:49  step 29  acc␛ 4.143  loss 4.143"
    assert told.lines[10].endswith("aaaa  ✔ finished")


def test_no_more_often_than_asked(store: Store, tail: Callable[..., Tail]) -> None:
    told = tail(store.root, "--every", "3600", "--until-done", "--format", "jsonl")
    told.until(lambda: len(told.lines) == 1)
    for step in range(3, 20):
        store.append(RUN, "loss", points(range(step, step + 1)))
    store.end(RUN, "finished")
    assert told.end() == 0
    assert told.points == [*as_told(range(2, 3)), *as_told(range(19, 20))]


def test_ctrl_c_ends_it(store: Store, tail: Callable[..., Tail]) -> None:
    told = tail(store.root, "--format", "jsonl")
    told.until(lambda: len(told.lines) == 3)
    told.process.send_signal(signal.SIGINT)
    assert told.end() == 130
    assert told.said == ["Following aaaa."]


@pytest.mark.parametrize("writes_on", [True, False])
def test_nobody_reads_any_more(store: Store, writes_on: bool) -> None:
    command = [sys.executable, "-m", "tui_runs", "tail", str(store.root), "--format", "jsonl"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        if writes_on:
            store.append(RUN, "loss", points(range(3, 4)))
        assert process.wait(60) == 0
        assert process.stderr.read() == b"Following aaaa.\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("nobody",), "None of 1 runs has the id"), (("./nowhere",), "nowhere"), (("--every", "-1"), "--every")],
)
def test_wrong_usage(store: Store, tail: Callable[..., Tail], arguments: tuple[str, ...], says: str) -> None:
    told = tail(*arguments, cwd=store.root.parent)
    assert told.end() == 2
    assert told.lines == []
    assert says in "\n".join(told.said)


def test_nothing_is_running_so_the_latest_is_shown(store: Store, tail: Callable[..., Tail]) -> None:
    store.end(RUN, "failed")
    told = tail(store.root, "--until-done", "--format", "jsonl")
    assert told.end() == 1
    assert told.points == as_told(range(3))


def test_an_empty_store_waits_for_its_first_run(tmp_path: Path, tail: Callable[..., Tail]) -> None:
    store = Store(tmp_path / "mlruns")
    told = tail(store.root, "--until-done", "--format", "jsonl")
    told.until(lambda: any("waiting for one" in line for line in told.said))
    store.add_run("a", metrics={"loss": points(range(2))})
    told.until(lambda: len(told.lines) == 2)
    store.end(RUN, "finished")
    assert told.end() == 0
