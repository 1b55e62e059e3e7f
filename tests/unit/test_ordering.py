"""Sorting, against Python's own sort; and the guesses by name."""

from __future__ import annotations

import math

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.analysis.direction import direction_of
from tui_runs.analysis.ordering import as_numbers, sort_runs
from tui_runs.analysis.ranking import by_interest
from tui_runs.schema import STATUS


@given(st.lists(st.one_of(st.none(), st.floats())), st.booleans())
def test_missing_and_nan_are_last_both_ways_and_equals_keep_their_order(
    values: list[float | None], descending: bool
) -> None:
    frame = pl.DataFrame({"v": values, "i": range(len(values))}, schema={"v": pl.Float64, "i": pl.Int64})
    there = [(v, i) for i, v in enumerate(values) if v is not None and not math.isnan(v)]
    absent = [i for i, v in enumerate(values) if v is None or math.isnan(v)]
    ordered = sorted(there, key=lambda pair: -pair[0] if descending else pair[0])
    result = sort_runs(frame, "v", descending=descending)["i"].to_list()
    assert result == [i for _, i in ordered] + absent


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))))
def test_params_of_numbers_sort_as_numbers(values: list[float | None]) -> None:
    texts = [None if value is None else repr(value) for value in values]
    result = sort_runs(pl.DataFrame({"p": texts}, schema={"p": pl.String}), "p")["p"].to_list()
    assert [float(t) for t in result if t is not None] == sorted(v for v in values if v is not None)


def test_one_word_among_numbers_makes_text_of_all() -> None:
    assert as_numbers(pl.Series(["1", "2", "auto"])) is None
    assert as_numbers(pl.Series(["3e-4", " 12 ", "nan", "-inf", None])) is not None
    assert as_numbers(pl.Series([None, None], dtype=pl.String)) is None
    assert sort_runs(pl.DataFrame({"p": ["b", "A", "10", "9"]}), "p")["p"].to_list() == ["10", "9", "A", "b"]


def test_statuses_sort_by_what_they_mean() -> None:
    frame = pl.DataFrame({"status": ["killed", "running", None, "finished"]}, schema={"status": STATUS})
    assert sort_runs(frame, "status")["status"].to_list() == ["running", "finished", "killed", None]


def test_held_out_losses_come_first_and_plumbing_last() -> None:
    keys = ["system/cpu", "lr", "train/loss", "epoch", "val_acc", "val_loss", "grad_norm", "note"]
    assert by_interest(keys) == ["val_loss", "val_acc", "train/loss", "note", "epoch", "grad_norm", "lr", "system/cpu"]


def test_direction_by_name() -> None:
    assert {direction_of(key) for key in ("val_loss", "test/rmse", "error rate", "perplexity")} == {"lower"}
    assert {direction_of(key) for key in ("acc", "val_f1", "auc", "reward")} == {"higher"}
    assert {direction_of(key) for key in ("lr", "epoch", "glossary", "")} == {None}
