"""What psutil is asked for, against what Linux itself says."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import psutil
import pytest

from tui_runs.machine import readings
from tui_runs.machine.readings import MachineReader, Mount, Mounts, Rates, Space, _rates

pytestmark = pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="compares with Linux's own files")


def meminfo() -> dict[str, int]:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {name: 1024 * int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}


class TestReadings:
    def test_memory_and_swap(self) -> None:
        read, told = MachineReader([]).read(), meminfo()
        assert read.memory.total == told["MemTotal"]
        assert read.memory.used == pytest.approx(told["MemTotal"] - told["MemAvailable"], abs=512 << 20)
        assert read.swap.total == told["SwapTotal"]
        assert read.swap.used == pytest.approx(told["SwapTotal"] - told["SwapFree"], abs=64 << 20)

    def test_processors_load_and_uptime(self) -> None:
        read = MachineReader([]).read()
        assert len(read.cores) == Path("/proc/stat").read_text().count("\ncpu")
        assert all(0 <= core <= 1 for core in read.cores)
        assert read.processor == pytest.approx(sum(read.cores) / len(read.cores))
        assert read.load == pytest.approx([float(one) for one in Path("/proc/loadavg").read_text().split()[:3]], abs=1)
        assert read.uptime == pytest.approx(float(Path("/proc/uptime").read_text().split()[0]), abs=5)

    def test_a_busy_processor_is_seen(self) -> None:
        reader = MachineReader([])
        stop = time.process_time() + 0.2
        while time.process_time() < stop:
            pass
        assert max(reader.read().cores) > 0.5

    def test_the_file_system_of_a_path(self, tmp_path: Path) -> None:
        (disk,) = MachineReader([str(tmp_path), str(tmp_path / "."), str(tmp_path / "missing")]).read().disks
        usage, stats = shutil.disk_usage(tmp_path), os.statvfs(tmp_path)
        assert disk.space is not None
        assert disk.space.total - disk.space.used == pytest.approx(stats.f_bavail * stats.f_frsize, abs=256 << 20)
        assert disk.space.used == pytest.approx(usage.used, abs=256 << 20)
        assert os.path.ismount(disk.place)
        assert os.stat(disk.place).st_dev == os.stat(tmp_path).st_dev

    def test_rates_come_with_the_second_reading(self, monkeypatch: pytest.MonkeyPatch) -> None:
        card, total = psutil._ntuples.snetio, {"lo": 1000, "eth9": 0}
        monkeypatch.setattr(
            psutil,
            "net_io_counters",
            lambda pernic: {nic: card(2 * n, n, 0, 0, 0, 0, 0, 0) for nic, n in total.items()},
        )
        clock = iter([10.0, 12.0, 14.0])
        monkeypatch.setattr(readings.time, "monotonic", lambda: next(clock))
        reader = MachineReader([])
        assert reader.read().network is None
        total.update(lo=10_000, eth9=1000)
        assert reader.read().network == Rates(500.0, 1000.0)  # what stays in the machine is not counted
        total.update(eth9=0)
        assert reader.read().network == Rates(0.0, 0.0)  # begun anew

    @pytest.mark.parametrize("error", [PermissionError, FileNotFoundError, NotImplementedError])
    def test_a_system_that_counts_nothing(self, monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
        def refuse(**how: bool) -> None:
            raise error

        monkeypatch.setattr(psutil, "net_io_counters", refuse)
        monkeypatch.setattr(psutil, "disk_io_counters", refuse)
        reader = MachineReader(["/"])
        reader.read()
        read = reader.read()
        assert read.network == Rates(0.0, 0.0)
        assert [disk.rates for disk in read.disks] == [None]

    def test_what_a_disk_writes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (disk,) = MachineReader([str(tmp_path)]).read().disks
        device = next(iter(_asked(str(tmp_path)).devices), None)
        if device is None:
            pytest.skip("the temporary directory is on no block device")
        number = os.stat(tmp_path).st_dev
        assert device == Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve().name
        count = psutil._ntuples.sdiskio
        totals = iter([(0, 0), (4096, 8192)])
        monkeypatch.setattr(
            psutil, "disk_io_counters", lambda perdisk, nowrap: {device: count(0, 0, *next(totals), 0, 0, 0, 0, 0)}
        )
        clock = iter([10.0, 12.0])
        monkeypatch.setattr(readings.time, "monotonic", lambda: next(clock))
        reader = MachineReader([str(tmp_path)])
        reader._mounts = _asked(str(tmp_path))
        reader.read()
        (disk,) = reader.read().disks
        assert disk.rates == Rates(2048.0, 4096.0)


def _asked(path: str) -> Mounts:
    mounts = Mounts([path])
    mounts.read(0.0)
    return mounts


class TestMounts:
    def test_one_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hangs, answer = threading.Event(), threading.Event()
        answer.set()

        def space(path: str) -> Space:
            hangs.set()
            assert answer.wait(30)
            return Space(1, 2)

        monkeypatch.setattr(readings, "_space", space)
        mounts = Mounts(["/"])
        (mount,) = mounts.read(100.0)
        assert mount.space == Space(1, 2)
        answer.clear()
        hangs.clear()
        assert mounts.read(103.0) == (mount,)  # not asked again so soon
        assert not hangs.is_set()
        assert mounts.read(106.0) == (mount,)
        assert hangs.wait(30)
        assert mounts.read(107.0) == (mount,)
        assert mounts.read(120.0) == (mount._replace(space=None),)
        answer.set()
        assert mounts._asking is not None
        mounts._asking.join(30)
        assert mounts.read(121.0) == (mount,)

    def test_one_that_hangs_hides_no_other_and_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stat, hangs, answer = os.stat, threading.Event(), threading.Event()

        def hang(path: str, **how: bool) -> os.stat_result:
            if path == "/hung":
                hangs.set()
                assert answer.wait(30)
            return stat(path, **how)

        monkeypatch.setattr(os, "stat", hang)
        monkeypatch.setattr(readings, "_FIRST_WAIT", 0.0)
        mounts = Mounts(["/", "/hung", "/proc"])
        mounts.read(0.0)
        assert hangs.wait(30)
        (root,) = mounts.read(1.0)
        assert root.paths == ("/",)
        assert mounts.read(11.0) == (root, Mount("/hung", "", None, ("/hung",)))
        answer.set()
        assert mounts._asking is not None
        mounts._asking.join(30)
        first, later = mounts.read(2.0)
        assert first == root
        assert later.paths == ("/proc",)
        answer.clear()
        hangs.clear()
        mounts.read(20.0)
        assert hangs.wait(30)
        assert {mount.place for mount in mounts.read(21.0)} == {"/", "/proc"}  # what was known before, for a while
        answer.set()

    def test_a_path_that_comes_later(self, tmp_path: Path) -> None:
        path = tmp_path / "store"
        mounts = Mounts([str(path)])
        assert mounts.read(0.0) == ()
        path.mkdir()
        mounts.read(10.0)
        assert mounts._asking is not None
        mounts._asking.join(30)
        assert [type(mount) for mount in mounts.read(11.0)] == [Mount]


def test_rates_of_no_time() -> None:
    assert _rates(Rates(0, 0), Rates(5, 5), 0.0) == Rates(0.0, 0.0)


@pytest.mark.parametrize(("used", "total", "share"), [(1, 4, 0.25), (0, 0, 0.0), (5, 4, 1.0), (-1, 4, 0.0)])
def test_shares(used: int, total: int, share: float) -> None:
    assert Space(used, total).share == share
