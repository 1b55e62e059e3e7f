"""Experiment directories: how long their table takes, and a walk through a project that holds something else.

    uv run python -m tests.benchmarks.dirs [--directory DIR] [--only lightning walk]

Run it by hand, on a machine that does nothing else; it takes about a minute. The table goes to stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.benchmarks.jobs import warm
from tests.benchmarks.table import NOTHING, Row, Took, faster, markdown, middle, seconds, spread

_ROOT: Final = Path(__file__).parents[2]
_PARTS: Final = ("lightning", "walk")
_VERSIONS, _EPOCHS = 2_000, 100
_UNRELATED, _PER_DIRECTORY = 200_000, 200
_SUFFIXES: Final = ("py", "txt", "png", "md", "c", "h", "o", "json")


def tell(text: str) -> None:
    """Say on stderr what is being done."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


# --- what is read -----------------------------------------------------------------------------------------------------


def versions(root: Path) -> Path:
    """Runs as Lightning's CSVLogger writes them: 1,000 sparse rows each, 10 an epoch."""
    if not (root / "complete").exists():
        tell(f"writing {_VERSIONS:,} versions of {10 * _EPOCHS:,} rows")
        rng = random.Random(0)
        for number in range(_VERSIONS):
            rows = ["epoch,step,train_loss_epoch,train_loss_step,val/acc,val_loss"]
            for epoch in range(_EPOCHS):
                rows += [f"{epoch},{8 * epoch + step},,{rng.random()},," for step in range(8)]
                last = 8 * epoch + 7
                rows += [f"{epoch},{last},,,{rng.random()},{rng.random()}", f"{epoch},{last},{rng.random()},,,"]
            version = root / "lightning_logs" / f"version_{number}"
            version.mkdir(parents=True, exist_ok=True)
            (version / "metrics.csv").write_text("\n".join(rows) + "\n")
            (version / "hparams.yaml").write_text(
                f"act: relu\nhidden: {number}\nlr: {rng.random()}\nopt:\n  momentum: 0.9\n  name: sgd\n"
            )
        (root / "complete").touch()
    return root


def unrelated(root: Path) -> Path:
    """Files of a project in which nobody trained anything."""
    if not (root / "complete").exists():
        tell(f"writing {_UNRELATED:,} unrelated files")
        for number in range(_UNRELATED // _PER_DIRECTORY):
            directory = root / f"package_{number // 25}" / f"module_{number % 25}"
            directory.mkdir(parents=True, exist_ok=True)
            for file in range(_PER_DIRECTORY):
                (directory / f"file_{file}.{_SUFFIXES[file % len(_SUFFIXES)]}").touch()
        (root / "complete").touch()
    return root


# --- in a process of its own ------------------------------------------------------------------------------------------


def scan_job(place: str) -> dict[str, Any]:
    """A scan to its end: the first rows, and all."""
    import polars as pl

    from tui_runs_dirs import DirsAdapter

    pl.DataFrame({"a": [1]}).lazy().select(pl.col("a").sum()).collect()  # its threads are up
    warm(place)
    source = DirsAdapter().open(place, {})
    began, cpu = time.perf_counter(), time.process_time()
    batches = source.scan()
    runs = next(batches).runs.height
    first = time.perf_counter() - began, time.process_time() - cpu
    for batch in batches:
        runs += batch.runs.height
    whole = time.perf_counter() - began, time.process_time() - cpu
    began, cpu = time.perf_counter(), time.process_time()
    for number in range(_VERSIONS):
        path = f"{place}/lightning_logs/version_{number}/metrics.csv"
        pl.read_csv(path, infer_schema_length=None)
    return {
        "first": first,
        "whole": whole,
        "runs": runs,
        "peer": (time.perf_counter() - began, time.process_time() - cpu),
    }


def walk_job(place: str) -> dict[str, Any]:
    """Look for runs where there are none; and list the same files, which is the floor."""
    from tui_runs_dirs.layouts import built_in
    from tui_runs_dirs.recognise import search
    from tui_runs_dirs.walk import Walk

    layouts = built_in()
    result: dict[str, Any] = {}
    began, cpu = time.perf_counter(), time.process_time()
    result["floor_files"] = sum(len(files) for _, _, files in os.walk(place))
    result["floor"] = time.perf_counter() - began, time.process_time() - cpu
    began, cpu = time.perf_counter(), time.process_time()
    walk = Walk(place)
    result["claims"] = [len(findings.claims) for _, findings in search(walk, layouts)][-1]
    result["walk"] = time.perf_counter() - began, time.process_time() - cpu
    result["listed"] = walk.listed
    return result


def _run(job: str, place: Path) -> dict[str, Any]:
    tell(job)
    command = [sys.executable, "-m", "tests.benchmarks.dirs", "--job", job, str(place)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


# --- the rows ---------------------------------------------------------------------------------------------------------


def measure_lightning(directory: Path, repeats: int) -> Iterator[Row]:
    """The table of 2,000 runs."""
    results = [_run("scan_job", versions(directory / "lightning")) for _ in range(repeats)]
    ours, peer = ([Took(*one[name]) for one in results] for name in ("whole", "peer"))
    first = [Took(*one["first"]) for one in results]
    yield Row(
        f"table of {_VERSIONS:,} Lightning versions of {10 * _EPOCHS:,} rows", str(middle(ours)),
        f"{middle(peer)} pl.read_csv of each", faster(middle(ours), middle(peer)), "3 s",
        median(one.wall for one in ours) < 3,
        f"Warm; {spread([one.wall for one in ours])}. Every last, least and greatest value, from every row; the peer "
        "parses the tables and sums nothing up.",
    )  # fmt: skip
    yield Row("… first rows", str(middle(first)), note="24 runs; imports of the readers included.")


def measure_walk(directory: Path, repeats: int) -> Iterator[Row]:
    """A walk that finds nothing."""
    results = [_run("walk_job", unrelated(directory / "walk")) for _ in range(repeats)]
    ours, floor = ([Took(*one[name]) for one in results] for name in ("walk", "floor"))
    yield Row(
        f"search for runs among {results[0]['listed']:,} unrelated files", str(middle(ours)),
        f"{middle(floor)} os.walk", NOTHING, "2 s", median(one.wall for one in ours) < 2,
        f"Warm; {seconds(min(one.wall for one in ours))} at best.",
    )  # fmt: skip


def measure(directory: Path, parts: Sequence[str], repeats: int) -> Iterator[Row]:
    """All rows."""
    measures = dict(zip(_PARTS, (measure_lightning, measure_walk), strict=True))
    for part in parts:
        yield from measures[part](directory, repeats)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--directory", type=Path, help="make the files here, keep them, use those that are there")
    parser.add_argument("--repeats", type=int, default=3, help="medians are reported (default 3)")
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=list(_PARTS), help="these parts (default: all)")
    parser.add_argument("--job", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        sys.stdout.write(json.dumps(globals()[given.job[0]](given.job[1])) + "\n")
        return
    load_before = os.getloadavg()[0]
    place = given.directory or Path(tempfile.mkdtemp(prefix="tui-runs-"))
    try:
        rows = list(measure(place.absolute(), given.only, given.repeats))
    finally:
        if given.directory is None:
            shutil.rmtree(place)
    busy = "\nOTHER JOBS WERE RUNNING: trust the CPU times only" if load_before > 0.6 else ""
    sys.stdout.write(f"{os.cpu_count()} cores; load average {load_before:.1f} before{busy}\n\n{markdown(rows)}\n")


if __name__ == "__main__":
    main()
