"""Directories that the real tools wrote: what is shown is what was logged, by the values noted when they were made.

tests/data/dirs_*/MADE.md says how; histories are compared with the files as Python's own csv and json read them.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.adapters.ledger import Ledger, read_all
from tui_runs.adapter import Source
from tui_runs.capabilities import Detailed, WithArtifacts, WithLogs
from tui_runs_dirs import DirsAdapter

NAN = float("nan")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All samples as the parts of one project."""
    root = tmp_path_factory.mktemp("dirs") / "project"
    data = Path(__file__).parents[1] / "data"
    for name in ("lightning", "keras_csvlogger", "hydra", "plain"):
        shutil.copytree(data / f"dirs_{name}", root / name)
    return root


@pytest.fixture(scope="module")
def source(project: Path) -> Iterator[Source]:
    opened = DirsAdapter().open(str(project), {})
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def said(source: Source) -> Ledger:
    return read_all(source)


def last(said: Ledger, run_id: str) -> dict[str, float]:
    return {key: row["last"] for (run, key), row in said.metrics.items() if run == run_id}


def points_of(source: Source, run_id: str) -> dict[str, list[tuple[int, float]]]:
    """Step and value by metric, as reprs so that NaN equals NaN."""
    history = source.history([run_id])
    assert history.complete
    found: dict[str, list[Any]] = {}
    for _, key, step, _, value in history.frame.iter_rows():
        found.setdefault(key, []).append((step, repr(value)))
    return found


def truth_of_table(path: Path, step: str, separator: str = ",") -> dict[str, list[tuple[int, float]]]:
    """The same out of a CSV, cell by cell."""
    found: dict[str, list[Any]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file, delimiter=separator):
            for key, cell in row.items():
                if key != step and cell not in ("", "NA"):
                    found.setdefault(key, []).append((int(row[step]), repr(float(cell))))
    return found


def test_every_run_is_there_once(said: Ledger) -> None:
    assert sorted(said.runs) == sorted([
        *(f"lightning/lightning_logs/version_{n}" for n in range(4)),
        *(f"keras_csvlogger/runs/{name}" for name in (
            "changed_cols", "lr0.01", "lr0.1", "restart_from_zero", "resumed", "semicolon",
        )),
        *(f"hydra/outputs/2026-11-20/22-15-0{n}" for n in (7, 8)),
        *(f"hydra/multirun/2026-11-20/22-15-08/{n}" for n in range(6)),
        *(f"hydra/multirun/2026-11-20/22-15-10/{n}" for n in range(2)),
        *(f"plain/models/experiments/experiment_{n}" for n in (1, 2, 3)),
        *(f"plain/runs/{name}" for name in ("mlp_crashed", "mlp_lr1e-2", "mlp_lr1e-3")),
        *(f"plain/results/seed{n}" for n in range(3)),
        *(f"plain/experiments/hyperparameter_tuning/tuning_results.csv/{n}" for n in range(4)),
    ])  # fmt: skip


def test_every_run_names_its_tool(said: Ledger) -> None:
    tools = {run_id: said.tags_of(run_id)["tool"] for run_id in said.runs if "tuning_results" not in run_id}
    expected = {
        "lightning": "Lightning",
        "keras_csvlogger": "Keras CSVLogger",
        "hydra": "Hydra",
        "plain": "plain files",
    }
    assert tools == {run_id: expected[run_id.split("/")[0]] for run_id in tools}


class TestLightning:
    VAL_LOSS = (0.07626818120479584, 0.2933533787727356, 0.18292558193206787, NAN)
    TRAIN_LOSS = (0.08073318749666214, 0.47148749232292175, 0.22020284831523895, NAN)

    @pytest.mark.parametrize("number", range(4))
    def test_last_values(self, said: Ledger, number: int) -> None:
        values = last(said, f"lightning/lightning_logs/version_{number}")
        assert repr(values["val_loss"]) == repr(self.VAL_LOSS[number])
        assert repr(values["train_loss_epoch"]) == repr(self.TRAIN_LOSS[number])
        assert ("test_loss" in values) == (number != 2)
        row = said.metrics[f"lightning/lightning_logs/version_{number}", "train_loss_step"]
        assert (row["count"], row["last_step"], row["exact"]) == (18, 71, True)

    @pytest.mark.parametrize("number", range(4))
    def test_every_point(self, source: Source, project: Path, number: int) -> None:
        run_id = f"lightning/lightning_logs/version_{number}"
        truth = truth_of_table(project / run_id / "metrics.csv", "step")
        assert points_of(source, run_id) == truth

    def test_params(self, said: Ledger) -> None:
        expected = (("0.05", "8", "relu"), ("0.01", "16", "relu"), ("0.05", "4", "gelu"), ("5.0", "8", "relu"))
        for number, (lr, hidden, act) in enumerate(expected):
            assert said.params_of(f"lightning/lightning_logs/version_{number}") == {
                "lr": lr, "hidden": hidden, "act": act, "opt.name": "sgd", "opt.momentum": "0.9",
            }  # fmt: skip

    def test_names(self, said: Ledger) -> None:
        run = said.runs["lightning/lightning_logs/version_3"]
        assert (run["name"], run["experiment"]) == ("version_3", "lightning_logs")


class TestKeras:
    @pytest.mark.parametrize(
        ("name", "loss", "val_accuracy", "best"),
        [
            ("lr0.1", 0.21696092188358307, 0.96875, 0.96875),
            ("lr0.01", 0.6734316349029541, 0.53125, 0.5625),
            ("resumed", None, 0.4375, 0.5625),
            ("restart_from_zero", None, None, 0.53125),
            ("semicolon", None, None, 0.5625),
            ("changed_cols", None, 0.75, 0.75),
        ],
    )
    def test_values(self, said: Ledger, name: str, loss: float | None, val_accuracy: float | None, best: float) -> None:
        run_id = f"keras_csvlogger/runs/{name}"
        values = last(said, run_id)
        assert loss is None or values["loss"] == loss
        assert val_accuracy is None or values["val_accuracy"] == val_accuracy
        assert said.metrics[run_id, "val_accuracy"]["max"] == best
        assert "epoch" not in values

    @pytest.mark.parametrize(("name", "separator", "rows"), [("resumed", ",", 8), ("semicolon", ";", 3)])
    def test_every_point(self, source: Source, project: Path, name: str, separator: str, rows: int) -> None:
        run_id = f"keras_csvlogger/runs/{name}"
        truth = truth_of_table(project / run_id / "training.log", "epoch", separator)
        assert points_of(source, run_id) == truth
        assert len(truth["loss"]) == rows

    def test_cells_without_a_value_are_no_points(self, said: Ledger) -> None:
        assert said.metrics["keras_csvlogger/runs/changed_cols", "val_loss"]["count"] == 3
        assert said.metrics["keras_csvlogger/runs/changed_cols", "loss"]["count"] == 6


class TestHydra:
    def test_values_of_the_program_beside_it(self, said: Ledger) -> None:
        expected = {
            "outputs/2026-11-20/22-15-07": (0.5703951179603814, 0.985),
            "outputs/2026-11-20/22-15-08": (0.36128132600024687, 0.985),
            "multirun/2026-11-20/22-15-08/0": (0.6783132623987637, 0.975),
            "multirun/2026-11-20/22-15-08/3": (0.5703951179603814, 0.985),
            "multirun/2026-11-20/22-15-08/4": (0.27318779354578654, 0.99),
            "multirun/2026-11-20/22-15-10/0": (0.5856685059847636, 0.965),
        }
        for place, (loss, acc) in expected.items():
            assert last(said, f"hydra/{place}") == {"loss": loss, "acc": acc}
            assert said.metrics[f"hydra/{place}", "loss"]["count"] == 10

    def test_failed_job_is_there_with_its_config(self, said: Ledger) -> None:
        run_id = "hydra/multirun/2026-11-20/22-15-10/1"
        assert last(said, run_id) == {}
        assert said.params_of(run_id)["optim.lr"] == "100"

    def test_config_as_it_was_written(self, said: Ledger) -> None:
        params = said.params_of("hydra/outputs/2026-11-20/22-15-08")
        assert params["optim.lr"] == "0.5"
        assert params["tag"] == "exp1"
        assert params["run_name"] == "${model.name}_lr${optim.lr}"
        assert not any(key.startswith("hydra") for key in params)

    def test_names_and_groups(self, said: Ledger) -> None:
        job = said.runs["hydra/multirun/2026-11-20/22-15-08/4"]
        assert (job["name"], job["experiment"]) == ("22-15-08/4", "main")
        assert job["group"] == "hydra/multirun/2026-11-20/22-15-08"
        alone = said.runs["hydra/outputs/2026-11-20/22-15-07"]
        assert (alone["name"], alone["group"]) == ("2026-11-20/22-15-07", None)

    def test_overrides_are_details(self, source: Source) -> None:
        assert isinstance(source, Detailed)
        frame = source.details(["hydra/outputs/2026-11-20/22-15-08"]).frame
        rows = {(item, key): value for _, group, item, key, value in frame.iter_rows() if group == "hydra"}
        assert rows["overrides", "optim.lr"] == "0.5"
        assert rows["overrides", "+tag"] == "exp1"
        assert rows["job", "name"] == "main"
        assert rows["choices", "model"] == "linear"

    def test_its_log_can_be_read(self, source: Source, project: Path) -> None:
        assert isinstance(source, WithLogs)
        run_id = "hydra/outputs/2026-11-20/22-15-07"
        (log,) = source.logs(run_id)
        text = (project / run_id / "main.log").read_bytes()
        assert (log.name, log.size) == ("main.log", len(text))
        part = source.read_log(run_id, "main.log", -100, 50)
        assert (part.data, part.start, part.size) == (text[-100:-50], len(text) - 100, len(text))


class TestPlain:
    TRUTH: ClassVar = {
        1: (0.001, 64, 0.5223026925572609, 0.8962962962962963, 0.5969329964175838),
        2: (0.01, 64, 0.019715443020782257, 0.9685185185185186, 0.10714979215168151),
        3: (0.3, 32, 1.9996732941947981, 0.26851851851851855, 2.08192320462027),
    }

    @pytest.mark.parametrize("number", TRUTH)
    def test_experiment_with_two_tables(self, said: Ledger, number: int) -> None:
        run_id = f"plain/models/experiments/experiment_{number}"
        lr, batch, train_loss, best, val_loss = self.TRUTH[number]
        values = last(said, run_id)
        assert values["train_loss"] == pytest.approx(train_loss, abs=1e-6)
        assert values["val_loss"] == pytest.approx(val_loss, abs=1e-6)
        assert said.metrics[run_id, "val_accuracy"]["max"] == pytest.approx(best, abs=1e-4)
        params = said.params_of(run_id)
        assert (float(params["learning_rate"]), int(params["batch_size"])) == (lr, batch)
        assert json.loads(params["model.hidden_layers"])
        rows = said.metrics[run_id, "train_loss"], said.metrics[run_id, "val_loss"]
        assert [row["count"] for row in rows] == ([12, 6] if number < 3 else [8, 4])
        assert said.runs[run_id]["experiment"] == "plain/models/experiments"

    def test_json_lines_with_two_kinds_of_rows(self, said: Ledger, project: Path) -> None:
        run_id = "plain/runs/mlp_lr1e-2"
        values = last(said, run_id)
        assert values["eval/loss"] == 0.14646506401013967
        assert values["eval/acc"] == 0.9555555555555556
        assert said.metrics[run_id, "eval/loss"]["last_step"] == 180
        assert last(said, "plain/runs/mlp_lr1e-3")["eval/loss"] == 0.9465471836004614
        assert said.params_of(run_id)["hidden"] == "[32]"
        assert said.params_of(run_id)["notes"] == "null"
        assert said.runs[run_id]["status"] == "finished"
        first = json.loads((project / run_id / "log.jsonl").read_text().splitlines()[0])
        assert said.runs[run_id]["started"].timestamp() == pytest.approx(first["time"], abs=1e-5)

    def test_crashed_run(self, said: Ledger) -> None:
        run_id = "plain/runs/mlp_crashed"
        train = said.metrics[run_id, "train/loss"]
        assert (train["count"], train["last_step"], repr(train["last"])) == (5, 100, "nan")
        assert said.metrics[run_id, "eval/loss"]["count"] == 1

    def test_seeds(self, said: Ledger, source: Source, project: Path) -> None:
        for number in range(3):
            run_id = f"plain/results/seed{number}"
            truth = truth_of_table(project / run_id / "progress.csv", "nupdates")
            assert points_of(source, run_id) == truth
        assert "AverageEpRet" not in {key for _, key in said.metrics}, "progress.txt has the same data"

    def test_files_of_a_run(self, source: Source) -> None:
        assert isinstance(source, WithArtifacts)
        run_id = "plain/models/experiments/experiment_1"
        frame = source.artifacts(run_id, "model_visualizations").frame
        assert frame["path"].to_list() == [
            "model_visualizations/accuracy_plot.png", "model_visualizations/loss_curve.png",
        ]  # fmt: skip
        assert source.read_artifact(run_id, "model_visualizations/loss_curve.png", 4) == b"\x89PNG"
