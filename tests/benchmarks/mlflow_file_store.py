"""The MLflow file store: how long tui-runs takes, beside MlflowClient and beside only reading the files.

    uv run python -m tests.benchmarks.mlflow_file_store [--runs 5000] [--directory DIR] [--leet PYTHON]

Run it by hand, on a machine that does nothing else; 5,000 runs take about ten minutes. The table goes to stdout, what
is being done to stderr. The memory of a virtual machine that was not touched for a while may have been taken away by
its host: every file is read once, off the clock, before each measured pass.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from tests.benchmarks import jobs
from tests.benchmarks.app import Leet, Stores, TerminalError, measure_app, prepare_leet
from tests.benchmarks.jobs import JobFailedError, run_job
from tests.benchmarks.make_store import Shape, add_shape_options, stored
from tests.benchmarks.table import NOTHING, Row, Took, faster, markdown, middle, seconds, spread

_HISTORY_CALLS: Final = 200
_MOST_PAGES_SECONDS: Final = 300
_PARTS: Final = ("table", "again", "first", "points", "memory", "app")
_PACKAGES: Final = ("tui-runs", "polars", "textual", "mlflow")
_STAGES: Final = {
    "list_runs": "list the runs",
    "read_runs": "read their files",
    "metric_frames": "frames of metrics",
    "other_frames": "other frames",
    "catalog": "into the catalog (not part of it)",
}
_SHM: Final = Path("/dev/shm")


class Setting(NamedTuple):
    """What is measured.

    Args:
        stores: the large store and the small one.
        repeats: how often each measure that is cheap is repeated.
        leet: W&B's app; None where it cannot be run.
    """

    stores: Stores
    repeats: int
    leet: Leet | None

    @property
    def store(self) -> str:
        """The large store."""
        return str(self.stores.large)

    @property
    def shape(self) -> Shape:
        """The large store's size."""
        return self.stores.shape


def tell(text: str) -> None:
    """Say on stderr what is being done."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


# --- the parts --------------------------------------------------------------------------------------------------------


def measure_table(setting: Setting) -> Iterator[Row]:
    """The whole table: against the files alone, and against search_runs."""
    runs = setting.shape.runs
    ours, theirs = [], []
    for _ in range(setting.repeats):
        tell("whole table")
        ours.append(run_job(jobs.whole_table, setting.store))
        tell("search_runs in one page")
        theirs.append(run_job(jobs.search_one_page, setting.store))
    if any(one["runs"] != runs for one in (*ours, *theirs)) or any(one["problems"] for one in ours):
        raise JobFailedError(f"not every run was read: {[one['runs'] for one in (*ours, *theirs)]}")
    tell("search_runs in pages of the default size")
    paged = run_job(jobs.search_pages, setting.store, runs, _MOST_PAGES_SECONDS)
    tell("the stages of a scan")
    stages = run_job(jobs.scan_stages, setting.store)

    listing, reading = (middle([Took(*one[name]) for one in ours]) for name in ("listing", "reading"))
    floor = Took(listing.wall + reading.wall, listing.cpu + reading.cpu)
    scan = middle([Took(*one["scan"]) for one in ours])
    ratio = scan.wall / floor.wall
    yield Row(f"list and read {ours[0]['files']:,} files: the floor", NOTHING, str(floor),
              note=f"In one thread, {ours[0]['bytes'] / 1e6:.0f} MB: list {listing}, read {reading}.")  # fmt: skip
    yield Row(f"whole table of {runs:,} runs, {ours[0]['metrics']:,} metrics", str(scan), f"{floor} floor",
              f"{ratio:.3g}x (CPU {scan.cpu / floor.cpu:.3g}x)", "< 2x the floor", ratio < 2,
              "The stages of a scan, each alone (a scan makes frames in a second thread): " + "; ".join(
                  f"{title} {Took(*stages[name])}" for name, title in _STAGES.items()) + ".")  # fmt: skip
    one_page = middle([Took(*one["search"]) for one in theirs])
    yield Row("… beside search_runs, one page", str(scan), str(one_page), faster(scan, one_page), "10x",
              one_page.wall / scan.wall >= 10)  # fmt: skip
    read, needed = [Took(*page) for page in paged["pages"]], paged["needed"]
    total = Took(sum(page.wall for page in read), sum(page.cpu for page in read)).times(needed / len(read))
    how = f"Measured once, {needed} of {needed} pages." if len(read) == needed else (
        f"EXTRAPOLATED to {needed} pages from the first {len(read)}: every page reads all runs.")  # fmt: skip
    first = seconds(paged["first"] - paged["up"])
    yield Row("… beside search_runs, pages of 1,000", str(scan), str(total), faster(scan, total), "50x",
              total.wall / scan.wall >= 50,
              f"{how} Its first page was there {first} after the interpreter was up, import included.")  # fmt: skip


def measure_again(setting: Setting) -> Iterator[Row]:
    """The whole table when the store has been opened before."""
    runs = setting.shape.runs
    first, again, theirs = [], [], []
    for _ in range(setting.repeats):
        with tempfile.TemporaryDirectory(prefix="tui-runs-") as cache:
            tell("opened for the first time, with a cache")
            first.append(run_job(jobs.with_cache, setting.store, cache))
            tell("opened again")
            again.append(run_job(jobs.with_cache, setting.store, cache))
            kept = sum(os.path.getsize(path) for path in jobs.list_files(cache))
        tell("search_runs in one page")
        theirs.append(run_job(jobs.search_one_page, setting.store))
    if any(one["runs"] != runs or one["problems"] for one in (*first, *again)):
        raise JobFailedError(f"not every run was shown: {[one['runs'] for one in (*first, *again)]}")
    table, end = (middle([Took(*one[name]) for one in again]) for name in ("table", "end"))
    peer = middle([Took(*one["search"]) for one in theirs])
    whole, saved = (middle([Took(*one[name]) for one in first]) for name in ("end", "saved"))
    yield Row(f"whole table of {runs:,} runs opened again, in a Workspace", str(table), f"{peer} search_runs",
              faster(table, peer), "100x", peer.wall / table.wall >= 100,
              f"Every file is checked, and every metric exact, after {end}. The first time takes {whole} with stamps "
              f"of all files, and then {saved} to write the snapshot, {kept / 1e6:.1f} MB.")  # fmt: skip


def measure_first(setting: Setting) -> Iterator[Row]:
    """From the interpreter's start to the first batch of runs."""
    tell("first rows")
    taken = []
    for number in range(setting.repeats + 1):
        jobs.warm(setting.store)
        one = run_job(jobs.first_rows, setting.store)
        if number:  # the first one brings Python's own files into memory
            taken.append(one)
    up = [one["first"] - one["up"] for one in taken]
    spawned = median(one["first"] - one["spawned"] for one in taken)
    cpu = median(one["cpu"] for one in taken)
    yield Row(f"first rows of {setting.shape.runs:,} runs, from Python", str(Took(median(up), cpu)), NOTHING,
              NOTHING, "< 0.5 s", median(up) < 0.5,
              f"{taken[0]['rows']} runs, after the interpreter is up, imports included: {spread(up)}; "
              f"after the process is spawned: {seconds(spawned)}. The CPU is the interpreter's too.")  # fmt: skip


def measure_points(setting: Setting) -> Iterator[Row]:
    """All points."""
    shape = setting.shape
    expected = shape.runs * shape.metrics * shape.points
    ours, theirs = [], []
    for _ in range(setting.repeats):
        tell("all points")
        ours.append(run_job(jobs.all_points, setting.store))
        tell("get_metric_history")
        theirs.append(run_job(jobs.metric_histories, setting.store, _HISTORY_CALLS))
    for one in ours:
        if one["count"] != expected:
            raise JobFailedError(f"{one['count']:,} points were read, of {expected:,}")
    calls = theirs[0]["calls"]
    peer = middle([Took(*one["histories"]) for one in theirs]).times(shape.runs * shape.metrics / calls)
    points = middle([Took(*one["points"]) for one in ours])
    yield Row(f"all {expected:,} points", str(points), str(peer), faster(points, peer), "200x",
              peer.wall / points.wall >= 200,
              f"Counted; calls of history(): {ours[0]['calls']}. The peer is get_metric_history, EXTRAPOLATED from "
              f"{calls} of {shape.runs * shape.metrics:,} calls.")  # fmt: skip


def measure_memory(setting: Setting) -> Iterator[Row]:
    """The memory of a process that holds the whole table, without a screen."""
    tell("memory")
    ours = run_job(jobs.memory, setting.store)
    theirs = run_job(jobs.search_one_page, setting.store)
    yield Row(f"memory of {setting.shape.runs:,} runs in a Workspace, peak", _mb(ours), f"{_mb(theirs)} search_runs",
              f"{theirs['peak'] / ours['peak']:.3g}x less", "< 250 MB", ours["peak"] < 250e6)  # fmt: skip


def _mb(sizes: dict[str, int]) -> str:
    return f"{sizes['peak'] / 1e6:.0f} MB"


def measure_screen(setting: Setting) -> Iterator[Row]:
    """The app in a pseudo-terminal."""
    return measure_app(setting.stores, setting.leet, setting.repeats, tell)


_MEASURES: Final[dict[str, Callable[[Setting], Iterator[Row]]]] = dict(
    zip(
        _PARTS,
        (measure_table, measure_again, measure_first, measure_points, measure_memory, measure_screen),
        strict=True,
    )
)


def measure(setting: Setting, parts: list[str]) -> Iterator[Row]:
    """All rows. A part that fails is a row that says why, and the others go on."""
    for part in parts:
        try:
            yield from _MEASURES[part](setting)
        except (JobFailedError, TerminalError) as error:
            yield Row(f"{part}: failed", str(error))


# --- where, and on what -----------------------------------------------------------------------------------------------


@contextmanager
def place(directory: Path | None, shape: Shape) -> Iterator[Path]:
    """The directory given; else a temporary one: in memory where there is room for it, or where $TMPDIR says."""
    if directory is not None:
        yield directory
        return
    room = shutil.disk_usage(_SHM).free if os.access(_SHM, os.W_OK) else 0
    temporary = tempfile.mkdtemp(prefix="tui-runs-", dir=_SHM if room > 2 * shape.disk_bytes else None)
    try:
        yield Path(temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def machine() -> str:
    """What is measured on, one line each."""
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    model = next((line.partition(": ")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())  # fmt: skip
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{os.cpu_count()} cores, {model}, {memory:.0f} GB; {platform.system()} {platform.release()}\n"
        f"Python {platform.python_version()}, {versions}"
    )


class _Busy(NamedTuple):
    """How busy the machine is: load average over a minute, and what /proc/stat says of all cores, in ticks."""

    load: float
    total: int
    stolen: int

    @classmethod
    def now(cls) -> _Busy:
        ticks = [int(word) for word in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]
        return cls(os.getloadavg()[0], sum(ticks), ticks[7])

    def until(self, later: _Busy) -> str:
        """How busy it was meanwhile, and what that means for the figures."""
        stolen = (later.stolen - self.stolen) / max(1, later.total - self.total)
        said = f"load average {self.load:.1f} before, {later.load:.1f} after; the host took {stolen:.1%} of the cores"
        busy = self.load > 0.3 * (os.cpu_count() or 1) or stolen > 0.02
        return said + ("\nOTHER JOBS WERE RUNNING: trust the CPU times and ratios only" if busy else "")


def _leet(python: Path | None, directory: Path) -> Leet | None:
    if python is None:
        return None
    try:
        tell("writing 12 runs with wandb")
        return prepare_leet(python, directory / "wandb")
    except (OSError, subprocess.CalledProcessError) as error:
        tell(f"wandb leet is not run: {getattr(error, 'stderr', None) or error}")
        return None


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_shape_options(parser)
    parser.add_argument("--directory", type=Path, help="make the stores here, keep them, use those that are there")
    parser.add_argument("--leet", type=Path, metavar="PYTHON", help="an interpreter that has wandb, for `wandb leet`")
    parser.add_argument("--repeats", type=int, default=3, help="of what is cheap; medians are reported (default 3)")
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=list(_PARTS), help="these parts (default: all)")
    given = parser.parse_args()
    shape = Shape(given.runs, given.params, given.metrics, given.points)
    began, busy = time.monotonic(), _Busy.now()
    with place(given.directory, shape) as directory:
        tell(f"writing the stores into {directory}")
        stores = Stores(stored(directory, shape), stored(directory, shape._replace(runs=12)), shape)
        leet = _leet(given.leet, directory) if "app" in given.only else None
        rows = list(measure(Setting(stores, given.repeats, leet), given.only))
    kind = "in memory (tmpfs)" if directory.is_relative_to(_SHM) else "on disk"
    sys.stdout.write(
        f"{machine()}\nstore: {shape.runs:,} runs x {shape.params} params x {shape.metrics} metrics x {shape.points} "
        f"points in {directory}, {kind}; medians of {given.repeats}, files warm\n"
        f"took {time.monotonic() - began:,.0f} s; {busy.until(_Busy.now())}\n\n"
        f"{markdown(rows)}\n"
    )


if __name__ == "__main__":
    main()
