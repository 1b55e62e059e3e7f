"""The first line of a CSV or TSV: what its columns are. Imports no polars; layouts recognise tables by it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tui_runs_dirs.files import BOM

STEP_NAMES: Final = (
    "step", "global_step", "_step", "training_iteration", "iteration", "iter", "timestep", "timesteps",
    "total_timesteps", "total_steps", "env_steps", "totalenvinteracts", "nupdates", "n_updates", "update", "batch",
    "epoch", "epochs", "_epoch", "round", "generation",
)  # fmt: skip
"""Columns that count a training's progress, in any case of letters; the first that is there is the step."""
TIME_NAMES: Final = ("wall time", "wall_time", "timestamp", "_timestamp", "datetime", "date", "time", "created_at")
"""Columns that may hold the time of day; one that counts seconds from a start is a metric like others."""
_INDEX_NAMES: Final = ("", "unnamed: 0")
"""pandas writes the numbers of its rows under such a name."""
COLUMNS: Final = 5_000
"""A table with more columns is not read."""
LONGEST_HEADER: Final = 1 << 20
"""Bytes in which a first line must end."""


@dataclass(frozen=True, slots=True)
class TableHeader:
    """The columns of a table.

    Args:
        names: as written, without blanks around them; a name that is there twice has its place added.
        separator: between cells.
        step: which column counts; None where none does, and rows are counted.
        time: which column may hold times; None where none does.
        metrics: the others that are wanted.
    """

    names: tuple[str, ...]
    separator: str
    step: int | None
    time: int | None
    metrics: tuple[int, ...]

    @property
    def has_numbers_of_steps(self) -> bool:
        """A column has one of the names by which trainings count."""
        return self.step is not None and self.names[self.step].lower() not in _INDEX_NAMES


@lru_cache(maxsize=256)
def header_of(
    line: bytes, step: str | None = None, time: str | None = None, without: frozenset[str] = frozenset()
) -> TableHeader | None:
    """Read the first line of a table. Thousands of files have the same one.

    Args:
        line: with or without its end.
        step: the column that counts; None finds it by its name.
        time: the column of times; None finds it by its name.
        without: columns that are not metrics.

    Returns:
        None where this is no header: it is empty, a cell of it is a number, it is no text, or too long.
    """
    text = line.removeprefix(BOM).rstrip(b"\r\n")
    if not text.strip() or b"\0" in text or len(text) > LONGEST_HEADER or text.startswith((b"{", b"[", b"#", b"<")):
        return None
    separator = next((one for one in "\t;,|" if one.encode() in text), ",")
    names = split_line(text.decode("utf-8", errors="replace"), separator)
    if len(names) > COLUMNS or any(is_number(name) for name in names):
        return None
    return columns_of(names, separator, step, time, without)


def columns_of(
    names: Sequence[str], separator: str, step: str | None, time: str | None, without: frozenset[str]
) -> TableHeader:
    """Tell the columns of these names apart; see `header_of`."""
    unique: dict[str, None] = {}
    for number, name in enumerate(names):
        unique[f"{name} ({number + 1})" if name in unique else name] = None
    names = tuple(unique)
    lower = [name.lower() for name in names]
    at = _first(lower, (step.lower(),) if step else STEP_NAMES)
    if at is None:
        at = 0 if lower[0] in _INDEX_NAMES else None
    when = _first(lower, (time.lower(),) if time else TIME_NAMES)
    metrics = tuple(
        number
        for number, name in enumerate(names)
        if number not in (at, when) and name not in without and lower[number] not in _INDEX_NAMES
    )
    return TableHeader(names, separator, at, when, metrics)


def split_line(text: str, separator: str) -> list[str]:
    """The cells of one line, without blanks around them."""
    try:
        cells = next(csv.reader(io.StringIO(text), delimiter=separator), [])
    except csv.Error:  # a cell of more than 128 kB
        cells = text.split(separator)
    return [cell.strip() for cell in cells]


def is_number(cell: str) -> bool:
    """Whether a cell is a number, however it is spelt."""
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _first(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)
