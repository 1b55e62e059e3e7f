"""The runs table for people: which columns it has unless they are named, and how their cells look."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Final

import polars as pl

from tui_runs.analysis.columns import split_aggregate
from tui_runs.analysis.direction import best_places, direction_of
from tui_runs.analysis.ordering import as_numbers
from tui_runs.analysis.ranking import by_interest
from tui_runs.display import MISSING, STATUS_GLYPHS, ago, duration, moment, number, percent, printable, speed
from tui_runs.export.text_table import Style, TextColumn
from tui_runs.frames.catalog import Catalog, Column

_METRICS: Final = 5
_PARAMS: Final = 8
_METRICS_LOOKED_AT: Final = 50
_PARAMS_LOOKED_AT: Final = 200
"""Keys among which to choose: a store may have thousands."""
_LONG_NUMBER: Final = 9
"""A param of more characters, such as 1.5486257623585385e-05, is shown as metrics are: cut off, it would mislead."""

STATUS_STYLES: Final[dict[str, Style]] = {
    "running": "good",
    "finished": "muted",
    "failed": "bad",
    "killed": "warn",
    "stale": "warn",
}
_TITLES: Final = {
    "age_s": "age", "duration_s": "duration", "steps_per_s": "rate", "left_s": "left", "expected_end": "expected end",
}  # fmt: skip
_NUMBERS: Final[Mapping[str, Callable[[float | None], str]]] = {
    "duration_s": duration, "left_s": duration, "steps_per_s": speed, "progress": percent,
}  # fmt: skip
"""How the run's own numbers look, but for its age."""


def candidates(catalog: Catalog) -> list[str]:
    """The columns that `default_columns` chooses from."""
    metrics = [f"metrics.{key}" for key in by_interest(catalog.keys("metrics"))[:_METRICS_LOOKED_AT]]
    params = [f"params.{key}" for key in catalog.keys("params")[:_PARAMS_LOOKED_AT]]
    return ["name", "status", "source", "experiment", *metrics, *params, "age_s"]


def default_columns(frame: pl.DataFrame) -> dict[str, int]:
    """The columns to show where none are named, and their ranks: 0 stays, the greatest goes first (see TextColumn).

    Args:
        frame: the runs to show, with the columns `candidates` among them.
    """
    several = [name for name in ("source", "experiment") if frame[name].n_unique() > 1]
    metrics = [name for name in frame.columns if name.startswith("metrics.")]
    metrics = [name for name in metrics if frame[name].null_count() < frame.height][:_METRICS]
    params = [name for name in frame.columns if name.startswith("params.") and frame[name].n_unique() > 1]
    # A param that most runs have tells more than one of a single run; among equals the order of reading stays.
    params.sort(key=lambda name: frame[name].null_count() * 4 // frame.height)
    params = params[:_PARAMS]
    by_need = [*metrics[:2], *params[:2], *several]
    by_need += [name for pair in zip_longest(metrics[2:], params[2:]) for name in pair if name is not None]
    ranks = {name: place for place, name in enumerate(by_need, 1)}
    return {name: ranks.get(name, 0) for name in ["name", "status", *several, *metrics, *params, "age_s"]}


def table_columns(frame: pl.DataFrame, ranks: dict[str, int], *, in_full: bool) -> list[TextColumn]:
    """The cells of a runs table; the best of each metric stands out.

    Args:
        frame: runs, with the columns among them.
        ranks: names of the columns in order, with their ranks.
        in_full: params as they are stored, also where they are numbers of 17 digits.
    """
    titles = _titles(list(ranks))
    return [_column(frame[name], titles[name], rank, in_full) for name, rank in ranks.items()]


def _titles(names: Sequence[str]) -> dict[str, str]:
    """Keys without their kind, where that names one column only."""
    keys = [_TITLES.get(name, Column.of(split_aggregate(name)[1]).key) for name in names]
    return {name: printable(key if keys.count(key) == 1 else name) for name, key in zip(names, keys, strict=True)}


def _column(values: pl.Series, title: str, rank: int, in_full: bool) -> TextColumn:
    aggregate, column = split_aggregate(values.name)
    kind, key = Column.of(column)
    if kind == "metrics" and aggregate not in ("last", "min", "max"):
        return TextColumn(title, [MISSING if value is None else f"{value}" for value in values], True, rank=rank)
    if kind == "metrics":
        best = best_places(values.to_list(), direction_of(key))
        styles: list[Style] = [
            "strong" if at in best else "muted" if value is None else "" if math.isfinite(value) else "bad"
            for at, value in enumerate(values)
        ]
        return TextColumn(title, [number(value) for value in values], True, styles, rank, cap=16)
    if kind != "run":
        numbers = as_numbers(values)
        cells = [text_cell(value) for value in values]
        if numbers is not None and not in_full:
            pairs = zip(cells, numbers, strict=True)
            cells = [number(value) if len(cell) > _LONG_NUMBER and "." in cell else cell for cell, value in pairs]
        return TextColumn(title, cells, numbers is not None, rank=rank, cap=20, least=6)
    if key == "status":
        return _status_column(values, title, rank)
    if key == "age_s":
        ages = [ago(value) for value in values]
        return TextColumn(title, ages, True, ["muted"] * len(ages), rank)
    if key in _NUMBERS:
        return TextColumn(title, [_NUMBERS[key](value) for value in values], True, rank=rank)
    if values.dtype.is_temporal():
        return TextColumn(title, [moment(value) for value in values], rank=rank)
    return TextColumn(title, [text_cell(value) for value in values], rank=rank, cap=24, least=8)


def _status_column(values: pl.Series, title: str, rank: int) -> TextColumn:
    words = [value or "unknown" for value in values]
    styles: list[Style] = [STATUS_STYLES.get(word, "") for word in words]
    return TextColumn(title, [status_cell(word) for word in words], False, styles, rank)


def status_cell(status: str | None) -> str:
    """A status as its glyph and its word."""
    word = status or "unknown"
    return f"{STATUS_GLYPHS[word]} {word}"


def text_cell(value: str | None) -> str:
    """Text of a store: nothing, the empty string and everything else look different."""
    return MISSING if value is None else printable(value) if value else '""'
