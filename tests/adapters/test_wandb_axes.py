"""The x axis of each metric, by what `define_metric` said of it or of a pattern that it fits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.metric_truth import Point
from tests.adapters.wandb_runs import WandbWriter, pb, sdk_environment
from tui_runs.capabilities import Detailed
from tui_runs_wandb import WandbAdapter
from tui_runs_wandb.metric_axes import axes_by_pattern
from tui_runs_wandb.records import MetricDefinition

POINT = [Point(0, 1_700_000_000_000, 1.0)]
# Each metric is logged alone; as wandb-core adds the last value of its x axis, the histories say what it is.
SCRIPT = """
import wandb
run = wandb.init(project="lab", id="axes1", settings=wandb.Settings(silent=True, x_disable_stats=True))
run.define_metric("val/*", step_metric="s1")
run.define_metric("val/own", step_metric="s2")
run.define_metric("val/min", summary="min")
run.define_metric("n.*", step_metric="s2")
run.define_metric("none/*", hidden=True)
run.log({"s1": 1, "s2": 2})
for key in ("val/x", "val/own", "val/min", "n.a", "none/x", "val", "other", "_val/x"):
    run.log({key: 1})
run.log({"n": {"b": {"c": 3}}})
run.finish()
"""


def axes(place: Path) -> dict[str, str]:
    source = WandbAdapter().open(str(place), {})
    assert isinstance(source, Detailed)
    (run_id,) = [run_id for batch in source.scan() for run_id in batch.runs["run_id"]]
    said = source.details([run_id]).frame.filter(group="metric", key="step_metric").select("item", "value")
    points = source.history([run_id]).frame["key"].unique().to_list()
    source.close()
    return {item: value for item, value in said.iter_rows() if item in points}


def test_axes_are_those_of_the_sdk(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT]
    subprocess.run(command, env=sdk_environment(tmp_path), cwd=tmp_path, check=True, capture_output=True, timeout=120)
    source = WandbAdapter().open(str(tmp_path / "wandb"), {})
    (run_id,) = [run_id for batch in source.scan() for run_id in batch.runs["run_id"]]
    rows: dict[int, set[str]] = {}
    for key, step in source.history([run_id]).frame.select("key", "step").iter_rows():
        rows.setdefault(step, set()).add(key)
    logged = [row for step, row in sorted(rows.items()) if step > 0]
    expected = {key: axis for row in logged for key in row for axis in row & {"s1", "s2"} if key not in ("s1", "s2")}
    assert expected == {"val/x": "s1", "val/own": "s2", "n.a": "s2", "n.b.c": "s2"}
    assert axes(tmp_path / "wandb") == expected


def test_details_of_a_run_that_was_not_read_to_its_end(tmp_path: Path) -> None:
    writer = WandbWriter(tmp_path / "wandb")
    run_id = writer.add_run("long", metrics={"epoch": POINT})
    encode = writer._encoders[run_id]
    metric = pb().MetricRecord(glob_name="val/*", step_metric="epoch")
    filler = [encode.history({f"m{i}": step / 7 for i in range(40)}, step) for step in range(300)]
    middle = [encode(metric=metric), encode.history({"val/x": 1, "epoch": 2}, 300)]
    writer.append_records(run_id, [*filler, *middle, *filler])
    source = WandbAdapter().open(writer.location, {})
    next(source.scan())
    assert isinstance(source, Detailed)
    rows = source.details([run_id]).frame.select("group", "item", "key", "value").rows()
    assert ("metric", "val/x", "step_metric", "epoch") in rows
    source.close()


@pytest.mark.parametrize(
    ("patterns", "keys", "expected"),
    [
        ({"*": "s", "val/*": "t", "val/deep/*": "u"}, "a val/a val/deep/a s t u", "a=s val/a=t val/deep/a=u t=s u=s"),
        ({"val/deep/*": "u", "val/*": "t", "*": "s"}, "val/deep/a s t u", "val/deep/a=u t=s u=s"),
        ({"*": "s"}, "a s system/cpu _b", "a=s"),
        ({"*": "never logged"}, "a b", ""),
        ({"a*": "s", "ab": ""}, "a ab abc s", "a=s abc=s"),
        ({"a*": "", "*": "s"}, "a s", "a=s"),
        ({"a": "s"}, "a s", ""),
        ({"a": "s", "b*": "s"}, "a* b* b s", "b=s"),
        ({}, "a b", ""),
    ],
)
def test_patterns(patterns: dict[str, str], keys: str, expected: str) -> None:
    definitions = {name: MetricDefinition(name, step_metric=axis) for name, axis in patterns.items()}
    found = dict(axes_by_pattern(definitions, keys.split()))
    assert found == dict(pair.split("=") for pair in expected.split())
