"""The machine, its GPUs and whose their processes are, read together."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tui_runs.machine.gpus import GpuReader, Gpus
from tui_runs.machine.owners import Place, ProcessFacts, RunClaim, find_owners, read_process
from tui_runs.machine.readings import MachineReader, Readings

_LOOK_AGAIN_SECONDS: Final = 10.0
"""After so long it is asked again what processes have open: a run's file may come late."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment.

    Args:
        time: seconds of a clock that does not jump.
        host: the machine's name.
        readings: of the machine.
        gpus: of its GPUs.
        processes: what the system tells of those that use a GPU, by pid; some it does not know.
        runs: whose they are, by pid; those that are certain.
    """

    time: float
    host: str
    readings: Readings
    gpus: Gpus
    processes: Mapping[int, ProcessFacts]
    runs: Mapping[int, Place]


class MachineWatch:
    """Reads the machine again and again; belongs to one thread.

    Args:
        paths: what lies on the file systems that are of interest.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._reader = MachineReader(paths)
        self._gpus = GpuReader()
        self._host = socket.gethostname()
        self._processes: dict[int, ProcessFacts] = {}
        self._owners: Mapping[int, Place] = {}
        self._looked = float("-inf")
        self._looked_for: tuple[frozenset[int], Sequence[RunClaim]] = (frozenset(), ())

    def read(self, runs: Sequence[RunClaim]) -> Snapshot:
        """Read all of it.

        Args:
            runs: those that go on; the same object while nothing has changed, so that it need not be compared.
        """
        now = time.monotonic()
        gpus = self._gpus.read()
        self._look(frozenset(process.pid for gpu in gpus.found for process in gpu.processes), runs, now)
        return Snapshot(now, self._host, self._reader.read(), gpus, self._processes, self._owners)

    def _look(self, pids: frozenset[int], runs: Sequence[RunClaim], now: float) -> None:
        """Find out about the processes, and whose they are; again only when there are others, or after a while."""
        pids_before, runs_before = self._looked_for
        if pids == pids_before and runs is runs_before and now - self._looked < _LOOK_AGAIN_SECONDS:
            return
        self._looked, self._looked_for = now, (pids, runs)
        # New ones each time: what was handed out must not change.
        self._processes = {pid: facts for pid in sorted(pids) if (facts := read_process(pid)) is not None}
        self._owners = find_owners(self._processes.values(), self._real(runs), self._host)

    def _real(self, runs: Sequence[RunClaim]) -> Sequence[RunClaim]:
        """The same with the links in their places followed, as the system tells what processes have open."""
        if not self._processes:
            return ()
        return [run._replace(place=os.path.realpath(run.place)) if run.place else run for run in runs]

    def close(self) -> None:
        """Let go of the GPUs."""
        self._gpus.close()
