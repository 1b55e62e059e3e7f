"""W&B's cloud through wandb's own client, which talks to a stand-in here and not to the service (see wandb_server)."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from tests.adapters.ledger import Following, Ledger, read_all, read_history
from tests.adapters.wandb_runs import sdk_environment
from tests.adapters.wandb_server import KEY, START, Answer, CloudRun, CloudServer, logged_in_cloud, login
from tui_runs.adapter import Focus, Source
from tui_runs.capabilities import Detailed, Selective
from tui_runs.conditions import All, Compare, Order, Wanted, Word
from tui_runs.errors import LocationError, SourceLostError
from tui_runs_wandb import WandbAdapter
from tui_runs_wandb.cloud.address import CloudAddress, cloud_address
from tui_runs_wandb.cloud.histories import download
from tui_runs_wandb.cloud.store import CloudStore

NAN, INF = math.nan, math.inf
CHANGES, READINGS = "tui_runs_wandb.cloud.changes", "tui_runs_wandb.cloud.readings"
Open = Callable[[str], CloudStore]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudServer]:
    with logged_in_cloud(tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture
def path(cloud: CloudServer) -> Iterator[str]:
    """A project."""
    cloud.asked.clear()
    yield cloud.project()
    cloud.trouble = lambda operation, times: None


@pytest.fixture
def opened() -> Iterator[Open]:
    sources: list[CloudStore] = []

    def open_store(location: str) -> CloudStore:
        sources.append(CloudStore(location if "://" in location else f"wandb://{location}"))
        return sources[-1]

    yield open_store
    for source in sources:
        source.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask all the time."""
    monkeypatch.setattr(f"{CHANGES}._PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(f"{CHANGES}._BUSY", 1)


@pytest.fixture
def follow() -> Iterator[Callable[..., Following]]:
    started: list[tuple[Source, Following]] = []

    def start(source: Source, focus: Focus | None = None) -> Following:
        started.append((source, Following(source, read_all(source), focus or Focus())))
        return started[-1][1]

    yield start
    for source, following in started:
        source.close()
        following.ends()


def logged(run: CloudRun, steps: int) -> CloudRun:
    for step in range(steps):
        run.log({"loss": 1 / (step + 1), "train/acc": step})
    return run


def series(points: dict[Any, list[tuple[int, int, float]]]) -> dict[str, list[tuple[int, str]]]:
    return {key: [(step, repr(value)) for step, _, value in one] for (_, key), one in points.items()}


# --- locations --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("wandb://team/p", CloudAddress("team", "p")),
        ("wandb://team/my%20p/abc", CloudAddress("team", "my p", "abc")),
        ("wandb://team/p/runs/abc", CloudAddress("team", "p", "abc")),
        ("wandb://team", CloudAddress("team", "")),
        ("wandb://", CloudAddress("", "")),
        ("https://wandb.ai/team/p", CloudAddress("team", "p", None, "https://wandb.ai")),
        ("https://wandb.ai/team/p/runs/abc/workspace?nw=x", CloudAddress("team", "p", "abc", "https://wandb.ai")),
        ("https://wandb.ai/team/p/workspace", CloudAddress("team", "p", None, "https://wandb.ai")),
        ("https://forge.coreweave.com/wandb/team/p/runs/abc", CloudAddress("team", "p", "abc", "https://wandb.ai")),
        ("https://ml.example.org:8443/team/p/runs/abc", CloudAddress("team", "p", "abc", "https://ml.example.org:8443")),
        ("http://user:secret@host/team/p/runs/abc", CloudAddress("team", "p", "abc", "http://host")),
        ("https://own.example.org/team/p", CloudAddress("team", "p", None, "https://own.example.org")),
        ("https://app.own.example.org/team/p", CloudAddress("team", "p", None, "https://app.own.example.org")),
        ("http://localhost:5000", None),
        ("http://localhost:5000/#/experiments/1/runs/abc", None),
        ("https://x.cloud.databricks.com/ml/experiments/1/runs/abc", None),
        ("https://ml.example.org/team/p", None),
        ("./wandb", None),
        ("http://[", None),
        ("wandb://a\nb/c", None),
        ("", None),
    ],
)  # fmt: skip
def test_locations(location: str, expected: CloudAddress | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "https://api.own.example.org")
    assert cloud_address(location) == expected
    if expected is not None and expected.project:
        assert cloud_address(expected.uri) == expected


@pytest.mark.parametrize("location", ["wandb://", "wandb://team", "https://wandb.ai/team", "./here"])
def test_location_without_a_project_is_said(location: str) -> None:
    with pytest.raises(LocationError) as caught:
        CloudStore(location)
    assert "wandb://entity/project" in caught.value.remedy


def test_without_wandb_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui_runs_wandb.cloud.store.find_spec", lambda name: None)
    with pytest.raises(LocationError) as caught:
        CloudStore("wandb://team/p")
    assert "pip install 'tui-runs[wandb]'" in caught.value.remedy


# --- what there is ----------------------------------------------------------------------------------------------------


class TestScan:
    def test_tells_what_the_cloud_holds(self, cloud: CloudServer, path: str, opened: Open) -> None:
        config = {
            "lr": 1e-05,
            "model": {"depth": 3, "act": {"name": "gelu λ"}},
            "layers": [64, 32],
            "on": True,
            "x": NAN,
        }
        run = cloud.add(
            path, "brave ✓", config=config, tags=["baseline", "two words"], group="g", job_type="train",
            notes="first\nsecond", commit="c0ffee", sweep="s1", state="finished", system={"system.gpu.0.gpu": 97.5},
        )  # fmt: skip
        run.log({"loss": 0.5, "odd": -INF, "nan": NAN, "deep": {"er": 2}, "word": "hello", "done": True,
                 "image": {"_type": "image-file", "size": 3}}, step=4)  # fmt: skip
        source = opened(path)
        assert isinstance(source, Source)
        assert isinstance(source, Selective)
        ledger = read_all(source)
        assert ledger.problems == {}
        said = ledger.runs[run.name]
        facts = {
            "name": "brave ✓", "experiment": path.split("/")[1], "status": "finished", "user": "ada", "group": "g",
            "job_type": "train", "notes": "first\nsecond", "git_commit": "c0ffee",
        }  # fmt: skip
        assert {name: said[name] for name in facts} == facts
        assert said["uri"] == f"{cloud.url}/{path}/runs/{run.name}"
        assert (said["started"], said["updated"]) == (run.created, run.beat)
        assert said["ended"] == run.beat
        assert ledger.params_of(run.name) == {
            "lr": "0.00001", "model.depth": "3", "model.act.name": "gelu λ", "layers": "[64, 32]", "on": "true",
            "x": "NaN",
        }  # fmt: skip
        assert ledger.tags_of(run.name) == {
            "baseline": "baseline", "two words": "two words", "word": "hello", "wandb.id": run.name,
            "wandb.entity": "team", "wandb.sweep": "s1",
        }  # fmt: skip
        last = {key: row["last"] for (_, key), row in ledger.metrics.items()}
        assert repr(last.pop("nan")) == "nan"
        assert last == {"loss": 0.5, "odd": -INF, "deep.er": 2.0, "done": 1.0, "system/gpu.0.gpu": 97.5}
        for row in ledger.metrics.values():
            assert (row["exact"], row["count"], row["min"], row["max"]) == (False, None, None, None)

    def test_newest_first_in_few_requests(self, cloud: CloudServer, path: str, opened: Open) -> None:
        runs = [logged(cloud.add(path, f"run {number}"), 1) for number in range(130)]
        batches = list(opened(path).scan())
        assert [batch.runs.height for batch in batches] == [20, 100, 10]
        assert {batch.total for batch in batches} == {130}
        names = [name for batch in batches for name in batch.runs["name"]]
        assert names == [run.display_name for run in reversed(runs)]
        assert [operation for operation in cloud.operations() if operation != "Viewer"] == ["Runs"] * 3
        assert Ledger(batches).runs.keys() == {run.name for run in runs}

    @pytest.mark.parametrize(
        ("state", "status"),
        [("running", "running"), ("finished", "finished"), ("failed", "failed"), ("killed", "killed"),
         ("crashed", "stale"), ("pending", "scheduled"), ("preempted", "killed"), ("what", "unknown")],
    )  # fmt: skip
    def test_states(self, cloud: CloudServer, path: str, opened: Open, state: str, status: str) -> None:
        run = cloud.add(path, "one", state=state)
        assert read_all(opened(path)).runs[run.name]["status"] == status

    def test_empty_project(self, path: str, opened: Open) -> None:
        source = opened(path)
        assert read_all(source).state() == {}
        assert source.history([]).complete
        assert source.history(["nope"]).complete

    def test_one_run_by_its_location_and_by_its_page(self, cloud: CloudServer, path: str, opened: Open) -> None:
        run = logged(cloud.add(path, "one"), 3)
        cloud.add(path, "two")
        for location in (f"wandb://{path}/{run.name}", f"{cloud.url}/{path}/runs/{run.name}/overview"):
            source = opened(location)
            assert read_all(source).runs.keys() == {run.name}
            assert read_all(opened(source.uri)).runs.keys() == {run.name}
            assert series(read_history(source, [run.name])[0])["train/acc"] == [(0, "0.0"), (1, "1.0"), (2, "2.0")]

    def test_run_that_is_not_as_described_loses_no_other(
        self, cloud: CloudServer, path: str, opened: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        good, bad = cloud.add(path, "good"), cloud.add(path, "bad")
        monkeypatch.setattr(bad, "node", lambda: {key: good.node()[key] for key in ("id", "state")} | {"name": "bad"})
        ledger = read_all(opened(path))
        assert ledger.runs.keys() == {good.name}
        assert len(ledger.problems) == 1


# --- histories --------------------------------------------------------------------------------------------------------


class TestHistory:
    def test_every_point_as_it_was_logged(self, cloud: CloudServer, path: str, opened: Open) -> None:
        run = cloud.add(path, "one")
        values = [NAN, INF, -INF, 0.0, 1e22, 0.1 + 0.2, 5e-324]
        for value in values:
            run.log({"odd": value, "deep": {"er": value}, "text": "no", "h": {"_type": "histogram", "packed": 3}})
        run.log({"late": 1.5, "flag": True}, step=100)
        source = opened(path)
        points, cursor, answers = read_history(source, [run.name])
        odd = [(step, repr(value)) for step, value in enumerate(values)]
        assert series(points) == {"odd": odd, "deep.er": odd, "late": [(100, "1.5")], "flag": [(100, "1.0")]}
        assert [ms for _, ms, _ in points[run.name, "late"]] == [round(run.beat.timestamp() * 1000)]
        assert answers[-1].complete
        assert cursor.keys() == {(run.name, key) for key in ("odd", "deep.er", "late", "flag")}
        assert series(read_history(source, [run.name], ["late", "nope"])[0]) == {"late": [(100, "1.5")]}
        assert read_history(source, [run.name], [])[0] == {}

    def test_cursor_goes_on_with_exactly_what_is_new(self, cloud: CloudServer, path: str, opened: Open) -> None:
        run, other = logged(cloud.add(path, "one"), 20), logged(cloud.add(path, "two"), 5)
        source = opened(path)
        _, cursor, _ = read_history(source, [run.name, other.name])
        cloud.asked.clear()
        assert read_history(source, [run.name, other.name], cursor=cursor)[0] == {}
        assert cloud.operations() == ["Runs"]
        run.log({"loss": 7.0, "new": 1})
        run.log({"new": 2})
        points, later, answers = read_history(source, [run.name, other.name], cursor=cursor)
        assert series(points) == {"loss": [(20, "7.0")], "new": [(20, "1.0"), (21, "2.0")]}
        assert not any(answer.restarted for answer in answers)
        pages = [asked for operation, asked in cloud.asked if operation == "HistoryPage"]
        assert [asked["minStep"] for asked in pages] == [20]
        assert read_history(source, [run.name], cursor=later)[0] == {}
        fresh = opened(path)  # which knows nothing of what was read before
        assert series(read_history(fresh, [run.name], ["loss"], cursor)[0]) == {"loss": [(20, "7.0")]}

    def test_metrics_asked_for_one_after_the_other(self, cloud: CloudServer, path: str, opened: Open) -> None:
        run = logged(cloud.add(path, "one"), 10)
        source = opened(path)
        points, cursor, _ = read_history(source, [run.name], ["loss"])
        assert series(points).keys() == {"loss"}
        points, cursor, _ = read_history(source, [run.name], None, cursor)
        assert series(points) == {"train/acc": [(step, repr(float(step))) for step in range(10)]}

    def test_comes_in_pieces(
        self, cloud: CloudServer, path: str, opened: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runs = [logged(cloud.add(path, f"run {number}"), 50) for number in range(2)]
        monkeypatch.setattr(f"{READINGS}._BUDGET", 40)
        points, _, answers = read_history(opened(path), [run.name for run in runs])
        assert len(answers) >= 5
        assert all(answer.frame.height <= 42 for answer in answers)
        for run in runs:
            assert [step for step, _, _ in points[run.name, "loss"]] == list(range(50))

    def test_few_steps_far_apart_take_few_requests(self, cloud: CloudServer, path: str, opened: Open) -> None:
        run = cloud.add(path, "one")
        for number in range(50):
            run.log({"frames": number}, step=number * 100_000)
        points, _, _ = read_history(opened(path), [run.name])
        assert [step for step, _, _ in points[run.name, "frames"]] == [number * 100_000 for number in range(50)]
        assert cloud.operations().count("HistoryPage") < 10

    def test_rewound_history_is_restarted(self, cloud: CloudServer, path: str, opened: Open) -> None:
        run = logged(cloud.add(path, "one"), 20)
        source = opened(path)
        _, cursor, _ = read_history(source, [run.name])
        del run.history[5:]
        points, _, answers = read_history(source, [run.name], cursor=cursor)
        assert answers[0].restarted == {(run.name, "loss"), (run.name, "train/acc")}
        assert [step for step, _, _ in points[run.name, "loss"]] == list(range(5))

    def test_run_that_is_gone_has_none(self, cloud: CloudServer, path: str, opened: Open) -> None:
        one, two = logged(cloud.add(path, "one"), 3), logged(cloud.add(path, "two"), 3)
        source = opened(path)
        read_all(source)
        cloud.projects["team", path.split("/")[1]].remove(one)
        assert {run_id for run_id, _ in read_history(source, [one.name, two.name])[0]} == {two.name}

    def test_by_exports_and_then_by_rows(
        self, cloud: CloudServer, path: str, opened: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Parquet files for the most of a history, and what is younger row by row: the same as all row by row."""
        run = cloud.add(path, "one")
        for step in range(300):
            run.log({"loss": [NAN, INF, 0.1 * step][step % 3], "deep": {"er": step}, "word": "NaN" if step % 2 else "x",
                     **({"rare": step} if step % 50 == 0 else {}), "h": {"_type": "histogram", "n": 1}})  # fmt: skip
        expected = series(read_history(opened(path), [run.name])[0])
        for start, end in ((0, 100), (100, 250)):
            cloud.export(run, start, end)
        monkeypatch.setattr(f"{READINGS}._WORTH_EXPORTS", 10)
        cloud.asked.clear()
        source = opened(path)
        points, _, answers = read_history(source, [run.name])
        assert series(points) == expected
        assert len(answers) == 3
        assert [asked["minStep"] for operation, asked in cloud.asked if operation == "HistoryPage"] == [250]
        run.log({"loss": 3.0})
        assert series(read_history(source, [run.name], ["loss"], answers[-1].cursor)[0]) == {"loss": [(300, "3.0")]}

    @pytest.mark.parametrize(
        "files",
        [[[0, 2, 1]], [[0, 1], [1, 2]], [[0, None]], [["a"]], [], [[]]],
        ids=["not in order", "twice", "no step", "other steps", "none", "empty"],
    )
    def test_exports_that_are_not_as_expected_are_left_alone(self, tmp_path: Path, files: list[list[Any]]) -> None:
        paths = [tmp_path / f"{number}.parquet" for number in range(len(files))]
        for file, steps in zip(paths, files, strict=True):
            pl.DataFrame({"_step": steps, "loss": [1.0] * len(steps)}).write_parquet(file)
        got = SimpleNamespace(paths=paths, errors={})
        run = SimpleNamespace(download_history_exports=lambda directory, **_: got)
        assert download(run, str(tmp_path)).end == 0
        got.paths = [*paths, tmp_path / "not there"]
        assert download(run, str(tmp_path)).end == 0
        assert download(object(), str(tmp_path)).end == 0


# --- following --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
class TestFollow:
    def test_reports_what_happens(self, cloud: CloudServer, path: str, opened: Open, follow: Any) -> None:
        stays, goes = logged(cloud.add(path, "stays"), 3), logged(cloud.add(path, "goes", state="finished"), 3)
        following: Following = follow(opened(path))
        following.until(lambda said: following.changes, "that it has begun")
        assert following.changes[0].batch is None
        stays.log({"loss": 7.0})
        following.until(lambda said: said.metrics[stays.name, "loss"]["last"] == 7.0, "a point")
        added = logged(cloud.add(path, "added", config={"lr": 1}), 2)
        following.until(lambda said: said.params_of(added.name) == {"lr": "1"}, "a run is new")
        stays.tags.append("good")
        following.until(lambda said: "good" in said.tags_of(stays.name), "a tag is new")
        cloud.projects["team", path.split("/")[1]].remove(goes)
        following.until(lambda said: goes.name not in said.runs, "a run is gone")
        stays.state = "finished"
        following.until(lambda said: said.runs[stays.name]["status"] == "finished", "a run has finished")
        assert following.ledger.runs[stays.name]["ended"] == stays.beat
        following.until_like(opened(path))

    def test_only_what_changed_is_said(self, cloud: CloudServer, path: str, opened: Open, follow: Any) -> None:
        still, moves = logged(cloud.add(path, "still"), 3), logged(cloud.add(path, "moves"), 3)
        following: Following = follow(opened(path))
        for value in (5.0, 6.0):
            moves.log({"loss": value})
            following.until(lambda said, value=value: said.metrics[moves.name, "loss"]["last"] == value, "a point")
        said = [set(change.batch.runs["run_id"]) for change in following.changes if change.batch is not None]
        assert set().union(*said) == {moves.name}
        assert still.name in following.ledger.runs

    def test_nothing_falls_between_scan_and_follow(self, cloud: CloudServer, path: str, opened: Open) -> None:
        run, goes = logged(cloud.add(path, "one"), 3), cloud.add(path, "goes", state="finished")
        source = opened(path)
        ledger = read_all(source)
        run.log({"loss": 9.0})
        late = cloud.add(path, "late", state="finished")
        cloud.projects["team", path.split("/")[1]].remove(goes)
        changes = source.follow(Focus())
        for change in changes:
            ledger.apply_change(change)
            if change.batch is None and not change.removed:
                break
        assert ledger.runs.keys() == {run.name, late.name}
        assert ledger.metrics[run.name, "loss"]["last"] == 9.0

    def test_finished_run_is_watched_while_it_is_looked_at(
        self, cloud: CloudServer, path: str, opened: Open, follow: Any
    ) -> None:
        runs = [cloud.add(path, f"run {number}", state="finished") for number in range(12)]
        focus = Focus(run_ids=frozenset({runs[0].name, "no such run"}))
        following: Following = follow(opened(path), focus)
        runs[0].tags.append("verdict")
        following.until(lambda said: "verdict" in said.tags_of(runs[0].name), "a tag of a run that is looked at")

    def test_all_are_listed_now_and_then(
        self, cloud: CloudServer, path: str, opened: Open, follow: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(f"{CHANGES}._SWEEP_SECONDS", 0.1)
        runs = [cloud.add(path, f"run {number}", state="finished") for number in range(12)]
        following: Following = follow(opened(path))
        runs[0].notes = "seen?"
        following.until(lambda said: said.runs[runs[0].name]["notes"] == "seen?", "an edit of an old run")
        assert not any(operation == "Run" for operation in cloud.operations())

    def test_values_become_exact_when_the_history_is_read(
        self, cloud: CloudServer, path: str, opened: Open, follow: Any
    ) -> None:
        run = logged(cloud.add(path, "one", system={"system.cpu": 4.5}), 50)
        run.summary["extra"] = 3.0
        source = opened(path)
        following: Following = follow(source)
        _, cursor, _ = read_history(source, [run.name])
        following.until(lambda said: said.metrics[run.name, "loss"]["exact"], "the exact values")
        row = following.ledger.metrics[run.name, "loss"]
        assert (row["count"], row["min"], row["min_step"], row["max"], row["max_step"]) == (50, 0.02, 49, 1.0, 0)
        assert (row["last"], row["last_step"], row["last_time"]) == (0.02, 49, run.beat)
        assert following.ledger.metrics[run.name, "extra"]["count"] == 0
        assert not following.ledger.metrics[run.name, "system/cpu"]["exact"]
        run.log({"loss": 7.0})
        following.until(lambda said: said.metrics[run.name, "loss"]["last"] == 7.0, "a point more")
        assert not following.ledger.metrics[run.name, "loss"]["exact"]
        read_history(source, [run.name], cursor=cursor)
        following.until(lambda said: said.metrics[run.name, "loss"]["count"] == 51, "that it is counted")
        assert following.ledger.metrics[run.name, "loss"]["max"] == 7.0

    def test_asked_too_often_it_waits_and_goes_on(
        self, cloud: CloudServer, path: str, opened: Open, follow: Any
    ) -> None:
        run = logged(cloud.add(path, "one"), 3)
        following: Following = follow(opened(path))
        following.until(lambda said: following.changes, "that it has begun")
        run.log({"loss": 8.0})
        before = len(cloud.asked)
        limited = Answer(429, b'{"error":"rate limit exceeded"}')
        cloud.trouble = lambda operation, times: limited if len(cloud.asked) <= before + 2 else None
        following.until(lambda said: said.metrics[run.name, "loss"]["last"] == 8.0, "a point, after a while")

    def test_close_ends_a_follow_that_waits(self, cloud: CloudServer, path: str, opened: Open, follow: Any) -> None:
        source = opened(path)
        following: Following = follow(source)
        following.until(lambda said: following.changes, "that it has begun")
        source.close()
        source.close()
        following.ends(within=5.0)
        assert list(source.follow(Focus())) == []
        assert read_all(source).runs == {}
        assert not source.history(["x"]).complete


# --- selecting --------------------------------------------------------------------------------------------------------


class TestSelect:
    def test_best_of_many(self, cloud: CloudServer, path: str, opened: Open) -> None:
        runs = [cloud.add(path, f"run {number}", config={"opt": "ab"[number % 2]}) for number in range(60)]
        for number, run in enumerate(runs):
            run.log({"loss": {30: INF, 31: NAN, 32: -INF, 34: True}.get(number, float(number))})
        cloud.add(path, "none", config={"opt": "a"})
        wanted = Wanted(Compare("params.opt", "=", "a"), [Order("metrics.loss")], 3)
        batches = opened(path).select(wanted)
        assert batches is not None
        found = Ledger(batches)
        assert {runs[number].name for number in (32, 0, 34)} <= found.runs.keys()
        assert len(found.runs) < 12
        assert found.params_of(runs[0].name) == {"opt": "a"}
        last = opened(path).select(Wanted(All(()), [Order("metrics.loss")], 61))
        assert last is not None
        assert len(Ledger(last).runs) == 61

    def test_newest_few_are_asked_for_alone(self, cloud: CloudServer, path: str, opened: Open) -> None:
        runs = [cloud.add(path, f"run {number}") for number in range(60)]
        batches = opened(path).select(Wanted(All(()), (), 5))
        assert batches is not None
        assert Ledger(batches).runs.keys() == {run.name for run in runs[-5:]}
        assert cloud.operations().count("Runs") == 1

    def test_what_cannot_be_narrowed_down_is_to_be_scanned(self, path: str, opened: Open) -> None:
        assert opened(path).select(Wanted(Word("x"))) is None
        assert opened(path).select(Wanted()) is None

    def test_server_that_does_not_know_the_filter_sends_all(self, cloud: CloudServer, path: str, opened: Open) -> None:
        runs = [cloud.add(path, f"run {number}") for number in range(3)]
        refusal = Answer(200, b'{"errors":[{"message":"unknown filter","path":["project"]}],"data":{"project":null}}')
        cloud.trouble = lambda operation, times: refusal if times == 1 and operation == "Runs" else None
        batches = opened(path).select(Wanted(Compare("status", "=", "finished")))
        assert batches is not None
        assert Ledger(batches).runs.keys() == {run.name for run in runs}


# --- troubles ---------------------------------------------------------------------------------------------------------


def lost(source: CloudStore) -> SourceLostError:
    with pytest.raises(SourceLostError) as caught:
        read_all(source)
    for text in (caught.value.message, caught.value.remedy, repr(caught.value)):
        assert text.strip()
        assert KEY not in text
    return caught.value


class TestTroubles:
    @pytest.mark.parametrize(
        ("answer", "says", "remedy"),
        [
            (Answer(401, b'{"errors":[{"message":"no"}]}'), "does not accept wandb's key (401): no", "login"),
            (Answer(403, b'{"errors":[{"message":"permission denied"}]}'), "does not let you in (403)", "Ask for"),
            (Answer(404, b'{"errors":[{"message":"project not found"}]}'), "has no team/", "wandb login"),
            (Answer(429, b'{"error":"rate limit"}', {"Retry-After": "1"}), "asked too often", "tried again"),
            (Answer(500, b"oops"), "in trouble (500)", "tried again"),
            (Answer(502, b"<html>bad gateway"), "in trouble (502)", "tried again"),
            (Answer(200, b"<html>hello</html>", {"Content-Type": "text/html"}), "a web page", "address"),
            (Answer(200, b""), "not W&B's", "address"),
            (Answer(200, b'{"errors":[{"message":"no such field"}]}'), "does not understand", "newer wandb"),
        ],
        ids=["401", "403", "404", "429", "500", "502", "HTML", "nothing", "GraphQL error"],
    )  # fmt: skip
    def test_answers(self, cloud: CloudServer, path: str, opened: Open, answer: Answer, says: str, remedy: str) -> None:
        source = opened(path)
        cloud.trouble = lambda operation, times: answer if operation == "Runs" else None
        error = lost(source)
        assert says in error.message
        assert remedy in error.remedy
        cloud.trouble = lambda operation, times: None
        assert read_all(source).runs == {}

    def test_server_that_wants_a_rest_is_given_it(self, cloud: CloudServer, path: str, opened: Open) -> None:
        cloud.add(path, "one")
        rest = Answer(429, b'{"error":"rate limit exceeded"}', {"Retry-After": "1"})
        cloud.trouble = lambda operation, times: rest if operation == "Runs" and times == 1 else None
        assert len(read_all(opened(path)).runs) == 1

    def test_key_that_is_wrong(self, path: str, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        wrong = "f" * 40
        monkeypatch.setenv("WANDB_API_KEY", wrong)
        error = lost(opened(path))
        assert "does not accept wandb's key (401)" in error.message
        assert "wandb login --relogin --host=" in error.remedy
        assert wrong not in error.message + error.remedy

    def test_key_that_is_none(self, path: str, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WANDB_API_KEY", "short")
        assert "is no key" in lost(opened(path)).message

    def test_server_that_is_down_is_not_a_wrong_key(self, cloud: CloudServer, path: str, opened: Open) -> None:
        cloud.add(path, "one")
        source, later = opened(path), opened(path)
        read_all(source)
        cloud.stop()
        try:
            errors = [lost(source), lost(later)]
            for ask in (lambda: source.history(["x"]), lambda: list(source.follow(Focus()))):
                with pytest.raises(SourceLostError) as caught:
                    ask()
                errors.append(caught.value)
        finally:
            cloud.start()
        for error in errors:
            assert error.message == f"{cloud.url}: nothing listens at this address."
            assert "Start the server" in error.remedy
            assert "key" not in error.message + error.remedy
        assert len(read_all(source).runs) == len(read_all(later).runs) == 1

    def test_host_that_does_not_exist(self, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WANDB_BASE_URL", "http://no-such-host.invalid")
        error = lost(opened("wandb://team/p"))
        assert "no-such-host.invalid" in error.message
        assert "network" in error.remedy

    def test_unknown_project_and_run(self, cloud: CloudServer, path: str, opened: Open) -> None:
        assert "has no team/nope" in lost(opened("wandb://team/nope")).message
        assert "does not show it to you" in lost(opened(f"wandb://{path}/nope")).message

    def test_key_is_sent_to_no_other_server(self, cloud: CloudServer, path: str, opened: Open) -> None:
        other = CloudServer()
        try:
            error = lost(opened(f"{other.url}/{path}/runs/abc"))
            assert other.asked == []
        finally:
            other.stop()
        assert "no key for" in error.message
        assert f"--host={other.url}" in error.remedy

    def test_close_does_not_wait_for_a_server_that_hangs(
        self, cloud: CloudServer, path: str, opened: Open, follow: Any
    ) -> None:
        cloud.trouble = lambda operation, times: Answer(hangs=True) if operation == "Runs" else None
        source = opened(path)
        following = Following(source, Ledger(), Focus())
        assert cloud.hanging.wait(15)
        source.close()
        following.ends(within=5.0)
        cloud.released.set()


# --- in a process of its own ------------------------------------------------------------------------------------------

ALONE = """
import json, os, sys
from tui_runs.errors import SourceLostError
from tui_runs_wandb.cloud.histories import download
from tui_runs_wandb.cloud.store import CloudStore
location, run_id, key = sys.argv[1:]
untouched = lambda: (dict(os.environ), sys.excepthook, sys.exit)

def core():
    connection = sys.modules["wandb.sdk.wandb_setup"]._singleton._connection
    return connection and connection._proc._process

before = untouched()
source = CloudStore(location)
assert "wandb" not in sys.modules
try:
    told = list(source.scan())
except SourceLostError as error:
    told = f"{error.message} {error.remedy}"
source.close()
assert untouched() == before

os.environ["WANDB_API_KEY"] = key
before = untouched()
source = CloudStore(location)
rows = sum(batch.runs.height for batch in source.scan())
points = source.history([run_id]).frame.height
process, scratch = core(), os.environ["WANDB_DIR"]
assert process.poll() is None and os.path.isdir(scratch)
source.close()
assert process.poll() is not None and not os.path.exists(scratch)
assert untouched() == before
print(json.dumps([told, rows, points]))
"""


def test_alone_on_a_terminal_it_asks_nobody_and_leaves_nothing_behind(
    cloud: CloudServer, path: str, tmp_path: Path
) -> None:
    """In a process of its own, first without a key: wandb would ask for one, and waits for an answer."""
    import pexpect

    run = logged(cloud.add(path, "one"), 5)
    work = tmp_path / "work"
    work.mkdir()
    environment = {**login(cloud.url, tmp_path), "PATH": "/usr/bin:/bin", "TERM": "xterm"}
    del environment["WANDB_API_KEY"]
    arguments = ["-c", ALONE, f"wandb://{path}", run.name, KEY]
    done = pexpect.spawn(sys.executable, arguments, cwd=str(work), env=environment, timeout=60, encoding="utf-8")
    done.expect(pexpect.EOF)
    done.close()
    assert done.exitstatus == 0, done.before
    said = str(done.before).split("\r\n")
    assert len(said) == 2, said  # nothing is said but what the script says
    assert KEY not in said[0]
    told, rows, points = json.loads(said[0])
    assert told.startswith(f"wandb has no key for {cloud.url}. Run `wandb login --host={cloud.url}`")
    assert (rows, points) == (1, 10)
    assert list(work.iterdir()) == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["work"]


# --- beside the same run on a disk ------------------------------------------------------------------------------------

WRITE = """
import json, sys
import wandb
run = wandb.init(project="lab", id="same1", name="same", group="g", job_type="train", tags=["a", "b c"], notes="n",
                 config={"lr": 1e-05, "wd": -2.5e-07, "m": {"d": 3, "n": None, "s": "x"}, "l": [1, 2.5], "on": True,
                         "a.b": 1.5, "e": {}},
                 settings=wandb.Settings(x_disable_stats=True))
rows = [{"loss": 1 / (step + 1), "deep": {"er": step}, "odd": [float("nan"), float("inf"), 2.5][step % 3],
         "word": f"w{step}", "h": wandb.Histogram([step, 2, 3]), "big": 2**60, "on": step > 3} for step in range(12)]
for row in rows:
    run.log(row)
run.summary["best"] = 0.25
run.summary["loss"] = 42.0
plain = [{**row, "h": {"_type": "histogram", "values": [1]}} for row in rows]
summary = {**plain[-1], "best": 0.25, "loss": 42.0}
json.dump([dict(run.config), plain, summary], sys.stdout)
run.finish()
"""


def test_same_run_reads_the_same_from_a_disk_and_from_the_cloud(
    cloud: CloudServer, path: str, opened: Open, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", WRITE]
    done = subprocess.run(
        command, env=sdk_environment(tmp_path), capture_output=True, text=True, check=True, timeout=60
    )
    config, rows, summary = json.loads(done.stdout)
    run = cloud.add(path, "same", config=config, group="g", job_type="train", tags=["a", "b c"], notes="n")
    for row in rows:
        run.log(row)
    run.summary.update(summary)
    run.state = "finished"
    local = WandbAdapter().open(str(tmp_path / "wandb"), {})
    here = read_all(local)
    (local_id,) = here.runs
    source = opened(path)
    there_points = series(read_history(source, [run.name])[0])
    there = read_all(source)
    assert there.params_of(run.name) == here.params_of(local_id)
    own = {"wandb.id", "wandb.entity"}
    assert {k: v for k, v in there.tags_of(run.name).items() if k not in own} == {
        k: v for k, v in here.tags_of(local_id).items() if k not in own
    }
    for column in ("name", "status", "group", "job_type", "notes"):
        assert there.runs[run.name][column] == here.runs[local_id][column], column
    shown = ("last", "last_step", "min", "min_step", "max", "max_step", "count", "exact")

    def metrics(ledger: Ledger) -> dict[str, list[str]]:
        return {key: [repr(row[name]) for name in shown] for (_, key), row in ledger.metrics.items()}

    assert metrics(there) == metrics(here)
    assert there_points == series(read_history(local, [local_id])[0])
    assert there.runs[run.name]["started"] > START
    local.close()


# What wandb 0.31 puts into a run's config for define_metric("loss", summary="min"), ("val/*", step_metric="epoch") and
# ("secret/*", step_metric="epoch", hidden=True); test_wandb_online looks at what it sends.
DEFINITIONS: list[dict[str, Any]] = [
    {"1": "loss", "6": [3], "7": [1]},
    {"2": "val/*", "5": 3, "6": [1, 3], "7": []},
    {"1": "epoch", "6": [], "7": []},
    {"2": "secret/*", "4": "epoch", "6": [1, 2, 3], "7": []},
]


def test_x_axes_of_metrics(cloud: CloudServer, path: str, opened: Open) -> None:
    run = cloud.add(path, "one", definitions=DEFINITIONS)
    run.log({"loss": 1, "val/x": 2, "epoch": 3, "valid": 4, "secret/x": 5})
    odd: list[Any] = [7, {}, {"1": 3, "5": 1}, {"1": "a", "5": 99}, {"1": "b", "5": -1, "6": "x"}, {"2": "c*", "4": 2}]
    other = cloud.add(path, "other", definitions=odd)
    source = opened(path)
    assert isinstance(source, Detailed)
    rows = source.details([run.name, other.name, "nobody"]).frame.rows()
    assert {row[1:] for row in rows if row[0] == run.name} == {
        ("metric", "val/*", "step_metric", "epoch"), ("metric", "val/x", "step_metric", "epoch"),
        ("metric", "secret/*", "step_metric", "epoch"), ("metric", "secret/*", "hidden", "true"),
        ("metric", "secret/x", "step_metric", "epoch"),
    }  # fmt: skip
    assert {row[0] for row in rows} == {run.name}, "what is not as W&B describes it says nothing"
    assert source.details([]).frame.is_empty()
    source.close()
    assert source.details([run.name]).frame.is_empty()
