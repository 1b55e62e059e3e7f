"""What NVIDIA's management library tells of the GPUs: load, memory, power, heat, clocks, and who computes on them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from tui_runs.machine.readings import Space

_RETRY_SECONDS: Final = 10.0
"""How long after a failure the driver is asked again: a module may be reloaded, a container get its devices."""
_SLOWDOWN: Final = 85
"""Degrees from which a GPU that does not say it itself may be taken to slow down."""

_SENTENCES: Final = {
    "LibraryNotFound": "No NVIDIA driver is installed here (libnvidia-ml is missing): no GPU can be shown.",
    "DriverNotLoaded": "The NVIDIA driver is not loaded. `nvidia-smi` says more; it is tried again.",
    "LibRmVersionMismatch": "The NVIDIA driver was updated while it ran: load it anew, or restart the machine.",
    "NoPermission": "This user may not ask the NVIDIA driver: look at the rights of /dev/nvidia*.",
    "GpuIsLost": "The NVIDIA driver has lost a GPU: it fell off the bus. `nvidia-smi` says more; it is tried again.",
}
_GONE: Final = frozenset({"Uninitialized", "DriverNotLoaded", "LibRmVersionMismatch"})
"""Errors of a single reading after which nothing else can be read either."""
_LOST: Final = frozenset({"GpuIsLost", "ResetRequired"})
"""The same, of one GPU."""


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that computes or draws on a GPU.

    Args:
        pid: its number, as the driver has it.
        memory: bytes of the GPU's memory; None where the driver does not tell.
        name: what the driver calls it, "" where it does not say.
    """

    pid: int
    memory: int | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU, or a part of one (MIG) that programs see as one. What it does not tell is None.

    Args:
        label: its number; "0:1" is the second part of the first.
        name: of the model.
        utilisation: share of the time in which something ran on it, 0 to 1.
        memory: its memory.
        power: watts.
        power_limit: watts from which on it is slowed down.
        temperature: degrees Celsius.
        slowdown: degrees Celsius from which on it is slowed down.
        fan: how fast, 0 to 1.
        clock: of its processors, in MHz.
        processes: those that use it, the one with the most memory first.
        trouble: why nothing of it is known.
    """

    label: str
    name: str
    utilisation: float | None = None
    memory: Space | None = None
    power: float | None = None
    power_limit: float | None = None
    temperature: int | None = None
    slowdown: int = _SLOWDOWN
    fan: float | None = None
    clock: int | None = None
    processes: tuple[GpuProcess, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Gpus:
    """All GPUs of the machine.

    Args:
        found: in the driver's order, a GPU's parts behind it.
        trouble: why none can be shown; "" where they can.
    """

    found: tuple[Gpu, ...] = ()
    trouble: str = ""


class GpuReader:
    """Reads the GPUs again and again; belongs to one thread. The driver is asked for nothing but its readings.

    Args:
        clock: seconds of a clock that does not jump.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._nvml: Any = None
        self._trouble = ""
        self._failed_at = float("-inf")
        self._begun = False
        self._names: dict[int, str] = {}

    def read(self) -> Gpus:
        """Read all GPUs: well under 10 ms each. Never raises; what is wrong is a sentence."""
        if not self._begun:
            if self._clock() - self._failed_at < _RETRY_SECONDS:
                return Gpus(trouble=self._trouble)
            self._trouble = self._begin()
            if self._trouble:
                self._failed_at = self._clock()
                return Gpus(trouble=self._trouble)
        try:
            count = self._nvml.nvmlDeviceGetCount()
            found = [gpu for index in range(count) for gpu in self._gpu_and_parts(index)]
        except self._nvml.NVMLError as error:
            self.close()
            self._trouble, self._failed_at = _sentence(error), self._clock()
            return Gpus(trouble=self._trouble)
        running = {process.pid for gpu in found for process in gpu.processes}
        self._names = {pid: name for pid, name in self._names.items() if pid in running}
        return Gpus(tuple(found), "" if found else "The NVIDIA driver is here, and no GPU that it knows.")

    def close(self) -> None:
        """Let go of the driver: while it is held no GPU can be reset or partitioned."""
        if self._begun:
            self._begun = False
            with contextlib.suppress(self._nvml.NVMLError):  # it is gone already
                self._nvml.nvmlShutdown()

    def _begin(self) -> str:
        """Load the library and ask the driver for the first time; says what went wrong."""
        try:
            import pynvml  # noqa: PLC0415  10 ms that only this pane needs
        except ImportError:
            return "No GPU can be shown: the Python package nvidia-ml-py is not installed."
        self._nvml = pynvml
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            return _sentence(error)
        self._begun = True
        return ""

    def _ask(self, function: str, *arguments: object) -> Any:
        """One reading; None where this GPU, this driver or this user cannot have it.

        Raises:
            NVMLError: nothing can be read any more.
        """
        nvml = self._nvml
        try:
            return getattr(nvml, function)(*arguments)
        except nvml.NVMLError as error:
            if _kind(error) in _GONE | _LOST:
                raise
            return None
        except (nvml.NVMLLibraryMismatchError, UnicodeDecodeError):  # an old driver lacks it; a name that is no text
            return None

    def _gpu_and_parts(self, index: int) -> list[Gpu]:
        nvml = self._nvml
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            parts = self._parts(index, handle)
            whole = self._gpu(str(index), handle)
        except nvml.NVMLError as error:
            if _kind(error) in _GONE:
                raise
            return [Gpu(str(index), "", trouble=_sentence(error))]
        in_parts = {process.pid for part in parts for process in part.processes}
        rest = tuple(process for process in whole.processes if process.pid not in in_parts)
        return [replace(whole, processes=rest), *parts]

    def _parts(self, index: int, handle: object) -> list[Gpu]:
        """The parts that a GPU is divided into."""
        mode = self._ask("nvmlDeviceGetMigMode", handle)
        if mode is None or mode[0] != self._nvml.NVML_DEVICE_MIG_ENABLE:
            return []
        parts = []
        for number in range(self._ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
            part = self._ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
            if part is not None:
                parts.append(self._gpu(f"{index}:{number}", part))
        return parts

    def _gpu(self, label: str, handle: object) -> Gpu:
        nvml, ask = self._nvml, self._ask
        rates = ask("nvmlDeviceGetUtilizationRates", handle)
        # The second version leaves out what the driver keeps for itself, as nvidia-smi does; old drivers lack it.
        memory = ask("nvmlDeviceGetMemoryInfo", handle, nvml.nvmlMemory_v2) or ask("nvmlDeviceGetMemoryInfo", handle)
        fan = ask("nvmlDeviceGetFanSpeed", handle)
        return Gpu(
            label,
            str(ask("nvmlDeviceGetName", handle) or "GPU"),
            None if rates is None else rates.gpu / 100,
            None if memory is None or not memory.total else Space(memory.used, memory.total),
            _watts(ask("nvmlDeviceGetPowerUsage", handle)),
            _watts(ask("nvmlDeviceGetEnforcedPowerLimit", handle)),
            ask("nvmlDeviceGetTemperature", handle, nvml.NVML_TEMPERATURE_GPU),
            ask("nvmlDeviceGetTemperatureThreshold", handle, nvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN) or _SLOWDOWN,
            None if fan is None else fan / 100,
            ask("nvmlDeviceGetClockInfo", handle, nvml.NVML_CLOCK_SM),
            self._processes(handle),
        )

    def _processes(self, handle: object) -> tuple[GpuProcess, ...]:
        found: dict[int, GpuProcess] = {}
        for kind in ("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses"):
            for one in self._ask(kind, handle) or ():
                before = found.get(one.pid)
                if before is None or (one.usedGpuMemory or 0) > (before.memory or 0):
                    found[one.pid] = GpuProcess(one.pid, one.usedGpuMemory, self._name(one.pid))
        return tuple(sorted(found.values(), key=lambda process: (-(process.memory or 0), process.pid)))

    def _name(self, pid: int) -> str:
        """What the driver calls a process; asked for once."""
        if pid not in self._names:
            self._names[pid] = str(self._ask("nvmlSystemGetProcessName", pid) or "")
        return self._names[pid]


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000


def _kind(error: Exception) -> str:
    return type(error).__name__.removeprefix("NVMLError_")


def _sentence(error: Exception) -> str:
    return _SENTENCES.get(_kind(error), f"The NVIDIA driver does not answer: {error}. It is tried again.")
