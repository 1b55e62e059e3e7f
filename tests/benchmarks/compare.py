"""How long comparing, grouping and associating take, on frames made up here: `python -m tests.benchmarks.compare`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

import polars as pl

from tests.benchmarks.table import Row, Took, markdown, middle
from tui_runs.adapter import RunBatch
from tui_runs.analysis.association import associations
from tui_runs.analysis.diff import compare, deltas, sections
from tui_runs.analysis.groups import all_but, group_runs
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.comparison import facts_of
from tui_runs.frames.workspace import Workspace
from tui_runs.schema import METRICS, PARAMS, RUNS, conform

TIMES: Final = 15
_rng = random.Random(7)


def measure(work: Callable[[], object]) -> Took:
    """The median of some calls, after one that warms up."""
    work()
    taken = []
    for _ in range(TIMES):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        taken.append(Took(time.perf_counter() - wall, time.process_time() - cpu))
    return middle(taken)


def line(figure: str, work: Callable[[], object], limit: float) -> Row:
    """A row of the table; the limit is in seconds."""
    took = measure(work)
    return Row(figure, str(took), wanted=f"< {limit * 1000:.0f} ms", reached=took.wall < limit)


def workspace_of(runs: int, params: int, metrics: int) -> Workspace:
    """A workspace with so many runs of so many params, of which every tenth differs."""
    ids = [f"{number:032x}" for number in range(runs)]
    keys = [f"group{at % 20}.param{at}" for at in range(params)]
    param_rows = [
        (run, key, str(_rng.random()) if at % 10 == 0 else "0.001") for run in ids for at, key in enumerate(keys)
    ]
    metric_rows = [(run, f"metric{at}", _rng.random()) for run in ids for at in range(metrics)]
    workspace = Workspace()
    workspace.catalog.apply(
        "store",
        RunBatch(
            conform(pl.DataFrame({"run_id": ids}), RUNS),
            pl.DataFrame(param_rows, schema=dict(PARAMS), orient="row"),
            pl.DataFrame([], schema=dict(PARAMS)),
            conform(pl.DataFrame(metric_rows, schema=["run_id", "key", "last"], orient="row"), METRICS),
        ),
    )
    return workspace


def comparisons() -> list[Row]:
    """Fifty runs of a thousand params."""
    workspace = workspace_of(50, 1000, 20)
    runs = [RunKey("store", f"{number:032x}") for number in range(50)]
    facts = facts_of(workspace, runs)
    different = [{"param": {key: str(_rng.random()) for key in one["param"]}} for one in facts]
    rows = compare(different)
    large = workspace_of(5000, 40, 10)
    return [
        line("diff of 50 runs x 1,000 params", lambda: compare(facts, differing=True), 0.1),
        line("the same, every param differs", lambda: compare(different), 0.1),
        line("deltas of a screen of 60 rows x 50 runs", lambda: list(map(deltas, rows[:60])), 0.05),
        line("the sections of 1,000 rows", lambda: sections(rows), 0.1),
        line("taking 50 runs x 1,000 params from the catalog", lambda: facts_of(workspace, runs), 0.1),
        line("taking 50 of 5,000 runs x 40 params", lambda: facts_of(large, runs), 0.1),
    ]


def groups() -> list[Row]:
    """Ten thousand runs of a hundred columns: half of them metrics, ten seeds of each configuration."""
    count = 10_000
    columns: dict[str, pl.Series] = {
        f"metrics.m{at}": pl.Series([_rng.random() for _ in range(count)]) for at in range(50)
    }
    for at in range(48):
        texts = [str((row // 10) % (at + 2)) for row in range(count)]
        columns[f"params.p{at}"] = pl.Series(texts)
    columns["params.seed"] = pl.Series([str(row) for row in range(count)])
    columns["name"] = pl.Series([f"run-{row}" for row in range(count)])
    frame = pl.DataFrame(columns)
    by = all_but(frame)
    return [
        line("group 10,000 runs x 100 columns by one param", lambda: group_runs(frame, ["params.p8"]), 0.05),
        line("the same by all but the seed (48 params)", lambda: group_runs(frame, by), 0.05),
        line("which params are all but the seed", lambda: all_but(frame), 0.05),
        line(
            "associations of 49 params with a metric",
            lambda: associations(frame, "metrics.m0", [*by, "params.seed"]),
            0.5,
        ),
    ]


if __name__ == "__main__":
    print(markdown([*comparisons(), *groups()]))
