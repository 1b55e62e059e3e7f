"""How the texts of the run pane are laid out, whatever a store calls things."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
from rich.cells import cell_len
from rich.text import Text

from tui_runs.schema import METRICS, RUNS, empty
from tui_runs.tui.widgets import run_pane
from tui_runs.tui.widgets.run_pane import RunDetails

LOOKS = dict.fromkeys(("muted", "faint", "warning", "error", "success"), "")
ROOM = 60


def test_values_stand_below_one_another_whatever_the_script() -> None:
    text = Text()
    keys = ["学习率", "lr", "e\u0301tape", "batch_size"]
    run_pane._texts(text, "params", pl.DataFrame({"key": keys, "value": ["VALUE"] * 4}), LOOKS, ROOM)
    lines = [line for line in text.plain.splitlines() if "VALUE" in line]
    assert {cell_len(line[: line.index("VALUE")]) for line in lines} == {len("batch_size") + 2}


def test_columns_of_metrics_stand_below_one_another_whatever_the_script() -> None:
    rows = [("metric", "last", *["0"] * 6), ("损失/验证", "0.5", *["0"] * 6), ("loss", "0.25", *["0"] * 6)]
    text = Text()
    run_pane._metrics(text, rows, LOOKS, ROOM)
    assert len({cell_len(line) for line in text.plain.splitlines() if line}) == 1


def test_long_keys_and_names_are_cut() -> None:
    """A key of many characters would be the indent of each line of its value."""
    long = "k" * 1_000_000
    text = Text()
    run_pane._texts(text, "params", pl.DataFrame({"key": [long, "lr"], "value": ["v" * 2000, "0.1"]}), LOOKS, ROOM)
    details = pl.DataFrame({"group": [long], "item": [long], "key": [long], "value": [long]})
    run_pane._details(text, details, LOOKS, ROOM)
    run = dict.fromkeys(RUNS) | {"name": long, "status": "finished", "notes": long, "experiment": long}
    shown = RunDetails(run, pl.DataFrame(), pl.DataFrame(), empty(METRICS))
    run_pane._facts(text, shown, (), datetime(2026, 11, 20, tzinfo=UTC), LOOKS, ROOM)
    assert len(text.plain) < 100_000
    metrics = pl.DataFrame([dict.fromkeys(METRICS) | {"key": long, "last": 1.0}], schema_overrides={"key": pl.String})
    assert all(len(cell) < 100 for row in run_pane._metric_rows("metric", metrics) for cell in row)
