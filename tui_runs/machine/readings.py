"""What psutil tells of the machine: how busy, how full, and how much is moved. Rates are between two readings."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

_DISK_SECONDS: Final = 5.0
"""How old the fill of a file system may be; asking one that lies on a network may take long."""
_FIRST_WAIT: Final = 0.5
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
        self._mounts = _Mounts(paths)
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


class _Mount(NamedTuple):
    """A file system.

    Args:
        place: where it is mounted.
        device: name of its block device, "" where it has none.
        space: None where it does not answer.
    """

    place: str
    device: str
    space: Space | None


class _Mounts:
    """Asks file systems how full they are, in a thread of its own: one whose server is gone never answers.

    Args:
        paths: what lies on them.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = tuple(paths)
        self._mounts: tuple[_Mount, ...] = ()
        self._asked = float("-inf")
        self._asking: threading.Thread | None = None

    @property
    def devices(self) -> frozenset[str]:
        """The block devices of those that were found."""
        return frozenset(mount.device for mount in self._mounts if mount.device)

    def read(self, now: float) -> tuple[_Mount, ...]:
        """What is known; it is asked for anew when it is some seconds old.

        Args:
            now: seconds of a clock that does not jump.
        """
        if self._asking is not None and self._asking.is_alive():
            # What was true a while ago may be wrong now: better to say that nothing is known.
            late = now - self._asked > 2 * _DISK_SECONDS
            return tuple(mount._replace(space=None) for mount in self._mounts) if late else self._mounts
        if now - self._asked >= _DISK_SECONDS:
            first, self._asked = self._asking is None, now
            self._asking = threading.Thread(target=self._ask, name="tui-runs-disks", daemon=True)
            self._asking.start()
            if first:
                self._asking.join(_FIRST_WAIT)
        return self._mounts

    def _ask(self) -> None:
        found: dict[int, _Mount] = {}
        for path in self._paths:
            try:
                device = os.stat(path).st_dev
                if device not in found:
                    found[device] = _Mount(_mount_place(path, device), _device_name(device), _space(path))
            except OSError:
                continue
        self._mounts = tuple(found.values())


def _space(path: str) -> Space:
    import psutil  # noqa: PLC0415  see above

    usage = psutil.disk_usage(path)
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
