"""A day of following in a few minutes: what memory and file descriptors do.

    python -m tests.benchmarks.soak [--minutes 10]

The app is open in a pseudo-terminal on an MLflow file store of 200 runs, of which five train. In the minutes given they
log what trainings that log every ten seconds log in 24 hours: 8,640 points of ten metrics each. Meanwhile runs begin,
end and are deleted, the terminal is resized, panes are changed, the store is moved away and comes back. Memory may grow
by the points of the curves that were looked at and by what health keeps of them, both of which have a limit, and by
nothing else; descriptors and threads must stay as they were.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Final

from tests.benchmarks.make_store import RUNNING, Run, Shape, make_run, write_run, write_store
from tests.benchmarks.table import NOTHING, Row, markdown
from tests.benchmarks.terminal import Terminal
from tui_runs.tui.health.curves import MOST_POINTS

_RUNS: Final = 200
_TRAINING: Final = 5
_METRICS: Final = 10
_POINTS: Final = 8640
"""Of a metric in 24 hours, one every ten seconds."""
_TICKS_A_SECOND: Final = 5
_SIZES: Final = ((160, 42), (80, 24), (200, 60), (120, 32))
_KEYS: Final = (b"2", b"3", b"4", b"5", b"6", b"7", b"1", b"\x1b[B", b"x", b"n", b"e", b"\x1b[A")
"""Panes, the cursor, the x axis, a page, smoothing."""
_POINT_BYTES: Final = 24 + 3 * 8 + 8
"""A point of a curve that was on the screen: step, time, value; over the three x axes that keys choose; smoothed."""
_MIB: Final = 1 << 20


@dataclass(frozen=True)
class Sample:
    """The app at one moment.

    Args:
        share: of the day that has passed.
        memory: resident bytes.
        descriptors: open files, sockets and the like.
        threads: of all its processes.
    """

    share: float
    memory: int
    descriptors: int
    threads: int


def _sample(terminal: Terminal, share: float) -> Sample:
    processes = terminal.processes()
    counted = [(len(os.listdir(f"/proc/{one}/fd")), len(os.listdir(f"/proc/{one}/task"))) for one in processes]
    return Sample(share, terminal.memory()[0], sum(one for one, _ in counted), sum(two for _, two in counted))


def _log(directories: list[Path], keys: list[str], first: int, count: int) -> None:
    """Append so many points to every metric of every run."""
    for directory in directories:
        for key in keys:
            lines = [
                f"{1_790_000_000_000 + 10_000 * step} {1 / (1 + step)} {step}\n" for step in range(first, first + count)
            ]
            with open(directory / "metrics" / key, "ab", buffering=0) as file:
                file.write("".join(lines).encode())


def _training(index: int, shape: Shape) -> Run:
    run = replace(make_run(index, shape), status=RUNNING)
    run.tags.pop("mlflow.parentRunId", None)
    return run


def soak(store: Path, seconds: float) -> Iterator[Sample]:
    """Follow for so long; a sample every fiftieth of it."""
    shape = Shape(runs=_RUNS, metrics=_METRICS, points=20)
    write_store(store, shape)
    runs = [_training(_RUNS + number, shape) for number in range(_TRAINING)]
    directories = [write_run(store, run) for run in runs]
    keys = list(runs[0].metrics)
    command = [str(Path(sys.executable).parent / "tui-runs"), "open", str(store), "--no-cache"]
    ticks = max(int(seconds * _TICKS_A_SECOND), 50)
    with Terminal(command) as terminal:
        terminal.wait_for(rf"(?<!of )\b{_RUNS + _TRAINING} runs\b")
        terminal.settle()
        for _ in range(_TRAINING):
            terminal.press(b" ")
        sizes, pressed = cycle(_SIZES), cycle(_KEYS)
        step, newest, passing = shape.points, _RUNS + _TRAINING, None
        begun = time.monotonic()
        for tick in range(ticks):
            count = (tick + 1) * _POINTS // ticks + shape.points - step
            _log(directories, keys, step, count)
            step += count
            every = ticks // 50
            if tick % every == 0:
                yield _sample(terminal, tick / ticks)
                terminal.resize(*next(sizes))
                if passing is not None:
                    shutil.rmtree(passing)
                passing = write_run(store, _training(newest, shape))
                newest += 1
            if tick % every == every // 2:
                terminal.type(next(pressed))
            if tick == ticks // 2:
                away = store.with_name("away")
                store.rename(away)
                terminal.read(3)
                away.rename(store)
            terminal.read(max(0.0, begun + (tick + 1) / _TICKS_A_SECOND - time.monotonic()))
        terminal.settle()
        yield _sample(terminal, 1.0)


def rows(samples: list[Sample]) -> Iterator[Row]:
    """What became of memory, descriptors and threads at the end of the day, against its first third."""
    early = [one for one in samples if 0.1 <= one.share < 0.35]
    late = [one for one in samples if one.share >= 0.85]
    curves = _TRAINING * _METRICS
    most = curves * (_POINTS * _POINT_BYTES + min(_POINTS, MOST_POINTS) * 24)

    def least(of: list[Sample], name: str) -> int:
        return min(int(getattr(one, name)) for one in of)

    grown = least(late, "memory") - least(early, "memory")
    yield Row(
        "24 h in a soak, memory", f"{least(late, 'memory') / _MIB:.0f} MiB", NOTHING, NOTHING,
        f"grows by no more than {most / _MIB:.0f} MiB", grown < most,
        f"{least(early, 'memory') / _MIB:.0f} MiB in the first third; {curves} curves of {_POINTS:,} points are held, "
        f"{grown / curves / _POINTS:.0f} bytes a point were added. "
        f"Most: {max(one.memory for one in samples) / _MIB:.0f} MiB.",
    )  # fmt: skip
    for name in ("descriptors", "threads"):
        before, after = (max(int(getattr(one, name)) for one in some) for some in (early, late))
        yield Row(f"… open {name}" if name == "descriptors" else f"… {name}", str(after), NOTHING, NOTHING,
                  "as before", after <= before, f"{before} in the first third.")  # fmt: skip


def main() -> None:
    """Soak, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10, help="that a day takes (default 10)")
    given = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="tui-runs-"))
    samples = []
    try:
        for sample in soak(place / "mlruns", given.minutes * 60):
            samples.append(sample)
            sys.stderr.write(
                f"{sample.share:4.0%}  {sample.memory / _MIB:6.1f} MiB  {sample.descriptors} descriptors  "
                f"{sample.threads} threads\n"
            )
    finally:
        shutil.rmtree(place)
    sys.stdout.write(f"{markdown(list(rows(samples)))}\n")


if __name__ == "__main__":
    main()
