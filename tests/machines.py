"""Machines that were never read: the same at every run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tests.nvml import GIB
from tui_runs.machine.gpus import Gpu, GpuProcess, Gpus
from tui_runs.machine.owners import Place, ProcessFacts, RunClaim
from tui_runs.machine.readings import Disk, Rates, Readings, Space
from tui_runs.machine.watch import Snapshot

TRAINING = ProcessFacts(
    48213,
    "ada",
    ("/home/ada/venv/bin/python", "train.py", "--lr", "3e-4", "--model", "resnet50"),
    1e9,
    "/home/ada/project",
    48213,
    frozenset(),
    on_gpu=True,
)
NOTEBOOK = ProcessFacts(51007, "bob", ("/opt/conda/bin/python", "-m", "ipykernel_launcher"), 1e9, group=51007)


def readings(cores: int = 16, turn: float = 0.0) -> Readings:
    """A machine with so many processors, some of them busy.

    Args:
        cores: how many.
        turn: at what point of a slow wave.
    """
    busy = tuple(0.5 + 0.5 * math.sin(core * 1.7 + turn) for core in range(cores))
    return Readings(
        busy,
        (11.3, 9.8, 7.4),
        Space(183 * GIB, 503 * GIB),
        Space(1 * GIB, 8 * GIB),
        (
            Disk("/", Space(78 * 10**9, 109 * 10**9), Rates(0.0, 1.2e6)),
            Disk("/data/shared/experiments", Space(38_400 * 10**9, 40_000 * 10**9), Rates(412e6, 3.1e6)),
            Disk("/mnt/archive", None),
        ),
        Rates(1.2e6, 345e3 * (2 + math.sin(turn))),
        12 * 86400.0,
    )


def h100(number: int, turn: float = 0.0, *processes: GpuProcess) -> Gpu:
    """An H100 that trains."""
    load = round(0.85 + 0.12 * math.sin(turn + number), 2)
    return Gpu(
        str(number),
        "NVIDIA H100 80GB HBM3",
        load,
        Space(66_212_298_752, 85_520_809_984),
        300 + 340 * load,
        700.0,
        58 + 8 * number,
        87,
        None,
        1755,
        processes,
    )


def snapshot(time: float = 1000.0, gpus: int = 2, cores: int = 16, runs: dict[int, Place] | None = None) -> Snapshot:
    """A machine with GPUs at one moment; the first one is used by two processes, the others by the first of them."""
    turn = time / 15
    first = (GpuProcess(TRAINING.pid, 60 * GIB), GpuProcess(NOTEBOOK.pid, 1 * GIB), GpuProcess(9, None, "Xorg"))
    found = [h100(n, turn, *(first if n == 0 else first[:1])) for n in range(gpus)]
    processes = {process.pid: process for process in (TRAINING, NOTEBOOK)} if gpus else {}
    trouble = "" if gpus else "No NVIDIA driver is installed here (libnvidia-ml is missing): no GPU can be shown."
    return Snapshot(time, "gpu-box", readings(cores, turn), Gpus(tuple(found), trouble), processes, runs or {})


def minutes(gpus: int = 2, runs: dict[int, Place] | None = None) -> Iterator[Snapshot]:
    """Five minutes, a reading a second."""
    for second in range(300):
        yield snapshot(1000.0 + second, gpus, runs=runs)


class Machine:
    """Stands in for the machine: every reading is the same, and counted."""

    def __init__(self, shown: Snapshot) -> None:
        self.shown = shown
        self.reads = 0
        self.told: tuple[Sequence[str], Sequence[RunClaim]] = ((), ())

    def __call__(self, paths: Sequence[str]) -> Machine:
        self.told = paths, ()
        return self

    def read(self, runs: Sequence[RunClaim]) -> Snapshot:
        self.reads += 1
        self.told = self.told[0], runs
        return self.shown

    def close(self) -> None:
        pass
