"""Hugging Face's Trainer: states, checkpoints and event files of one output directory are one run."""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.dirs_told import Told
from tests.adapters.event_files import NAME, file_of, framed, scalar
from tests.conftest import DATA
from tui_runs_dirs.layouts.hf_trainer import LAYOUT
from tui_runs_dirs.readers.trainer_series import TrainerSeries
from tui_runs_dirs.walk import Walk

SAMPLES = DATA / "dirs_hf_trainer"
ACCURACY = {
    "bert_lr1e-2": {10: 0.609375, 20: 0.625, 30: 0.640625},
    "bert_lr1e-3": {10: 0.4375, 20: 0.515625, 30: 0.515625},
    "bert_resumed": {10: 0.453125, 20: 0.578125, 30: 0.609375, 40: 0.609375},
    "bert_nan": {10: 0.5625, 20: 0.5625},
}
LOSS = {
    "bert_lr1e-2": (0.6230363368988037, 0.6707572301228841),
    "bert_lr1e-3": (0.6899752140045166, 0.6914780298868816),
    "bert_resumed": (0.6283632755279541, 0.6550397992134094),
    "bert_nan": (math.nan, math.nan),
}


@pytest.fixture(scope="module")
def samples() -> Told:
    return Told(SAMPLES)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLES / "out" / "bert_resumed", tmp_path / "out"))


def test_runs(samples: Told) -> None:
    assert set(samples.runs) == {f"out/{name}" for name in ACCURACY}
    assert {row["status"] for row in samples.runs.values()} == {"finished"}
    assert not samples.problems


@pytest.mark.parametrize("name", ACCURACY)
def test_what_was_logged(samples: Told, name: str) -> None:
    series = samples.series(f"out/{name}")
    assert dict(series["eval_accuracy"]) == ACCURACY[name]
    last, mean = LOSS[name]
    assert repr(series["loss"][-1][1]) == repr(last)
    assert repr(series["train_loss"][-1][1]) == repr(mean)
    assert set(series) == {
        "loss", "grad_norm", "learning_rate", "epoch", "train_loss", "train_runtime", "train_samples_per_second",
        "train_steps_per_second", "total_flos", "eval_accuracy", "eval_loss", "eval_runtime",
        "eval_samples_per_second", "eval_steps_per_second",
    }  # fmt: skip
    history = json.loads((SAMPLES / "out" / name / "trainer_state.json").read_text())["log_history"]
    for key in ("loss", "eval_loss", "learning_rate", "grad_norm"):
        expected = [(row["step"], row[key]) for row in history if key in row]
        assert list(map(repr, series[key])) == list(map(repr, expected)), key
    assert series["epoch"] == list({row["step"]: row["epoch"] for row in history}.items())
    row = samples.metrics(f"out/{name}")["eval_accuracy"]
    assert (row["count"], row["last"]) == (len(ACCURACY[name]), [*ACCURACY[name].values()][-1])


def test_times_come_from_event_files(samples: Told) -> None:
    times = samples.times("out/bert_resumed", "loss")
    assert len(times) == 8
    assert None not in times
    assert times == sorted(times)  # type: ignore[type-var]


def test_arguments(samples: Told) -> None:
    said = samples.params("out/bert_lr1e-2")
    assert float(said["learning_rate"]) == 0.01
    assert said["per_device_train_batch_size"] == "16"
    assert said["num_train_epochs"] == "3"
    # The arguments of a training that was resumed are those of its last part.
    assert samples.params("out/bert_resumed")["num_train_epochs"] == "4"
    assert samples.details("out/bert_lr1e-2")["trainer", "state", "best_metric"] == "0.640625"


def test_no_event_files(copied: Path) -> None:
    shutil.rmtree(copied / "runs")
    told = Told(copied.parent)
    assert dict(told.series("out")["eval_accuracy"]) == ACCURACY["bert_resumed"]
    assert told.params("out")["train_batch_size"] == "16"
    assert set(told.times("out", "loss")) == {None}


def test_checkpoints_only(copied: Path) -> None:
    """A training that was killed: the farthest checkpoint has the history, which is not finished."""
    (copied / "trainer_state.json").unlink()
    shutil.rmtree(copied / "checkpoint-40")
    shutil.rmtree(copied / "runs")
    for times, status in ((None, "running"), ((1.7e9, 1.7e9), "stale")):
        for file in (*copied.rglob("*"), copied):
            os.utime(file, times)
        told = Told(copied.parent)
        assert set(told.runs) == {"out"}
        assert dict(told.series("out")["eval_accuracy"]) == {10: 0.453125, 20: 0.578125, 30: 0.609375}
        assert told.runs["out"]["status"] == status


def test_state_of_an_older_training_beside_newer_checkpoints(copied: Path) -> None:
    state = json.loads((copied / "trainer_state.json").read_text())
    state["global_step"] = 20
    state["log_history"] = [row for row in state["log_history"] if row["step"] <= 20]
    (copied / "trainer_state.json").write_text(json.dumps(state))
    assert [step for step, _ in Told(copied.parent).series("out")["loss"]][-1] == 40


def test_half_written_state_waits(copied: Path) -> None:
    path = copied / "trainer_state.json"
    path.write_text(path.read_text()[:500])
    assert [step for step, _ in Told(copied.parent).series("out")["loss"]][-1] == 40  # by the checkpoint


def test_before_the_first_checkpoint(copied: Path) -> None:
    """Event files alone are recognised by the arguments in them; metrics are named as the states will name them."""
    shutil.rmtree(copied / "checkpoint-30")
    shutil.rmtree(copied / "checkpoint-40")
    (copied / "trainer_state.json").unlink()
    told = Told(copied.parent)
    assert set(told.runs) == {"out"}
    series = told.series("out")
    assert [step for step, _ in series["loss"]] == [5, 10, 15, 20, 25, 30, 35, 40]
    assert series["eval_accuracy"] == [*ACCURACY["bert_resumed"].items()]
    assert series["loss"][-1][1] == pytest.approx(LOSS["bert_resumed"][0])


def test_points_since_the_last_checkpoint(tmp_path: Path) -> None:
    """Follows a training: points come from event files at once, and stay when a checkpoint says them again."""
    out = tmp_path / "out"
    logs = out / "runs" / "Nov20_22-13-24_vm"
    logs.mkdir(parents=True)
    events = logs / NAME
    events.write_bytes(file_of([scalar("train/loss", step, step / 4, 1.79e9 + step) for step in (5, 10)]))
    series = TrainerSeries(str(out), (str(logs),))
    first = series.read(0, 1 << 20)
    assert first.frame.select("key", "step", "value").rows() == [("loss", 5, 1.25), ("loss", 10, 2.5)]

    with events.open("ab") as file:
        file.write(framed(scalar("train/loss", 15, 0.1).SerializeToString()))
    second = series.read(first.end, 1 << 20)
    assert not second.restarted
    assert second.frame["step"].to_list() == [15]

    save(out / "checkpoint-10", 10, [{"loss": 1.25, "step": 5}, {"loss": 2.5, "step": 10}])
    third = series.read(second.end, 1 << 20)
    assert not third.restarted
    assert third.frame.is_empty()

    save(out / "checkpoint-20", 20, [{"loss": 1.25, "step": 5}, {"loss": 2.5, "step": 10}, {"loss": 0.1, "step": 15}])
    fourth = series.read(third.end, 1 << 20)
    assert fourth.restarted  # 0.1 is another number in an event file
    assert fourth.frame["value"].to_list() == [1.25, 2.5, 0.1]
    assert fourth.frame["time"].null_count() == 0


def test_training_again_in_the_same_place_runs(copied: Path) -> None:
    assert Told(copied.parent).runs["out"]["status"] == "finished"
    logs = copied / "runs" / "Nov21_00-00-00_vm"
    logs.mkdir()
    state = copied / "checkpoint-40" / "trainer_state.json"
    for path in (state, copied / "trainer_state.json"):
        os.utime(path, (1.7e9, 1.7e9))
    (logs / NAME).write_bytes(file_of([scalar("train/loss", 45, 0.5)]))
    told = Told(copied.parent)
    assert told.runs["out"]["status"] == "running"
    assert told.series("out")["loss"][-1] == (45, 0.5)


def test_search_of_hyperparameters(tmp_path: Path) -> None:
    for trial in range(2):
        save(
            tmp_path / f"run-{trial}" / "checkpoint-5", 5, [{"loss": 1.0, "step": 5}], trial_params={"lr": 0.1 * trial}
        )
    told = Told(tmp_path)
    assert set(told.runs) == {"run-0", "run-1"}
    assert told.params("run-1")["lr"] == "0.1"


def test_strange_states(tmp_path: Path) -> None:
    contents = {
        "list": "[1]",
        "text": '{"log_history": "x", "global_step": "y"}',
        "rows": '{"log_history": [1, null, {"step": 1, "loss": 2.0}], "global_step": null}',
    }
    for name, content in contents.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "trainer_state.json").write_text(content)
    told = Told(tmp_path)
    assert told.series("rows") == {"loss": [(1, 2.0)]}
    assert "text" in told.runs


def test_other_directories_are_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "runs" / "Nov20_22-13-24_vm").mkdir(parents=True)
    (tmp_path / "runs" / "Nov20_22-13-24_vm" / NAME).write_bytes(file_of([scalar("loss", 1, 1.0)]))
    (tmp_path / "checkpoint-5").mkdir()
    assert not [one for directory in Walk(str(tmp_path)) for one in LAYOUT.recognise(directory)]


def save(checkpoint: Path, step: int, rows: list[dict[str, Any]], **more: Any) -> None:
    """As the Trainer writes a state."""
    checkpoint.mkdir(parents=True)
    state = {"global_step": step, "log_history": rows, "max_steps": 100, "num_train_epochs": 3, **more}
    (checkpoint / "trainer_state.json").write_text(json.dumps(state, indent=2))
