"""Ultralytics' trainings: tables of three releases, and the end that only the last epoch tells."""

from __future__ import annotations

import csv
import math
import shutil
from pathlib import Path

import pytest

from tests.adapters.dirs_seen import Seen, found, see
from tui_runs_dirs.layouts.ultralytics import LAYOUT, UltralyticsArgs

SAMPLE = Path(__file__).parents[1] / "data" / "dirs_ultralytics"
REAL = "runs/detect/exp_lr0.1"
OLD = {"old_format/train_8.0.100": [0, 1, 2, 3], "old_format/train_8.3.0": [1, 2, 3, 4]}


@pytest.fixture(scope="module")
def seen() -> Seen:
    return see(LAYOUT, SAMPLE)


def test_shows_what_the_tables_hold(seen: Seen) -> None:
    """Read by the csv module, with the blanks of old releases taken away."""
    assert seen.runs.keys() == {REAL, "runs/detect/exp_lr0.01", *OLD}
    for run_id, series in seen.series.items():
        with (SAMPLE / run_id / "results.csv").open(newline="") as file:
            rows = [{key.strip(): cell.strip() for key, cell in row.items()} for row in csv.DictReader(file)]
        expected = {key: [(int(row["epoch"]), float(row[key])) for row in rows] for key in rows[0] if key != "epoch"}
        assert series == expected
    assert seen.problems == []


def test_true_values(seen: Seen) -> None:
    for run_id, lr in (("runs/detect/exp_lr0.01", "0.01"), (REAL, "0.1")):
        assert seen.series[run_id]["train/box_loss"][-1] == (4, 0.12413)
        assert seen.series[run_id]["val/cls_loss"][-1] == (4, 1.33168)
        assert {value for _, value in seen.series[run_id]["metrics/mAP50(B)"]} == {0.0}
        assert len(seen.params[run_id]) == len((SAMPLE / run_id / "args.yaml").read_text().splitlines())
        assert {key: seen.params[run_id][key] for key in ("lr0", "epochs", "optimizer", "time")} == {
            "lr0": lr, "epochs": "4", "optimizer": "SGD", "time": "null",
        }  # fmt: skip
    for run_id, epochs in OLD.items():
        assert [step for step, _ in seen.series[run_id]["train/box_loss"]] == epochs


class TestStatus:
    @pytest.fixture
    def run(self, tmp_path: Path) -> Path:
        return Path(shutil.copytree(SAMPLE / REAL, tmp_path / "train"))

    def status(self, run: Path) -> object:
        return see(LAYOUT, run.parent).runs["train"].get("status")

    def test_last_epoch_ends_it(self, seen: Seen) -> None:
        assert {row.get("status") for row in seen.runs.values()} == {"finished"}

    def test_any_other_epoch_does_not(self, run: Path) -> None:
        lines = (run / "results.csv").read_text().splitlines(keepends=True)
        (run / "results.csv").write_text("".join(lines[:4]))
        assert self.status(run) is None
        (run / "results.csv").write_text("".join(lines[:4]) + lines[4][:20])  # not there yet
        assert self.status(run) is None
        (run / "results.csv").write_text("".join(lines))
        assert self.status(run) == "finished"

    def test_before_the_first_epoch(self, run: Path) -> None:
        (run / "results.csv").unlink()
        assert self.status(run) is None
        assert see(LAYOUT, run.parent).params["train"]["lr0"] == "0.1"

    @pytest.mark.parametrize("content", ["", "epoch,loss\n", "epoch,loss\nnan,1\n", "\n\n\n"])
    def test_odd_tables(self, run: Path, content: str) -> None:
        (run / "results.csv").write_text(content)
        facts = UltralyticsArgs(str(run / "args.yaml"), str(run / "results.csv")).read()
        assert facts.fields == {}
        assert facts.params["lr0"] == "0.1"

    def test_following_appends(self, run: Path) -> None:
        (claim,) = found(LAYOUT, run.parent)
        lines = (run / "results.csv").read_bytes().splitlines(keepends=True)
        (run / "results.csv").write_bytes(b"".join(lines[:2]))
        series = claim.series[0]  # type: ignore[union-attr]
        stretch = series.read(0, 1 << 20)
        with (run / "results.csv").open("ab") as file:
            file.write(lines[2].replace(b"0.76077", b"nan"))
        stretch = series.read(stretch.end, 1 << 20)
        loss = {key: value for key, _, _, value in stretch.frame.iter_rows()}["train/box_loss"]
        assert math.isnan(loss)
        assert stretch.frame["step"].unique().to_list() == [2]


def test_other_directories_are_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "args.yaml").write_text("lr: 0.1\nmodel: resnet50\n")  # timm's
    (tmp_path / "results.csv").write_text("epoch,loss\n1,2\n")
    (tmp_path / "predict").mkdir()
    (tmp_path / "predict" / "args.yaml").write_text("task: detect\nmode: predict\n")
    assert found(LAYOUT, tmp_path) == []
