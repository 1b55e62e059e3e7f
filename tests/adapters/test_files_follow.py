"""What may happen to files while they are followed, whichever tool wrote them."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.adapters.contract import LOSS, StoreWriter
from tests.adapters.dirs_stores import LayoutWriter
from tests.adapters.ledger import DEADLINE, Following, Ledger, read_all
from tests.adapters.mlflow_stores import MlflowWriter
from tests.adapters.wandb_runs import WandbWriter, wait_until
from tui_runs import follow as follow_module
from tui_runs.adapter import Adapter, Focus, Source
from tui_runs.errors import SourceLostError
from tui_runs.follow import events, follower
from tui_runs_dirs import DirsAdapter
from tui_runs_mlflow import MlflowAdapter
from tui_runs_wandb import WandbAdapter

DAY = 86_400
WATCHES = "/proc/sys/fs/inotify/max_user_watches"


class Store(NamedTuple):
    """A store of one tool.

    Args:
        writer: writes it.
        adapter: reads it.
        other_name: a name that the directory of the run "one" may have as well.
    """

    writer: StoreWriter
    adapter: Adapter
    other_name: str

    def open(self) -> Source:
        return self.adapter.open(self.writer.location, {})

    def directory(self, run_id: str) -> Path:
        writer = self.writer
        if isinstance(writer, MlflowWriter):
            return writer.run_dir(run_id)
        if isinstance(writer, WandbWriter):
            return writer.log_path(run_id).parent
        assert isinstance(writer, LayoutWriter)
        return writer.directory(run_id)


class Followed:
    """A store that is followed through losses, as the app does it."""

    def __init__(self, store: Store, focus: Focus) -> None:
        self.store, self.focus = store, focus
        self.source = store.open()
        self.said = read_all(self.source)
        self.losses = 0
        self._followings = [Following(self.source, self.said, focus)]

    @property
    def changes(self) -> list[Any]:
        return [change for following in self._followings for change in following.changes]

    def until(self, holds: Callable[[Ledger], object], what: str) -> None:
        end = time.monotonic() + DEADLINE
        while True:
            try:
                self._followings[-1].until(holds, what)
                return
            except SourceLostError:
                assert time.monotonic() < end
                self.losses += 1
                self._followings.append(Following(self.source, self.said, self.focus))

    def begun(self) -> None:
        """Wait until the watching has begun."""
        self.until(lambda _: any(change.batch is None for change in self.changes), "that it has begun")

    def until_as_scanned(self) -> None:
        fresh = self.store.open()
        state = read_all(fresh).state()
        fresh.close()
        self.until(lambda said: said.state() == state, "the state that a fresh scan reads")

    def end(self) -> None:
        self.source.close()
        for following in self._followings:
            following.ends()


@pytest.fixture(params=["mlflow", "wandb", "dirs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    where = tmp_path / "store" / ("wandb" if request.param == "wandb" else "runs")
    if request.param == "mlflow":
        return Store(MlflowWriter(where), MlflowAdapter(), "f" * 32)
    if request.param == "wandb":
        return Store(WandbWriter(where), WandbAdapter(), "offline-run-20231115_000000-id1")
    return Store(LayoutWriter(where), DirsAdapter(), "renamed")


@pytest.fixture
def follow() -> Iterator[Callable[..., Followed]]:
    started: list[Followed] = []

    def start(store: Store, **focus: Any) -> Followed:
        started.append(Followed(store, Focus(**focus)))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at things as often as can be, at whatever cost."""
    monkeypatch.setattr(follower, "LOOK_SECONDS", 0.1)
    for name in ("POLL_SECONDS", "NET_SECONDS"):
        monkeypatch.setattr(follow_module, name, 0.05)
    for name in ("NET_SHARE", "POLL_SHARE"):
        monkeypatch.setattr(follow_module, name, 1.0)


@pytest.mark.usefixtures("hurry")
class TestClocks:
    @pytest.mark.parametrize("poll", [None, 0.05], ids=["events", "polling"])
    @pytest.mark.parametrize("when", [0, 4_000_000_000], ids=["1970", "2096"])
    def test_times_of_files_may_be_anything(self, store: Store, follow: Any, when: int, poll: float | None) -> None:
        """As of those that rsync brings, or that a machine with another clock writes."""

        def set_times() -> None:
            for path in (store.writer.root, *store.writer.root.rglob("*")):
                os.utime(path, (when, when))

        writer = store.writer
        run_id = writer.add_run("one", metrics={"loss": LOSS[:5]})
        set_times()
        followed = follow(store, run_ids=frozenset({run_id}), poll_seconds=poll)
        followed.begun()
        for count in range(6, 9):
            writer.append(run_id, "loss", LOSS[count - 1 : count])
            set_times()
            followed.until(lambda said, count=count: said.count(run_id, "loss") == count, f"point {count}")
        late = writer.add_run("late", params={"lr": "1"}, metrics={"loss": LOSS[:2]})
        set_times()
        followed.until(lambda said: said.count(late, "loss") == 2, "a run that appeared")
        writer.append(late, "loss", LOSS[2:4])
        set_times()
        followed.until(lambda said: said.count(late, "loss") == 4, "its points")

    @pytest.mark.parametrize("by", [-DAY, DAY], ids=["back", "forward"])
    def test_the_clock_may_jump(self, store: Store, follow: Any, by: int, monkeypatch: pytest.MonkeyPatch) -> None:
        writer = store.writer
        run_id = writer.add_run("one", metrics={"loss": LOSS[:5]})
        followed = follow(store)
        followed.begun()
        now = time.time
        with monkeypatch.context() as jump:
            jump.setattr(time, "time", lambda: now() + by)
            writer.append(run_id, "loss", LOSS[5:7])
            followed.until(lambda said: said.count(run_id, "loss") == 7, "points after the jump")
            late = writer.add_run("late", metrics={"loss": LOSS[:2]})
            followed.until(lambda said: said.count(late, "loss") == 2, "a run after the jump")
        writer.append(run_id, "loss", LOSS[7:9])
        followed.until(lambda said: said.count(run_id, "loss") == 9, "points after the jump back")


class TestMovedAndReplaced:
    @pytest.mark.parametrize("poll", [None, 0.05], ids=["events", "polling"])
    def test_a_run_is_renamed_and_back(self, store: Store, follow: Any, poll: float | None) -> None:
        writer = store.writer
        run_id = writer.add_run("one", metrics={"loss": LOSS[:5]})
        writer.add_run("other", metrics={"loss": LOSS[:5]})
        followed = follow(store, run_ids=frozenset({run_id}), poll_seconds=poll)
        followed.begun()
        before = store.directory(run_id)
        after = before.rename(before.with_name(store.other_name))
        followed.until_as_scanned()
        after.rename(before)
        writer.append(run_id, "loss", LOSS[5:7])
        followed.until(lambda said: said.count(run_id, "loss") == 7, "points of the run that is back")
        followed.until_as_scanned()

    @pytest.mark.parametrize("poll", [None, 0.05], ids=["events", "polling"])
    def test_the_store_goes_and_is_back_at_once(self, store: Store, follow: Any, poll: float | None) -> None:
        """Whether it is noticed is a matter of luck; what is written afterwards is."""
        writer = store.writer
        run_id = writer.add_run("one", metrics={"loss": LOSS[:5]})
        followed = follow(store, poll_seconds=poll)
        followed.begun()
        for count in range(6, 9):
            writer.lose()()
            writer.append(run_id, "loss", LOSS[count - 1 : count])
            followed.until(lambda said, count=count: said.count(run_id, "loss") == count, f"point {count}")
        late = writer.add_run("late")
        followed.until(lambda said: late in said.runs, "a run that appeared")
        followed.until_as_scanned()

    def test_another_store_takes_its_place(self, store: Store, follow: Any) -> None:
        """As when a file system is unmounted and an older copy of it mounted."""
        writer = store.writer
        stays = writer.add_run("one", metrics={"loss": LOSS[:5]})
        copy = writer.root.with_name("copy")
        shutil.copytree(writer.root, copy)
        goes = writer.add_run("goes", metrics={"loss": LOSS[:5]})
        writer.append(stays, "loss", LOSS[5:9])
        followed = follow(store)
        followed.begun()
        writer.lose()
        copy.rename(writer.root)
        followed.until(lambda said: goes not in said.runs and said.count(stays, "loss") == 5, "what the copy has")
        writer.append(stays, "loss", LOSS[5:7])
        followed.until(lambda said: said.count(stays, "loss") == 7, "what is written to the copy")
        followed.until_as_scanned()

    @pytest.mark.skipif(sys.platform != "linux", reason="open files are counted in /proc")
    def test_nothing_is_left_behind_by_losing_it_often(self, store: Store, follow: Any) -> None:
        """Neither files that stay open nor threads: it may go on for months."""
        writer = store.writer
        run_id = writer.add_run("one", metrics={"loss": LOSS[:5]})
        followed = follow(store)
        followed.begun()
        least = 0
        for count in range(6, 14):
            bring_back = writer.lose()
            before = followed.losses
            followed.until(lambda _, before=before: followed.losses > before, "that it is lost")
            bring_back()
            writer.append(run_id, "loss", LOSS[count - 1 : count])
            followed.until(lambda said, count=count: said.count(run_id, "loss") == count, f"point {count}")
            least = least or held()
        wait_until(lambda: held() <= least)


def held() -> int:
    """How many files are open and threads alive."""
    return len(os.listdir("/proc/self/fd")) + threading.active_count()


class TestKilledWriter:
    def test_half_a_line_and_then_another_writer(self, store: Store, follow: Any) -> None:
        """The two lines that became one are lost, or read as one; what follows is not."""
        if isinstance(store.writer, WandbWriter):
            pytest.skip("a run of W&B that is resumed gets another file")
        writer = store.writer
        run_id = writer.add_run("one", metrics={"loss": LOSS[:10]})
        followed = follow(store)
        followed.begun()
        writer.append_half(run_id, "loss", LOSS[10])
        for point in LOSS[11:14]:
            writer.append(run_id, "loss", [point])
        followed.until(lambda said: said.count(run_id, "loss") >= 12, "the points that follow")
        followed.until_as_scanned()
        assert followed.said.count(run_id, "loss") in (12, 13)


@pytest.mark.usefixtures("hurry")
class TestPolling:
    def test_without_watches_it_polls_and_says_so_until_there_are_some(
        self, store: Store, follow: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(events, "RECOVER_SECONDS", 0.2)
        make = events.make_notifier

        def fail(paths: list[str]) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(events, "make_notifier", fail)
        run_id = store.writer.add_run("one", metrics={"loss": LOSS[:5]})
        followed = follow(store)
        followed.until(lambda said: WATCHES in said.problems, "that there are no watches")
        assert "sysctl fs.inotify.max_user_watches=" in followed.said.problems[WATCHES].remedy
        assert [change.polling for change in followed.changes if change.polling is not None] == [
            "no inotify watches left"
        ]
        store.writer.append(run_id, "loss", LOSS[5:6])
        followed.until(lambda said: said.count(run_id, "loss") == 6, "a point")
        monkeypatch.setattr(events, "make_notifier", make)
        followed.until(lambda said: WATCHES not in said.problems, "that there are watches again")
        assert followed.changes[-1].polling == ""
        store.writer.append(run_id, "loss", LOSS[6:7])
        followed.until(lambda said: said.count(run_id, "loss") == 7, "a point by events")

    def test_what_was_said_is_taken_back_when_the_store_was_lost_meanwhile(
        self, store: Store, follow: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make = events.make_notifier

        def fail(paths: list[str]) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(events, "make_notifier", fail)
        store.writer.add_run("one")
        followed = follow(store)
        followed.until(lambda said: WATCHES in said.problems, "that there are no watches")
        bring_back = store.writer.lose()
        followed.until(lambda _: followed.losses, "that it is lost")
        monkeypatch.setattr(events, "make_notifier", make)
        bring_back()
        followed.until(lambda said: WATCHES not in said.problems, "that there are watches again")
        assert followed.changes[-1].polling == ""

    def test_says_that_it_was_asked_to(self, store: Store, follow: Any) -> None:
        followed = follow(store, poll_seconds=0.05)
        followed.begun()
        assert [change.polling for change in followed.changes if change.polling is not None] == [
            "asked for --poll 0.05"
        ]

    def test_says_that_the_file_system_is_a_network_s(
        self, store: Store, follow: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(follow_module, "network_devices", lambda: {store.writer.root.stat().st_dev: "lustre"})
        monkeypatch.setattr(events, "make_notifier", lambda paths: pytest.fail("no events"))
        run_id = store.writer.add_run("one", metrics={"loss": LOSS[:5]})
        followed = follow(store)
        followed.begun()
        (polling,) = [change.polling for change in followed.changes if change.polling is not None]
        assert polling.startswith("lustre: ")
        assert followed.said.problems == {}
        store.writer.append(run_id, "loss", LOSS[5:6])
        followed.until(lambda said: said.count(run_id, "loss") == 6, "a point")


def test_a_burst_is_few_changes(store: Store, follow: Any) -> None:
    """Of 12 runs that log without a pause, and not one change a point."""
    writer = store.writer
    runs = [writer.add_run(f"run {number}", metrics={"loss": LOSS[:1]}) for number in range(12)]
    followed = follow(store)
    followed.begun()
    before = len(followed.changes)
    for point in LOSS[1:]:
        for run_id in runs:
            writer.append(run_id, "loss", [point])
    followed.until(lambda said: all(said.count(run_id, "loss") == len(LOSS) for run_id in runs), "every point")
    assert len(followed.changes) - before < 12 * len(LOSS) / 5
    followed.until_as_scanned()
