"""The GPUs, as the real `pynvml` has them from a stand-in for NVIDIA's library."""

from __future__ import annotations

import re

import pynvml
import pytest

from tests.nvml import GIB, UNTOLD, NvmlLibrary, StandInGpu, a100, install, no_library
from tui_runs.machine.gpus import _RETRY_SECONDS, GpuProcess, GpuReader
from tui_runs.machine.readings import Space


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_everything_that_a_gpu_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = StandInGpu(processes=[(4242, 60 * GIB), (17, 61 * GIB), (18, UNTOLD)])
    install(monkeypatch, NvmlLibrary([busy, a100()], {4242: "/usr/bin/python3.11"}))
    first, second = GpuReader().read().found
    assert (first.label, first.name) == ("0", "NVIDIA H100 80GB HBM3")
    assert first.utilisation == 0.97
    assert first.memory is not None
    assert (first.memory.used, first.memory.total) == (66_212_298_752, 85_520_809_984)  # without what is reserved
    assert (first.power, first.power_limit) == (612.48, 700.0)
    assert (first.temperature, first.slowdown, first.fan) == (64, 87, None)
    assert first.clock == 1755
    assert first.processes == (
        GpuProcess(17, 61 * GIB),
        GpuProcess(4242, 60 * GIB, "/usr/bin/python3.11"),
        GpuProcess(18, None),
    )
    assert (second.label, second.utilisation, second.slowdown, second.processes) == ("1", 0.0, 85, ())


_LACKING: dict[str, dict[str, object]] = {
    "utilization": {"utilisation": None},
    "total": {"memory": None},
    "used": {"memory": Space(0, 85_520_809_984)},
    "reserved": {},
    "power": {"power": None},
    "limit": {"power_limit": None},
    "temperature": {"temperature": None},
    "slowdown": {"slowdown": 85},  # what is told of a GPU that does not say
    "sm": {"clock": None},
}
"""By reading: the fields of a GPU that are others without it."""


@pytest.mark.parametrize("reading", sorted(StandInGpu().told))
def test_a_reading_that_is_not_supported_costs_no_other(monkeypatch: pytest.MonkeyPatch, reading: str) -> None:
    whole = StandInGpu()
    lacking = StandInGpu(told={key: value for key, value in whole.told.items() if key != reading})
    install(monkeypatch, NvmlLibrary([whole, lacking]))
    one, other = GpuReader().read().found
    fields = [name for name in type(one).__slots__ if name != "label" and getattr(one, name) != getattr(other, name)]
    assert {name: getattr(other, name) for name in fields} == _LACKING[reading]


def test_nothing_is_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, NvmlLibrary([StandInGpu("Orin", {}, mig=None)]))
    gpus = GpuReader().read()
    assert [(gpu.name, gpu.utilisation, gpu.memory, gpu.trouble) for gpu in gpus.found] == [("Orin", None, None, "")]
    assert gpus.trouble == ""


def test_an_old_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    library = install(monkeypatch, NvmlLibrary([StandInGpu(processes=[(1, GIB)])]))
    library.lacks = {
        "nvmlDeviceGetMemoryInfo_v2",
        "nvmlDeviceGetComputeRunningProcesses_v3",
        "nvmlDeviceGetGraphicsRunningProcesses_v3",
        "nvmlDeviceGetMigMode",
    }
    (gpu,) = GpuReader().read().found
    assert gpu.memory is not None
    assert gpu.memory.used == 66_212_298_752 + 587_202_560  # the first version counts what is reserved
    assert gpu.processes == ()


def test_parts_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [
        StandInGpu(f"NVIDIA H100 MIG {size}", {"total": total * GIB, "used": GIB}, [(100 + total, GIB)])
        for size, total in (("3g.40gb", 40), ("1g.10gb", 10))
    ]
    told = {key: value for key, value in StandInGpu().told.items() if key != "utilization"}
    whole = StandInGpu(told=told, parts=parts, mig=1, processes=[(140, GIB), (110, GIB), (9, GIB)])
    install(monkeypatch, NvmlLibrary([whole, a100()]))
    found = GpuReader().read().found
    assert [gpu.label for gpu in found] == ["0", "0:0", "0:1", "1"]
    assert [[process.pid for process in gpu.processes] for gpu in found] == [[9], [140], [110], []]
    assert found[0].utilisation is None
    assert [gpu.memory.total // GIB for gpu in found[1:3] if gpu.memory] == [40, 10]


class TestTrouble:
    def test_no_driver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with no_library(monkeypatch):
            gpus = GpuReader().read()
        assert gpus.found == ()
        assert "No NVIDIA driver is installed here" in gpus.trouble

    def test_a_driver_without_gpus(self, monkeypatch: pytest.MonkeyPatch) -> None:
        install(monkeypatch, NvmlLibrary([]))
        gpus = GpuReader().read()
        assert gpus == type(gpus)((), "The NVIDIA driver is here, and no GPU that it knows.")

    @pytest.mark.parametrize("error", [name for name in dir(pynvml) if re.fullmatch("NVML_ERROR_[A-Z_]+", name)])
    def test_every_error_at_the_start_is_a_sentence(self, monkeypatch: pytest.MonkeyPatch, error: str) -> None:
        library = install(monkeypatch, NvmlLibrary([StandInGpu()]))
        library.init_fails = getattr(pynvml, error)
        gpus = GpuReader().read()
        assert gpus.found == ()
        assert re.fullmatch(r"[A-Z].*[.!]", gpus.trouble, re.DOTALL)

    def test_a_driver_that_goes_away_and_comes_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        library, clock = install(monkeypatch, NvmlLibrary([StandInGpu()])), Clock()
        reader = GpuReader(clock)
        assert len(reader.read().found) == 1
        library.fails = library.init_fails = pynvml.NVML_ERROR_DRIVER_NOT_LOADED
        lost = reader.read()
        assert lost.found == ()
        assert "not loaded" in lost.trouble
        library.calls.clear()
        clock.now += _RETRY_SECONDS - 0.1
        assert reader.read() == lost
        assert library.calls == []  # it is not asked all the time
        clock.now += 0.1
        assert reader.read() == lost
        assert library.calls == ["nvmlInitWithFlags"]
        library.fails = library.init_fails = 0
        clock.now += _RETRY_SECONDS
        assert len(reader.read().found) == 1

    def test_one_of_several_is_lost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        library = install(monkeypatch, NvmlLibrary([StandInGpu(), StandInGpu(), a100()]))
        library.gpus[1].fails = pynvml.NVML_ERROR_GPU_IS_LOST
        gpus = GpuReader().read()
        assert [bool(gpu.trouble) for gpu in gpus.found] == [False, True, False]
        assert "fell off the bus" in gpus.found[1].trouble
        assert [gpu.utilisation for gpu in gpus.found] == [0.97, None, 0.0]
        assert gpus.trouble == ""

    def test_the_driver_is_let_go(self, monkeypatch: pytest.MonkeyPatch) -> None:
        library = install(monkeypatch, NvmlLibrary([StandInGpu()]))
        reader = GpuReader()
        reader.read()
        assert library.users == 1
        reader.close()
        reader.close()
        assert library.users == 0
        assert len(reader.read().found) == 1
        assert library.users == 1

    def test_a_name_that_is_no_text(self, monkeypatch: pytest.MonkeyPatch) -> None:
        library = install(monkeypatch, NvmlLibrary([StandInGpu(processes=[(5, GIB)])]))

        def name(pid: object, out: object, size: object) -> int:
            out.value = b"\xff\xfe"  # type: ignore[attr-defined]
            return 0

        monkeypatch.setattr(library, "nvmlSystemGetProcessName", name)

        def model(handle: object, out: object, size: object) -> int:
            return name(handle, out, size)

        monkeypatch.setattr(library, "nvmlDeviceGetName", model)
        (gpu,) = GpuReader().read().found
        assert gpu.processes == (GpuProcess(5, GIB),)
        assert gpu.name == "GPU"
