from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from datetime import UTC, datetime

import polars as pl
import pytest

from tests.adapters.mlflow_stores import START, HandMadeStore
from tui_runs.adapter import History, Match, RunBatch
from tui_runs.export.values import json_value
from tui_runs.headless import history as module
from tui_runs.schema import HISTORY, METRICS, PARAMS, RUNS, conform, empty


def read(text, format_name):
    """The points as dictionaries; of a CSV with numbers as JSON has them."""
    if format_name == "csv":
        rows = csv.DictReader(io.StringIO(text))
        return [{**row, "step": int(row["step"]), "value": json_value(float(row["value"]))} for row in rows]
    return json.loads(text) if format_name == "json" else [json.loads(line) for line in text.splitlines()]


class TestPoints:
    @pytest.mark.parametrize("format_name", ["csv", "json", "jsonl"])
    def test_says_what_mlflow_says(self, run, store, format_name):
        root, truth = store
        alive = {one["run_id"] for one in json.loads(run("ls", root, "--format", "json").stdout)}
        result = run("history", "-s", root, "--format", format_name)
        assert result.exit_code == 0
        found = defaultdict(list)
        for row in read(result.stdout, format_name):
            ms = round(datetime.fromisoformat(row["time"]).timestamp() * 1000)
            found[row["run_id"], row["metric"]].append([ms, row["step"], repr(row["value"])])
        expected = {
            (one["run_id"], key): [[ms, step, repr(value)] for ms, step, value in points]
            for one in truth["runs"]
            if one["run_id"] in alive
            for key, points in one["history"].items()
        }
        assert found == expected

    def test_runs_come_as_asked_and_metrics_by_name(self, run, mlruns):
        rows = read(run("history", "fold-0", "baseline", "-s", mlruns, "--format", "jsonl").stdout, "jsonl")
        keys = list(dict.fromkeys((row["run_id"][:4], row["metric"]) for row in rows))
        baseline = [("62d9", key) for key in ("best", "train/loss", "val/acc", "val/acc top-5")]
        assert keys == [("2622", "val/acc"), *baseline]

    def test_chosen_metrics(self, run, mlruns):
        arguments = ("-s", mlruns, "-m", "best", "-m", "metrics.val/acc", "--format", "jsonl")
        rows = read(run("history", "baseline", "baseline", *arguments).stdout, "jsonl")
        assert [row["metric"] for row in rows] == ["best", "val/acc"]

    def test_a_metric_that_no_run_has(self, run, mlruns):
        result = run("history", "baseline", "-s", mlruns, "-m", "bst")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "Did you mean 'best'?" in result.stderr

    def test_a_run_that_does_not_exist(self, run, mlruns):
        assert run("history", "baseline", "nope", "-s", mlruns).exit_code == 2

    @pytest.mark.parametrize(("format_name", "text"), [("json", "[]\n"), ("jsonl", ""), ("table", "")])
    def test_no_points(self, run, mlruns, format_name, text):
        result = run("history", "42c214bc", "-s", mlruns, "--format", format_name)
        assert (result.exit_code, result.stdout) == (0, text)

    def test_output_file_names_the_format(self, run, mlruns, tmp_path):
        run("history", "baseline", "-s", mlruns, "-o", tmp_path / "points.csv")
        assert len((tmp_path / "points.csv").read_text().splitlines()) == 134

    def test_table(self, run, mlruns):
        header, *lines = run("history", "007", "-s", mlruns).stdout.splitlines()
        assert header.split() == ["run_id", "metric", "step", "time", "value"]
        assert [line.split()[-1] for line in lines if " train/loss " in line] == ["2.5", "1e+22", "∞", "NaN"]

    def test_the_order_written_is_kept(self, run, tmp_path):
        lines = b"".join(b"%d %d %d\n" % (START, value, value % 3) for value in range(50))
        HandMadeStore(tmp_path).put_run("a" * 32, metrics={"loss": lines, "b": b"1 1 1\n"})
        rows = read(run("history", "a", "-s", tmp_path, "-m", "loss", "--format", "jsonl").stdout, "jsonl")
        assert [row["value"] for row in rows] == list(range(50))


class PointByPoint:
    """A source of five runs that gives one point a call, and counts how many runs it was asked for at once."""

    uri, kind = "fake", "fake"

    def __init__(self):
        self.asked = []

    def scan(self):
        ids = pl.DataFrame({"run_id": [f"r{number}" for number in range(5)]})
        yield RunBatch(conform(ids, RUNS), empty(PARAMS), empty(PARAMS), empty(METRICS))

    def history(self, run_ids, metrics=None, cursor=None):
        self.asked.append(len(run_ids))
        told = dict(cursor or {})
        for run_id in run_ids:
            if told.get((run_id, "loss"), 0) < 2:
                step = told.get((run_id, "loss"), 0)
                told[run_id, "loss"] = step + 1
                row = (run_id, "loss", step, datetime(2026, 1, 1, tzinfo=UTC), 0.5)
                restarted = frozenset([("r3", "loss")]) if run_id == "r3" and step == 0 else frozenset()
                return History(pl.DataFrame([row], schema=dict(HISTORY), orient="row"), told, False, restarted)
        return History(empty(HISTORY), told, True)

    def close(self):
        pass


def test_reads_until_complete_and_some_runs_at_a_time(run, install, monkeypatch):
    source = PointByPoint()

    class Fake:
        name, options = "fake", ()

        def match(self, location):
            return Match("it is fake")

        def open(self, location, options):
            return source

    install(fake=Fake)
    monkeypatch.setattr(module, "_RUNS_AT_ONCE", 2)
    result = run("history", "-s", "x", "--format", "jsonl")
    assert [(row["run_id"], row["step"]) for row in read(result.stdout, "jsonl")] == [
        (f"r{number}", step) for number in range(5) for step in range(2)
    ]
    assert set(source.asked) == {2, 1}
    assert "points may be there twice: r3 loss" in result.stderr
