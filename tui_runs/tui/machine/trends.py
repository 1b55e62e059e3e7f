"""The last minutes of the machine's readings, as lines of characters of different height."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from tui_runs.strokes import Strokes

if TYPE_CHECKING:
    from tui_runs.machine.gpus import Gpu
    from tui_runs.machine.watch import Snapshot

_KEPT_SECONDS: Final = 300
_LEAST_SECONDS: Final = 120
"""A trend reaches back so far at least, however narrow it is."""


class Trends:
    """Keeps the last minutes; what was not read leaves a gap."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, dict[str, float]]] = deque(maxlen=_KEPT_SECONDS)
        self._cells: dict[int, dict[int, _Cell]] = {}
        """The same by how many seconds a cell stands for, and by the cell's number: a line is drawn in 10 us."""

    def add(self, snapshot: Snapshot) -> None:
        """Keep the readings of one moment; it is later than those before, or the latest of them again."""
        if self._kept and self._kept[-1][0] == snapshot.time:
            return
        self._kept.append((snapshot.time, dict(_values(snapshot))))
        for seconds, cells in self._cells.items():
            _put(cells, seconds, *self._kept[-1])
            if len(cells) > _KEPT_SECONDS // seconds:
                del cells[min(cells)]

    def line(self, key: str, width: int, strokes: Strokes, most: float | None = 1.0) -> str:
        """How one reading went, the newest at the right.

        The cells stand for fixed stretches of time, so that they wander to the left as a whole.

        Args:
            key: which reading, see `_values`.
            width: in cells.
            strokes: what to draw with.
            most: the value that fills a cell; the largest that is shown when None.

        Returns:
            Exactly `width` characters, blank where nothing was read.
        """
        if width < 1 or not self._kept:
            return " " * max(width, 0)
        seconds = max(1, math.ceil(_LEAST_SECONDS / width))
        if seconds not in self._cells:
            cells = self._cells[seconds] = {}
            for time, values in self._kept:
                _put(cells, seconds, time, values)
        cells, last = self._cells[seconds], int(self._kept[-1][0] // seconds)
        read = [cells.get(number, {}).get(key) for number in range(last - width + 1, last + 1)]
        means = [one[0] / one[1] if one is not None else None for one in read]
        top = most if most is not None else max((mean for mean in means if mean is not None), default=0.0)
        levels, highest = strokes.levels, len(strokes.levels) - 1
        steps = len(levels) / top if top else 0.0
        return "".join(" " if mean is None else levels[min(int(mean * steps), highest)] for mean in means)


_Cell = dict[str, tuple[float, int]]
"""By reading the sum and the number of its values."""


def _put(cells: dict[int, _Cell], seconds: int, time: float, values: Mapping[str, float]) -> None:
    cell = cells.setdefault(int(time // seconds), {})
    for key, value in values.items():
        total, count = cell.get(key, (0.0, 0))
        cell[key] = total + value, count + 1


def _values(snapshot: Snapshot) -> Iterator[tuple[str, float]]:
    """The readings that have a trend: shares of 1, but for the network in bytes a second."""
    readings = snapshot.readings
    yield "processor", readings.processor
    yield "memory", readings.memory.share
    yield "swap", readings.swap.share
    if readings.network is not None:
        yield "network", sum(readings.network)
    for gpu in snapshot.gpus.found:
        yield from _gpu_values(gpu)


def _gpu_values(gpu: Gpu) -> Iterator[tuple[str, float]]:
    if gpu.utilisation is not None:
        yield f"gpu {gpu.label}", gpu.utilisation
    if gpu.memory is not None:
        yield f"gpu memory {gpu.label}", gpu.memory.share
