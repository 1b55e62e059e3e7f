"""A stand-in for NVIDIA's libnvidia-ml: the functions of the C library, called by the real `pynvml` through ctypes.

The bindings, their structs and their error classes are those of nvidia-ml-py. What the GPUs say is written here by
hand, after the data sheets and `nvidia-smi` of an H100 SXM and an A100: it was not recorded on such a machine.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pynvml
import pytest

GIB = 1 << 30
UNTOLD = pynvml.NVML_VALUE_NOT_AVAILABLE_ulonglong.value
_HANDLES = 0x1000


@dataclass
class StandInGpu:
    """A GPU as the library tells it; a reading that is missing in `told` is not supported by it."""

    name: str = "NVIDIA H100 80GB HBM3"
    told: dict[str, int] = field(
        default_factory=lambda: {
            "utilization": 97,
            "total": 85_520_809_984,
            "used": 66_212_298_752,
            "reserved": 587_202_560,
            "power": 612_480,
            "limit": 700_000,
            "temperature": 64,
            "slowdown": 87,
            "sm": 1755,
        }
    )
    processes: list[tuple[int, int]] = field(default_factory=list)
    """Process number and bytes."""
    parts: list[StandInGpu] = field(default_factory=list)
    mig: int | None = 0
    fails: int = 0
    """An error code that every call on it returns."""


def a100(**told: int) -> StandInGpu:
    """An A100 PCIe, idle."""
    readings = {"utilization": 0, "total": 42_949_672_960, "used": 437_190_656, "power": 43_120, "limit": 250_000}
    return StandInGpu("NVIDIA A100-PCIE-40GB", {**readings, "temperature": 33, "sm": 210, **told})


class NvmlLibrary:
    """What the C library would be: every attribute is one of its functions, returning an error code."""

    def __init__(self, gpus: list[StandInGpu], names: dict[int, str] | None = None) -> None:
        self.gpus = gpus
        self.names = names or {}
        self.init_fails = 0
        self.fails = 0
        """An error code that every call returns, as after the driver went away."""
        self.lacks: set[str] = set()
        """Functions that this version of the library does not have."""
        self.users = 0
        self.calls: list[str] = []

    def __call__(self, name: str) -> Callable[..., int]:
        function = getattr(self, name, None)
        if function is None or name in self.lacks:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
        self.calls.append(name)
        if self.fails and name != "nvmlInitWithFlags":
            return lambda *_: self.fails
        return function  # type: ignore[no-any-return]

    # --- the library ----------------------------------------------------------------------------------------------

    def nvmlInitWithFlags(self, flags: int) -> int:  # noqa: N802
        if not self.init_fails:
            self.users += 1
        return self.init_fails

    def nvmlShutdown(self) -> int:  # noqa: N802
        self.users -= 1
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:  # noqa: N802
        count._obj.value = len(self.gpus)
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, handle: Any) -> int:  # noqa: N802
        return self._hand_out(_HANDLES * (index.value + 1), handle)

    def nvmlSystemGetProcessName(self, pid: Any, name: Any, size: Any) -> int:  # noqa: N802
        if pid.value not in self.names:
            return int(pynvml.NVML_ERROR_NOT_FOUND)
        name.value = self.names[pid.value].encode()
        return 0

    # --- one GPU --------------------------------------------------------------------------------------------------

    def nvmlDeviceGetName(self, handle: Any, name: Any, size: Any) -> int:  # noqa: N802
        gpu = self._gpu(handle)
        name.value = gpu.name.encode()
        return gpu.fails

    def nvmlDeviceGetUtilizationRates(self, handle: Any, rates: Any) -> int:  # noqa: N802
        return self._tell(handle, "utilization", lambda value: setattr(rates._obj, "gpu", value))

    def nvmlDeviceGetMemoryInfo(self, handle: Any, memory: Any) -> int:  # noqa: N802
        gpu = self._gpu(handle)
        for name in ("total", "used"):
            setattr(memory._obj, name, gpu.told.get(name, 0))
        memory._obj.used += gpu.told.get("reserved", 0)
        return gpu.fails or (0 if "total" in gpu.told else int(pynvml.NVML_ERROR_NOT_SUPPORTED))

    def nvmlDeviceGetMemoryInfo_v2(self, handle: Any, memory: Any) -> int:  # noqa: N802
        if memory._obj.version != pynvml.nvmlMemory_v2:
            return int(pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH)
        gpu = self._gpu(handle)
        for name in ("total", "used", "reserved"):
            setattr(memory._obj, name, gpu.told.get(name, 0))
        return gpu.fails or (0 if "total" in gpu.told else int(pynvml.NVML_ERROR_NOT_SUPPORTED))

    def nvmlDeviceGetPowerUsage(self, handle: Any, value: Any) -> int:  # noqa: N802
        return self._number(handle, "power", value)

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: Any, value: Any) -> int:  # noqa: N802
        return self._number(handle, "limit", value)

    def nvmlDeviceGetTemperature(self, handle: Any, sensor: Any, value: Any) -> int:  # noqa: N802
        return self._number(handle, "temperature", value)

    def nvmlDeviceGetTemperatureThreshold(self, handle: Any, threshold: Any, value: Any) -> int:  # noqa: N802
        assert threshold.value == pynvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
        return self._number(handle, "slowdown", value)

    def nvmlDeviceGetFanSpeed(self, handle: Any, value: Any) -> int:  # noqa: N802
        return self._number(handle, "fan", value)

    def nvmlDeviceGetClockInfo(self, handle: Any, kind: Any, value: Any) -> int:  # noqa: N802
        return self._number(handle, {pynvml.NVML_CLOCK_SM: "sm"}[kind.value], value)

    def nvmlDeviceGetMigMode(self, handle: Any, current: Any, pending: Any) -> int:  # noqa: N802
        gpu = self._gpu(handle)
        if gpu.mig is None:
            return int(pynvml.NVML_ERROR_NOT_SUPPORTED)
        current._obj.value = pending._obj.value = gpu.mig
        return gpu.fails

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Any, count: Any) -> int:  # noqa: N802
        count._obj.value = 7
        return self._gpu(handle).fails

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, index: Any, part: Any) -> int:  # noqa: N802
        if index.value >= len(self._gpu(handle).parts):
            return int(pynvml.NVML_ERROR_NOT_FOUND)
        return self._hand_out((ctypes.cast(handle, ctypes.c_void_p).value or 0) + index.value + 1, part)

    def nvmlDeviceGetComputeRunningProcesses_v3(self, handle: Any, count: Any, found: Any) -> int:  # noqa: N802
        gpu = self._gpu(handle)
        if gpu.fails or not gpu.processes:
            count._obj.value = 0
            return gpu.fails
        if found is None:
            count._obj.value = len(gpu.processes)
            return int(pynvml.NVML_ERROR_INSUFFICIENT_SIZE)
        for place, (pid, used) in enumerate(gpu.processes):
            found[place].pid, found[place].usedGpuMemory = pid, used
        count._obj.value = len(gpu.processes)
        return 0

    def nvmlDeviceGetGraphicsRunningProcesses_v3(self, handle: Any, count: Any, found: Any) -> int:  # noqa: N802
        return int(pynvml.NVML_ERROR_NOT_SUPPORTED)

    # --- how it tells ---------------------------------------------------------------------------------------------

    def _hand_out(self, address: int, handle: Any) -> int:
        handle._obj.contents = ctypes.cast(address, pynvml.c_nvmlDevice_t).contents
        return 0

    def _gpu(self, handle: Any) -> StandInGpu:
        address = ctypes.cast(handle, ctypes.c_void_p).value or 0
        gpu = self.gpus[address // _HANDLES - 1]
        return gpu.parts[address % _HANDLES - 1] if address % _HANDLES else gpu

    def _number(self, handle: Any, name: str, out: Any) -> int:
        return self._tell(handle, name, lambda value: setattr(out._obj, "value", value))

    def _tell(self, handle: Any, name: str, put: Callable[[int], None]) -> int:
        gpu = self._gpu(handle)
        if gpu.fails:
            return gpu.fails
        if name not in gpu.told:
            return int(pynvml.NVML_ERROR_NOT_SUPPORTED)
        put(gpu.told[name])
        return 0


def install(monkeypatch: pytest.MonkeyPatch, library: NvmlLibrary) -> NvmlLibrary:
    """Have the real `pynvml` call this library."""
    monkeypatch.setattr(pynvml, "_LoadNvmlLibrary", lambda: None)
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer", library)
    return library


@contextmanager
def no_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without the driver, also where the tests run on one that has it."""

    def load(*_: object) -> None:
        raise OSError("libnvidia-ml.so.1: cannot open shared object file")

    with monkeypatch.context() as patch:
        patch.setattr(pynvml, "nvmlLib", None)
        patch.setattr(pynvml, "CDLL", load)
        yield
