"""What the diff is given of runs: from the catalog, and from sources that know more."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import polars as pl

from tui_runs.adapter import Problem, RunBatch
from tui_runs.capabilities import Details
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.comparison import facts_of, read_details
from tui_runs.frames.workspace import Workspace
from tui_runs.schema import DETAILS, METRICS, PARAMS, RUNS, TAGS, conform

A, B, GONE = RunKey("s", "a"), RunKey("s", "b"), RunKey("s", "c")


class Knowing:
    """A source that knows more of its runs."""

    def __init__(self, rows: Sequence[tuple[str, str, str, str, str | None]]) -> None:
        self.rows = rows
        self.asked: list[list[str]] = []

    def details(self, run_ids: Sequence[str]) -> Details:
        self.asked.append(list(run_ids))
        rows = [row for row in self.rows if row[0] in run_ids]
        return Details(pl.DataFrame(rows, schema=dict(DETAILS), orient="row"), [Problem("x", "Broken.", "Mend it.")])


def workspace() -> Workspace:
    made = Workspace()
    for source in ("s", "t"):
        runs = conform(pl.DataFrame({"run_id": ["a", "b"], "host": [source, None], "name": ["n", "m"]}), RUNS)
        params = conform(pl.DataFrame({"run_id": ["a", "a"], "key": ["lr", "e"], "value": ["1", ""]}), PARAMS)
        tags = pl.DataFrame({"run_id": ["a", "a"], "key": ["team", "mlflow.user"], "value": ["x", "y"]})
        metrics = pl.DataFrame({"run_id": ["a", "b"], "key": ["loss", "loss"], "last": [float("nan"), None]})
        made.catalog.apply(source, RunBatch(runs, params, conform(tags, TAGS), conform(metrics, METRICS)))
    stand_in: Any = SimpleNamespace(adapter="toy")
    made.sources = {"s": stand_in, "t": stand_in}
    return made


def test_facts_of_runs() -> None:
    one, other, gone = facts_of(workspace(), [A, B, GONE], {A: {"dataset": {"d": "1"}}})
    assert one["run"] == {"source": "s", "adapter": "toy", "host": "s"}
    assert one["param"] == {"lr": "1", "e": ""}
    assert one["tag"] == {"team": "x"}
    assert one["dataset"] == {"d": "1"}
    assert list(map(str, one["metric"].values())) == ["nan"]
    assert (other["param"], other["metric"]) == ({}, {})
    assert not any(gone.values())


def test_details_by_kind() -> None:
    source = Knowing([
        ("a", "environment", "", "python", "3.11"),
        ("a", "environment", "", "git remote", "r"),
        ("a", "environment", "", "host", "h"),
        ("a", "run", "a", "entry point", "main"),
        ("a", "run", "a", "git branch", "b"),
        ("a", "run", "a", "artifact uri", "u"),
        ("a", "dataset", "train", "digest", "d"),
        ("a", "logged model", "m", "model id", "i"),
        ("a", "tag", "", "team", "z"),
        ("b", "licence", "", "name", None),
    ])  # fmt: skip
    sources: Any = {"s": source, "t": object()}
    found, problems = read_details(sources, [A, B, RunKey("t", "a")])
    assert found == {
        A: {
            "environment": {"python": "3.11", "entry point": "main"},
            "code": {"git remote": "r", "git branch": "b"},
            "dataset": {"train.digest": "d"},
            "more tags": {"team": "z"},
        },
        B: {"licence": {"name": None}},
    }
    assert source.asked == [["a", "b"]]
    assert [one.what for one in problems] == ["Broken."]
    assert read_details(sources, []) == ({}, [])
