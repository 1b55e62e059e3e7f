"""What psutil tells of the machine: how busy, how full, and how much is moved. Rates are between two readings."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

_DISK_SECONDS: Final = 5.0
"""How old the fill of a file system may be; asking one that lies on a network may take long."""
_FIRST_WAIT: Final = 0.5
"""Seconds that the first reading of all waits for an answer."""
_VIRTUAL: Final = ("lo", "docker", "veth", "br-", "virbr", "ifb", "tun", "tap", "cni", "flannel")


@dataclass(frozen=True, slots=True)
class Space:
    """How much of something is taken, in bytes.

    Args:
        used: so much.
        total: of so much.
    """

    used: int
    total: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(max(self.used / self.total, 0.0), 1.0) if self.total else 0.0


class Rates(NamedTuple):
    """What goes in and out, in bytes a second.

    Args:
        inward: read, or received.
        outward: written, or sent.
    """

    inward: float
    outward: float


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system.

    Args:
        place: where it is mounted.
        space: what users may take of it, without what is kept for root; None where it does not answer.
        rates: of the device that it lies on; None where that is not known, as on a network.
    """

    place: str
    space: Space | None
    rates: Rates | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """The machine at one moment.

    Args:
        cores: how busy each processor was since the reading before, 0 to 1.
        load: mean number of processes that wanted to run, over 1, 5 and 15 minutes.
        memory: what cannot be had without swapping.
        swap: of 0 bytes where there is none.
        disks: the file systems that were asked for.
        network: of all devices that lead out of the machine; None at the first reading.
        uptime: seconds since the machine was started.
    """

    cores: tuple[float, ...]
    load: tuple[float, float, float]
    memory: Space
    swap: Space
    disks: tuple[Disk, ...]
    network: Rates | None
    uptime: float

    @property
    def processor(self) -> float:
        """How busy all processors were together, 0 to 1."""
        return sum(self.cores) / len(self.cores) if self.cores else 0.0


class MachineReader:
    """Reads the machine again and again; belongs to one thread.

    Args:
        paths: what lies on the file systems that are of interest; those that are not there are left out.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        import psutil  # noqa: PLC0415  15 ms that only this pane needs

        self._psutil: Any = psutil
        self._booted = psutil.boot_time()
        self._mounts = Mounts(paths)
        self._before: tuple[float, Rates, dict[str, Rates]] | None = None
        psutil.cpu_percent(percpu=True)  # the first one knows of nothing to compare with

    def read(self) -> Readings:
        """Read all of it: about 1 ms with 16 processors."""
        psutil, now = self._psutil, time.monotonic()
        network, devices = self._network(), self._devices()
        moved, of_devices = None, dict[str, Rates]()
        if self._before is not None:
            then, network_before, devices_before = self._before
            moved = _rates(network_before, network, now - then)
            of_devices = {
                name: _rates(devices_before[name], total, now - then)
                for name, total in devices.items()
                if name in devices_before
            }
        self._before = now, network, devices
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        return Readings(
            tuple(percent / 100 for percent in psutil.cpu_percent(percpu=True)),
            psutil.getloadavg(),
            Space(memory.total - memory.available, memory.total),
            Space(swap.used, swap.total),
            tuple(Disk(mount.place, mount.space, of_devices.get(mount.device)) for mount in self._mounts.read(now)),
            moved,
            max(time.time() - self._booted, 0.0),
        )

    def _network(self) -> Rates:
        """Bytes since the machine was started, of devices that exist, or else of all that look as if they led out."""
        counters = _counters(self._psutil.net_io_counters, pernic=True)
        real = [name for name in counters if os.path.exists(f"/sys/class/net/{name}/device")]
        counted = real or [name for name in counters if not name.startswith(_VIRTUAL)]
        received = sum(counters[name].bytes_recv for name in counted)
        return Rates(received, sum(counters[name].bytes_sent for name in counted))

    def _devices(self) -> dict[str, Rates]:
        """Bytes since the machine was started, by the name of the block device."""
        if not self._mounts.devices:
            return {}
        counters = _counters(self._psutil.disk_io_counters, perdisk=True, nowrap=False)
        return {
            name: Rates(one.read_bytes, one.write_bytes)
            for name, one in counters.items()
            if name in self._mounts.devices
        }


def _counters(ask: Callable[..., Mapping[str, Any] | None], **how: bool) -> Mapping[str, Any]:
    """What psutil counts by device; nothing where the system, or its sandbox, does not tell."""
    try:
        return ask(**how) or {}
    except (OSError, NotImplementedError):
        return {}


def _rates(before: Rates, now: Rates, seconds: float) -> Rates:
    """Bytes a second; a counter that went back was begun anew."""
    if seconds <= 0:
        return Rates(0.0, 0.0)
    return Rates(*(max(later - earlier, 0) / seconds for earlier, later in zip(before, now, strict=True)))


class Mount(NamedTuple):
    """A file system.

    Args:
        place: where it is mounted; where that is not known, what was asked for.
        device: name of its block device, "" where it has none.
        space: None where it does not answer.
        paths: those that lie on it, of all that were asked for.
    """

    place: str
    device: str
    space: Space | None
    paths: tuple[str, ...]


class Mounts:
    """Asks file systems how full they are, in a thread of its own: one whose server is gone never answers.

    Args:
        paths: what lies on them.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = tuple(paths)
        self._before: tuple[Mount, ...] = ()
        self._answered: tuple[Mount, ...] = ()
        """Those of the round that goes on, or else of the last one."""
        self._asking_for = ""
        self._asked = float("-inf")
        self._asking: threading.Thread | None = None

    @property
    def devices(self) -> frozenset[str]:
        """The block devices of those that were found."""
        return frozenset(mount.device for mount in (*self._answered, *self._before) if mount.device)

    def read(self, now: float, wait: float = 0.0) -> tuple[Mount, ...]:
        """What is known; it is asked for anew when it is some seconds old.

        Args:
            now: seconds of a clock that does not jump.
            wait: seconds to wait for an answer to what is asked now.
        """
        if now - self._asked >= _DISK_SECONDS and not self._is_asking:
            wait = max(wait, _FIRST_WAIT if self._asking is None else 0.0)
            self._asked, self._before, self._answered = now, self._answered, ()
            self._asking = threading.Thread(target=self._ask, name="tui-runs-disks", daemon=True)
            self._asking.start()
            self._asking.join(wait)
        if not self._is_asking:
            return self._answered
        answered = self._answered
        waited_for = [mount for mount in self._before if mount.place not in {one.place for one in answered}]
        if now - self._asked > 2 * _DISK_SECONDS:
            # What was true a while ago may be wrong now: better to say that nothing is known.
            waited_for = [mount._replace(space=None) for mount in waited_for]
            silent = self._asking_for
            if not any(silent in mount.paths for mount in (*answered, *waited_for)):
                waited_for.append(Mount(silent, "", None, (silent,)))
        return (*answered, *waited_for)

    @property
    def _is_asking(self) -> bool:
        return self._asking is not None and self._asking.is_alive()

    def _ask(self) -> None:
        found: dict[int, Mount] = {}
        for path in self._paths:
            self._asking_for = path
            try:
                device = os.stat(path).st_dev
                known = found.get(device) or Mount(_mount_place(path, device), _device_name(device), _space(path), ())
            except OSError:
                continue
            found[device] = known._replace(paths=(*known.paths, path))
            self._answered = tuple(found.values())


def _space(path: str) -> Space:
    usage = shutil.disk_usage(path)
    return Space(usage.used, usage.used + usage.free)


def _mount_place(path: str, device: int) -> str:
    """The topmost directory above a path that is of the same file system."""
    place = Path(path).resolve()
    while place.parent != place and os.stat(place.parent).st_dev == device:
        place = place.parent
    return str(place)


def _device_name(device: int) -> str:
    """What Linux calls a block device: "nvme0n1p2"; "" for file systems that have none, and elsewhere."""
    if not hasattr(os, "major"):
        return ""
    try:
        return Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve(strict=True).name
    except OSError:
        return ""
