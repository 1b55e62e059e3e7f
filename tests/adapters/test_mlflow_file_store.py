"""MLflow's file store as mlflow 3.17, 2.22 and 1.30 write it: the contract, and mlflow's own client for comparison."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.contract import AdapterContract
from tests.adapters.ledger import Ledger, read_all, read_history, snapshot
from tests.adapters.metric_truth import Point, truth_of
from tests.adapters.mlflow_stores import START, MlflowWriter
from tui_runs.adapter import Source
from tui_runs_mlflow import MlflowAdapter

Truth = dict[str, Any]
Open = Callable[..., Source]


class TestContract(AdapterContract):
    adapter_class = MlflowAdapter

    @pytest.fixture
    def empty(self, tmp_path: Path) -> MlflowWriter:
        return MlflowWriter(tmp_path / "store" / "mlruns")

    @pytest.fixture
    def many(self, copied_many: Path) -> MlflowWriter:
        return MlflowWriter(copied_many)

    @pytest.fixture
    def small_budget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tui_runs_mlflow.file_store._HISTORY_BYTES", 4000)


@pytest.fixture
def opened() -> Iterator[Open]:
    sources: list[Source] = []

    def open_store(root: Path, **options: bool) -> Source:
        sources.append(MlflowAdapter().open(str(root), options))
        return sources[-1]

    yield open_store
    for source in sources:
        source.close()


STORES = ["3.17", "2.22", "1.30"]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, data: Path) -> tuple[Path, Truth]:
    """A store and what the client that wrote it says of it."""
    if request.param == "3.17":
        made: tuple[Path, Truth] = request.getfixturevalue("made_rich")
        return made
    where = data / f"mlflow_{request.param.replace('.', '_')}"
    return where / "mlruns", json.loads((where / "truth.json").read_text("utf-8"), object_hook=_numbers)


def _numbers(values: dict[str, Any]) -> dict[str, Any]:
    """A JSON object in which the non-finite numbers of metrics and histories are numbers again."""

    def number(value: Any) -> Any:
        return float(value) if value in ("NaN", "Infinity", "-Infinity") else value

    for key in values.keys() & {"metrics", "history"}:
        if key == "metrics":
            values[key] = {name: number(value) for name, value in values[key].items()}
        else:
            values[key] = {
                name: [(ms, step, number(value)) for ms, step, value in points] for name, points in values[key].items()
            }
    return values


def shown_runs(truth: Truth) -> list[dict[str, Any]]:
    """The runs that are neither deleted nor in a deleted experiment."""
    gone = {one["experiment_id"] for one in truth["experiments"] if one["lifecycle_stage"] == "deleted"}
    runs = truth["runs"]
    return [run for run in runs if run["lifecycle_stage"] == "active" and run["experiment_id"] not in gone]


def milliseconds(when: datetime | None) -> int | None:
    return None if when is None else round(when.timestamp() * 1000)


def assert_same_runs(ledger: Ledger, runs: list[dict[str, Any]]) -> None:
    """Everything that the client says of these runs, and no other run."""
    assert set(ledger.runs) == {run["run_id"] for run in runs}
    for run in runs:
        said = ledger.runs[run["run_id"]]
        expected = {
            "name": run["run_name"],
            "experiment": run["experiment_name"],
            "status": run["status"].lower(),
            "user": run["user_id"],
            "parent_id": run["tags"].get("mlflow.parentRunId"),
            "git_commit": run["tags"].get("mlflow.source.git.commit"),
            "notes": run["tags"].get("mlflow.note.content"),
        }
        assert {key: said[key] for key in expected} == expected
        assert milliseconds(said["started"]) == run["start_time"]
        assert milliseconds(said["ended"]) == run["end_time"]
        assert ledger.params_of(run["run_id"]) == run["params"]
        assert ledger.tags_of(run["run_id"]) == run["tags"]
        last = {key: metric["last"] for (run_id, key), metric in ledger.metrics.items() if run_id == run["run_id"]}
        assert {key: repr(value) for key, value in last.items()} == {
            key: repr(float(value)) for key, value in run["metrics"].items()
        }


class TestAsTheClientSaysIt:
    def test_runs(self, store: tuple[Path, Truth], opened: Open) -> None:
        root, truth = store
        ledger = read_all(opened(root))
        runs = shown_runs(truth)
        assert len(runs) >= 6
        assert_same_runs(ledger, runs)
        assert ledger.problems == {}

    def test_summaries_follow_from_the_histories(self, store: tuple[Path, Truth], opened: Open) -> None:
        root, truth = store
        ledger = read_all(opened(root))
        compared = 0
        for run in shown_runs(truth):
            for key, points in run["history"].items():
                if key == "on data":  # see test_step_of_a_dataset_metric
                    continue
                expected = truth_of([Point(step, ms, value) for ms, step, value in points])
                said = ledger.metrics[run["run_id"], key]
                for name in ("last_step", "min", "min_step", "max", "max_step", "count"):
                    assert repr(said[name]) == repr(type(said[name])(getattr(expected, name))), (key, name)
                assert milliseconds(said["last_time"]) == expected.last_ms
                assert said["exact"] is True
                compared += 1
        assert compared >= 20

    def test_histories(self, store: tuple[Path, Truth], opened: Open) -> None:
        root, truth = store
        source = opened(root)
        read_all(source)
        runs = shown_runs(truth)
        points, _, _ = read_history(source, [run["run_id"] for run in runs])
        expected = {
            (run["run_id"], key): [repr((step, ms, float(value))) for ms, step, value in points]
            for run in runs
            for key, points in run["history"].items()
            if key != "on data"
        }
        said = {series: list(map(repr, told)) for series, told in points.items() if series[1] != "on data"}
        assert said == expected

    def test_deleted_runs_and_experiments_are_shown_on_request(self, store: tuple[Path, Truth], opened: Open) -> None:
        root, truth = store
        ledger = read_all(opened(root, deleted=True))
        shown = {run["run_id"] for run in shown_runs(truth)}
        deleted = [{**run, "status": "deleted"} for run in truth["runs"] if run["run_id"] not in shown]
        assert len(deleted) >= 2
        assert_same_runs(ledger, [*shown_runs(truth), *deleted])
        assert ledger.problems == {}

    def test_store_is_left_as_it_was(self, store: tuple[Path, Truth], opened: Open) -> None:
        root, _ = store
        before = snapshot(root)
        source = opened(root, deleted=True)
        read_history(source, list(read_all(source).runs))
        assert snapshot(root) == before


class TestLayout:
    def test_step_of_a_dataset_metric(self, made_rich: tuple[Path, Truth], opened: Open) -> None:
        """Lines of five fields have their step in the third. mlflow's client says 0: the one intended difference."""
        root, truth = made_rich
        run = next(run for run in truth["runs"] if run["run_name"] == "with data and a model")
        assert {step for _, step, _ in run["history"]["on data"]} == {0}, "the client has been mended: compare with it"
        source = opened(root)
        ledger = read_all(source)
        said = ledger.metrics[run["run_id"], "on data"]
        assert (said["last"], said["last_step"], said["count"]) == (0.25, 7, 3)
        points, _, _ = read_history(source, [run["run_id"]], ["on data"])
        assert list(points.values()) == [[(0, START, 0.5), (7, START + 7, 0.25), (3, START + 3, 0.75)]]

    def test_models_datasets_and_inputs_are_no_runs(self, made_rich: tuple[Path, Truth], opened: Open) -> None:
        root, _ = made_rich
        for name in ("models/*/meta.yaml", "datasets/*/meta.yaml", "*/inputs/*/meta.yaml"):
            assert list(root.glob(f"*/{name}")), f"mlflow wrote no {name}: the test tests nothing"
        ledger = read_all(opened(root))
        assert not any(run_id.startswith("m-") for run_id in ledger.runs)
        assert not any(key == "depth" for _, key in ledger.params)
        assert ledger.problems == {}

    def test_empty_directories_that_git_does_not_keep(self, store: tuple[Path, Truth], tmp_path: Path) -> None:
        root, truth = store
        copy = tmp_path / "mlruns"
        shutil.copytree(root, copy)
        for where, _, _ in os.walk(copy, topdown=False):
            if not os.listdir(where):
                os.rmdir(where)
        assert_same_runs(read_all(MlflowAdapter().open(str(copy), {})), shown_runs(truth))

    def test_experiment_alone(self, made_rich: tuple[Path, Truth], opened: Open) -> None:
        root, truth = made_rich
        experiment = next(one["experiment_id"] for one in truth["experiments"] if one["name"] == "vision: λ")
        for location in (root / experiment, Path(f"{root / experiment}/")):
            assert MlflowAdapter().match(str(location)) is not None
            ledger = read_all(opened(location))
            assert_same_runs(ledger, [run for run in shown_runs(truth) if run["experiment_id"] == experiment])

    @pytest.mark.parametrize("prefix", ["file://", "file:", "file://localhost"])
    def test_file_url(self, rich: tuple[Path, Truth], opened: Open, prefix: str) -> None:
        root, truth = rich
        spaced = root.rename(root.with_name("my runs"))
        location = f"{prefix}{spaced}".replace(" ", "%20")
        assert MlflowAdapter().match(location) is not None
        assert set(read_all(opened(location)).runs) == {run["run_id"] for run in shown_runs(truth)}

    def test_relative_path(self, rich: tuple[Path, Truth], opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        root, truth = rich
        monkeypatch.chdir(root.parent)
        source = opened(Path("mlruns"))
        monkeypatch.chdir("/")
        assert source.uri == str(root)
        assert set(read_all(source).runs) == {run["run_id"] for run in shown_runs(truth)}

    def test_experiment_without_meta_is_called_by_its_directory(self, rich: tuple[Path, Truth], opened: Open) -> None:
        root, truth = rich
        experiment = next(one["experiment_id"] for one in truth["experiments"] if one["name"] == "vision: λ")
        (root / experiment / "meta.yaml").unlink()
        runs = [
            {**run, "experiment_name": experiment} if run["experiment_id"] == experiment else run
            for run in shown_runs(truth)
        ]
        ledger = read_all(opened(root))
        assert_same_runs(ledger, runs)
        assert list(ledger.problems) == [str(root / experiment / "meta.yaml")]

    def test_artifacts_alone_are_no_run(self, tmp_path: Path, opened: Open) -> None:
        """What mlflow 3 leaves in ./mlruns when the runs are in ./mlflow.db."""
        run = tmp_path / "mlruns" / "1" / ("a" * 32)
        (run / "artifacts").mkdir(parents=True)
        (run / "artifacts" / "model.pkl").write_bytes(b"x")
        assert MlflowAdapter().match(str(tmp_path / "mlruns")) is None
        ledger = read_all(opened(tmp_path / "mlruns"))
        assert ledger.runs == {}
        assert ledger.problems == {}
