"""Sacred's FileStorageObserver: runs as the experiment logged them, and while it still does."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.dirs_seen import Seen, fingerprint, found, run_program, see, texts_of
from tui_runs_dirs.files import NotReadError
from tui_runs_dirs.layouts.sacred import LAYOUT, SacredMetrics, run_facts

SAMPLE = Path(__file__).parents[1] / "data" / "dirs_sacred" / "sacred_runs"

PROGRAM = """
    import math, sys
    from sacred import Experiment
    from sacred.observers import FileStorageObserver
    for lr, fail in ((.1, False), (.5, False), (1., True)):
        experiment = Experiment("renamed" if fail else "toy_exp", save_git_info=False)
        experiment.observers.append(FileStorageObserver("sacred_runs"))
        experiment.add_config(lr=.1, model={"hidden": 8, "act": "relu"}, seed=1, fail=False)
        @experiment.main
        def main(lr, fail, _run):
            for i in range(12):
                loss = math.exp(-lr * i)
                _run.log_scalar("train.loss", loss, i)
                if i % 4 == 3:
                    _run.log_scalar("val.acc", 1 - loss)
                if fail and i == 6:
                    raise ValueError("boom")
            return loss
        updates = {"lr": lr, "fail": fail, "model": {"hidden": 32 if lr == .5 else 8}}
        try:
            experiment.run(config_updates=updates)
        except ValueError:
            pass
"""


def check(seen: Seen) -> None:
    """What the program logged, which wrote the sample too but for `config_updates`."""
    assert seen.runs.keys() == {"1", "2", "3"}
    for run_id, lr, hidden in (("1", 0.1, 8), ("2", 0.5, 32), ("3", 1.0, 8)):
        row, failed = seen.runs[run_id], run_id == "3"
        assert row["experiment"] == ("renamed" if failed else "toy_exp")
        assert row["status"] == ("failed" if failed else "finished")
        assert row["started"] <= row["ended"]
        assert row["host"]
        assert seen.params[run_id] == {
            "lr": str(lr), "model.hidden": str(hidden), "model.act": "relu", "seed": "1",
            "fail": "true" if failed else "false",
        }  # fmt: skip
        last = 7 if failed else 12
        assert seen.series[run_id]["train.loss"] == [(i, math.exp(-lr * i)) for i in range(last)]
        at = (3,) if failed else (3, 7, 11)
        assert seen.series[run_id]["val.acc"] == [(n, 1 - math.exp(-lr * i)) for n, i in enumerate(at)]
        if failed:
            assert "ValueError: boom" in seen.details[run_id]["failure", "FAILED", "traceback"]
            assert seen.summary[run_id] == {}
        else:
            assert seen.summary[run_id] == {"result": math.exp(-lr * 11)}
    assert seen.details["3"]["sacred", "config updates", "lr"] == "1.0"
    assert seen.problems == []


def test_shows_what_was_logged(tmp_path: Path) -> None:
    pytest.importorskip("sacred")
    run_program(PROGRAM, tmp_path)
    before = fingerprint(tmp_path)
    check(see(LAYOUT, tmp_path / "sacred_runs"))
    assert fingerprint(tmp_path) == before


def test_sample() -> None:
    seen = see(LAYOUT, SAMPLE)
    check(seen)
    assert seen.runs["1"]["started"] == datetime(2026, 11, 20, 22, 16, 7, 576917, UTC)
    assert seen.times["1", "val.acc"][0] == datetime(2026, 11, 20, 22, 16, 7, 578253, UTC)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("RUNNING", "running"), ("COMPLETED", "finished"), ("FAILED", "failed"), ("INTERRUPTED", "killed"),
        ("TIMEOUT", "killed"), ("QUEUED", "scheduled"), ("DREAMING", None), (None, None), ([1], None),
    ],
)  # fmt: skip
def test_statuses(said: object, status: str | None) -> None:
    assert run_facts({"status": said}).fields.get("status") == status


def test_git_notes_and_results_that_are_no_numbers() -> None:
    facts = run_facts({
        "experiment": {"repositories": [{"url": "u", "commit": "c0ffee", "dirty": True}]},
        "meta": {"comment": "look here", "config_updates": None}, "result": {"a": [1]}, "host": None,
    })  # fmt: skip
    assert (facts.fields["git_commit"], facts.fields["notes"]) == ("c0ffee", "look here")
    assert facts.tags == {"git.dirty": "true", "result": '{"a": [1]}'}


@pytest.mark.parametrize(
    "tree",
    [{}, {"experiment": 1, "meta": [], "host": "x", "fail_trace": "no list", "start_time": 7, "stop_time": "x"},
     {"experiment": {"name": None, "repositories": [None, {"commit": ""}]}, "fail_trace": [None, 1], "result": True}],
)  # fmt: skip
def test_odd_contents_do_no_harm(tree: dict[str, Any]) -> None:
    facts = run_facts(tree)
    assert {"started", "ended", "experiment", "git_commit"}.isdisjoint(facts.fields)


class TestMetrics:
    """`metrics.json` is written whole again and again."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return Path(shutil.copy(SAMPLE / "1" / "metrics.json", tmp_path))

    def test_only_new_points_are_given_again(self, path: Path) -> None:
        tree = json.loads(path.read_text())
        series = SacredMetrics(str(path))
        end = series.read(0, 1 << 20).end
        tree["train.loss"]["steps"].append(12)
        tree["train.loss"]["values"].append(math.nan)
        tree["train.loss"]["timestamps"].append("2026-11-20T22:16:08.000000")
        path.write_text(json.dumps(tree))
        stretch = series.read(end, 1 << 20)
        assert stretch.frame.select("key", "step").rows() == [("train.loss", 12)]
        assert stretch.frame["value"].is_nan().all()
        assert not stretch.restarted
        assert series.read(stretch.end, 1 << 20).frame.is_empty()

    def test_changed_points_begin_anew(self, path: Path) -> None:
        series = SacredMetrics(str(path))
        end = series.read(0, 1 << 20).end
        tree = json.loads(path.read_text())
        tree["val.acc"]["values"][0] = 0.125
        path.write_text(json.dumps(tree))
        stretch = series.read(end, 1 << 20)
        assert stretch.restarted
        assert len(stretch.frame) == end == 15

    def test_half_written_file_waits_and_then_is_a_problem(self, path: Path) -> None:
        series = SacredMetrics(str(path))
        end = series.read(0, 1 << 20).end
        path.write_bytes(path.read_bytes()[:300])
        stretch = series.read(end, 1 << 20)
        assert (stretch.frame.is_empty(), stretch.end, stretch.restarted) == (True, end, False)
        os.utime(path, (time.time() - 3600,) * 2)
        with pytest.raises(NotReadError, match="Line"):
            series.read(end, 1 << 20)

    def test_odd_values_lose_no_other(self, path: Path) -> None:
        numpy = {"dtype": "float32", "value": 0.5}
        path.write_text(json.dumps({
            "a": {"steps": [0, 1, None, "x", 10**30], "values": [1, "NaN", True, numpy, 2.5, None, "high"]},
            "b": {"values": "no list"}, "c": 7,
        }))  # fmt: skip
        points = SacredMetrics(str(path)).read(0, 1 << 20).frame
        assert repr(points.select("step", "value").rows()) == "[(0, 1.0), (1, nan), (3, 0.5), (4, 2.5)]"


def test_other_directories_are_not_claimed(tmp_path: Path) -> None:
    for name, files in {"a": {"run.json": "{}"}, "b": {"run.json": '{"name": 1}', "config.json": "{}"}}.items():
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_text(content)
    assert found(LAYOUT, tmp_path) == []


def test_broken_run_says_where(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE / "1", tmp_path / "1")
    text = (tmp_path / "1" / "run.json").read_text()
    (tmp_path / "1" / "run.json").write_text(text[:800])
    with pytest.raises(NotReadError, match="no JSON"):
        see(LAYOUT, tmp_path)
    assert texts_of([]) == ""
