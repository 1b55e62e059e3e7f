"""Following experiment directories: only what was appended is read, and nothing is told twice or lost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.dirs_stores import csv_text
from tests.adapters.ledger import Following, read_all
from tui_runs.adapter import Focus, Source
from tui_runs.follow import follower
from tui_runs_dirs import DirsAdapter

Follow = Callable[..., tuple[Source, Following]]


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Opens a tree, scans it, and follows it until the end of the test."""
    started: list[tuple[Source, Following]] = []

    def start(location: Path, **options: Any) -> tuple[Source, Following]:
        source = DirsAdapter().open(str(location), options)
        started.append((source, Following(source, read_all(source), Focus())))
        return started[-1]

    yield start
    for source, following in started:
        source.close()
        following.ends()


def begun(following: Following) -> None:
    """Wait until the watching has begun: an empty change says so."""
    following.until(lambda _: any(change.batch is None for change in following.changes), "that it has begun")


@pytest.fixture
def lightning(tmp_path: Path) -> Path:
    """The root of a training that Lightning logs."""
    version = tmp_path / "lightning_logs" / "version_0"
    version.mkdir(parents=True)
    (version / "hparams.yaml").write_text("lr: 0.1\n")
    (version / "metrics.csv").write_text("epoch,step,train_loss\n0,9,0.5\n0,19,0.4\n")
    return tmp_path


RUN = "lightning_logs/version_0"


def test_table_rewritten_with_another_header(lightning: Path, follow: Follow) -> None:
    source, following = follow(lightning)
    cursor = source.history([RUN]).cursor
    begun(following)
    text = "epoch,step,train_loss,val_loss\n0,9,0.5,\n0,19,0.4,\n0,19,,0.7\n"
    (lightning / RUN / "metrics.csv").write_text(text)
    following.until(lambda said: said.count(RUN, "val_loss") == 1, "the new metric")
    assert following.ledger.count(RUN, "train_loss") == 2
    assert following.ledger.problems == {}
    answer = source.history([RUN], ["train_loss", "val_loss"], cursor)
    assert (RUN, "train_loss") in answer.restarted
    assert sorted(answer.frame["value"].to_list()) == [0.4, 0.5, 0.7]


def test_only_what_was_appended_is_read(lightning: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    table = lightning / RUN / "metrics.csv"
    with table.open("a") as file:
        file.write(csv_text((1, n, n / 7) for n in range(20, 20_000)))
    _, following = follow(lightning)
    begun(following)
    read: list[int] = []
    real = os.pread

    def pread(descriptor: int, length: int, offset: int) -> bytes:
        data = real(descriptor, length, offset)
        read.append(len(data))
        return data

    monkeypatch.setattr("tui_runs_dirs.readers.table_file.os.pread", pread)
    for count in range(1, 6):
        with table.open("a") as file:
            file.write(f"2,{20_000 + count},0.5\n")
        following.until(lambda said, count=count: said.count(RUN, "train_loss") == 19_982 + count, "one point")  # type: ignore[misc]
    assert sum(read) < 200_000
    assert os.path.getsize(table) > 400_000


def test_new_version_is_a_new_run(lightning: Path, follow: Follow) -> None:
    _, following = follow(lightning)
    begun(following)
    later = lightning / "lightning_logs" / "version_1"
    later.mkdir()
    (later / "hparams.yaml").write_text("lr: 0.2\n")
    following.until(lambda said: "lightning_logs/version_1" in said.runs, "the run, by its settings")
    (later / "metrics.csv").write_text("epoch,step,train_loss\n0,9,0.25\n")
    following.until(lambda said: said.count("lightning_logs/version_1", "train_loss") == 1, "its first point")
    assert following.ledger.params_of("lightning_logs/version_1") == {"lr": "0.2"}


def test_run_deep_in_directories_that_appear_one_by_one(lightning: Path, follow: Follow) -> None:
    _, following = follow(lightning)
    begun(following)
    deep = lightning / "outputs" / "2026-01-02" / "03-04-05"
    deep.mkdir(parents=True)
    (deep / ".hydra").mkdir()
    (deep / ".hydra" / "config.yaml").write_text("lr: 1\n")
    following.until(lambda said: "outputs/2026-01-02/03-04-05" in said.runs, "the new job")
    (deep / "metrics.jsonl").write_text('{"step": 1, "loss": 0.5}\n')
    following.until(lambda said: said.count("outputs/2026-01-02/03-04-05", "loss") == 1, "its metrics")


def test_json_that_is_half_written_waits(tmp_path: Path, follow: Follow) -> None:
    run = tmp_path / "a"
    run.mkdir()
    (run / "metrics.csv").write_text("epoch,loss\n0,1\n")
    (run / "summary.json").write_text(json.dumps({"best": 1.0}))
    _, following = follow(tmp_path)
    begun(following)
    (run / "summary.json").write_text('{"best": 0.')
    with (run / "metrics.csv").open("a") as file:
        file.write("1,0.5\n")
    following.until(lambda said: said.count("a", "loss") == 2, "what was written after it")
    assert following.ledger.metrics["a", "best"]["last"] == 1.0
    assert following.ledger.problems == {}
    with (run / "summary.json").open("a") as file:
        file.write("25}")
    following.until(lambda said: said.metrics["a", "best"]["last"] == 0.25, "the value, now that it is whole")
    assert not any(change.batch is not None and change.batch.problems for change in following.changes)


def test_problem_is_mended(tmp_path: Path, follow: Follow) -> None:
    run = tmp_path / "a"
    run.mkdir()
    (run / "metrics.csv").write_text("epoch,loss\n0,1\n")
    (run / "config.yaml").write_text("lr: [1\n")
    _, following = follow(tmp_path)
    assert len(following.ledger.problems) == 1
    begun(following)
    (run / "config.yaml").write_text("lr: 1\n")
    following.until(lambda said: said.params_of("a") == {"lr": "1"}, "the settings")
    assert following.ledger.problems == {}


def test_array_that_is_written_anew_gives_what_is_new(tmp_path: Path, follow: Follow) -> None:
    run = tmp_path / "a"
    run.mkdir()
    rows = [{"epoch": n, "loss": 1 / (n + 1)} for n in range(5)]
    (run / "log.json").write_text(json.dumps(rows[:3]))
    source, following = follow(tmp_path)
    points, cursor, _ = read_history_without_times(source)
    assert len(points) == 3
    begun(following)
    (run / "log.json").write_text(json.dumps(rows))
    following.until(lambda said: said.count("a", "loss") == 5, "the new rows")
    points, cursor, restarted = read_history_without_times(source, cursor)
    assert points == [(3, 0.25), (4, 0.2)]
    assert not restarted
    (run / "log.json").write_text(json.dumps([{"epoch": 0, "loss": 7.0}]))
    following.until(lambda said: said.count("a", "loss") == 1, "that it began anew")
    points, _, restarted = read_history_without_times(source, cursor)
    assert (points, restarted) == ([(0, 7.0)], True)


def read_history_without_times(source: Source, cursor: Any = None) -> tuple[list[tuple[int, float]], Any, bool]:
    history = source.history(["a"], None, cursor)
    assert history.complete
    return list(history.frame.select("step", "value").iter_rows()), history.cursor, bool(history.restarted)


@pytest.mark.parametrize("ahead", [False, True], ids=["", "by a clock that is ahead"])
def test_json_that_stays_broken_is_said(
    tmp_path: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch, ahead: bool
) -> None:
    monkeypatch.setattr("tui_runs_dirs.known_run._HALF_WRITTEN_SECONDS", 0.3)
    monkeypatch.setattr(follower, "LOOK_SECONDS", 0.1)
    run = tmp_path / "a"
    run.mkdir()
    (run / "metrics.csv").write_text("epoch,loss\n0,1\n")
    (run / "config.json").write_text('{"lr": 1}')
    _, following = follow(tmp_path)
    begun(following)
    (run / "config.json").write_text('{"lr": ')
    if ahead:
        os.utime(run / "config.json", (4_000_000_000, 4_000_000_000))
    following.until(lambda said: said.problems, "that it is broken, though nothing happened any more")
    assert following.ledger.params_of("a") == {"lr": "1"}


def test_run_that_a_walk_missed_is_told_when_it_is_back(lightning: Path) -> None:
    """A walk that meets a tree which is just moved away finds no runs, and forgets what was read of them."""
    source = DirsAdapter().open(str(lightning), {})
    ledger = read_all(source)
    logs, away = lightning / "lightning_logs", lightning / ".away"
    logs.rename(away)
    assert not read_all(source).runs
    away.rename(logs)
    with (logs / "version_0" / "metrics.csv").open("a") as file:
        file.write("0,29,0.3\n")
    following = Following(source, ledger, Focus())
    try:
        following.until(lambda said: said.count(RUN, "train_loss") == 3, "the new point")
    finally:
        source.close()
        following.ends()
