"""From the bytes of a point in a file to its value on the screen, by format; for `.wandb` beside W&B LEET; and a flood.

    python -m tests.benchmarks.live [--only FORMAT|flood ...]

Each format gets a store of one running run. Lines (or records) are appended by this process, five a second, each with
a value that is seen nowhere else; what counts is the time from the beginning of the write to the last byte of output
after which the value is on the screen, in a pseudo-terminal of 160 x 42. LEET writes changed cells only, so that its
screen is kept; ours writes whole lines, and its output is looked through. The flood is 100 runs of 10 metrics that log
10 times a second into an MLflow file store: what the app costs then, and how long a key takes.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from tests.adapters.event_files import framed as event_framed
from tests.adapters.event_files import scalar, version
from tests.adapters.wandb_runs import HEADER, Encoder, framed, pb
from tests.benchmarks.make_store import RUNNING, Shape, make_run, write_run, write_store
from tests.benchmarks.table import NOTHING, Row, markdown, seconds
from tests.benchmarks.terminal import Terminal, TerminalError

_BIN: Final = Path(sys.executable).parent
_APPENDS: Final = 60
_A_SECOND: Final = 5
_BEGUN: Final = 20
"""Points that a run has before the app is opened."""
_DOWN: Final = b"\x1b[B"
_FLOOD_RUNS: Final = 100
_FLOOD_METRICS: Final = 10
_FLOOD_A_SECOND: Final = 10
_FLOOD_SECONDS: Final = 20
_PRESSES: Final = 30
_LEET_STARTS: Final = 5
"""Seconds."""

Append = Callable[[int, float], None]
"""Writes a point: its step, its value."""


def _value(step: int) -> int:
    """Six digits that nothing else on the screen has."""
    return 700_003 + 997 * step


def _mlflow(root: Path) -> tuple[Path, Append]:
    shape = Shape(runs=0, metrics=0)
    write_store(root / "mlruns", shape)
    metrics = write_run(root / "mlruns", replace(make_run(0, shape), status=RUNNING)) / "metrics"

    def append(step: int, value: float) -> None:
        with open(metrics / "loss", "ab", buffering=0) as file:
            file.write(f"{1_790_000_000_000 + step} {value} {step}\n".encode())

    return root / "mlruns", append


def _directory(root: Path) -> Path:
    directory = root / "runs" / "heron-1"
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps({"lr": 0.1}))
    return directory


def _csv(root: Path) -> tuple[Path, Append]:
    path = _directory(root) / "metrics.csv"
    path.write_text("step,loss\n")

    def append(step: int, value: float) -> None:
        row = io.StringIO()
        csv.writer(row, lineterminator="\n").writerow([step, value])
        with open(path, "ab", buffering=0) as file:
            file.write(row.getvalue().encode())

    return root / "runs", append


def _json_lines(root: Path) -> tuple[Path, Append]:
    path = _directory(root) / "metrics.jsonl"

    def append(step: int, value: float) -> None:
        with open(path, "ab", buffering=0) as file:
            file.write(json.dumps({"step": step, "loss": value}).encode() + b"\n")

    return root / "runs", append


def _events(root: Path) -> tuple[Path, Append]:
    path = _directory(root) / "events.out.tfevents.1790000000.box.1.0"
    path.write_bytes(event_framed(version().SerializeToString()))

    def append(step: int, value: float) -> None:
        with open(path, "ab", buffering=0) as file:
            file.write(event_framed(scalar("loss", step, value).SerializeToString()))

    return root / "runs", append


def _wandb(root: Path) -> tuple[Path, Append]:
    directory = root / "wandb" / "offline-run-20261121_100000-heron1"
    directory.mkdir(parents=True)
    path = directory / "run-heron1.wandb"
    encode = Encoder()
    path.write_bytes(
        HEADER + framed([encode(header=pb().HeaderRecord()), encode.run("heron1", "heron-1", {"lr": 0.1})])
    )

    def append(step: int, value: float) -> None:
        values = {"loss": value, "_step": step, "_timestamp": 1.79e9 + step, "_runtime": step}
        records = [encode.history(values, step), encode.summary(values)]
        data = framed(records, path.stat().st_size)
        with open(path, "ab", buffering=0) as file:
            file.write(data)

    return root / "wandb", append


_FORMATS: Final[dict[str, tuple[str, Callable[[Path], tuple[Path, Append]]]]] = {
    "mlflow": ("MLflow file store", _mlflow),
    "csv": ("CSV", _csv),
    "jsonl": ("JSON lines", _json_lines),
    "events": ("TensorBoard event file", _events),
    "wandb": ("`.wandb`", _wandb),
}


def _delays(command: Sequence[str], append: Append, first: str, leet: dict[str, str] | None = None) -> list[float]:
    """Seconds from each append to its value on the screen; `leet` are variables for LEET, where it is that."""
    pending: dict[str, float] = {}
    seen: dict[str, float] = {}
    with Terminal(command, leet, screen=leet is not None) as terminal:
        terminal.wait_for(first)
        if leet is None:
            terminal.settle()
        else:
            terminal.read(_LEET_STARTS)  # it takes a sixth of a core when nothing happens, and is never at rest
        for number in range(_APPENDS):
            step = _BEGUN + number

            def act(step: int = step) -> str:
                append(step, _value(step))
                return f"{_value(step)}"

            seen |= terminal.shown_after(act, 2 if number == _APPENDS - 1 else 1 / _A_SECOND, pending)
    return sorted(seen.values())


def _figure(delays: Sequence[float]) -> str:
    if len(delays) < 2:
        return "never seen"
    return f"{seconds(median(delays))}, p95 {seconds(quantiles(delays, n=20)[-1])}"


def measure_format(name: str, directory: Path) -> Row:
    """The row of a format."""
    title, make = _FORMATS[name]
    root = directory / name
    store, append = make(root)
    for step in range(_BEGUN):
        append(step, 1 / (1 + step))
    ours = _delays([str(_BIN / "tui-runs"), "open", str(store), "--no-cache"], append, "loss")
    peer = NOTHING
    if name == "wandb" and (_BIN / "wandb").exists():
        peer = _leet(directory / "leet")
    reached = len(ours) > 1 and median(ours) < 0.1 and quantiles(ours, n=20)[-1] < 0.25
    return Row(
        f"append -> on the screen, {title}", _figure(ours), peer, NOTHING, "median < 100 ms, p95 < 250 ms", reached,
        f"{len(ours)} of {_APPENDS} values were seen themselves, or a newer one for them.",
    )  # fmt: skip


def _leet(root: Path) -> str:
    store, append = _wandb(root)
    for step in range(_BEGUN):
        append(step, 1 / (1 + step))
    env = {"WANDB_CONFIG_DIR": str(root / "config"), "WANDB_MODE": "offline", "WANDB_ERROR_REPORTING": "false"}
    run = next(store.iterdir())
    return f"{_figure(_delays([str(_BIN / 'wandb'), 'leet', str(run)], append, 'loss', env))} wandb leet"


def _flood(paths: Sequence[Path], ended: Event, written: Synchronized[int]) -> None:
    """Append a line to every file, so many times a second."""
    step, due = _BEGUN, time.monotonic()
    while not ended.is_set():
        line = f"{1_790_000_000_000 + step} {1 / step} {step}\n".encode()
        for path in paths:
            with open(path, "ab", buffering=0) as file:
                file.write(line)
        written.value += len(paths)
        step += 1
        due += 1 / _FLOOD_A_SECOND
        ended.wait(max(0.0, due - time.monotonic()))


def measure_flood(directory: Path) -> Iterator[Row]:
    """What a flood costs, and how a key fares in it."""
    shape = Shape(runs=0, metrics=_FLOOD_METRICS, points=_BEGUN)
    store, paths = directory / "flood", []
    write_store(store, shape)
    for number in range(_FLOOD_RUNS):
        run = replace(make_run(number, shape), status=RUNNING)
        run.tags.pop("mlflow.parentRunId", None)
        paths += [path for path in (write_run(store, run) / "metrics").rglob("*") if path.is_file()]
    ended, written = multiprocessing.Event(), multiprocessing.Value("q", 0)
    with Terminal([str(_BIN / "tui-runs"), "open", str(store), "--no-cache"]) as terminal:
        terminal.wait_for(rf"(?<!of )\b{_FLOOD_RUNS} runs\b")
        terminal.settle()
        writer = multiprocessing.Process(target=_flood, args=(paths, ended, written))
        writer.start()
        try:
            terminal.read(5)
            before = written.value
            share = terminal.idle_share(_FLOOD_SECONDS)
            rate = (written.value - before) / _FLOOD_SECONDS
            echoes = [taken for _ in range(_PRESSES) if (taken := _key(terminal)) is not None]
        finally:
            ended.set()
            writer.join()
    wanted_rate = _FLOOD_RUNS * _FLOOD_METRICS * _FLOOD_A_SECOND
    yield Row(
        f"{_FLOOD_RUNS} runs x {_FLOOD_METRICS} metrics x {_FLOOD_A_SECOND} logs a second, CPU",
        f"{share:.0%} of a core", NOTHING, NOTHING, "< 50 %", share < 0.5,
        f"{rate:,.0f} points a second were written, {wanted_rate:,} were to be.",
    )  # fmt: skip
    if echoes:
        yield Row(
            "… a key to the next paint", seconds(median(echoes)), NOTHING, NOTHING, "< 50 ms", median(echoes) < 0.05,
            f"Of {len(echoes)} presses; the slowest took {seconds(max(echoes))}.",
        )  # fmt: skip


def _key(terminal: Terminal) -> float | None:
    """Seconds from a key to the next output, between keys that are spread over the paints of what is logged."""
    terminal.read(0.31)
    return terminal.first_after(_DOWN)


def measure(directory: Path, parts: Sequence[str]) -> Iterator[Row]:
    """All rows; a part that fails is a row that says why."""
    for part in parts:
        try:
            if part == "flood":
                yield from measure_flood(directory)
            else:
                yield measure_format(part, directory)
        except TerminalError as error:
            yield Row(f"{part}: failed", str(error))


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parts = [*_FORMATS, "flood"]
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, help="these parts (default: all)")
    given = parser.parse_args()
    load_before = os.getloadavg()[0]
    place = Path(tempfile.mkdtemp(prefix="tui-runs-"))
    try:
        rows = list(measure(place, given.only))
    finally:
        shutil.rmtree(place)
    busy = "\nOTHER JOBS WERE RUNNING: trust the ratios only" if load_before > 0.6 else ""
    sys.stdout.write(f"{os.cpu_count()} cores; load average {load_before:.1f} before{busy}\n\n{markdown(rows)}\n")


if __name__ == "__main__":
    main()
