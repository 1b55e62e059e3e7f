"""Following an MLflow file store: what the contract cannot say, as other stores have no experiments or files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.contract import LOSS, ODD
from tests.adapters.ledger import Following, Ledger, read_all
from tests.adapters.mlflow_stores import EXPERIMENT_META, HandMadeStore, MlflowWriter, run_meta
from tui_runs.adapter import Focus, Source
from tui_runs.errors import SourceLostError
from tui_runs.follow import FileWatch, follower
from tui_runs_mlflow import MlflowAdapter, store_changes

LINE = b"1700000000000 0.5 0\n"


class Followed:
    """A store that is followed, and a second look at it for comparison."""

    def __init__(
        self,
        location: Path | str,
        focus: Focus | None = None,
        before_following: Callable[[], Any] = lambda: None,
        **options: bool,
    ) -> None:
        self.location, self.options = str(location), options
        self.source: Source = MlflowAdapter().open(self.location, options)
        ledger = read_all(self.source)
        before_following()
        self.focus = focus or Focus()
        self.following = Following(self.source, ledger, self.focus)
        self.said = self.following.ledger

    def follow_again(self) -> None:
        """As a reader does whose source was lost."""
        self.following = Following(self.source, self.said, self.focus)

    def until(self, holds: Callable[[Ledger], object], what: str) -> None:
        self.following.until(holds, what)

    def until_as_scanned(self) -> None:
        fresh = MlflowAdapter().open(self.location, self.options)
        self.following.until_like(fresh)
        fresh.close()

    def end(self) -> None:
        self.source.close()
        self.following.ends()


@pytest.fixture
def follow() -> Iterator[Callable[..., Followed]]:
    started: list[Followed] = []

    def start(*args: Any, **options: Any) -> Followed:
        started.append(Followed(*args, **options))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture
def writer(tmp_path: Path) -> MlflowWriter:
    return MlflowWriter(tmp_path / "mlruns")


@pytest.fixture
def by_hand(tmp_path: Path) -> HandMadeStore:
    return HandMadeStore(tmp_path / "mlruns")


def before_watching(monkeypatch: pytest.MonkeyPatch, path: Path, act: Callable[[], Any]) -> None:
    """Do something at the last moment at which a directory is not watched yet."""
    done: list[bool] = []
    watch = FileWatch.watch

    def act_and_watch(self: FileWatch, directories: Any) -> None:
        wanted = [os.fspath(directory) for directory in directories]
        if str(path) in wanted and not done:
            done.append(True)
            act()
        watch(self, wanted)

    monkeypatch.setattr(FileWatch, "watch", act_and_watch)


class TestNothingFallsBetween:
    def test_run_made_just_before_its_experiment_is_watched(
        self, writer: MlflowWriter, follow: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        late: list[str] = []
        experiment = writer.root / writer.experiment
        before_watching(monkeypatch, experiment, lambda: late.append(writer.add_run("late", metrics={"loss": LOSS})))
        store = follow(writer.location)
        store.until(lambda said: late and said.count(late[0], "loss") == len(LOSS), "the run made in between")
        store.until_as_scanned()

    def test_run_made_just_before_a_new_experiment_is_watched(
        self, writer: MlflowWriter, follow: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = follow(writer.location)
        first = writer.add_run("first")
        store.until(lambda said: first in said.runs, "that it follows")
        other = MlflowWriter.__new__(MlflowWriter)
        other.__dict__.update(writer.__dict__)
        late: list[str] = []
        where = writer.root / "555"
        before_watching(monkeypatch, where, lambda: late.append(other.add_run("late")))
        other.experiment = "555"
        where.mkdir()
        (where / "meta.yaml").write_text(EXPERIMENT_META.format(uri=where, experiment="555", name="new"))
        store.until(lambda said: late and late[0] in said.runs, "the run made in between")
        assert store.said.runs[late[0]]["experiment"] == "new"

    def test_metric_directory_made_just_before_it_is_watched(
        self, writer: MlflowWriter, follow: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = writer.add_run("one")
        deep = writer.run_dir(run_id) / "metrics" / "train"
        store = follow(writer.location)
        writer.add_run("sentinel")
        store.until(lambda said: said.named("sentinel"), "that it follows")
        before_watching(monkeypatch, deep, lambda: writer.append(run_id, "train/loss", LOSS[1:3]))
        writer.append(run_id, "train/loss", LOSS[:1])
        store.until(lambda said: said.count(run_id, "train/loss") == 3, "the points made in between")

    def test_experiment_that_is_still_being_made(self, by_hand: HandMadeStore, follow: Any) -> None:
        """Its directory is there before its meta.yaml, and that long before its first run."""
        store = follow(by_hand.location)
        where = by_hand.root / "777"
        where.mkdir()
        by_hand.put_run("a" * 32)
        store.until(lambda said: "a" * 32 in said.runs, "a run made after the directory")
        (where / "meta.yaml").write_text(EXPERIMENT_META.format(uri=where, experiment="777", name="slow"))
        by_hand.put_run("b" * 32)
        store.until(lambda said: "b" * 32 in said.runs, "a run made after its meta.yaml")
        by_hand.put_run("c" * 32, experiment="777")
        store.until(lambda said: "c" * 32 in said.runs, "its first run")
        assert store.said.runs["c" * 32]["experiment"] == "slow"
        store.until_as_scanned()

    def test_run_that_is_copied_in_piece_by_piece(self, by_hand: HandMadeStore, follow: Any) -> None:
        """As rsync and scp do it: a finished run whose params and metrics come after its meta.yaml."""
        store = follow(by_hand.location)
        where = by_hand.root / "0" / ("a" * 32)
        where.mkdir()
        (where / "meta.yaml").write_bytes(run_meta(where, "a" * 32))
        store.until(lambda said: "a" * 32 in said.runs, "the run")
        for part, key, data in (("metrics", "train/loss", LINE), ("params", "lr", b"1"), ("tags", "team", b"x")):
            path = where / part / key
            path.parent.mkdir(parents=True)
            path.write_bytes(data)
        store.until(lambda said: said.count("a" * 32, "train/loss") == 1, "its metric")
        store.until(lambda said: said.params_of("a" * 32) == {"lr": "1"}, "its param")
        store.until(lambda said: said.tags_of("a" * 32) == {"team": "x"}, "its tag")
        store.until_as_scanned()

    def test_directories_that_say_nothing_for_long(
        self, by_hand: HandMadeStore, follow: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As rsync leaves them when it is interrupted, with the times that they had elsewhere."""
        monkeypatch.setattr(store_changes, "_TRIES", 1)
        monkeypatch.setattr(store_changes, "_UNBORN_SECONDS", 0.0)
        monkeypatch.setattr(follower, "LOOK_SECONDS", 0.1)
        store = follow(by_hand.location)
        run, experiment = by_hand.root / "0" / ("a" * 32), by_hand.root / "777"
        for where in (run, experiment):
            where.mkdir()
            os.utime(where, (0, 0))
        for sentinel in "bcd":  # until both have been given up
            by_hand.put_run(sentinel * 32)
            store.until(lambda said, sentinel=sentinel: sentinel * 32 in said.runs, "a run made after them")
        (run / "meta.yaml").write_bytes(run_meta(run, "a" * 32))
        store.until(lambda said: "a" * 32 in said.runs, "the run")
        (experiment / "meta.yaml").write_text(EXPERIMENT_META.format(uri=experiment, experiment="777", name="slow"))
        by_hand.put_run("e" * 32, experiment="777")
        store.until(lambda said: "e" * 32 in said.runs, "the experiment's run")
        store.until_as_scanned()

    def test_run_whose_meta_is_being_written_is_no_problem(self, by_hand: HandMadeStore, follow: Any) -> None:
        store = follow(by_hand.location)
        where = by_hand.root / "0" / ("a" * 32)
        where.mkdir()
        meta = run_meta(where, "a" * 32, status=1)
        (where / "meta.yaml").write_bytes(meta[:40])
        by_hand.put_run("b" * 32)
        store.until(lambda said: "b" * 32 in said.runs, "a run made after the half of a meta.yaml")
        (where / "meta.yaml").write_bytes(meta)
        store.until(lambda said: "a" * 32 in said.runs, "the run, now that it can be read")
        assert not any(change.batch and change.batch.problems for change in store.following.changes)


class TestExperiments:
    def test_renamed(self, writer: MlflowWriter, follow: Any) -> None:
        run_id = writer.add_run("one", status="finished")
        store = follow(writer.location)
        writer.client.rename_experiment(writer.experiment, "renamed")
        store.until(lambda said: said.runs[run_id]["experiment"] == "renamed", "the new name")
        store.until_as_scanned()

    @pytest.mark.parametrize("shown", [False, True], ids=["hidden", "shown"])
    def test_deleted_and_restored(self, writer: MlflowWriter, follow: Any, shown: bool) -> None:
        run_id = writer.add_run("one", metrics={"loss": LOSS[:3]}, status="finished")
        store = follow(writer.location, deleted=shown)
        writer.client.delete_experiment(writer.experiment)
        if shown:
            store.until(lambda said: said.runs[run_id]["status"] == "deleted", "that it is deleted")
        else:
            store.until(lambda said: run_id not in said.runs, "that it is gone")
        writer.client.restore_experiment(writer.experiment)
        store.until(lambda said: run_id in said.runs and said.runs[run_id]["status"] == "finished", "that it is back")
        assert store.said.count(run_id, "loss") == 3
        store.until_as_scanned()

    def test_meta_that_breaks_is_a_problem_until_it_is_mended(self, by_hand: HandMadeStore, follow: Any) -> None:
        run_id = by_hand.put_run("a" * 32)
        store = follow(by_hand.location)
        meta = by_hand.root / "0" / "meta.yaml"
        good = meta.read_bytes()
        meta.write_bytes(b"}")
        store.until(lambda said: str(meta) in said.problems, "the problem")
        assert store.said.runs[run_id]["experiment"] == "by hand", "the last good name is kept"
        meta.write_bytes(good)
        store.until(lambda said: not said.problems, "that it is mended")
        store.until_as_scanned()

    def test_meta_that_is_mended_while_the_store_is_away(self, by_hand: HandMadeStore, follow: Any) -> None:
        by_hand.put_run("a" * 32)
        store = follow(by_hand.location)
        meta = by_hand.root / "0" / "meta.yaml"
        good = meta.read_bytes()
        meta.write_bytes(b"}")
        store.until(lambda said: str(meta) in said.problems, "the problem")
        away = by_hand.root.rename(by_hand.root.with_name("away"))
        store.following.raises(SourceLostError)
        (away / "0" / "meta.yaml").write_bytes(good)
        away.rename(by_hand.root)
        store.follow_again()
        store.until(lambda said: not said.problems, "that it is mended")
        store.until_as_scanned()

    @pytest.mark.parametrize("breaks", [True, False], ids=["breaks", "is mended"])
    def test_meta_that_changes_between_scan_and_follow(self, by_hand: HandMadeStore, follow: Any, breaks: bool) -> None:
        by_hand.put_run("a" * 32)
        meta = by_hand.root / "0" / "meta.yaml"
        good = meta.read_bytes()
        before, after = (good, b"}") if breaks else (b"}", good)
        meta.write_bytes(before)
        store = follow(by_hand.location, before_following=lambda: meta.write_bytes(after))
        store.until(lambda said: bool(said.problems) is breaks, "that it broke" if breaks else "that it is mended")

    def test_one_that_cannot_be_listed_for_a_moment_keeps_its_runs(
        self, by_hand: HandMadeStore, follow: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = by_hand.put_run("a" * 32)
        by_hand.add_experiment("1")
        store = follow(by_hand.location)
        by_hand.put_run("b" * 32, experiment="1")
        store.until(lambda said: "b" * 32 in said.runs, "that it follows")
        scandir, stale = os.scandir, str(by_hand.root / "0")

        def scandir_but_one(path: Any = ".") -> Any:
            if os.fspath(path) == stale:
                raise OSError(116, "Stale file handle")
            return scandir(path)

        with monkeypatch.context() as away:
            away.setattr(os, "scandir", scandir_but_one)
            by_hand.add_experiment("2")
            by_hand.put_run("c" * 32, experiment="2")
            store.until(lambda said: "c" * 32 in said.runs, "a run found by looking at all experiments")
            assert run_id in store.said.runs
        by_hand.put_run("d" * 32)
        store.until(lambda said: "d" * 32 in said.runs, "a run in the one that can be listed again")
        store.until_as_scanned()

    def test_one_alone_hears_of_no_other(self, by_hand: HandMadeStore, follow: Any) -> None:
        by_hand.add_experiment("1")
        store = follow(by_hand.root / "0")
        by_hand.put_run("a" * 32, experiment="1")
        by_hand.add_experiment("2")
        by_hand.put_run("b" * 32, experiment="2")
        by_hand.put_run("c" * 32)
        store.until(lambda said: "c" * 32 in said.runs, "the run of this one")
        assert set(store.said.runs) == {"c" * 32}
        store.until_as_scanned()


class TestRuns:
    @pytest.mark.parametrize("shown", [False, True], ids=["hidden", "shown"])
    def test_deleted_and_restored(self, writer: MlflowWriter, follow: Any, shown: bool) -> None:
        run_id = writer.add_run("one", metrics={"loss": LOSS[:3]})
        store = follow(writer.location, Focus(run_ids=frozenset({run_id})), deleted=shown)
        writer.client.delete_run(run_id)
        if shown:
            store.until(lambda said: said.runs[run_id]["status"] == "deleted", "that it is deleted")
        else:
            store.until(lambda said: run_id not in said.runs, "that it is gone")
        writer.client.restore_run(run_id)
        store.until(lambda said: run_id in said.runs and said.runs[run_id]["status"] == "running", "that it is back")
        store.until_as_scanned()

    def test_finished_and_resumed_without_being_looked_at(self, writer: MlflowWriter, follow: Any) -> None:
        """Of a finished run only meta.yaml is looked at now and then; once it runs again it is watched closely."""
        run_id = writer.add_run("one", status="finished", metrics={"loss": LOSS[:3]})
        store = follow(writer.location)
        writer.set_status(run_id, "running")
        writer.append(run_id, "loss", LOSS[3:10])
        store.until(lambda said: said.runs[run_id]["status"] == "running", "that it runs again")
        store.until(lambda said: said.count(run_id, "loss") == 10, "the points")
        writer.append(run_id, "loss", LOSS[10:12])
        store.until(lambda said: said.count(run_id, "loss") == 12, "more points")

    def test_moved_to_another_experiment(self, by_hand: HandMadeStore, follow: Any) -> None:
        run_id = by_hand.put_run("a" * 32, metrics={"loss": LINE})
        by_hand.add_experiment("1", name="elsewhere")
        store = follow(by_hand.location)
        by_hand.run_dir(run_id).rename(by_hand.root / "1" / run_id)
        store.until(
            lambda said: run_id in said.runs and said.runs[run_id]["experiment"] == "elsewhere", "where it is now"
        )
        store.until_as_scanned()

    def test_copy_is_a_problem_and_takes_the_place_of_the_first(self, by_hand: HandMadeStore, follow: Any) -> None:
        run_id = by_hand.put_run("a" * 32, metrics={"loss": LINE})
        by_hand.add_experiment("1", name="elsewhere")
        store = follow(by_hand.location)
        copy = by_hand.root / "1" / "copy"
        shutil.copytree(by_hand.run_dir(run_id), copy)
        store.until(lambda said: str(copy) in said.problems, "that there are two")
        assert store.said.runs[run_id]["experiment"] == "by hand"
        shutil.rmtree(by_hand.root / "0" / run_id)
        store.until(
            lambda said: run_id in said.runs and said.runs[run_id]["experiment"] == "elsewhere", "the one that is left"
        )
        store.until(lambda said: not said.problems, "that all is well")
        store.until_as_scanned()

    def test_link_to_a_run_says_nothing(self, by_hand: HandMadeStore, follow: Any) -> None:
        run_id = by_hand.put_run("a" * 32, metrics={"loss": LINE})
        by_hand.add_experiment("1")
        store = follow(by_hand.location)
        (by_hand.root / "1" / "link").symlink_to(by_hand.run_dir(run_id))
        by_hand.put_run("b" * 32, experiment="1")
        store.until(lambda said: "b" * 32 in said.runs, "a run made after the link")
        assert store.said.problems == {}
        store.until_as_scanned()


class TestMetrics:
    @pytest.mark.parametrize("how", ["emptied", "removed"])
    def test_that_are_gone(self, by_hand: HandMadeStore, follow: Any, how: str) -> None:
        run_id = by_hand.put_run("a" * 32, metrics={"deep/loss": LINE * 3, "stays": LINE}, status=1)
        store = follow(by_hand.location)
        by_hand.append(run_id, "stays", LOSS[:1])
        store.until(lambda said: said.count(run_id, "stays") == 2, "that it follows")
        path = by_hand.run_dir(run_id) / "metrics" / "deep" / "loss"
        if how == "emptied":
            os.truncate(path, 0)
        else:
            path.unlink()
        store.until(lambda said: (run_id, "deep/loss") not in said.metrics, "that it is gone")
        store.until_as_scanned()

    def test_bad_line_among_appended_ones(self, by_hand: HandMadeStore, follow: Any) -> None:
        run_id = by_hand.put_run("a" * 32, metrics={"loss": LINE * 3}, status=1)
        store = follow(by_hand.location)
        path = by_hand.run_dir(run_id) / "metrics" / "loss"
        with open(path, "ab") as file:
            file.write(b"oops\n" + LINE)
        store.until(lambda said: said.count(run_id, "loss") == 4, "the good line")
        assert list(store.said.problems) == [str(path)]
        assert "'oops'" in store.said.problems[str(path)].what
        assert "line 1" not in store.said.problems[str(path)].what, "it is line 4 of the file"

    def test_last_is_by_step_also_across_what_was_appended(self, writer: MlflowWriter, follow: Any) -> None:
        run_id = writer.add_run("one", metrics={"odd": ODD[:2]})
        store = follow(writer.location)
        for point in ODD[2:]:
            writer.append(run_id, "odd", [point])
        store.until_as_scanned()

    def test_far_more_than_one_read(self, by_hand: HandMadeStore, follow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tui_runs_mlflow.metric_series._CHUNK", 1000)
        run_id = by_hand.put_run("a" * 32, metrics={"loss": LINE, "other": LINE}, status=1)
        store = follow(by_hand.location)
        by_hand.append(run_id, "loss", LOSS * 20)
        by_hand.append(run_id, "other", LOSS * 20)
        store.until(lambda said: said.count(run_id, "loss") == said.count(run_id, "other") == 1001, "all of them")
        store.until_as_scanned()
