"""TensorBoard's directories: which of them are runs, and all that was logged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tensorboardX import SummaryWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboardX.proto.summary_pb2 import Summary

from tests.adapters.dirs_told import Told
from tests.adapters.event_files import file_of, framed, metadata, scalar, tensor_scalar, write
from tests.adapters.ledger import Following
from tests.conftest import DATA
from tui_runs.adapter import Focus

SAMPLES = DATA / "dirs_tensorboard"


@pytest.fixture(scope="module")
def samples() -> Told:
    return Told(SAMPLES)


def session(start: SessionStartInfo | None = None, end: SessionEndInfo | None = None) -> Event:
    """As TensorFlow's hparams API and PyTorch write it."""
    data = HParamsPluginData(version=0, session_start_info=start, session_end_info=end)
    tag = "_hparams_/session_start_info" if start else "_hparams_/session_end_info"
    value = Summary.Value(tag=tag, metadata=metadata("hparams", data.SerializeToString()))
    return Event(wall_time=1.79e9, summary=Summary(value=[value]))


def params(**values: float | str | bool) -> SessionStartInfo:
    info = SessionStartInfo()
    for key, value in values.items():
        if isinstance(value, bool):
            info.hparams[key].bool_value = value
        elif isinstance(value, str):
            info.hparams[key].string_value = value
        else:
            info.hparams[key].number_value = value
    return info


def text(tag: str, content: str) -> Event:
    value = Summary.Value(tag=f"{tag}/text_summary", metadata=metadata("text"))
    value.tensor.dtype = 7
    value.tensor.string_val.append(content.encode())
    return Event(wall_time=1.79e9, summary=Summary(value=[value]))


# --- the samples, by their MADE.md ------------------------------------------------------------------------------------


def test_runs(samples: Told) -> None:
    assert set(samples.runs) == {
        "runs/mlp_lr0.1", "runs/mlp_lr0.01", "runs/cnn/lr0.1_bs64", "runs/resumed", "runs_tbx/a",
        "logs_tf2/lr0.1", "logs_tf2/lr0.01", "keras_tb/run0", "keras_tb/run1",
    }  # fmt: skip
    assert not samples.problems
    assert {row["host"] for row in samples.runs.values()} == {"vm"}


@pytest.mark.parametrize(
    ("run", "rate", "size", "model"),
    [("mlp_lr0.1", 0.1, "32", "mlp"), ("mlp_lr0.01", 0.01, "32", "mlp"), ("cnn/lr0.1_bs64", 0.1, "64", "cnn")],
)
def test_pytorch(samples: Told, run: str, rate: float, size: str, model: str) -> None:
    name = f"runs/{run}"
    assert samples.params(name) == {"lr": str(rate), "bs": size, "model": model, "amp": "1"}
    series = samples.series(name)
    train = [(s, math.exp(-rate * s) + 0.01 * math.sin(s)) for s in range(50)]
    steps = range(9, 50, 10)
    assert close(series.pop("loss/train"), train)
    assert close(series.pop("loss/val"), [(s, math.exp(-rate * s) + 0.05) for s in steps])
    assert close(series.pop("acc/val"), [(s, 1 - math.exp(-rate * s)) for s in steps])
    assert close(series.pop("hparam/val_acc"), [(0, 1 - math.exp(-rate * 49))])
    assert series.pop("pair/a") == [(49, 1.0)]
    assert series.pop("pair/b") == [(49, 2.0)]
    ((step, value),) = series.pop("bad")
    assert step == 0
    assert math.isnan(value)
    assert not series
    row = samples.metrics(name)["loss/train"]
    assert (row["count"], row["last_step"]) == (50, 49)
    assert row["last"] == pytest.approx(train[-1][1], abs=1e-7)
    assert row["last_time"] == samples.times(name, "loss/train")[-1]
    assert samples.runs[name]["started"].replace(microsecond=0) == datetime(2026, 11, 20, 22, 13, 13, tzinfo=UTC)
    details = samples.details(name)
    assert details["text", "note", "text"] == "plain text"
    assert ("histogram", "w", "values") in details


def test_resumed(samples: Told) -> None:
    expected = [(s, 1 / (s + 1)) for s in range(15)] + [(s, 1 / (s + 1) - 0.001) for s in range(15, 30)]
    assert close(samples.series("runs/resumed")["loss"], expected)


def test_tensorboardx(samples: Told) -> None:
    assert samples.params("runs_tbx/a") == {"lr": "0.1", "layers": "2"}
    series = samples.series("runs_tbx/a")
    assert close(series["loss"], [(s, 1 / (s + 1)) for s in range(20)])
    assert close(series["final"], [(19, 0.05)])


@pytest.mark.parametrize("rate", [0.1, 0.01])
def test_tensorflow(samples: Told, rate: float) -> None:
    name = f"logs_tf2/lr{rate}"
    assert samples.params(name) == {"lr": str(rate), "units": "16", "act": "relu", "bn": "false"}
    assert samples.runs[name]["group"] == f"t-{rate}"
    series = samples.series(name)
    assert close(series["epoch_loss"], [(s, math.exp(-rate * s)) for s in range(30)])
    assert close(series["f64"], [(s, 1 / (s + 1)) for s in range(30)])


@pytest.mark.parametrize(("run", "rate"), [("run0", "0.1"), ("run1", "0.01")])
def test_keras(samples: Told, run: str, rate: str) -> None:
    name = f"keras_tb/{run}"
    assert samples.params(name) == {"lr": rate}
    row = samples.runs[name]
    assert row["status"] == "finished"
    assert 0 < (row["ended"] - row["started"]).total_seconds() < 2
    series = samples.series(name)
    for part in ("train", "validation"):
        for metric in ("epoch_loss", "epoch_mae"):
            assert [step for step, _ in series[f"{part}/{metric}"]] == list(range(5))
    assert series["train/epoch_loss"] != series["validation/epoch_loss"]


def close(points: list[tuple[int, float]], expected: list[tuple[int, float]]) -> bool:
    """Equal but for the rounding of a float."""
    return [step for step, _ in points] == [step for step, _ in expected] and all(
        abs(value - true) <= 1e-7 * max(1.0, abs(true)) for (_, value), (_, true) in zip(points, expected, strict=True)
    )


# --- written here -----------------------------------------------------------------------------------------------------


def test_writer_of_tensorboardx(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path / "exp" / "one")) as writer:
        for step in range(100):
            writer.add_scalar("train/loss", 1 / (step + 1), step, walltime=1.79e9 + step)
        writer.add_scalars("both", {"x": 1.0, "y": 2.0}, 3)
        writer.add_text("config", '{"lr": 0.1, "model": {"depth": 3, "sizes": [1, 2]}, "amp": true}')
        writer.add_text("note", "**bold** \x1b[31mred")
        writer.add_hparams({"bs": 16}, {"best": 0.5}, name="trial", global_step=9)
    told = Told(tmp_path)
    (run,) = told.runs
    assert run == "exp/one"
    assert told.runs[run]["name"] == "one"
    assert told.params(run) == {
        "lr": "0.1", "model.depth": "3", "model.sizes": "[1, 2]", "amp": "true", "bs": "16",
    }  # fmt: skip
    series = told.series(run)
    assert close(series["train/loss"], [(step, 1 / (step + 1)) for step in range(100)])
    assert series["both/x"] == [(3, 1.0)]
    assert series["both/y"] == [(3, 2.0)]
    assert series["best"] == [(9, 0.5)]
    assert told.times(run, "train/loss")[5] == datetime.fromtimestamp(1.79e9 + 5, UTC)
    assert told.details(run)["text", "note", "text"] == "**bold** \x1b[31mred"


def test_many_hparams_of_one_writer_are_runs(tmp_path: Path) -> None:
    write(tmp_path / "study", file_of([scalar("loss", 0, 1.0)]))
    for trial in range(3):
        write(
            tmp_path / "study" / f"179000000{trial}.5",
            file_of([session(params(lr=trial / 10)), scalar("acc", 0, float(trial))]),
        )
    told = Told(tmp_path)
    assert set(told.runs) == {"study", *(f"study/179000000{trial}.5" for trial in range(3))}
    assert told.params("study/1790000002.5") == {"lr": "0.2"}
    assert told.params("study") == {}


def test_trials_below_a_study(tmp_path: Path) -> None:
    write(tmp_path / "study" / "t0", file_of([session(params(lr=0.5)), tensor_scalar("loss", 1, 2.0)]))
    write(tmp_path / "study", file_of([Event(wall_time=1.79e9, summary=Summary(value=[
        Summary.Value(tag="_hparams_/experiment", metadata=metadata("hparams"))
    ]))]))  # fmt: skip
    told = Told(tmp_path)
    assert set(told.runs) == {"study/t0"}


def test_session_ends(tmp_path: Path) -> None:
    for name, status, ended in [("ok", 1, 1.79e9 + 5), ("bad", 2, 1.79e9 + 5), ("at once", 1, 0.0)]:
        end = SessionEndInfo(status=status, end_time_secs=ended)
        write(tmp_path / name, file_of([session(params(lr=1, name="x", amp=True)), session(end=end)]))
    told = Told(tmp_path)
    assert told.runs["ok"]["status"] == "finished"
    assert told.runs["bad"]["status"] == "failed"
    assert told.runs["ok"]["ended"] == datetime.fromtimestamp(1.79e9 + 5, UTC)
    assert told.runs["at once"]["status"] == "running"  # it was written just now
    assert told.params("ok") == {"lr": "1", "name": "x", "amp": "true"}


def test_hyperparameters_in_a_table(tmp_path: Path) -> None:
    """As CleanRL's scripts write them."""
    table = "|param|value|\n|-|-|\n|seed|1|\n|env_id|Ant-v4|\n|anneal_lr|True|"
    write(tmp_path / "run", file_of([text("hyperparameters", table), text("notes", table), scalar("loss", 1, 1.0)]))
    told = Told(tmp_path)
    assert told.params("run") == {"seed": "1", "env_id": "Ant-v4", "anneal_lr": "True"}
    assert told.details("run")["text", "notes", "text"] == table


def test_broken_hparams(tmp_path: Path) -> None:
    value = Summary.Value(tag="_hparams_/session_start_info", metadata=metadata("hparams", b"\x1a\xff\xff"))
    broken = Event(wall_time=1.79e9, summary=Summary(value=[value]))
    write(tmp_path / "run", file_of([broken, scalar("loss", 1, 1.0), text("args", "{broken")]))
    told = Told(tmp_path)
    assert told.params("run") == {}
    assert told.series("run") == {"loss": [(1, 1.0)]}
    assert told.details("run")["text", "args", "text"] == "{broken"


def test_session_end_of_a_long_file(tmp_path: Path) -> None:
    """What comes last in a file is found at its end, and texts and hyperparameters wherever they stand at its start."""
    points = [scalar("loss", step, 1.0) for step in range(30_000)]
    end = session(end=SessionEndInfo(status=2, end_time_secs=1.79e9 + 9))
    events = [*points[:500], session(params(lr=0.5)), text("note", "short"), *points[500:], end]
    write(tmp_path / "run", file_of(events))
    told = Told(tmp_path)
    assert told.runs["run"]["status"] == "failed"
    assert told.params("run") == {"lr": "0.5"}
    assert told.details("run")["text", "note", "text"] == "short"


def test_parts_of_a_run_only_where_nothing_else_is(tmp_path: Path) -> None:
    """A directory called train with more in it is some other tool's run."""
    content = file_of([scalar("loss", 1, 1.0)])
    (write(tmp_path / "detect" / "train", content) / "notes.txt").write_text("mine")
    write(tmp_path / "keras" / "train", content)
    write(tmp_path / "keras" / "val", content)
    write(tmp_path / "other" / "val", content)
    told = Told(tmp_path)
    assert set(told.runs) == {"detect/train", "keras", "other/val"}
    assert set(told.series("keras")) == {"train/loss", "val/loss"}


def test_damage_is_a_problem_of_its_file(tmp_path: Path) -> None:
    content = bytearray(file_of([scalar("loss", step, 1.0) for step in range(50)]))
    content[500] ^= 1
    directory = write(tmp_path / "run", bytes(content))
    told = Told(tmp_path)
    assert len(told.series("run")["loss"]) == 49
    (problem,) = told.problems.values()
    assert problem.uri == str(next(directory.iterdir()))
    assert "1 record is damaged" in problem.what


@pytest.fixture
def following() -> Iterator[Callable[[Told], Following]]:
    started: list[tuple[Told, Following]] = []

    def start(told: Told) -> Following:
        started.append((told, Following(told.source, told.ledger, Focus())))
        return started[-1][1]

    yield start
    for told, one in started:
        told.source.close()
        one.ends()


def test_growing_file_is_followed(tmp_path: Path, following: Callable[[Told], Following]) -> None:
    directory = write(tmp_path / "run", file_of([scalar("loss", 0, 1.0)]))
    told = Told(tmp_path)
    followed = following(told)
    run_id = told.runs["run"]["run_id"]
    with next(directory.iterdir()).open("ab") as file:
        file.write(framed(scalar("loss", 1, 0.5).SerializeToString()))
    followed.until(lambda said: said.count(run_id, "loss") == 2, "a point was added")
    write(tmp_path / "run" / "1790000000.5", file_of([session(params(lr=0.5)), scalar("best", 0, 0.25)]))
    followed.until(lambda said: said.params_of(run_id) == {"lr": "0.5"}, "hyperparameters were added")
    followed.until(lambda said: said.count(run_id, "best") == 1, "their metric")


def test_big_file_is_told_from_its_end_first(tmp_path: Path) -> None:
    one = file_of([scalar(tag, step, step / 2) for step in range(2000) for tag in ("loss", "acc")])
    count = (5 << 20) // len(one)
    events = [scalar("loss", step, 1.0) for step in range(20)]
    directory = write(tmp_path / "run", b"".join([one] * count) + file_of(events)[len(file_of([])) :])
    told = Told(tmp_path)
    row = told.metrics("run")["acc"]
    assert row["count"] == 2000 * count
    assert row["max"] == 999.5
    assert directory.exists()
