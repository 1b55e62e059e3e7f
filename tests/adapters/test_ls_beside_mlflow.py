"""What `tui-runs ls --format json` prints, beside what mlflow's own client says of the same store."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.conftest import ROOT


def milliseconds(text: str | None) -> int | None:
    return None if text is None else round(datetime.fromisoformat(text).timestamp() * 1000)


def number(value: float | str) -> float:
    return float(value) if not isinstance(value, str) else float(value.replace("Infinity", "inf"))


def same(ours: dict[str, Any], theirs: dict[str, float]) -> bool:
    pairs = [(number(ours[key]), theirs[key]) for key in theirs]
    return ours.keys() == theirs.keys() and all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in pairs)


def test_run_by_run(rich: tuple[Path, dict[str, Any]]) -> None:
    root, truth = rich
    command = [sys.executable, "-m", "tui_runs", "ls", str(root), "--format", "json", "--mlflow-deleted"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=120).stdout
    ours = {run["run_id"]: run for run in json.loads(printed)}
    assert ours.keys() == {run["run_id"] for run in truth["runs"]}
    deleted = {one["experiment_id"] for one in truth["experiments"] if one["lifecycle_stage"] == "deleted"}
    for theirs in truth["runs"]:
        run = ours[theirs["run_id"]]
        gone = theirs["lifecycle_stage"] == "deleted" or theirs["experiment_id"] in deleted
        assert run["status"] == ("deleted" if gone else theirs["status"].lower())
        assert run["params"] == theirs["params"]
        assert run["tags"] == theirs["tags"]
        assert same(run["metrics"], theirs["metrics"]), (run["metrics"], theirs["metrics"])
        assert milliseconds(run["started"]) == theirs["start_time"]
        assert milliseconds(run["ended"]) == theirs["end_time"]
        assert run["name"] == theirs["run_name"]
        assert run["experiment"] == theirs["experiment_name"]
