"""Ray Tune's experiments, a run a trial; and what Ray Train's second version leaves."""

from __future__ import annotations

import json
import math
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.dirs_told import Told
from tests.conftest import DATA
from tui_runs_dirs.layouts.ray import LAYOUT
from tui_runs_dirs.walk import Walk

RESULTS = DATA / "dirs_ray" / "ray_results"
LAST = [
    0.34287108369807956, 0.35287108369807957, 0.7003200460356394,
    0.014086771438464067, 0.024086771438464067, 0.1653352832366127,
]  # fmt: skip


@pytest.fixture(scope="module")
def told() -> Told:
    return Told(RESULTS)


def trial(told: Told, number: int, experiment: str = "exp_a") -> str:
    (found,) = (name for name in told.runs if f"{experiment}/" in name and f"_0000{number}_" in name)
    return found


def test_runs(told: Told) -> None:
    assert len(told.runs) == 6 + 2 + 1
    assert not told.problems
    by_experiment = [row["experiment"] for row in told.runs.values()]
    assert by_experiment.count("exp_a") == 6
    assert by_experiment.count("exp_restored") == 2


@pytest.mark.parametrize("number", range(6))
def test_trials(told: Told, number: int) -> None:
    name = trial(told, number)
    rate, layers = (0.1, 0.5)[number // 3], number % 3 + 1
    assert told.params(name) == {"opt.lr": str(rate), "opt.name": "sgd", "layers": str(layers), "seed": "7"}
    failed = layers == 3
    count = 5 if failed else 12
    row = told.runs[name]
    assert row["status"] == ("failed" if failed else "finished")
    assert row["host"] == "vm"
    assert row["started"] <= row["ended"]
    series = told.series(name)
    true = [math.exp(-rate * i) + 0.01 * layers for i in range(count)]
    loss = [math.nan if i == 2 else value for i, value in enumerate(true)]
    assert list(map(repr, series["loss"])) == list(map(repr, enumerate(loss, 1)))
    assert series["acc"] == [(i + 1, 1 - value) for i, value in enumerate(true)]
    assert series["val/f1"] == [(i + 1, 1 - value / 2) for i, value in enumerate(true)]
    assert series["late_metric"] == [(i + 1, i) for i in range(3, count)]
    assert set(series) == {"loss", "acc", "val/f1", "late_metric", "time_total_s"}
    assert told.metrics(name)["loss"]["last"] == LAST[number]
    details = told.details(name)
    assert details["ray", "searched", "opt/lr"] == str(rate)
    assert ("boom at iteration 5" in details.get(("error", "error.txt", "text"), "")) == failed


def test_times(told: Told) -> None:
    name = trial(told, 0)
    assert told.times(name, "loss")[0] == datetime.fromtimestamp(1795212816, UTC)


def test_restored_trial(told: Told) -> None:
    """It failed once and then finished; its progress.csv has columns under wrong names, and is not read."""
    name = trial(told, 0, "exp_restored")
    assert told.runs[name]["status"] == "finished"
    series = told.series(name)
    assert series["loss"] == [(i + 1, pytest.approx(math.exp(-0.1 * i))) for i in range(8)]
    assert series["loss"][-1][1] == 0.49658530379140947
    assert series["acc"][-1][1] == 0.7
    assert told.details(name)["ray", "trial", "num_failures"] == "1"
    assert told.series(trial(told, 1, "exp_restored"))["loss"][-1][1] == 0.0301973834223185


def test_ray_train(told: Told) -> None:
    series = told.series("train_v2_run")
    assert series["loss"] == [(i, pytest.approx(math.exp(-0.1 * i))) for i in (3, 4)]
    assert series["epoch"] == [(3, 3), (4, 4)]


# --- made here --------------------------------------------------------------------------------------------------------


def make(experiment: Path, name: str, rows: list[dict[str, Any]], **config: Any) -> Path:
    """A trial's directory as Ray leaves it."""
    directory = experiment / name
    directory.mkdir(parents=True)
    (directory / "params.json").write_text(json.dumps(config))
    with (directory / "result.json").open("w") as file:
        for number, row in enumerate(rows, 1):
            said = {**row, "training_iteration": number, "trial_id": "t_0", "timestamp": 1_795_000_000 + number,
                    "config": config, "done": False, "pid": 5}  # fmt: skip
            file.write(json.dumps(said) + "\n")
    return directory


def state(experiment: Path, date: str, **status: str) -> None:
    trials = [
        [json.dumps({"status": said, "relative_logdir": name, "config": {}}), json.dumps({"start_time": 1.795e9})]
        for name, said in status.items()
    ]
    (experiment / f"experiment_state-{date}.json").write_text(json.dumps({"trial_data": trials}))


def test_newest_state_counts(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        make(tmp_path / "exp", name, [{"loss": 1.0}], lr=0.1)
    state(tmp_path / "exp", "2026-01-02_00-00-00", a="TERMINATED", b="ERROR", c="RUNNING", d="PAUSED")
    state(tmp_path / "exp", "2026-01-01_00-00-00", a="ERROR", b="TERMINATED")
    told = Told(tmp_path)
    assert {name: row["status"] for name, row in told.runs.items()} == {
        "exp/a": "finished", "exp/b": "failed", "exp/c": "running", "exp/d": "scheduled",
    }  # fmt: skip


def test_no_state(tmp_path: Path) -> None:
    make(tmp_path / "exp", "a", [{"loss": 1.0}], lr=0.1)
    (make(tmp_path / "exp", "b", [{"loss": 1.0}], lr=0.1) / "error.txt").write_text("Traceback: it broke")
    told = Told(tmp_path)
    assert told.runs["exp/a"]["status"] == "running"
    assert told.runs["exp/b"]["status"] == "failed"
    assert "it broke" in told.details("exp/b")["error", "error.txt", "text"]


def test_one_trial_opened_alone(tmp_path: Path) -> None:
    """What lies above the directory that was opened is not read."""
    (make(tmp_path / "exp", "a", [{"loss": 1.0}], lr=0.1) / "error.txt").write_text("Traceback: it broke")
    state(tmp_path / "exp", "2026-01-01_00-00-00", a="TERMINATED")
    told = Told(tmp_path / "exp" / "a")
    assert told.runs["."]["status"] == "failed"
    assert told.series(".")["loss"] == [(1, 1.0)]


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '{"trial_data": [["x", 3], 5, ["{}", "{}"], null]}'])
def test_broken_state_loses_no_trial(tmp_path: Path, content: str) -> None:
    make(tmp_path / "exp", "a", [{"loss": 1.0}], lr=0.1)
    (tmp_path / "exp" / "experiment_state-2026.json").write_text(content)
    told = Told(tmp_path)
    assert told.series("exp/a")["loss"] == [(1, 1.0)]
    assert told.params("exp/a") == {"lr": "0.1"}
    broken = str(tmp_path / "exp" / "experiment_state-2026.json")
    assert set(told.problems) == ({broken} if content in ("", "{") else set())


def test_without_params_file_the_config_counts(tmp_path: Path) -> None:
    (make(tmp_path / "exp", "a", [{"loss": 1.0}], lr=0.1, deep={"x": [1, 2]}) / "params.json").unlink()
    told = Told(tmp_path)
    assert told.params("exp/a") == {"lr": "0.1", "deep.x": "[1, 2]"}
    assert set(told.series("exp/a")) == {"loss"}


def test_torn_line_waits(tmp_path: Path) -> None:
    path = make(tmp_path / "exp", "a", [{"loss": 1.0}, {"loss": 0.5}], lr=0.1) / "result.json"
    path.write_text(path.read_text()[:-20])
    assert Told(tmp_path).series("exp/a")["loss"] == [(1, 1.0)]


def test_other_results_are_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"accuracy": 0.5}\n')
    assert not [one for directory in Walk(str(tmp_path)) for one in LAYOUT.recognise(directory)]


def test_broken_snapshot_is_a_problem(tmp_path: Path) -> None:
    directory = Path(shutil.copytree(RESULTS / "train_v2_run", tmp_path / "run"))
    (directory / "checkpoint_manager_snapshot.json").write_text("[]")
    told = Told(tmp_path)
    assert list(told.problems) == [str(directory / "checkpoint_manager_snapshot.json")]
