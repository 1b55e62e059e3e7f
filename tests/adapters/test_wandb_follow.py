"""Following W&B runs: only what was appended is read, and nothing is told twice or lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.contract import LOSS
from tests.adapters.ledger import Following, Ledger, read_all, read_history
from tests.adapters.metric_truth import Point
from tests.adapters.wandb_runs import HEADER, Encoder, WandbWriter, framed, live_run, wait_until
from tui_runs.adapter import Focus, Source
from tui_runs.follow import follower
from tui_runs_wandb import WandbAdapter, local_store, run_log

Follow = Callable[..., tuple[Source, Following]]


@pytest.fixture
def writer(tmp_path: Path) -> WandbWriter:
    return WandbWriter(tmp_path / "wandb")


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Opens a place, scans it, and follows it until the end of the test."""
    started: list[tuple[Source, Following]] = []

    def start(location: object, **options: Any) -> tuple[Source, Following]:
        source = WandbAdapter().open(str(location), options)
        started.append((source, Following(source, read_all(source), Focus())))
        return started[-1]

    yield start
    for source, following in started:
        source.close()
        following.ends()


def test_record_cut_at_the_end_waits_for_its_rest(writer: WandbWriter, follow: Follow) -> None:
    run_id = writer.add_run("one", metrics={"loss": LOSS[:10]})
    source, following = follow(writer.location)
    _, cursor, _ = read_history(source, [run_id])
    finish = writer.append_half(run_id, "loss", LOSS[10])
    other = writer.add_run("two")
    following.until(lambda said: other in said.runs, "what was written after it")
    assert following.ledger.count(run_id, "loss") == 10
    assert following.ledger.problems == {}
    finish()
    following.until(lambda said: said.count(run_id, "loss") == 11, "the record, now that it is whole")
    points, _, _ = read_history(source, [run_id], cursor=cursor)
    assert points == {(run_id, "loss"): [tuple(LOSS[10])]}


def test_only_what_was_appended_is_read(writer: WandbWriter, follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = writer.add_run("one", metrics={"loss": LOSS * 100})
    read: list[int] = []
    real = os.preadv

    def preadv(descriptor: int, buffers: Any, offset: int) -> int:
        read.append(real(descriptor, buffers, offset))
        return read[-1]

    source, following = follow(writer.location)
    monkeypatch.setattr("tui_runs_wandb.transaction_log.os.preadv", preadv)
    for count in range(1, 6):
        writer.append(run_id, "loss", [Point(10_000 + count, 1_700_000_000_000, 0.5)])
        following.until(lambda said, count=count: said.count(run_id, "loss") == 5000 + count, "one point")  # type: ignore[misc]
    assert sum(read) < 2000
    points, _, _ = read_history(source, [run_id])
    assert len(points[run_id, "loss"]) == 5005
    assert sum(read) < 2000


def test_bad_crc_at_the_end_is_tried_again(writer: WandbWriter, follow: Follow) -> None:
    """A block that the writer has made room for but not filled yet is no damage."""
    run_id = writer.add_run("one", metrics={"loss": LOSS[:3]})
    _, following = follow(writer.location)
    path = writer.log_path(run_id)
    good = path.read_bytes()
    data = framed(writer._history(run_id, {"loss": [LOSS[3]]}), len(good))
    with open(path, "ab", buffering=0) as file:
        file.write(data[:-3] + b"???")
    other = writer.add_run("two")
    following.until(lambda said: other in said.runs, "what happened after it")
    assert following.ledger.problems == {}
    with open(path, "r+b", buffering=0) as file:
        file.seek(len(good))
        file.write(data)
    following.until(lambda said: said.count(run_id, "loss") == 4, "the mended record")
    assert following.ledger.problems == {}


def test_damage_is_told_when_it_is_old_and_ends_when_it_is_mended(
    writer: WandbWriter, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "_SETTLED_SECONDS", 0.0)
    monkeypatch.setattr(follower, "LOOK_SECONDS", 0.1)
    run_id = writer.add_run("one", metrics={"loss": LOSS[:3]})
    path = writer.log_path(run_id)
    good = path.read_bytes()
    _, following = follow(writer.location)
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    writer.append(run_id, "loss", LOSS[3:5])
    following.until(lambda said: said.count(run_id, "loss") == 5, "what comes after; the rest was known")
    path.write_bytes(good + b"\x07" * 40)
    following.until(lambda said: said.problems, "that the end is damaged")
    assert "Its end" in next(iter(following.ledger.problems.values())).what
    path.write_bytes(good + framed(writer._history(run_id, {"loss": [LOSS[3]]}), len(good)))
    following.until(lambda said: not said.problems and said.count(run_id, "loss") == 4, "that it is mended")


def test_log_that_is_replaced_is_read_anew(writer: WandbWriter, follow: Follow) -> None:
    run_id = writer.add_run("one", params={"lr": "1"}, metrics={"loss": LOSS, "gone": LOSS[:3]})
    source, following = follow(writer.location)
    _, cursor, _ = read_history(source, [run_id])
    writer.remove_run(run_id)
    shorter = WandbWriter(writer.root)
    assert shorter.add_run("one", metrics={"loss": LOSS[2:5]}) == run_id
    following.until(lambda said: said.count(run_id, "loss") == 3, "three points only")
    following.until(lambda said: said.params_of(run_id) == {}, "no params")
    points, _, answers = read_history(source, [run_id], cursor=cursor)
    assert frozenset().union(*(answer.restarted for answer in answers)) >= {(run_id, "loss")}
    assert [value for _, _, value in points[run_id, "loss"]] == [point.value for point in LOSS[2:5]]
    assert (run_id, "gone") not in following.ledger.metrics


def test_second_directory_of_the_same_run_is_a_run_of_its_own(writer: WandbWriter, follow: Follow) -> None:
    first = writer.add_run("one", metrics={"loss": LOSS[:3]}, status="finished")
    _, following = follow(writer.location)
    old = writer.log_path(first).parent
    new = old.with_name(old.name.replace("20231114", "20231115"))
    shutil.copytree(old, new)
    following.until(lambda said: len(said.runs) == 2, "the second directory")
    said = following.ledger
    assert first in said.runs
    assert {said.tags_of(run_id)["wandb.id"] for run_id in said.runs} == {"id1"}


def test_directory_that_gets_its_log_later(writer: WandbWriter, follow: Follow) -> None:
    writer.add_run("one")
    _, following = follow(writer.location)
    directory = writer.root / "run-20230102_030405-late"
    directory.mkdir()
    other = writer.add_run("two")
    following.until(lambda said: other in said.runs, "what happened after it")
    encode = Encoder()
    (directory / "run-late.wandb").write_bytes(HEADER)
    following.until(lambda said: "late-20230102_030405" in said.runs, "that it has begun")
    with open(directory / "run-late.wandb", "ab") as file:
        file.write(framed([encode.run("late", "its name"), encode.history({"loss": 1.0}, 0)]))
    following.until(lambda said: said.named("its name") and said.count("late-20230102_030405", "loss"), "its records")
    assert following.ledger.problems == {}


def test_run_becomes_stale_when_nothing_is_written(
    writer: WandbWriter, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "LOOK_SECONDS", 0.1)
    run_id = writer.add_run("one", metrics={"loss": LOSS[:3]})
    _, following = follow(writer.location)
    assert following.ledger.runs[run_id]["status"] == "running"
    os.utime(writer.log_path(run_id), (1_600_000_000, 1_600_000_000))
    following.until(lambda said: said.runs[run_id]["status"] == "stale", "that it is stale")
    writer.append(run_id, "loss", LOSS[3:4])
    following.until(lambda said: said.runs[run_id]["status"] == "running", "that it runs again")


def test_damage_is_told_though_the_writer_s_clock_is_ahead(
    writer: WandbWriter, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "LOOK_SECONDS", 0.1)
    run_id = writer.add_run("one", metrics={"loss": LOSS[:3]})
    _, following = follow(writer.location)
    path = writer.log_path(run_id)
    with open(path, "ab", buffering=0) as file:
        file.write(b"\x07" * 40)
    os.utime(path, (4_000_000_000, 4_000_000_000))
    following.until(lambda said: said.problems, "that the end is damaged")
    assert "Its end" in next(iter(following.ledger.problems.values())).what


@pytest.mark.parametrize("what", ["run", "log"])
def test_one_run_alone(writer: WandbWriter, follow: Follow, what: str) -> None:
    run_id = writer.add_run("one", metrics={"loss": LOSS[:3]})
    path = writer.log_path(run_id)
    _, following = follow(path if what == "log" else path.parent)
    writer.append(run_id, "loss", LOSS[3:9])
    following.until(lambda said: said.count(run_id, "loss") == 9, "points")
    writer.set_status(run_id, "failed")
    following.until(lambda said: said.runs[run_id]["status"] == "failed", "its end")


def test_points_that_are_not_held_are_read_again(writer: WandbWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_store, "_HELD_BYTES", 0)
    monkeypatch.setattr(run_log, "_MERGED", 1)
    runs = [writer.add_run(f"run {i}", metrics={"loss": LOSS, "new": LOSS[:5]}) for i in range(3)]
    source = WandbAdapter().open(writer.location, {})
    ledger = read_all(source)
    points, cursor, _ = read_history(source, runs, ["loss"])
    assert all(len(points[run_id, "loss"]) == 50 for run_id in runs)
    for run_id in runs:
        writer.append(run_id, "loss", LOSS[:2])
    points, cursor, _ = read_history(source, runs, ["loss", "new"], cursor)
    assert [len(points[run_id, "loss"]) for run_id in runs] == [2, 2, 2]
    assert [len(points[run_id, "new"]) for run_id in runs] == [5, 5, 5]
    assert read_history(source, runs, ["loss", "new"], cursor)[0] == {}
    assert isinstance(ledger, Ledger)


def test_live_run_of_the_sdk(tmp_path: Path, follow: Follow) -> None:
    """Followed from its first row on; in the end every point is there, once."""
    with live_run(tmp_path, "live") as run:
        source, following = follow(tmp_path / "wandb")
        for _ in range(5):
            rows = run.log(60)
        wait_until(lambda: run.path.stat().st_size > 8 * 32768)
        (run_id,) = following.ledger.runs
        following.until(lambda said: said.count(run_id, "m29") > 100, "its points")
    points, cursor, _ = read_history(source, [run_id])
    fresh = read_all(WandbAdapter().open(str(tmp_path / "wandb"), {}))
    following.until(lambda said: said.count(run_id, "m7") == fresh.count(run_id, "m7"), "the points of the end")
    more, _, _ = read_history(source, [run_id], cursor=cursor)
    steps = [step for part in (points, more) for step, _, _ in part.get((run_id, "m7"), [])]
    assert steps == list(range(len(steps)))
    assert 100 < len(steps) == fresh.count(run_id, "m7") <= rows
