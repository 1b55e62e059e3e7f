"""TensorBoard's event files: how long tui-runs takes to load them, beside TensorBoard's own loaders.

    uv run python -m tests.benchmarks.event_files --tensorboard PYTHON [--directory DIR]

PYTHON is the interpreter of an environment that has `tensorboard` (and with it its data server, which is written in
Rust, and the `EventAccumulator`, which is not). What is read is written with TensorBoard's own classes, which takes a
minute or two. Run it by hand, on a machine that does nothing else. The table goes to stdout, what is done to stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from tests.benchmarks.jobs import memory_of, warm
from tests.benchmarks.table import NOTHING, Row, Took, faster, markdown, middle, spread

_ROOT: Final = Path(__file__).parents[2]
_MANY: Final = 5_000_000
_FEW: Final = 500_000
_TAGS: Final = ("loss", "accuracy", "lr", "grad_norm")
_LOADED: Final = re.compile(r"Finished load cycle \(([\d.]+)(ms|s)\)")
_DEADLINE: Final = 600.0

# argv is the file, how many scalars, the form ("simple" as PyTorch writes them, "tensor" as TensorFlow does), the tags.
# TensorBoard's own RecordWriter would need five minutes for the CRCs: here they are worked out side by side. Its
# EventAccumulator, which reads such a file afterwards, checks them.
_WRITE: Final = """
import math, os, struct, sys
import numpy as np
from tensorboard.compat.proto import event_pb2
path, count, form, tags = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
table = np.arange(256, dtype=np.uint32)
for _ in range(8):
    table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1)

def crcs(rows):
    crc = np.full(len(rows), 0xFFFFFFFF, np.uint32)
    for i in range(rows.shape[1]):
        crc = table[(crc ^ rows[:, i]) & 0xFF] ^ (crc >> 8)
    crc = ~crc
    return (((crc >> 15) | (crc << 17)) + np.uint32(0xA282EAD8)).astype("<u4")

def framed(records):
    of_length = {}
    for number, record in enumerate(records):
        of_length.setdefault(len(record), []).append(number)
    parts = [b""] * len(records)
    for length, numbers in of_length.items():
        rows = np.frombuffer(b"".join(records[number] for number in numbers), np.uint8).reshape(-1, length)
        head = struct.pack("<Q", length)
        head += crcs(np.frombuffer(head, np.uint8)[None]).tobytes()
        for number, crc in zip(numbers, crcs(rows).tolist()):
            parts[number] = head + records[number] + struct.pack("<I", crc)
    return b"".join(parts)

os.makedirs(os.path.dirname(path), exist_ok=True)
events = []
for tag in tags:
    event = event_pb2.Event()
    value = event.summary.value.add(tag=tag)
    if form == "tensor":
        value.metadata.plugin_data.plugin_name = "scalars"
        value.tensor.dtype = 1
        value.tensor.tensor_shape.SetInParent()
    events.append((event, value))
with open(path + ".part", "wb") as file:
    file.write(framed([event_pb2.Event(wall_time=1.79e9, file_version="brain.Event:2").SerializeToString()]))
    for begin in range(0, count, 100_000):
        records = []
        for number in range(begin, min(begin + 100_000, count)):
            event, value = events[number % len(tags)]
            event.wall_time = 1.79e9 + number * 0.0037
            event.step = number // len(tags)
            scalar = math.exp(-number / 9e5) + math.sin(number) / 50
            if form == "tensor":
                value.tensor.tensor_content = struct.pack("<f", scalar)
            else:
                value.simple_value = scalar
            records.append(event.SerializeToString())
        file.write(framed(records))
os.rename(path + ".part", path)
"""
# argv is the directory.
_OURS: Final = """
import json, sys, time
import polars as pl
from tests.benchmarks.jobs import memory_of
from tui_runs_dirs.readers.event_file import EventSeries
import tui_runs_dirs.readers.event_chain
pl.DataFrame({"a": [1]}).lazy().select(pl.col("a").sum()).collect()
before = memory_of("self")["now"]
wall, cpu = time.perf_counter(), time.process_time()
series, end, complete, frames = EventSeries(sys.argv[1]), 0, False, []
while not complete:
    stretch = series.read(end, 16 << 20)
    end, complete = stretch.end, stretch.complete
    frames.append(stretch.frame)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
assert not stretch.problems
print(json.dumps({"wall": wall, "cpu": cpu, "points": sum(frame.height for frame in frames), **memory_of("self")}))
"""
_ACCUMULATOR: Final = """
import json, sys, time
from tensorboard.backend.event_processing.event_accumulator import SCALARS, TENSORS, EventAccumulator
wall, cpu = time.perf_counter(), time.process_time()
events = EventAccumulator(sys.argv[1], size_guidance={SCALARS: 0, TENSORS: 0})
events.Reload()
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
points = sum(len(events.Scalars(tag)) for tag in events.Tags()["scalars"])
print(json.dumps({"wall": wall, "cpu": cpu, "points": points}))
"""
_SERVER: Final = "import tensorboard_data_server; print(tensorboard_data_server.server_binary())"


class Loaded(NamedTuple):
    """What a program took to load a directory, and the memory that it had at most, in bytes."""

    took: Took
    peak: int


def tell(text: str) -> None:
    """Say on stderr what is being done."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def written(python: str, directory: Path, count: int, form: str) -> Path:
    """A directory with one file of so many scalars, four a step."""
    run = directory / f"{form}-{count}" / "run"
    path = run / "events.out.tfevents.1790000000.host"
    if not path.exists():
        tell(f"writing {count:,} scalars, {form}")
        subprocess.run([python, "-c", _WRITE, str(path), str(count), form, *_TAGS], check=True, cwd=directory)
    return run


def _job(python: str, script: str, run: Path) -> dict[str, Any]:
    warm(str(run))
    done = subprocess.run([python, "-c", script, str(run)], cwd=_ROOT, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def ours(run: Path, points: int) -> Loaded:
    """Every point into frames that are kept; with modules imported before."""
    result = _job(sys.executable, _OURS, run)
    assert result["points"] == points, result
    return Loaded(Took(result["wall"], result["cpu"]), result["peak"])


def accumulator(python: str, run: Path, points: int) -> Loaded:
    """TensorBoard's loader in Python, with all points kept."""
    result = _job(python, _ACCUMULATOR, run)
    assert result["points"] == points, result
    return Loaded(Took(result["wall"], result["cpu"]), 0)


def data_server(binary: str, run: Path, samples: str) -> Loaded:
    """TensorBoard's loader in Rust: its own word on how long the first load took, and the CPU of its process.

    Args:
        binary: the program.
        run: the directory.
        samples: how many points of a tag are kept: a number, or "all".
    """
    warm(str(run))
    command = [binary, "--logdir", str(run.parent), "--reload", "once", "--port", "0", "-vv"]
    with subprocess.Popen(
        [*command, f"--samples-per-plugin=scalars={samples}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        until = time.monotonic() + _DEADLINE
        try:
            for line in server.stderr:
                if found := _LOADED.search(line):
                    wall = float(found[1]) / (1000 if found[2] == "ms" else 1)
                    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
                    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                    return Loaded(Took(wall, cpu), memory_of(server.pid)["peak"])
                if time.monotonic() > until:
                    break
        finally:
            server.kill()
    raise RuntimeError("the data server did not say that it had loaded")


def measure(python: str, directory: Path, repeats: int) -> Iterator[Row]:
    """All rows; what is compared is measured alternately."""
    binary = subprocess.run([python, "-c", _SERVER], capture_output=True, text=True, check=True).stdout.strip()
    for form, title in (("simple", "as PyTorch writes them"), ("tensor", "as TensorFlow writes them")):
        run = written(python, directory, _MANY, form)
        size = sum(path.stat().st_size for path in run.iterdir()) / 1e6
        mine, theirs, whole = [], [], []
        for number in range(repeats):
            tell(f"{form}, round {number + 1} of {repeats}")
            mine.append(ours(run, _MANY))
            theirs.append(data_server(binary, run, "1000"))
            whole.append(data_server(binary, run, "all"))
        own, peer, peer_whole = (middle([one.took for one in some]) for some in (mine, theirs, whole))
        yield Row(
            f"{_MANY:,} scalars {title}, {size:.0f} MB", str(own), f"{peer} data server", faster(own, peer),
            "no slower than the data server", own.wall <= peer.wall,
            f"Ours {spread([one.took.wall for one in mine])}, every CRC checked and every point kept; the data server "
            f"{spread([one.took.wall for one in theirs])}, as TensorBoard starts it: 1,000 points a tag, no CRC of "
            "data checked.",
        )  # fmt: skip
        yield Row("… with every point kept", str(own), f"{peer_whole} data server", faster(own, peer_whole))
        peaks = [median(one.peak for one in some) / 1e6 for some in (mine, whole)]
        yield Row("… memory, peak", f"{peaks[0]:.0f} MB", f"{peaks[1]:.0f} MB data server", NOTHING)
    run = written(python, directory, _FEW, "simple")
    tell("EventAccumulator")
    own = middle([ours(run, _FEW).took for _ in range(repeats)])
    peer = accumulator(python, run, _FEW).took
    yield Row(
        f"{_FEW:,} scalars", str(own), f"{peer} EventAccumulator", faster(own, peer), "10x", peer.wall >= 10 * own.wall
    )


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tensorboard", required=True, metavar="PYTHON", help="an interpreter that has tensorboard")
    parser.add_argument("--directory", type=Path, help="make the files here, keep them, use those that are there")
    parser.add_argument("--repeats", type=int, default=3, help="medians are reported (default 3)")
    given = parser.parse_args()
    load_before = os.getloadavg()[0]
    place = given.directory or Path(tempfile.mkdtemp(prefix="tui-runs-"))
    place.mkdir(parents=True, exist_ok=True)
    try:
        rows = list(measure(given.tensorboard, place.absolute(), given.repeats))
    finally:
        if given.directory is None:
            shutil.rmtree(place)
    busy = "\nOTHER JOBS WERE RUNNING: trust the ratios only" if load_before > 0.6 else ""
    said = f"{os.cpu_count()} cores; load average {load_before:.1f} before, {os.getloadavg()[0]:.1f} after{busy}"
    sys.stdout.write(f"{said}\n\n{markdown(rows)}\n")


if __name__ == "__main__":
    main()
