"""W&B runs on a disk: how long tui-runs takes, beside W&B's own terminal app, LEET.

    uv run python -m tests.benchmarks.wandb_local [--directory DIR] [--only big many few formats live]

Run it by hand, on a machine that does nothing else; it takes about six minutes, most of them for the SDK to write
what is read. The table goes to stdout, what is being done to stderr.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from tests.benchmarks.jobs import memory_of
from tests.benchmarks.table import NOTHING, Row, Took, faster, markdown, middle, seconds, spread
from tests.benchmarks.terminal import Terminal, TerminalError

_ROOT: Final = Path(__file__).parents[2]
_BIN: Final = Path(sys.executable).parent
_PARTS: Final = ("big", "many", "few", "formats", "live")
_FEW, _MANY = 12, 300
_FORMATS: Final = ("nested_key", "key", "typed")
_FLAT: Final = (50, 20_000)
_LIVE_METRICS, _LIVE_RATE, _LIVE_SECONDS = 20, 100, 60

# Offline runs, as the SDK writes them: argv is runs, metrics, steps.
_WRITE: Final = """
import math, sys
import wandb
runs, metrics, steps = map(int, sys.argv[1:])
for index in range(runs):
    run = wandb.init(project="benchmark", id=f"r{index}", name=f"heron-{index}", group=f"g{index % 3}",
                     config={"learning_rate": 1e-3 * (index + 1), "model": {"depth": index}, "seed": index},
                     settings=wandb.Settings(silent=True, x_disable_stats=True, console="off"))
    for step in range(steps):
        run.log({f"layer{i // 10:02d}/metric_{i:03d}": math.exp(-step / 900) + math.sin(step * (i + 2)) / 9
                 for i in range(metrics)})
    run.finish()
"""
# One run, logging so many metrics so often for so long; each value tells its metric and its step.
_WRITE_LIVE: Final = """
import sys, time
import wandb
metrics, rate, seconds = map(int, sys.argv[1:])
run = wandb.init(project="benchmark", id="live",
                 settings=wandb.Settings(silent=True, x_disable_stats=True, console="off"))
begin = time.monotonic()
for step in range(rate * seconds):
    time.sleep(max(0, begin + step / rate - time.monotonic()))
    run.log({f"metric_{i:03d}": step + i / 64 for i in range(metrics)})
run.finish()
"""
_LEET_CHART: Final = r"metric_\d+"
_LEET_RUNS: Final = r"offline-run-\d+"
_OUR_RUNS: Final = r"heron-\d+"


class Loaded(NamedTuple):
    """What a program took to load a run.

    Args:
        took: from its start until it had all.
        first: until it showed, or had, something.
        peak: resident bytes at most.
    """

    took: Took
    first: float
    peak: int


def tell(text: str) -> None:
    """Say on stderr what is being done."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


# --- what is read -----------------------------------------------------------------------------------------------------


def _environment(directory: Path) -> dict[str, str]:
    own = {name: str(directory / f".{name}") for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR")}
    return {
        "PATH": os.environ["PATH"], "HOME": str(directory), "WANDB_DIR": str(directory), "WANDB_MODE": "offline",
        "WANDB_ERROR_REPORTING": "false", **own,
    }  # fmt: skip


def written(directory: Path, runs: int, metrics: int, steps: int) -> Path:
    """A directory of runs by the SDK; the one that is there is used again."""
    store = directory / "wandb"
    if not (directory / "complete").exists():
        tell(f"writing {runs} runs of {metrics} metrics x {steps:,} steps with wandb")
        directory.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-c", _WRITE, *map(str, (runs, metrics, steps))]
        subprocess.run(command, env=_environment(directory), cwd=directory, check=True, stdout=subprocess.DEVNULL)
        (directory / "complete").touch()
    return store


def copied(few: Path, directory: Path) -> Path:
    """A directory of 300 runs: the same files again and again, each under an id of its own."""
    store = directory / "wandb"
    if not store.exists():
        originals = sorted(path for path in few.glob("offline-run-*") if path.is_dir())
        for number in range(_MANY):
            original = originals[number % len(originals)]
            log = next(original.glob("*.wandb"))
            copy = store / f"offline-run-20260101_00{number // 60:02d}{number % 60:02d}-c{number}"
            (copy / "files").mkdir(parents=True)
            shutil.copyfile(log, copy / f"run-c{number}.wandb")
    return store


def flat(directory: Path, form: str) -> Path:
    """A log of flat numeric histories, each value being written in this form; by the encoder of the tests."""
    from tests.adapters.wandb_runs import HEADER, Encoder, framed, pb

    path = directory / f"offline-run-20260101_000000-{form}" / f"run-{form}.wandb"
    if path.exists():
        return path
    tell(f"writing a log of {form} values")
    encode, (metrics, steps) = Encoder(), _FLAT
    records = [encode.run(form)]
    for step in range(steps):
        history, summary = pb().HistoryRecord(), pb().SummaryRecord()
        values = {f"layer/metric_{i:03d}": 1 / (step + i + 1) for i in range(metrics)}
        for key, value in {**values, "_runtime": step / 7, "_timestamp": 1.7e9 + step / 7}.items():
            named = {"key": key} if form == "key" else {"nested_key": [key]}
            history.item.add(**named, **({"number": value} if form == "typed" else {"value_json": repr(value)}))
            summary.update.add(**named, value_json=repr(value))
        history.item.add(nested_key=["_step"], value_json=str(step))
        records += [encode(summary=summary, streamed=False), encode(history=history, streamed=False)]
    path.parent.mkdir(parents=True)
    path.write_bytes(HEADER + framed(records))
    return path


def _warm(store: Path) -> None:
    """Read every log, so that its pages are in memory."""
    for path in store.glob("offline-run-*/*.wandb"):
        path.read_bytes()


# --- in a process of its own ------------------------------------------------------------------------------------------


def run_job(name: str, argument: Path) -> dict[str, Any]:
    """Run a function of this module in a Python of its own; `wall` is from before its start until it was done."""
    code = f"from tests.benchmarks import wandb_local; wandb_local.{name}({str(argument)!r})"
    spawned = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return {name: value - spawned if name in ("first", "table", "done") else value for name, value in result.items()}


def load(store: str) -> None:
    """Read everything of a store: its table, and then every point of every run."""
    from tui_runs_wandb import WandbAdapter

    source = WandbAdapter().open(store, {})
    moments: dict[str, float] = {}
    runs: set[str] = set()
    for batch in source.scan():
        moments.setdefault("first", time.monotonic())
        runs.update(batch.runs["run_id"])
        if len(runs) == batch.total:
            moments.setdefault("table", time.monotonic())
    points, cursor, complete = 0, None, False
    while not complete:
        history = source.history(sorted(runs), None, cursor)
        points, cursor, complete = points + history.frame.height, history.cursor, history.complete
    moments["done"] = time.monotonic()
    _print({**moments, "cpu": time.process_time(), "points": points, "peak": memory_of("self")["peak"]})


def decode(path: str) -> None:
    """Decode a log that is in memory already, with everything imported; the best of three."""
    from tui_runs_wandb.run_dir import run_of_log
    from tui_runs_wandb.run_log import RunLog

    taken: list[tuple[float, float]] = []
    for _ in range(4):
        log = RunLog(run_of_log(path))
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        while log.advance():
            pass
        taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    _print({"taken": min(taken[1:]), "points": int(log.totals.count.sum())})


def follow(store: str) -> None:
    """Follow the run that appears in a store until it has ended, reading its points as they come."""
    from tui_runs.adapter import Focus
    from tui_runs_wandb import WandbAdapter

    source, ended = WandbAdapter().open(store, {}), False
    points: dict[str, list[tuple[int, float]]] = {}
    cursor, delays = None, []
    for _ in source.scan():
        pass
    for change in source.follow(Focus()):
        if change.batch is None or not (runs := change.batch.runs["run_id"].to_list()):
            continue
        ended, complete = change.batch.runs["status"][0] == "finished", False
        while not complete:
            history = source.history(runs, None, cursor)
            cursor, complete = history.cursor, history.complete
            for key, step, value in history.frame.select("key", "step", "value").iter_rows():
                points.setdefault(key, []).append((step, value))
        delays.append(time.time() - next(Path(store).glob("offline-run-*/*.wandb")).stat().st_mtime)
        if ended:
            break
    source.close()
    steps = _LIVE_RATE * _LIVE_SECONDS
    expected = {f"metric_{i:03d}": [(step, step + i / 64) for step in range(steps)] for i in range(_LIVE_METRICS)}
    right = sum(points.get(key) == series for key, series in expected.items())
    got = sum(map(len, points.values()))
    _print(
        {"got": got, "right": right, "delays": delays, "cpu": time.process_time(), "peak": memory_of("self")["peak"]}
    )


def _print(result: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(result))


# --- the parts --------------------------------------------------------------------------------------------------------


def _leet(place: Path, directory: Path, pattern: str) -> Loaded:
    """Open LEET, wait until it shows something and until its CPU is quiet."""
    with Terminal([str(_BIN / "wandb"), "leet", str(place)], _environment(directory)) as terminal:
        first = terminal.wait_for(pattern)
        whole = terminal.settle()
        return Loaded(Took(whole, terminal.cpu_seconds()), first, terminal.memory()[1])


def _ours(place: Path) -> Loaded:
    result = run_job("load", place)
    return Loaded(Took(result["done"], result["cpu"]), result["table"], result["peak"])


def measure_big(directory: Path, repeats: int) -> Iterator[Row]:
    """One run of 200 metrics x 10,000 steps, loaded whole."""
    store = written(directory / "big", 1, 200, 10_000)
    run = next(path for path in store.glob("offline-run-*") if path.is_dir())
    size = next(run.glob("*.wandb")).stat().st_size
    ours, theirs = [], []
    for _ in range(repeats):
        tell("one large run")
        _warm(store)
        ours.append(_ours(store))
        tell("one large run, LEET")
        theirs.append(_leet(run, directory, _LEET_CHART))
    mine, peer = middle([one.took for one in ours]), middle([one.took for one in theirs])
    reached = peer.cpu >= 2 * mine.cpu and peer.wall >= 2 * mine.wall
    yield Row(
        f"one run of 200 metrics x 10,000 steps, {size / 1e6:.0f} MB, loaded whole", str(mine), f"{peer} wandb leet",
        faster(mine, peer), "half of LEET's CPU and wall", reached,
        "From spawn, imports included: ours until every point was given out, LEET until its CPU was quiet.",
    )  # fmt: skip
    peaks = median(one.peak for one in ours), median(one.peak for one in theirs)
    yield Row("… memory, peak", f"{peaks[0] / 1e6:.0f} MB", f"{peaks[1] / 1e6:.0f} MB wandb leet", NOTHING,
              "not above LEET's", peaks[0] <= peaks[1])  # fmt: skip
    yield Row("… in the table", seconds(median(one.first for one in ours)), note="By its first and last blocks.")


def measure_many(directory: Path, repeats: int) -> Iterator[Row]:
    """300 runs."""
    store = copied(written(directory / "few", _FEW, 5, 500), directory / "many")
    ours, theirs = [], []
    for _ in range(repeats):
        tell(f"{_MANY} runs")
        _warm(store)
        ours.append(run_job("load", store))
        tell(f"{_MANY} runs, LEET")
        theirs.append(_leet(store, directory, _LEET_RUNS))
    table, peer = [one["table"] for one in ours], [one.took.wall for one in theirs]
    first, done = (seconds(median(one[name] for one in ours)) for name in ("first", "done"))
    yield Row(
        f"table of {_MANY} runs", seconds(median(table)), f"{seconds(median(peer))} wandb leet", NOTHING,
        "before LEET's metadata", median(table) < median(peer),
        f"From spawn; ours {spread(table)}, the first rows after {first}, every point after {done}; LEET until its CPU "
        "was quiet.",
    )  # fmt: skip


def measure_few(directory: Path, repeats: int) -> Iterator[Row]:
    """The app's first rows on 12 runs."""
    store = written(directory / "few", _FEW, 5, 500)
    ours, theirs = [], []
    for _ in range(repeats + 1):
        tell(f"{_FEW} runs, both apps")
        _warm(store)
        with Terminal([str(_BIN / "tui-runs"), "open", str(store)]) as terminal:
            ours.append(terminal.wait_for(_OUR_RUNS))
        theirs.append(_leet(store, directory, _LEET_RUNS).first)
    ours, theirs = ours[1:], theirs[1:]  # the first one brings the programs' own files into memory
    yield Row(f"`tui-runs open`, first run shown, {_FEW} runs", seconds(median(ours)),
              f"{seconds(median(theirs))} wandb leet", f"{median(theirs) / median(ours):.3g}x", "ahead of LEET",
              median(ours) < median(theirs), f"Ours {spread(ours)}, LEET's {spread(theirs)}.")  # fmt: skip


def measure_formats(directory: Path, repeats: int) -> Iterator[Row]:
    """How fast each way to write a value is read."""
    for form in _FORMATS:
        path = flat(directory / "formats", form)
        size = path.stat().st_size / 1e6
        tell(f"decoding {form}")
        results = [run_job("decode", path) for _ in range(repeats)]
        taken = middle([Took(*one["taken"]) for one in results])
        rate = size / taken.wall
        yield Row(f"flat histories, {form}: {size:.0f} MB, {results[0]['points']:,} values", str(taken), NOTHING,
                  f"{rate:.0f} MB/s", "150 MB/s", rate >= 150)  # fmt: skip


def measure_live(directory: Path, repeats: int) -> Iterator[Row]:
    """A run that is followed while it is written; once, as that is a minute."""
    place = directory / "live"
    shutil.rmtree(place, ignore_errors=True)
    (place / "wandb").mkdir(parents=True)
    tell(f"following a run for {_LIVE_SECONDS} s")
    command = [sys.executable, "-c", _WRITE_LIVE, *map(str, (_LIVE_METRICS, _LIVE_RATE, _LIVE_SECONDS))]
    with subprocess.Popen(command, env=_environment(place), cwd=place, stdout=subprocess.DEVNULL) as writer:
        try:
            result = run_job("follow", place / "wandb")
        finally:
            writer.terminate()
    everything = _LIVE_METRICS * _LIVE_RATE * _LIVE_SECONDS
    reached = result["right"] == _LIVE_METRICS and result["got"] == everything
    yield Row(
        f"a run of {_LIVE_METRICS} metrics at {_LIVE_RATE} logs a second, followed for {_LIVE_SECONDS} s",
        f"{result['got']:,} of {everything:,} points", NOTHING, NOTHING, "every point, once", reached,
        f"Read {spread(result['delays'])} after the log was written, {len(result['delays'])} times; "
        f"{result['cpu']:.2f} s of CPU, imports included; {result['peak'] / 1e6:.0f} MB.",
    )  # fmt: skip


def measure(directory: Path, parts: Sequence[str], repeats: int) -> Iterator[Row]:
    """All rows. A part that fails is a row that says why, and the others go on."""
    measures = dict(zip(_PARTS, (measure_big, measure_many, measure_few, measure_formats, measure_live), strict=True))
    for part in parts:
        try:
            yield from measures[part](directory, repeats)
        except (TerminalError, subprocess.CalledProcessError) as error:
            yield Row(f"{part}: failed", str(error))


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--directory", type=Path, help="make the runs here, keep them, use those that are there")
    parser.add_argument("--repeats", type=int, default=3, help="medians are reported (default 3)")
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=list(_PARTS), help="these parts (default: all)")
    given = parser.parse_args()
    load_before = os.getloadavg()[0]
    place = given.directory or Path(tempfile.mkdtemp(prefix="tui-runs-"))
    try:
        rows = list(measure(place.absolute(), given.only, given.repeats))
    finally:
        if given.directory is None:
            shutil.rmtree(place)
    load_after = os.getloadavg()[0]
    busy = "\nOTHER JOBS WERE RUNNING: trust the ratios only" if load_before > 0.6 else ""
    said = f"{os.cpu_count()} cores; load average {load_before:.1f} before, {load_after:.1f} after{busy}"
    sys.stdout.write(f"{said}\n\n{markdown(rows)}\n")


if __name__ == "__main__":
    main()
