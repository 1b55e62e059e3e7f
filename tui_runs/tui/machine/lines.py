"""What the pane of the machine says, line by line, for a width and a height; it knows no widget."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len

from tui_runs.display import MISSING, clip, duration, file_size, printable
from tui_runs.strokes import Strokes, bar, level
from tui_runs.tui.machine.trends import Trends
from tui_runs.tui.widgets.bars import Piece

if TYPE_CHECKING:
    from tui_runs.machine.gpus import Gpu, GpuProcess
    from tui_runs.machine.owners import ProcessFacts
    from tui_runs.machine.readings import Disk, Rates, Readings, Space
    from tui_runs.machine.watch import Snapshot

Line = Sequence[Piece]
"""Looks are those of `MachineView`, or a colour as #rrggbb."""

_TWO_COLUMNS: Final = 110
"""From this width on the GPUs stand beside the rest."""
_GAP: Final = 3
_LABEL: Final = 9
_VALUE: Final = 20
_LEAST_TREND: Final = 12
"""Cells; a shorter trend says nothing."""
_LEAST_BAR: Final = 4
_MOST_CELLS: Final = 60
"""Of a trend and of a bar: with more, the eye does not find back."""
_LEAST_PLACE: Final = 8
"""Cells of a disk's place that are shown before anything else is."""
_NEARLY_FULL: Final = (0.9, 0.95)
"""Shares of a disk or of the memory from which on it is a warning, and worse than one."""
_NEARLY_HOT: Final = 5
"""Degrees below the temperature at which a GPU slows down."""


class RunName(NamedTuple):
    """What a run is called, and its colour.

    Args:
        text: its name.
        look: the colour of a marked run, or "".
    """

    text: str
    look: str


class _Room(NamedTuple):
    """How a column of readings is divided, in cells."""

    bar: int
    value: int
    trend: int

    @classmethod
    def of(cls, width: int) -> _Room:
        """Bars and trends share what labels and values leave."""
        rest = width - _LABEL - _VALUE - 2
        trend = rest // 2 if rest // 2 >= _LEAST_TREND else 0
        return cls(min(max(rest - trend, _LEAST_BAR), _MOST_CELLS), _VALUE, min(trend, _MOST_CELLS))


def machine_lines(
    snapshot: Snapshot, trends: Trends, names: Mapping[int, RunName], width: int, height: int, strokes: Strokes
) -> list[Line]:
    """Everything there is to say of the machine: more lines than fit where it cannot be said in fewer.

    Args:
        snapshot: the readings.
        trends: the last minutes.
        names: the runs of processes, by pid.
        width: in cells.
        height: in cells; with more to say than fits, every GPU gets one line.
        strokes: what to draw with.
    """
    side_by_side = width >= _TWO_COLUMNS and not snapshot.gpus.trouble  # a sentence needs no column
    left = (width - _GAP) // 2 if side_by_side else width
    right = width - left - _GAP if side_by_side else width
    box = [_title(snapshot, left), *_box(snapshot.readings, trends, left, strokes)]
    processes = _processes(snapshot, names, width)

    def all_with(gpus: Sequence[Line], space: Sequence[Line]) -> list[Line]:
        lines = _beside(box, gpus, left + _GAP) if side_by_side else [*box, *space, *gpus]
        return [*lines, *(space if processes else ()), *processes]

    # Seldom drawn in vain: at least two lines a GPU.
    if 2 * len(snapshot.gpus.found) + len(processes) + (0 if side_by_side else len(box)) <= height:
        lines = all_with(_gpus(snapshot, trends, right, strokes, tight=False), [()])
        if len(lines) <= height:
            return lines
    return all_with(_gpus(snapshot, trends, right, strokes, tight=True), ())


def _beside(left: Sequence[Line], right: Sequence[Line], begin: int) -> list[Line]:
    lines: list[Line] = []
    for row in range(max(len(left), len(right))):
        one, other = (part[row] if row < len(part) else () for part in (left, right))
        used = sum(cell_len(piece.text) for piece in one)
        lines.append([*one, Piece(" " * (begin - used)), *other] if other else one)
    return lines


# --- the machine ------------------------------------------------------------------------------------------------------


def _title(snapshot: Snapshot, width: int) -> Line:
    readings = snapshot.readings
    processors = f"{len(readings.cores)} processor{'s' if len(readings.cores) != 1 else ''}"
    load = " ".join(f"{one:.1f}" for one in readings.load)
    facts = f"  {processors} · load {load} · up {duration(readings.uptime)}"
    name = printable(clip(snapshot.host, max(width - len(facts), 8)))
    return [Piece(name, "strong"), Piece(clip(facts, max(width - cell_len(name), 0)), "muted")]


def _box(readings: Readings, trends: Trends, width: int, strokes: Strokes) -> list[Line]:
    room = _Room.of(width)

    def row(label: str, share: float, look: str, value: str, key: str) -> Line:
        return _row(label, share, look, value, trends.line(key, room.trend, strokes), room, strokes)

    lines = [row("cpu", readings.processor, "", _percent(readings.processor), "processor")]
    across = max(width - _LABEL, 1)
    for first in range(0, len(readings.cores), across):
        cores = "".join(level(core, strokes) for core in readings.cores[first : first + across])
        lines.append([Piece(("" if first else "  each").ljust(_LABEL), "muted"), Piece(cores, "bar")])
    memory, swap = readings.memory, readings.swap
    lines.append(row("memory", memory.share, _warning(memory.share), _of(memory), "memory"))
    if swap.total:
        lines.append(row("swap", swap.share, "warn" if swap.share > 0.5 else "", _of(swap), "swap"))
    lines += [_disk(disk, room, strokes) for disk in readings.disks]
    lines.append(_network(readings.network, trends, room, strokes))
    return lines


def _row(label: str, share: float, look: str, value: str, trend: str, room: _Room, strokes: Strokes) -> Line:
    """A label, a bar, what it says as a number, and how it came to that."""
    line = [
        Piece(label.ljust(_LABEL), "muted"),
        *_bar(share, look, room.bar, strokes),
        Piece(" " + value.ljust(room.value), look),
    ]
    return [*line, Piece(" " + trend, "trend")] if trend else line


def _bar(share: float, look: str, width: int, strokes: Strokes) -> tuple[Piece, Piece]:
    filled, rest = bar(share, width, strokes)
    return Piece(filled, look or "bar"), Piece(rest, "track")


def _disk(disk: Disk, room: _Room, strokes: Strokes) -> Line:
    place = printable(disk.place)
    if disk.space is None:
        return [Piece("disk".ljust(_LABEL), "muted"), Piece(f"{place} does not answer", "warn")]
    free = file_size(disk.space.total - disk.space.used)
    moved = "" if disk.rates is None else f" r {_rate(disk.rates.inward)} w {_rate(disk.rates.outward)}"
    share = disk.space.share
    line = _row("disk", share, _warning(share), f"{_percent(share)}  {free} free", "", room, strokes)
    if not room.trend:
        return line
    if len(moved) + min(cell_len(place), _LEAST_PLACE) > room.trend:
        moved = ""
    return [*line, Piece(" " + _tail(place, room.trend - len(moved)) + moved, "muted")]


def _network(rates: Rates | None, trends: Trends, room: _Room, strokes: Strokes) -> Line:
    said = MISSING if rates is None else f"in {_rate(rates.inward)}  out {_rate(rates.outward)}"
    line = [Piece("network".ljust(_LABEL), "muted"), Piece(clip(said, room.bar + 1 + room.value))]
    if room.trend:
        gap = room.bar + 2 + room.value - cell_len(line[1].text)
        line += [Piece(" " * gap), Piece(trends.line("network", room.trend, strokes, most=None), "trend")]
    return line


# --- GPUs -------------------------------------------------------------------------------------------------------------


_LOAD_VALUE, _MEMORY_VALUE, _FACTS = 7, 16, 17
"""Cells of what the one line of a GPU says beside its bars."""


def _gpus(snapshot: Snapshot, trends: Trends, width: int, strokes: Strokes, *, tight: bool) -> list[Line]:
    if snapshot.gpus.trouble:
        return [[Piece(clip(printable(snapshot.gpus.trouble), width), "muted")]]
    if tight:
        return [_gpu_line(gpu, trends, width, strokes) for gpu in snapshot.gpus.found]
    lines: list[Line] = []
    for gpu in snapshot.gpus.found:
        lines += _gpu_lines(gpu, trends, width, strokes)
    return lines


def _gpu_lines(gpu: Gpu, trends: Trends, width: int, strokes: Strokes) -> list[Line]:
    """A GPU with its name, how hard it works, and its memory."""
    room = _Room.of(width)
    if gpu.trouble:
        return [[Piece(f"GPU {gpu.label}  "), Piece(clip(printable(gpu.trouble), width - 8), "bad")]]
    facts = _gpu_facts(gpu)
    length = sum(cell_len(piece.text) for piece in facts)
    name = clip(f"  {printable(gpu.name)}", max(width - len(f"GPU {gpu.label}") - length - 2, 0))
    head = [Piece(f"GPU {gpu.label}", "strong"), Piece(name, "muted")]
    gap = width - sum(cell_len(piece.text) for piece in head) - length
    lines: list[Line] = [[*head, Piece(" " * max(gap, 1)), *facts]]
    if gpu.utilisation is not None:
        trend = trends.line(f"gpu {gpu.label}", room.trend, strokes)
        lines.append(_row("  load", gpu.utilisation, "", _percent(gpu.utilisation), trend, room, strokes))
    elif ":" not in gpu.label:  # of a part nobody expects it
        lines.append([Piece("  load".ljust(_LABEL), "muted"), Piece("not told by this GPU", "muted")])
    if gpu.memory is not None:
        trend = trends.line(f"gpu memory {gpu.label}", room.trend, strokes)
        lines.append(_row("  memory", gpu.memory.share, "", _of(gpu.memory), trend, room, strokes))
    return lines


def _gpu_line(gpu: Gpu, trends: Trends, width: int, strokes: Strokes) -> Line:
    """The same in one line."""
    label = f"GPU {gpu.label}".ljust(_LABEL)
    if gpu.trouble:
        return [Piece(label, "strong"), Piece(clip(printable(gpu.trouble), width - _LABEL), "bad")]
    facts, facts_width = _gpu_facts(gpu)[:3], _FACTS  # temperature and power: what there is room for
    rest = width - _LABEL - _LOAD_VALUE - _MEMORY_VALUE - facts_width
    if rest < _LEAST_BAR:
        facts, facts_width, rest = [], 0, rest + facts_width
    bars = max(rest // 3, _LEAST_BAR)
    memory_bars = max(min(bars, rest - bars), 0)
    trend = rest - bars - memory_bars - 1
    load, memory = gpu.utilisation, gpu.memory
    line = [Piece(label, "strong")]
    line += [Piece(" " * bars)] if load is None else _bar(load, "", bars, strokes)
    line += [Piece(f" {MISSING if load is None else _percent(load)}".ljust(_LOAD_VALUE))]
    line += [Piece(" " * memory_bars)] if memory is None else _bar(memory.share, "", memory_bars, strokes)
    line += [Piece(f" {MISSING if memory is None else _of(memory, percent=False)}".ljust(_MEMORY_VALUE))]
    line += [Piece(" " * (facts_width - sum(cell_len(piece.text) for piece in facts))), *facts]
    if trend >= _LEAST_TREND:
        line.append(Piece(" " + trends.line(f"gpu {gpu.label}", trend, strokes), "trend"))
    return line


def _gpu_facts(gpu: Gpu) -> list[Piece]:
    """Heat, power, fan and clock, as far as they are told: a piece each, with a gap between them."""
    facts: list[Piece] = []
    if gpu.temperature is not None:
        over = gpu.temperature - gpu.slowdown
        facts.append(Piece(f"{gpu.temperature} °C", "bad" if over >= 0 else "warn" if over >= -_NEARLY_HOT else ""))
    if gpu.power is not None:
        limit = f"/{gpu.power_limit:.0f}" if gpu.power_limit is not None else ""
        facts.append(Piece(f"{gpu.power:.0f}{limit} W"))
    if gpu.fan is not None:
        facts.append(Piece(f"fan {_percent(gpu.fan)}", "muted"))
    if gpu.clock is not None:
        facts.append(Piece(f"{gpu.clock} MHz", "muted"))
    return [piece for fact in facts for piece in (Piece("  "), fact)][1:]


# --- processes --------------------------------------------------------------------------------------------------------


def _processes(snapshot: Snapshot, names: Mapping[int, RunName], width: int) -> list[Line]:
    """Who uses the GPUs, and for which run."""
    using = [(gpu, process) for gpu in snapshot.gpus.found for process in gpu.processes]
    if not using:
        none = [Piece("No process that this user may see uses a GPU.", "muted")]
        return [none] if snapshot.gpus.found else []
    rows = [("gpu", "pid", "user", "memory", "run", "command")]
    rows += [_process(gpu, process, snapshot.processes.get(process.pid), names) for gpu, process in using]
    most = (5, 10, 12, 10, 26)
    widths = [min(max(cell_len(row[i]) for row in rows), most[i]) for i in range(5)]
    lines: list[Line] = []
    for number, row in enumerate(rows):
        run = names.get(using[number - 1][1].pid) if number else None
        line = []
        for column, size in enumerate(widths):
            text = clip(row[column], size)
            pad = " " * (size - cell_len(text))
            look = "muted" if not number else run.look or "strong" if run and column == 4 else ""
            line.append(Piece((pad + text if column in (1, 3) else text + pad) + "  ", look))
        room = max(width - sum(widths) - 2 * len(widths), 0)
        lines.append([*line, Piece(clip(row[5], room), "muted")])
    return lines


def _process(
    gpu: Gpu, process: GpuProcess, facts: ProcessFacts | None, names: Mapping[int, RunName]
) -> tuple[str, str, str, str, str, str]:
    # A process that holds no GPU open has the number by chance: the driver counts those outside of a container.
    known = facts if facts is not None and facts.on_gpu is not False else None
    run = names.get(process.pid)
    command = process.name
    if known is not None and known.command:  # an interpreter's directory would take the room of what it runs
        command = " ".join([os.path.basename(known.command[0]), *known.command[1:]])
    return (
        gpu.label,
        str(process.pid),
        printable(known.user) if known is not None and known.user else MISSING,
        MISSING if process.memory is None else f"{process.memory / 2**30:.1f} GiB",
        printable(run.text) if run is not None else MISSING,
        printable(command) or MISSING,
    )


# --- numbers ----------------------------------------------------------------------------------------------------------


def _percent(share: float) -> str:
    return f"{100 * share:3.0f} %"


def _of(space: Space, *, percent: bool = True) -> str:
    """How much of it: in powers of 1,024, as memory is sold."""
    used, total = (f"{count / 2**30:.{0 if count >= 100 * 2**30 else 1}f}" for count in (space.used, space.total))
    return f"{_percent(space.share)}  " * percent + f"{used}/{total} GiB"


def _rate(rate: float) -> str:
    return f"{file_size(round(rate))}/s"


def _warning(share: float) -> str:
    return "bad" if share >= _NEARLY_FULL[1] else "warn" if share >= _NEARLY_FULL[0] else ""


def _tail(text: str, width: int) -> str:
    """The end of a text, which tells more of a path than its beginning."""
    if cell_len(text) <= width:
        return text
    while cell_len(text) > max(width - 1, 0):
        text = text[1:]
    return "…" + text if width > 0 else ""
