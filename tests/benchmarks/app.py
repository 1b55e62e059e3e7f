"""The figures of the app itself, in a pseudo-terminal, beside W&B LEET where that can be run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from tests.benchmarks import jobs
from tests.benchmarks.make_store import (
    LIVE_RUN,
    NAME_PATTERN,
    RUNNING,
    Shape,
    make_run,
    write_run,
)
from tests.benchmarks.table import NOTHING, Row, seconds, spread
from tests.benchmarks.terminal import Reply, Terminal, TerminalError

_DOWN, _PAGE_DOWN = b"\x1b[B", b"\x1b[6~"
_PRESSES: Final = 30
_IDLE_SECONDS: Final = 10
_APPENDS: Final = 40
_APPENDS_A_SECOND: Final = 5
_LIVE_METRIC: Final = "val_loss"
"""One that the table shows first."""
_MIB: Final = 1 << 20

# 12 offline runs, as the SDK writes them: argv is their directory.
_LEET_RUNS: Final = """
import math, os, sys
import wandb
for index in range(12):
    run = wandb.init(project="benchmark", name=f"heron-{index}", mode="offline", dir=sys.argv[1],
                     config={"learning_rate": 1e-3, "seed": index}, settings=wandb.Settings(silent=True))
    for step in range(500):
        run.log({f"loss_{i}": (1 + i) / (1 + step / 20) + 0.01 * math.sin(step * (i + 2)) for i in range(5)})
    run.finish()
"""
_LEET_LISTED: Final = r"offline-run-\d+"
"""How LEET lists a run; its name comes a moment later, beside the list."""


@dataclass(frozen=True)
class Leet:
    """How W&B's terminal app is started, on which runs.

    Args:
        command: with its arguments.
        env: keeps it off the user's settings and the network.
    """

    command: Sequence[str]
    env: dict[str, str]


class Stores(NamedTuple):
    """The stores that the app is opened on: the large one, and one of 12 runs."""

    large: Path
    small: Path
    shape: Shape


@dataclass
class _Samples:
    """What was measured of one program on one store, a value a start."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    settled: list[float] = field(default_factory=list)
    now: list[int] = field(default_factory=list)
    peak: list[int] = field(default_factory=list)


def prepare_leet(python: Path, directory: Path) -> Leet:
    """Make 12 offline W&B runs.

    Args:
        python: an interpreter that has wandb.
        directory: where they go; those that are there are used again.

    Raises:
        OSError: there is no such interpreter, or no `wandb` beside it.
        subprocess.CalledProcessError: it could not write them.
    """
    program = python.parent / "wandb"
    if not program.exists():
        raise FileNotFoundError(f"{program} is not there")
    env = {"WANDB_CONFIG_DIR": str(directory / "config"), "WANDB_MODE": "offline", "WANDB_ERROR_REPORTING": "false"}
    whole = directory / "complete"
    if not whole.exists():
        directory.mkdir(parents=True, exist_ok=True)
        command = [str(python), "-c", _LEET_RUNS, str(directory)]
        subprocess.run(command, env={"PATH": "/usr/bin:/bin", "HOME": str(directory), **env}, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=directory, text=True)  # fmt: skip
        whole.touch()
    return Leet((str(program), "leet", str(directory / "wandb")), env)


def _command(store: Path) -> list[str]:
    return [str(Path(sys.executable).parent / "tui-runs"), "open", str(store), "--no-cache"]


def measure_app(stores: Stores, leet: Leet | None, repeats: int, tell: Callable[[str], None]) -> Iterator[Row]:
    """Open the app so many times on each store and in turn LEET; then press keys, wait, and append to a run.

    Raises:
        TerminalError: the app did not start.
    """
    small, large, theirs = _Samples(), _Samples(), _Samples()
    tell("starts of the app, one that is not counted and then in turn")
    _start(_command(stores.small), stores.small, _Samples())
    if leet is not None:
        _start_leet(leet, _Samples())
    for _ in range(repeats):
        _start(_command(stores.small), stores.small, small)
        _start(_command(stores.large), stores.large, large, stores.shape.runs)
        if leet is not None:
            _start_leet(leet, theirs)
    runs = f"{stores.shape.runs:,} runs"
    quick, peer = median(small.first), median(theirs.first) if leet else 0.0
    note = "From spawn to the first run's name in the output, in a pseudo-terminal of 160 x 42; ours " + spread(
        small.first
    )
    yield Row(
        "`tui-runs open`, first run shown, 12 runs", seconds(quick),
        f"{seconds(peer)} wandb leet" if leet else "wandb leet: not run", f"{peer / quick:.3g}x" if leet else NOTHING,
        "ahead of wandb leet", quick < peer if leet else None,
        f"{note}, LEET's {spread(theirs.first)} (12 runs x 5 metrics x 500 steps)." if leet else f"{note}.",
    )  # fmt: skip
    yield Row(
        f"`tui-runs open`, first run shown, {runs}", seconds(median(large.first)),
        note=f"{spread(large.first)}. The whole table stood after {seconds(median(large.whole))}, and the CPU "
        f"was quiet after {seconds(median(large.settled))} (12 runs: {seconds(median(small.settled))}).",
    )  # fmt: skip
    yield Row(
        f"memory of the app, {runs}, peak", _memory(large),
        f"{_memory(theirs)} wandb leet, 12 runs" if leet else NOTHING, NOTHING, "< 250 MB", max(large.peak) < 250e6,
        f"Once settled: {median(large.now) / 1e6:.0f} MB; with 12 runs: {median(small.now) / 1e6:.0f} MB.",
    )  # fmt: skip
    beside = _leet_keys(leet, tell) if leet is not None else {}
    yield from _live_figures(stores, beside, tell)


def _start(command: Sequence[str], store: Path, into: _Samples, runs: int = 12) -> None:
    jobs.warm(str(store))
    with Terminal(command) as terminal:
        into.first.append(terminal.wait_for(NAME_PATTERN))
        into.whole.append(terminal.wait_for(rf"(?<!of )\b{runs:,} runs\b"))
        _settle(terminal, into)


def _start_leet(leet: Leet, into: _Samples) -> None:
    with Terminal(leet.command, leet.env) as terminal:
        into.first.append(terminal.wait_for(_LEET_LISTED))
        _settle(terminal, into)


def _settle(terminal: Terminal, into: _Samples) -> None:
    into.settled.append(terminal.settle())
    now, peak = terminal.memory()
    into.now.append(now)
    into.peak.append(peak)


def _memory(samples: _Samples) -> str:
    return f"{median(samples.peak) / 1e6:.0f} MB"


def _leet_keys(leet: Leet, tell: Callable[[str], None]) -> dict[str, str]:
    """LEET's answer to the Down key, and its idle CPU, as texts for the table."""
    tell("wandb leet: keys and idle")
    with Terminal(leet.command, leet.env) as terminal:
        terminal.wait_for(_LEET_LISTED)
        terminal.settle()
        replies = _press(terminal, _DOWN)
        idle = terminal.idle_share(_IDLE_SECONDS)
    down = seconds(median(reply.painted for reply in replies)) if replies else "no answer"
    return {"down": f"{down} wandb leet, 12 runs", "idle": f"{idle:.2%} wandb leet, 12 runs"}


def _press(terminal: Terminal, key: bytes) -> list[Reply]:
    replies = [terminal.press(key) for _ in range(_PRESSES)]
    return [reply for reply in replies if reply is not None]


def _live_figures(stores: Stores, beside: dict[str, str], tell: Callable[[str], None]) -> Iterator[Row]:
    """Keys, idle CPU and appends, all with one running run in the large store."""
    shape = stores.shape
    live = replace(make_run(shape.runs, shape), run_id=LIVE_RUN, status=RUNNING)
    live.tags.pop("mlflow.parentRunId", None)
    directory = write_run(stores.large, live)
    try:
        jobs.warm(str(stores.large))
        with Terminal(_command(stores.large)) as terminal:
            terminal.wait_for(rf"(?<!of )\b{shape.runs + 1:,} runs\b")
            terminal.settle()
            tell("appends to a running run")
            yield _append_row(terminal, directory / "metrics" / _LIVE_METRIC, shape)
            terminal.settle()
            tell("idle")
            idle = terminal.idle_share(_IDLE_SECONDS)
            yield Row(
                f"idle CPU, {shape.runs:,} runs", f"{idle:.2%} of a core", beside.get("idle", NOTHING), NOTHING,
                "< 1 %", idle < 0.01, f"Over {_IDLE_SECONDS} s; one of the runs is running, but nothing is logged.",
            )  # fmt: skip
            tell("keys")
            for name, key in (("Down", _DOWN), ("PageDown", _PAGE_DOWN)):
                peer = beside.get("down", NOTHING) if key == _DOWN else NOTHING
                yield _key_row(name, _press(terminal, key), shape, peer, "< 12 ms" if key == _DOWN else "")
    finally:
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        directory.rmdir()


def _key_row(name: str, replies: list[Reply], shape: Shape, peer: str, wanted: str) -> Row:
    figure = f"{name} -> painted, {shape.runs:,} runs"
    if not replies:
        return Row(figure, "the key did nothing", peer)
    painted = [reply.painted for reply in replies]
    first, settled = (median(getattr(reply, when) for reply in replies) for when in ("first", "settled"))
    return Row(
        figure, seconds(median(painted)), peer, NOTHING, wanted, median(painted) < 0.012 if wanted else None,
        f"Median of {len(replies)} ({spread(painted)}), from the write of the key to the last byte before a pause of "
        f"30 ms; to the first byte {seconds(first)}; until the charts stand too {seconds(settled)}.",
    )  # fmt: skip


def _append_row(terminal: Terminal, path: Path, shape: Shape) -> Row:
    """Append lines whose values are seen nowhere else, and wait for them on the screen."""
    step = shape.points
    pending: dict[str, float] = {}
    seen: dict[str, float] = {}

    def append() -> str:
        nonlocal step
        value = 700_003 + 997 * (step - shape.points)
        with open(path, "ab", buffering=0) as file:
            file.write(f"{1_790_000_000_000 + step} {float(value)} {step}\n".encode())
        step += 1
        return str(value)

    for number in range(1, _APPENDS + 1):
        seen |= terminal.shown_after(append, 1 if number == _APPENDS else 1 / _APPENDS_A_SECOND, pending)
    figure = "append to a metric file -> on the screen"
    if not seen:
        return Row(figure, "never seen", NOTHING, NOTHING, "< 100 ms", reached=False)
    taken = sorted(seen.values())
    note = (
        f"Median of {len(seen)} of {_APPENDS}, {_APPENDS_A_SECOND} a second: {spread(taken)}; a value that was skipped "
        "counts until the next one stands."
    )
    return Row(figure, seconds(median(taken)), NOTHING, NOTHING, "< 100 ms", median(taken) < 0.1, note)


__all__ = ["Leet", "Stores", "TerminalError", "measure_app", "prepare_leet"]
