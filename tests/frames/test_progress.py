"""How far runs are, as columns: for filters, for sorting, and for those whose steps only others explain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tui_runs.adapter import Change, History, RunBatch
from tui_runs.analysis.query import parse
from tui_runs.conditions import Order
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.histories import SeriesKey
from tui_runs.frames.progress import progress_of, some_progress
from tui_runs.frames.selection import known_columns, select
from tui_runs.frames.workspace import OpenSource, Workspace
from tui_runs.schema import HISTORY, METRICS, PARAMS, RUNS, TAGS, conform, empty

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Nothing:
    """A source that says nothing by itself."""

    uri, kind = "nothing", "nothing"

    def close(self) -> None:
        """Nothing to close."""


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def batch(
    name: str,
    status: str,
    params: dict[str, str],
    steps: Sequence[int],
    began: float = 1000,
    experiment: str | None = "e",
) -> RunBatch:
    """A run that logged a loss at these steps, the last one right now, at an even pace since it began."""
    run = {"run_id": name, "name": name, "experiment": experiment, "status": status, "started": ago(began)}
    runs = pl.DataFrame([{**run, "updated": NOW}])
    rows = [{"run_id": name, "key": key, "value": value} for key, value in params.items()]
    metrics = empty(METRICS)
    if len(steps):
        end = {"last_step": steps[-1], "last_time": NOW, "count": len(steps)}
        metrics = conform(pl.DataFrame([{"run_id": name, "key": "loss", "last": 0.5, **end}]), METRICS)
    return RunBatch(
        conform(runs, RUNS), conform(pl.DataFrame(rows), PARAMS) if rows else empty(PARAMS), empty(TAGS),
        metrics,
    )  # fmt: skip


@pytest.fixture
def workspace() -> Workspace:
    workspace = Workspace(now=lambda: NOW)
    workspace.sources["s"] = OpenSource("s", "nothing", Nothing())  # type: ignore[arg-type]
    return workspace


def column(workspace: Workspace, name: str) -> dict[str, object]:
    return dict(select(workspace, ["name", name]).select("name", name).iter_rows())


def test_of_running_runs_alone(workspace: Workspace) -> None:
    for name, status in (("a", "running"), ("b", "finished"), ("c", "stale"), ("d", "failed")):
        workspace.apply_batch("s", batch(name, status, {"max_steps": "400"}, [1, 100]))
    assert column(workspace, "progress") == {"a": 0.25, "b": None, "c": 0.25, "d": None}
    assert column(workspace, "steps_per_s") == {"a": 0.1, "b": None, "c": None, "d": None}
    assert column(workspace, "left_s") == {"a": 3000.0, "b": None, "c": None, "d": None}
    assert column(workspace, "expected_end")["a"] == NOW + timedelta(seconds=3000)
    of_the_ended = progress_of(workspace, RunKey("s", "d"))
    assert of_the_ended is not None
    assert of_the_ended.fraction == 0.25


def test_filters_and_sorts(workspace: Workspace) -> None:
    for name, last in (("a", 100), ("b", 300), ("c", 200)):
        workspace.apply_batch("s", batch(name, "running", {"max_steps": "400"}, [1, last]))
    workspace.apply_batch("s", batch("d", "running", {}, [1, 100]))
    where = parse("progress >= 0.5", known_columns(workspace.catalog))
    assert select(workspace, ["name"], where)["name"].sort().to_list() == ["b", "c"]
    by_end = select(workspace, ["name"], order=[Order("left_s")])
    assert by_end["name"].to_list() == ["b", "c", "a", "d"]


def test_a_run_that_is_late_has_no_time_left(workspace: Workspace) -> None:
    workspace.apply_batch("s", batch("a", "running", {"max_steps": "101"}, [1, 100]))
    later = NOW + timedelta(seconds=11)
    workspace.now = lambda: later
    assert column(workspace, "left_s") == {"a": None}
    assert column(workspace, "progress") == {"a": 100 / 101}


def test_the_points_held_tell_the_speed_of_late(workspace: Workspace) -> None:
    workspace.apply_batch("s", batch("a", "running", {"max_steps": "300"}, [*range(101)]))
    assert column(workspace, "steps_per_s") == {"a": 0.1}
    points = pl.DataFrame(
        {
            "run_id": "a", "key": "loss", "step": range(101), "value": 1.0,
            "time": [ago((100 - step) / 4) for step in range(101)],
        }
    )  # fmt: skip
    (request,) = workspace.histories.wanted([SeriesKey("s", "a", "loss")])
    workspace.apply_history(request, History(conform(points, HISTORY), {("a", "loss"): 101}, complete=True))
    assert column(workspace, "steps_per_s") == {"a": pytest.approx(4)}
    assert column(workspace, "left_s") == {"a": pytest.approx(50, rel=0.02)}


class TestStepsThatAreEpochs:
    PARAMS = {"epochs": "20"}  # noqa: RUF012

    def test_a_finished_run_of_the_experiment_tells(self, workspace: Workspace) -> None:
        workspace.apply_batch("s", batch("a", "running", self.PARAMS, range(5)))
        assert column(workspace, "progress") == {"a": None}
        workspace.apply_batch("s", batch("b", "finished", {"epochs": "8"}, range(8)))
        assert column(workspace, "progress")["a"] == 0.25
        assert some_progress(workspace.catalog)

    def test_one_of_another_experiment_does_not(self, workspace: Workspace) -> None:
        workspace.apply_batch("s", batch("a", "running", self.PARAMS, range(5)))
        workspace.apply_batch("s", batch("b", "finished", self.PARAMS, range(20), experiment="other"))
        assert column(workspace, "progress")["a"] is None

    def test_nor_one_among_others_that_have_more_steps(self, workspace: Workspace) -> None:
        workspace.apply_batch("s", batch("a", "running", self.PARAMS, range(5)))
        workspace.apply_batch("s", batch("b", "finished", self.PARAMS, range(20)))
        workspace.apply_batch("s", batch("c", "finished", self.PARAMS, range(500)))
        assert column(workspace, "progress")["a"] is None
        assert not some_progress(workspace.catalog)

    def test_of_many_experiments_at_once(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        """The latest five finished runs of each tell; where they lie is asked for once, however many there are."""
        for at in range(30):
            experiment = None if at == 0 else f"e{at}"
            workspace.apply_batch("s", batch(f"a{at}", "running", self.PARAMS, range(5), experiment=experiment))
            for age in range(6):
                steps = range(500) if age == (5 if at % 2 else 4) else range(20)  # the sixth is too old to count
                name = f"b{at}-{age}"
                finished = batch(name, "finished", self.PARAMS, steps, began=1000 + age, experiment=experiment)
                workspace.apply_batch("s", finished)
        asked, ask = [], workspace.catalog.metrics_of_runs

        def metrics_of_runs(runs: Sequence[RunKey]) -> pl.DataFrame:
            asked.append(len(runs))
            return ask(runs)

        monkeypatch.setattr(workspace.catalog, "metrics_of_runs", metrics_of_runs)
        progress = column(workspace, "progress")
        assert {name: progress[name] for name in progress if name[0] == "a"} == {
            f"a{at}": 0.25 if at % 2 else None for at in range(30)
        }
        assert asked == [30, 150]


def test_a_run_without_points_counts_when_its_length_is_known(workspace: Workspace) -> None:
    workspace.apply_batch("s", batch("a", "running", {}, []))
    assert not some_progress(workspace.catalog)
    workspace.apply_batch("s", batch("b", "running", {"max_steps": "400"}, []))
    assert some_progress(workspace.catalog)
    assert column(workspace, "progress") == {"a": None, "b": None}


def test_which_runs_of_a_change_are_new(workspace: Workspace) -> None:
    first = batch("a", "running", {}, [1, 2])
    assert workspace.apply_change("s", Change(first)) == [RunKey("s", "a")]
    assert workspace.apply_change("s", Change(first)) == []
    assert workspace.apply_change("s", Change(removed=("a",))) == []
    assert workspace.apply_change("s", Change(first)) == [RunKey("s", "a")]
    assert workspace.apply_change("s", Change(first, removed=("a",))) == []  # told anew
