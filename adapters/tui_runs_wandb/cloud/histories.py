"""Rows of a run's history, by the two ways that W&B gives them.

- Its exports: Parquet files that W&B makes of a history in the background, a column for each key. Those of 3,000 rows
  of 100 metrics were read in 0.3 s here. Of a running run the last rows are not in them yet.
- Its rows: `scan_history` gives each as a dictionary, in 4 to 9 s for as many. wandb-core reads the same exports and
  whatever is younger; the time goes into its protocol and into Python.

So what has many rows is read by its exports as far as they go, and all the rest row by row.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tui_runs_wandb.cloud.cloud_run import SPELLED
from tui_runs_wandb.keys import TIMESTAMP, Keys
from tui_runs_wandb.points import NO_TIME, YEAR_10000, Floats, Rows
from tui_runs_wandb.values import leaves

_ROWS_A_PAGE: Final = 1000
_WIDEST_PAGE: Final = 10_000_000
"""A page is so many steps; where few of them were logged it is made wider, as each page is a request."""
_STEPS: Final = 1 << 62


class Stretch(NamedTuple):
    """Consecutive rows of a history.

    Args:
        rows: of each its step and time; `end` is the step too.
        key: of each point, numbered by the `Keys` that were given.
        row: of each point; ascending among those of one key.
        value: of each point.
        next_step: where the next stretch begins.
    """

    rows: Rows
    key: NDArray[np.int32]
    row: NDArray[np.int32]
    value: Floats
    next_step: int


# --- row by row -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is read at once: so many points, or until so much time has passed."""

    points: int
    seconds: float


def scan(run: Any, start: int, end: int, lines: int, keys: Keys, budget: Budget) -> Stretch:
    """Read rows through `scan_history`.

    Args:
        run: a `wandb.apis.public.Run`.
        start: first step.
        end: the step after the last.
        lines: how many rows the whole history has.
        keys: numbers the keys that are met.
        budget: rows are read until it is used up.
    """
    width = min(_ROWS_A_PAGE * max(1, end // max(lines, 1)), _WIDEST_PAGE)
    until = time.monotonic() + budget.seconds
    steps: list[int] = []
    times: list[float] = []
    found: list[tuple[int, int, float]] = []
    next_step = end
    for said in run.scan_history(page_size=width, min_step=start, use_cache=True):
        step = said.get("_step")
        if not isinstance(step, int | float) or not start <= step < _STEPS:
            continue
        row = len(steps)
        steps.append(int(step))
        moment = _float(said.get("_timestamp"))
        times.append(math.nan if moment is None else moment)
        found += [(number, row, value) for number, value in _numbers_in(said, keys)]
        if len(found) >= budget.points or time.monotonic() > until:
            next_step = int(step) + 1
            break
    key, row_of, value = zip(*found, strict=True) if found else ((), (), ())
    return _stretch(
        np.array(steps, np.int64), np.array(times), np.array(key, np.int32), np.array(row_of, np.int32),
        np.array(value, np.float64), next_step,
    )  # fmt: skip


def _numbers_in(said: Mapping[str, object], keys: Keys) -> Iterator[tuple[int, float]]:
    for name, value in said.items():
        if isinstance(value, dict):
            for path, leaf in leaves((name,), value):
                number = keys.number(path)
                if (inner := _float(leaf)) is not None:
                    yield number, inner
        elif (plain := _float(value)) is not None:
            yield keys.number((name,)), plain


def _float(value: object) -> float | None:
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return float(value) if isinstance(value, str) and value in SPELLED else None


def _stretch(
    steps: NDArray[np.int64],
    seconds: Floats,
    key: NDArray[np.int32],
    row: NDArray[np.int32],
    value: Floats,
    next_step: int,
) -> Stretch:
    known = (seconds >= 0) & (seconds < YEAR_10000)
    moments = np.full(len(steps), NO_TIME)
    moments[known] = np.rint(seconds[known] * 1e6).astype(np.int64)
    shown = key > TIMESTAMP
    return Stretch(Rows(steps, moments, steps), key[shown], row[shown], value[shown], next_step)


# --- by its exports ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exports:
    """The exports of a run's history, on this machine.

    Args:
        files: each with its last step, in the order of their steps.
    """

    files: Sequence[tuple[int, Path]]

    @property
    def end(self) -> int:
        """The step after the last."""
        return self.files[-1][0] + 1 if self.files else 0

    def read(self, start: int, keys: Keys, points: int) -> Stretch:
        """Read rows from a step on, within one file.

        Args:
            start: first step; less than `end`.
            keys: numbers the keys that are met.
            points: how many at most, roughly.
        """
        last, path = next(one for one in self.files if one[0] >= start)
        lazy = pl.scan_parquet(path)
        count = max(1, points // max(1, len(lazy.collect_schema())))
        frame = lazy.filter(pl.col("_step") >= start).head(count).collect()
        steps = frame["_step"].cast(pl.Int64).to_numpy()
        seconds = np.full(len(steps), np.nan)
        found = list(_columns(frame, ()))
        key: list[NDArray[np.int32]] = [np.empty(0, np.int32)]
        row, value = [np.empty(0, np.int32)], [np.empty(0)]
        for name, column in found:
            number = keys.number(name)
            numbers = _numbers_of(column)
            if numbers is None:
                continue
            there = numbers.is_not_null().to_numpy()
            if number == TIMESTAMP:
                seconds = numbers.to_numpy()
            at = np.flatnonzero(there).astype(np.int32)
            key.append(np.full(len(at), number, np.int32))
            row.append(at)
            value.append(numbers.drop_nulls().to_numpy())
        next_step = int(steps[-1]) + 1 if len(steps) == count else last + 1
        return _stretch(steps, seconds, np.concatenate(key), np.concatenate(row), np.concatenate(value), next_step)


def _columns(frame: pl.DataFrame, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], pl.Series]]:
    """The columns of a frame, and those inside of its columns of objects."""
    for column in frame:
        path = (*above, column.name)
        if isinstance(column.dtype, pl.Struct):
            yield from _columns(column.struct.unnest(), path)
        else:
            yield path, column


def _numbers_of(column: pl.Series) -> pl.Series | None:
    """The numbers in a column; None where it cannot have any."""
    if column.dtype == pl.String:
        column = column.replace_strict({text: float(text) for text in SPELLED}, default=None, return_dtype=pl.Float64)
    elif not column.dtype.is_numeric() and column.dtype != pl.Boolean:
        return None
    return column.cast(pl.Float64)


def download(run: Any, directory: str) -> Exports:
    """Get a run's exports; none where W&B has not made any, or not as they can be read.

    Args:
        run: a `wandb.apis.public.Run`.
        directory: where to put them.
    """
    if not hasattr(run, "download_history_exports"):  # an older wandb
        return Exports(())
    got = run.download_history_exports(tempfile.mkdtemp(dir=directory), require_complete_history=False)
    if got.errors:
        return Exports(())
    files: list[tuple[int, int, Path]] = []
    try:
        for path in got.paths:
            steps = pl.read_parquet(path, columns=["_step"])["_step"].cast(pl.Int64)
            if steps.null_count() or not steps.is_sorted():
                return Exports(())
            if len(steps):
                files.append((int(steps[0]), int(steps[-1]), Path(path)))
    except (pl.exceptions.PolarsError, OSError):
        return Exports(())
    files.sort()
    if any(later[0] <= earlier[1] for earlier, later in pairwise(files)):
        return Exports(())
    return Exports([(last, path) for _, last, path in files])
