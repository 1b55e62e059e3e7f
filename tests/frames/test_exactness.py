"""Extremes that are worked out of histories, beside Python's own."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl

from tui_runs.adapter import RunBatch
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.exactness import make_exact
from tui_runs.frames.workspace import Workspace
from tui_runs.schema import METRICS, PARAMS, RUNS, TAGS, conform, empty
from tui_runs.sources.discover import find

NAN, INF = math.nan, math.inf
CURVES = {
    "plain": [3.0, 1.0, 2.0],
    "with nan": [NAN, 5.0, NAN, 4.0],
    "nan alone": [NAN, NAN],
    "infinite": [-INF, 0.0, INF],
    "twice": [1.0, 7.0, 1.0, 7.0],
}


def test_as_python_says(tmp_path: Path) -> None:
    run = tmp_path / "mlruns" / "0" / "aa"
    (run / "metrics").mkdir(parents=True)
    (run.parent / "meta.yaml").write_text("artifact_location: x\nexperiment_id: '0'\nname: e\n")
    (run / "meta.yaml").write_text("experiment_id: '0'\nrun_id: aa\nrun_name: r\nstatus: 3\nstart_time: 1\n")
    for key, values in CURVES.items():
        (run / "metrics" / key).write_text("".join(f"{step} {value} {step}\n" for step, value in enumerate(values)))
    workspace = Workspace()
    workspace.open(find([str(tmp_path / "mlruns")]), {"mlflow": {"cache": False}})
    workspace.read_all()
    (name,) = workspace.sources
    key = RunKey(name, "aa")
    # As a database says it at first: the last values alone.
    unknown = [pl.lit(None).alias(column) for column in ("min", "min_step", "max", "max_step", "count")]
    bare = workspace.catalog.metrics_of(key).with_columns(
        *unknown, pl.lit("aa").alias("run_id"), pl.lit(value=False).alias("exact")
    )
    workspace.apply_batch(name, RunBatch(empty(RUNS), empty(PARAMS), empty(TAGS), conform(bare, METRICS)))
    assert workspace.catalog.metrics_of(key)["count"].null_count() == len(CURVES)
    make_exact(workspace, key)
    for row in workspace.catalog.metrics_of(key).iter_rows(named=True):
        values = CURVES[row["key"]]
        numbers = [value for value in values if not math.isnan(value)] or values
        first = {repr(value): step for step, value in reversed(list(enumerate(values)))}
        for name, extreme in (("min", min(numbers)), ("max", max(numbers))):
            assert (repr(row[name]), row[f"{name}_step"]) == (repr(extreme), first[repr(extreme)])
        assert (row["count"], row["exact"], repr(row["last"])) == (len(values), True, repr(values[-1]))
    workspace.close()
