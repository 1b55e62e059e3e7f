"""Where there are no events: limits of inotify, network file systems, notifiers that fail."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.conftest import MakeWatch
from tests.unit.test_follow import ENOUGH, SilentNotifier, append, collect
from tui_runs import follow
from tui_runs.adapter import Change
from tui_runs.follow import directory as directory_module
from tui_runs.follow import events as file_events
from tui_runs.follow import follower


class TestWithoutEvents:
    @pytest.fixture(autouse=True)
    def _hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("POLL_SECONDS", "NET_SECONDS", "SLICE_SECONDS"):
            monkeypatch.setattr(follow, name, 0.02)
        for name in ("NET_SHARE", "POLL_SHARE"):
            monkeypatch.setattr(follow, name, 1.0)

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (OSError(errno.ENOSPC, "No space left on device"), "no inotify watches left"),
            (OSError("OS file watch limit reached. about [\"/a\"]"), "no inotify watches left"),
            (RuntimeError("Error creating recommended watcher: Too many files (os error 24)"), "no inotify instances"),
            (PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
            (ImportError("no wheel for this system"), "no wheel"),
        ],
    )  # fmt: skip
    def test_polls_where_the_notifier_fails(
        self,
        make_watch: MakeWatch,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
        reason: str,
    ) -> None:
        def fail(paths: list[str]) -> None:
            raise error

        monkeypatch.setattr(file_events, "make_notifier", fail)
        watch = make_watch()
        watch.watch([folder])
        assert watch.polling
        assert reason in watch.reason
        collect(watch, append(folder / "loss"))
        (folder / "loss").unlink()
        collect(watch, folder / "loss")

    def test_too_many_watches_while_both_notifiers_live(
        self, make_watch: MakeWatch, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make, asked = file_events.make_notifier, []

        def fail_second(paths: list[str]) -> object:
            asked.append(paths)
            if len(asked) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            return make(paths)

        monkeypatch.setattr(file_events, "make_notifier", fail_second)
        (tmp_path / "other").mkdir()
        watch = make_watch()
        watch.watch([folder])
        append(folder / "loss")
        watch.watch([folder, tmp_path / "other"])
        assert watch.reason == "events"
        assert asked[2] == sorted([str(folder), str(tmp_path / "other")])
        collect(watch, folder / "loss")
        collect(watch, append(tmp_path / "other" / "f"))

    def test_a_notifier_that_keeps_failing_is_given_up(
        self, make_watch: MakeWatch, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Broken(SilentNotifier):
            def watch(self, *_: object) -> str:
                raise RuntimeError("error in underlying watcher")

        monkeypatch.setattr(file_events, "make_notifier", lambda paths: Broken())
        watch = make_watch()
        watch.watch([folder])
        append(folder / "loss")
        collect(watch, folder / "loss")
        while watch.reason == "events":
            watch.wait(0.01)
        assert watch.reason == "no file events: error in underlying watcher"
        collect(watch, append(folder / "acc"))

    def test_the_safety_net_finds_what_events_do_not_tell(
        self, make_watch: MakeWatch, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(file_events, "make_notifier", lambda paths: SilentNotifier())
        watch = make_watch()
        watch.watch([folder])
        assert not watch.polling
        collect(watch, append(folder / "loss"))
        folder.rename(folder.with_name("gone"))
        collect(watch, folder)

    def test_network_file_systems_are_polled(
        self, make_watch: MakeWatch, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(follow, "network_devices", lambda: {folder.stat().st_dev: "nfs4"})
        monkeypatch.setattr(file_events, "make_notifier", lambda paths: pytest.fail("no events on NFS"))
        watch = make_watch()
        watch.watch([folder])
        assert watch.polling
        assert watch.reason.startswith("nfs4")
        collect(watch, append(folder / "loss"))

    def test_a_file_system_mounted_later_is_asked_about(
        self, make_watch: MakeWatch, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mounted = tmp_path / "mounted"
        here, look = folder.stat().st_dev, directory_module._list
        networks: dict[int, str] = {}
        monkeypatch.setattr(follow, "network_devices", lambda: networks)

        def list_with_mount(path: str) -> Any:
            identity, entries = look(path)
            return ((here + 1, identity[1]) if identity and path == str(mounted) else identity), entries

        monkeypatch.setattr(directory_module, "_list", list_with_mount)
        watch = make_watch()
        watch.watch([folder, mounted, tmp_path])
        assert not watch.polling
        networks[here + 1] = "nfs4"
        mounted.mkdir()
        collect(watch, mounted)
        assert watch.reason.startswith("nfs4")
        collect(watch, append(mounted / "loss"), append(folder / "loss"))

    def test_limits_are_tried_again(self, make_watch: MakeWatch, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(file_events, "RECOVER_SECONDS", 0.05)
        make, tries = file_events.make_notifier, []

        def fail_thrice(paths: list[str]) -> object:
            tries.append(paths)
            if len(tries) <= 3:
                raise OSError(errno.ENOSPC, "No space left on device")
            return make(paths)

        monkeypatch.setattr(file_events, "make_notifier", fail_thrice)
        watch = make_watch()
        watch.watch([folder])
        assert watch.limit == "max_user_watches"
        end = time.monotonic() + ENOUGH
        while watch.polling and time.monotonic() < end:
            watch.wait(0.01)
        assert (watch.reason, watch.limit, len(tries)) == ("events", "", 4)
        collect(watch, append(folder / "loss"))

    def test_says_why_it_polls(self, make_watch: MakeWatch, folder: Path) -> None:
        watch = make_watch(2)
        watch.watch([folder])
        assert (watch.polling, watch.reason) == (True, "asked for --poll 2")
        watch = make_watch()
        watch.watch([folder])
        assert (watch.polling, watch.reason) == (False, "events")


class Clock:
    """Stands in for the module `time`: nobody works, and time passes where a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return 1.0


class TestHangs:
    """A file server that hung once, or a process that was stopped: what comes after is seen soon all the same."""

    def test_polling_goes_on(self, make_watch: MakeWatch, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = Clock()
        monkeypatch.setattr(follow, "time", clock)
        look = directory_module._list
        hangs = [600.0]

        def list_slowly(path: str) -> Any:
            clock.now += hangs.pop() if hangs else 0.0
            return look(path)

        watch = make_watch(1.0)
        watch.watch([folder])
        monkeypatch.setattr(directory_module, "_list", list_slowly)
        watch.wait(0)
        assert not hangs
        written = append(folder / "loss")
        clock.now += 1.0
        assert watch.wait(0) == frozenset()
        clock.now += follow.LONGEST_HOLD
        assert watch.wait(0) == {written}

    def test_looking_at_everything_goes_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = Clock()
        monkeypatch.setattr(follower, "time", clock)
        looked: list[float] = []

        class Follower(Nothing):
            def _look(self) -> set[str]:
                looked.append(clock.now)
                clock.now += 600.0 if len(looked) == 1 else 0.0
                return set()

        following = Follower()
        for _ in range(200):
            following._look_if_due()
            clock.now += 1.0
        assert 120 <= looked[1] - looked[0] - 600.0 <= 121
        assert looked[2] - looked[1] == follower.LOOK_SECONDS


class Nothing(follower.FileFollower):
    """A source in which nothing happens."""

    def _lost(self) -> None:
        return None

    def _cover(self, looked_at: frozenset[str]) -> set[str]:
        return set()

    def _touched(self, paths: frozenset[str]) -> set[str]:
        return set()

    def _look(self) -> set[str]:
        return set()

    def _read(self, dirty: set[str]) -> Iterator[Change]:
        yield from ()


class TestMountTable:
    TABLE = """\
22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
40 22 0:35 / /home/kim rw,relatime shared:20 - nfs4 filer:/export/home/kim rw,vers=4.2
41 22 0:41 / /scratch rw - lustre 10.0.0.1@o2ib:/scratch rw,flock
42 22 0:50 / /mnt/with\\040space rw shared:7 master:3 - cifs //nas/share rw
43 22 0:51 / /data rw - fuse.sshfs kim@box:/data rw
44 22 0:52 / /mnt/usb rw - fuseblk /dev/sdb1 rw
45 22 0:53 / /tmp rw - tmpfs tmpfs rw
46 22 0:54 / /mnt/c rw - 9p drvfs rw
47 22 nonsense / /odd rw - nfs x rw
48 22 0:55 / /var/lib/docker rw - overlay overlay rw,lowerdir=/nfs4
a line that is none
49 22 0:56 / /weka rw - wekafs weka rw
"""

    def test_network_file_systems(self, tmp_path: Path) -> None:
        table = tmp_path / "mountinfo"
        table.write_text(self.TABLE)
        assert file_events.network_devices(str(table)) == {
            os.makedev(0, 35): "nfs4",
            os.makedev(0, 41): "lustre",
            os.makedev(0, 50): "cifs",
            os.makedev(0, 51): "fuse.sshfs",
            os.makedev(0, 54): "9p",
            os.makedev(0, 56): "wekafs",
        }

    def test_without_a_table_events_are_tried(self, tmp_path: Path) -> None:
        assert file_events.network_devices(str(tmp_path / "missing")) == {}


NAMESPACE = ["unshare", "--user", "--map-root-user", "sh", "-c"]


def in_namespace(limit: str, value: int) -> list[str]:
    """A command that lowers a limit of inotify for itself and runs Python code with an argument."""
    return [*NAMESPACE, f'echo {value} > /proc/sys/user/{limit} && exec "$0" "$@"', sys.executable, "-c"]


def has_namespaces() -> bool:
    try:
        probe = [*in_namespace("max_inotify_watches", 1)[:-2], "true"]
        return subprocess.run(probe, check=False, timeout=20, capture_output=True).returncode == 0
    except OSError:
        return False


class TestLimitsOfTheKernel:
    """Reached for real, in a user namespace of its own."""

    CODE = """
import os, sys
from tui_runs.follow import FileWatch
root = sys.argv[1]
watch = FileWatch()
watch.watch(os.path.join(root, name) for name in os.listdir(root))
print(watch.limit, watch.reason)
print(open(os.path.join(root, "d7", "loss"), "w").write("1 2 3"))
print(*watch.wait(20))
"""

    @pytest.mark.parametrize(
        ("limit", "value", "says"),
        [
            ("max_inotify_watches", 4, "max_user_watches no inotify watches left"),
            ("max_inotify_instances", 0, "max_user_instances no inotify instances left"),
        ],
    )
    def test_polls_when_it_is_reached(self, tmp_path: Path, limit: str, value: int, says: str) -> None:
        if not has_namespaces():
            pytest.skip("no user namespaces here")
        for number in range(8):
            (tmp_path / f"d{number}").mkdir()
        command = [*in_namespace(limit, value), self.CODE, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout.splitlines() == [says, "5", str(tmp_path / "d7" / "loss")], done.stderr
