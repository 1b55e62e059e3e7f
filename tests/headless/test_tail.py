"""Runs that go on while `tui-runs tail` follows them, in a process of its own."""

from __future__ import annotations

import io
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

import numpy as np
import polars as pl
import pytest

from tests.adapters.contract import Point
from tests.adapters.mlflow_stores import START, HandMadeStore, run_meta
from tests.adapters.wandb_runs import wait_until
from tui_runs.adapter import Change, Focus, History, RunBatch
from tui_runs.errors import SourceLostError
from tui_runs.frames import following
from tui_runs.frames.workspace import OpenSource, Workspace
from tui_runs.headless import tail as tail_module
from tui_runs.headless.output import Output
from tui_runs.schema import HISTORY, METRICS, PARAMS, RUNS, conform, empty

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
    """The command, and what it writes as it comes; without `pump`, nothing is read of it."""

    def __init__(self, *arguments: object, cwd: Path | None = None, zone: str = "UTC", pump: bool = True) -> None:
        command = [sys.executable, "-m", "tui_runs", "tail", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TZ": zone}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, env=environment
        )
        self.lines: list[str] = []
        self.said: list[str] = []
        self._came: queue.SimpleQueue[tuple[list[str], str | None]] = queue.SimpleQueue()
        for stream, to in ((self.process.stdout, self.lines), (self.process.stderr, self.said)) if pump else ():
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


@pytest.mark.parametrize(
    ("zone", "line", "told_as"),
    [
        ("Asia/Tokyo", b"253402300799999 0.5 1\n", "23:59:59  step 1  loss 0.5"),
        ("America/New_York", b"-62135596800000 0.5 1\n", "00:00:00  step 1  loss 0.5"),
        ("Asia/Tokyo", b"1700000000000 0.5 1\n", "07:13:20  step 1  loss 0.5"),
    ],
)
def test_times_on_the_first_and_the_last_day(
    tmp_path: Path, tail: Callable[..., Tail], zone: str, line: bytes, told_as: str
) -> None:
    """Where the reader's zone has no such day the time is that of UTC."""
    store = HandMadeStore(tmp_path / "mlruns")
    store.put_run(RUN, metrics={"loss": line}, status=3)
    told = tail(store.root, "--until-done", zone=zone)
    assert told.end() == 0
    assert told.lines[0] == told_as


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    """A directory with two stores, in each of which a run has the same id and the same name."""
    for number, name in enumerate(("one", "two"), 1):
        store = HandMadeStore(tmp_path / name)
        store.put_run(RUN, metrics={"loss": b"%d %d 7\n" % (START, number)}, status=1)
    return tmp_path


def test_runs_of_two_stores_with_the_same_id(twins: Path, tail: Callable[..., Tail]) -> None:
    told = tail("--every", "3600", "--format", "jsonl", cwd=twins)
    told.until(lambda: len(told.lines) == 2)
    assert {(os.path.basename(one["source"]), one["run_id"], one["value"]) for one in told.objects} == {
        ("one", RUN, 1.0),
        ("two", RUN, 2.0),
    }
    Store(twins / "one").end(RUN, "finished")
    told.until(lambda: len(told.lines) == 3)
    assert told.objects[2]["source"] == told.objects[0]["source"]


def test_lines_of_runs_of_two_stores_with_the_same_id(twins: Path, tail: Callable[..., Tail]) -> None:
    told = tail(cwd=twins)
    told.until(lambda: len(told.lines) == 2)
    assert sorted(line.split("  ")[2:] for line in told.lines) == [["step 7", "loss 1"], ["step 7", "loss 2"]]
    named = sorted(line.split("  ")[1] for line in told.lines)
    assert ["one" in named[0], "two" in named[1]] == [True, True]


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
def test_nobody_reads_any_more(store: Store, tail: Callable[..., Tail], writes_on: bool) -> None:
    process = tail(store.root, "--format", "jsonl", pump=False).process
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    if writes_on:
        store.append(RUN, "loss", points(range(3, 4)))
    assert process.wait(60) == 0
    assert process.stderr.read() == "Following aaaa.\n"


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


class Growing:
    """A source of one run; says that it has grown as often as anybody listens."""

    uri = kind = "growing"

    def __init__(self, changes: int, frames: int = 1, points: int = 1) -> None:
        self.changes, self.frames, self.points = changes, frames, points
        self.said = self.asked = 0
        self.focus: Focus | None = None
        self.read = threading.Event()
        self.may_read = threading.Event()
        self.before_reading: Callable[[], object] = lambda: None

    def scan(self) -> Iterator[RunBatch]:
        runs = conform(pl.DataFrame({"run_id": [RUN], "status": ["running"]}), RUNS)
        yield RunBatch(runs, empty(PARAMS), empty(PARAMS), empty(METRICS))

    def history(self, run_ids: Any, metrics: Any = None, cursor: Any = None) -> History:
        self.before_reading()
        if self.asked >= self.frames:  # what comes while it is followed
            self.read.set()
            assert self.may_read.wait(60)
        steps = np.arange(self.asked * self.points, (self.asked + 1) * self.points)
        self.asked += 1
        times = pl.Series(START + steps).cast(pl.Datetime("ms", "UTC"))
        frame = pl.DataFrame({"step": steps, "time": times, "value": steps / 7}).with_columns(
            pl.lit(RUN).alias("run_id"), pl.lit("loss").alias("key")
        )
        return History(conform(frame, HISTORY), {}, self.asked >= self.frames)

    def follow(self, focus: Focus) -> Iterator[Change]:
        self.focus = focus
        for batch in list(self.scan()) * self.changes:
            self.said += 1
            yield Change(batch)

    def close(self) -> None:
        pass


def tail_of(source: Growing, **wish: Any) -> tuple[tail_module._Tail, io.BytesIO]:
    workspace = Workspace()
    workspace.sources["growing"] = OpenSource("growing", "test", source)
    workspace.read_all()
    written = io.BytesIO()
    return tail_module._Tail(workspace, tail_module.TailWish(**wish), Output(written)), written


def test_what_happens_while_writing_is_held_up_waits_in_the_store() -> None:
    """As after ctrl+s: it would fill the memory."""
    source = Growing(changes=1000)
    tail, written = tail_of(source, as_json=True)
    thread = threading.Thread(target=tail.follow, daemon=True)
    thread.start()
    assert source.read.wait(60)
    wait_until(tail._news.full)
    assert source.said < 200
    source.may_read.set()
    thread.join(60)
    assert not thread.is_alive()
    assert source.said == 1000
    steps = [json.loads(line)["step"] for line in written.getvalue().splitlines()]
    assert steps == list(range(source.asked))


def test_of_a_long_run_the_last_ten_lines_are_all_that_is_kept() -> None:
    source = Growing(changes=0, frames=30, points=10_000)
    tail, written = tail_of(source)
    kept: list[int] = []
    source.before_reading = lambda: kept.append(sum(frame.height for frame in tail._waiting))
    tail.follow()
    lines = written.getvalue().decode().splitlines()
    assert [line.split("  ")[1] for line in lines] == [f"step {step}" for step in range(299_990, 300_000)]
    assert len(kept) == 30
    assert max(kept) <= 30 * 100


def test_with_every_the_newest_values_are_all_that_is_kept() -> None:
    source = Growing(changes=0, frames=30, points=10_000)
    tail, written = tail_of(source, every=3600.0, as_json=True, poll=0.5)
    kept: list[int] = []
    source.before_reading = lambda: kept.append(sum(frame.height for frame in tail._waiting))
    tail.follow()
    assert [json.loads(line)["step"] for line in written.getvalue().splitlines()] == [299_999]
    assert max(kept) <= 1
    assert source.focus is not None
    assert source.focus.poll_seconds == 0.5


def test_a_follower_tells_of_a_loss_and_goes_on_until_the_adapter_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "RETRY_SECONDS", (0.0,))
    gone, failure = SourceLostError("gone"), ZeroDivisionError("odd bytes")
    answers = iter([gone, gone, Change(removed=("a",)), failure])

    class Source:
        def follow(self, focus: Focus) -> Iterator[Change]:
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
                yield answer

    news: queue.Queue[Any] = queue.Queue()
    follower = tail_module._Follower("s", Source(), Focus(), news)  # type: ignore[arg-type]
    follower.start()
    assert [news.get(timeout=30) for _ in range(3)] == [("s", gone), ("s", Change(removed=("a",))), ("s", failure)]
    follower.join(30)
    assert news.empty()
